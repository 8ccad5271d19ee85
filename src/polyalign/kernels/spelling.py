"""How alike words of two languages are spelled."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, kernel

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
    for k in range(len(pair_src)):
        s = src_chars[src_offsets[pair_src[k]] : src_offsets[pair_src[k] + 1]]
        t = tgt_chars[tgt_offsets[pair_tgt[k]] : tgt_offsets[pair_tgt[k] + 1]]
        n, m = len(s), len(t)
        longest = max(n, m)
        if n == m and n > 0 and np.array_equal(s, t):
            out[k] = 1
            continue
        if longest < SHORT or min(n, m) < least * longest or m >= len(row):
            continue
        row[: m + 1] = 0
        for i in range(n):
            diagonal = 0
            for j in range(m):
                above = row[j + 1]
                row[j + 1] = diagonal + 1 if s[i] == t[j] else max(above, row[j])
                diagonal = above
        out[k] = max(0.0, (row[m] / longest - least) / (1.0 - least))
    return out
