"""Priors of word links from how near words are in two spaces of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F32, F64, I32, I64
from polyalign.core.ragged import Ragged, offsets
from polyalign.core.space import Space
from polyalign.kernels.nearest import nearest
from polyalign.words.priors import rows

#: Nearest neighbours whose mean similarity says how much of a hub a word is.
HUB = 10
#: Pseudo-counts below this share of the weight are left out.
LEAST = 0.005
#: Similarities in memory at a time.
BLOCK = 1 << 24


def space_priors(
    src_space: Space,
    tgt_space: Space,
    src_words: Sequence[str],
    tgt_words: Sequence[str],
    *,
    weight: float,
    neighbours: int = 50,
    temperature: float = 0.1,
    centre: bool = True,
    text: tuple[Ragged, Ragged] | None = None,
) -> pa.Table:
    """Pseudo-counts of links from spaces in which translations are near each other.

    Each word's pseudo-count is shared out over its nearest words of the other language,

        csls(s, t) = 2 cos(s, t) - r(s) - r(t)
        p(t | s) = exp(csls(s, t) / temperature) / sum over the neighbours t' of s
        weight(s, t) = weight * (p(t | s) + p(s | t)) / 2

    where r is the mean cosine to the 10 nearest words of the other language. A rare word so follows the
    spaces and a frequent one the text: adding w p(t | s) to its expected counts gives, after
    normalisation, what EE-GIZA++ writes as adding w p(t | s) / freq(s) to its translation probabilities.

    With `text` only words that occur in a sentence pair with a word are its neighbours, as in EE-GIZA++; without, all.

    **Differs:** EE-GIZA++ shares out in one direction, here it is the mean of both; and its weight is 10,000. For the
    sampler small weights are best: 0.2 with `text`, about 0.5 without.

    Args:
        src_space: Vectors of source words.
        tgt_space: Vectors of target words, in the same space: from one encoder, or mapped.
        src_words: The source words that occur; those without a vector get no prior.
        tgt_words: Likewise.
        weight: Pseudo-count that each word has to share out.
        neighbours: Over how many of its nearest words.
        temperature: Lower for more to the nearest.
        centre: Subtract each language's mean first, in which encoders keep what language a word is of.
        text: Source and target sentences, as places in `src_words` and `tgt_words`.

    Returns:
        A table of priors, as `words.align/gibbs` takes it.

    Raises:
        ValueError: Spaces of different dimensions, or a parameter out of range.

    Complexity:
        O(n m d) time for n source and m target words with d dimensions, and memory for blocks of it; with `text`
        memory for every pair of words that occur together.

    References: marchisio2022embedding, conneau2018word
    """
    if src_space.vectors.shape[1] != tgt_space.vectors.shape[1]:
        raise ValueError(
            f"space_priors: vectors have {src_space.vectors.shape[1]} and {tgt_space.vectors.shape[1]} dimensions, "
            "expected two spaces with as many; map one to the other first"
        )
    if not (0 < weight < np.inf and neighbours > 0 and 0 < temperature < np.inf):
        raise ValueError(
            f"space_priors: weight {weight}, neighbours {neighbours} and temperature {temperature} must be above 0"
        )
    src, x = _vectors(src_space, src_words, centre)
    tgt, y = _vectors(tgt_space, tgt_words, centre)
    if not len(src) or not len(tgt):
        return rows("full", "link", np.zeros(0, np.float32))
    hubs = _hubs(x, y), _hubs(y, x)
    if text is None:
        # Of each word its nearest; what csls subtracts for the word itself makes no difference to its shares.
        s, t, forward = _nearest(x, y, hubs[1], neighbours)
        b, a, backward = _nearest(y, x, hubs[0], neighbours)
    else:
        s, t = _met(text, _places(src, src_words), _places(tgt, tgt_words))
        a, b = s, t
        forward = backward = 2 * _cosines(x, y, s, t) - hubs[0][s] - hubs[1][t]
    forward = _shares(s, forward, neighbours, temperature)
    backward = _shares(b, backward, neighbours, temperature)
    pairs, at = np.unique(np.concatenate([s * len(tgt) + t, a * len(tgt) + b]), return_inverse=True)
    p = np.bincount(at, np.concatenate([forward, backward]), len(pairs)) / 2
    kept = np.flatnonzero(p >= LEAST)
    names = [src[k] for k in pairs[kept] // len(tgt)], [tgt[k] for k in pairs[kept] % len(tgt)]
    return rows("full", "link", weight * p[kept], src=names[0], tgt=names[1])


def _vectors(space: Space, words: Sequence[str], centre: bool) -> tuple[list[str], F32]:
    # The words that have a vector, and their vectors with length 1.
    place = {word: k for k, word in enumerate(space.words)}
    found = [word for word in dict.fromkeys(words) if word in place]
    x = space.vectors[[place[word] for word in found]]
    if centre and len(found):
        x = x - x.mean(0)
    return found, np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), np.float32)


def _greatest(x: F32, y: F32, bias: F32, k: int) -> tuple[F32, I32]:
    # Of each row of x the k rows of y with the greatest cosine less their bias.
    step, k = max(1, BLOCK // len(y)), min(k, len(y))
    parts = [nearest(x[first : first + step] @ y.T, bias, k) for first in range(0, len(x), step)]
    return np.concatenate([value for value, _ in parts]), np.concatenate([at for _, at in parts])


def _hubs(x: F32, y: F32) -> F32:
    # Mean cosine of each row of x to its nearest rows of y.
    return np.asarray(_greatest(x, y, np.zeros(len(y), np.float32), HUB)[0].mean(1), np.float32)


def _nearest(x: F32, y: F32, hubs: F32, neighbours: int) -> tuple[I64, I64, F64]:
    # Each row of x with its nearest rows of y, and 2 cosine - hub.
    value, at = _greatest(x, y, hubs / np.float32(2), neighbours)
    return np.repeat(np.arange(len(at)), at.shape[1]), at.ravel().astype(np.int64), 2 * value.ravel().astype(np.float64)


def _shares(row: I64, csls: F64, neighbours: int, temperature: float) -> F64:
    # Softmax over the greatest values of each row; 0 for others.
    p = np.zeros(len(row))
    if not len(row):
        return p
    order = np.lexsort((-csls, row))
    begin = np.flatnonzero(np.diff(row[order], prepend=-1))
    lengths = np.diff(begin, append=len(row))
    rank = np.arange(len(row)) - np.repeat(begin, lengths)
    share = np.exp((csls[order] - np.repeat(csls[order][begin], lengths)) / temperature) * (rank < neighbours)
    p[order] = share / np.repeat(np.add.reduceat(share, begin), lengths)
    return p


def _places(found: Sequence[str], words: Sequence[str]) -> I64:
    # Where each word is among those that have a vector, -1 for none.
    place = {word: k for k, word in enumerate(found)}
    return np.fromiter((place.get(word, -1) for word in words), np.int64, len(words))


def _met(text: tuple[Ragged, Ragged], src_places: I64, tgt_places: I64) -> tuple[I64, I64]:
    # The pairs of words with vectors that occur in a sentence pair, each once.
    src, tgt = text
    width = int(tgt_places.max(initial=0)) + 1
    ends = offsets(src.lengths * tgt.lengths)
    cuts = {0, *np.searchsorted(ends, np.arange(BLOCK, ends[-1], BLOCK)).tolist(), len(src)}
    parts = [np.zeros(0, np.int64)]
    for first, last in pairwise(sorted(cuts)):
        row = np.repeat(np.arange(first, last), np.diff(ends[first : last + 1]))
        inner = np.arange(ends[first], ends[last]) - ends[row]
        s = src_places[src.values[src.offsets[row] + inner // tgt.lengths[row]]]
        t = tgt_places[tgt.values[tgt.offsets[row] + inner % tgt.lengths[row]]]
        parts.append(np.unique((s * width + t)[(s >= 0) & (t >= 0)]))
    keys = np.unique(np.concatenate(parts))
    return keys // width, keys % width


def _cosines(x: F32, y: F32, s: I64, t: I64) -> F64:
    step = max(1, BLOCK // x.shape[1])
    parts = [np.einsum("nd,nd->n", x[s[k : k + step]], y[t[k : k + step]]) for k in range(0, len(s), step)]
    return np.concatenate([np.zeros(0), *parts])
