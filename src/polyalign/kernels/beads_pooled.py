"""Bead scores from vectors of single sentences: a bead's vector is the weighted sum of its sentences' vectors.

Every product of two such sums is a sum over a rectangle of products of sentences, so with prefix sums along the rows
of a band each bead costs O(1), however many sentences it has.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel
from polyalign.kernels.evidence import Text


class Vectors(NamedTuple):
    """One side of d documents as arrays, n sentences in all.

    Args:
        docs: First sentence of each document, shape (d + 1,).
        rows: Vectors of sentences, shape (n, dimensions).
        scale: Weight of each sentence in a bead over the length of its row, shape (n,); 0 for a row of zeros.
        weight: Weight of each sentence in a bead, likewise 0, shape (n,).
        alone: Share of the usual cost that a sentence without a counterpart costs, shape (n,).
        paired: Log probability that a sentence has a counterpart, 0 for the usual one, shape (n,).
    """

    docs: I64
    rows: F32
    scale: F32
    weight: F32
    alone: F32
    paired: F32


class Scoring(NamedTuple):
    """What turns similarities into scores.

    Args:
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        prior: Added to the score of each bead type.
        ratio: Expected target characters a source character.
        length: Exponent of the length factor.
        weight: Factor of every score.
        cost: Expected right beads that a bead must bring.
    """

    da: I32
    db: I32
    prior: F64
    ratio: float
    length: float
    weight: float
    cost: float


class Strip(NamedTuple):
    """Products of sentences along a band.

    Args:
        left: First target sentence of each source sentence, shape (n,).
        at: Where each source sentence's sums begin, shape (n + 1,).
        sums: Sums of products with all target sentences before, one more than there are target sentences.
        src_norm: One over the length of the sum of the last 1, 2, ... sentences before each cut, shape (n + 1, tall).
        tgt_norm: Likewise, shape (m + 1, wide).
        breaks: Breaks before or at each cut, for either side.
        paired: Sums of log probabilities of having a counterpart before each cut, for either side.
    """

    left: I64
    at: I64
    sums: F64
    src_norm: F64
    tgt_norm: F64
    breaks: tuple[I64, I64]
    paired: tuple[F64, F64]


@kernel()
def side_of(text: Vectors, document: int) -> Vectors:
    """One document of a side."""
    a, b = text.docs[document], text.docs[document + 1]
    return Vectors(text.docs, text.rows[a:b], text.scale[a:b], text.weight[a:b], text.alone[a:b], text.paired[a:b])


@kernel(fastmath=True)
def _dot(x: F32, y: F32) -> float:
    # The rows hold whole numbers whose products add up exactly: no order of adding them gives another sum.
    total = np.float32(0.0)
    for k in range(len(x)):
        total += x[k] * y[k]
    return float(total)


@kernel()
def pooled_norms(text: Vectors, longest: int) -> F64:
    """One over the length of the sums of up to `longest` sentences that end at each cut, 0 where there is none."""
    n = len(text.rows)
    products = np.zeros((n, longest))  # of a sentence with those before it
    for i in range(n):
        for k in range(min(i + 1, longest)):
            products[i, k] = _dot(text.rows[i], text.rows[i - k]) * text.scale[i] * text.scale[i - k]
    out = np.zeros((n + 1, longest))
    for i in range(1, n + 1):
        square = 0.0
        for a in range(1, min(i, longest) + 1):
            first = i - a
            square += products[first, 0]
            for x in range(first + 1, i):
                square += 2.0 * products[x, x - first]
            out[i, a - 1] = 1.0 / math.sqrt(square) if square > 1e-12 else 0.0
    return out


@kernel()
def strip(src: Vectors, tgt: Vectors, texts: tuple[Text, Text], low: I32, high: I32, tall: int, wide: int) -> Strip:
    """Products of all sentences that some bead of the band can hold or lie next to."""
    n, m = len(src.rows), len(tgt.rows)
    left, at = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    for x in range(n):
        left[x] = max(0, low[max(0, x - tall)] - 1)
        at[x + 1] = at[x] + min(m, high[min(n, x + tall + 1)] + 1) - left[x] + 1
    sums = np.zeros(at[n])
    for x in range(n):
        total, start = 0.0, at[x]
        for k in range(at[x + 1] - start - 1):
            y = left[x] + k
            if src.scale[x] > 0 and tgt.scale[y] > 0:
                total += _dot(src.rows[x], tgt.rows[y]) * src.scale[x] * tgt.scale[y]
            sums[start + k + 1] = total
    ended = (np.cumsum(texts[0].breaks.astype(np.int64)), np.cumsum(texts[1].breaks.astype(np.int64)))
    paired = (np.zeros(n + 1), np.zeros(m + 1))
    paired[0][1:], paired[1][1:] = np.cumsum(src.paired.astype(np.float64)), np.cumsum(tgt.paired.astype(np.float64))
    return Strip(left, at, sums, pooled_norms(src, tall), pooled_norms(tgt, wide), ended, paired)


@kernel()
def pooled_row(
    i: int, src: Vectors, tgt: Vectors, texts: tuple[Text, Text], band: Strip, low: I32, high: I32, how: Scoring, edges: F32
) -> None:  # fmt: skip
    """Scores of all beads that end in row i, -inf where there is none or it spans a paragraph break.

    ``s = (cos - 1/2 (mean cos of the source run with the target sentences beside the bead + likewise)) f`` with
    ``f = log2(1 + min(l1, l2) / max(l1, l2)) ** length``, times the weight; and the mean log probabilities that a
    sentence of either side has a counterpart.

    Args:
        i: The row.
        src: Source document.
        tgt: Target document.
        texts: Both as words.
        band: Products along the band.
        low: First node of each row, shape (n + 1,).
        high: Last node of each row.
        how: What else to score by.
        edges: Result, shape (nodes of the row, types).
    """
    n, m, tall = len(src.rows), len(tgt.rows), band.src_norm.shape[1]
    src_chars, tgt_chars = texts[0].chars, texts[1].chars
    edges[:] = -np.inf
    begin, end = max(0, low[max(0, i - tall)] - 1), min(m, high[i] + 1)
    runs = np.zeros((tall + 1, end - begin + 1))  # sums of products of the last 0, 1, ... source sentences
    for a in range(1, min(i, tall) + 1):
        shift = band.at[i - a] + begin - band.left[i - a]
        for k in range(end - begin + 1):
            runs[a, k] = runs[a - 1, k] + band.sums[shift + k]
    for t in range(len(how.da)):
        a, b = how.da[t], how.db[t]
        p = i - a
        if p < 0 or (a > 1 and band.breaks[0][i - 1] > band.breaks[0][p]):
            continue
        run = runs[a]
        norm = band.src_norm[i, a - 1] if a > 0 else 0.0
        size = how.ratio * (src_chars[i] - src_chars[p])
        scarce = (band.paired[0][i] - band.paired[0][p]) / max(a, 1)
        above = band.at[p - 1] + begin - band.left[p - 1] if p > 0 else -1
        below = band.at[i] + begin - band.left[i] if i < n else -1
        over = 1.0 / src.weight[p - 1] if p > 0 and src.weight[p - 1] > 0 else 0.0
        under = 1.0 / src.weight[i] if i < n and src.weight[i] > 0 else 0.0
        beside = 1.0 / max((p > 0) + (i < n), 1)
        for j in range(max(low[i], low[p] + b), min(high[i], high[p] + b) + 1):
            q = j - b
            if b > 1 and band.breaks[1][j - 1] > band.breaks[1][q]:
                continue
            value, chance = how.prior[t], 0.0
            if a == 0:
                value *= tgt.alone[q]
            elif b == 0:
                value *= src.alone[p]
            else:
                x, y = q - begin, j - begin
                other = band.tgt_norm[j, b - 1]
                cos = (run[y] - run[x]) * norm * other
                near = 0.0
                if q > 0 and tgt.weight[q - 1] > 0:
                    near += (run[x] - run[x - 1]) / tgt.weight[q - 1]
                if j < m and tgt.weight[j] > 0:
                    near += (run[y + 1] - run[y]) / tgt.weight[j]
                near *= norm / max((q > 0) + (j < m), 1)
                also = 0.0
                if above >= 0:
                    also += (band.sums[above + y] - band.sums[above + x]) * over
                if below >= 0:
                    also += (band.sums[below + y] - band.sums[below + x]) * under
                near += also * beside * other
                told = tgt_chars[j] - tgt_chars[q]
                fit = math.log2(1.0 + min(size, told) / max(size, told, 1e-9))
                value += (cos - 0.5 * near) * fit**how.length
                chance = scarce + (band.paired[1][j] - band.paired[1][q]) / b
            edges[j - low[i], t] = value * how.weight + chance
