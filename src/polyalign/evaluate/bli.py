"""Bilingual lexicon induction: whether words find their translation among all words of the other language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I32
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples, ratio

#: Ranks up to which precision is told.
RANKS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class BLI:
    """Measure translations of words against a lexicon.

    An entry of the lexicon is a source word and all its translations. ``P@k`` is the share of entries with one of them
    among the first k answers, out of the whole target vocabulary; the value is P@1. MRR is the mean of ``1 / r``, r the
    rank of the first right answer (0 if there is none), MAP that of the average precision,
    ``1 / |G| sum over right answers of (right answers up to there) / rank``, G the translations that have a vector. With
    one translation an entry the two are the same. Both see only the answers given: ask for ten.

    Entries without a vector on either side are not asked: coverage says how many are. Those that hold the source word
    itself test spelling, not vectors, so they are told apart.

    Args:
        identical: Whether entries of which the source word is a translation are told apart, or count as all others.
        buckets: Ranks of frequency at which the source words are divided, for P@1 of each part.
        samples: Resamples of the bootstrap over entries; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A parameter out of range.

    References: mikolov2013exploiting, glavas2019properly, efron1979bootstrap

    Example:
        >>> gold = {"Haus": {"house", "home"}, "Ei": {"egg"}, "Zeh": {"toe"}}
        >>> score = BLI(samples=0).score(["Haus", "Ei"], ["egg", "home", "house"], gold, np.array([[2, 1], [1, 0]]))
        >>> score.value, round(score.parts["MRR"], 2), round(score.parts["coverage"], 2)
        (0.5, 0.75, 0.67)
    """

    identical: Literal["apart", "count"] = "apart"
    buckets: tuple[int, ...] = (1000, 5000)
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)
        if any(b < 1 for b in self.buckets) or sorted(set(self.buckets)) != list(self.buckets):
            raise ValueError(f"buckets must be rising numbers of 1 or more, found {list(self.buckets)}")

    def questions(self, src_words: Sequence[str], tgt_words: Sequence[str], gold: Mapping[str, Set[str]]) -> I32:
        """Rows of the source words to translate: those in the lexicon with a vector and a translation that has one.

        Args:
            src_words: The source vocabulary, most frequent first.
            tgt_words: The target vocabulary.
            gold: The translations of each source word.
        """
        there = set(tgt_words)
        rows = [row for row, word in enumerate(src_words) if not there.isdisjoint(gold.get(word, ()))]
        return np.array(rows, np.int32)

    def score(
        self, src_words: Sequence[str], tgt_words: Sequence[str], gold: Mapping[str, Set[str]], answers: I32
    ) -> Score:
        """Score answers.

        Args:
            src_words: The source vocabulary, most frequent first.
            tgt_words: The target vocabulary, all of it: answers from fewer words are easier.
            gold: The translations of each source word.
            answers: Target rows, best first, of each row of `questions`, shape (n, k).

        Returns:
            P@1 with a 95 % interval. Its parts are P@5, P@10, MRR, MAP, coverage, the numbers of entries in the lexicon
            and asked, the sizes of both vocabularies, P@1 of each part by frequency, and number and P@1 of identical
            entries. P@5 and P@10 are left out where there are fewer answers.

        Raises:
            DataError: No entry can be asked, or the answers are not of the questions.
        """
        rows = self.questions(src_words, tgt_words, gold)
        answers = np.asarray(answers)
        if len(rows) == 0:
            raise DataError(
                f"evaluate/bli: found none of {len(gold)} lexicon entries with a vector on both sides, expected some; check "
                "that lexicon and vectors are of the same languages in the same order, and their case"
            )
        whole = answers.ndim == 2 and answers.shape[1] > 0 and np.issubdtype(answers.dtype, np.integer)
        if not whole or len(answers) != len(rows) or answers.min() < 0 or answers.max() >= len(tgt_words):
            raise DataError(
                f"evaluate/bli: found answers of shape {answers.shape}, expected target rows below {len(tgt_words)} for each of "
                f"{len(rows)} questions; retrieve for the rows that BLI.questions gives"
            )
        items = self._items([src_words[r] for r in rows], tgt_words, gold, answers)
        same = np.array([src_words[r] in gold[src_words[r]] for r in rows])
        asked = ~same if self.identical == "apart" and not same.all() else np.ones(len(rows), np.bool_)
        counted = items[asked]
        means = counted.mean(axis=0)
        parts = {f"P@{k}": float(means[1 + i]) for i, k in enumerate(RANKS) if k <= answers.shape[1]}
        parts |= {
            "MRR": float(means[4]),
            "MAP": float(means[5]),
            "coverage": len(rows) / len(gold),
            "lexicon": len(gold),
        }
        parts |= {"entries": len(counted), "src_vocabulary": len(src_words), "tgt_vocabulary": len(tgt_words)}
        edges = [0, *self.buckets, max(len(src_words), *self.buckets, 0)] if self.buckets else []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = items[asked & (rows >= low) & (rows < high)]
            if len(inside):
                parts[f"P@1 of rank {low + 1}-{high}"] = float(inside[:, 1].mean())
        if self.identical == "apart" and same.any():
            parts |= {"identical": int(same.sum()), "P@1 of identical": float(items[same, 1].mean())}
        return Score.of(
            "BLI P@1",
            counted,
            ratio(1, 0),
            signature(
                metric="bli",
                answers=answers.shape[1],
                identical=self.identical,
                vocabulary=len(tgt_words),
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts=parts,
        )

    def _items(self, words: Sequence[str], tgt: Sequence[str], gold: Mapping[str, Set[str]], answers: I32) -> F64:
        """Of each entry 1, whether it is right at each rank, its reciprocal rank and its average precision."""
        known = set(tgt)
        items = np.zeros((len(words), 3 + len(RANKS)))
        for item, word, answer in zip(items, words, answers, strict=True):
            right = np.array([tgt[a] in gold[word] for a in answer])
            item[0] = 1
            item[1:4] = [right[:k].any() for k in RANKS]
            ranks = np.flatnonzero(right) + 1
            if len(ranks):
                item[4] = 1 / ranks[0]
                item[5] = (np.arange(1, len(ranks) + 1) / ranks).sum() / len(known & gold[word])
        return items
