"""What most metrics of texts and models have in common: a value that is a ratio of two sums."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64
from polyalign.core.score import Aggregate


def ratio(top: int, bottom: int, scale: float = 1.0) -> Aggregate:
    """The aggregate ``scale * column top / column bottom``; not a number where the latter is 0.

    Example:
        >>> float(ratio(0, 1)(np.array([6.0, 3.0])))
        2.0
    """

    def aggregate(sums: F64) -> F64:
        below = sums[..., bottom]
        return np.asarray(scale * sums[..., top] / np.where(below > 0, below, np.nan), np.float64)

    return aggregate


def check_samples(samples: int) -> None:
    """Refuse a negative number of resamples.

    Raises:
        ValueError: It is negative.
    """
    if samples < 0:
        raise ValueError(f"samples must not be negative, found {samples}")
