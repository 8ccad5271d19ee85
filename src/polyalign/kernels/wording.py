"""Texts in UTF-8 as bytes: a hash of each, its words, and what can be counted on the way."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I32, I64, U8, U64, kernel
from polyalign.core.rng import mix

#: What a character is to a word.
_GAP, _LETTER, _DIGIT, _ALONE = 0, 1, 2, 3
_PRIME, _START = np.uint64(0x100000001B3), np.uint64(0xCBF29CE484222325)
#: Ranges of code points, both ends in: punctuation, symbols and spaces beyond ASCII.
_GAPS = np.array(
    [
        (0x80, 0xA9), (0xAB, 0xB1), (0xB4, 0xB4), (0xB6, 0xB8), (0xBB, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7),
        (0x55A, 0x55F), (0x589, 0x58A), (0x5BE, 0x5BE), (0x5C0, 0x5C0), (0x5C3, 0x5C3), (0x5F3, 0x5F4), (0x60C, 0x60D),
        (0x61B, 0x61F), (0x66A, 0x66D), (0x6D4, 0x6D4), (0x964, 0x965), (0xE2F, 0xE2F), (0xE5A, 0xE5B), (0xF0B, 0xF14),
        (0x104A, 0x104F), (0x1361, 0x1368), (0x1680, 0x1680), (0x17D4, 0x17DA), (0x2000, 0x206F), (0x20A0, 0x20CF),
        (0x2190, 0x2BFF), (0x2E00, 0x2E7F), (0x3000, 0x3004), (0x3008, 0x3020), (0x3030, 0x3030), (0x303D, 0x303F),
        (0x30FB, 0x30FB), (0xE000, 0xF8FF), (0xFE10, 0xFE1F), (0xFE30, 0xFE6F), (0xFEFF, 0xFF0F), (0xFF1A, 0xFF20),
        (0xFF3B, 0xFF40), (0xFF5B, 0xFF65), (0xFFE0, 0xFFFF), (0x1F000, 0x1FAFF), (0xE0000, 0xE01EF),
    ],
    np.int32,
)  # fmt: skip
#: Likewise, of scripts that put no spaces between words: every character counts as a word.
_ALONES = np.array(
    [
        (0xE01, 0xE4E), (0xE80, 0xEDF), (0xF40, 0xFBC), (0x1000, 0x1049), (0x1780, 0x17D3), (0x3005, 0x3007), (0x3031, 0x303C),
        (0x3040, 0x30FA), (0x30FC, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF),
    ],
    np.int32,
)  # fmt: skip


@kernel()
def hash_texts(data: U8, at: I64) -> U64:
    """A 64-bit hash of each text's bytes, shape (n,)."""
    out = np.zeros(len(at) - 1, np.uint64)
    for k in range(len(at) - 1):
        h = _START
        for i in range(at[k], at[k + 1]):
            h = np.uint64((h ^ np.uint64(data[i])) * _PRIME)
        out[k] = mix(h)
    return out


@kernel()
def _inside(ranges: I32, point: int) -> bool:
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle, 1] < point:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low, 0] <= point


@kernel()
def _kind(point: int) -> int:
    if point < 128:
        if 48 <= point <= 57:
            return _DIGIT
        return _LETTER if 97 <= point <= 122 or 65 <= point <= 90 else _GAP
    if _inside(_GAPS, point):
        return _GAP
    return _ALONE if _inside(_ALONES, point) else _LETTER


@kernel()
def scan_texts(data: U8, at: I64) -> tuple[U64, I64, U64, I32]:
    """The words of texts in lower case, and what is counted on the way.

    A word is a run of letters, marks and digits; in scripts without spaces between words, every character.

    Args:
        data: The texts' bytes in UTF-8, one behind the other.
        at: Where each text starts, and the end of the last, shape (n + 1,).

    Returns:
        A hash of each word, shape (w,); where the words of each text start, shape (n + 1,); of each text a hash of its
        letters alone (every digit as 0, without spaces and punctuation; 0 if it has none) and one of its digits in any order,
        shape (n, 2); and of each its code points, letters, the longest run of one word and the longest run of one letter,
        shape (n, 4).
    """
    n = len(at) - 1
    words = np.empty((at[n] - at[0]) // 2 + n + 1, np.uint64)
    first, loose, counts = np.zeros(n + 1, np.int64), np.zeros((n, 2), np.uint64), np.zeros((n, 4), np.int32)
    filled = 0
    for k in range(n):
        h, bare, digits = _START, _START, np.uint64(0)
        inside, run, word_run, before = False, 0, 0, np.uint64(0)
        points, letters, most_run, most_word, last = 0, 0, 0, 0, -1
        i, end = at[k], at[k + 1]
        while i <= end:
            point, size = 32, 1
            if i < end:
                point = int(data[i])
                if point >= 0xF0:
                    size, point = 4, point & 0x07
                elif point >= 0xE0:
                    size, point = 3, point & 0x0F
                elif point >= 0xC0:
                    size, point = 2, point & 0x1F
                for j in range(1, size):
                    point = (point << 6) | (int(data[i + j]) & 0x3F)
                points += 1
            i += size
            kind = _kind(point)
            # What ends a word: a gap, the end of the text, and a character that is a word itself.
            if inside and (kind == _GAP or kind == _ALONE):
                done = mix(h)
                words[filled] = done
                filled += 1
                word_run = word_run + 1 if done == before else 1
                most_word = max(most_word, word_run)
                before, h, inside = done, _START, False
            run = run + 1 if point == last else 1
            last = point
            if kind == _GAP:
                continue
            h = np.uint64((h ^ np.uint64(point)) * _PRIME)
            shown = 48 if kind == _DIGIT else point
            bare = np.uint64((bare ^ np.uint64(shown)) * _PRIME)
            if kind == _DIGIT:
                digits += mix(np.uint64(point))
            else:
                letters += 1
                most_run = max(most_run, run)
            inside = True
            if kind == _ALONE:
                done = mix(h)
                words[filled] = done
                filled += 1
                before, h, inside, word_run = done, _START, False, 0
        first[k + 1] = filled
        loose[k, 0] = np.uint64(0) if bare == _START else mix(bare)
        loose[k, 1] = digits
        counts[k, 0], counts[k, 1], counts[k, 2], counts[k, 3] = points, letters, most_word, most_run
    return words[:filled], first, loose, counts
