"""Writing systems: which script a character is in, and which one a text is written in."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import regex

#: ISO 15924 codes of the scripts that are told apart.
SCRIPTS = (
    "Adlm Arab Armn Bali Bamu Batk Beng Bopo Bugi Buhd Cakm Cans Cham Cher Copt Cyrl Deva Dsrt Egyp Ethi Geor Glag "
    "Goth Grek Gujr Guru Hang Hani Hano Hebr Hira Java Kali Kana Khmr Knda Lana Laoo Latn Lepc Limb Lisu Mand Mlym "
    "Mong Mtei Mymr Newa Nkoo Ogam Olck Orya Osma Phag Plrd Rjng Rohg Runr Samr Saur Sinh Sund Sylo Syrc Tagb Tale "
    "Talu Taml Tavt Telu Tfng Tglg Thaa Thai Tibt Tirh Vaii Wara Yiii"
).split()
#: Those of them that put no spaces between words.
SPACELESS = frozenset("Bopo Hani Hira Kana Khmr Laoo Mymr Thai Tibt".split())
#: What a tag's script is made of, where it is no script of Unicode's own.
_MEMBERS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}
_SCRIPT = regex.compile("|".join(rf"(?P<{s}>\p{{Script={s}}})" for s in SCRIPTS))


def members(script: str) -> tuple[str, ...]:
    """The scripts of Unicode that a tag's script is written with; none of one that is not known.

    Example:
        >>> members("Latn"), members("Jpan"), members("Zyyy")
        (('Latn',), ('Hani', 'Hira', 'Kana'), ())
    """
    return _MEMBERS.get(script, (script,) if script in SCRIPTS else ())


def script_of(text: str) -> str:
    """The script of most letters of a text, ISO 15924.

    Han with a tenth or more of kana is Japanese (``Jpan``), with as much Hangul Korean (``Kore``).

    Example:
        >>> script_of("Привет, world и люди"), script_of("日本語です"), script_of("...")
        ('Cyrl', 'Jpan', 'Zyyy')
    """
    counts: Counter[str] = Counter()
    for character, n in Counter(text).items():
        if name := _character_script(character):
            counts[name] += n
    east = {s: counts.pop(s, 0) for s in ("Hani", "Hira", "Kana", "Hang", "Bopo")}
    total, kana = sum(east.values()), east["Hira"] + east["Kana"]
    if total:
        tenth = total / 10
        counts["Jpan" if kana >= tenth else "Kore" if east["Hang"] >= tenth else "Hani"] = total
    # The most frequent; among equals the first in the alphabet, so that the answer is one.
    return min(counts, key=lambda s: (-counts[s], s), default="Zyyy")


@lru_cache(maxsize=65536)
def _character_script(character: str) -> str:
    match = _SCRIPT.match(character)
    return str(match.lastgroup) if match else ""
