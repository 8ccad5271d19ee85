"""Vecalign's search: vectors halved to a coarse text and back, a path refined in a band at every level.

References: thompson2019vecalign
"""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F32, I32, I64, U8, U64, kernel, prange
from polyalign.core.rng import stream, uniform
from polyalign.kernels.lattice import row_offsets, straight_band

#: Keeps the cost finite where both means are nil.
_TINY = np.float32(1e-6)
#: A cosine this near to 1 is 1 but for rounding: equal runs tie, and the smaller beads are taken.
_EQUAL = np.float32(1e-6)


@kernel(fastmath=True)
def dot(x: F32, y: F32) -> np.float32:
    """Inner product, summed in whatever order is fastest on the machine, the same for any number of threads."""
    total = np.float32(0.0)
    for k in range(len(x)):
        total += x[k] * y[k]
    return total


@kernel()
def _normalise(x: F32) -> None:
    """Scale to length 1; zeros stay."""
    norm = math.sqrt(dot(x, x))
    if norm > 0.0:
        x *= np.float32(1.0 / norm)


@kernel()
def run_vector(i: int, size: int, single: F32, weight: F32, runs: F32, out: F32) -> None:
    """The unit vector of `size` sentences from i on.

    Args:
        i: First sentence.
        size: Sentences.
        single: Unit vectors of sentences, shape (n, d).
        weight: Weights of sentences in a pooled run, shape (n,).
        runs: Unit vectors of runs, ``runs[i, size - 2]``, shape (n, sizes - 1, d); with no sizes, runs are pooled.
        out: Result, shape (d,).
    """
    if size == 1:
        out[:] = single[i]
    elif runs.shape[1] > 0:
        out[:] = runs[i, size - 2]
    else:
        out[:] = weight[i] * single[i]
        for k in range(i + 1, i + size):
            out += weight[k] * single[k]
    _normalise(out)


