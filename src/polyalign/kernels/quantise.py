"""Posteriors from one number a cell to fixed point where there is any."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I64, U16, kernel, prange

#: What a probability of 1 is in fixed point.
ONE = 65535


@kernel()
def _round(p: F32, null: float, out: I64) -> None:
    # Posteriors of one word's cells in units of 1 / ONE. Where the best beats NULL it stays ahead of those that it was
    # ahead of, the first of equal ones stays the first, and NULL wins or loses as before, by a unit at least.
    best, beaten, left = 0, -1, ONE
    for k in range(len(p)):
        out[k] = min(ONE, round(p[k] * ONE))
        best = k if p[k] > p[best] else best
        left -= out[k]
    if p[best] <= null:
        while True:
            highest = 0
            for k in range(len(p)):
                highest = k if out[k] > out[highest] else highest
            if out[highest] == 0 or out[highest] < left:
                return
            out[highest] -= 1
            left += 1
    for k in range(len(p)):
        if p[k] < p[best]:
            beaten = max(beaten, out[k])
    if out[best] <= beaten:
        for k in range(len(p)):
            if p[k] == p[best]:
                left -= beaten + 1 - out[k]
                out[k] = beaten + 1
    if out[best] <= left:
        out[best] += (left - out[best]) // 2 + 1


@kernel(parallel=True)
def quantise(
    src_offsets: I64, tgt_offsets: I64, cells: I64, forward: F32, backward: F32, tgt_null: F32, src_null: F32
) -> tuple[I64, U16, U16, U16]:
    """Dense posteriors as sparse ones in fixed point, with the same best counterpart of every word.

    Args:
        src_offsets: Where each pair's source words begin, and the end, shape (n + 1,).
        tgt_offsets: The same for target words.
        cells: Where each pair's cells begin, source word by source word, and the end.
        forward: Posterior of each cell, target words choosing.
        backward: Posterior of each cell, source words choosing.
        tgt_null: Posterior of NULL for each target word.
        src_null: And for each source word.

    Returns:
        Where each pair's cells above zero begin, and the end; their source and target positions; forward and backward
        posterior of each, of which a probability of 1 is `ONE`.
    """
    pairs = len(cells) - 1
    p, counts = np.empty((2, cells[-1]), np.uint16), np.zeros(pairs, np.int64)
    for k in prange(pairs):
        a, c = src_offsets[k], tgt_offsets[k]
        n, m = src_offsets[k + 1] - a, tgt_offsets[k + 1] - c
        if n > 0 and m > 0:
            f = forward[cells[k] : cells[k + 1]].reshape(n, m)
            b = backward[cells[k] : cells[k + 1]].reshape(n, m)
            column, units = np.empty(n, np.float32), np.empty(max(n, m), np.int64)
            for j in range(m):
                column[:] = f[:, j]
                _round(column, tgt_null[c + j], units[:n])
                for i in range(n):
                    p[0, cells[k] + i * m + j] = units[i]
            for i in range(n):
                _round(b[i], src_null[a + i], units[:m])
                for j in range(m):
                    p[1, cells[k] + i * m + j] = units[j]
            for x in range(cells[k], cells[k + 1]):
                counts[k] += 1 if p[0, x] > 0 or p[1, x] > 0 else 0
    starts = np.zeros(pairs + 1, np.int64)
    starts[1:] = np.cumsum(counts)
    src, tgt = np.empty(starts[-1], np.uint16), np.empty(starts[-1], np.uint16)
    kept = np.empty((2, starts[-1]), np.uint16)
    for k in prange(pairs):
        to, m = starts[k], tgt_offsets[k + 1] - tgt_offsets[k]
        for x in range(cells[k], cells[k + 1]):
            if p[0, x] > 0 or p[1, x] > 0:
                src[to], tgt[to] = (x - cells[k]) // m, (x - cells[k]) % m
                kept[0, to], kept[1, to] = p[0, x], p[1, x]
                to += 1
    return starts, src, tgt, kept
