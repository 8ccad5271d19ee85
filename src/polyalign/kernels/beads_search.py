"""Aligning documents by vectors, and words if wanted: bands around anchors, posteriors and decoding in them."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel, prange
from polyalign.kernels.beads_pooled import Scoring, Vectors, pooled_row, side_of, strip
from polyalign.kernels.evidence import Beliefs, Clues, Region, Text, break_evidence, log_sizes, part, score_row
from polyalign.kernels.lattice import best_path, posteriors, row_offsets, straight_band
from polyalign.kernels.overlap import cell_gains

#: Recall does not count beads with an empty side: getting one right is worth half.
_NULL_REWARD = 0.5
#: Nodes a sentence up to which the gap between two anchors is searched as a whole.
_GAP = 128
#: Nodes of a document's band beyond which gaps are searched more narrowly.
_ROOM = 2_000_000
#: Probability from which on the second search looks at a bead, and nodes it keeps beside such beads.
_PLAUSIBLE, _NEXT = 1e-2, 1
#: Sentences whose words are looked up in one go.
_STRETCH = 64


@kernel()
def rising(low: I32, high: I32) -> None:
    """Widen a band so that neither bound ever falls."""
    for i in range(len(low) - 2, -1, -1):
        low[i] = min(low[i], low[i + 1])
    for i in range(1, len(high)):
        high[i] = max(high[i], high[i - 1])


@kernel()
def box_band(cuts: I32, n: int, m: int, margin: int, far: int, low: I32, high: I32) -> None:
    """Fill the band of all nodes between neighbouring cuts and a margin around; straight and `far` wide in large gaps.

    Args:
        cuts: Rising (source, target) cuts, (0, 0) first and (n, m) last, shape (k, 2).
        n: Source sentences.
        m: Target sentences.
        margin: Nodes kept around every box.
        far: Nodes kept on each side where the gap between two cuts is too large to be searched as a whole.
        low: Result, first node of each row, shape (n + 1,).
        high: Result, last node of each row.
    """
    limit = _GAP
    while True:
        straight_band(cuts, n, m, margin, low, high)
        for k in range(len(cuts) - 1):
            i0, j0, i1, j1 = cuts[k, 0], cuts[k, 1], cuts[k + 1, 0], cuts[k + 1, 1]
            whole = (i1 - i0 + 1) * np.int64(j1 - j0 + 1) <= limit * np.int64(i1 - i0 + j1 - j0 + 2)
            for i in range(max(0, i0 - margin), min(n, i1 + margin) + 1):
                if whole:
                    low[i], high[i] = min(low[i], max(0, j0 - margin)), max(high[i], min(m, j1 + margin))
                elif i0 <= i <= i1:
                    at = j0 + (j1 - j0) * np.int64(i - i0) // max(i1 - i0, 1)
                    until = min(np.int64(j1), j0 + (j1 - j0) * np.int64(i + 1 - i0) // max(i1 - i0, 1))
                    low[i], high[i] = min(low[i], max(0, at - far)), max(high[i], min(m, until + far))
        rising(low, high)
        if limit <= 1 or row_offsets(low, high)[n + 1] <= max(_ROOM, 40 * np.int64(n + m)):
            return
        limit //= 2


@kernel(parallel=True)
def align_batch(
    src: Vectors, tgt: Vectors, how: Scoring,
    src_words: Text, tgt_words: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs,
    cuts: I32, cuts_at: I64, margin: I32, far: I32, reach: I32, again: bool, chunks: I64,
) -> tuple[I32, F32, I64]:  # fmt: skip
    """Align documents in parallel.

    Args:
        src: Source documents.
        tgt: Target documents.
        how: What turns similarities into scores.
        src_words: The source documents as words.
        tgt_words: The target documents as words.
        src_clues: What predicts source words.
        tgt_clues: What predicts target words.
        beliefs: What to score words and lengths by, in the second search.
        cuts: Chains of cuts to lay bands around, shape (c, 2).
        cuts_at: First cut of each document, shape (d + 1,).
        margin: Nodes kept around what lies between two cuts, -1 to search the whole document, shape (d,).
        far: Nodes kept on each side in large gaps between cuts, shape (d,).
        reach: First and last target cut that plausible beads touch at each source cut, shape (n + d, 2); filled in.
        again: Whether to search what is within `reach` as it is, and to add what words and lengths say.
        chunks: Documents handed to one thread at a time.

    Returns:
        Cuts that end each bead and their posteriors, document k's from ``src.docs[k] + tgt.docs[k]`` on, and the
        number of each document's beads.
    """
    d, width = len(src.docs) - 1, len(src_clues.at) - 1
    out = np.zeros((src.docs[d] + tgt.docs[d], 2), np.int32)
    score, count = np.zeros(len(out), np.float32), np.zeros(d, np.int64)
    for chunk in prange(len(chunks) - 1):
        slots, logs = np.full((2, width), -1, np.int32), log_sizes()
        for k in range(chunks[chunk], chunks[chunk + 1]):
            one, other = side_of(src, k), side_of(tgt, k)
            n, m = len(one.rows), len(other.rows)
            low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
            near = reach[src.docs[k] + k : src.docs[k + 1] + k + 1]
            if again:
                low[:], high[:] = np.maximum(near[:, 0] - _NEXT, 0), np.minimum(near[:, 1] + _NEXT, m)
                rising(low, high)
            elif margin[k] >= 0:
                box_band(cuts[cuts_at[k] : cuts_at[k + 1]], n, m, margin[k], far[k], low, high)
            texts = (part(src_words, src.docs[k], src.docs[k + 1], k), part(tgt_words, tgt.docs[k], tgt.docs[k + 1], k))
            first = src.docs[k] + tgt.docs[k]
            count[k] = _align(
                one, other, how, texts, (src_clues, tgt_clues), beliefs, again, logs, low, high, slots, out[first:],
                score[first:], near,
            )  # fmt: skip
    return out, score, count


@kernel()
def cells(da: I32, db: I32, low: I32, high: I32, m: int) -> tuple[I32, I32, I32, I32]:
    """Which sentences of the other side stand in one bead of the band with each source, and each target sentence.

    Returns:
        First and one past the last for the source, shape (n,) each, and for the target sentences, shape (m,) each.
    """
    n = len(low) - 1
    left, right, top, bottom = (
        np.full(n, m, np.int32),
        np.zeros(n, np.int32),
        np.full(m, n, np.int32),
        np.zeros(m, np.int32),
    )
    for p in range(n):
        for t in range(len(da)):
            i = p + da[t]
            if i == p or i > n or db[t] == 0:
                continue
            y, z = max(low[p], low[i] - db[t]), min(high[p] + db[t], high[i])
            if z - y < db[t]:
                continue
            for x in range(p, i):
                left[x], right[x] = min(left[x], y), max(right[x], z)
    for x in range(n):
        if left[x] > right[x]:  # none, and where the band is
            left[x] = right[x] = low[x]
        for y in range(left[x], right[x]):
            top[y], bottom[y] = min(top[y], x), max(bottom[y], x + 1)
    for y in range(m):
        if top[y] > bottom[y]:
            top[y] = bottom[y] = bottom[y - 1] if y > 0 else 0
    return left, right, top, bottom


@kernel()
def _gains(text: Text, other: Text, first: I32, last: I32, clues: Clues, sizes: int, slot: I32) -> tuple[I64, F32]:
    """Where each sentence's cells start, and their gains, see `cell_gains`: stretch by stretch, as it looks far around."""
    at = np.zeros(len(first) + 1, np.int64)
    at[1:] = np.cumsum(last - first)
    gains = np.empty((at[-1], sizes), np.float32)
    for a in range(0, len(first), _STRETCH):
        b = min(a + _STRETCH, len(first))
        c, d = first[a:b].min(), last[a:b].max()
        gains[at[a] : at[b]] = cell_gains(
            text.words, text.starts[a : b + 1], other.words, other.starts[c : d + 1], first[a:b] - c, last[a:b] - c,
            at[a : b + 1] - at[a], clues.at, clues.word, clues.ratio, clues.chance[0], sizes, slot,
        )  # fmt: skip
    return at, gains


