"""Vectors by prediction: word2vec and fastText, as gensim trains them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import MissingExtraError
from polyalign.core.space import Space
from polyalign.spaces.vectors.counted import Counted, count


@dataclass(frozen=True, slots=True)
class Word2Vec:
    """Train word vectors that predict a word's neighbours (skip-gram) or a word from them (CBOW), with gensim.

    One thread, so that the same text and seed give the same vectors.

    Args:
        dimensions: Of a vector.
        architecture: skip-gram is better for little text, cbow faster.
        window: Words on either side that count as neighbours.
        negative: Words drawn as wrong answers for each right one.
        epochs: Passes over the corpus.
        learning_rate: At the beginning; it falls to almost nothing.
        subsample: The frequency above which occurrences of a word are left out at random, 0 for none.
        min_count: Occurrences a word needs.
        max_words: Most frequent words that get a vector, 0 for all.
        seed: Of the initial vectors and of what is drawn.

    Raises:
        ValueError: A parameter out of range.

    References: mikolov2013efficient, mikolov2013distributed
    """

    dimensions: int = 300
    architecture: Literal["skip-gram", "cbow"] = "skip-gram"
    window: int = 5
    negative: int = 5
    epochs: int = 5
    learning_rate: float = 0.025
    subsample: float = 1e-3
    min_count: int = 5
    max_words: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("dimensions", "window", "negative", "epochs", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("max_words", "subsample", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, found {self.learning_rate}")

    def fit(self, sentences: Iterable[Sequence[str]]) -> Space:
        """Vectors of a corpus's words.

        Args:
            sentences: The words of each sentence; windows do not cross their ends. Read once, kept as numbers.

        Returns:
            The words, most frequent first, and their vectors, not scaled to length 1.

        Raises:
            DataError: No word is frequent enough.
            MissingExtraError: gensim is not installed.
        """
        model = _gensim("word2vec").Word2Vec
        return self._trained(model, count_for(self, sentences, "spaces.vectors/word2vec"), {})

    def _trained(self, model: Any, corpus: Counted, more: dict[str, Any]) -> Space:
        text = _Text(corpus)
        trained = model(
            text, vector_size=self.dimensions, sg=int(self.architecture == "skip-gram"), window=self.window,
            negative=self.negative, epochs=self.epochs, alpha=self.learning_rate, sample=self.subsample, min_count=1,
            seed=self.seed, workers=1, **more,
        ).wv  # fmt: skip
        rows = [trained.key_to_index[word] for word in corpus.words]
        return Space(corpus.words, np.asarray(trained.vectors[rows], np.float32))


@dataclass(frozen=True, slots=True)
class FastText(Word2Vec):
    """Train word vectors that are sums of vectors of a word's character n-grams, with gensim.

    Rare words and forms of one word share what they have in common; good for languages with many forms. Otherwise as
    `spaces.vectors/word2vec`.

    Args:
        shortest: Characters of the shortest n-grams.
        longest: Characters of the longest n-grams.
        buckets: Vectors that n-grams share.

    Raises:
        ValueError: A parameter out of range.

    References: bojanowski2017enriching, mikolov2013distributed
    """

    shortest: int = 3
    longest: int = 6
    buckets: int = 200_000

    def __post_init__(self) -> None:
        # Zero-argument super() knows nothing of classes with slots.
        Word2Vec.__post_init__(self)
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(f"expected 1 <= shortest <= longest, found {self.shortest} and {self.longest}")
        if self.buckets < 1:
            raise ValueError(f"buckets must be at least 1, found {self.buckets}")

    def fit(self, sentences: Iterable[Sequence[str]]) -> Space:
        """Vectors of a corpus's words; as of `Word2Vec`.

        Args:
            sentences: The words of each sentence.

        Raises:
            DataError: No word is frequent enough.
            MissingExtraError: gensim is not installed.
        """
        model = _gensim("fasttext").FastText
        more = {"min_n": self.shortest, "max_n": self.longest, "bucket": self.buckets}
        return self._trained(model, count_for(self, sentences, "spaces.vectors/fasttext"), more)


def count_for(method: Word2Vec, sentences: Iterable[Sequence[str]], where: str) -> Counted:
    """The frequent words of a corpus, by a method's settings."""
    return count(sentences, min_count=method.min_count, max_words=method.max_words, where=where)


class _Text:
    """The sentences as lists of words, as often as they are asked for.

    Args:
        corpus: The frequent words of the sentences.
    """

    def __init__(self, corpus: Counted) -> None:
        self.corpus = corpus

    def __iter__(self) -> Iterator[list[str]]:
        words = self.corpus.words
        # gensim cuts what is longer than 10,000 words.
        for sentence in self.corpus.text:
            for start in range(0, len(sentence), 10_000):
                yield [words[k] for k in sentence[start : start + 10_000].tolist()]


def _gensim(module: str) -> Any:
    try:
        from importlib import import_module

        return import_module(f"gensim.models.{module}")
    except ImportError as error:
        raise MissingExtraError(
            f"spaces.vectors/{module} needs gensim ({error}); install with: pip install 'polyalign[vectors]'"
        ) from error
