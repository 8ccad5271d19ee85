"""A dictionary from two spaces that have been mapped into one."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.spaces.retrieve.candidates import Retrieval


def mutual(src: F32, tgt: F32, method: Retrieval) -> tuple[I32, I32, F32]:
    """Words that are each other's first translation.

    Args:
        src: Unit vectors of the source words, shape (n, d).
        tgt: Of the target words, shape (m, d).
        method: How translations are found.

    Returns:
        Source rows, rising, target rows, and the score of each pair as the source word sees it.

    Complexity: that of the method, twice.

    Example:
        >>> from polyalign.spaces.retrieve.nearest import Nearest
        >>> eye = np.eye(3, dtype=np.float32)
        >>> [x.tolist() for x in mutual(eye, eye[[2, 2, 0]], Nearest())]
        [[0, 2], [2, 0], [1.0, 1.0]]
    """
    scores, forward = method.retrieve(src, tgt, 1)
    _, backward = method.retrieve(tgt, src, 1)
    if not forward.size:
        none = np.zeros(0, np.int32)
        return none, none, np.zeros(0, np.float32)
    rows = np.flatnonzero(backward[forward[:, 0], 0] == np.arange(len(forward))).astype(np.int32)
    return rows, forward[rows, 0], scores[rows, 0]
