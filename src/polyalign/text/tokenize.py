"""Sentences into words, as spans of the raw text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import regex

from polyalign.core.jit import I32
from polyalign.core.langs import normalise

# Languages that elide a vowel before the next word: l'onda, d'accordo, ch'èn.
_ELIDING = frozenset("ast cat cos ext fra frp fur gle ita lij lld lmo nap oci pcd pms roh scn sdc srd vec wln".split())
_NON_WHITE = re.compile(r"\S+")
_CLUSTERS = "Thai Laoo Khmr Mymr Tibt Lana Talu Tavt Java Bali Yiii".split()


def _scripts(names: str | list[str]) -> str:
    return "".join(rf"\p{{Script={n}}}" for n in (names.split() if isinstance(names, str) else names))


# White space, and the invisible characters that stand for a word's edge rather than a sign.
_EDGE = r"\s\x1c-\x1f\u200b\u2060\ufeff"
_EAST = _scripts("Hani Hira Kana") + "ー々〆ｰ"
_SYLLABLES = "|".join(
    (
        r"[เ-ไ]?[ก-ฮ][ะ-ฺๅ็-๎]*",
        r"[ເ-ໄ]?[ກ-ຮໜ-ໟ][ະ-ຽ່-໎]*",
        r"[ក-ឳ](?:\u17d2[ក-ឳ]|[\p{M}--\u17d2])*",
        r"[က-ဪဿၐ-ၕ](?:\u1039[က-အ]|[\p{M}--\u1039])*(?:[က-အ](?:\u1037)?\u103a\p{M}*|[က-အ](?=\u1039))*",
        r"[[\p{Script=Tibt}&&[\p{L}\p{M}\p{N}]]]+[་༌]?",
        rf"[[{_scripts(_CLUSTERS)}]&&\p{{L}}]\p{{M}}*",
    )
)
# Where the author has marked the words of such a script with U+200B, a word is what lies between.
_MARKED_WORDS = rf"[[{_scripts(_CLUSTERS)}]&&[\p{{L}}\p{{M}}\p{{N}}]]+[་༌]?"
_EMOJI = r"\p{RI}\p{RI}|\p{Extended_Pictographic}[\ufe0f\p{EMod}\p{M}\U000e0020-\U000e007f]*(?:\u200d\p{Extended_Pictographic}[\ufe0f\p{EMod}\p{M}]*)*"
_NET = (
    rf"(?:https?://|ftp://|www\.)[^{_EDGE}<>\"«»“”]*[^{_EDGE}<>\"«»“”\p{{P}}--[/#=&_-]]"
    r"|[\w.+%-]++@[\w-]+(?:\.[\w-]+)+"
)


@lru_cache(maxsize=32)
def _pattern(*, elision: bool, hyphens: bool, kanji_runs: bool, marked: bool, net: bool) -> Any:
    """The one expression that finds the tokens of a class of languages."""
    unspaced = _EAST + _scripts(_CLUSTERS)
    # Ignorable characters inside a word (joiners, soft hyphen) belong to it.
    letter = rf"[[\p{{L}}\p{{M}}\p{{Nl}}\p{{No}}_]--[{unspaced}]]"
    rest = rf"(?:[a-z]|[[\p{{L}}\p{{M}}\p{{N}}_\u200c\u200d\xad]--[{unspaced}]])"
    cased = r"(?<=\p{Lu}):(?=\p{Ll})|(?<=\p{L})\.(?=\p{Ll})|·(?=\p{L})"
    hebrew = r"(?<=\p{Hebr})[\"'״׳](?=\p{Hebr})"
    inside = [cased, hebrew, r"(?<=\d)[.,:'’٫٬](?=\d)"]
    if hyphens:
        inside.append(rf"[-‐‑](?={rest})")
    if not elision:
        inside.append(r"(?<=\p{L}\p{M}*)['’‘`](?=\p{L})")
    # A hyphen at one end is that of a shortened compound: Kinder- und Jugendheim, Mütter und -väter.
    head, tail = (r"(?:(?<!\S)-)?", r"(?:(?<=\p{L})-(?![\p{L}\p{N}\-]))?") if hyphens else ("", "")
    word = rf"{head}{rest}+(?:(?:{'|'.join(inside)}){rest}+)*+{tail}"
    parts = [
        _NET if net else "",
        rf"(?i:aujourd['’]hui)(?!\p{{L}})|{letter}+['’](?=[\p{{L}}\p{{N}}\p{{Pi}}\p{{Ps}}])|{letter}{{1,2}}['’](?=\s)"
        if elision
        else "",
        r"(?<![\p{L}\p{N}])(?:\p{L}\.){2,}(?!\p{L})|(?<![\p{L}\p{N}.])\p{Lu}\.(?=\s+\p{Lu})",
        word,
        _MARKED_WORDS if marked else _SYLLABLES,
        r"[\p{Script=Hani}々〆]+" if kanji_runs else r"[\p{Script=Hani}々〆]\p{M}*",
        r"\p{Script=Hira}[ゃゅょぁぃぅぇぉーゝゞ\p{M}]*|[\p{Script=Kana}ーｰ\p{M}]+",
        _EMOJI,
        r"([.!?\-–—=*_~#…。！？])\1+",
        rf"[^{_EDGE}]\p{{M}}*",
    ]
    return regex.compile("|".join(p for p in parts if p), regex.V1)


@dataclass(frozen=True, slots=True)
class Words:
    """Split a sentence into the words, numbers and marks that word alignment works on.

    One expression finds the tokens from left to right; the language chooses only between variants
    of it, so mixed scripts in one sentence are each treated as their own.

    - Spaced scripts: letters, marks and digits. Hyphens, dots before a lower-case letter (``gr.ch``)
      and apostrophes inside a word stay (``don't``), save that an elided word is a token with its
      apostrophe in French, Italian, Romansh, Catalan and their kin (``l'`` ``onda``).
      The hyphen of a shortened compound stays too (``Kinder-``, ``-lehrer``).
    - Numbers keep their separators (``420'000``, ``1,234.56``, ``12:30``); addresses of the web and
      of mail are whole. A final dot is a token of its own, save in ``z.B.`` and initials (``J. Bach``).
    - Chinese: each Han character. Japanese: runs of kanji, runs of katakana, each hiragana with its
      small kana. Korean: as written, between spaces.
    - Thai, Lao, Khmer, Myanmar: orthographic syllables or the clusters nearest to them; Tibetan: up
      to each tsheg. Where the text marks its words with U+200B, those words instead.
    - Every other sign is a token; a run of one of ``. ! ? - = * _ ~ #`` is one token; an emoji with
      its modifiers is one.

    White space, U+200B, U+2060 and U+FEFF are outside tokens; every other character is in exactly
    one.

    **Differs:** from the Moses tokeniser: no list of abbreviations, nothing escaped, offsets kept.

    Args:
        elision: ``auto`` splits elided words by language; ``split`` and ``keep`` do so always, never.
        hyphens: ``keep`` leaves hyphenated words whole; ``split`` makes the hyphen a token.

    Example:
        >>> text = "L'onda custa 420'000 francs, p.ex. a Cuira-Nord."
        >>> [text[a:b] for a, b in Words()(text, "rm")]
        ["L'", 'onda', 'custa', "420'000", 'francs', ',', 'p.ex', '.', 'a', 'Cuira-Nord', '.']

    References: koehn2007moses, theeramunkong2000character
    """

    elision: Literal["auto", "split", "keep"] = "auto"
    hyphens: Literal["keep", "split"] = "keep"

    def __post_init__(self) -> None:
        if self.elision not in ("auto", "split", "keep"):
            raise ValueError(f"elision must be auto, split or keep, not {self.elision!r}")
        if self.hyphens not in ("keep", "split"):
            raise ValueError(f"hyphens must be keep or split, not {self.hyphens!r}")

    def __call__(self, text: str, lang: str) -> I32:
        """Tokenise one sentence, or any text, in O(its length).

        Args:
            text: The raw text, n tokens.
            lang: Its language, any spelling.

        Returns:
            Half-open code-point offsets of each token, shape (n, 2).

        Raises:
            ConfigError: Not a language tag.
        """
        code = normalise(lang).split("_")[0]
        pattern = _pattern(
            elision=self.elision == "split" or (self.elision == "auto" and code in _ELIDING),
            hyphens=self.hyphens == "keep",
            kanji_runs=code == "jpn",
            marked="\u200b" in text,
            net="@" in text or "://" in text or "www." in text,
        )
        return _spans(pattern, text)


@dataclass(frozen=True, slots=True)
class Whitespace:
    r"""Split at white space, as `str.split` does: for text that was tokenised before.

    Example:
        >>> Whitespace()("a  b\xa0c", "und").tolist()
        [[0, 1], [3, 4], [5, 6]]
    """

    def __call__(self, text: str, lang: str = "und") -> I32:
        """Tokenise one text in O(its length).

        Args:
            text: The raw text, n tokens.
            lang: Its language, any spelling; checked, otherwise without influence.

        Returns:
            Half-open code-point offsets of each token, shape (n, 2).

        Raises:
            ConfigError: Not a language tag.
        """
        normalise(lang)
        return _spans(_NON_WHITE, text)


def _spans(pattern: Any, text: str) -> I32:
    return np.asarray([m.span() for m in pattern.finditer(text)], np.int32).reshape(-1, 2)
