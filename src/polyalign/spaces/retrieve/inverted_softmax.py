"""Inverted softmax: how probable a source word is, given the target word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, F64, I32
from polyalign.core.rng import generator
from polyalign.encoders.neighbours import HEIGHT, Near
from polyalign.spaces.retrieve.candidates import Index, Retrieval, corrected


@dataclass(frozen=True, slots=True)
class InvertedSoftmax(Retrieval):
    """Translate by how probable the source word is given the target word, which takes hubs their advantage.

    ``p(x | y) = exp(b cos(x, y)) / sum_x' exp(b cos(x', y))``: a target word near to many source words has little left
    for each. Scores are ``log p(x | y) / b``; the paper's normalisation over targets changes no order.

    Args:
        inverse_temperature: b; greater looks at nearer words only. The paper fits it to the seeds.
        sample: Source words that the sum is over, drawn at random; 0 for all.
        index: Whether to compare with every target word, or with those that an approximate index finds.
        seed: Of the sample.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(n m d), twice; with a sample of s words O((n + s) m d).

    References: smith2017offline

    Example:
        >>> src = np.array([[1, 0], [0.8, 0.6]], np.float32)
        >>> tgt = np.array([[0.96, 0.28], [0.28, 0.96]], np.float32)
        >>> InvertedSoftmax().retrieve(src, tgt, 1)[1][:, 0].tolist()
        [0, 1]
    """

    inverse_temperature: float = 20.0
    sample: int = 0
    index: Index = "exact"
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.inverse_temperature < float("inf"):
            raise ValueError(f"inverse_temperature must be above 0 and finite, found {self.inverse_temperature}")
        if self.sample < 0:
            raise ValueError(f"sample must not be negative, found {self.sample}")

    def _ranked(self, src: F32, tgt: F32, k: int, rows: I32 | None) -> Near:
        some = src
        if 0 < self.sample < len(src):
            some = src[np.sort(generator(self.seed, "inverted softmax").permutation(len(src))[: self.sample])]
        queries = src if rows is None else src[rows]
        bias = _log_sums(some, tgt, self.inverse_temperature) / self.inverse_temperature
        return corrected(queries, tgt, bias, k, self.index)


def _log_sums(src: F32, tgt: F32, b: float) -> F64:
    """Log sum_x exp(b cos(x, y)) of each target row; with cosines of at most 1, b is taken out so that none overflows."""
    sums = np.zeros(len(tgt))
    for first in range(0, len(src), HEIGHT):
        for start in range(0, len(tgt), HEIGHT):
            part = np.exp(b * (tgt[start : start + HEIGHT] @ src[first : first + HEIGHT].T - 1))
            sums[start : start + HEIGHT] += part.sum(axis=1, dtype=np.float64)
    # A target that is far from all has a sum that may vanish.
    return np.asarray(np.log(np.maximum(sums, np.finfo(np.float64).tiny)) + b, np.float64)
