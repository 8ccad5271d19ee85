"""Which cells of a sentence pair are worth sampling: IBM Model 1 over a hashed table, trained to agree.

A cell is a source and a target word of one sentence pair. In training, what a pair of types is worth
lies in a table without keys, at the hash of the pair. Types that collide share a number, which costs
little, since almost all pairs are worth almost nothing, and saves the keys of all of them.

Counts are whole multiples of 1 / UNIT, so that any number of threads, or of machines, adds up the same table.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U16, Mask, atomic_add, kernel
from polyalign.core.rng import GOLDEN
from polyalign.kernels.pairs import find

#: What an expected count of 1 is in the table.
UNIT = 1 << 20
#: Odds of NULL against a word drawn by frequency alone.
NULL_ODDS = np.float32(1 / 9)
_S32, _S29 = np.uint64(32), np.uint64(29)


@kernel()
def _slot(src: int, tgt: int, mask: np.uint64) -> np.uint64:
    key = (np.uint64(src) << _S32) | np.uint64(tgt)
    key = np.uint64((key ^ (key >> _S32)) * GOLDEN)
    return np.uint64((key >> _S29) & mask)


@kernel()
def add_pairs(src: I32, tgt: I32, weights: F32, table: I64, src_totals: I64, tgt_totals: I64) -> None:
    """Add counts of pairs of types to a table and its totals."""
    mask = np.uint64(len(table) - 1)
    for k in range(len(src)):
        weight = np.int64(weights[k] * UNIT)
        table[_slot(src[k], tgt[k], mask)] += weight
        src_totals[src[k]] += weight
        tgt_totals[tgt[k]] += weight


@kernel()
def look_up(src: I32, tgt: I32, table: I64) -> F32:
    """What pairs of types are worth."""
    out, mask = np.empty(len(src), np.float32), np.uint64(len(table) - 1)
    for k in range(len(src)):
        out[k] = table[_slot(src[k], tgt[k], mask)] / UNIT
    return out


@kernel()
def cooccurrences(
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    first: int,
    last: int,
    table: I64,
    src_totals: I64,
    tgt_totals: I64,
) -> None:
    """Add the expected counts of a corpus in which every cell of a pair is as probable as any other."""
    mask = np.uint64(len(table) - 1)
    for k in range(first, last):
        a, b, c, d = src_offsets[k], src_offsets[k + 1], tgt_offsets[k], tgt_offsets[k + 1]
        if a == b or c == d:
            continue
        q = np.int64(UNIT / ((b - a) * (d - c)))
        for i in range(a, b):
            for j in range(c, d):
                atomic_add(table, np.int64(_slot(src[i], tgt[j], mask)), q)
            atomic_add(src_totals, src[i], q * (d - c))
        for j in range(c, d):
            atomic_add(tgt_totals, tgt[j], q * (b - a))


@kernel()
def _posteriors(
    src: I32,
    tgt: I32,
    src_inverse: F32,
    tgt_inverse: F32,
    src_share: F32,
    tgt_share: F32,
    smoothing: np.float32,
    diagonal: float,
    forward: F32,
    backward: F32,
) -> None:
    # On entry forward[i, j] is the count of the pair; on exit p(target word j chooses i), and backward the reverse.
    n, m = forward.shape
    factor = np.empty(n + m, np.float32)
    for d in range(n + m):
        factor[d] = np.exp(-diagonal * d / (n + m))
    column = np.empty(m, np.float32)
    for j in range(m):
        column[j] = NULL_ODDS * tgt_share[tgt[j]] * n
    for i in range(n):
        row = NULL_ODDS * src_share[src[i]] * m
        of_src, share = src_inverse[src[i]], smoothing * src_share[src[i]]
        at = (i + 0.5) / n
        for j in range(m):
            near = factor[int(abs(at - (j + 0.5) / m) * (n + m))]
            count = forward[i, j]
            q = (count + share) * tgt_inverse[tgt[j]] * near
            p = (count + smoothing * tgt_share[tgt[j]]) * of_src * near
            forward[i, j], backward[i, j] = p, q
            column[j] += p
            row += q
        scale = np.float32(1.0) / row
        for j in range(m):
            backward[i, j] *= scale
    for j in range(m):
        column[j] = np.float32(1.0) / column[j]
    for i in range(n):
        for j in range(m):
            forward[i, j] *= column[j]


@kernel()
def agree(
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    table: I64,
    src_inverse: F32,
    tgt_inverse: F32,
    src_share: F32,
    tgt_share: F32,
    smoothing: float,
    diagonal: float,
    first: int,
    last: int,
    new: I64,
    src_totals: I64,
    tgt_totals: I64,
) -> None:
    """One pass of EM: add each cell's product of both directions' posteriors to a new table.

    Args:
        src_offsets: Where each pair's source words begin, and the end; likewise the other side.
        tgt_offsets: See above.
        src: Source types of all tokens.
        tgt: Target types.
        table: Hashed counts of pairs of types.
        src_inverse: One over each source type's total plus smoothing.
        tgt_inverse: Likewise for target types.
        src_share: Relative frequency of each source type.
        tgt_share: Likewise for target types.
        smoothing: Counts of prior spread over the types by frequency.
        diagonal: How fast a cell's prior falls with its distance from the diagonal, in sentence lengths.
        first: First sentence pair.
        last: One past the last.
        new: Written to, like `table`.
        src_totals: Written to, totals of `new` by source type.
        tgt_totals: Likewise by target type.
    """
    mask, size = np.uint64(len(table) - 1), 4096
    buffers = np.empty((2, size), np.float32)
    scale = np.float32(1 / UNIT)
    for k in range(first, last):
        s, t = src[src_offsets[k] : src_offsets[k + 1]], tgt[tgt_offsets[k] : tgt_offsets[k + 1]]
        n, m = len(s), len(t)
        if n == 0 or m == 0:
            continue
        if n * m > size:
            size = n * m
            buffers = np.empty((2, size), np.float32)
        f, b = buffers[0, : n * m].reshape(n, m), buffers[1, : n * m].reshape(n, m)
        for i in range(n):
            for j in range(m):
                f[i, j] = np.float32(table[_slot(s[i], t[j], mask)]) * scale
        _posteriors(s, t, src_inverse, tgt_inverse, src_share, tgt_share, np.float32(smoothing), diagonal, f, b)
        columns = np.zeros(m, np.int64)
        for i in range(n):
            row = np.int64(0)
            for j in range(m):
                q = np.int64(f[i, j] * b[i, j] * np.float32(UNIT))
                if q > 0:
                    atomic_add(new, np.int64(_slot(s[i], t[j], mask)), q)
                    columns[j] += q
                    row += q
            atomic_add(src_totals, s[i], row)
        for j in range(m):
            atomic_add(tgt_totals, t[j], columns[j])


@kernel()
def _mark(p: F32, threshold: float, most: int, keep: Mask) -> None:
    # The cells one word might choose: not far below its best, and no more than `most`.
    top, above = np.float32(0.0), 0
    for x in range(len(p)):
        top = max(top, p[x])
    bound = np.float32(top * threshold)
    for x in range(len(p)):
        above += p[x] >= bound
    if above > most:
        bound = np.partition(p, len(p) - most)[len(p) - most]
    left = most
    for x in range(len(p)):
        if p[x] >= bound and left > 0:
            keep[x] = True
            left -= 1


@kernel()
def _mark_known(s: I32, t: I32, slots: I32, pair_src: I32, pair_tgt: I32, keep: Mask) -> None:
    for i in range(len(s)):
        for j in range(len(t)):
            if find(s[i], t[j], slots, pair_src, pair_tgt) >= 0:
                keep[i, j] = True


@kernel()
def select(
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    table: I64,
    slots: I32,
    pair_src: I32,
    pair_tgt: I32,
    must_slots: I32,
    must_src: I32,
    must_tgt: I32,
    src_inverse: F32,
    tgt_inverse: F32,
    src_share: F32,
    tgt_share: F32,
    smoothing: float,
    diagonal: float,
    threshold: float,
    most: int,
    first: int,
    last: int,
    counts: I64,
    cell_src: U16,
    cell_tgt: U16,
) -> int:
    """The cells of pairs ``first`` to ``last`` that either of their words might choose, in (src, tgt) order.

    Args: As `agree`, and
        slots: Map of pairs of types as in `polyalign.kernels.pairs`; empty for a hashed table.
        pair_src: Its source types; `table` then has a count for each pair.
        pair_tgt: Its target types.
        must_slots: Map of pairs of types whose cells are all kept; empty for none.
        must_src: Its source types.
        must_tgt: Its target types.
        threshold: Share of a word's best posterior below which a cell is dropped.
        most: Cells kept of one word at most.
        first: First sentence pair.
        last: One past the last.
        counts: Written to, cells kept of each pair.
        cell_src: Written to, source position of each kept cell.
        cell_tgt: Written to, target position.

    Returns:
        How many cells were kept.
    """
    mask, size, at = np.uint64(max(0, len(table) - 1)), 4096, 0
    buffers, marks = np.empty((2, size), np.float32), np.empty(size, np.bool_)
    scale = np.float32(1 / UNIT)
    for k in range(first, last):
        s, t = src[src_offsets[k] : src_offsets[k + 1]], tgt[tgt_offsets[k] : tgt_offsets[k + 1]]
        n, m = len(s), len(t)
        counts[k] = 0
        if n == 0 or m == 0:
            continue
        if n * m > size:
            size = n * m
            buffers, marks = np.empty((2, size), np.float32), np.empty(size, np.bool_)
        f, b = buffers[0, : n * m].reshape(n, m), buffers[1, : n * m].reshape(n, m)
        keep = marks[: n * m].reshape(n, m)
        keep[:] = False
        for i in range(n):
            for j in range(m):
                if len(slots):
                    pair = find(s[i], t[j], slots, pair_src, pair_tgt)
                    f[i, j] = np.float32(table[pair]) * scale if pair >= 0 else np.float32(0)
                else:
                    f[i, j] = np.float32(table[_slot(s[i], t[j], mask)]) * scale
        _posteriors(s, t, src_inverse, tgt_inverse, src_share, tgt_share, np.float32(smoothing), diagonal, f, b)
        for i in range(n):
            _mark(b[i], threshold, most, keep[i])
        for j in range(m):
            _mark(f[:, j].copy(), threshold, most, keep[:, j])
        if len(must_slots):
            _mark_known(s, t, must_slots, must_src, must_tgt, keep)
        before = at
        for i in range(n):
            for j in range(m):
                if keep[i, j]:
                    cell_src[at], cell_tgt[at] = i, j
                    at += 1
        counts[k] = at - before
    return at
