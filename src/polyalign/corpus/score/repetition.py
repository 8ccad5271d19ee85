"""Scores by repetition within a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F32, F64
from polyalign.corpus.score.texts import decoded, where_any
from polyalign.kernels.contents import CHARS, WORDS
from polyalign.kernels.repetition import ngram_shares, repeats


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often a string follows itself, negative: -3 for "haha haha haha haha", 0 where none does.

    The first string of `shortest` to `longest` characters that repeats itself `least` times or more in a row, with blanks
    between or not; its first occurrence is no repetition. A minimum of -1 drops whatever has one.

    **Differs:** the same as OpusFilter's ``RepetitionFilter``, whose default drops two repetitions and more and whose
    longest string is one character longer than it says.

    Args:
        shortest: Fewest characters of the string.
        longest: Most.
        least: Fewest repetitions that count.

    Raises:
        ValueError: Lengths or repetitions below 1, or the wrong way round.

    References: aulamo2020opusfilter

    Example:
        >>> Repeats().texts(pa.array(["bla bla bla", "bla bla"], pa.large_string()), "und").tolist()
        [-2.0, 0.0]
    """

    shortest: int = 3
    longest: int = 101
    least: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest or self.least < 1:
            raise ValueError(
                f"Repeats needs 1 <= shortest <= longest and least >= 1, not {self.shortest}, {self.longest}, {self.least}"
            )

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        own = decoded(texts)
        found = repeats(own.points, own.kinds, own.offsets, self.shortest, self.longest, self.least)
        return (-found).astype(np.float32) + np.float32(0)


Unit = Literal["words", "characters"]


def _shares(texts: pa.LargeStringArray, n: int, unit: Unit, least_words: int, column: int) -> F32:
    own = decoded(texts)
    chars = own.profile[:, CHARS]
    found: F64
    if unit == "words":
        words = own.tokens
        found = ngram_shares(words.hashes, words.lengths, words.first, chars, n)
    else:
        ones = np.ones(len(own.points), np.int32)
        found = ngram_shares(own.points.astype(np.uint64), ones, own.offsets, chars, n)
    some = (chars > 0) & (own.profile[:, WORDS] >= least_words)
    return where_any((1 - np.minimum(found[:, column], 1)).astype(np.float32), some)


def _check(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


@dataclass(frozen=True, slots=True)
class TopNgram:
    """One minus the share of a text's characters in its most frequent n-gram.

    All occurrences of the n-gram that occurs most often count (of several the longest), white space within it does not;
    n-grams that occur once are none. NaN for an empty text. Gopher drops documents with more than 0.20, 0.18, 0.16 for
    n = 2, 3, 4: minima of 0.80, 0.82, 0.84.

    Args:
        n: Words, or characters, of an n-gram.
        unit: Words between white space, or characters.
        least_words: Texts of fewer words are too short to tell.

    Raises:
        ValueError: An n below 1.

    References: rae2021scaling

    Example:
        >>> TopNgram().texts(pa.array(["a b c a b", "a b c"], pa.large_string()), "und").round(2).tolist()
        [0.5600000023841858, 1.0]
    """

    n: int = 2
    unit: Unit = "words"
    least_words: int = 0

    def __post_init__(self) -> None:
        _check(self.n)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        return _shares(texts, self.n, self.unit, self.least_words, 0)


@dataclass(frozen=True, slots=True)
class DuplicateNgrams:
    """One minus the share of a text's characters in n-grams that stood in it before.

    No character counts twice, white space between words not at all. NaN for an empty text. Gopher drops documents with
    more than 0.15, 0.14, 0.13, 0.12, 0.11, 0.10 for n = 5 to 10: minima of 0.85 to 0.90.

    Args:
        n: Words, or characters, of an n-gram.
        unit: Words between white space, or characters.
        least_words: Texts of fewer words are too short to tell.

    Raises:
        ValueError: An n below 1.

    References: rae2021scaling

    Example:
        >>> DuplicateNgrams(n=2).texts(pa.array(["a b c a b", "a b c"], pa.large_string()), "und").round(2).tolist()
        [0.7799999713897705, 1.0]
    """

    n: int = 5
    unit: Unit = "words"
    least_words: int = 0

    def __post_init__(self) -> None:
        _check(self.n)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        return _shares(texts, self.n, self.unit, self.least_words, 1)
