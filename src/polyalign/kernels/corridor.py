"""Aligning documents by evidence: a search in a wide band, then posteriors and decoding near its path."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U8, kernel, prange
from polyalign.kernels.evidence import (
    Beliefs,
    Clues,
    Text,
    break_evidence,
    log_sizes,
    part,
    region,
    score_row,
)
from polyalign.kernels.lattice import best_path, posteriors, row_offsets, straight_band

#: Recall does not count beads with an empty side: getting one right is worth half.
_NULL_REWARD = 0.5
#: Nodes a row beyond which a band is first searched for its best path alone, and nodes kept beside that.
_WIDE, _NEAR = 32, 12
#: Rows searched at a time: what bounds the memory of a wide band.
_BLOCK = 512
#: Probability from which on a bead's end belongs to what the next pass has to look at.
_PLAUSIBLE = 1e-3


@kernel(parallel=True)
def align_batch(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs,
    cuts: I32, cuts_at: I64, half_width: I32, reach: I32, chunks: I64,
) -> tuple[I32, F32, I64, I32]:  # fmt: skip
    """Align documents in parallel.

    Args:
        src: Source documents.
        tgt: Target documents.
        src_clues: What predicts source words.
        tgt_clues: What predicts target words.
        beliefs: What else to score by.
        cuts: Chains of cuts to lay bands around, shape (c, 2).
        cuts_at: First cut of each document, shape (d + 1,).
        half_width: Nodes on each side of the chain, 0 to search the whole document, shape (d,).
        reach: First and last target cut that bands must hold besides, for each source cut, shape (n + d, 2).
        chunks: Documents handed to one thread at a time.

    Returns:
        Cuts that end each bead and their posteriors, document k's from ``src.docs[k] + tgt.docs[k]`` on, the
        number of each document's beads, and the reach of all plausible paths.
    """
    d, width = len(src.docs) - 1, len(src_clues.at) - 1
    out = np.zeros((src.docs[d] + tgt.docs[d], 2), np.int32)
    score, count, found = np.zeros(len(out), np.float32), np.zeros(d, np.int64), np.empty_like(reach)
    for chunk in prange(len(chunks) - 1):
        slots, logs = np.full((2, width), -1, np.int32), log_sizes()
        for k in range(chunks[chunk], chunks[chunk + 1]):
            one = part(src, src.docs[k], src.docs[k + 1], k)
            other = part(tgt, tgt.docs[k], tgt.docs[k + 1], k)
            n, m = len(one.starts) - 1, len(other.starts) - 1
            low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
            rows = slice(src.docs[k] + k, src.docs[k + 1] + k + 1)
            if half_width[k] > 0:
                straight_band(cuts[cuts_at[k] : cuts_at[k + 1]], n, m, half_width[k], low, high)
                _widen(reach[rows], half_width[k], low, high)
            first = src.docs[k] + tgt.docs[k]
            count[k] = _align(
                one, other, src_clues, tgt_clues, beliefs, logs, low, high, slots, out[first:], score[first:], found[rows]
            )  # fmt: skip
    return out, score, count, found


@kernel()
def _widen(reach: I32, margin: int, low: I32, high: I32) -> None:
    """Extend a band to hold what is within reach, and the margin around it."""
    n, m = len(low) - 1, high[-1]
    for i in range(n + 1):
        if reach[i, 0] <= reach[i, 1]:
            low[i] = min(low[i], max(0, reach[i, 0] - margin))
            high[i] = max(high[i], min(m, reach[i, 1] + margin))
    for i in range(n - 1, -1, -1):
        low[i] = min(low[i], low[i + 1])
    for i in range(1, n + 1):
        high[i] = max(high[i], high[i - 1])


@kernel()
def _align(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs, logs: F64,
    low: I32, high: I32, slots: I32, out: I32, score: F32, reach: I32,
) -> int:  # fmt: skip
    """Align one document inside a band."""
    n, m, da, db = len(low) - 1, int(high[-1]), beliefs.da, beliefs.db
    agree = break_evidence(src.breaks, tgt.breaks)
    if row_offsets(low, high)[n + 1] > _WIDE * (n + 1):
        chain = np.zeros((n + m + 1, 2), np.int32)
        count = _search(src, tgt, src_clues, tgt_clues, beliefs, logs, agree, low, high, slots, chain[1:])
        straight_band(chain[: count + 1], n, m, _NEAR, low, high)
    rows = row_offsets(low, high)
    area = region(src, tgt, src_clues, tgt_clues, beliefs, agree, low, high, slots)
    edges = np.empty((rows[n + 1], len(da)), np.float32)
    for i in range(n + 1):
        score_row(i, area, beliefs, logs, edges[rows[i] : rows[i + 1]])
    posteriors(low, high, rows, da, db, edges)
    for i in range(n + 1):
        reach[i, 0], reach[i, 1] = m, 0
        for here in range(rows[i], rows[i + 1]):
            for t in range(len(da)):
                if edges[here, t] > _PLAUSIBLE:
                    j = low[i] + here - rows[i]
                    reach[i, 0], reach[i, 1] = min(reach[i, 0], j), max(reach[i, 1], j)
                edges[here, t] = edges[here, t] * (1.0 if da[t] > 0 and db[t] > 0 else _NULL_REWARD) - beliefs.cost
    count = best_path(low, high, rows, da, db, edges, out, score)
    i, j = 0, 0
    for k in range(count):
        reward = 1.0 if out[k, 0] > i and out[k, 1] > j else _NULL_REWARD
        score[k] = min(max((score[k] + beliefs.cost) / reward, 0.0), 1.0)
        i, j = out[k, 0], out[k, 1]
    return count


@kernel()
def _search(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs, logs: F64, agree: F64,
    low: I32, high: I32, slots: I32, out: I32,
) -> int:  # fmt: skip
    """The best path of small beads inside a band, scored block by block; cuts in `out`, their number returned."""
    small = int((beliefs.da + beliefs.db <= 3).sum())  # they are listed first
    beliefs = Beliefs(
        beliefs.da[:small], beliefs.db[:small], beliefs.prior[:small], beliefs.ratio, beliefs.variance,
        beliefs.lexical_weight, beliefs.temperature, beliefs.cost,
    )  # fmt: skip
    n, da, db, tall = len(low) - 1, beliefs.da, beliefs.db, int(beliefs.da.max())
    rows, m = row_offsets(low, high), int(high[-1])
    back = np.zeros(rows[n + 1], np.uint8)
    value = np.empty((tall + 1, m + 1))  # the last rows only, a ring; no node outside the band is asked for
    edges = np.empty(((high - low).max() + 1, len(da)), np.float32)
    for start in range(0, n + 1, _BLOCK):
        last = min(n, start + _BLOCK - 1)
        above = max(0, start - tall)
        x, y = low[above], high[last]
        area = region(
            part(src, above, last, 0), part(tgt, x, y, 0), src_clues, tgt_clues, beliefs, agree,
            low[above : last + 1] - x, high[above : last + 1] - x, slots,
        )  # fmt: skip
        for i in range(start, last + 1):
            wide = high[i] - low[i] + 1
            score_row(i - above, area, beliefs, logs, edges[:wide])
            _extend(i, low, high, da, db, edges[:wide], value, back[rows[i] : rows[i + 1]])
    count, i, j = 0, n, m
    while i > 0 or j > 0:
        t = back[rows[i] + j - low[i]]
        out[count, 0], out[count, 1] = i, j
        i, j, count = i - da[t], j - db[t], count + 1
    for k in range(count // 2):
        for side in range(2):
            out[k, side], out[count - 1 - k, side] = out[count - 1 - k, side], out[k, side]
    return count


@kernel()
def _extend(i: int, low: I32, high: I32, da: I32, db: I32, edges: F32, value: F64, back: U8) -> None:
    """Best values of the nodes of row i, and the bead type that each comes by."""
    deep = len(value)
    here = value[i % deep]
    here[low[i] : high[i] + 1] = -np.inf
    if i == 0:
        here[0] = 0.0
    for t in range(len(da)):
        a, b = da[t], db[t]
        if a > 0 and i >= a:
            before = value[(i - a) % deep]
            for j in range(max(low[i], low[i - a] + b), min(high[i], high[i - a] + b) + 1):
                x = before[j - b] + edges[j - low[i], t]
                if x > here[j]:
                    here[j], back[j - low[i]] = x, t
    for j in range(low[i], high[i] + 1):
        for t in range(len(da)):
            if da[t] == 0 and j - db[t] >= low[i]:
                x = here[j - db[t]] + edges[j - low[i], t]
                if x > here[j]:
                    here[j], back[j - low[i]] = x, t