@kernel()
def _region(
    src: Text, tgt: Text, clues: tuple[Clues, Clues], beliefs: Beliefs, low: I32, high: I32, slots: I32
) -> Region:  # fmt: skip
    """Find the lexical gains that beads of a narrow band are scored by: `evidence.region` with no cell to spare."""
    left, right, top, bottom = cells(beliefs.da, beliefs.db, low, high, len(tgt.starts) - 1)
    by_row, to_src = _gains(src, tgt, left, right, clues[0], beliefs.db.max(), slots[1])
    by_column, to_tgt = _gains(tgt, src, top, bottom, clues[1], beliefs.da.max(), slots[0])
    ended = (np.cumsum(src.breaks.astype(np.int64)), np.cumsum(tgt.breaks.astype(np.int64)))
    agree = break_evidence(src.breaks, tgt.breaks)
    return Region(src, tgt, low, high, agree, ended, left, by_row, to_src, top, by_column, to_tgt)


@kernel()
def rewards(low: I32, high: I32, rows: I64, da: I32, db: I32, cost: float, edges: F32) -> None:
    """Turn probabilities of beads into expected right beads, less what each costs.

    That a sentence has no counterpart is one bead, wherever among the other side's sentences it might stand: in a long
    gap, that is anyone's guess. So its probability is the sum over all places.

    Args:
        low: Band, see `kernels.lattice`.
        high: Band.
        rows: Flat index of each row's first node.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        cost: What each bead costs.
        edges: Probabilities in, expectations out, shape (nodes, t); -inf where there is no bead, in and out.
    """
    n = len(low) - 1
    src, tgt = np.zeros(n + 1), np.zeros(high[n] + 1)
    for summed in (False, True):
        for i in range(n + 1):
            for here in range(rows[i], rows[i + 1]):
                j = low[i] + here - rows[i]
                for t in range(len(da)):
                    if edges[here, t] == -np.inf:
                        continue
                    if summed:
                        alone = min(src[i] if db[t] == 0 else tgt[j], 1.0)
                        null = da[t] == 0 or db[t] == 0
                        edges[here, t] = (_NULL_REWARD * alone if null else edges[here, t]) - cost
                    elif db[t] == 0:
                        src[i] += edges[here, t]
                    elif da[t] == 0:
                        tgt[j] += edges[here, t]


