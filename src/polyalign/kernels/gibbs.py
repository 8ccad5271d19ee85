"""Collapsed Gibbs sampling of word links: one sweep over a corpus in one direction.

The side whose words choose is called words, the other states. A word's link is the position of a
state, -1 for NULL. Both directions share their counts of pairs of types.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U16, kernel
from polyalign.core.rng import stream, uniform

#: Jumps are counted up to this length; longer ones with the longest.
LONGEST_JUMP = 1023
#: Fertilities 0 .. 7; none beyond MOST_FERTILE is drawn.
FERTILITIES, MOST_FERTILE = 8, 6

#: Modes of `sweep`: the first links, from expected counts; links of a corpus; links with counts that stay.
START, TRAIN, FROZEN = 0, 1, 2


@kernel()
def _distance(jump: int) -> int:
    return max(-LONGEST_JUMP, min(LONGEST_JUMP, jump)) + LONGEST_JUMP


@kernel()
def _by_word(
    lo: int, hi: int, cell_word: U16, cell_state: U16, cell_id: I32, starts: I64, order: I64, at: I32, ids: I32
) -> None:
    # A counting sort of one sentence pair's cells by word.
    starts[:] = 0
    for x in range(lo, hi):
        starts[cell_word[x] + 2] += 1
    for t in range(2, len(starts)):
        starts[t] += starts[t - 1]
    for x in range(lo, hi):
        y = starts[cell_word[x] + 1]
        starts[cell_word[x] + 1] += 1
        order[y], at[y], ids[y] = x, cell_state[x], cell_id[x]


@kernel()
def _widest(offsets: I64) -> int:
    widest = 1
    for k in range(len(offsets) - 1):
        widest = max(widest, offsets[k + 1] - offsets[k])
    return int(widest)


@kernel()
def _count(
    id: int,
    word: int,
    state: int,
    by: float,
    counts: F64,
    totals: F64,
    inverse: F32,
    word_totals: F64,
    null_counts: F64,
) -> None:
    # A link comes (by = 1) or goes (by = -1); null_counts[0] is their total, since no word has id 0.
    if id < 0:
        null_counts[word] += by
        null_counts[0] += by
    else:
        counts[id] += by
        totals[state] += by
        inverse[state] = 1.0 / totals[state]
        word_totals[word] += by


@kernel()
def _id_of(state: int, at: I32, ids: I32) -> int:
    for y in range(len(at)):
        if at[y] == state:
            return int(ids[y])
    return -1


@kernel()
def _add(weights: F32, order: I64, unit: np.float32, posterior: U16) -> None:
    before = np.float32(0)
    for y in range(len(order)):
        posterior[order[y]] += np.uint16((weights[y] - before) * unit + np.float32(0.5))
        before = weights[y]


@kernel()
def _weigh(
    at: I32,
    ids: I32,
    states: I32,
    other: I32,
    word: int,
    old_id: int,
    old_type: int,
    left: int,
    right: int,
    start: bool,
    phi: I32,
    counts: F64,
    totals: F64,
    inverse: F32,
    jumps: F32,
    fertility: F32,
    weights: F32,
) -> np.float32:
    # Running sums of the weights of one word's cells; -2 for `word` if the counts hold nothing of its own.
    total = np.float32(0)
    for y in range(len(at)):
        s = at[y]
        e = states[s]
        back = 1.0 if word >= 0 and other[s] == word else 0.0
        if back > 0.0 or e == old_type:
            own = back + (1.0 if ids[y] == old_id else 0.0)
            w = np.float32((counts[ids[y]] - own) / (totals[e] - back - (1.0 if e == old_type else 0.0)))
        else:
            w = np.float32(counts[ids[y]]) * inverse[e]
        w *= jumps[_distance(s - left)]
        if not start:
            w *= jumps[_distance(right - s)] * fertility[e, min(phi[s], FERTILITIES - 1)]
        total += w
        weights[y] = total
    return total


@kernel()
def sweep(
    word_offsets: I64,
    state_offsets: I64,
    words: I32,
    states: I32,
    cells: I64,
    cell_word: U16,
    cell_state: U16,
    cell_id: I32,
    keys: I64,
    links: I32,
    other: I32,
    counts: F64,
    totals: F64,
    inverse: F32,
    word_totals: F64,
    null_counts: F64,
    jumps: F32,
    fertility: F32,
    null_prior: float,
    seed: int,
    iteration: int,
    mode: int,
    scale: int,
    posterior: U16,
    jump_counts: F64,
    fertility_counts: F32,
) -> None:
    """Draw every word's link anew, given all other links.

    A link to state s, i words of type e, has weight n(e, f) / n(e) J(s - left) J(right - s) F(e, phi + 1) / F(e, phi),
    NULL has null_prior n(NULL, f) / n(NULL) J(right - left), where left and right are the nearest links of the
    words around. The counts lack what this word adds itself, its own link and a link of `other` to it.

    Args:
        word_offsets: Where each pair's words begin, and the end, shape (n + 1,); likewise for states.
        state_offsets: See above.
        words: Type of each word.
        states: Type of each state.
        cells: Where each pair's candidate cells begin, and the end, shape (n + 1,).
        cell_word: Word of each cell.
        cell_state: State of each cell.
        cell_id: Id of the cell's pair of types.
        keys: Of each sentence pair's random stream.
        links: State of each word, -1 for NULL; drawn anew.
        other: Links of the other direction.
        counts: Links of each pair of types in both directions, prior included; kept up to date.
        totals: The same of each state type.
        inverse: One over `totals`.
        word_totals: The same of each word type.
        null_counts: NULL links of each word type, prior included; [0] is their total.
        jumps: Probability of each jump, -LONGEST_JUMP .. LONGEST_JUMP.
        fertility: P(k + 1) / P(k) of each state type, shape (types, FERTILITIES).
        null_prior: Weight of NULL.
        seed: Of the chain.
        iteration: Of the chain, each direction having its own numbers.
        mode: START, TRAIN or FROZEN.
        scale: What a probability of 1 adds to `posterior`; 0 for adding nothing.
        posterior: Of each cell, summed over sweeps.
        jump_counts: Written to, the new links' jumps.
        fertility_counts: Written to, their fertilities; left alone if empty.
    """
    n_words, n_states, n_cells = _widest(word_offsets), _widest(state_offsets), _widest(cells)
    starts, order = np.empty(n_words + 2, np.int64), np.empty(n_cells, np.int64)
    at, ids, weights = np.empty(n_cells, np.int32), np.empty(n_cells, np.int32), np.empty(n_cells, np.float32)
    ahead, phi = np.empty(n_words, np.int32), np.empty(n_states, np.int32)
    start = mode == START
    for k in range(len(cells) - 1):
        a, c = word_offsets[k], state_offsets[k]
        n, m = word_offsets[k + 1] - a, state_offsets[k + 1] - c
        if n == 0 or m == 0:
            continue
        _by_word(cells[k], cells[k + 1], cell_word, cell_state, cell_id, starts[: n + 2], order, at, ids)
        phi[:m] = 0
        right = m
        for t in range(n - 1, -1, -1):
            ahead[t] = right
            if not start and links[a + t] >= 0:
                right = links[a + t]
                phi[right] += 1
        random = stream(seed, iteration, keys[k])
        left = -1
        for t in range(n):
            word, old, old_id, right = words[a + t], -1 if start else links[a + t], -1, ahead[t]
            lo, hi = starts[t], starts[t + 1]
            old_type = -1
            if old >= 0:
                phi[old] -= 1
                old_type, old_id = states[c + old], _id_of(old, at[lo:hi], ids[lo:hi])
            total = _weigh(
                at[lo:hi],
                ids[lo:hi],
                states[c : c + m],
                other[c : c + m],
                t if mode == TRAIN else -2,
                old_id,
                old_type if mode == TRAIN else -1,
                left,
                right,
                start,
                phi,
                counts,
                totals,
                inverse,
                jumps,
                fertility,
                weights,
            )
            own = 1.0 if mode == TRAIN and old < 0 else 0.0
            null = np.float32(null_prior * (null_counts[word] - own) / (null_counts[0] - own))
            if not start:
                null *= jumps[_distance(right - left)]
            total += null
            if scale > 0:
                _add(weights, order[lo:hi], np.float32(scale) / total, posterior)
            draw, y = np.float32(uniform(random)) * total, lo
            while y < hi and draw >= weights[y - lo]:
                y += 1
            new, new_id = (at[y], ids[y]) if y < hi else (-1, -1)
            if new >= 0:
                phi[new] += 1
                jump_counts[_distance(new - left)] += 1
                left = new
            links[a + t] = new
            if mode == TRAIN and new_id != old_id:
                _count(old_id, word, old_type, -1.0, counts, totals, inverse, word_totals, null_counts)
                e = states[c + new] if new >= 0 else -1
                _count(new_id, word, e, 1.0, counts, totals, inverse, word_totals, null_counts)
        jump_counts[_distance(m - left)] += 1
        for s in range(m if len(fertility_counts) else 0):
            fertility_counts[states[c + s], min(phi[s], FERTILITIES - 1)] += 1


@kernel()
def recount(
    word_offsets: I64,
    state_offsets: I64,
    words: I32,
    states: I32,
    cells: I64,
    cell_word: U16,
    cell_state: U16,
    cell_id: I32,
    links: I32,
    counts: F64,
    totals: F64,
    word_totals: F64,
    null_counts: F64,
) -> None:
    """Add the links of a corpus in one direction to the counts; arguments as of `sweep`."""
    for k in range(len(cells) - 1):
        a, c = word_offsets[k], state_offsets[k]
        for x in range(cells[k], cells[k + 1]):
            t = a + cell_word[x]
            if links[t] == cell_state[x]:
                counts[cell_id[x]] += 1
                totals[states[c + cell_state[x]]] += 1
                word_totals[words[t]] += 1
        for t in range(a, word_offsets[k + 1]):
            if links[t] < 0 and state_offsets[k + 1] > c:
                null_counts[words[t]] += 1
                null_counts[0] += 1
