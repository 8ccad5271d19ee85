"""What texts are made of, counted: characters, words, lines, capitals, punctuation, addresses, mojibake."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from polyalign.core.jit import I32, I64, U8, U32, kernel
from polyalign.kernels.characters import (
    BULLET,
    DIGIT,
    KINDS_OF_MARKS,
    LETTER,
    MARK,
    ODD,
    PUNCTUATION,
    SCRIPT,
    SPACE,
    TERMINAL,
    UPPER,
)  # fmt: skip

#: Columns of `profile`.
(
    CHARS, WORDS, LONGEST, SOLID, LETTERS, DIGITS, MARKS_ALL, UPPERS, TERMINALS, ODDS, MOJIBAKE, MIXED, LINES, BULLETS,
    ELLIPSES, URLS,
) = range(16)  # fmt: skip
COLUMNS = 16


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
