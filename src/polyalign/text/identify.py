"""Which language a text is in, and which script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pycld2
import regex

from polyalign.core.langs import UNKNOWN, normalise

# What the detector refuses to read; a space in its place keeps words apart.
_UNREADABLE = regex.compile(r"[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]+")
# Its codes that are not languages people write: jokes, "ignore this" and unknown.
_NO_LANGUAGE = frozenset({"un", "xxx", "zzb", "zze", "zzh", "zzp", "tlh"})
# Its codes that ISO 639 gives another meaning: Bihari is a family, Montenegrin is written in two scripts.
_CODE = {"bh": "bho", "sr-ME": "sr", "zh-Hant": "zh"}
# About how often its best guess is right where it calls it unreliable: in the Universal Declaration
# of Human Rights in 160 versions, 0.64 of its sentences' first three words, 0.31 of whole sentences.
_GUESS = 0.5
_SCRIPTS = (
    "Adlm Arab Armn Bali Bamu Batk Beng Bopo Bugi Buhd Cakm Cans Cham Cher Copt Cyrl Deva Dsrt Egyp Ethi Geor Glag "
    "Goth Grek Gujr Guru Hang Hani Hano Hebr Hira Java Kali Kana Khmr Knda Lana Laoo Latn Lepc Limb Lisu Mand Mlym "
    "Mong Mtei Mymr Newa Nkoo Ogam Olck Orya Osma Phag Plrd Rjng Rohg Runr Samr Saur Sinh Sund Sylo Syrc Tagb Tale "
    "Talu Taml Tavt Telu Tfng Tglg Thaa Thai Tibt Tirh Vaii Wara Yiii"
).split()
_SCRIPT = regex.compile("|".join(rf"(?P<{s}>\p{{Script={s}}})" for s in _SCRIPTS))


@dataclass(frozen=True, slots=True)
class Identified:
    """What language a text is in.

    Args:
        lang: Canonical tag such as ``roh_Latn``, or ``und``.
        confidence: From 0 to 1.
        script: ISO 15924 code of most letters; ``Zyyy`` where there are none.
    """

    lang: str
    confidence: float
    script: str


@dataclass(frozen=True, slots=True)
class CLD2:
    """Identify the language with Compact Language Detector 2, which knows Romansh too.

    CLD2 scores quadgrams (single characters in scripts that need it) under a naive Bayes model of
    some 170 languages. The confidence is the share of the text in the language it names first;
    where it calls its own answer unreliable, as it does for a few words, it is asked for its best
    guess and that share counts for half, which is about how often such a guess is right.

    The script is counted from the text, never guessed from the language, so Serbian in Latin
    letters is ``srp_Latn``.

    **Differs:** from CLD2 in what it reads (control characters and noncharacters, which make it
    fail, count as spaces; HTML is text) and in what it answers (joke languages and bare scripts
    are ``und``).

    Args:
        min_confidence: Answers below it become ``und``; the script and confidence are still told.

    Raises:
        ValueError: A minimum outside [0, 1].

    Example:
        >>> CLD2()(["Allegra, quai è ina frasa en rumantsch grischun.", "1, 2, 3"])
        [Identified(lang='roh_Latn', confidence=0.97, script='Latn'), Identified(lang='und', confidence=0.0, script='Zyyy')]

    References: sites2013cld2, uax24
    """

    min_confidence: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence must lie between 0 and 1, not {self.min_confidence}")

    def __call__(self, texts: Sequence[str]) -> list[Identified]:
        """Identify each text in O(its length).

        Args:
            texts: Texts in any language; 20 letters or more give good answers.

        Returns:
            One answer a text, in order.
        """
        return [self._identify(text) for text in texts]

    def _identify(self, text: str) -> Identified:
        script = script_of(text)
        clean = _UNREADABLE.sub(" ", text)
        reliable, _, details = pycld2.detect(clean, isPlainText=True)
        if not reliable:
            _, _, details = pycld2.detect(clean, isPlainText=True, bestEffort=True)
        code, percent = details[0][1], details[0][2]
        if code in _NO_LANGUAGE or code.startswith("xx-"):
            return Identified(UNKNOWN, 0.0, script)
        confidence = percent / 100 * (1.0 if reliable else _GUESS)
        if confidence < self.min_confidence:
            return Identified(UNKNOWN, confidence, script)
        lang = _tag(code, script)
        return Identified(lang, confidence, lang.split("_")[1])


@lru_cache(maxsize=4096)
def _tag(code: str, script: str) -> str:
    """The canonical tag of CLD2's code in the script that was counted."""
    if script == "Hani":
        return normalise("zh-Hant") if code == "zh-Hant" else normalise(code)
    return normalise(f"{_CODE.get(code, code)}_{script}")


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