@kernel()
def sample_mean(sizes: int, samples: int, single: F32, weight: F32, runs: F32, state: U64) -> F32:
    """Mean of random vectors, about `samples` in all, as many of each size of run."""
    n, total, drawn = len(single), np.zeros(single.shape[1], np.float32), 0
    one = np.empty_like(total)
    for size in range(1, min(sizes, n) + 1):
        for _ in range((samples + sizes - 1) // sizes):
            run_vector(int(uniform(state) * (n - size + 1)), size, single, weight, runs, one)
            total += one
            drawn += 1
    return total / np.float32(max(drawn, 1))


@kernel()
def deletion_cost(x: F32, y: F32, x_mean: F32, y_mean: F32, quantile: float, samples: int, state: U64) -> float:
    """A quantile of the cost of random 1-1 beads; of all there are if they are fewer than `samples`."""
    n, m = len(x), len(y)
    if n == 0 or m == 0:
        return 1.0
    whole = n * m <= samples
    costs = np.empty(n * m if whole else samples, np.float32)
    for k in range(len(costs)):
        i, j = (k // m, k % m) if whole else (int(uniform(state) * n), int(uniform(state) * m))
        far = np.float32(2.0) - dot(x[i], y_mean) - dot(x_mean, y[j])
        costs[k] = np.float32(2.0) * (np.float32(1.0) - dot(x[i], y[j])) / (_TINY + far)
    costs.sort()
    at = quantile * (len(costs) - 1)
    below = int(at)
    above = min(below + 1, len(costs) - 1)
    return float(costs[below] + (at - below) * (costs[above] - costs[below]))


@kernel()
def cheapest(
    low: I32, high: I32, da: I32, db: I32,
    single: tuple[F32, F32], weight: tuple[F32, F32], runs: tuple[F32, F32], mean: tuple[F32, F32],
    skip: float, out: I32, score: F32,
) -> int:  # fmt: skip
    """The cheapest path inside a band.

    Args:
        low: First node of each row, shape (n + 1,).
        high: Last node of each row.
        da: Source sentences of each bead type, at least 1, shape (t,); skips need no type.
        db: Target sentences of each bead type, at least 1.
        single: Unit vectors of either side's sentences, as in `run_vector`.
        weight: Likewise.
        runs: Likewise.
        mean: Mean of random vectors of either side.
        skip: Cost of a bead of one sentence on one side.
        out: Result, (source, target) cut that ends each bead, in order, shape (>= n + m, 2).
        score: Result, 1 less what each bead costs for each pair of its sentences, at least 0; 0 for skips.

    Returns:
        The number of beads.
    """
    n, types, dim = len(low) - 1, len(da), single[0].shape[1]
    tall, long = int(da.max()), int(db.max())
    rows = row_offsets(low, high)
    value, back = np.full(rows[n + 1], np.inf), np.zeros(rows[n + 1], np.uint8)
    price = np.zeros(rows[n + 1], np.float32)
    ring = (high - low).max() + 1
    # Vectors of runs that end at a cut, and 1 less their mean cosine with the other side: of this row's source cut,
    # and of the target cuts in the band, each in its place of a ring.
    x, x_far = np.empty((tall, dim), np.float32), np.empty(tall, np.float32)
    y, y_far = np.empty((ring, long, dim), np.float32), np.empty((ring, long), np.float32)
    done = 0
    for i in range(n + 1):
        for a in range(1, min(tall, i) + 1):
            run_vector(i - a, a, single[0], weight[0], runs[0], x[a - 1])
            x_far[a - 1] = np.float32(1.0) - dot(x[a - 1], mean[1])
        for j in range(max(done, low[i]), high[i] + 1):
            for b in range(1, min(long, j) + 1):
                run_vector(j - b, b, single[1], weight[1], runs[1], y[j % ring, b - 1])
                y_far[j % ring, b - 1] = np.float32(1.0) - dot(y[j % ring, b - 1], mean[0])
        done = high[i] + 1
        for j in range(low[i], high[i] + 1):
            here = rows[i] + j - low[i]
            best = 0.0 if i == 0 and j == 0 else np.inf
            for t in range(types):
                a, b = da[t], db[t]
                p, q = i - a, j - b
                if p < 0 or q < low[p] or q > high[p]:
                    continue
                before = value[rows[p] + q - low[p]]
                if before >= best:
                    continue
                near = np.float32(1.0) - dot(x[a - 1], y[j % ring, b - 1])
                far = _TINY + x_far[a - 1] + y_far[j % ring, b - 1]
                each = np.float32(2.0) * near / far if near > _EQUAL else np.float32(0.0)
                if before + a * b * each < best:
                    best, back[here], price[here] = before + a * b * each, t, each
            if j > low[i] and value[here - 1] + skip < best:
                best, back[here] = value[here - 1] + skip, types
            if i > 0 and low[i - 1] <= j <= high[i - 1] and value[rows[i - 1] + j - low[i - 1]] + skip < best:
                best, back[here] = value[rows[i - 1] + j - low[i - 1]] + skip, types + 1
            value[here] = best
    return _trace(low, rows, da, db, back, price, out, score)


@kernel()
def _trace(low: I32, rows: I64, da: I32, db: I32, back: U8, price: F32, out: I32, score: F32) -> int:
    """Follow the path back from its end and write it down from its start; see `cheapest`."""
    n, types = len(low) - 1, len(da)
    count, i, j = 0, n, low[n] + rows[n + 1] - rows[n] - 1
    while i > 0 or j > 0:
        here = rows[i] + j - low[i]
        t = back[here]
        out[count, 0], out[count, 1] = i, j
        score[count] = max(np.float32(1.0) - price[here], np.float32(0.0)) if t < types else np.float32(0.0)
        i -= da[t] if t < types else t - types
        j -= db[t] if t < types else 1 - (t - types)
        count += 1
    for k in range(count // 2):
        o = count - 1 - k
        for side in range(2):
            out[k, side], out[o, side] = out[o, side], out[k, side]
        score[k], score[o] = score[o], score[k]
    return count


@kernel()
def halve(x: F32) -> F32:
    """Every two neighbours added up, less the mean of all, scaled to length 1; a last odd one is left out."""
    half = x[: len(x) // 2 * 2 : 2] + x[1 : len(x) // 2 * 2 : 2]
    if len(half) > 0:
        mean = np.zeros(x.shape[1])
        for k in range(len(half)):
            mean += half[k]
        shift = (mean / len(half)).astype(np.float32)
        for k in range(len(half)):
            half[k] -= shift
            _normalise(half[k])
    return half


@kernel()
def _chain(cuts: I32, count: int, scale: int, n: int, m: int) -> I32:
    """The ends of the beads with two sides, times `scale`; between them the path is taken to be straight."""
    chain, k = np.zeros((2 * count + 2, 2), np.int32), 1
    i, j = 0, 0
    for c in range(count):
        if cuts[c, 0] > i and cuts[c, 1] > j:
            chain[k, 0], chain[k, 1] = i * scale, j * scale
            chain[k + 1, 0], chain[k + 1, 1] = cuts[c, 0] * scale, cuts[c, 1] * scale
            k += 2
        i, j = cuts[c, 0], cuts[c, 1]
    chain[k, 0], chain[k, 1] = n, m
    return chain[: k + 1]


@kernel()
def align_one(
    single: tuple[F32, F32], weight: tuple[F32, F32], runs: tuple[F32, F32], da: I32, db: I32,
    samples: int, quantile: float, quantile_samples: int, half_width: int, full: int, seed: int, cuts: I32, score: F32,
) -> int:  # fmt: skip
    """Align one document; see `align_batch` for the arguments."""
    levels = [single]
    while len(levels[-1][0]) * len(levels[-1][1]) > full * full:
        levels.append((halve(levels[-1][0]), halve(levels[-1][1])))
    one = np.ones(1, np.int32)
    # The coarsest level in full, then each finer one in a band; all bead types in the last round alone.
    count, rounds, scale = 0, max(len(levels), 2), 2 if len(levels) > 1 else 1
    for r in range(rounds):
        x, y = levels[max(len(levels) - 1 - r, 0)]
        n, m = len(x), len(y)
        a, b = (da, db) if r == rounds - 1 else (one, one)
        state = stream(seed, r - rounds, 0)
        means = (
            sample_mean(a.max(), samples, x, weight[0], runs[0], state),
            sample_mean(b.max(), samples, y, weight[1], runs[1], state),
        )
        skip = deletion_cost(x, y, means[0], means[1], quantile, quantile_samples, state)
        low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
        if r > 0:
            straight_band(_chain(cuts, count, scale, n, m), n, m, half_width, low, high)
        count = cheapest(low, high, a, b, (x, y), weight, runs, means, skip, cuts, score)
    return count


@kernel(parallel=True)
def align_batch(
    docs: tuple[I64, I64], single: tuple[F32, F32], weight: tuple[F32, F32], runs: tuple[F32, F32], da: I32, db: I32,
    samples: int, quantile: float, quantile_samples: int, half_width: int, full: int, seed: int, chunks: I64,
) -> tuple[I32, F32, I64]:  # fmt: skip
    """Align documents in parallel.

    Args:
        docs: First sentence of each document on either side, shape (d + 1,) each.
        single: Unit vectors of all sentences of either side, shape (sentences, dim) each.
        weight: Weight of each sentence in a pooled run.
        runs: Unit vectors of runs of 2, 3, ... sentences from each one on, shape (sentences, sizes - 1, dim), or of
            no size for pooled runs.
        da: Source sentences of each bead type, at least 1, shape (t,).
        db: Target sentences of each bead type, at least 1.
        samples: Random vectors of the other side that a vector is compared with.
        quantile: Of the costs of random 1-1 beads: what a skipped sentence costs.
        quantile_samples: How many random beads.
        half_width: Nodes on each side of the path of the level before.
        full: Sentences a side (of two equal ones) up to which all of the lattice is searched.
        seed: Of the random numbers.
        chunks: Documents handed to one thread at a time, shape (c + 1,).

    Returns:
        Cuts that end each bead and scores, document k's from ``docs[0][k] + docs[1][k]`` on, and the number of each
        document's beads.
    """
    d = len(docs[0]) - 1
    cuts = np.zeros((docs[0][d] + docs[1][d], 2), np.int32)
    score, count = np.zeros(len(cuts), np.float32), np.zeros(d, np.int64)
    for chunk in prange(len(chunks) - 1):
        for k in range(chunks[chunk], chunks[chunk + 1]):
            a, b, c, e = docs[0][k], docs[0][k + 1], docs[1][k], docs[1][k + 1]
            count[k] = align_one(
                (single[0][a:b], single[1][c:e]), (weight[0][a:b], weight[1][c:e]),
                (runs[0][a:b], runs[1][c:e]), da, db,
                samples, quantile, quantile_samples, half_width, full, seed, cuts[a + c : b + e], score[a + c : b + e],
            )  # fmt: skip
    return cuts, score, count
