"""The unigram language model of pieces: expected counts over all segmentations of words, and the best segmentation.

Words are sequences of code points; a piece is known by the hash of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F64, I32, I64, U64, kernel
from polyalign.core.rng import mix
from polyalign.kernels.merges import BASE, find_text, table_size


class Lattice(NamedTuple):
    """Pieces and what they cost.

    Args:
        hashes: Of the pieces' texts, in an open table.
        ids: The pieces, -1 for a free place.
        scores: Log probability of each piece; minus infinity for one that is not to be used.
        unknown: Log probability of a character that no piece has.
        longest: Most characters of a piece.
    """

    hashes: U64
    ids: I32
    scores: F64
    unknown: float
    longest: int


@kernel()
def piece_table(hashes: U64) -> tuple[U64, I32]:
    """An open table of pieces by the hashes of their texts; of two with one hash the first."""
    size = table_size(len(hashes))
    keys, ids = np.zeros(size, np.uint64), np.full(size, -1, np.int32)
    for piece in range(len(hashes)):
        at = find_text(keys, ids, hashes[piece])
        if ids[at] == -1:
            keys[at], ids[at] = hashes[piece], piece
    return keys, ids


@kernel()
def _edges(word: I32, start: int, lattice: Lattice, found: I32) -> None:
    """The piece from a place of a word to each end, -1 where there is none."""
    text = np.uint64(0)
    for k in range(min(lattice.longest, len(word) - start)):
        text = text * BASE + mix(np.uint64(word[start + k]))
        found[k] = lattice.ids[find_text(lattice.hashes, lattice.ids, text)]


@kernel()
def _add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -np.inf else float(high + np.log1p(np.exp(low - high)))


@kernel()
def expected_counts(values: I32, offsets: I64, counts: I64, lattice: Lattice) -> F64:
    """How often each piece is expected in words, over all their segmentations by probability, shape (v,)."""
    out = np.zeros(len(lattice.scores))
    longest = lattice.longest
    found = np.empty(longest, np.int32)
    for w in range(len(counts)):
        word = values[offsets[w] : offsets[w + 1]]
        n = len(word)
        forward, backward = np.full(n + 1, -np.inf), np.full(n + 1, -np.inf)
        edges, scores = np.full((n, longest), -1, np.int32), np.full((n, longest), -np.inf)
        forward[0] = backward[n] = 0.0
        for i in range(n):
            _edges(word, i, lattice, found)
            for k in range(min(longest, n - i)):
                edges[i, k] = found[k]
                scores[i, k] = lattice.scores[found[k]] if found[k] >= 0 else -np.inf
            if scores[i, 0] == -np.inf:
                edges[i, 0], scores[i, 0] = -1, lattice.unknown
            for k in range(min(longest, n - i)):
                if scores[i, k] > -np.inf:
                    forward[i + k + 1] = _add(forward[i + k + 1], forward[i] + scores[i, k])
        for i in range(n - 1, -1, -1):
            for k in range(min(longest, n - i)):
                if scores[i, k] > -np.inf:
                    backward[i] = _add(backward[i], scores[i, k] + backward[i + k + 1])
        for i in range(n):
            for k in range(min(longest, n - i)):
                if edges[i, k] >= 0 and scores[i, k] > -np.inf:
                    share = np.exp(forward[i] + scores[i, k] + backward[i + k + 1] - forward[n])
                    out[edges[i, k]] += counts[w] * share
    return out


@kernel()
def best_scores(values: I32, offsets: I64, without: I32, lattice: Lattice) -> F64:
    """Log probability of each text's best segmentation that does not use a certain piece (-1: any may be used), shape (n,)."""
    out = np.zeros(len(without))
    found = np.empty(lattice.longest, np.int32)
    for w in range(len(without)):
        word = values[offsets[w] : offsets[w + 1]]
        best = np.full(len(word) + 1, -np.inf)
        best[0] = 0.0
        for i in range(len(word)):
            _edges(word, i, lattice, found)
            single = False
            for k in range(min(lattice.longest, len(word) - i)):
                piece = found[k]
                if piece >= 0 and piece != without[w] and lattice.scores[piece] > -np.inf:
                    best[i + k + 1] = max(best[i + k + 1], best[i] + lattice.scores[piece])
                    single = single or k == 0
            if not single:
                best[i + 1] = max(best[i + 1], best[i] + lattice.unknown)
        out[w] = best[len(word)]
    return out
