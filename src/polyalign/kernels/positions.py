"""Priors of position: how probable each counterpart is before the words are looked at.

A *shape* is a pair of sentence lengths, n source and m target words. The priors of shape k are
`table[side, starts[k]:starts[k + 1]]`, n * m of them, word by word of the side that chooses: forward
(side 0) place ``j * n + i`` is the prior of source word i for target word j, backward ``i * m + j`` that of target
word j for source word i.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I64, kernel, prange


@kernel()
def _feature(step: float, state: float, steps: float, states: float) -> float:
    return float(-abs(state / states - step / steps))


@kernel()
def _split(step: int, steps: int, states: int) -> int:
    # The last state that does not lie beyond the diagonal.
    return int(float(step) * float(states) / float(steps))


@kernel()
def diagonal_total(step: int, steps: int, states: int, tension: float) -> float:
    """The sum of exp(-tension * ``|i / states - step / steps|``) over i = 1 .. states, in closed form.

    On either side of the diagonal the terms are a geometric series of ratio r = exp(-tension / states).
    A `step` beyond `steps`, as swapped lengths give, has an endless series above the last state.
    """
    split, r = _split(step, steps, states), np.exp(-tension / states)
    total = 0.0
    if split > 0:
        total += np.exp(tension * _feature(step, split, steps, states)) * (1.0 - r**split) / (1.0 - r)
    if split != states:
        rest = r ** (states - split) if split < states else 0.0
        total += np.exp(tension * _feature(step, split + 1, steps, states)) * (1.0 - rest) / (1.0 - r)
    return float(total)


@kernel()
def _series(first: float, weight: float, r: float, change: float, count: int) -> float:
    # The sum of a g, a rising by `change` from `first` and g by the factor r from `weight`.
    after = weight * r**count
    last = first + (count - 1) * change
    return float((last * after - first * weight) / (r - 1.0) - change * (after - weight * r) / ((r - 1.0) * (r - 1.0)))


@kernel()
def diagonal_slope(step: int, steps: int, states: int, tension: float) -> float:
    """What fast_align takes for the derivative of log `diagonal_total` by the tension.

    That would be sum_i h exp(tension * h) / total, h being -``|i / states - step / steps|``; the total is
    taken with both lengths swapped, as in the original.
    """
    split, r = _split(step, steps, states), np.exp(-tension / states)
    above = below = 0.0
    if split < states:
        h = _feature(step, split + 1, steps, states)
        above = _series(h, np.exp(h * tension), r, -1.0 / states, states - split)
    if split > 0:
        h = _feature(step, split, steps, states)
        below = _series(h, np.exp(h * tension), r, -1.0 / states, split)
    return float((above + below) / diagonal_total(step, states, steps, tension))


@kernel(parallel=True)
def diagonal(src: I64, tgt: I64, starts: I64, tension: F64) -> F64:
    """Priors that fall off exponentially from the diagonal.

    p(i) = exp(-tension * ``|i / states - step / steps|``) / Z, places counted from 1.

    Args:
        src: Number of source words of each shape, shape (s,).
        tgt: Number of target words.
        starts: Where each shape's priors begin, and the end, shape (s + 1,).
        tension: Forward and backward, shape (2,).

    Returns:
        Shape (2, starts[-1]).
    """
    out = np.empty((2, starts[-1]))
    for k in prange(len(src)):
        for side in range(2):
            steps, states = (tgt[k], src[k]) if side == 0 else (src[k], tgt[k])
            at = starts[k]
            for step in range(1, steps + 1 if states > 0 else 1):
                total = diagonal_total(step, steps, states, tension[side])
                for state in range(1, states + 1):
                    out[side, at] = np.exp(tension[side] * _feature(step, state, steps, states)) / total
                    at += 1
    return out


@kernel()
def tally(cells: I64, src_offsets: I64, tgt_offsets: I64, at: I64, forward: F32, backward: F32, counts: F64) -> None:
    """Add every cell's posteriors to the counts of its place.

    Args:
        cells: Where each sentence pair's cells begin, and the end, shape (n + 1,).
        src_offsets: Where each pair's source words begin, and the end.
        tgt_offsets: The same for target words.
        at: Where the places of each pair's shape begin, shape (n,).
        forward: Posterior of each cell, target words choosing.
        backward: Posterior of each cell, source words choosing.
        counts: Added to, shape (2, places).
    """
    for k in range(len(cells) - 1):
        n, m = src_offsets[k + 1] - src_offsets[k], tgt_offsets[k + 1] - tgt_offsets[k]
        for i in range(n):
            for j in range(m):
                x = cells[k] + i * m + j
                counts[0, at[k] + j * n + i] += forward[x]
                counts[1, at[k] + i * m + j] += backward[x]


@kernel()
def observed_feature(src: I64, tgt: I64, starts: I64, counts: F64) -> F64:
    """The sum of -``|i / states - step / steps|`` over expected links, forward and backward.

    As in fast_align the step counts from 0, the state from 1.

    Args:
        src: As `diagonal`.
        tgt: As `diagonal`.
        starts: As `diagonal`.
        counts: Expected links of each place, shape (2, places).
    """
    out = np.zeros(2)
    for k in range(len(src)):
        for side in range(2):
            steps, states = (tgt[k], src[k]) if side == 0 else (src[k], tgt[k])
            at = starts[k]
            for step in range(steps):
                for state in range(1, states + 1):
                    out[side] += counts[side, at] * _feature(step, state, steps, states)
                    at += 1
    return out


@kernel()
def expected_feature(steps: I64, states: I64, pairs: I64, tension: float) -> float:
    """The sum of `diagonal_slope` over the words of all sentence pairs.

    Args:
        steps: Number of choosing words of each shape, shape (s,).
        states: Number of words they choose from.
        pairs: Number of sentence pairs of each shape.
        tension: Of one direction.
    """
    out = 0.0
    for k in range(len(steps)):
        total = 0.0
        for step in range(1, steps[k] + 1):
            total += diagonal_slope(step, steps[k], states[k], tension)
        out += pairs[k] * total
    return out


@kernel()
def _bin(step: int, state: int, steps: int, states: int, bins: int) -> int:
    offset = (state + 0.5) / states - (step + 0.5) / steps
    return int((offset + 1.0) * 0.5 * bins)


@kernel(parallel=True)
def relative(src: I64, tgt: I64, starts: I64, weights: F64) -> F64:
    """Priors by distance from the diagonal, in bins of the difference of relative positions from -1 to 1.

    Args:
        src: As `diagonal`.
        tgt: As `diagonal`.
        starts: As `diagonal`.
        weights: Weight of each bin, forward and backward, shape (2, bins).

    Returns:
        Shape (2, starts[-1]); the priors of each word sum to one.
    """
    out = np.empty((2, starts[-1]))
    for k in prange(len(src)):
        for side in range(2):
            steps, states = (tgt[k], src[k]) if side == 0 else (src[k], tgt[k])
            for step in range(steps):
                row = out[side, starts[k] + step * states : starts[k] + (step + 1) * states]
                total = 0.0
                for state in range(states):
                    row[state] = weights[side, _bin(step, state, steps, states, weights.shape[1])]
                    total += row[state]
                row /= total
    return out


@kernel()
def pool(src: I64, tgt: I64, starts: I64, pairs: I64, counts: F64, bins: int) -> tuple[F64, F64]:
    """Expected links in each bin of `relative`, and what they would be if words chose at random.

    Args:
        src: As `diagonal`.
        tgt: As `diagonal`.
        starts: As `diagonal`.
        pairs: Number of sentence pairs of each shape.
        counts: Expected links of each place, shape (2, places).
        bins: Number of bins.

    Returns:
        Both of shape (2, bins).
    """
    links, chance = np.zeros((2, bins)), np.zeros((2, bins))
    for k in range(len(src)):
        for side in range(2):
            steps, states = (tgt[k], src[k]) if side == 0 else (src[k], tgt[k])
            at = starts[k]
            for step in range(steps):
                for state in range(states):
                    b = _bin(step, state, steps, states, bins)
                    links[side, b] += counts[side, at]
                    chance[side, b] += pairs[k] / states
                    at += 1
    return links, chance


@kernel(parallel=True)
def estimate(src: I64, tgt: I64, starts: I64, counts: F64, prior: F64, smoothing: float) -> F64:
    """Priors of every place by itself: a = (c + smoothing * prior) / (sum c + smoothing), for each choosing word.

    Args:
        src: As `diagonal`.
        tgt: As `diagonal`.
        starts: As `diagonal`.
        counts: Expected links of each place, shape (2, places).
        prior: What they are drawn to, shape (2, places).
        smoothing: Observations that the prior counts for; with 0, a word that never had a link keeps the prior.

    Returns:
        Shape (2, places).
    """
    out = np.empty_like(counts)
    for k in prange(len(src)):
        for side in range(2):
            steps, states = (tgt[k], src[k]) if side == 0 else (src[k], tgt[k])
            for step in range(steps):
                a = starts[k] + step * states
                total = smoothing + counts[side, a : a + states].sum()
                for x in range(a, a + states):
                    share = counts[side, x] + smoothing * prior[side, x]
                    out[side, x] = share / total if total > 0 else prior[side, x]
    return out
