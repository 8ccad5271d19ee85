"""Normalisation that remembers where every character came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import regex

from polyalign.core.jit import I32, frozen

_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_WHITE = re.compile(r"\A\s+|\s+\Z|\s+")
# A base and what may combine with it under NFC or NFKC: marks, the vowels and finals of Hangul and
# Kirat Rai, and the compatibility letters that decompose to one of those.
_CONTINUES = "\\p{M}\u1161-\u1175\u11a8-\u11c2\u3133-\u318e\uff9e-\uffdc\U00016d63\U00016d67-\U00016d6a"
_CLUSTER = regex.compile(f"[{_CONTINUES}]+|[^{_CONTINUES}][{_CONTINUES}]+|[^\\x00-\\x7f]")
# Scripts in which a joiner changes how a word is written, and those that mark words with U+200B.
_JOINING = "".join(
    f"\\p{{Script={s}}}"
    for s in "Arab Syrc Mong Nkoo Adlm Rohg Phag Mand Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Khmr Mymr Tibt Lana Bali Java".split()
)
_UNSPACED = "".join(f"\\p{{Script={s}}}" for s in "Thai Laoo Khmr Mymr Tibt Lana Talu".split())
_EMOJI = "\\p{Extended_Pictographic}\\p{Emoji_Modifier}\ufe0f\U000e007f"
_CONTROLS = regex.compile(
    rf"(?:(?![\s\x1c-\x1f])[\p{{Cc}}\p{{Cs}}\p{{Noncharacter_Code_Point}}\xad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    rf"|(?<![{_UNSPACED}]\p{{M}}*)\u200b"
    rf"|(?<![{_JOINING}{_EMOJI}]\p{{M}}*)\u200d"
    rf"|(?<![{_JOINING}]\p{{M}}*)\u200c)+"
)


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """A normalised text and the way back to the raw one.

    Args:
        text: The normalised text, n characters.
        starts: Raw code-point offset of every character and, last, the raw length, shape (n + 1,);
            never falls. The raw text of ``text[a:b]`` is ``raw[starts[a]:starts[b]]``.
    """

    text: str
    starts: I32

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", frozen(self.starts, np.int32))


@dataclass(frozen=True, slots=True)
class UnicodeNormalizer:
    r"""Put a text into one Unicode form with plain spaces and without invisible characters.

    Three steps, each optional: invisible characters go, the rest is brought into a normalisation
    form, and white space is made plain. Doing it twice changes nothing more.

    Line ends of every kind become ``\n`` and are all kept, so paragraphs survive; any other run of
    white space becomes one space, or nothing beside a line end or at either end of the text.
    Joiners stay where they are spelling (Persian, Indic scripts, emoji), and U+200B where it marks
    words (Thai, Lao, Khmer, Myanmar).

    Args:
        form: ``NFC`` keeps every distinction a reader sees; ``NFKC`` also unifies compatibility
            characters, such as ligatures and full-width letters.
        spaces: Make white space plain.
        controls: Drop control characters, soft hyphens, zero-width characters, byte order marks,
            direction marks, noncharacters and lone surrogates.

    Example:
        >>> out = UnicodeNormalizer()("\ufeffCafe\u0301\xa0 am\u00adSee\r\n")
        >>> out.text, out.starts.tolist()
        ('Café amSee', [1, 2, 3, 4, 6, 8, 9, 11, 12, 13, 16])

    References: uax15
    """

    form: Literal["NFC", "NFKC"] = "NFC"
    spaces: bool = True
    controls: bool = True

    def __post_init__(self) -> None:
        if self.form not in ("NFC", "NFKC"):
            raise ValueError(f"form must be NFC or NFKC, not {self.form!r}")

    def __call__(self, text: str) -> Normalised:
        """Normalise a text of n characters in O(n).

        Args:
            text: Any string.

        Returns:
            The normalised text with the raw offset of every character.
        """
        out = Normalised(text, np.arange(len(text) + 1, dtype=np.int32))
        if self.controls:
            out = _rewrite(out, _CONTROLS, lambda _: "")
        if not unicodedata.is_normalized(self.form, out.text):
            out = _rewrite(out, _CLUSTER, lambda m: unicodedata.normalize(self.form, m[0]))
        if self.spaces:
            out = _rewrite(out, _WHITE, _plain)
        return out


def _plain(match: Any) -> str:
    """What a run of white space becomes: its line ends, or one space, or nothing at the edges."""
    if match.start() == 0 or match.end() == len(match.string):
        return ""
    return "\n" * len(_LINE_END.findall(match[0])) or " "


def _rewrite(done: Normalised, pattern: Any, replace: Callable[[Any], str]) -> Normalised:
    """Replace every match, its new characters mapped to where the match starts."""
    text, starts = done.text, done.starts
    pieces: list[str] = []
    index: list[I32] = []
    last = 0
    for match in pattern.finditer(text):
        new = replace(match)
        if new == match[0]:
            continue
        begin, end = match.span()
        pieces += text[last:begin], new
        index += starts[last:begin], np.full(len(new), starts[begin], np.int32)
        last = end
    if not last:
        return done
    return Normalised("".join((*pieces, text[last:])), np.concatenate((*index, starts[last:])))
