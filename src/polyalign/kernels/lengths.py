"""Gale and Church's alignment by sentence length: the search and its posteriors.

References: gale1993program
"""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, Mask, kernel, prange
from polyalign.kernels.lattice import posteriors, row_offsets, straight_band

#: Cost of a bead whose length difference has probability 0 in double precision.
_IMPOSSIBLE = 1e5
#: By how much the normal integral's formula can let a length cost fall below zero, and more.
_SLACK = 0.001
_LOG2 = math.log(2.0)
#: Nodes on each side of the path that posteriors are taken over: what lies further off weighs nothing.
_NEAR = 12


@kernel()
def length_cost(src: float, tgt: float, ratio: float, variance: float) -> float:
    """``-100 ln P(|delta|)`` for ``delta = (c s - t) / sqrt(s2 (s + t/c) / 2)``, P two-sided normal.

    The normal integral is Abramowitz and Stegun's formula 26.2.17, as in Gale and Church's program,
    so that equal beads cost the same here as there to the last digit.
    """
    mean = 0.5 * (src + tgt / ratio)
    if mean == 0.0:
        return 0.0
    z = abs((ratio * src - tgt) / math.sqrt(variance * mean))
    t = 1.0 / (1.0 + 0.2316419 * z)
    tail = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.319381530) * t
    above = 1.0 - (1.0 - 0.3989423 * math.exp(-z * z / 2.0) * tail)
    return -100.0 * (_LOG2 + math.log(above)) if above > 0.0 else _IMPOSSIBLE


@kernel()
def _least_cost(src: float, tgt: float, ratio: float, variance: float) -> float:
    """No more than `length_cost`, without its square root, exponential and logarithm.

    ``P(|delta|) <= exp(-delta^2 / 2)``, to which the formula adds at most 1.5e-7: up to delta = 5 that lowers the
    cost by less than 4.
    """
    mean = 0.5 * (src + tgt / ratio)
    if mean == 0.0:
        return -_SLACK
    off = ratio * src - tgt
    return 50.0 * min(off * off / (variance * mean), 25.0) - 4.0


@kernel()
def _gone(chars: F64, ratio: float, variance: float) -> F64:
    """Cost of leaving out the target sentence before each cut, equal in every row."""
    gone = np.zeros(len(chars))
    for j in range(1, len(chars)):
        gone[j] = length_cost(0.0, chars[j] - chars[j - 1], ratio, variance)
    return gone


@kernel()
def _search_order(da: I32, db: I32, penalty: F64) -> I64:
    """The bead types, those of known length cost first, then cheap ones: they rule most others out unseen."""
    first = penalty.copy()
    for t in range(len(da)):
        if da[t] + db[t] == 1:
            first[t] -= 1e9
    return np.argsort(first)


@kernel()
def _edge(
    i: int, j: int, a: int, b: int, chars: tuple[F64, F64], breaks: tuple[Mask, Mask], ratio: float, variance: float
) -> float:
    """Length cost of the bead of `a` and `b` sentences that ends at (i, j); infinite across a paragraph break."""
    for x in range(i - a + 1, i):
        if breaks[0][x]:
            return math.inf
    for y in range(j - b + 1, j):
        if breaks[1][y]:
            return math.inf
    return length_cost(chars[0][i] - chars[0][i - a], chars[1][j] - chars[1][j - b], ratio, variance)


