"""Gibbs sampling of word links: one sweep over a run of sentence pairs in one direction.

The side whose words choose is called words, the other states. A word's link is the position of a
state, `NONE` for NULL. Links are drawn with counts that stay as the last sweep left them, and are counted
anew as they are drawn; so sentence pairs do not depend on each other within a sweep, and any number of threads,
in any order, draws and counts the same.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U16, atomic_add, kernel
from polyalign.core.rng import stream, uniform

#: The link of a word that has none.
NONE = 65535
#: Jumps are counted up to this length; longer ones with the longest.
LONGEST_JUMP = 1023
#: Fertilities 0 .. 7; none beyond MOST_FERTILE is drawn.
FERTILITIES, MOST_FERTILE = 8, 6

#: Modes of `sweep`: the first links, from expected counts; links of a corpus; links of other text than was counted.
START, TRAIN, DECODE = 0, 1, 2


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
def _widest(offsets: I64, first: int, last: int) -> int:
    widest = 1
    for k in range(first, last):
        widest = max(widest, offsets[k + 1] - offsets[k])
    return int(widest)


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
    other: U16,
    word: int,
    old_id: int,
    old_type: int,
    left: int,
    right: int,
    start: bool,
    phi: I32,
    counts: F32,
    totals: F32,
    jumps: F32,
    fertility: F32,
    weights: F32,
) -> np.float32:
    # Running sums of the weights of one word's cells; -1 for `word` if the counts hold nothing of its own.
    total = np.float32(0)
    for y in range(len(at)):
        s = at[y]
        e = states[s]
        count, of_state = counts[ids[y]], totals[e]
        if word >= 0:
            if other[s] == word:
                count -= np.float32(1)
                of_state -= np.float32(1)
            if e == old_type:
                of_state -= np.float32(1)
                if ids[y] == old_id:
                    count -= np.float32(1)
        w = count / of_state * jumps[_distance(s - left)]
        if not start:
            w *= jumps[_distance(right - s)] * fertility[e, min(phi[s], FERTILITIES - 1)]
        total += w
        weights[y] = total
    return total


@kernel()
def _count_fertility(states: I32, phi: I32, into: I32) -> None:
    for s in range(len(states)):
        atomic_add(into, states[s] * FERTILITIES + min(phi[s], FERTILITIES - 1), 1)


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
    first: int,
    last: int,
    keys: I64,
    links: U16,
    other: U16,
    counts: F32,
    totals: F32,
    nulls: F32,
    jumps: F32,
    fertility: F32,
    null_prior: float,
    seed: int,
    iteration: int,
    mode: int,
    scale: int,
    posterior: U16,
    new_counts: I32,
    new_nulls: I32,
    new_jumps: I64,
    new_fertility: I32,
) -> None:
    """Draw the links of the words of pairs ``first`` to ``last`` anew, each given all other links.

    A link to state s, i words of type e, has weight n(e, f) / n(e) J(s - left) J(right - s) F(e, phi + 1) / F(e, phi),
    NULL has null_prior n(NULL, f) / n(NULL) J(right - left), where left and right are the nearest links of the
    words around. In TRAIN, n lacks what this word added itself: its own link and a link of `other` to it.

    Args:
        word_offsets: Where each pair's words begin, and the end, shape (n + 1,); likewise for states.
        state_offsets: See above.
        words: Type of each word.
        states: Type of each state.
        cells: Where each pair's candidate cells begin, and the end, shape (n + 1,).
        cell_word: Word of each cell.
        cell_state: State of each cell.
        cell_id: Id of the cell's pair of types.
        first: First sentence pair.
        last: One past the last.
        keys: Of each sentence pair's random stream.
        links: State of each word; drawn anew.
        other: Links of the other direction for pairs ``first`` to ``last`` alone.
        counts: n(e, f), links of each pair of types in both directions, prior included.
        totals: n(e) of each state type.
        nulls: NULL links of each word type, prior included; [0] is their total, since no word has id 0.
        jumps: Probability of each jump, -LONGEST_JUMP .. LONGEST_JUMP.
        fertility: P(k + 1) / P(k) of each state type, shape (types, FERTILITIES).
        null_prior: Weight of NULL.
        seed: Of the chain.
        iteration: Of the chain, each direction having its own numbers.
        mode: START, TRAIN or DECODE.
        scale: What a probability of 1 adds to `posterior`; 0 for adding nothing.
        posterior: Of each cell, summed over sweeps.
        new_counts: Written to, links of each pair of types.
        new_nulls: Written to, unlinked words of each type; empty if nothing is to be counted.
        new_jumps: Written to, jumps.
        new_fertility: Written to, fertilities of each state type, shape (types * FERTILITIES,).
    """
    n_words, n_states = _widest(word_offsets, first, last), _widest(state_offsets, first, last)
    n_cells = _widest(cells, first, last)
    starts, order = np.empty(n_words + 2, np.int64), np.empty(n_cells, np.int64)
    at, ids, weights = np.empty(n_cells, np.int32), np.empty(n_cells, np.int32), np.empty(n_cells, np.float32)
    ahead, phi = np.empty(n_words, np.int32), np.empty(n_states, np.int32)
    start, train, count, base = mode == START, mode == TRAIN, len(new_nulls) > 0, state_offsets[first]
    for k in range(first, last):
        a, c = word_offsets[k], state_offsets[k]
        n, m = word_offsets[k + 1] - a, state_offsets[k + 1] - c
        if n == 0 or m == 0:
            continue
        _by_word(cells[k], cells[k + 1], cell_word, cell_state, cell_id, starts[: n + 2], order, at, ids)
        phi[:m] = 0
        right = m
        for t in range(n - 1, -1, -1):
            ahead[t] = right
            if not start and links[a + t] != NONE:
                right = links[a + t]
                phi[right] += 1
        random = stream(seed, iteration, keys[k])
        left = -1
        for t in range(n):
            word, old, right = words[a + t], NONE if start else links[a + t], ahead[t]
            lo, hi = starts[t], starts[t + 1]
            old_type, old_id = -1, -1
            if old != NONE:
                phi[old] -= 1
                old_type, old_id = states[c + old], _id_of(old, at[lo:hi], ids[lo:hi])
            total = _weigh(
                at[lo:hi],
                ids[lo:hi],
                states[c : c + m],
                other[c - base : c - base + m],
                t if train else -1,
                old_id,
                old_type,
                left,
                right,
                start,
                phi,
                counts,
                totals,
                jumps,
                fertility,
                weights,
            )
            own = np.float32(1.0 if train and old == NONE else 0.0)
            null = np.float32(null_prior * (nulls[word] - own) / (nulls[0] - own))
            if not start:
                null *= jumps[_distance(right - left)]
            total += null
            if scale > 0:
                _add(weights, order[lo:hi], np.float32(scale) / total, posterior)
            draw, y = np.float32(uniform(random)) * total, lo
            while y < hi and draw >= weights[y - lo]:
                y += 1
            if y < hi:
                links[a + t] = at[y]
                phi[at[y]] += 1
                if count:
                    atomic_add(new_counts, ids[y], 1)
                    new_jumps[_distance(at[y] - left)] += 1
                left = at[y]
            else:
                links[a + t] = NONE
                if count:
                    atomic_add(new_nulls, word, 1)
        if count:
            new_jumps[_distance(m - left)] += 1
            _count_fertility(states[c : c + m], phi, new_fertility)
