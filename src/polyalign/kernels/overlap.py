"""Lexical evidence for every cell of a band: how much better its sentences predict each other than chance."""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel

#: A word made more probable by less than this share is no evidence, and not worth a logarithm.
_SMALL = 0.1
#: Products above this are cashed in, long before they overflow.
_LARGE = 1e200


@kernel()
def cell_gains(
    words: I32,
    starts: I64,
    other: I32,
    other_starts: I64,
    first: I32,
    last: I32,
    cells: I64,
    match_at: I64,
    match_word: I32,
    match_ratio: F64,
    unexplained: float,
    sizes: int,
    slot: I32,
) -> F32:
    """Log-likelihood gain of each sentence given every window of sentences of the other side.

    For sentence y and a window X of the other side's sentences with N words,
    ``gain = sum over words w of y of log(1 + sum over s in X of ratio(w, s) / (N * unexplained))``.

    Args:
        words: Words of this side's sentences.
        starts: Where each sentence's words start, shape (m + 1,).
        other: Words of the other side's sentences.
        other_starts: Likewise, shape (n + 1,).
        first: First sentence of the other side in each sentence's band, shape (m,).
        last: One past the last.
        cells: Flat index of each sentence's first cell, shape (m + 1,).
        match_at: Where each word's matches start, shape (width + 1,).
        match_word: Words of the other side it matches.
        match_ratio: How much more probable they make it.
        unexplained: Weight of chance in the mixture.
        sizes: Largest window.
        slot: Scratch, shape (width,), all -1; left so.

    Returns:
        Gains, shape (cells, sizes); entry (cell of (y, x), a - 1) is for the window that starts at x.
    """
    m, n = len(starts) - 1, len(other_starts) - 1
    gains = np.zeros((cells[m], sizes), np.float32)
    bucket_at, where = _occurrences(other, other_starts, slot)
    mass, touched = np.zeros(n + sizes, np.float64), np.empty(n, np.int32)
    share = np.zeros((n, sizes))  # of one word in a window, times what chance leaves
    for x in range(n):
        for a in range(min(sizes, n - x)):
            share[x, a] = 1.0 / (max(1, other_starts[x + a + 1] - other_starts[x]) * unexplained)
    # A product of likelihood ratios needs one logarithm in the end, a sum of their logarithms one a word.
    product = np.ones((max(0, (last - first).max()) if m > 0 else 0, sizes))
    for y in range(m):
        here, y0, y1, changed = gains[cells[y] : cells[y + 1]], first[y], last[y], False
        for k in range(starts[y], starts[y + 1]):
            a, b = match_at[words[k]], match_at[words[k] + 1]
            count = _collect(match_word[a:b], match_ratio[a:b], slot, bucket_at, where, y0, y1, mass, touched)
            if count > 0:
                changed = True
                _spread(mass, touched[:count], share, y0, product, here)
                for c in range(count):
                    mass[touched[c]] = 0.0
        if changed:
            for x in range(len(here)):
                for a in range(sizes):
                    if product[x, a] != 1.0:
                        here[x, a] += math.log(product[x, a])
                        product[x, a] = 1.0
    for x in range(other_starts[0], other_starts[n]):
        slot[other[x]] = -1
    return gains


@kernel()
def _occurrences(words: I32, starts: I64, slot: I32) -> tuple[I64, I32]:
    """A bucket of sentences, rising, for each distinct word; `slot` becomes the word's bucket."""
    n, base = len(starts) - 1, starts[0]
    total = starts[n] - base
    bucket_at, distinct = np.zeros(total + 1, np.int64), 0
    for x in range(base, base + total):
        if slot[words[x]] == -1:
            slot[words[x]] = distinct
            distinct += 1
        bucket_at[slot[words[x]] + 1] += 1
    for k in range(distinct):
        bucket_at[k + 1] += bucket_at[k]
    where, fill = np.empty(total, np.int32), bucket_at[:distinct].copy()
    for i in range(n):
        for x in range(starts[i], starts[i + 1]):
            where[fill[slot[words[x]]]] = i
            fill[slot[words[x]]] += 1
    return bucket_at, where


@kernel()
def _collect(
    match: I32, ratio: F64, slot: I32, bucket_at: I64, where: I32, first: int, last: int, mass: F64, touched: I32
) -> int:
    """Add up one word's matches by sentence; the sentences are listed in `touched`, their number returned."""
    count = 0
    for e in range(len(match)):
        bucket = slot[match[e]]
        if bucket == -1:
            continue
        a, b = bucket_at[bucket], bucket_at[bucket + 1]
        if b - a > 16:
            a += np.searchsorted(where[a:b], first)
        while a < b and where[a] < last:
            i = where[a]
            if i >= first:
                if mass[i] == 0.0:
                    touched[count] = i
                    count += 1
                mass[i] += ratio[e]
            a += 1
    return count


@kernel()
def _spread(mass: F64, touched: I32, share: F64, first: int, product: F64, gains: F32) -> None:
    """Multiply one word's likelihood ratio into every window that holds a sentence with some of its mass."""
    n, sizes = share.shape
    for i in touched:
        until = min(i + sizes, n)  # a window is dealt with at the last of its sentences that have some
        for z in range(i + 1, until):
            if mass[z] > 0.0:
                until = z
                break
        amount = 0.0
        for x in range(i, max(first, i - sizes + 1) - 1, -1):
            amount += mass[x]
            for a in range(i - x, min(sizes, until - x)):
                rise = amount * share[x, a]
                if rise > _SMALL:
                    value = product[x - first, a] * (1.0 + rise)
                    if value > _LARGE:
                        gains[x - first, a] += math.log(value)
                        value = 1.0
                    product[x - first, a] = value