@kernel()
def _search(
    low: I32, high: I32, chars: tuple[F64, F64], breaks: tuple[Mask, Mask], ratio: float, variance: float,
    da: I32, db: I32, penalty: F64, cuts: I32,
) -> int:  # fmt: skip
    """The cheapest path inside a band; its cuts are written to `cuts`, their number returned."""
    n, deep = len(low) - 1, da.max() + 1
    m = high[n]
    rows = row_offsets(low, high)
    back = np.zeros(rows[n + 1], np.uint8)
    cost = np.empty((deep, m + 1))  # the last rows only, a ring; no node outside the band is asked for
    gone = _gone(chars[1], ratio, variance)
    order = _search_order(da, db, penalty)
    for i in range(n + 1):
        lost = length_cost(chars[0][i] - chars[0][i - 1], 0.0, ratio, variance) if i else 0.0
        for j in range(low[i], high[i] + 1):
            here = rows[i] + j - low[i]
            best = 0.0 if i == 0 and j == 0 else math.inf
            for t in order:
                p, q = i - da[t], j - db[t]
                if p < 0 or q < low[p] or q > high[p]:
                    continue
                before = cost[p % deep, q]
                if before + penalty[t] - _SLACK > best:
                    continue
                if da[t] + db[t] == 1:
                    x = lost if da[t] == 1 else gone[j]
                elif before + penalty[t] + _least_cost(
                    chars[0][i] - chars[0][p], chars[1][j] - chars[1][q], ratio, variance
                ) > best:  # fmt: skip
                    continue
                else:
                    x = _edge(i, j, da[t], db[t], chars, breaks, ratio, variance)
                x = before + x + penalty[t]  # in this order, so that ties fall as in Gale and Church's program
                if x < best or (x == best and t < back[here]):
                    best, back[here] = x, t
            cost[i % deep, j] = best
    i, j, count = n, m, 0
    while i > 0 or j > 0:
        t = back[rows[i] + j - low[i]]
        cuts[count, 0], cuts[count, 1] = i, j
        i, j, count = i - da[t], j - db[t], count + 1
    for k in range(count // 2):
        for side in range(2):
            cuts[k, side], cuts[count - 1 - k, side] = cuts[count - 1 - k, side], cuts[k, side]
    return count


@kernel()
def _by_length(chars: tuple[F64, F64], half_width: int, low: I32, high: I32) -> None:
    """The first band of a long document: around equal shares of either side's characters."""
    n, m = len(chars[0]) - 1, len(chars[1]) - 1
    cuts = np.zeros((n + 1, 2), np.int32)
    j = 0
    for i in range(n + 1):
        while j < m and chars[1][j] * chars[0][n] < chars[0][i] * chars[1][m]:
            j += 1
        cuts[i, 0], cuts[i, 1] = i, j
    cuts[0, 1], cuts[n, 1] = 0, m
    straight_band(cuts, n, m, half_width, low, high)


@kernel()
def align_one(
    chars: tuple[F64, F64], breaks: tuple[Mask, Mask], ratio: float, variance: float,
    da: I32, db: I32, penalty: F64, full: int, half_width: int, cuts: I32, score: F32,
) -> int:  # fmt: skip
    """Align one document; see `align_batch` for the arguments."""
    n, m = len(chars[0]) - 1, len(chars[1]) - 1
    if n + m == 0:
        return 0
    low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
    banded = (n + 1) * (m + 1) > full
    if banded:
        _by_length(chars, half_width, low, high)
    chain = np.zeros((n + m + 1, 2), np.int32)
    count = _search(low, high, chars, breaks, ratio, variance, da, db, penalty, cuts)
    wide = half_width
    for _ in range(20 if banded else 0):
        near = 0
        for k in range(count):
            i, j = cuts[k, 0], cuts[k, 1]
            near += (low[i] > 0 and j - low[i] < wide // 2) or (high[i] < m and high[i] - j < wide // 2)
        if near == 0:
            break
        # The path keeps to the band's inner half or is searched for again, around where it went and further off.
        wide = min(2 * wide, 4 * half_width)
        chain[1 : count + 1] = cuts[:count]
        straight_band(chain[: count + 1], n, m, wide, low, high)
        count = _search(low, high, chars, breaks, ratio, variance, da, db, penalty, cuts)
    chain[1 : count + 1] = cuts[:count]
    straight_band(chain[: count + 1], n, m, _NEAR, low, high)
    rows = row_offsets(low, high)
    edges = np.full((rows[n + 1], len(da)), -np.inf, np.float32)
    gone = _gone(chars[1], ratio, variance)
    for i in range(n + 1):
        lost = length_cost(chars[0][i] - chars[0][i - 1], 0.0, ratio, variance) if i else 0.0
        for j in range(low[i], high[i] + 1):
            for t in range(len(da)):
                p, q = i - da[t], j - db[t]
                if p >= 0 and low[p] <= q <= high[p]:
                    if da[t] + db[t] == 1:
                        x = lost if da[t] == 1 else gone[j]
                    else:
                        x = _edge(i, j, da[t], db[t], chars, breaks, ratio, variance)
                    edges[rows[i] + j - low[i], t] = -0.01 * (x + penalty[t])
    posteriors(low, high, rows, da, db, edges)
    i, j = 0, 0
    for k in range(count):
        a, b = cuts[k, 0] - i, cuts[k, 1] - j
        i, j = cuts[k, 0], cuts[k, 1]
        for t in range(len(da)):
            if da[t] == a and db[t] == b:
                score[k] = min(max(edges[rows[i] + j - low[i], t], 0.0), 1.0)
    return count


@kernel(parallel=True)
def align_batch(
    docs: tuple[I64, I64], chars: tuple[F64, F64], breaks: tuple[Mask, Mask], ratio: float, variance: float,
    da: I32, db: I32, penalty: F64, full: int, half_width: int, chunks: I64,
) -> tuple[I32, F32, I64]:  # fmt: skip
    """Align documents in parallel.

    Args:
        docs: First sentence of each document on either side, shape (d + 1,) each.
        chars: Characters before every cut, each document from 0, shape (sentences + d,) each.
        breaks: Whether a paragraph ends at the cut, likewise.
        ratio: Expected target characters a source character.
        variance: Of that, a character.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        penalty: Cost of each bead type.
        full: Nodes up to which the whole lattice is searched.
        half_width: Nodes on each side of a long document's first band, at most four times as many later.
        chunks: Documents handed to one thread at a time, shape (c + 1,).

    Returns:
        Cuts that end each bead and their posteriors, document k's from ``docs[0][k] + docs[1][k]`` on, and
        the number of each document's beads.
    """
    d = len(docs[0]) - 1
    cuts = np.zeros((docs[0][d] + docs[1][d], 2), np.int32)
    score, count = np.zeros(len(cuts), np.float32), np.zeros(d, np.int64)
    for chunk in prange(len(chunks) - 1):
        for k in range(chunks[chunk], chunks[chunk + 1]):
            a, b, c, e = docs[0][k], docs[0][k + 1], docs[1][k], docs[1][k + 1]
            count[k] = align_one(
                (chars[0][a + k : b + k + 1], chars[1][c + k : e + k + 1]),
                (breaks[0][a + k : b + k + 1], breaks[1][c + k : e + k + 1]),
                ratio, variance, da, db, penalty, full, half_width, cuts[a + c : b + e], score[a + c : b + e],
            )  # fmt: skip
    return cuts, score, count
