"""The greatest values of each row of a matrix."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, kernel


@kernel()
def nearest(similar: F32, bias: F32, k: int) -> tuple[F32, I32]:
    """The k greatest of ``similar[i] - bias`` in each row, and their columns, greatest first; ties by column.

    Args:
        similar: Shape (n, m).
        bias: What is subtracted from each column, shape (m,).
        k: How many, at most m.

    Complexity:
        O(m) for a row, as few values enter the list of the greatest so far.
    """
    value, column = np.empty((len(similar), k), np.float32), np.empty((len(similar), k), np.int32)
    for i in range(len(similar)):
        kept = 0
        for j in range(similar.shape[1]):
            v = similar[i, j] - bias[j]
            if kept == k and v <= value[i, k - 1]:
                continue
            at = min(kept, k - 1)
            kept = at + 1
            while at > 0 and value[i, at - 1] < v:
                value[i, at], column[i, at] = value[i, at - 1], column[i, at - 1]
                at -= 1
            value[i, at], column[i, at] = v, j
    return value, column
