"""Naturalness of word choice: how far the words of a text are from those of native text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.ragged import offsets
from polyalign.core.score import Score, signature
from polyalign.evaluate.dealt import by_chance
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class LexicalNaturalness:
    """Measure how far the words of a text are from those of native text: the divergence of their frequencies.

    Jensen-Shannon divergence of the unigram distributions P of the text and Q of native text, in bits:
    ``JSD = 1/2 sum_w P log2(P / M) + 1/2 sum_w Q log2(Q / M)`` with ``M = (P + Q) / 2``. 0 is the same frequencies, 1 no word in
    common; lower is more natural. Both texts should answer the same prompts: another topic has other words too.

    Two samples of one text also differ, the more the smaller they are. So its parts tell what chance gives: the mean when
    sentences are dealt to the two sides at random, and the p-value of the permutation test.

    **Differs:** the interval resamples sentences with P and Q in the logarithms held fixed (the first-order
    influence of a sentence), since resampled texts are further apart than the texts themselves.

    Args:
        words: Method of ``text.tokenize`` that says what a word is.
        lowercase: Whether upper and lower case are one.
        permutations: How often sentences are dealt anew; 0 for not.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of dealing and resampling.

    Raises:
        ValueError: A negative number of permutations or samples.

    References: guo2025accent, lin1991divergence, gretton2012kernel, efron1979bootstrap

    Example:
        >>> metric = LexicalNaturalness(permutations=0, samples=0)
        >>> metric.score(["a b", "b c"], ["b a c b"]).value, metric.score(["a"], ["b"]).value
        (0.0, 1.0)
    """

    words: str = "words"
    lowercase: bool = True
    permutations: int = 100
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.permutations < 0:
            raise ValueError(f"permutations must not be negative, found {self.permutations}")
        check_samples(self.samples)

    def score(self, texts: Sequence[str], native: Sequence[str], *, lang: str = "und") -> Score:
        """Score a text against native text.

        Args:
            texts: Sentences or answers, one each.
            native: Native ones.
            lang: Their language, which decides what a word is.

        Returns:
            The divergence in bits with a 95 % interval; its parts are ``chance``, ``p_value``, and the number of words and of
            different words on either side.

        Raises:
            DataError: No word on a side.

        Complexity: O((permutations + 1) words).
        """
        tokenize: Any = params.build(registry.find(self.words, task="text.tokenize"))
        table: dict[str, int] = {}
        columns: list[int] = []
        lengths: list[int] = []
        for text in (*texts, *native):
            found = [text[a:b] for a, b in tokenize(text, lang).tolist()]
            columns += [table.setdefault(w.lower() if self.lowercase else w, len(table)) for w in found]
            lengths.append(len(found))
        indptr = offsets(lengths)
        counts: Any = csr_matrix((np.ones(len(columns)), columns, indptr), shape=(len(lengths), len(table)))
        n = len(texts)
        sums = np.stack([np.asarray(part.sum(axis=0)).ravel() for part in (counts[:n], counts[n:])])
        if not sums.sum(axis=1).all():
            raise DataError(
                f"evaluate/lexical-naturalness: found {int(sums[0].sum())} words in the text and {int(sums[1].sum())} in the native "
                "one, expected some in both"
            )
        # What each word adds, so that the divergence is a sum over the words of both texts.
        added = np.where(sums > 0, np.log2(np.where(sums > 0, _ratios(sums), 1)), 0)
        items = np.zeros((len(lengths), 4))
        items[:n, 0], items[:n, 1] = lengths[:n], counts[:n] @ added[0]
        items[n:, 2], items[n:, 3] = lengths[n:], counts[n:] @ added[1]
        chance = by_chance(counts, n, lambda s, _: _divergence(s), permutations=self.permutations, seed=self.seed)
        made = signature(
            metric="lexical-naturalness",
            words=self.words,
            lowercase=self.lowercase,
            permutations=self.permutations,
            samples=self.samples,
            seed=self.seed,
        )
        parts = {
            **chance,
            "words": int(sums[0].sum()),
            "native_words": int(sums[1].sum()),
            "types": int((sums[0] > 0).sum()),
            "native_types": int((sums[1] > 0).sum()),
        }
        name = "Jensen-Shannon divergence"
        return Score.of(name, items, _mean_of_sides, made, samples=self.samples, seed=self.seed, parts=parts)


def _ratios(sums: F64) -> F64:
    """``P / M`` and ``Q / M`` for every word."""
    p = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1)
    return np.asarray(p / np.maximum(p.mean(axis=0), 1e-300), np.float64)


def _divergence(sums: F64) -> float:
    p = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1)
    logs = np.log2(np.where(p > 0, _ratios(sums), 1))
    return float((p * logs).sum() / 2)


def _mean_of_sides(sums: F64) -> F64:
    mine, native = (sums[..., k + 1] / np.where(sums[..., k] > 0, sums[..., k], np.nan) for k in (0, 2))
    return np.asarray(np.maximum((mine + native) / 2, 0), np.float64)
