"""A classifier of links that learns from gold: how much each piece of evidence says."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.jit import F32, Mask
from polyalign.core.links import Links
from polyalign.words.joined.similar import Words, probabilities
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.matrix import both_ways, posteriors_of
from polyalign.words.spelling import spelling_prior

#: Cells whose mean of both probabilities is below this are no links.
LEAST = 0.01
#: The classifier: small trees, many enough to add up, few enough for thirty sentences.
TREES: dict[str, Any] = {
    "max_iter": 80,
    "learning_rate": 0.08,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Gradient-boosted trees on the evidence for a cell.

    What is kept is what they learn from, since trees grow the same from it again.

    Args:
        evidence: Of the cells of the gold sentence pairs, shape (c, f).
        right: Whether a cell is a sure link, shape (c,).

    References: friedman2001greedy
    """

    evidence: F32
    right: Mask
    _grown: list[Any] = field(init=False, repr=False, default_factory=list)

    @classmethod
    def learn(cls, bitext: Bitext, gold: Links, statistics: Sequence[Posteriors], words: Words) -> Judge:
        """From gold links; cells that are possible links teach nothing.

        Raises:
            DataError: All cells are links, or none.
        """
        evidence, right = [], []
        for k, (i, j, rows) in enumerate(cells(bitext, statistics, words)):
            a, b = gold.offsets[k : k + 2]
            sure = np.ones(b - a, np.bool_) if gold.sure is None else gold.sure[a:b]
            if not len(rows):
                continue
            key, linked = i << 16 | j, gold.src[a:b].astype(np.int64) << 16 | gold.tgt[a:b]
            kept = ~np.isin(key, linked[~sure])
            evidence.append(rows[kept])
            right.append(np.isin(key[kept], linked[sure]))
        if not evidence or len(set(np.concatenate(right).tolist())) < 2:
            raise DataError(
                "words.align/auto: the gold links tell nothing, expected some words that are linked and some that are not; "
                "check that gold and its sentence pairs belong together"
            )
        return cls(np.concatenate(evidence), np.concatenate(right))

    def posteriors(self, bitext: Bitext, statistics: Sequence[Posteriors], words: Words) -> Posteriors:
        """How probable links are, the same in both directions."""
        found = list(cells(bitext, statistics, words))
        rows = np.concatenate([self.evidence[:0], *(f[2] for f in found if len(f[2]))])
        p = self._trees().predict_proba(rows)[:, 1].astype(np.float32) if len(rows) else np.zeros(0, np.float32)
        ends = np.cumsum([len(f[0]) for f in found])[:-1]
        both = [np.stack([x, x]) for x in np.split(p, ends)] if found else []
        return posteriors_of(words.src.words, words.tgt.words, [(i, j) for i, j, _ in found], both).pruned()

    def _trees(self) -> Any:
        if not self._grown:
            try:
                from sklearn.ensemble import HistGradientBoostingClassifier
            except ImportError as error:
                raise MissingExtraError(
                    f"learning from gold links needs scikit-learn ({error}); install with: pip install 'polyalign[gold]', or "
                    "leave gold out"
                ) from error
            self._grown.append(HistGradientBoostingClassifier(**TREES).fit(self.evidence, self.right))
        return self._grown[0]


def cells(bitext: Bitext, statistics: Sequence[Posteriors], words: Words) -> Iterator[tuple[Any, Any, F32]]:
    """Of each sentence pair the cells that may be links, in (src, tgt) order, and the evidence for each.

    Evidence: the posteriors of the statistics that the encoder taught and of those it did not, either way; in each layer the cosine and both softmaxes; how far the cosine
    and the mean of all are above the next best of row and column; the mean at the eight cells around; the difference of
    relative position; how alike the words are spelled; whether one is punctuation, or both; and what the rest of row and
    column holds.
    """
    marks: dict[str, bool] = {}
    of_words = bitext.tokens("src"), bitext.tokens("tgt")
    for k, (cosine, src, tgt) in enumerate(zip(words.cosines(), *of_words, strict=True)):
        n, m = len(src), len(tgt)
        if not n or not m:
            yield np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
            continue
        counted = [_dense(x, k, (2, n, m)) for x in statistics]
        mean = (counted[0].mean(axis=0) + probabilities(cosine).mean(axis=0)) / 2
        i, j = np.nonzero(mean > LEAST)
        around = np.pad(mean, 1)
        columns = [x for p in counted for x in _logit(np.concatenate([p, p.mean(axis=0, keepdims=True)]))]
        for layer in cosine:
            columns += [layer, *_logit(both_ways(layer, 0.1))]
        middle = cosine[len(cosine) // 2]
        columns += [_margin(x, axis) for x in (middle, mean) for axis in (0, 1)]
        columns += [around[1 + a : 1 + a + n, 1 + b : 1 + b + m] for a, b in ((-1, -1), (1, 1))]
        columns += [
            np.maximum(around[1 + a : 1 + a + n, 1 + b : 1 + b + m], around[1 - a : 1 - a + n, 1 - b : 1 - b + m])
            for a, b in ((1, -1), (0, 1), (1, 0))
        ]
        columns += [np.abs((np.arange(n)[:, None] + 0.5) / n - (np.arange(m)[None, :] + 0.5) / m)]
        columns += [mean.sum(axis=1, keepdims=True) - mean, mean.sum(axis=0, keepdims=True) - mean]
        alike = spelling_prior(src, tgt, i.astype(np.int32), j.astype(np.int32), 1.0)
        left, right = (np.array([_is_mark(w, marks) for w in side]) for side in (src, tgt))
        rows = [x[i, j] for x in columns]
        rows += [alike, left[i] & right[j], left[i] ^ right[j]]
        yield i, j, np.stack(rows, axis=1).astype(np.float32)


def _dense(posteriors: Posteriors, k: int, shape: tuple[int, int, int]) -> F32:
    p = np.zeros(shape, np.float32)
    here = slice(*posteriors.cells[k : k + 2].tolist())
    p[:, posteriors.src[here], posteriors.tgt[here]] = posteriors.p[:, here] / np.float32(posteriors.one)
    return p


def _logit(p: F32) -> F32:
    p = np.clip(p, 0.002, 0.998)
    return np.asarray(np.log(p / (1 - p)), np.float32)


def _margin(x: F32, axis: int) -> F32:
    """How far each entry is above the best other one of its column (axis 0) or row."""
    if x.shape[axis] < 2:
        return np.ones_like(x)
    two = np.partition(x, -2, axis=axis)
    first, second = np.take(two, [-1], axis), np.take(two, [-2], axis)
    return np.where(x == first, x - second, x - first)


def _is_mark(word: str, seen: dict[str, bool]) -> bool:
    if word not in seen:
        seen[word] = all(unicodedata.category(c)[0] in "PS" for c in word)
    return seen[word]
