"""Words as hashes: where each begins and ends and a number for what it is, so that words are compared as numbers."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, U32, U64, kernel
from polyalign.core.rng import GOLDEN, absorb, mix
from polyalign.kernels.characters import ALONE, DIGIT, LETTER, MARK, SPACE

_SEED = np.uint64(0xCBF29CE484222325)


@kernel()
def _part(kind: np.uint32, letters: bool) -> int:
    # 0: between words; 1: part of a word; 2: a word by itself.
    if not letters:
        return 0 if kind & SPACE else 1
    return 2 if kind & ALONE else 1 if kind & (LETTER | MARK | DIGIT) else 0


@kernel()
def words(points: I32, kinds: U32, offsets: I64, lower: I32, letters: bool) -> tuple[U64, I64, I64, I64]:
    """The words of each text.

    Args:
        points: Code points of all texts.
        kinds: Their kinds.
        offsets: Where each text begins, and the end, shape (n + 1,).
        lower: The lower-case letter of every code point.
        letters: Whether words are runs of letters, marks and digits, lower-cased, and in scripts without spaces each letter;
            else they are what stands between white space, as it is.

    Returns:
        Hash, start and end of each word, shape (w,); where each text's words begin, and the end, shape (n + 1,).
    """
    most = np.int64(0)
    for i in range(len(offsets) - 1):
        most += offsets[i + 1] - offsets[i]
    hashes, starts, ends = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    first = np.zeros(len(offsets), np.int64)
    n = 0
    for i in range(len(offsets) - 1):
        open_at, value = np.int64(-1), _SEED
        for k in range(offsets[i], offsets[i + 1]):
            part = _part(kinds[k], letters)
            if open_at >= 0 and part != 1:
                hashes[n], starts[n], ends[n] = mix(value), open_at, k
                n, open_at = n + 1, np.int64(-1)
            if part:
                if open_at < 0:
                    open_at, value = np.int64(k), _SEED
                point = lower[points[k]] if letters else points[k]
                value = absorb(value, np.uint64(point))
                if part == 2:
                    hashes[n], starts[n], ends[n] = mix(value), k, k + 1
                    n, open_at = n + 1, np.int64(-1)
        if open_at >= 0:
            hashes[n], starts[n], ends[n] = mix(value), open_at, offsets[i + 1]
            n += 1
        first[i + 1] = n
    return hashes[:n], starts[:n], ends[:n], first


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
            value = _SEED
            while k < end:
                if kinds[k] & DIGIT:
                    digit = (kinds[k] >> 24) & 15
                    value = absorb(value, np.uint64(digit + 1))
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


@kernel()
def known_words(hashes: U64, first: I64, known: U64) -> I32:
    """How many of each text's words are among the known, sorted hashes, shape (n,)."""
    out = np.zeros(len(first) - 1, np.int32)
    for i in range(len(out)):
        for w in range(first[i], first[i + 1]):
            at = np.searchsorted(known, hashes[w])
            if at < len(known) and known[at] == hashes[w]:
                out[i] += 1
    return out


@kernel()
def covered(src: U64, src_first: I64, tgt: U64, tgt_first: I64, known: U64, pairs: U64) -> tuple[I32, I32]:
    """How many words of each source text a lexicon knows, and how many of those have a translation in the target.

    Args:
        src: Hashes of source words.
        src_first: Where each text's begin, and the end, shape (n + 1,).
        tgt: Hashes of target words.
        tgt_first: The same for them.
        known: Sorted hashes of the source words that the lexicon lists.
        pairs: Sorted hashes of its pairs, as `joined_hash` makes them.
    """
    listed, found = np.zeros(len(src_first) - 1, np.int32), np.zeros(len(src_first) - 1, np.int32)
    for i in range(len(listed)):
        for w in range(src_first[i], src_first[i + 1]):
            at = np.searchsorted(known, src[w])
            if at == len(known) or known[at] != src[w]:
                continue
            listed[i] += 1
            for x in range(tgt_first[i], tgt_first[i + 1]):
                key = joined_hash(src[w], tgt[x])
                at = np.searchsorted(pairs, key)
                if at < len(pairs) and pairs[at] == key:
                    found[i] += 1
                    break
    return listed, found


@kernel()
def joined_hash(src: np.uint64, tgt: np.uint64) -> np.uint64:
    """The hash of two words in this order."""
    return mix(np.uint64(src * GOLDEN) ^ tgt)


@kernel()
def joined_hashes(src: U64, tgt: U64) -> U64:
    """`joined_hash` of each pair."""
    out = np.empty(len(src), np.uint64)
    for i in range(len(src)):
        out[i] = joined_hash(src[i], tgt[i])
    return out


@kernel()
def shared(src: U64, src_first: I64, tgt: U64, tgt_first: I64) -> F64:
    """Dice's coefficient of two sorted multisets of each pair, NaN where both are empty, shape (n,)."""
    out = np.full(len(src_first) - 1, np.nan)
    for i in range(len(out)):
        a, b, c, d = src_first[i], src_first[i + 1], tgt_first[i], tgt_first[i + 1]
        total, both = b - a + d - c, 0
        while a < b and c < d:
            if src[a] == tgt[c]:
                both, a, c = both + 1, a + 1, c + 1
            elif src[a] < tgt[c]:
                a += 1
            else:
                c += 1
        if total:
            out[i] = 2 * both / total
    return out
