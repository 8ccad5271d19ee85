"""Sparse choices: entmax of 1.5, which gives most pairs of words a probability of 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32
from polyalign.words.similarity.method import BySimilarity
from polyalign.words.similarity.softmax import check_similarity


@dataclass(frozen=True, slots=True)
class Entmax(BySimilarity):
    """Link words that choose each other with any probability, where a choice gives most words none.

    The 1.5-entmax of scores z is ``p_i = max(0, z_i / 2 - t)^2`` with the t for which they sum to 1; z are the
    similarities over the temperature, taken over rows and over columns. All (i, j) are linked where both are above 0.

    **Differs:** as softmax does; `similarity = "dot"`, `temperature = 1`, `level = "subword"`, `centre = false`,
    `neutral = false` give the links of the paper's variant.

    Args:
        similarity: Compare words by the cosine of their vectors, or by the product (dot).
        temperature: What similarities are divided by; higher for more links.

    Raises:
        ValueError: A parameter out of range, or `distortion` with products.

    Complexity: Encoding, and O(n m (d + log n m)) a sentence pair: t is found exactly, by sorting.

    References: dou2021awesome, peters2019sparse
    """

    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.02

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        check_similarity(self.similarity, self.temperature, self.distortion)

    @property
    def cosines(self) -> bool:
        """Whether cosines are compared."""
        return self.similarity == "cosine"

    def decide(self, cosine: F32) -> F32:
        """Both ways' entmax where both are above 0, shape (2, n, m)."""
        z = cosine / np.float32(self.temperature)
        p = np.stack([np.ascontiguousarray(entmax(np.ascontiguousarray(z.T)).T), entmax(z)])
        return p * (p > 0).all(axis=0)


def entmax(scores: F32) -> F32:
    """1.5-entmax of each row, shape (n, m).

    With the k greatest ``z_i = score_i / 2`` in use, their mean M and mean square S, ``t = M - sqrt((1 - k (S - M^2)) / k)``;
    k is the greatest for which t is not above the k-th.

    References: peters2019sparse

    Example:
        >>> (entmax(np.array([[0, 0, -9], [0, 1, 0]], np.float32)) * 100).astype(int).tolist()
        [[50, 50, 0], [12, 74, 12]]
    """
    # Scores over 2, with the greatest at 0: others are in use down to -1 only, so no sum is large.
    z = np.asarray((scores - scores.max(axis=1, keepdims=True)) / 2, np.float64)
    ordered = -np.sort(-z, axis=1)
    k = np.arange(1, z.shape[1] + 1)
    mean = np.cumsum(ordered, axis=1) / k
    square = np.cumsum(ordered**2, axis=1) / k
    left = (1 - k * (square - mean**2)) / k
    t = mean - np.sqrt(np.maximum(left, 0))
    used = ((t <= ordered) & (left >= 0)).sum(axis=1)
    limit = t[np.arange(len(z)), used - 1][:, None]
    return np.asarray(np.maximum(z - limit, 0) ** 2, np.float32)
