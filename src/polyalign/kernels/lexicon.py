"""A word translation model from aligned beads, and the weights of its sources of evidence."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, kernel

_HASH = np.uint64(0x9E3779B97F4A7C15)


@kernel()
def _slot(table: I64, key: int) -> int:
    mask = np.uint64(len(table) - 1)
    at = (np.uint64(key) * _HASH) >> np.uint64(20) & mask
    while table[at] != -1 and table[at] != key:
        at = (at + np.uint64(1)) & mask
    return int(at)


@kernel()
def word_pairs(src: I32, src_at: I64, tgt: I32, tgt_at: I64, width: int) -> tuple[I64, I32]:
    """Number the distinct word pairs of the beads in the order they are met.

    Args:
        src: Source tokens of all beads, shape (s,).
        src_at: Where each bead's tokens start, shape (beads + 1,).
        tgt: Target tokens.
        tgt_at: Likewise.
        width: More than any token id.

    Returns:
        The distinct pairs as ``src * width + tgt``, and every bead's pairs by number, source words
        within target words.
    """
    total = 0
    for b in range(len(src_at) - 1):
        total += (src_at[b + 1] - src_at[b]) * (tgt_at[b + 1] - tgt_at[b])
    number = np.empty(total, np.int32)
    keys = np.empty(1024, np.int64)
    table, found = np.full(1 << 16, -1, np.int64), np.empty(1 << 16, np.int32)
    known, at = 0, 0
    for b in range(len(src_at) - 1):
        for y in range(tgt_at[b], tgt_at[b + 1]):
            for x in range(src_at[b], src_at[b + 1]):
                key = np.int64(src[x]) * width + tgt[y]
                slot = _slot(table, key)
                if table[slot] == -1:
                    if known == len(keys):
                        keys = np.concatenate((keys, np.empty_like(keys)))
                    keys[known] = key
                    table[slot], found[slot] = key, known
                    known += 1
                    if 2 * known > len(table):
                        table, found = np.full(4 * len(table), -1, np.int64), np.empty(4 * len(table), np.int32)
                        for k in range(known):
                            slot = _slot(table, keys[k])
                            table[slot], found[slot] = keys[k], k
                        slot = _slot(table, key)
                number[at] = found[slot]
                at += 1
    return keys[:known].copy(), number


@kernel()
def translation_counts(
    given: I64, told: I64, number: I32, starts: tuple[I64, I64], side: int, null: F64, width: int, iterations: int
) -> tuple[F64, F64]:
    """Expected translation counts by IBM model 1.

    ``P(w | x)`` competes among a bead's given words x and a NULL word of probability ``null[w]``
    fixed in advance. Each pair's last count is discounted by the share that one bead contributes
    (leave one out), so that a pair seen in one bead alone is no evidence for that bead.

    Args:
        given: Given word of each distinct pair.
        told: Predicted word of each distinct pair.
        number: Each bead's pairs, see `word_pairs`.
        starts: Where each bead's source and target words start.
        side: Which side is given, 0 for the source.
        null: Unigram probability of each predicted word, shape (width,).
        width: More than any word id.
        iterations: Of expectation maximisation.

    Returns:
        Discounted counts of each pair, and total counts of each given word, shape (width,).
    """
    pairs = len(given)
    prob, count, seen = np.full(pairs, 0.02), np.zeros(pairs), np.zeros(pairs)
    total = np.zeros(width)
    for k in range(len(number)):
        seen[number[k]] += 1
    for iteration in range(iterations):
        count[:], total[:] = 0.0, 0.0
        at = 0
        for b in range(len(starts[0]) - 1):
            n, m = starts[0][b + 1] - starts[0][b], starts[1][b + 1] - starts[1][b]
            # Source words lie within target words: given words are 1 apart, or n.
            outer, inner, far, near = (m, n, n, 1) if side == 0 else (n, m, 1, n)
            if n * m > 0:
                for y in range(outer):
                    first = at + y * far
                    mass = null[told[number[first]]]
                    for x in range(inner):
                        mass += prob[number[first + x * near]]
                    for x in range(inner):
                        k = number[first + x * near]
                        count[k] += prob[k] / mass
            at += n * m
        for k in range(pairs):
            total[given[k]] += count[k]
        if iteration < iterations - 1:
            for k in range(pairs):
                prob[k] = count[k] / total[given[k]]
    for k in range(pairs):
        count[k] *= 1.0 - 1.0 / seen[k]
    return count, total


@kernel()
def evidence_weights(
    src: I32,
    src_at: I64,
    tgt: I32,
    tgt_at: I64,
    match_at: I64,
    match_word: I32,
    match_kind: I32,
    match_ratio: F64,
    weights: F64,
    iterations: int,
) -> F64:
    """Re-estimate how often a target word is explained by chance or by each kind of evidence.

    ``P(w | bead) / P(w) = weights[0] + sum over kinds k of weights[k + 1] * mean over the bead's source
    words of ratio_k(w, s)``; the weights maximise the beads' likelihood (expectation maximisation,
    with the weights given as ten tokens' worth of prior).
    """
    kinds = len(weights) - 1
    part = np.zeros((len(tgt), kinds))  # the mean ratio of each kind for each target word
    copies = np.zeros(1 + (src.max() if len(src) else 0), np.int32)
    for b in range(len(src_at) - 1):
        n = src_at[b + 1] - src_at[b]
        for x in range(src_at[b], src_at[b + 1]):
            copies[src[x]] += 1
        for y in range(tgt_at[b], tgt_at[b + 1]):
            for e in range(match_at[tgt[y]], match_at[tgt[y] + 1]):
                if match_word[e] < len(copies) and copies[match_word[e]] > 0:
                    part[y, match_kind[e]] += match_ratio[e] * copies[match_word[e]] / n
        for x in range(src_at[b], src_at[b + 1]):
            copies[src[x]] = 0
    old = weights.copy()
    for _ in range(iterations):
        new = weights * 10.0
        for y in range(len(tgt)):
            mass = old[0]
            for k in range(kinds):
                mass += old[k + 1] * part[y, k]
            new[0] += old[0] / mass
            for k in range(kinds):
                new[k + 1] += old[k + 1] * part[y, k] / mass
        old = new / new.sum()
    return old
