"""Similarities as weights: softmax over the nearest, or sparsemax."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64


def softmax(scores: F64, temperature: float) -> F64:
    """``exp(s / temperature)``, made to sum to 1 over the last axis.

    Example:
        >>> softmax(np.array([[1.0, 1.0, -np.inf]]), 0.1).tolist()
        [[0.5, 0.5, 0.0]]
    """
    out = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(out / out.sum(axis=-1, keepdims=True))


def sparsemax(scores: F64) -> F64:
    """The nearest probabilities to some scores: ``max(0, s - tau)`` with tau such that they sum to 1; most are 0.

    Args:
        scores: Shape (n, m).

    Returns:
        Shape (n, m).

    Complexity: O(n m log m).

    References: martins2016softmax

    Example:
        >>> sparsemax(np.array([[0.5, 0.3, -1.0]])).round(2).tolist()
        [[0.6, 0.4, 0.0]]
    """
    falling = -np.sort(-scores, axis=-1)
    above = falling.cumsum(axis=-1) - 1
    count = np.arange(1, scores.shape[-1] + 1)
    # As many of the greatest scores as stay above the threshold that they themselves set.
    k = (falling * count > above).sum(axis=-1, keepdims=True)
    threshold = np.take_along_axis(above, k - 1, axis=-1) / k
    return np.asarray(np.maximum(scores - threshold, 0))
