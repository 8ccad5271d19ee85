"""The words of a text in any script, and how a replacement takes over their case."""

from __future__ import annotations

from typing import Any

import regex

Span = tuple[int, int]
#: Scripts that put no space between words: a unit is a character with its marks, and a word is what a lexicon knows.
_UNSPACED = "".join(
    rf"\p{{Script={name}}}" for name in "Hani Hira Kana Thai Laoo Khmr Mymr Tibt Lana Talu Tavt Yiii".split()
)
_LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}\u200c\u200d\xad]--[{_UNSPACED}]]"
_UNIT: Any = regex.compile(
    # An elided word (l'onda, d'Italie) is one of its own before a vowel.
    rf"\p{{L}}{{1,2}}['’](?=[aeiouhàâäéèêëìîïòôöùûüœæ])"
    rf"|{_LETTER}+(?:['’\-‐‑]{_LETTER}+)*"
    rf"|[{_UNSPACED}ー々〆]\p{{M}}*",
    regex.V1 | regex.I,
)
#: What may stand between the words of one entry: nothing, or one space.
GAPS = ("", " ", "\u00a0", "\u200b")
_DOTTED = frozenset({"tur", "aze", "azj", "crh", "kaz", "tat", "gag"})


def units(text: str) -> list[Span]:
    """Where the words of a raw text are; in scripts without spaces each character with its marks.

    Example:
        >>> [s[a:b] for s in ("L'onda, don't 12 東京!",) for a, b in units(s)]
        ["L'", 'onda', "don't", '12', '東', '京']
    """
    return [m.span() for m in _UNIT.finditer(text)]


def lower(text: str, lang: str) -> str:
    """The text in lower case; where i is written with and without a dot, as there."""
    if lang[:3] in _DOTTED:
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def upper(text: str, lang: str) -> str:
    """The text in upper case; where i is written with and without a dot, as there."""
    if lang[:3] in _DOTTED:
        text = text.replace("i", "İ")
    return text.upper()


def cased_like(pattern: str, text: str, *, lang: str = "und") -> str:
    """A replacement in the case of what it replaces; a capital that it has of its own stays.

    Args:
        pattern: What is replaced: ``HAUS`` makes capitals of all letters, ``Haus`` of the first.
        text: The replacement.
        lang: Its language.

    Example:
        >>> [cased_like(p, "house") for p in ("haus", "Haus", "HAUS", "A", "家")], cased_like("house", "Haus")
        (['house', 'House', 'HOUSE', 'House', 'house'], 'Haus')
    """
    letters = [c for c in pattern if c.isupper() or c.islower()]
    if not letters or not letters[0].isupper() or not text:
        return text
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return upper(text, lang)
    return upper(text[0], lang) + text[1:]
