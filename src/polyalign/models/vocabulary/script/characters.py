"""Scripts that are built alike written in one of them, letter for letter."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

Script = Literal["Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Hira", "Kana", "Latn", "Cyrl"]
#: Where the blocks of the scripts of India begin, in which the same letter has the same place.
_INDIC = {
    "Deva": 0x900, "Beng": 0x980, "Guru": 0xA00, "Gujr": 0xA80, "Orya": 0xB00, "Taml": 0xB80, "Telu": 0xC00, "Knda": 0xC80,
    "Mlym": 0xD00,
}  # fmt: skip
_KANA = {"Hira": range(0x3041, 0x3097), "Kana": range(0x30A1, 0x30F7)}
#: Cyrillic letters and those of ISO 9:1995, one for one.
_CYRILLIC = (
    "абвгґдѓеёєжзѕиіїйјкќлљмнњопрстћуўфхцчџшщъыьэюяђ",
    "abvgg̀dǵeëêžzẑiìïjǰkḱll̂mnn̂oprstćuŭfhcčd̂šŝʺyʹèûâđ",
)


@dataclass(frozen=True, slots=True)
class Characters:
    """Write related scripts in one of them, so that the same letters are the same characters.

    Scripts of India have their letters in the same places of their Unicode blocks, Katakana and Hiragana too; Cyrillic letters each
    have one of Latin (ISO 9:1995). A word common to Hindi, Bengali and Telugu is then the same pieces to a model. All other
    characters stay.

    The way back needs to know the script that a text was written in. It gives the same text again, if that had
    no letters of the target script of its own, and was in the form that `unicodedata.normalize("NFC")` makes; `lossless` says
    whether it does.

    **Differs:** from IndicBART's training, which has Indic scripts only, in the other two groups.

    Args:
        into: The script to write in: one of India, a kana, or Latn or Cyrl for the other of the two.

    Raises:
        ValueError: No such script.

    References: dabre2022indicbart, kunchukuttan2020indicnlp

    Example:
        >>> Characters()("নমস্কার"), Characters("Latn")("Жизнь"), Characters("Latn").back("Žiznʹ", "Cyrl")
        ('नमस्कार', 'Žiznʹ', 'Жизнь')
    """

    into: Script = "Deva"

    def __post_init__(self) -> None:
        if self.into not in get_args(Script):
            raise ValueError(f"into must be one of {', '.join(get_args(Script))}, got {self.into!r}")

    def __call__(self, text: str) -> str:
        """The text with every letter of a related script in this one."""
        for source in _related(self.into):
            text = _written(text, source, self.into)
        return text

    def back(self, text: str, script: str) -> str:
        """A text that was written in a script, in that script again.

        Raises:
            ValueError: The script is none that is related to the target.
        """
        if script not in _related(self.into):
            related = ", ".join(_related(self.into))
            raise ValueError(f"script must be one that {self.into} stands for ({related}), got {script!r}")
        return _written(text, self.into, script)

    def lossless(self, text: str, script: str) -> bool:
        """Whether the way there and back gives the same text."""
        return self.back(self(text), script) == text


def _related(into: str) -> list[str]:
    groups = (list(_INDIC), list(_KANA), ["Latn", "Cyrl"])
    return [s for group in groups if into in group for s in group if s != into]


def _written(text: str, source: str, target: str) -> str:
    table, longest = _table(source, target)
    if longest == 1:
        return text.translate({ord(k): v for k, v in table.items()})
    out, at = [], 0
    while at < len(text):
        size = next((n for n in range(longest, 0, -1) if text[at : at + n] in table), 0)
        out.append(table[text[at : at + size]] if size else text[at])
        at += max(1, size)
    return "".join(out)


@lru_cache(maxsize=64)
def _table(source: str, target: str) -> tuple[dict[str, str], int]:
    """What each character becomes, and the most characters that become one."""
    if source in _INDIC:
        step = _INDIC[target] - _INDIC[source]
        codes = range(_INDIC[source], _INDIC[source] + 0x80)
        # Stops are Devanagari's in all of these scripts, and stay; so does what the other script has no letter for.
        pairs = ((chr(c), chr(c + step)) for c in codes if c - _INDIC[source] not in (0x64, 0x65))
        table = {a: b for a, b in pairs if _same(a, b)}
    elif source in _KANA:
        table = {chr(a): chr(b) for a, b in zip(_KANA[source], _KANA[target], strict=True)}
    else:
        cyrillic, latin = _CYRILLIC[0], _clusters(_CYRILLIC[1])
        pairs = ((a, b) if source == "Cyrl" else (b, a) for a, b in zip(cyrillic, latin, strict=True))
        table = {}
        for a, b in pairs:
            table[unicodedata.normalize("NFC", a)] = unicodedata.normalize("NFC", b)
        table |= {a.upper(): b.upper() for a, b in table.items() if a.upper() != a and b.upper() != b}
    return table, max(map(len, table))


def _same(a: str, b: str) -> bool:
    """Whether two characters of Indic blocks are the same letter: named alike, or of one kind where the blocks are parallel."""
    names = [unicodedata.name(c, "") for c in (a, b)]
    if not all(names):
        return False
    parallel = ord(a) % 0x80 <= 0x4D and ord(a) % 0x80 != 0x3C and unicodedata.category(a) == unicodedata.category(b)
    return parallel or names[0].split(" ", 1)[1:] == names[1].split(" ", 1)[1:]


def _clusters(text: str) -> list[str]:
    out: list[str] = []
    for character in text:
        if out and unicodedata.combining(character):
            out[-1] += character
        else:
            out.append(character)
    return out
