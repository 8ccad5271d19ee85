"""Nearest neighbours by cosine, exact, in blocks."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.kernels.nearest import nearest as greatest

#: Similarities in memory at a time.
BLOCK = 1 << 24
#: Vectors compared with a block of queries at a time.
WIDTH = 1 << 13

#: Cosines and rows of neighbours, nearest first, both of shape (n, k).
Near = tuple[F32, I32]


def nearest(queries: F32, vectors: F32, k: int) -> Near:
    """The k vectors nearest to each query, nearest first; ties go to the lower row.

    Args:
        queries: Unit vectors, shape (n, d).
        vectors: Unit vectors, shape (m, d).
        k: How many; fewer if there are not as many.

    Returns:
        Cosines and rows, both of shape (n, min(k, m)).

    Complexity: O(n m d) time, memory for blocks of similarities.

    Example:
        >>> nearest(np.eye(2, dtype=np.float32), np.array([[0.6, 0.8], [1, 0]], np.float32), 1)[1].tolist()
        [[1], [0]]
    """
    return _search(queries, vectors, k, both=False)[0]


def nearest_both(src: F32, tgt: F32, k: int) -> tuple[Near, Near]:
    """The nearest target vectors of each source vector and the other way round, from one pass over the similarities.

    Args:
        src: Unit vectors, shape (n, d).
        tgt: Unit vectors, shape (m, d).
        k: How many; fewer if there are not as many.

    Returns:
        What ``nearest(src, tgt, k)`` and ``nearest(tgt, src, k)`` give.

    Complexity: O(n m d) time, memory for blocks of similarities.
    """
    return _search(src, tgt, k, both=True)


def join(first: Near, second: Near, k: int) -> Near:
    """The k nearest of two lists of neighbours; ties go to the first, which is to hold the lower rows."""
    cosines = np.concatenate([first[0], second[0]], axis=1)
    rows = np.concatenate([first[1], second[1]], axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(rows, order, axis=1)


def nobody(n: int) -> Near:
    """Lists without neighbours, to join others to."""
    return np.zeros((n, 0), np.float32), np.zeros((n, 0), np.int32)


def _search(src: F32, tgt: F32, k: int, *, both: bool) -> tuple[Near, Near]:
    k_src, k_tgt = min(k, len(tgt)), min(k, len(src))
    forward = np.zeros((len(src), k_src), np.float32), np.zeros((len(src), k_src), np.int32)
    backward = np.zeros((len(tgt), k_tgt), np.float32), np.zeros((len(tgt), k_tgt), np.int32)
    if k_src == 0 or k_tgt == 0:
        return forward, backward
    width = min(WIDTH, len(tgt))
    height = max(1, BLOCK // width)
    unbiased = np.zeros(max(width, height), np.float32)
    held = [nobody(len(tgt[b : b + width])) for b in range(0, len(tgt), width)] if both else []
    for a in range(0, len(src), height):
        queries = np.asarray(src[a : a + height], np.float32)
        near = nobody(len(queries))
        for number, b in enumerate(range(0, len(tgt), width)):
            block = queries @ np.asarray(tgt[b : b + width], np.float32).T
            cosines, rows = greatest(block, unbiased, min(k, block.shape[1]))
            near = join(near, (cosines, rows + np.int32(b)), k)
            if both:
                cosines, rows = greatest(np.ascontiguousarray(block.T), unbiased, min(k, block.shape[0]))
                held[number] = join(held[number], (cosines, rows + np.int32(a)), k)
        forward[0][a : a + height], forward[1][a : a + height] = near
    if both:
        backward = np.concatenate([c for c, _ in held]), np.concatenate([r for _, r in held])
    return forward, backward
