"""What a character is, for all who count, compare or hash: UTF-8 decoded to code points, and the kind of each.

A character's *kind* is 32 bits: its script in the lowest eight (0 for none, else 1 + its place in `core.scripts.SCRIPTS`),
above them a bit for each property; `ALONE` is a letter or mark of a script without spaces, which counts as a word. Kernels run without the GIL and are called from several threads, each with texts
of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import numpy as np
import regex

from polyalign.core.jit import I32, I64, U8, U32, kernel
from polyalign.core.scripts import SCRIPTS, SPACELESS

SCRIPT = 0xFF
LETTER, SPACE, DIGIT, PUNCTUATION, ODD, TERMINAL, MARK, UPPER, BULLET, ALONE = (1 << b for b in range(8, 18))
#: Kinds of punctuation, numbered in bits 20 to 23; bits 24 to 27 hold the value of a digit.
MARKS = (".。．｡।॥۔።։", "?？؟;፧", "!！¡¿", ",，،、﹐፣", ":：፡", ";；؛፤", "\"“”„«»‹›'‘’‚「」『』", "()[]{}（）［］【】《》〈〉", "-–—―‐‑−", "…", "%％٪", "/\\|", "*•·")  # fmt: skip
KINDS_OF_MARKS = len(MARKS)
_TERMINAL = ".?!…"
_BULLETS = "•‣▪▫●○◦■□▶►–—-*·"
#: Beyond this there are only planes of no, private or joined characters.
_LIMIT = 0x32400
_LAST = 0x110000
#: What Windows-1252 makes of the bytes 0x80 to 0x9F; those it leaves out stay control characters.
_CP1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"


@lru_cache(maxsize=1)
def kinds() -> U32:
    """The kind of every code point, shape (1114112,)."""
    table = np.full(_LAST, ODD, np.uint32)
    table[:_LIMIT] = 0
    table[0xE0000:0xE0200] = 0
    text = "".join(chr(i) if not 0xD800 <= i < 0xE000 else "\x01" for i in range(_LIMIT))
    rules = {
        r"\p{Alphabetic}+": LETTER, r"\p{Nd}+": DIGIT, r"[\p{P}\p{S}]+": PUNCTUATION, r"\p{M}+": MARK,
        r"\p{Lu}+": UPPER, r"[[\p{Cc}\p{Co}\p{Cn}\p{Cs}\ufffd\ufeff]--[\t\n\r]]+": ODD,
    }  # fmt: skip
    for pattern, bit in rules.items():
        for match in regex.finditer(pattern, text, regex.V1):
            table[match.start() : match.end()] |= bit
    for number, script in enumerate(SCRIPTS, 1):
        for match in regex.finditer(rf"\p{{Script={script}}}+", text):
            table[match.start() : match.end()] |= number
    spaceless = np.array([False, *(script in SPACELESS for script in SCRIPTS)])
    word = table & (LETTER | MARK) > 0
    table[word & spaceless[table & SCRIPT]] |= ALONE
    # One that scripts share, such as the long vowel of kana, if it is used in these alone.
    only = regex.compile(rf"[{_extended(SPACELESS)}--[{_extended(set(SCRIPTS) - SPACELESS)}]]", regex.V1)
    for point in np.flatnonzero(word & (table & SCRIPT == 0)).tolist():
        if only.match(chr(point)):
            table[point] |= ALONE
    for character in filter(str.isspace, text[:0x3100]):
        table[ord(character)] |= SPACE
    for bit, some in ((TERMINAL, _TERMINAL), (BULLET, _BULLETS)):
        for character in some:
            table[ord(character)] |= bit
    for number, some in enumerate(MARKS, 1):
        for character in some:
            table[ord(character)] |= number << 20
    # Every script has its ten digits in a row, from 0 to 9.
    for match in regex.finditer(r"\p{Nd}+", text):
        table[match.start() : match.end()] |= (np.arange(match.end() - match.start(), dtype=np.uint32) % 10) << 24
    return table


def _extended(scripts: Collection[str]) -> str:
    return "".join(rf"\p{{Script_Extensions={script}}}" for script in sorted(scripts))


@lru_cache(maxsize=1)
def lower() -> I32:
    """The lower-case letter of every code point, itself where there is none or it is several."""
    table = np.arange(_LAST, dtype=np.int32)
    for code in np.flatnonzero(kinds() & UPPER):
        small = chr(code).lower()
        table[code] = ord(small) if len(small) == 1 else code
    return table


@lru_cache(maxsize=1)
def legacy_bytes() -> U8:
    """The byte that a character is in Windows-1252, 0 for those that are ASCII or not in it, shape (65536,)."""
    table = np.zeros(1 << 16, np.uint8)
    table[0x80:0x100] = np.arange(0x80, 0x100)
    for byte, character in enumerate(_CP1252, 0x80):
        table[ord(character)] = byte
    return table


@kernel()
def point_at(data: U8, at: int, end: int) -> tuple[int, int]:
    """The code point at a place in UTF-8, and the place behind it, never beyond `end`."""
    first = int(data[at])
    if first < 0x80:
        return first, at + 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    point = first & (0x1F if size == 2 else 0x0F if size == 3 else 0x07)
    stop = min(at + size, end)
    for k in range(at + 1, stop):
        point = (point << 6) | (int(data[k]) & 0x3F)
    return min(point, 0x10FFFF), stop


@kernel()
def decode(data: U8, starts: I64, offsets: I64, table: U32) -> tuple[I32, U32]:
    """The code points of texts in UTF-8, end to end, and their kinds.

    Args:
        data: The bytes.
        starts: Where each text begins in them, and the end, shape (n + 1,).
        offsets: The same in code points.
        table: The kind of every code point.
    """
    points = np.empty(offsets[-1], np.int32)
    found = np.empty(offsets[-1], np.uint32)
    for i in range(len(offsets) - 1):
        at, end = starts[i], starts[i + 1]
        for k in range(offsets[i], offsets[i + 1]):
            point = int(data[at])
            if point < 0x80:
                at += 1
            else:
                point, at = point_at(data, at, end)
            points[k] = point
            found[k] = table[point]
    return points, found
