"""Compact Language Detector 2: its answer for one text, in our tags."""

from __future__ import annotations

from functools import lru_cache

import pycld2
import regex

from polyalign.core.langs import normalise

# What the detector refuses to read; a space in its place keeps words apart.
_UNREADABLE = regex.compile(r"[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]+")
#: Its codes that are not languages people write: jokes, "ignore this" and unknown.
NO_LANGUAGE = frozenset({"un", "xxx", "zzb", "zze", "zzh", "zzp", "tlh"})
#: Its codes of languages.
CODES = frozenset(c for _, c in pycld2.LANGUAGES if c not in NO_LANGUAGE and not c.startswith("xx-"))
#: About how often its best guess is right where it calls it unreliable: in the Universal Declaration
#: of Human Rights in 160 versions, 0.64 of its sentences' first three words, 0.31 of whole sentences.
GUESS = 0.5
# Its codes that ISO 639 gives another meaning: Bihari is a family, Montenegrin is written in two scripts.
_CODE = {"bh": "bho", "sr-ME": "sr", "zh-Hant": "zh"}


def detect(text: str, *, best_effort: bool = True) -> tuple[str, float, bool]:
    """The language CLD2 names first, the share of the text in it, and whether it calls that reliable.

    Args:
        text: Any text; control characters and noncharacters, which make it fail, count as spaces; HTML is text.
        best_effort: Whether to ask again for its best guess where it calls its answer unreliable.

    Returns:
        Its own code, empty for no language; the share from 0 to 1; reliable or not.

    Example:
        >>> detect("Allegra, quai è ina frasa en rumantsch grischun.")
        ('rm', 0.97, True)
    """
    clean = text if text.isprintable() else _UNREADABLE.sub(" ", text)
    reliable, _, details = pycld2.detect(clean, isPlainText=True)
    if not reliable and best_effort:
        _, _, details = pycld2.detect(clean, isPlainText=True, bestEffort=True)
    code, percent = details[0][1], details[0][2]
    if code in NO_LANGUAGE or code.startswith("xx-"):
        return "", 0.0, reliable
    return code, percent / 100, reliable


@lru_cache(maxsize=4096)
def tag_of(code: str, script: str) -> str:
    """The canonical tag of CLD2's code in the script that was counted.

    Example:
        >>> tag_of("sr", "Latn"), tag_of("zh-Hant", "Hani")
        ('srp_Latn', 'cmn_Hant')
    """
    if script == "Hani":
        return normalise("zh-Hant") if code == "zh-Hant" else normalise(code)
    return normalise(f"{_CODE.get(code, code)}_{script}")
