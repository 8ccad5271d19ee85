"""What beads are scored by: lengths, words and paragraph breaks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, Mask, kernel
from polyalign.kernels.overlap import cell_gains

#: A length mismatch costs no more than this: lengths alone never rule a bead out.
_FLOOR = -8.0


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


class Region(NamedTuple):
    """A part of a document's lattice with all that its beads are scored by; positions count from its corner.

    Args:
        src: Source sentences.
        tgt: Target sentences.
        low: First node of each row, shape (n + 1,).
        high: Last node of each row.
        agree: Evidence of breaks that meet, see `break_evidence`.
        ended: Breaks before or at each cut, for either side.
        left: First cell of each source sentence.
        by_row: Where each source sentence's cells start.
        to_src: Gain of a source sentence from each window of target sentences, see `cell_gains`.
        top: First cell of each target sentence.
        by_column: Where each target sentence's cells start.
        to_tgt: Gain of a target sentence from each window of source sentences.
    """

    src: Text
    tgt: Text
    low: I32
    high: I32
    agree: F64
    ended: tuple[I64, I64]
    left: I32
    by_row: I64
    to_src: F32
    top: I32
    by_column: I64
    to_tgt: F32


@kernel()
def part(text: Text, first: int, last: int, document: int) -> Text:
    """Some sentences of one document, where `document` others come before; words stay those of all."""
    a, b = first + document, last + document + 1
    return Text(
        text.docs, text.chars[a:b], text.rarity[a:b], text.breaks[a:b], text.words, text.starts[first : last + 1]
    )


@kernel()
def region(
    src: Text, tgt: Text, src_clues: Clues, tgt_clues: Clues, beliefs: Beliefs, agree: F64,
    low: I32, high: I32, slots: I32,
) -> Region:  # fmt: skip
    """Find the lexical gains of every cell whose sentences some bead of the band can hold."""
    n, m, tall, wide = len(src.starts) - 1, len(tgt.starts) - 1, beliefs.da.max(), beliefs.db.max()
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
    ended = (np.cumsum(src.breaks.astype(np.int64)), np.cumsum(tgt.breaks.astype(np.int64)))
    return Region(src, tgt, low, high, agree, ended, left, by_row, to_src, top, by_column, to_tgt)


@kernel()
def log_sizes() -> F64:
    """Logarithms of bead lengths, which are looked up for every edge."""
    sizes: F64 = np.log(np.maximum(np.arange(2048.0), 1.0) + 0.5)
    return sizes


@kernel()
def score_row(i: int, area: Region, beliefs: Beliefs, logs: F64, edges: F32) -> None:
    """Log scores of all beads that end in row i, -inf where there is none or it spans a paragraph break.

    Args:
        i: The row.
        area: Part of a lattice.
        beliefs: What else to score by.
        logs: From `log_sizes`.
        edges: Result, shape (nodes of the row, types).
    """
    low, high, ratio = area.low, area.high, beliefs.ratio
    src_chars, tgt_chars, src_rarity, tgt_rarity = area.src.chars, area.tgt.chars, area.src.rarity, area.tgt.rarity
    scale, heat = -math.log(math.pi * beliefs.variance / ratio), 1.0 / beliefs.temperature
    edges[:] = -np.inf
    met = area.agree[int(area.src.breaks[i])]
    for t in range(len(beliefs.da)):
        a, b, prior = beliefs.da[t], beliefs.db[t], beliefs.prior[t]
        p = i - a
        if p < 0 or (a > 1 and area.ended[0][i - 1] > area.ended[0][p]):
            continue
        given = ratio * (src_chars[i] - src_chars[p])
        src_usual = (src_rarity[i] - src_rarity[p]) / max(a, 1)
        for j in range(max(low[i], low[p] + b), min(high[i], high[p] + b) + 1):
            q = j - b
            if b > 1 and area.ended[1][j - 1] > area.ended[1][q]:
                continue
            value = prior + met[int(area.tgt.breaks[j])]
            if a > 0 and b > 0:
                told = tgt_chars[j] - tgt_chars[q]
                size, off = given + told, given - told
                log_size = logs[int(size)] if size < len(logs) else math.log(size)
                length = scale - log_size - off * off / (0.5 * beliefs.variance * size)
                usual = src_usual + (tgt_rarity[j] - tgt_rarity[q]) / b
                gain = 0.0
                for y in range(q, j):
                    gain += area.to_tgt[area.by_column[y] + p - area.top[y], a - 1]
                for x in range(p, i):
                    gain += area.to_src[area.by_row[x] + q - area.left[x], b - 1]
                value += 0.5 * (max(length - usual, 2.0 * _FLOOR) + beliefs.lexical_weight * gain)
            edges[j - low[i], t] = value * heat


@kernel()
def break_evidence(src: Mask, tgt: Mask) -> F64:
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
