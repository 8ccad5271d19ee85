"""Scores by what characters a text is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F32
from polyalign.core.langs import UNKNOWN
from polyalign.core.scripts import members
from polyalign.corpus.score.texts import decoded, share, where_any
from polyalign.kernels.contents import CHARS, LETTERS, MIXED, MOJIBAKE, ODDS, SOLID


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The share of letters (Unicode's Alphabetic) in the characters of a text.

    NaN for an empty text.

    **Differs:** OpusFilter's ``AlphabetRatioFilter`` gives an empty text 1; its default keeps 0.75 and more, counting white
    space.

    Args:
        of: Of all characters, or of those that are no white space.

    References: aulamo2020opusfilter

    Example:
        >>> Alphabet().texts(pa.array(["ab12"], pa.large_string()), "und").tolist()
        [0.5]
    """

    of: Literal["characters", "solid"] = "characters"

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        return share(counts[:, LETTERS], counts[:, CHARS if self.of == "characters" else SOLID])


@dataclass(frozen=True, slots=True)
class Script:
    """The share of letters that are in the script of the text's stated language.

    ``deu_Latn`` expects Latin, ``jpn_Jpan`` Han and kana, and so on. NaN where the text has no letters or its language's
    script is not known.

    **Differs:** OpusFilter's ``CharacterScoreFilter`` is told the script, counts one of Unicode's only, and gives a text
    without letters 1.

    References: aulamo2020opusfilter, uax24

    Example:
        >>> Script().texts(pa.array(["Haus", "Hausдом", "12"], pa.large_string()), "deu_Latn").round(2).tolist()
        [1.0, 0.5699999928474426, nan]
    """

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        own = decoded(texts)
        script = lang.split("_")[-1]
        if lang == UNKNOWN or not members(script):
            return np.full(len(own), np.nan, np.float32)
        return share(own.letters_in(script), own.profile[:, LETTERS])


@dataclass(frozen=True, slots=True)
class Noise:
    """One minus the share of characters that are no proper text: 1 for clean text.

    Counted are characters that are not text (control characters but TAB and line ends, private use, unassigned,
    U+FFFD, byte order marks), mojibake (UTF-8 read as Windows-1252, ``Ã¤`` for ``ä``), and the letters of words that mix
    scripts, as Latin and Cyrillic look-alikes do (Han, kana and Hangul may stand together). NaN for an empty text.

    Args:
        mixed: Whether words of mixed scripts count.

    Example:
        >>> Noise().texts(pa.array(["schön", "schÃ¶n", "Cкот"], pa.large_string()), "und").round(2).tolist()
        [1.0, 0.6700000166893005, 0.0]
    """

    mixed: bool = True

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        bad = counts[:, ODDS] + counts[:, MOJIBAKE] + (counts[:, MIXED] if self.mixed else 0)
        good = np.maximum(0, 1 - share(bad, counts[:, CHARS]))
        return where_any(good.astype(np.float32), counts[:, CHARS] > 0)
