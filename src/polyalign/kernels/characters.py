"""Text as arrays: UTF-8 decoded once to code points and what each of them is, and what is counted from that.

A character's *kind* is 32 bits: its script in the lowest eight (0 for none, else 1 + its place in `core.scripts.SCRIPTS`),
above them a bit for each property. Kernels run without the GIL and are called from several threads, each with texts
of its own.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import regex

from polyalign.core.jit import I32, I64, U8, U32, U64, kernel
from polyalign.core.scripts import SCRIPTS

SCRIPT = 0xFF
LETTER, SPACE, DIGIT, PUNCTUATION, ODD, TERMINAL, MARK, UPPER, BULLET = (1 << b for b in range(8, 17))
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

#: Columns of `profile`.
(
    CHARS, WORDS, LONGEST, SOLID, LETTERS, DIGITS, MARKS_ALL, UPPERS, TERMINALS, ODDS, MOJIBAKE, MIXED, LINES, BULLETS,
    ELLIPSES, URLS,
) = range(16)  # fmt: skip
COLUMNS = 16


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
        at, k = starts[i], offsets[i]
        while k < offsets[i + 1]:
            byte = np.int32(data[at])
            if byte < 0x80:
                point, at = byte, at + 1
            elif byte < 0xE0:
                point, at = ((byte & 0x1F) << 6) | (np.int32(data[at + 1]) & 0x3F), at + 2
            elif byte < 0xF0:
                point = ((byte & 0x0F) << 12) | ((np.int32(data[at + 1]) & 0x3F) << 6) | (np.int32(data[at + 2]) & 0x3F)
                at += 3
            else:
                point = ((byte & 0x07) << 18) | ((np.int32(data[at + 1]) & 0x3F) << 12)
                point |= ((np.int32(data[at + 2]) & 0x3F) << 6) | (np.int32(data[at + 3]) & 0x3F)
                at += 4
            points[k] = point
            found[k] = table[point]
            k += 1
    return points, found


@kernel()
def _mojibake(points: I32, a: int, b: int, legacy: U8) -> int:
    # Characters that are UTF-8 read as Windows-1252: their bytes make sequences of UTF-8. A lone pair may be a letter
    # before a quotation mark or a space that does not break; two in a row, or one that begins as most Latin does, are not.
    total, pending, after, k = 0, 0, False, a
    while k < b:
        point = points[k]
        lead = int(legacy[point]) if point < 65536 else 0
        size = 0
        if 0xC2 <= lead < 0xF5:
            size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            for j in range(k + 1, min(k + size, b)):
                byte = legacy[points[j]] if points[j] < 65536 else 0
                if not 0x80 <= byte < 0xC0:
                    size = 0
            if k + size > b:
                size = 0
        if size == 0:
            pending, after = 0, False
            k += 1
            continue
        second = points[k + 1]
        # A sign that no word ends in: of the Latin-1 supplement but « » and its like, or a control character.
        plain = second > 0xFF or second in (0xA0, 0xAB, 0xBB, 0xB7, 0xB4, 0xAE, 0xB0, 0xB2, 0xB3, 0xBA, 0xAA)
        if size > 2 or lead <= 0xC3 or not plain or after:
            total += size + pending
            pending = 0
        else:
            pending = size
        after = True
        k += size
    return total


@kernel()
def _url(points: I32, kinds: U32, a: int, b: int) -> int:
    # Length of the address that begins at a, or 0: http://, https:// or www. and what follows up to white space.
    if b - a < 5:
        return 0
    end = 0
    if points[a] == 104 and points[a + 1] == 116 and points[a + 2] == 116 and points[a + 3] == 112:
        k = a + 4 + (1 if points[a + 4] == 115 else 0)
        if k + 2 < b and points[k] == 58 and points[k + 1] == 47 and points[k + 2] == 47:
            end = k
    elif points[a] == 119 and points[a + 1] == 119 and points[a + 2] == 119 and points[a + 3] == 46:
        end = a + 4
    if end == 0:
        return 0
    while end < b and not kinds[end] & SPACE:
        end += 1
    return end - a


@kernel()
def profile(points: I32, kinds: U32, offsets: I64, legacy: U8, joined: npt.NDArray[np.bool_]) -> I32:
    """What there is in each text, counted in one pass.

    Args:
        points: Code points of all texts.
        kinds: Their kinds.
        offsets: Where each text begins, and the end, shape (n + 1,).
        legacy: As `legacy_bytes` gives them.
        joined: By script number: those that share words with each other (Han, kana, Hangul).

    Returns:
        Shape (n, 16): characters; words between white space; the longest one; characters that are no white space;
        letters (Unicode's Alphabetic); digits; punctuation and symbols; capitals; terminal marks ``.?!…``; characters that
        are no text (control, private, unassigned, U+FFFD); mojibake; letters of words in two scripts; lines; lines that
        begin with a bullet; lines that end in an ellipsis; characters of web addresses.
    """
    out = np.zeros((len(offsets) - 1, COLUMNS), np.int32)
    for i in range(len(offsets) - 1):
        a, b, row = offsets[i], offsets[i + 1], out[i]
        row[CHARS] = b - a
        word, script, letters, mixed, high = 0, np.uint32(0), 0, False, False
        until, line_first, line_last = np.int64(0), np.int64(-1), np.int64(-1)
        for k in range(a, b + 1):
            kind = kinds[k] if k < b else np.uint32(SPACE)
            if not kind & (LETTER | MARK):
                if mixed:
                    row[MIXED] += letters
                script, letters, mixed = np.uint32(0), 0, False
            if k == b or points[k] == 10:
                if line_first >= 0:
                    row[LINES] += 1
                    row[BULLETS] += 1 if kinds[line_first] & BULLET else 0
                    dots = line_last - 2 >= line_first and points[line_last] == 46
                    dots = dots and points[line_last - 1] == 46 and points[line_last - 2] == 46
                    row[ELLIPSES] += 1 if dots or points[line_last] == 0x2026 else 0
                line_first = np.int64(-1)
            if kind & SPACE:
                if word > 0:
                    row[WORDS] += 1
                    row[LONGEST] = max(row[LONGEST], word)
                    row[SOLID] += word
                word = 0
                row[ODDS] += 1 if k < b and kind & ODD else 0
                continue
            if word == 0 and k >= until:
                length = _url(points, kinds, k, b)
                row[URLS] += length
                until = np.int64(k + length)
            word += 1
            line_first = np.int64(k) if line_first < 0 else line_first
            line_last = np.int64(k)
            high |= points[k] > 127
            if kind & LETTER:
                row[LETTERS] += 1
                letters += 1
                own = np.uint32(kind & SCRIPT)
                if own:
                    mixed |= script != 0 and own != script and not (joined[own] and joined[script])
                    script = own
            row[DIGITS] += 1 if kind & DIGIT else 0
            row[MARKS_ALL] += 1 if kind & PUNCTUATION else 0
            row[UPPERS] += 1 if kind & UPPER else 0
            row[TERMINALS] += 1 if kind & TERMINAL else 0
            row[ODDS] += 1 if kind & ODD else 0
        if high:
            row[MOJIBAKE] = _mojibake(points, a, b, legacy)
    return out


@kernel()
def letters_in(kinds: U32, offsets: I64, wanted: npt.NDArray[np.bool_]) -> I32:
    """How many letters of each text are in scripts that are wanted, by number, shape (n,)."""
    out = np.zeros(len(offsets) - 1, np.int32)
    for i in range(len(out)):
        for k in range(offsets[i], offsets[i + 1]):
            if kinds[k] & LETTER and wanted[kinds[k] & SCRIPT]:
                out[i] += 1
    return out


@kernel()
def mark_counts(kinds: U32, offsets: I64) -> I32:
    """How many marks of each kind of `MARKS` each text has, shape (n, 13)."""
    out = np.zeros((len(offsets) - 1, KINDS_OF_MARKS), np.int32)
    for i in range(len(out)):
        for k in range(offsets[i], offsets[i + 1]):
            number = (kinds[k] >> 20) & 15
            if number:
                out[i, number - 1] += 1
    return out


@kernel()
def numbers(points: I32, kinds: U32, offsets: I64) -> tuple[U64, I64]:
    """The numbers of each text as hashes: runs of digits, with one separator between two digits left out.

    Returns:
        The hashes of each text sorted, shape (m,), and where each text's begin, and the end, shape (n + 1,).
    """
    out, first, n = np.empty(len(points), np.uint64), np.zeros(len(offsets), np.int64), 0
    for i in range(len(offsets) - 1):
        end, k = offsets[i + 1], offsets[i]
        while k < end:
            if not kinds[k] & DIGIT:
                k += 1
                continue
            value = np.uint64(0xCBF29CE484222325)
            while k < end:
                if kinds[k] & DIGIT:
                    digit = (kinds[k] >> 24) & 15
                    value = (value ^ np.uint64(digit + 1)) * np.uint64(0x9E3779B97F4A7C15)
                    value ^= value >> np.uint64(32)
                elif not (k + 1 < end and kinds[k + 1] & DIGIT and _separates(points[k])):
                    break
                k += 1
            out[n] = value
            n += 1
        first[i + 1] = n
        out[first[i] : n].sort()
    return out[:n].copy(), first


@kernel()
def _separates(point: int) -> bool:
    return point in (0x2E, 0x2C, 0x27, 0x2019, 0xA0, 0x2009, 0x202F, 0x66B, 0x66C)
