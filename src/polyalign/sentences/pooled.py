"""Documents as vectors of their sentences, and anchors between them."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64
from polyalign.encoders.neighbours import nearest_both
from polyalign.kernels.anchors import heaviest_chain
from polyalign.kernels.beads_pooled import Vectors
from polyalign.kernels.evidence import Text

#: Vectors are rounded to whole numbers of this length: no sum of their products reaches 2**24, so float32 holds every
#: one exactly, and the result is the same whatever adds it up in whatever order, on however many threads.
LENGTH = 4000.0
#: Pairs of sentences up to which all are compared; most that stand for a longer text, and how far apart at least.
_ALL, _SAMPLE, _STRIDE = 1 << 21, 1024, 32
#: Neighbours that a margin is over, and sentences in a run that stands for its neighbourhood.
_NEIGHBOURS, _RUN = 4, 3
#: Sentences a side up to which two anchors are close together, and characters that the documents as they are count for.
_CLOSE, _CHARACTERS = 12, 500.0
#: How much longer one side may be between two anchors, and sentences without counterpart that a gap may cost.
_SURPLUS, _AFFORD = 2.0, 5.0

Sides = tuple[Vectors, Vectors]


def whole(rows: F32) -> F32:
    """Unit vectors rounded to whole numbers, in place."""
    rows *= np.float32(LENGTH)
    return np.rint(rows, out=rows)


def side_of(rows: F32, text: Text) -> Vectors:
    """One side as arrays: a sentence weighs as the logarithm of its length in a bead, and nothing without a vector."""
    cut = np.arange(len(text.docs) - 1)
    sizes = np.delete(text.chars, text.docs[:-1] + cut) - np.delete(text.chars, text.docs[1:] + cut)
    norm = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    weight = np.where(norm > 0, np.log1p(sizes), 0.0).astype(np.float32)
    scale = weight / np.maximum(norm, np.float32(1.0))
    return Vectors(text.docs, rows, scale, weight, np.ones_like(weight), np.zeros_like(weight))


def length_ratio(src: Text, tgt: Text, cuts: I32, at: I64, usual: float) -> float:
    """Target characters a source character, where anchors are close together: what is missing lies between far ones."""
    document = np.repeat(np.arange(len(at) - 1), np.diff(at))
    close = (np.diff(document) == 0) & (np.diff(cuts, axis=0).max(axis=1, initial=0) <= _CLOSE)
    given, told = (
        float(np.diff(text.chars[text.docs[document] + document + cuts[:, side]])[close].sum())
        for side, text in enumerate((src, tgt))
    )
    return (told + _CHARACTERS * usual) / (given + _CHARACTERS)


def with_gaps(sides: Sides, texts: tuple[Text, Text], cuts: I32, at: I64, ratio: float) -> Sides:
    """The sides, knowing where one is so much longer between two anchors that sentences must be without counterpart.

    Of n sentences with c characters between two anchors, if the other side has d there, ``s = n max(0, 1 - 2 d / c)``
    are too many. If each cost what one without a counterpart costs elsewhere, the sentences at a missing chapter's ends
    would be spread thin over it rather than kept together. So each costs ``5 / (5 + s)`` of that, and no gap more than
    5 sentences do; and of having a counterpart, which one could be given in as many ways as the gap has sentences, the
    probability is ``1 - s / (5 + n)``.

    Args:
        sides: Both sides.
        texts: Both as words.
        cuts: Anchors of all documents, their ends among them, shape (k, 2).
        at: First of each document, shape (d + 1,).
        ratio: Target characters a source character.
    """
    document = np.repeat(np.arange(len(at) - 1), np.diff(at))
    first = np.flatnonzero(np.diff(document) == 0)
    ends = [text.docs[document] + cuts[:, side] for side, text in enumerate(texts)]
    sizes = [np.diff(text.chars[end + document])[first] for text, end in zip(texts, ends, strict=True)]
    sizes[0] = sizes[0] * ratio
    out = []
    for side, other in ((0, 1), (1, 0)):
        count = np.diff(ends[side])[first]
        surplus = count * np.maximum(0.0, 1.0 - _SURPLUS * sizes[other] / np.maximum(sizes[side], 1e-9))
        alone = np.repeat(_AFFORD / (_AFFORD + surplus), count).astype(np.float32)
        paired = np.repeat(np.log1p(-surplus / (_AFFORD + count)), count).astype(np.float32)
        out.append(sides[side]._replace(alone=alone, paired=paired))
    return out[0], out[1]


def anchors(src: F32, tgt: F32) -> I32:
    """Sentence pairs of one document that its path passes by, rising on both sides, from (0, 0) to (n, m).

    Pairs that are each other's nearest by distance margin, of which the heaviest rising chain is kept, without those
    that stand alone: nothing is assumed of where in the texts they lie. In a long text first a sample of at most 1,024 short runs of
    the source is compared with all of the target, and sentences only between the anchors found so.

    Args:
        src: Whole-numbered vectors of the source sentences, shape (n, d).
        tgt: Of the target sentences, shape (m, d).

    Returns:
        Cuts, shape (k, 2).

    Complexity: O(n m d) up to 2 million pairs; else O((n + m) d) for the sample, and between them as
        many pairs as the boxes have, n m / 1,024 if nothing is missing: linear in practice up to a million sentences.
    """
    n, m = len(src), len(tgt)
    found = [np.zeros((0, 3))]
    todo = [(0, n, 0, m)]
    while todo:
        a, b, c, d = todo.pop()
        if b - a < 1 or d - c < 1:
            continue
        if (b - a) * (d - c) <= _ALL:
            i, j, weight = mutual(src[a:b], tgt[c:d])
            found.append(np.stack([a + i, c + j, weight], axis=1))
            continue
        size = min(_SAMPLE, -(-(b - a) // _STRIDE))
        sample = a + (2 * np.arange(size) + 1) * (b - a) // (2 * size)
        i, j, weight = mutual(_runs(src, sample, a, b), _runs(tgt, np.arange(c, d), c, d))
        rows, columns = sample[i], c + j
        chain = _chain(rows, columns, weight, d, max(1, (b - a) // len(sample)))
        ends = [(a, c), *zip(rows[chain].tolist(), columns[chain].tolist(), strict=True), (b, d)]
        for (i0, j0), (i1, j1) in zip(ends, ends[1:], strict=False):
            box = (max(a, i0 - _RUN), min(b, i1 + _RUN), max(c, j0 - _RUN), min(d, j1 + _RUN))
            # A box hardly smaller would be searched again and again: the band is laid straight through it.
            if 2 * (box[1] - box[0]) * (box[3] - box[2]) <= (b - a) * (d - c):
                todo.append(box)
    pairs = np.unique(np.concatenate(found), axis=0)
    order = np.lexsort((-pairs[:, 1], pairs[:, 0]))
    rows, columns, weight = pairs[order, 0].astype(np.int64), pairs[order, 1].astype(np.int64), pairs[order, 2]
    chain = _chain(rows, columns, weight, m, 1)
    cuts = np.stack([rows[chain], columns[chain]], axis=1)
    return np.concatenate([[[0, 0]], cuts, [[n, m]]]).astype(np.int32)


def mutual(src: F32, tgt: F32) -> tuple[I64, I64, F64]:
    """Pairs that are each other's nearest by distance margin ``cos - (mean cos of either's k nearest) / 2``.

    Returns:
        Rows, their columns, and margins, above 0.
    """
    n, m = len(src), len(tgt)
    (forward, to_tgt), (backward, to_src) = nearest_both(src, tgt, min(_NEIGHBOURS, n, m))
    best, at = (forward, backward), (to_tgt, to_src)
    cosines = [x.astype(np.float64) / LENGTH**2 for x in best]
    hubs = [x.mean(axis=1) for x in cosines]
    chosen = [at[s][np.arange(len(best[s])), (cosines[s] - hubs[1 - s][at[s]] / 2).argmax(axis=1)] for s in (0, 1)]
    i = np.flatnonzero(chosen[1][chosen[0]] == np.arange(n))
    j = chosen[0][i].astype(np.int64)
    place = (at[0][i] == j[:, None]).argmax(axis=1)
    margin = cosines[0][i, place] - (hubs[0][i] + hubs[1][j]) / 2
    keep = margin > 0
    return i[keep], j[keep], margin[keep]


def _runs(rows: F32, at: I64, first: int, last: int) -> F32:
    """Sums of the sentences at and around those places, whole-numbered again."""
    total = np.zeros((len(at), rows.shape[1]), np.float32)
    for shift in range(-(_RUN // 2), _RUN // 2 + 1):
        total += rows[np.clip(at + shift, first, last - 1)]
    norm = np.sqrt(np.einsum("ij,ij->i", total.astype(np.float64), total.astype(np.float64)))
    return np.asarray(np.rint(total * (LENGTH / np.where(norm == 0, 1, norm)).astype(np.float32)[:, None]), np.float32)


def _chain(rows: I64, columns: I64, weight: F64, m: int, stride: int) -> I64:
    """The heaviest rising chain without those anchors that have not two others nearby on about the same diagonal."""
    chain = np.flatnonzero(heaviest_chain(rows, columns, weight, m))
    i, j = rows[chain], columns[chain]
    count = np.zeros(len(chain), np.int64)
    for step in range(1, 6):
        far, wide = i[step:] - i[:-step], j[step:] - j[:-step]
        near = (far <= 20 * stride) & (np.abs(wide - far) <= 0.5 * far + 10)
        count[step:] += near
        count[:-step] += near
    return np.asarray(chain[count >= 2], np.int64)
