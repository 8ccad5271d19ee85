"""Texts in UTF-8 as hashes: of their folded content, and of the n-grams of their words or characters.

A table gives every code point what it folds to: another code point, `SPACE`, or 0 where it is dropped. Two high bits say
that a character is a word of its own (Chinese has no spaces), and that a run of it is one (digits).
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I64, U8, U32, U64, kernel, prange
from polyalign.core.rng import GOLDEN, mix
from polyalign.kernels.characters import point_at

SPACE = np.uint32(32)
#: Flags of a folded code point: a word of its own; repetitions fold into one.
ALONE, RUN = np.uint32(1 << 31), np.uint32(1 << 30)
_POINT = np.uint32((1 << 21) - 1)
_ODD = np.uint64(0xD6E8FEB86659FD93)
#: Texts in the care of one thread at a time.
CHUNK = 256


@kernel()
def fold(data: U8, at: int, end: int, table: U32, out: U32) -> int:
    """Write a text's folded code points, flags kept: white space single and none at the ends; returns their number.

    `out` has room for one more than the text has bytes.
    """
    count, last = 0, SPACE
    while at < end:
        point = int(data[at])
        if point < 0x80:
            at += 1
        else:
            point, at = point_at(data, at, end)
        folded = table[point]
        # Written in any case and then passed over or not: a branch here is guessed wrong at every other word.
        out[count] = folded
        again = (folded == last) & ((folded == SPACE) | (folded & RUN != 0))
        count += 0 if again | (folded == 0) else 1
        last = last if folded == 0 else folded
    return count - 1 if count > 0 and out[count - 1] == SPACE else count


@kernel()
def words_of(points: U32, count: int, out: U64) -> int:
    """Hash every word of a folded text: what stands between spaces, and every character that is a word; returns their number."""
    words, inside, h = 0, False, GOLDEN
    for k in range(count):
        p = points[k]
        if p == SPACE or p & ALONE:
            if inside:
                out[words] = mix(h)
                words, inside, h = words + 1, False, GOLDEN
            if p != SPACE:
                out[words] = mix(np.uint64(p & _POINT) + GOLDEN)
                words += 1
        else:
            h = h * _ODD + np.uint64(p & _POINT)
            inside = True
    if inside:
        out[words] = mix(h)
        words += 1
    return words


@kernel()
def characters_of(points: U32, count: int, out: U64) -> int:
    """Hash every character of a folded text, spaces among them; returns their number."""
    for k in range(count):
        out[k] = mix(np.uint64(points[k] & _POINT) + GOLDEN)
    return count


@kernel()
def ngram_hash(units: U64, at: int, size: int) -> np.uint64:
    """The hash of the n-gram of that size at a place."""
    h = np.uint64(size)
    for j in range(at, at + size):
        h = (h ^ units[j]) * _ODD
        h ^= h >> np.uint64(29)
    return mix(h)


@kernel()
def ngrams_of(units: U64, count: int, n: int, short: bool) -> int:
    """Hash every n-gram of units in their own place; a text of fewer is one n-gram if `short`; returns their number."""
    size = min(n, count)
    if size == 0 or (count < n and not short):
        return 0
    for k in range(count - size + 1):
        units[k] = ngram_hash(units, k, size)
    return count - size + 1


@kernel()
def longest(offsets: I64, first: int, last: int) -> int:
    """Bytes of the longest of some texts."""
    most = 0
    for i in range(first, last):
        most = max(most, offsets[i + 1] - offsets[i])
    return most


@kernel(parallel=True)
def content_hashes(data: U8, offsets: I64, table: U32, seed: int) -> tuple[U64, I64]:
    """A hash of each text's folded content, and how many characters that has.

    A text of which folding leaves nothing is hashed as it is.

    Args:
        data: The texts end to end, UTF-8.
        offsets: Where each begins, and the end, shape (n + 1,).
        table: What each code point folds to.
        seed: Of the hash.

    Complexity: O(bytes).
    """
    n = len(offsets) - 1
    out, lengths = np.empty(n, np.uint64), np.zeros(n, np.int64)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        first, last = chunk * CHUNK, min(n, chunk * CHUNK + CHUNK)
        points = np.empty(longest(offsets, first, last) + 1, np.uint32)
        for i in range(first, last):
            count = fold(data, offsets[i], offsets[i + 1], table, points)
            lengths[i] = count
            h = mix(np.uint64(seed) + GOLDEN)
            if count == 0:
                for k in range(offsets[i], offsets[i + 1]):
                    h = mix(h ^ (np.uint64(data[k]) + GOLDEN))
            for k in range(count):
                h = (h ^ np.uint64(points[k] & _POINT)) * _ODD
                h ^= h >> np.uint64(32)
            out[i] = mix(h ^ np.uint64(count))
    return out, lengths
