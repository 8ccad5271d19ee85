"""How alike two strings are: edits, the longest common substring, blocks that match."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, kernel

_ONE = np.uint64(1)


@kernel()
def _distance(s: I32, t: I32) -> int:
    # Levenshtein's distance, a column at a time in words of 64 bits (Myers; blocks after Hyyrö).
    while len(s) and len(t) and s[0] == t[0]:
        s, t = s[1:], t[1:]
    while len(s) and len(t) and s[-1] == t[-1]:
        s, t = s[:-1], t[:-1]
    if len(s) > len(t):
        s, t = t, s
    m = len(s)
    if m == 0:
        return len(t)
    letters = np.unique(s)
    blocks = (m + 63) // 64
    equal = np.zeros((len(letters) + 1, blocks), np.uint64)
    for i in range(m):
        equal[np.searchsorted(letters, s[i]), i // 64] |= _ONE << np.uint64(i % 64)
    plus, minus = np.full(blocks, ~np.uint64(0)), np.zeros(blocks, np.uint64)
    last = _ONE << np.uint64((m - 1) % 64)
    score = m
    for j in range(len(t)):
        row = np.searchsorted(letters, t[j])
        if row == len(letters) or letters[row] != t[j]:
            row = len(letters)
        carry = 1  # what comes in from above: the first row of the matrix rises by one
        for k in range(blocks):
            eq, pv, mv = equal[row, k], plus[k], minus[k]
            xv = eq | mv
            eq |= _ONE if carry < 0 else np.uint64(0)
            xh = (((eq & pv) + pv) ^ pv) | eq
            ph = mv | ~(xh | pv)
            mh = pv & xh
            if k == blocks - 1:
                score += 1 if ph & last else 0
                score -= 1 if mh & last else 0
            out = 1 if ph >> np.uint64(63) else -1 if mh >> np.uint64(63) else 0
            ph = (ph << _ONE) | (_ONE if carry > 0 else np.uint64(0))
            mh = (mh << _ONE) | (_ONE if carry < 0 else np.uint64(0))
            plus[k] = mh | ~(xv | ph)
            minus[k] = ph & xv
            carry = out
    return score


@kernel()
def _substring(s: I32, t: I32) -> int:
    # Length of the longest common substring: of each pair of prefixes the common ending.
    if len(s) > len(t):
        s, t = t, s
    before, row = np.zeros(len(s) + 1, np.int32), np.zeros(len(s) + 1, np.int32)
    best = np.int32(0)
    for j in range(len(t)):
        c = t[j]
        for i in range(len(s)):
            row[i + 1] = before[i] + 1 if s[i] == c else 0
        for i in range(len(s)):
            best = max(best, row[i + 1])
        before, row = row, before
    return int(best)


@kernel()
def string_shares(src: I32, src_offsets: I64, tgt: I32, tgt_offsets: I64, substring: bool) -> F64:
    """How alike the two strings of each pair are, from 0 to 1, shape (n,).

    Args:
        src: Code points of all source texts.
        src_offsets: Where each begins, and the end, shape (n + 1,).
        tgt: Code points of the target texts.
        tgt_offsets: The same for them.
        substring: The longest common substring's share of the shorter text; else one minus the edits' share of the longer.
    """
    out = np.zeros(len(src_offsets) - 1)
    for i in range(len(out)):
        s = src[src_offsets[i] : src_offsets[i + 1]]
        t = tgt[tgt_offsets[i] : tgt_offsets[i + 1]]
        if substring:
            shorter = min(len(s), len(t))
            out[i] = _substring(s, t) / shorter if shorter else 0.0
        else:
            longer = max(len(s), len(t))
            out[i] = 1.0 - _distance(s, t) / longer if longer else 1.0
    return out


@kernel()
def block_ratios(src: I32, src_offsets: I64, tgt: I32, tgt_offsets: I64) -> F64:
    """Ratcliff and Obershelp's similarity of two sequences of each pair, shape (n,): 2 M / T.

    T is the length of both, M what lies in matching blocks: the longest common run (of several the first in the source,
    then in the target), then the same to its left and to its right. Two empty sequences are alike. Arguments as
    `string_shares`.
    """
    out = np.ones(len(src_offsets) - 1)
    waiting = np.empty((64, 4), np.int64)
    for i in range(len(out)):
        a, b, c, d = src_offsets[i], src_offsets[i + 1], tgt_offsets[i], tgt_offsets[i + 1]
        total = b - a + d - c
        if total == 0:
            continue
        if b - a == d - c and np.array_equal(src[a:b], tgt[c:d]):
            continue
        matched, n = 0, 1
        waiting[0] = (a, b, c, d)
        while n:
            n -= 1
            a, b, c, d = waiting[n]
            size, s, t = 0, a, c
            for x in range(a, b):
                for y in range(c, d):
                    k = 0
                    while x + k < b and y + k < d and src[x + k] == tgt[y + k]:
                        k += 1
                    if k > size:
                        size, s, t = k, x, y
            if size == 0:
                continue
            matched += size
            if n + 2 > len(waiting):
                more = np.empty((2 * len(waiting), 4), np.int64)
                more[:n] = waiting[:n]
                waiting = more
            waiting[n] = (a, s, c, t)
            waiting[n + 1] = (s + size, b, t + size, d)
            n += 2
        out[i] = 2.0 * matched / total
    return out


@kernel()
def picked(points: I32, offsets: I64, lowest: int, highest: int) -> tuple[I32, I64]:
    """The characters of each text from `lowest` to `highest`, end to end, and where each text's begin."""
    out, first, n = np.empty(len(points), np.int32), np.zeros(len(offsets), np.int64), 0
    for i in range(len(offsets) - 1):
        for k in range(offsets[i], offsets[i + 1]):
            if lowest <= points[k] <= highest:
                out[n] = points[k]
                n += 1
        first[i + 1] = n
    return out[:n].copy(), first
