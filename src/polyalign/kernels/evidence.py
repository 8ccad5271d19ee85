"""Aligning documents by length, words and paragraph breaks: edge scores, posteriors, decoding."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, Mask, kernel, prange
from polyalign.kernels.lattice import best_path, posteriors, row_offsets, straight_band
from polyalign.kernels.overlap import cell_gains

#: A length mismatch costs no more than this: lengths alone never rule a bead out.
_FLOOR = -8.0
#: Recall does not count beads with an empty side: getting one right is worth half.
_NULL_REWARD = 0.5


class Text(NamedTuple):
    """One side of d documents as arrays, n sentences in all.

    Args:
        docs: First sentence of each document, shape (d + 1,).
        chars: Characters before each cut, each document from 0, shape (n + d,).
        rarity: Log density of the sentences' lengths before each cut, likewise.
        breaks: Whether a paragraph ends at the cut, likewise.
        words: Words of all sentences.
        starts: First word of each sentence, shape (n + 1,).
    """

    docs: I64
    chars: F64
    rarity: F64
    breaks: Mask
    words: I32
    starts: I64


class Clues(NamedTuple):
    """What predicts the words of one side, v words in all.

    Args:
        at: Where each word's matches start, shape (v + 1,).
        word: Words of the other side it matches.
        ratio: How much more probable they make it.
        chance: Share of the words that nothing but chance explains, shape (1,).
    """

    at: I64
    word: I32
    ratio: F64
    chance: F64


class Beliefs(NamedTuple):
    """What the scores are made of besides words.

    Args:
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        prior: Log probability of each bead type.
        ratio: Expected target characters a source character.
        variance: Of that, a character.
        lexical_weight: Weight of words against lengths.
        temperature: Divisor of every score.
        cost: Expected right beads that a bead must bring.
    """

    da: I32
    db: I32
    prior: F64
    ratio: float
    variance: float
    lexical_weight: float
    temperature: float
    cost: float


@kernel(parallel=True)
def align_batch(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs,
    cuts: I32, cuts_at: I64, half_width: I32, chunks: I64,
) -> tuple[I32, F32, I64]:  # fmt: skip
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
        chunks: Documents handed to one thread at a time.

    Returns:
        Cuts that end each bead and their posteriors, document k's from ``src.docs[k] + tgt.docs[k]`` on, and
        the number of each document's beads.
    """
    d, width = len(src.docs) - 1, len(src_clues.at) - 1
    out = np.zeros((src.docs[d] + tgt.docs[d], 2), np.int32)
    score, count = np.zeros(len(out), np.float32), np.zeros(d, np.int64)
    for chunk in prange(len(chunks) - 1):
        slots = np.full((2, width), -1, np.int32)
        for k in range(chunks[chunk], chunks[chunk + 1]):
            one, other = _document(src, k), _document(tgt, k)
            n, m = len(one.starts) - 1, len(other.starts) - 1
            low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
            if half_width[k] > 0:
                straight_band(cuts[cuts_at[k] : cuts_at[k + 1]], n, m, half_width[k], low, high)
            first = src.docs[k] + tgt.docs[k]
            count[k] = _align(
                one, other, src_clues, tgt_clues, beliefs, low, high, slots, out[first:], score[first:]
            )  # fmt: skip
    return out, score, count


@kernel()
def _document(text: Text, k: int) -> Text:
    """The part of document k; words stay those of all documents."""
    a, b = text.docs[k], text.docs[k + 1]
    return Text(
        text.docs,
        text.chars[a + k : b + k + 1],
        text.rarity[a + k : b + k + 1],
        text.breaks[a + k : b + k + 1],
        text.words,
        text.starts[a : b + 1],
    )


@kernel()
def _align(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs,
    low: I32, high: I32, slots: I32, out: I32, score: F32,
) -> int:  # fmt: skip
    """Align one document inside a band."""
    rows, da, db = row_offsets(low, high), beliefs.da, beliefs.db
    edges = _edges(src, tgt, src_clues, tgt_clues, beliefs, low, high, rows, slots)
    posteriors(low, high, rows, da, db, edges)
    for here in range(len(edges)):
        for t in range(len(da)):
            edges[here, t] = edges[here, t] * (1.0 if da[t] > 0 and db[t] > 0 else _NULL_REWARD) - beliefs.cost
    count = best_path(low, high, rows, da, db, edges, out, score)
    i, j = 0, 0
    for k in range(count):
        reward = 1.0 if out[k, 0] > i and out[k, 1] > j else _NULL_REWARD
        score[k] = min(max((score[k] + beliefs.cost) / reward, 0.0), 1.0)
        i, j = out[k, 0], out[k, 1]
    return count


