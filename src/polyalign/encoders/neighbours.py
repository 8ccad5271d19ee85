"""Nearest neighbours by cosine, exact, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.kernels.streamed import column_greatest, row_greatest

#: Source and target vectors compared at a time: enough to multiply fast, few enough for the products to stay in cache.
HEIGHT, WIDTH = 1 << 10, 1 << 11

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

    Complexity: O(n m d) time, O((n + m) k) memory and a block of similarities.

    Example:
        >>> nearest(np.eye(2, dtype=np.float32), np.array([[0.6, 0.8], [1, 0]], np.float32), 1)[1].tolist()
        [[1], [0]]
    """
    near = _lists(len(queries), min(k, len(vectors)))
    for a, b, block in _blocks(queries, vectors) if near[0].size else ():
        row_greatest(block, b, near[0][a : a + HEIGHT], near[1][a : a + HEIGHT])
    return near


def nearest_both(src: F32, tgt: F32, k: int) -> tuple[Near, Near]:
    """The nearest target vectors of each source vector and the other way round, from one pass over the similarities.

    Args:
        src: Unit vectors, shape (n, d).
        tgt: Unit vectors, shape (m, d).
        k: How many; fewer if there are not as many.

    Returns:
        What ``nearest(src, tgt, k)`` and ``nearest(tgt, src, k)`` give.

    Complexity: O(n m d) time, O((n + m) k) memory and a block of similarities.
    """
    forward, backward = _lists(len(src), min(k, len(tgt))), _lists(len(tgt), min(k, len(src)))
    for a, b, block in _blocks(src, tgt) if forward[0].size else ():
        row_greatest(block, b, forward[0][a : a + HEIGHT], forward[1][a : a + HEIGHT])
        column_greatest(block, a, backward[0][b : b + WIDTH], backward[1][b : b + WIDTH])
    return forward, backward


def join(first: Near, second: Near, k: int) -> Near:
    """The k nearest of two lists of neighbours; ties go to the first, which is to hold the lower rows."""
    cosines = np.concatenate([first[0], second[0]], axis=1)
    rows = np.concatenate([first[1], second[1]], axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(rows, order, axis=1)


def nobody(n: int) -> Near:
    """Lists without neighbours, to join others to."""
    return np.zeros((n, 0), np.float32), np.zeros((n, 0), np.int32)


def _lists(n: int, k: int) -> Near:
    return np.full((n, k), -np.inf, np.float32), np.zeros((n, k), np.int32)


def _blocks(src: F32, tgt: F32) -> Iterator[tuple[int, int, F32]]:
    """First row, first column and similarities of each block; the next one takes its room."""
    room = np.empty(min(HEIGHT, len(src)) * min(WIDTH, len(tgt)), np.float32)
    for a in range(0, len(src), HEIGHT):
        rows = np.asarray(src[a : a + HEIGHT], np.float32)
        for b in range(0, len(tgt), WIDTH):
            columns = np.asarray(tgt[b : b + WIDTH], np.float32)
            block = room[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            yield a, b, np.matmul(rows, columns.T, out=block)
