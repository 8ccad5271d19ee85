"""Forward-backward of the HMM aligner for one sentence."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, kernel

_TINY = np.float32(1e-30)


@kernel()
def _convolve(weights: F32, u: F32, share: F32, reach: int, mirrored: bool, out: F32) -> None:
    # out[i] = sum over i' of s(i', i) u[i'], or of s(i, i') u[i'] when mirrored, s(from, to) being the weight of
    # a jump. Within `reach` that is weights[to - from]; beyond it the words of one side share one weight
    # equally, so that part is a running sum and the whole costs O(states * reach), not O(states^2).
    # share[0, i] and share[1, i] are 1 over the number of words beyond reach to the left and right of i.
    states = len(u)
    out[:] = 0
    total = np.float32(0)
    for i in range(reach + 1, states):
        k = i - reach - 1
        total += u[k] if mirrored else u[k] * share[1, k]
        out[i] += weights[0] * total * share[0, i] if mirrored else weights[-1] * total
    total = np.float32(0)
    for i in range(states - reach - 2, -1, -1):
        k = i + reach + 1
        total += u[k] if mirrored else u[k] * share[0, k]
        out[i] += weights[-1] * total * share[1, i] if mirrored else weights[0] * total
    for d in range(max(-reach, 1 - states), min(reach, states - 1) + 1):
        w = weights[reach + 1 - d] if mirrored else weights[d + reach + 1]
        # Slices rather than shifted indices: the compiler turns this loop into vector instructions.
        to, source = out[max(0, d) : states + min(0, d)], u[max(0, -d) : states - max(0, d)]
        for k in range(len(to)):
            to[k] += w * source[k]


@kernel()
def _shares(states: int, reach: int) -> F32:
    share = np.zeros((2, states), np.float32)
    for i in range(reach + 1, states):
        share[0, i] = share[1, states - 1 - i] = np.float32(1) / np.float32(i - reach)
    return share


@kernel()
def _normalisers(weights: F32, states: int, share: F32, reach: int, out: F32, first: F32) -> float:
    # out[i'] = sum over i of s(i', i); first[i] = s(start, i), the start lying before the first word; returns its sum.
    _convolve(weights, np.ones(states, np.float32), share, reach, True, out)
    start = 0.0
    for i in range(states):
        first[i] = weights[i + 1 + reach + 1] if i < reach else weights[-1] / np.float32(states - reach)
        start += first[i]
    return start


@kernel()
def hmm(
    emission: F32, null: F32, jumps: F32, null_prior: float, uniform: float, null_posterior: F32, departures: F64
) -> float:
    """Scaled forward-backward of the HMM for one sentence.

    A state is a word or, for NULL, the word last chosen (or the start). Both go on alike, so one
    backward variable serves both.

    Args:
        emission: p(observed | state), shape (t, s); becomes the posterior.
        null: p(observed | NULL), shape (t,).
        jumps: Weight of all words beyond reach to the left, of every distance -reach .. reach, of all beyond
            to the right.
        null_prior: Probability of NULL at every step.
        uniform: Share of jumps that go anywhere with equal probability.
        null_posterior: Written to, shape (t,).
        departures: Written to, shape (2, 2 * reach + 3): expected number of jumps of each distance, and
            expected weight of that distance's unit in the normalisers; their quotient is the new weight.

    Returns:
        Log-likelihood of the sentence.
    """
    steps, states = emission.shape
    reach = (len(jumps) - 3) // 2
    z, first = np.empty(states, np.float32), np.empty(states, np.float32)
    share = _shares(states, reach)
    z_start = _normalisers(jumps, states, share, reach, z, first)
    real, p0 = np.float32(1.0 - null_prior), np.float32(null_prior)
    jump, flat = np.float32(1.0 - uniform), np.float32(uniform / states)
    for i in range(states):
        first[i] = jump * first[i] / z_start + flat
        z[i] = jump / z[i]

    chosen = np.empty((steps, states), np.float32)  # alpha of the words themselves
    memory = np.empty((steps + 1, states), np.float32)  # alpha of word or NULL with that word last
    waiting = np.empty(steps + 1, np.float32)  # alpha of NULL before any word
    scales = np.empty(steps, np.float32)
    u, v = np.empty(states, np.float32), np.empty(states, np.float32)
    memory[0], waiting[0] = 0, 1
    log_likelihood = 0.0
    for t in range(steps):
        before, now = memory[t], chosen[t]
        total = np.float32(0)
        for i in range(states):
            u[i] = before[i] * z[i]
            total += before[i]
        _convolve(jumps, u, share, reach, False, now)
        stay = p0 * null[t]
        scale = stay * waiting[t]
        for i in range(states):
            now[i] = emission[t, i] * real * (now[i] + flat * total + waiting[t] * first[i])
            memory[t + 1, i] = now[i] + stay * before[i]
            scale += memory[t + 1, i]
        scale = max(scale, _TINY)
        log_likelihood += np.log(scale)
        inverse = np.float32(1) / scale
        scales[t] = inverse
        waiting[t + 1] = stay * waiting[t] * inverse
        for i in range(states):
            now[i] *= inverse
            memory[t + 1, i] *= inverse

    beta, onward = np.ones(states, np.float32), np.empty(states, np.float32)
    leaving = np.zeros(states, np.float64)
    moved = np.zeros((2 * reach + 3, states), np.float32)
    start_leaving = 0.0
    for t in range(steps - 1, -1, -1):
        before = memory[t]
        posterior = np.float32(0)
        ahead, begin = np.float32(0), np.float32(0)
        for i in range(states):
            g = chosen[t, i] * beta[i]
            v[i] = emission[t, i] * beta[i] * (real * scales[t])
            emission[t, i] = g
            posterior += g
            ahead += v[i]
            begin += v[i] * (first[i] - flat)
        null_posterior[t] = max(np.float32(0), np.float32(1) - posterior)
        _convolve(jumps, v, share, reach, True, onward)
        for i in range(states):
            u[i] = before[i] * z[i]
            leaving[i] += u[i] * onward[i]
        _tally(u, v, share, reach, moved)
        if waiting[t] > 0:
            start_leaving += waiting[t] * begin
            for i in range(states):
                d = min(i + 1, reach + 1) + reach + 1
                moved[d, i] += waiting[t] * v[i] * (first[i] - flat) / jumps[d]
        stay = p0 * null[t] * scales[t]
        for i in range(states):
            beta[i] = z[i] * onward[i] + flat * ahead + stay * beta[i]
    _departures(jumps, reach, moved, leaving, z, 1.0 - uniform, start_leaving, z_start, departures)
    return log_likelihood


@kernel()
def _tally(u: F32, v: F32, share: F32, reach: int, moved: F32) -> None:
    # moved[d] += u[i - d] v[i], kept apart by i so that the loop is one of vectors.
    states = len(u)
    for d in range(max(-reach, 1 - states), min(reach, states - 1) + 1):
        row = moved[d + reach + 1, max(0, d) : states + min(0, d)]
        source, to = u[max(0, -d) : states - max(0, d)], v[max(0, d) : states + min(0, d)]
        for k in range(len(row)):
            row[k] += source[k] * to[k]
    total = np.float32(0)
    for i in range(reach + 1, states):
        total += u[i - reach - 1] * share[1, i - reach - 1]
        moved[-1, i] += total * v[i]
    total = np.float32(0)
    for i in range(states - reach - 2, -1, -1):
        total += u[i + reach + 1] * share[0, i + reach + 1]
        moved[0, i] += total * v[i]


@kernel()
def _departures(
    jumps: F32, reach: int, moved: F32, leaving: F64, z: F32, jump: float, start: float, z_start: float, out: F64
) -> None:
    states = len(leaving)
    for d in range(len(jumps)):
        total = 0.0
        for i in range(states):
            total += moved[d, i]
        out[0, d] = total * jumps[d]
        out[1, d] = 0.0
    for i in range(states):
        each = leaving[i] * z[i] / jump
        if i > reach:
            out[1, 0] += each
        if states - 1 - i > reach:
            out[1, -1] += each
        for d in range(max(-reach, -i), min(reach, states - 1 - i) + 1):
            out[1, d + reach + 1] += each
    for d in range(1, min(states, reach + 1) + 1):
        out[1, d + reach + 1] += start / z_start