@kernel()
def _edges(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs,
    low: I32, high: I32, rows: I64, slots: I32,
) -> F32:  # fmt: skip
    """Log scores of all beads of the band, shape (nodes, types); -inf across paragraph breaks."""
    n, da, db, ratio = len(low) - 1, beliefs.da, beliefs.db, beliefs.ratio
    chars, rarity, breaks = (src.chars, tgt.chars), (src.rarity, tgt.rarity), (src.breaks, tgt.breaks)
    left, top, by_row, by_column, to_src, to_tgt = _gains(
        src, tgt, src_clues, tgt_clues, da.max(), db.max(), low, high, slots
    )
    # The normal density's logarithm, by table: it is looked up for every edge.
    scale = -math.log(math.pi * beliefs.variance / ratio)
    logs = np.log(np.maximum(np.arange(2048.0), 1.0) + 0.5)
    share = 1.0 / np.maximum(np.arange(max(da.max(), db.max()) + 1.0), 1.0)
    agree = _break_evidence(breaks[0], breaks[1])
    ended = (np.cumsum(breaks[0]), np.cumsum(breaks[1]))
    edges = np.full((rows[n + 1], len(da)), -np.inf, np.float32)
    for i in range(n + 1):
        for j in range(low[i], high[i] + 1):
            at = agree[int(breaks[0][i]), int(breaks[1][j])]
            for t in range(len(da)):
                a, b = da[t], db[t]
                p, q = i - a, j - b
                if p < 0 or q < low[p] or q > high[p]:
                    continue
                if (a > 1 and ended[0][i - 1] > ended[0][p]) or (b > 1 and ended[1][j - 1] > ended[1][q]):
                    continue  # it spans a paragraph break
                value = beliefs.prior[t] + at
                if a > 0 and b > 0:
                    size = ratio * (chars[0][i] - chars[0][p]) + chars[1][j] - chars[1][q]
                    off = size - 2.0 * (chars[1][j] - chars[1][q])
                    log_size = logs[int(size)] if size < len(logs) else math.log(size)
                    length = scale - log_size - off * off / (0.5 * beliefs.variance * size)
                    usual = (rarity[0][i] - rarity[0][p]) * share[a] + (rarity[1][j] - rarity[1][q]) * share[b]
                    gain = 0.0
                    for y in range(q, j):
                        gain += to_tgt[by_column[y] + p - top[y], a - 1]
                    for x in range(p, i):
                        gain += to_src[by_row[x] + q - left[x], b - 1]
                    value += 0.5 * (max(length - usual, 2.0 * _FLOOR) + beliefs.lexical_weight * gain)
                edges[rows[i] + j - low[i], t] = value / beliefs.temperature
    return edges


@kernel()
def _gains(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, tall: int, wide: int, low: I32, high: I32, slots: I32
) -> tuple[I32, I32, I64, I64, F32, F32]:
    """Lexical gains of every cell whose sentences some bead of the band can hold.

    Returns:
        The first cell of each row and of each column, their flat indices, and the gains of source
        sentences by rows and of target sentences by columns.
    """
    n, m = len(src.starts) - 1, len(tgt.starts) - 1
    left, right = np.empty(n, np.int32), np.empty(n, np.int32)
    top, bottom = np.full(m, n, np.int32), np.zeros(m, np.int32)
    for i in range(n):
        left[i], right[i] = low[max(0, i - tall + 1)], high[min(n, i + tall)]
        for j in range(left[i], right[i]):
            top[j], bottom[j] = min(top[j], i), max(bottom[j], i + 1)
    by_row, by_column = np.zeros(n + 1, np.int64), np.zeros(m + 1, np.int64)
    by_row[1:], by_column[1:] = np.cumsum(right - left), np.cumsum(np.maximum(bottom - top, 0))
    to_src = cell_gains(
        src.words, src.starts, tgt.words, tgt.starts, left, right, by_row,
        src_clues.at, src_clues.word, src_clues.ratio, src_clues.chance[0], wide, slots[1],
    )  # fmt: skip
    to_tgt = cell_gains(
        tgt.words, tgt.starts, src.words, src.starts, top, bottom, by_column,
        tgt_clues.at, tgt_clues.word, tgt_clues.ratio, tgt_clues.chance[0], tall, slots[0],
    )  # fmt: skip
    return left, top, by_row, by_column, to_src, to_tgt


@kernel()
def _break_evidence(src: Mask, tgt: Mask) -> F64:
    """Log ratio of seeing (no) paragraph breaks at both sides of a cut together and by chance, shape (2, 2)."""
    agree = np.zeros((2, 2))
    s, t = src.sum() / len(src), tgt.sum() / len(tgt)
    if s > 0 and t > 0:
        # Nine of ten breaks of the side with fewer of them are taken to meet one of the other side.
        both = max(s * t, min(0.9 * min(s, t) + 0.1 * s * t, 0.99 * min(s, t)))
        agree[1, 1], agree[1, 0] = math.log(both / (s * t)), math.log((s - both) / (s * (1 - t)))
        agree[0, 1] = math.log((t - both) / (t * (1 - s)))
        agree[0, 0] = math.log((1 - s - t + both) / ((1 - s) * (1 - t)))
    return agree
