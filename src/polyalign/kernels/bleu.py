"""Sentence BLEU of every bead of a band, and alignment by it and by length.

References: papineni2002bleu, lin2004orange, gale1993program
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel, prange
from polyalign.kernels.lattice import best_path, posteriors, row_offsets, straight_band
from polyalign.kernels.lengths import length_cost


class Grams(NamedTuple):
    """Words and pairs of neighbouring words of all sentences of a side, as ids that both sides share.

    Args:
        word: Ids of words, all below those of pairs.
        word_at: Where each sentence's words begin, and the end, shape (n + 1,).
        pair: Ids of pairs.
        pair_at: Where each sentence's pairs begin, and the end.
    """

    word: I32
    word_at: I64
    pair: I32
    pair_at: I64


@kernel()
def _one_way(matches: I64, hyp: I64, ref: I64) -> float:
    if matches[0] == 0:
        return 0.0
    brevity = min(1.0, math.exp(1.0 - ref[0] / hyp[0]))
    return brevity * math.sqrt(matches[0] / hyp[0] * (matches[1] + 1.0) / (hyp[1] + 1.0))


@kernel()
def bleu(matches: I64, hyp: I64, ref: I64) -> float:
    """Harmonic mean of BLEU one way and the other, up to pairs of words, pairs smoothed by one.

    Args:
        matches: Words and pairs in common, each as often as it is on both sides, shape (2,).
        hyp: Words and pairs of one side.
        ref: Words and pairs of the other.
    """
    p, q = _one_way(matches, hyp, ref), _one_way(matches, ref, hyp)
    return 2.0 * p * q / (p + q) if p > 0.0 else 0.0


@kernel()
def _count(grams: Grams, i: int, change: int, counts: I32, size: I64) -> None:
    """Add a sentence's words and pairs to counts, or take them away."""
    for k in range(grams.word_at[i], grams.word_at[i + 1]):
        counts[grams.word[k]] += change
    for k in range(grams.pair_at[i], grams.pair_at[i + 1]):
        counts[grams.pair[k]] += change
    size[0] += change * (grams.word_at[i + 1] - grams.word_at[i])
    size[1] += change * (grams.pair_at[i + 1] - grams.pair_at[i])


@kernel()
def _match(grams: Grams, j: int, counts: I32, matches: I64, size: I64) -> None:
    """Use up what counts hold of a sentence's words and pairs; below zero is what they lack."""
    for k in range(grams.word_at[j], grams.word_at[j + 1]):
        matches[0] += counts[grams.word[k]] > 0
        counts[grams.word[k]] -= 1
    for k in range(grams.pair_at[j], grams.pair_at[j + 1]):
        matches[1] += counts[grams.pair[k]] > 0
        counts[grams.pair[k]] -= 1
    size[0] += grams.word_at[j + 1] - grams.word_at[j]
    size[1] += grams.pair_at[j + 1] - grams.pair_at[j]


@kernel()
def pair_bleu(src: Grams, tgt: Grams, rows: I64, columns: I64, width: int) -> F64:
    """BLEU of pairs of sentences.

    Args:
        src: Source sentences.
        tgt: Target sentences.
        rows: Source sentence of each pair, never falling.
        columns: Target sentence of each pair.
        width: Number of ids.
    """
    counts, spare = np.zeros(width, np.int32), np.zeros(2, np.int64)
    matches, hyp, ref = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    out = np.zeros(len(rows))
    for k in range(len(rows)):
        if k == 0 or rows[k] != rows[k - 1]:
            if k > 0:
                _count(src, rows[k - 1], -1, counts, hyp)
            _count(src, rows[k], 1, counts, hyp)
        matches[:], ref[:] = 0, 0
        _match(tgt, columns[k], counts, matches, ref)
        _count(tgt, columns[k], 1, counts, spare)
        out[k] = bleu(matches, hyp, ref)
    return out


@kernel()
def add_bleu(
    src: Grams, tgt: Grams, first: int, other: int, low: I32, high: I32, rows: I64, types: I32, weight: float,
    counts: I32, edges: F32,
) -> None:  # fmt: skip
    """Add each bead's BLEU times the weight to its edge.

    Args:
        src: Source sentences, of all documents.
        tgt: Target sentences.
        first: First source sentence of the document.
        other: First target sentence of the document.
        low: Band, as in `polyalign.kernels.lattice`.
        high: Band.
        rows: Flat index of each row's first node.
        types: Bead type of so many source and target sentences, -1 for none, shape (a + 1, b + 1).
        weight: What BLEU is multiplied by.
        counts: Scratch, shape (ids,), all 0; left so.
        edges: Result, shape (nodes, t).
    """
    n, m = len(low) - 1, int(high[-1])
    tall, long = types.shape[0] - 1, types.shape[1] - 1
    matches, hyp, ref, spare = (
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
    )
    for p in range(n):
        most = min(tall, n - p)
        for a in range(1, most + 1):
            i = p + a
            _count(src, first + i - 1, 1, counts, hyp)
            for q in range(max(low[p], low[i] - long), min(high[p], high[i] - 1) + 1):
                matches[:], ref[:] = 0, 0
                used = 0
                for b in range(1, min(long, m - q) + 1):
                    j = q + b
                    if j > high[i] or types[a, b] < 0:
                        break
                    _match(tgt, other + j - 1, counts, matches, ref)
                    used = b
                    if j >= low[i] and matches[0] > 0:
                        edges[rows[i] + j - low[i], types[a, b]] += weight * bleu(matches, hyp, ref)
                for b in range(used):
                    _count(tgt, other + q + b, 1, counts, spare)
        for a in range(most):
            _count(src, first + p + a, -1, counts, hyp)


