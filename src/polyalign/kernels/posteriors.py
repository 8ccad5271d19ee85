"""Posteriors of word alignment in one direction or both, for IBM Model 1 and the HMM.

Cells, rows and entries are those of `polyalign.kernels.cooccurrence`. Every sentence pair is
computed alone and writes only to its own part of the output.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel, prange

#: What an unseen pair of words is worth: below any probability a model keeps.
FLOOR = np.float32(1e-7)
_TINY = np.float32(1e-30)


@kernel()
def _emissions(ids: I32, table: F32, side: int, n: int, m: int, out: F32) -> None:
    # out[observed, state]; the cells lie src-major, so the forward direction is transposed on the way.
    for i in range(n):
        for j in range(m):
            k = ids[i * m + j]
            p = max(table[k, side], FLOOR) if k >= 0 else FLOOR
            if side == 0:
                out[j, i] = p
            else:
                out[i, j] = p


@kernel()
def _store(gamma: F32, side: int, out: F32) -> None:
    if side == 0:
        m, n = gamma.shape
        for i in range(n):
            for j in range(m):
                out[i * m + j] = gamma[j, i]
    else:
        n, m = gamma.shape
        for i in range(n):
            for j in range(m):
                out[i * m + j] = gamma[i, j]


@kernel()
def mixture(emission: F32, null: F32, null_prior: float, null_posterior: F32) -> float:
    """IBM Model 1 for one sentence: each observed word picks a state on its own.

    Args:
        emission: p(observed | state), shape (t, s); becomes the posterior.
        null: p(observed | NULL), shape (t,).
        null_prior: Prior of NULL; the states share the rest equally.
        null_posterior: Written to, shape (t,).

    Returns:
        Log-likelihood of the sentence.
    """
    steps, states = emission.shape
    prior = (1.0 - null_prior) / states
    log_likelihood = 0.0
    for t in range(steps):
        from_null = null_prior * null[t]
        total = from_null + 0.0
        for i in range(states):
            total += prior * emission[t, i]
        log_likelihood += np.log(total)
        null_posterior[t] = from_null / total
        scale = np.float32(prior / total)
        for i in range(states):
            emission[t, i] *= scale
    return log_likelihood


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


@kernel(parallel=True)
def posteriors(
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    cells: I64,
    ids: I32,
    table: F32,
    src_null: F32,
    tgt_null: F32,
    jumps: F32,
    null_prior: float,
    uniform: float,
) -> tuple[F32, F32, F32, F32, F64, F64]:
    """Posteriors of every cell of a block of sentence pairs, in both directions.

    Args:
        src_offsets: Where each pair's source words begin, and the end, shape (n + 1,).
        tgt_offsets: The same for target words.
        src: Source tokens; those beyond the table are unknown words.
        tgt: Target tokens, likewise.
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        ids: Entry of each cell, -1 for none.
        table: t(tgt | src) and t(src | tgt) of each entry, shape (entries, 2).
        src_null: p(src | NULL) of each source type.
        tgt_null: p(tgt | NULL) of each target type.
        jumps: Weights of distances, forward and backward, shape (2, 2 * reach + 3); without columns for Model 1.
        null_prior: Prior probability of NULL.
        uniform: Share of jumps that go anywhere.

    Returns:
        Posteriors of each cell with target words choosing, with source words choosing, shape (cells,); of NULL
        for each target and each source word; log-likelihoods (n, 2); jump statistics (n, 2, 2, jumps).
    """
    n = len(cells) - 1
    forward, backward = np.empty(cells[-1], np.float32), np.empty(cells[-1], np.float32)
    tgt_unlinked, src_unlinked = np.ones(len(tgt), np.float32), np.ones(len(src), np.float32)
    log_likelihood = np.zeros((n, 2))
    departures = np.zeros((n, 2, 2, jumps.shape[1]))
    for k in prange(n):
        a, b, c, d = src_offsets[k], src_offsets[k + 1], tgt_offsets[k], tgt_offsets[k + 1]
        if a == b or c == d:
            continue
        mine = ids[cells[k] : cells[k + 1]]
        for side in range(2):
            steps, states = (d - c, b - a) if side == 0 else (b - a, d - c)
            emission, null = np.empty((steps, states), np.float32), np.empty(steps, np.float32)
            _emissions(mine, table, side, b - a, d - c, emission)
            words = tgt[c:d] if side == 0 else src[a:b]
            of_null = tgt_null if side == 0 else src_null
            for t in range(steps):
                null[t] = max(of_null[words[t]], FLOOR) if words[t] < len(of_null) else FLOOR
            unlinked = tgt_unlinked[c:d] if side == 0 else src_unlinked[a:b]
            if jumps.shape[1] == 0:
                log_likelihood[k, side] = mixture(emission, null, null_prior, unlinked)
            else:
                log_likelihood[k, side] = hmm(
                    emission, null, jumps[side], null_prior, uniform, unlinked, departures[k, side]
                )
            _store(emission, side, (forward if side == 0 else backward)[cells[k] : cells[k + 1]])
    return forward, backward, tgt_unlinked, src_unlinked, log_likelihood, departures
