"""Posteriors of sparse cells: joined, decided and scored.

Each sentence pair's cells lie in (src, tgt) order, with two probabilities each in fixed point:
forward, that the target word chooses the source word, and backward, the reverse.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U16, Mask, kernel


@kernel()
def merge(
    one: I64, one_src: U16, one_tgt: U16, one_p: U16, two: I64, two_src: U16, two_tgt: U16, two_p: U16
) -> tuple[I64, U16, U16, U16]:
    """The union of two sets of cells, the posteriors of a cell in both added.

    Args:
        one: Where each pair's cells begin, and the end, shape (n + 1,).
        one_src: Source position of each cell, shape (c,).
        one_tgt: Target position.
        one_p: Forward and backward posterior, shape (2, c).
        two: The other set, likewise.
        two_src: See above.
        two_tgt: See above.
        two_p: See above.

    Returns:
        Offsets, positions and posteriors of the union.
    """
    n = len(one) - 1
    offsets = np.zeros(n + 1, np.int64)
    src, tgt, p = one_src[:0], one_tgt[:0], one_p[:0]
    for filling in range(2):
        at = 0
        for k in range(n):
            x, y = one[k], two[k]
            while x < one[k + 1] or y < two[k + 1]:
                order = 0
                if x == one[k + 1]:
                    order = 1
                elif y == two[k + 1]:
                    order = -1
                elif one_src[x] != two_src[y]:
                    order = -1 if one_src[x] < two_src[y] else 1
                elif one_tgt[x] != two_tgt[y]:
                    order = -1 if one_tgt[x] < two_tgt[y] else 1
                if filling:
                    src[at], tgt[at] = (one_src[x], one_tgt[x]) if order <= 0 else (two_src[y], two_tgt[y])
                    for side in range(2):
                        p[side, at] = 0
                        if order <= 0:
                            p[side, at] += one_p[side, x]
                        if order >= 0:
                            p[side, at] += two_p[side, y]
                at += 1
                x += 1 if order <= 0 else 0
                y += 1 if order >= 0 else 0
            offsets[k + 1] = at
        if not filling:
            src, tgt, p = np.empty(at, np.uint16), np.empty(at, np.uint16), np.empty((2, at), np.uint16)
    return offsets, src, tgt, p


@kernel()
def prune(cells: I64, src: U16, tgt: U16, p: U16, least: int) -> tuple[I64, U16, U16, U16]:
    """The cells whose two posteriors add up to `least` or more."""
    offsets = np.zeros(len(cells), np.int64)
    at = 0
    for k in range(len(cells) - 1):
        for x in range(cells[k], cells[k + 1]):
            at += 1 if np.int64(p[0, x]) + np.int64(p[1, x]) >= least else 0
        offsets[k + 1] = at
    out_src, out_tgt, out_p = np.empty(at, np.uint16), np.empty(at, np.uint16), np.empty((2, at), np.uint16)
    at = 0
    for x in range(len(src)):
        if np.int64(p[0, x]) + np.int64(p[1, x]) >= least:
            out_src[at], out_tgt[at], out_p[0, at], out_p[1, at] = src[x], tgt[x], p[0, x], p[1, x]
            at += 1
    return offsets, out_src, out_tgt, out_p


@kernel()
def expect(
    cells: I64,
    cell_src: U16,
    cell_tgt: U16,
    cell_id: I32,
    p: U16,
    unit: float,
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    counts: F64,
    src_null: F64,
    tgt_null: F64,
) -> None:
    """Add the expected number of links of each pair of types, both directions together, and of NULL."""
    for k in range(len(cells) - 1):
        a, c = src_offsets[k], tgt_offsets[k]
        if a == src_offsets[k + 1] or c == tgt_offsets[k + 1]:
            continue
        for i in range(a, src_offsets[k + 1]):
            src_null[src[i]] += 1
        for j in range(c, tgt_offsets[k + 1]):
            tgt_null[tgt[j]] += 1
        for x in range(cells[k], cells[k + 1]):
            forward, backward = p[0, x] * unit, p[1, x] * unit
            counts[cell_id[x]] += forward + backward
            tgt_null[tgt[c + cell_tgt[x]]] -= forward
            src_null[src[a + cell_src[x]]] -= backward


@kernel()
def best(cells: I64, cell_src: U16, cell_tgt: U16, p: F32, src_offsets: I64, tgt_offsets: I64) -> tuple[Mask, Mask]:
    """Which cells are the best of their target word (forward) and of their source word, and beat NULL."""
    forward, backward = np.zeros(len(cell_src), np.bool_), np.zeros(len(cell_src), np.bool_)
    for k in range(len(cells) - 1):
        n, m = src_offsets[k + 1] - src_offsets[k], tgt_offsets[k + 1] - tgt_offsets[k]
        of_tgt, of_src = np.full(m, -1, np.int64), np.full(n, -1, np.int64)
        tgt_null, src_null = np.ones(m, np.float32), np.ones(n, np.float32)
        for x in range(cells[k], cells[k + 1]):
            i, j = cell_src[x], cell_tgt[x]
            tgt_null[j] -= p[0, x]
            src_null[i] -= p[1, x]
            if of_tgt[j] < 0 or p[0, x] > p[0, of_tgt[j]]:
                of_tgt[j] = x
            if of_src[i] < 0 or p[1, x] > p[1, of_src[i]]:
                of_src[i] = x
        for j in range(m):
            if of_tgt[j] >= 0 and p[0, of_tgt[j]] > tgt_null[j]:
                forward[of_tgt[j]] = True
        for i in range(n):
            if of_src[i] >= 0 and p[1, of_src[i]] > src_null[i]:
                backward[of_src[i]] = True
    return forward, backward


@kernel()
def unlinked(cells: I64, cell_src: U16, cell_tgt: U16, p: F32, src_offsets: I64, tgt_offsets: I64) -> tuple[F32, F32]:
    """What the posteriors of each source and each target word leave for NULL."""
    src_null, tgt_null = np.ones(src_offsets[-1], np.float32), np.ones(tgt_offsets[-1], np.float32)
    for k in range(len(cells) - 1):
        for x in range(cells[k], cells[k + 1]):
            tgt_null[tgt_offsets[k] + cell_tgt[x]] -= p[0, x]
            src_null[src_offsets[k] + cell_src[x]] -= p[1, x]
    return np.maximum(src_null, np.float32(0)), np.maximum(tgt_null, np.float32(0))


@kernel()
def scores(cells: I64, cell_src: U16, cell_tgt: U16, p: F32, src_offsets: I64, tgt_offsets: I64, floor: float) -> F32:
    """Mean log posterior, over all words of a pair, of each word's best link; `floor` where it has none."""
    out = np.empty(len(cells) - 1, np.float32)
    for k in range(len(cells) - 1):
        n, m = src_offsets[k + 1] - src_offsets[k], tgt_offsets[k + 1] - tgt_offsets[k]
        of_tgt, of_src = np.full(m, floor), np.full(n, floor)
        for x in range(cells[k], cells[k + 1]):
            mean = 0.5 * (p[0, x] + p[1, x])
            of_src[cell_src[x]] = max(of_src[cell_src[x]], mean)
            of_tgt[cell_tgt[x]] = max(of_tgt[cell_tgt[x]], mean)
        # A side without words says nothing for the pair: the least score there is.
        out[k] = (np.log(of_src).sum() + np.log(of_tgt).sum()) / (n + m) if n > 0 and m > 0 else np.log(floor)
    return out
