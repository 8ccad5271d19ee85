"""How alike words of two languages are spelled."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U64, kernel

#: Words shorter than this on both sides are alike only if they are the same.
SHORT = 4


@kernel()
def alike(
    src_offsets: I64, src_chars: I32, tgt_offsets: I64, tgt_chars: I32, pair_src: I32, pair_tgt: I32, least: float
) -> F32:
    """Share of letters in common, in order, of each pair of words, from 0 at `least` to 1 for equal words.

    The share is LCS(s, t) / max(|s|, |t|), LCS being the length of the longest common subsequence.

    Args:
        src_offsets: Where each source word's characters begin, and the end.
        src_chars: Code points.
        tgt_offsets: The same for target words.
        tgt_chars: See above.
        pair_src: Source word of each pair.
        pair_tgt: Target word.
        least: Share below which words are not alike, in [0, 1).
    """
    out, row = np.zeros(len(pair_src), np.float32), np.empty(65, np.int32)
    src_sets, tgt_sets = _sets(src_offsets, src_chars), _sets(tgt_offsets, tgt_chars)
    for k in range(len(pair_src)):
        a, c = src_offsets[pair_src[k]], tgt_offsets[pair_tgt[k]]
        n, m = src_offsets[pair_src[k] + 1] - a, tgt_offsets[pair_tgt[k] + 1] - c
        src_set, tgt_set = src_sets[pair_src[k]], tgt_sets[pair_tgt[k]]
        longest = max(n, m)
        if n == m and n > 0 and src_set == tgt_set and np.array_equal(src_chars[a : a + n], tgt_chars[c : c + n]):
            out[k] = 1
            continue
        if longest < SHORT or min(n, m) < least * longest or m >= len(row):
            continue
        # Letters that only one of the words has are not in common.
        if min(n - _size(src_set & ~tgt_set), m - _size(tgt_set & ~src_set)) < least * longest:
            continue
        row[: m + 1] = 0
        for i in range(a, a + n):
            diagonal = 0
            for j in range(m):
                above = row[j + 1]
                row[j + 1] = diagonal + 1 if src_chars[i] == tgt_chars[c + j] else max(above, row[j])
                diagonal = above
        out[k] = max(0.0, (row[m] / longest - least) / (1.0 - least))
    return out


@kernel()
def _sets(offsets: I64, chars: I32) -> U64:
    # The letters of each word, as bits; letters that share one only make the set look smaller.
    out = np.zeros(len(offsets) - 1, np.uint64)
    for w in range(len(out)):
        for x in range(offsets[w], offsets[w + 1]):
            out[w] |= np.uint64(1) << np.uint64(chars[x] & 63)
    return out


@kernel()
def _size(bits: np.uint64) -> int:
    # Number of bits set, added up in fields of 2, 4 and 8 of them.
    b = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    b = (b & np.uint64(0x3333333333333333)) + ((b >> np.uint64(2)) & np.uint64(0x3333333333333333))
    b = (b + (b >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((b * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]
