"""How a tokenizer treats a language: fertility, parity, compression and kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I32
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples, ratio
from polyalign.evaluate.segmenter import Segmenter, tokens_of

_TOKENS, _WORDS, _CHARACTERS, _BYTES, _SPLIT, _UNKNOWN, _PIVOT = range(7)
#: name: the columns whose sums it is the ratio of.
RATIOS = {
    "fertility": (_TOKENS, _WORDS),
    "premium": (_TOKENS, _PIVOT),
    "bytes_per_token": (_BYTES, _TOKENS),
    "characters_per_token": (_CHARACTERS, _TOKENS),
    "split_words": (_SPLIT, _WORDS),
    "unknown": (_UNKNOWN, _TOKENS),
}


@dataclass(frozen=True, slots=True)
class Tokenization:
    """Measure how many tokens a language costs under a model's tokenizer.

    Sums are over all sentences; the marks of a sentence's beginning and end are not counted.

    - fertility: ``tokens / words``, the value; lower is better, 1 is one token a word.
    - premium: ``tokens / tokens of the pivot`` over sentences that translate each other, the parity of the two languages: what
      the same content costs more than in the pivot.
    - bytes_per_token and characters_per_token; compression: ``8 bytes / (tokens log2 V)``, how many times fewer bits the
      ids of a vocabulary of V tokens take than UTF-8.
    - split_words: share of words that more than one token reaches into; unknown: share of tokens that are the unknown one.
    - renyi_efficiency: ``H_a(p) / log V'`` with the entropy of order a, ``H_a(p) = ln(sum_i p_i^a) / (1 - a)``, of the
      tokens' frequencies p and the V' different tokens of the text; higher is better. Less text makes it higher, so compare it
      on as much.

    What a word is decides over fertility and split words: by default what stands between white space, punctuation
    included, so that both say nothing of scripts without spaces; bytes per token and the premium need no words.

    Args:
        words: Method of ``text.tokenize`` that says what a word is.
        order: Of the entropy; 1 is Shannon's.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: An order or a number of samples below 0.

    References: rust2021how, petrov2023language, zouhar2023tokenization, efron1979bootstrap

    Example:
        >>> letters = Segmenter("letters", 26, None, lambda texts: ([np.array([ord(c) for c in t if c != " "], np.int32)
        ...     for t in texts], [np.array([(i, i + 1) for i, c in enumerate(t) if c != " "], np.int32) for t in texts]))
        >>> score = Tokenization(samples=0).score(letters, ["a bc", "def"])
        >>> score.value, score.parts["bytes_per_token"], round(score.parts["split_words"], 3)
        (2.0, 1.1666666666666667, 0.667)
    """

    words: str = "whitespace"
    order: float = 2.5
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.order < 0:
            raise ValueError(f"order must not be negative, found {self.order}")
        check_samples(self.samples)

    def score(
        self, segmenter: Segmenter, texts: Sequence[str], *, lang: str = "und", pivot: Sequence[str] | None = None
    ) -> Score:
        """The fertility, everything else as its parts; see `scores`."""
        return self.scores(segmenter, texts, lang=lang, pivot=pivot)["fertility"]

    def scores(
        self, segmenter: Segmenter, texts: Sequence[str], *, lang: str = "und", pivot: Sequence[str] | None = None
    ) -> dict[str, Score]:
        """Measure a tokenizer on sentences of a language.

        Args:
            segmenter: The tokenizer.
            texts: The sentences.
            lang: Their language, which decides what a word is.
            pivot: Their translations in the pivot language, line by line.

        Returns:
            Scores with 95 % intervals by name, all of the same items: fertility, premium if there is a pivot, bytes_per_token,
            characters_per_token, split_words if the tokenizer says where tokens are, unknown if it has such a token. The parts
            of each are all values, compression, renyi_efficiency and the counts.

        Raises:
            DataError: No word in the sentences, or another number of lines in the pivot.
            UnknownMethodError: No such method of splitting words.

        Complexity: O(text + samples * sentences).
        """
        if pivot is not None and len(pivot) != len(texts):
            raise DataError(
                f"evaluate/tokenizer: found {len(texts)} sentences and {len(pivot)} of the pivot, expected as many; "
                "line i of one has to translate line i of the other"
            )
        ids, spans = tokens_of(segmenter, texts)
        tokenize: Any = params.build(registry.find(self.words, task="text.tokenize"))
        words = [tokenize(t, lang) for t in texts]
        items = np.zeros((len(texts), 7))
        items[:, _TOKENS] = [len(x) for x in ids]
        items[:, _WORDS] = [len(w) for w in words]
        items[:, _CHARACTERS] = [len(t) for t in texts]
        items[:, _BYTES] = [len(t.encode("utf-8", "replace")) for t in texts]
        if items[:, _WORDS].sum() == 0:
            raise DataError(
                f"evaluate/tokenizer: found no word in {len(texts)} sentences, expected some; check that the text is not empty"
            )
        left_out = set()
        if spans is None:
            left_out.add("split_words")
        else:
            items[:, _SPLIT] = [_split(w, s) for w, s in zip(words, spans, strict=True)]
        if segmenter.unknown is None:
            left_out.add("unknown")
        else:
            items[:, _UNKNOWN] = [np.count_nonzero(x == segmenter.unknown) for x in ids]
        if pivot is None:
            left_out.add("premium")
        else:
            items[:, _PIVOT] = [len(x) for x in tokens_of(segmenter, pivot)[0]]
        return self._scores(items, ids, segmenter, left_out)

    def _scores(self, items: F64, ids: list[I32], segmenter: Segmenter, left_out: set[str]) -> dict[str, Score]:
        sums = items.sum(axis=0)
        names = [name for name in RATIOS if name not in left_out]
        parts = {name: float(ratio(*RATIOS[name])(sums)) for name in names}
        tokens = float(sums[_TOKENS])
        parts["compression"] = 8 * float(sums[_BYTES]) / (tokens * np.log2(segmenter.size)) if tokens else float("nan")
        parts["renyi_efficiency"] = renyi_efficiency(ids, self.order)
        parts |= {"tokens": int(tokens), "words": int(sums[_WORDS]), "vocabulary": segmenter.size}
        made = signature(
            metric="tokenizer",
            words=self.words,
            order=self.order,
            sentences=len(items),
            samples=self.samples,
            seed=self.seed,
        )
        return {
            name: Score.of(name, items, ratio(*RATIOS[name]), made, samples=self.samples, seed=self.seed, parts=parts)
            for name in names
        }


def renyi_efficiency(ids: Sequence[I32], order: float) -> float:
    """Entropy of the tokens' frequencies by that of as many equally frequent ones; 1 if there are fewer than two.

    Example:
        >>> renyi_efficiency([np.array([1, 2], np.int32), np.array([3, 4], np.int32)], 2.5)
        1.0
    """
    every = np.concatenate([np.zeros(0, np.int32), *ids])
    counts = np.unique(every, return_counts=True)[1]
    if len(counts) < 2:
        return 1.0
    p = counts / counts.sum()
    entropy = -(p * np.log(p)).sum() if order == 1 else np.log((p**order).sum()) / (1 - order)
    return float(entropy / np.log(len(counts)))


def _split(words: I32, tokens: I32) -> int:
    """How many words more than one token reaches into; both as spans."""
    some = tokens[tokens[:, 1] > tokens[:, 0]]
    # Tokens stand in order, so those that reach into a word are a run of them.
    first = np.searchsorted(some[:, 1], words[:, 0], side="right")
    last = np.searchsorted(some[:, 0], words[:, 1], side="left")
    return int(np.count_nonzero(last - first > 1))
