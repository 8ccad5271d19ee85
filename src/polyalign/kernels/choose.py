"""The best counterpart of every word, in both directions, from posteriors."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I64, kernel, prange


@kernel(parallel=True)
def choose(
    src_offsets: I64, tgt_offsets: I64, cells: I64, forward: F32, backward: F32, tgt_null: F32, src_null: F32
) -> tuple[I64, I64]:
    """The cell with the highest posterior of each target and each source word, -1 where NULL has more.

    Args:
        src_offsets: Where each pair's source words begin, and the end, shape (n + 1,).
        tgt_offsets: The same for target words.
        cells: Where each pair's cells begin, source word by source word, and the end.
        forward: Posterior of each cell, target words choosing.
        backward: Posterior of each cell, source words choosing.
        tgt_null: Posterior of NULL for each target word.
        src_null: And for each source word.

    Returns:
        The cell of each target word and of each source word; of equal ones the first.
    """
    of_tgt, of_src = np.full(tgt_offsets[-1], -1, np.int64), np.full(src_offsets[-1], -1, np.int64)
    for k in prange(len(cells) - 1):
        a, c = src_offsets[k], tgt_offsets[k]
        n, m = src_offsets[k + 1] - a, tgt_offsets[k + 1] - c
        best_src, best_tgt = np.empty(n, np.float32), np.empty(m, np.float32)
        best_src[:] = src_null[a : a + n]
        best_tgt[:] = tgt_null[c : c + m]
        for i in range(n):
            for j in range(m):
                cell = cells[k] + i * m + j
                if forward[cell] > best_tgt[j]:
                    best_tgt[j], of_tgt[c + j] = forward[cell], cell
                if backward[cell] > best_src[i]:
                    best_src[i], of_src[a + i] = backward[cell], cell
    return of_tgt, of_src
