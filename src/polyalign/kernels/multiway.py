"""One more language for a joint alignment: its sentences laid along the units that the others share.

A unit is what a sentence, or a piece of one, says in all languages: ``members[x, a]`` is the sentence of language a in unit x,
or -1. Down a column sentences rise, and one that has two counterparts elsewhere stands in two units. Languages'
sentences lie end to end: sentence s of language a is row ``first[a] + s``. ``low[row, b] <= t < high[row, b]`` are the
sentences of b that the pairwise alignment links to it with probability ``prob[row, b]``; ``known[a, b]`` says whether there
is such an alignment. That two sentences share a unit is worth ``[linked] prob - price (prob of the one + prob of the other) / 2``.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, Mask, kernel

#: Units a sentence covers at most.
_UNITS = 16
#: Cuts kept beyond those that the pairwise alignments name, and how far one of them may stray from their median.
_SLACK, _STRAY = 2, 40


@kernel()
def _band(members: I32, new: int, first: I64, low: I32, high: I32, known: Mask, inside: Mask) -> tuple[I32, I32]:
    """Between which of its sentences the new language may be cut where a unit begins, by the pairwise alignments.

    Returns:
        The first and the last cut within reach of each unit's begin, and of the end, shape (units + 1,) each.
    """
    units, languages = members.shape
    size = first[new + 1] - first[new]
    lowest, highest = np.full(units + 1, size, np.int32), np.full(units + 1, size, np.int32)
    below, above = np.empty(languages), np.empty(languages)
    done = np.zeros(languages, np.int32)
    for x in range(units + 1):
        count = 0
        for a in range(languages):
            if not inside[a] or not known[a, new]:
                continue
            row, here = first[a] + done[a], members[x, a] if x < units else -1
            before = high[row - 1, new] if done[a] > 0 else 0
            after = low[row, new] if row < first[a + 1] else size
            if here >= 0 and here == done[a] - 1:
                before, after = high[row - 1, new], low[row - 1, new]
            below[count], above[count], count = min(before, after), max(before, after), count + 1
            if here >= 0:
                done[a] = here + 1
        if count:
            bottom, top = np.median(below[:count]) - _STRAY, np.median(above[:count]) + _STRAY
            lowest[x] = max(0, int(max(below[:count].min(), bottom)) - _SLACK)
            highest[x] = min(size, int(min(above[:count].max(), top)) + _SLACK)
    lowest[0], highest[units] = 0, size
    for x in range(units - 1, -1, -1):
        lowest[x] = min(lowest[x], lowest[x + 1])
    for x in range(1, units + 1):
        highest[x] = max(highest[x], highest[x - 1])
        lowest[x] = min(lowest[x], highest[x - 1])
    return lowest, highest


@kernel()
def _worth(members: I32, new: int, at: I64, start: I32, first: I64, low: I32, high: I32, prob: F32, known: Mask, inside: Mask, price: float) -> F64:  # fmt: skip
    """What it is worth to put a sentence of the new language with those that begin in, or lead into, each unit.

    Returns:
        Entry ``at[x] + t - start[x]`` for sentence t, shape (entries, 2): those that begin, those that lead in.
    """
    units, languages = members.shape
    out = np.zeros((at[units], 2))
    for x in range(units):
        here = out[at[x] : at[x + 1]]
        for a in range(languages):
            s = members[x, a]
            if s < 0 or not inside[a] or not known[a, new]:
                continue
            side = 1 if x > 0 and members[x - 1, a] == s else 0
            row = first[a] + s
            for t in range(start[x], min(start[x] + len(here), first[new + 1] - first[new])):
                here[t - start[x], side] -= price * 0.5 * (prob[row, new] + prob[first[new] + t, a])
            for t in range(max(low[row, new], start[x]), min(high[row, new], start[x] + len(here))):
                here[t - start[x], side] += prob[row, new]
    return out


@kernel()
def _search(worth: F64, at: I64, start: I32, lowest: I32, highest: I32) -> tuple[I32, float]:
    """The way of greatest worth through states (unit x, sentences done j, whether within unit x rather than before it).

    Returns:
        The states from the last to the first, shape (steps + 1, 3), and the worth.
    """
    units = len(lowest) - 1
    rows = np.zeros(units + 2, np.int64)
    for x in range(units + 1):
        rows[x + 1] = rows[x] + highest[min(x + 1, units)] - lowest[x] + 1
    value = np.full((rows[units + 1], 2), -np.inf)
    back = np.zeros((rows[units + 1], 2, 2), np.int8)  # units back, -1 for one passed without a sentence; within it
    value[0, 0] = 0.0
    for x in range(units + 1):
        for j in range(lowest[x], highest[min(x + 1, units)] + 1):
            here = rows[x] + j - lowest[x]
            if x > 0 and j <= highest[min(x, units)]:
                passed = value[rows[x - 1] + j - lowest[x - 1], 0]
                if passed > value[here, 0]:
                    value[here, 0], back[here, 0, 0] = passed, -1
            t = j - 1
            for within in range(2 if x < units else 1):
                total = 0.0
                for u in range(min(x, _UNITS) + 1):
                    p = x - u
                    if u > 0 or within == 1:
                        total += worth[at[p] + t - start[p], 0] if t >= start[p] else 0.0
                    if t < lowest[p] or t > highest[min(p + 1, units)]:
                        continue
                    before = rows[p] + t - lowest[p]
                    leading = worth[at[p] + t - start[p], 1] if p < units else 0.0
                    for state in range(2 if u > 0 or within == 1 else 1):
                        found = value[before, state] + total + leading
                        # More by a hair, so that the order of a sum decides nothing.
                        if found > value[here, within] + 1e-9:
                            value[here, within] = found
                            back[here, within, 0], back[here, within, 1] = u, state
    x, j, within = units, highest[units], 0
    out = np.zeros((units + j + 1, 3), np.int32)
    out[0, 0], out[0, 1] = x, j
    count = 1
    while x > 0 or j > 0 or within > 0:
        here = rows[x] + j - lowest[x]
        u, state = back[here, within, 0], back[here, within, 1]
        x, j, within = (x - 1, j, 0) if u < 0 else (x - u, j - 1, state)
        out[count, 0], out[count, 1], out[count, 2] = x, j, within
        count += 1
    return out[:count].copy(), float(value[rows[units + 1] - 1, 0])


@kernel()
def add_language(members: I32, new: int, first: I64, low: I32, high: I32, prob: F32, known: Mask, inside: Mask, price: float) -> tuple[I32, float]:  # fmt: skip
    """Lay one more language along the units of those inside, at the greatest worth, by dynamic programming.

    Args:
        members: The units; the new language's column is -1, shape (units, languages).
        new: The language that joins.
        first: Row of each language's first sentence, shape (languages + 1,).
        low: First sentence linked to each sentence in each language, shape (rows, languages).
        high: One past the last.
        prob: Probability of those links.
        known: Which languages were aligned with which, shape (languages, languages).
        inside: Languages that have their place, shape (languages,).
        price: Of two sentences being together.

    Returns:
        The units with the new language, split where it has two sentences in one; what its links are worth.
    """
    units, languages = members.shape
    lowest, highest = _band(members, new, first, low, high, known, inside)
    at, start = np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int32)
    for x in range(units):
        start[x] = lowest[max(0, x - _UNITS)]
        at[x + 1] = at[x] + highest[min(units, x + _UNITS + 1)] - start[x] + 1
    worth = _worth(members, new, at, start, first, low, high, prob, known, inside, price)
    path, total = _search(worth, at, start, lowest, highest)
    out = np.full((units + 2 * (first[new + 1] - first[new]), languages), -1, np.int32)
    count = 0
    for step in range(len(path) - 1, 0, -1):
        x, t, within = path[step, 0], path[step, 1], path[step, 2]
        until, end, ends_within = path[step - 1, 0], path[step - 1, 1], path[step - 1, 2]
        if t == end:
            out[count], count = members[x], count + 1
            continue
        if x == until and within == ends_within == 0:
            # Alone, but for sentences that go on beyond it.
            for a in range(languages):
                if 0 < x < units and members[x - 1, a] == members[x, a]:
                    out[count, a] = members[x, a]
            out[count, new], count = t, count + 1
            continue
        for y in range(x, until + ends_within):
            out[count] = members[y]
            out[count, new], count = t, count + 1
    return out[:count].copy(), total


@kernel()
def tidy(members: I32) -> I32:
    """Without cuts that part nothing: a unit whose sentences are all in its neighbour too is one with it."""
    out = np.empty_like(members)
    count = 0
    for x in range(len(members)):
        row = members[x]
        if count and ((out[count - 1] == row) | (row < 0)).all():
            continue
        if count and ((out[count - 1] == row) | (out[count - 1] < 0)).all():
            count -= 1
        if (row >= 0).any():
            out[count] = row
            count += 1
    return out[:count].copy()


@kernel()
def agreement(members: I32, first: I64, low: I32, high: I32, prob: F32, known: Mask) -> F32:
    """How far the pairwise alignments agree with each unit.

    Args:
        members: The units, shape (units, languages).
        first: See `add_language`, as the following.
        low: First sentence linked.
        high: One past the last.
        prob: Probability of the link, or of there being none.
        known: Which languages were aligned.

    Returns:
        The mean over the unit's sentences and the languages aligned with theirs of ``p |A & B| / |A | B|``, with A what
        the pairwise alignment links to the sentence, B what shares a unit with it and 0/0 = 1; shape (units,).
    """
    units, languages = members.shape
    total, pairs = np.zeros(units), np.zeros(units)
    for a in range(languages):
        for b in range(languages):
            if not known[a, b]:
                continue
            x = 0
            while x < units:
                s, y = members[x, a], x + 1
                if s < 0:
                    x += 1
                    continue
                while y < units and members[y, a] == s:
                    y += 1
                begin, end = 0, 0
                for z in range(x, y):
                    if members[z, b] >= 0:
                        begin = members[z, b] if begin == end else begin
                        end = members[z, b] + 1
                row = first[a] + s
                shared = max(0, min(end, high[row, b]) - max(begin, low[row, b]))
                union = (end - begin) + (high[row, b] - low[row, b]) - shared
                total[x:y] += prob[row, b] * (shared / union if union else 1.0)
                pairs[x:y] += 1
                x = y
    return (total / np.maximum(pairs, 1.0)).astype(np.float32)
