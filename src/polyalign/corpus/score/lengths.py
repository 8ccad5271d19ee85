"""Scores by length: of the text, of its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F32
from polyalign.corpus.score.texts import decoded, share, within
from polyalign.kernels.contents import CHARS, LONGEST, SOLID, WORDS


def _bounds(least: float, most: float) -> None:
    if not 0 <= least <= most:
        raise ValueError(f"least and most must be 0 <= least <= most, not {least} and {most}")


@dataclass(frozen=True, slots=True)
class Length:
    """Whether a text has a usual length: 1 if so, less the further it is from it.

    ``min(n / least, most / n, 1)`` for n words or characters, so a minimum of 1 keeps what lies within the bounds, ends
    included, and one of 0.5 what is at most half as long or twice as long. An empty text has 0.

    **Differs:** OpusFilter's ``LengthFilter`` with the same bounds keeps what this scores 1.

    Args:
        least: Fewest words or characters.
        most: Most.
        unit: Words between white space, or characters (code points).

    Raises:
        ValueError: Bounds that are negative or the wrong way round.

    References: aulamo2020opusfilter

    Example:
        >>> Length(most=2).texts(pa.array(["a b", "a b c d", ""], pa.large_string()), "und").tolist()
        [1.0, 0.5, 0.0]
    """

    least: float = 1
    most: float = 100
    unit: Literal["words", "characters"] = "words"

    def __post_init__(self) -> None:
        _bounds(self.least, self.most)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile[:, WORDS if self.unit == "words" else CHARS]
        return within(counts, max(self.least, 1e-9), self.most)


@dataclass(frozen=True, slots=True)
class LongestWord:
    """The length of the longest word, negative: -12 for "Rechtsstaat,".

    Words stand between white space; their length is in characters with any punctuation. 0 for a text without words.

    **Differs:** OpusFilter's ``LongWordFilter`` keeps words of fewer than 40 characters: a minimum of -39 here.

    References: aulamo2020opusfilter

    Example:
        >>> LongestWord().texts(pa.array(["ab abc", ""], pa.large_string()), "und").tolist()
        [-3.0, 0.0]
    """

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        return (-decoded(texts).profile[:, LONGEST]).astype(np.float32) + np.float32(0)


@dataclass(frozen=True, slots=True)
class WordLength:
    """Whether words have a usual length on average: 1 if so, less the further it is from it.

    ``min(m / least, most / m, 1)``, m being the characters that are no white space over the words between white space.
    A text without words has 0. In scripts without spaces a "word" is a sentence; set `most` accordingly.

    **Differs:** OpusFilter's ``AverageWordLengthFilter`` with the same bounds keeps what this scores 1.

    Args:
        least: Shortest usual mean, in characters.
        most: Longest.

    Raises:
        ValueError: Bounds that are negative or the wrong way round.

    References: aulamo2020opusfilter, rae2021scaling

    Example:
        >>> WordLength().texts(pa.array(["a b c d", "Haus und Hof"], pa.large_string()), "und").tolist()
        [0.5, 1.0]
    """

    least: float = 2
    most: float = 20

    def __post_init__(self) -> None:
        _bounds(self.least, self.most)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        mean = np.nan_to_num(share(counts[:, SOLID], counts[:, WORDS]).astype(np.float64))
        # In the precision of the bounds, not of the column: 20 words of 20 letters have a mean of 20.
        return within(mean, max(self.least, 1e-9), self.most)
