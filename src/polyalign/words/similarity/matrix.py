"""A matrix of similarities: bent by places, spread out as probabilities, and gathered as posteriors of words."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32
from polyalign.core.ragged import offsets
from polyalign.words.posteriors import Posteriors


def bent(cosine: F32, distortion: float) -> F32:
    """Cosines, less what a difference of places costs: ``(cos + 1) / 2`` times ``1 - k (i / (n - 1) - j / (m - 1))^2``.

    Example:
        >>> bent(np.ones((2, 2), np.float32), 0.5).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if not distortion:
        return cosine
    n, m = cosine.shape
    i, j = np.arange(n)[:, None] / max(1, n - 1), np.arange(m)[None, :] / max(1, m - 1)
    half = (cosine + 1) / 2 * (1 - distortion * (i - j) ** 2)
    return np.asarray(2 * half - 1, np.float32)


def of_words(p: F32, src: Any, tgt: Any, n: int, m: int) -> F32:
    """The greatest of the pairs of pieces of two words, shape (2, n, m)."""
    out = np.zeros((2, n, m), np.float32)
    if not p.size:
        return out
    rows, first = np.unique(src, return_index=True)
    columns, begin = np.unique(tgt, return_index=True)
    found = np.maximum.reduceat(np.maximum.reduceat(p, first, axis=1), begin, axis=2)
    out[:, rows[:, None], columns[None, :]] = found
    return out


def evenness(cosine: F32) -> F32:
    """How evenly a cell's row or column is spread, the lesser of both, shape (n, m).

    The entropy of ``(cos + 1) / 2``, scaled to sum to 1, divided by its maximum, ``log m`` or ``log n``; a word that has
    no choice has 0.

    References: sabet2020simalign

    Example:
        >>> (evenness(np.array([[1, -1, -1], [0, 0, 0]], np.float32)) * 100).astype(int).tolist()
        [[0, 0, 0], [91, 0, 0]]
    """
    half = np.maximum((cosine + 1) / 2, np.float32(1e-12))
    entropies = []
    for axis in (1, 0):
        p = half / half.sum(axis=axis, keepdims=True)
        entropies.append(-(p * np.log(p)).sum(axis=axis, keepdims=True) / np.log(max(2, p.shape[axis])))
    return np.asarray(np.minimum(*entropies), np.float32)


def both_ways(cosine: F32, temperature: float) -> F32:
    """Softmax over the rows of each column, and over the columns of each row, shape (2, n, m)."""
    exp = np.exp((cosine - cosine.max()) / temperature)
    return np.stack([exp / exp.sum(axis=0, keepdims=True), exp / exp.sum(axis=1, keepdims=True)])


def check_lengths(src_words: Any, tgt_words: Any) -> None:
    """Refuse sentences whose words do not fit 16 bits.

    Raises:
        DataError: There is one.
    """
    most = max(int(words.max(initial=0)) for words in (src_words, tgt_words))
    if most > 65_535:
        raise DataError(f"bitext: found a sentence of {most:,} words, expected at most 65,535; split it")


def posteriors_of(src_words: Any, tgt_words: Any, cells: list[tuple[Any, Any]], p: list[F32]) -> Posteriors:
    """Posteriors of the cells of each sentence pair, in (src, tgt) order, with their probabilities, each of shape (2, c)."""
    if not len(src_words):
        return Posteriors.none(src_words, tgt_words)
    check_lengths(src_words, tgt_words)
    src, tgt = (np.concatenate([c[s] for c in cells]).astype(np.uint16) for s in (0, 1))
    fixed = np.rint(np.concatenate(p, axis=1) * 65535).astype(np.uint16)
    return Posteriors(src_words, tgt_words, offsets([len(c[0]) for c in cells]), src, tgt, fixed)
