"""Vectors looked up and averaged."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, kernel


@kernel()
def weighted_mean(table: F32, weights: F32, ids: I32, offsets: I64) -> F32:
    """The mean of each text's rows of a table, times their weights: ``sum_t w_t x_t / n`` over its n tokens.

    Args:
        table: One vector a type, shape (v, d).
        weights: One number a type, shape (v,).
        ids: Types of all tokens of all texts, shape (t,).
        offsets: First token of each text, and the end, shape (n + 1,).

    Returns:
        Shape (n, d); zeros where a text has no tokens.

    Complexity:
        O(t d).
    """
    out = np.zeros((len(offsets) - 1, table.shape[1]), np.float32)
    for i in range(len(offsets) - 1):
        row = out[i]
        for t in range(offsets[i], offsets[i + 1]):
            w, x = weights[ids[t]], table[ids[t]]
            for k in range(len(row)):
                row[k] += w * x[k]
        n = offsets[i + 1] - offsets[i]
        if n > 0:
            for k in range(len(row)):
                row[k] /= np.float32(n)
    return out
