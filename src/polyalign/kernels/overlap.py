"""Lexical evidence for every cell of a band: how much better its sentences predict each other than chance."""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel

#: A word made more probable by less than this share is no evidence, and not worth a logarithm.
_SMALL = 0.1


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
    for y in range(m):
        for k in range(starts[y], starts[y + 1]):
            word, count = words[k], 0
            for e in range(match_at[word], match_at[word + 1]):
                bucket = slot[match_word[e]]
                if bucket == -1:
                    continue
                a, b = bucket_at[bucket], bucket_at[bucket + 1]
                if b - a > 16:
                    a += np.searchsorted(where[a:b], first[y])
                while a < b and where[a] < last[y]:
                    i = where[a]
                    if i >= first[y]:
                        if mass[i] == 0.0:
                            touched[count] = i
                            count += 1
                        mass[i] += match_ratio[e]
                    a += 1
            _spread(mass, touched[:count], other_starts, first[y], unexplained, gains[cells[y] : cells[y + 1]])
            for c in range(count):
                mass[touched[c]] = 0.0
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
def _spread(mass: F64, touched: I32, starts: I64, first: int, unexplained: float, gains: F32) -> None:
    """Add one word's gain to every window that holds a sentence with some of its mass."""
    n = len(starts) - 1
    for i in touched:
        for a in range(gains.shape[1]):
            for x in range(max(first, i - a), min(i, n - 1 - a) + 1):
                later, amount = False, 0.0
                for z in range(i + 1, x + a + 1):
                    later = later or mass[z] > 0.0
                if later:
                    continue  # only the last sentence of a window adds the window's sum
                for z in range(x, i + 1):
                    amount += mass[z]
                amount /= (starts[x + a + 1] - starts[x]) * unexplained
                if amount > _SMALL:
                    gains[x - first, a] += math.log(1.0 + amount)