@kernel()
def _add_lengths(
    chars: tuple[F64, F64], low: I32, high: I32, rows: I64, da: I32, db: I32, prior: F64, edges: F32
) -> None:
    """Set edges to the log probability of Gale and Church's model."""
    for i in range(len(low)):
        for j in range(low[i], high[i] + 1):
            for t in range(len(da)):
                p, q = i - da[t], j - db[t]
                if p >= 0 and low[p] <= q <= high[p]:
                    edges[rows[i] + j - low[i], t] = prior[t]
                    if da[t] > 0 and db[t] > 0:
                        cost = length_cost(chars[0][i] - chars[0][p], chars[1][j] - chars[1][q], 1.0, 6.8)
                        edges[rows[i] + j - low[i], t] -= 0.01 * cost


@kernel(parallel=True)
def align_batch(
    docs: tuple[I64, I64], chars: tuple[F64, F64], src: Grams, tgt: Grams, src_2: Grams, tgt_2: Grams,
    weights: tuple[float, float], width: int, da: I32, db: I32, prior: F64, cuts: I32, cuts_at: I64, half_width: I32,
    chunks: I64,
) -> tuple[I32, F32, I64]:  # fmt: skip
    """Align documents in parallel.

    Args:
        docs: First sentence of each document on either side, shape (d + 1,) each.
        chars: Characters before every cut, each document from 0, shape (sentences + d,) each.
        src: Source sentences in one of the languages.
        tgt: Target sentences in that language.
        src_2: Source sentences in the other language.
        tgt_2: Target sentences in that.
        weights: What BLEU in the one and the other language is multiplied by; one of weight 0 is not looked at.
        width: Number of ids of words and pairs.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        prior: Log of each bead type's probability over that of 1-1.
        cuts: Chains of cuts to lay bands around, shape (c, 2).
        cuts_at: First cut of each document, shape (d + 1,).
        half_width: Nodes on each side of the chain, 0 to search the whole document, shape (d,).
        chunks: Documents handed to one thread at a time, shape (c + 1,).

    Returns:
        Cuts that end each bead and their posteriors, document k's from ``docs[0][k] + docs[1][k]`` on, and the number
        of each document's beads.
    """
    d = len(docs[0]) - 1
    found = np.zeros((docs[0][d] + docs[1][d], 2), np.int32)
    score, count = np.zeros(len(found), np.float32), np.zeros(d, np.int64)
    types = np.full((da.max() + 1, db.max() + 1), -1, np.int32)
    for t in range(len(da)):
        types[da[t], db[t]] = t
    for chunk in prange(len(chunks) - 1):
        counts = np.zeros(width, np.int32)
        for k in range(chunks[chunk], chunks[chunk + 1]):
            a, b, c, e = docs[0][k], docs[0][k + 1], docs[1][k], docs[1][k + 1]
            n, m = b - a, e - c
            low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
            if half_width[k] > 0:
                straight_band(cuts[cuts_at[k] : cuts_at[k + 1]], n, m, half_width[k], low, high)
            rows = row_offsets(low, high)
            edges = np.full((rows[n + 1], len(da)), -np.inf, np.float32)
            _add_lengths(
                (chars[0][a + k : b + k + 1], chars[1][c + k : e + k + 1]), low, high, rows, da, db, prior, edges
            )
            if weights[0] > 0.0:
                add_bleu(src, tgt, a, c, low, high, rows, types, weights[0], counts, edges)
            if weights[1] > 0.0:
                add_bleu(src_2, tgt_2, a, c, low, high, rows, types, weights[1], counts, edges)
            out, sure = found[a + c : b + e], score[a + c : b + e]
            count[k] = best_path(low, high, rows, da, db, edges, out, sure)
            posteriors(low, high, rows, da, db, edges)
            i, j = 0, 0
            for x in range(count[k]):
                t = types[out[x, 0] - i, out[x, 1] - j]
                i, j = out[x, 0], out[x, 1]
                sure[x] = min(max(edges[rows[i] + j - low[i], t], 0.0), 1.0)
    return found, score, count