@kernel()
def _align(
    src: Vectors, tgt: Vectors, how: Scoring, words: tuple[Text, Text], clues: tuple[Clues, Clues], beliefs: Beliefs,
    again: bool, logs: F64, low: I32, high: I32, slots: I32, out: I32, score: F32, reach: I32,
) -> int:  # fmt: skip
    """Align one document inside a band."""
    n, da, db = len(low) - 1, how.da, how.db
    rows = row_offsets(low, high)
    edges = np.empty((rows[n + 1], len(da)), np.float32)
    band = strip(src, tgt, words, low, high, da.max(), db.max())
    for i in range(n + 1):
        pooled_row(i, src, tgt, words, band, low, high, how, edges[rows[i] : rows[i + 1]])
    if again:
        area = _region(words[0], words[1], clues, beliefs, low, high, slots)
        told = np.empty(((high - low).max() + 1, len(da)), np.float32)
        for i in range(n + 1):
            row = edges[rows[i] : rows[i + 1]]
            score_row(i, area, beliefs, logs, told[: len(row)])
            for t in range(len(da)):
                for k in range(len(row)):
                    share, j = 1.0, low[i] + k
                    if db[t] == 0 and i > 0:
                        share = src.alone[i - 1]
                    elif da[t] == 0 and j > 0:
                        share = tgt.alone[j - 1]
                    row[k, t] += share * told[k, t]
    posteriors(low, high, rows, da, db, edges)
    reach[:, 0], reach[:, 1] = high[n], 0
    for i in range(n + 1):
        for here in range(rows[i], rows[i + 1]):
            j = low[i] + here - rows[i]
            for t in range(len(da)):
                if edges[here, t] > _PLAUSIBLE:
                    for x in range(i - da[t], i + 1):
                        reach[x, 0], reach[x, 1] = min(reach[x, 0], j - db[t]), max(reach[x, 1], j)
    rewards(low, high, rows, da, db, how.cost, edges)
    count = best_path(low, high, rows, da, db, edges, out, score)
    i, j = 0, 0
    for k in range(count):
        reward = 1.0 if out[k, 0] > i and out[k, 1] > j else _NULL_REWARD
        score[k] = min(max((score[k] + how.cost) / reward, 0.0), 1.0)
        i, j = out[k, 0], out[k, 1]
    return count
