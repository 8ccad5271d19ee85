"""How much of a text says again what it has said."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, U32, U64, kernel
from polyalign.core.rng import absorb
from polyalign.kernels.characters import SPACE


@kernel()
def _matches(points: I32, a: int, c: int, length: int) -> bool:
    for k in range(length):
        if points[a + k] != points[c + k]:
            return False
    return True


@kernel()
def _times(points: I32, i: int, b: int, length: int, least: int) -> int:
    # How often the string of that length at i follows itself, with blanks between; 0 if fewer times than `least`.
    count, k = 0, i + length
    while True:
        while k < b and points[k] == 32:
            k += 1
        if k + length > b or not _matches(points, i, k, length):
            break
        count += 1
        k += length
    return count if count >= least else 0


@kernel()
def _beginnings(points: I32, a: int, b: int, size: int, seen: I32, bits: int, spots: I32) -> int:
    # How often strings of that size, at most 3, occur, counted in a table of 2 ** bits: in spots[k] the one at a + k.
    shift = np.uint64(32 - bits)
    count = max(0, b - a - size + 1)
    for k in range(count):
        key = np.uint32(points[a + k]) * np.uint32(0x9E3779B1)
        if size > 1:
            key += np.uint32(points[a + k + 1]) * np.uint32(0x85EBCA6B)
        if size > 2:
            key += np.uint32(points[a + k + 2]) * np.uint32(0xC2B2AE35)
        spots[k] = np.uint32(key) >> shift
        seen[spots[k]] += 1
    return count


@kernel()
def repeats(points: I32, kinds: U32, offsets: I64, shortest: int, longest: int, least: int) -> I32:
    """How often the first string that repeats itself `least` times or more in a row does so, shape (n,).

    Args:
        points: Code points of all texts.
        kinds: Their kinds.
        offsets: Where each text begins, and the end, shape (n + 1,).
        shortest: Fewest characters of such a string, whose first is no white space.
        longest: Most characters.
        least: Fewest repetitions that count; the first occurrence is none.
    """
    out = np.zeros(len(offsets) - 1, np.int32)
    # A string that repeats itself begins often enough with its first characters: most places need no further look.
    size, most = min(shortest, 3), np.int64(0)
    for n in range(len(out)):
        most = max(most, offsets[n + 1] - offsets[n])
    bits = 6
    while 1 << bits < 4 * most and bits < 16:
        bits += 1
    seen, spots = np.zeros(1 << bits, np.int32), np.zeros(most, np.int32)
    for n in range(len(out)):
        a, b = offsets[n], offsets[n + 1]
        line = a
        count = _beginnings(points, a, b, size, seen, bits, spots)
        for i in range(a, b - shortest * (least + 1) + 1):
            if i >= line:
                line = i  # a string does not reach beyond its line
                while line < b and points[line] != 10:
                    line += 1
            if kinds[i] & SPACE or seen[spots[i - a]] <= least:
                continue
            head = points[i]
            for length in range(shortest, min(longest, line - i, (b - i) // (least + 1)) + 1):
                # Cheap tests first: the next character, or the first behind blanks, must be the string's first.
                after = points[i + length]
                if after != head and after != 32:
                    continue
                times = _times(points, i, b, length, least)
                if times:
                    out[n] = times
                    break
            if out[n]:
                break
        for k in range(count):
            seen[spots[k]] = 0
    return out


@kernel()
def _spot(table: U64, stamp: I32, key: np.uint64, now: int) -> int:
    # Where a key is in a table of open places, or where it would be; places of an earlier stamp are free.
    mask = len(table) - 1
    at = np.int64(key & np.uint64(mask))
    while stamp[at] == now and table[at] != key:
        at = (at + 1) & mask
    return int(at)


@kernel()
def ngram_shares(hashes: U64, lengths: I32, first: I64, chars: I32, order: int) -> F64:
    """What share of each text its n-grams of one order take up.

    Args:
        hashes: Words, or characters, as numbers.
        lengths: How many characters each has.
        first: Where each text's begin, and the end, shape (n + 1,).
        chars: Characters of each text, white space too, shape (n,).
        order: Words of an n-gram.

    Returns:
        Of the characters of a text, the share in all occurrences of its most frequent n-gram (of several the longest),
        and the share in n-grams that stood in it before, none counted twice; shape (n, 2).
    """
    most = np.int64(1)
    for i in range(len(first) - 1):
        most = max(most, first[i + 1] - first[i])
    size = 16
    while size < 2 * most:
        size *= 2
    table, stamp = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    count, covers = np.zeros(size, np.int32), np.zeros(size, np.int64)
    out = np.zeros((len(first) - 1, 2))
    for i in range(len(out)):
        a, b = first[i], first[i + 1]
        if b - a < order or chars[i] == 0:
            continue
        small = 16
        while small < 2 * (b - a):
            small *= 2
        best, until, again = np.int64(0), a, np.int64(0)
        top = 1
        for w in range(a, b - order + 1):
            key, covered = np.uint64(0), np.int64(0)
            for k in range(order):
                key = absorb(key, hashes[w + k])
                covered += lengths[w + k]
            at = _spot(table[:small], stamp[:small], key, i + 1)
            if stamp[at] != i + 1:
                table[at], stamp[at], count[at], covers[at] = key, i + 1, 0, covered
            count[at] += 1
            if count[at] > top or (count[at] == top and top > 1 and covers[at] > best):
                top, best = count[at], covers[at]
            if count[at] > 1:
                for k in range(max(w, until), w + order):
                    again += lengths[k]
                until = max(until, w + order)
        out[i, 0] = top * best / chars[i] if top > 1 else 0.0
        out[i, 1] = again / chars[i]
    return out
