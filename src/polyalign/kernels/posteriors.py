"""Posteriors of word alignment in one direction or both, for mixtures (Models 1 and 2, fast_align) and the HMM.

Cells, rows and entries are those of `polyalign.kernels.cooccurrence`. Every sentence pair is
computed alone and writes only to its own part of the output.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel, prange
from polyalign.kernels.hmm import hmm


@kernel()
def _emissions(ids: I32, table: F64, side: int, n: int, m: int, floor: float, out: F32 | F64) -> None:
    # out[observed, state]; the cells lie src-major, so the forward direction is transposed on the way.
    for i in range(n):
        for j in range(m):
            k = ids[i * m + j]
            p = max(table[k, side], floor) if k >= 0 else floor
            if side == 0:
                out[j, i] = p
            else:
                out[i, j] = p


@kernel()
def _store(gamma: F32 | F64, side: int, out: F32) -> None:
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
def mixture(emission: F64, null: F64, position: F64, null_prior: float, null_posterior: F32) -> float:
    """A mixture for one sentence: each observed word picks a state on its own.

    Args:
        emission: p(observed | state), shape (t, s); becomes the posterior.
        null: p(observed | NULL), shape (t,).
        position: Prior of each state for each observed word, given that it is not NULL, shape (t, s).
        null_prior: Prior of NULL.
        null_posterior: Written to, shape (t,).

    Returns:
        Log-likelihood of the sentence.
    """
    steps, states = emission.shape
    log_likelihood = 0.0
    for t in range(steps):
        from_null = null_prior * null[t]
        total = from_null + 0.0
        for i in range(states):
            emission[t, i] *= position[t, i] * (1.0 - null_prior)
            total += emission[t, i]
        log_likelihood += np.log(total)
        null_posterior[t] = from_null / total
        scale = 1.0 / total
        for i in range(states):
            emission[t, i] *= scale
    return log_likelihood


@kernel(parallel=True)
def posteriors(
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    cells: I64,
    ids: I32,
    table: F64,
    src_null: F64,
    tgt_null: F64,
    jumps: F32,
    positions: F64,
    at: I64,
    null_prior: float,
    uniform: float,
    floor: float,
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
        jumps: Weights of distances, forward and backward, shape (2, 2 * reach + 3); without columns for a mixture.
        positions: For a mixture, priors of position as `polyalign.kernels.positions` lays them out, shape (2, places); without
            columns all places are alike.
        at: Where those of each pair begin, shape (n,).
        null_prior: Prior probability of NULL.
        uniform: Share of jumps that go anywhere.
        floor: What an entry, and a cell without one, is worth at least.

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
            words = tgt[c:d] if side == 0 else src[a:b]
            of_null = tgt_null if side == 0 else src_null
            unlinked = tgt_unlinked[c:d] if side == 0 else src_unlinked[a:b]
            out = (forward if side == 0 else backward)[cells[k] : cells[k + 1]]
            null = np.full(steps, floor)
            for t in range(steps):
                if words[t] < len(of_null):
                    null[t] = max(of_null[words[t]], floor)
            if jumps.shape[1] == 0:
                emission = np.empty((steps, states))
                _emissions(mine, table, side, b - a, d - c, floor, emission)
                if positions.shape[1] == 0:
                    position = np.full((steps, states), 1.0 / states)
                else:
                    position = positions[side, at[k] : at[k] + steps * states].reshape(steps, states).copy()
                log_likelihood[k, side] = mixture(emission, null, position, null_prior, unlinked)
                _store(emission, side, out)
            else:
                weak, weak_null = np.empty((steps, states), np.float32), null.astype(np.float32)
                _emissions(mine, table, side, b - a, d - c, floor, weak)
                log_likelihood[k, side] = hmm(
                    weak, weak_null, jumps[side], null_prior, uniform, unlinked, departures[k, side]
                )
                _store(weak, side, out)
    return forward, backward, tgt_unlinked, src_unlinked, log_likelihood, departures
