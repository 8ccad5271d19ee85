"""Linear merging: the mean, or the sum, of what training changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32
from polyalign.models.adapters.merge.deltas import Delta, check


@dataclass(frozen=True, slots=True)
class Linear:
    """Merge experts of one base by the weighted mean, or the weighted sum, of what training changed.

    ``base + scale * sum_k w_k (expert_k - base) / sum_k w_k``: with a scale of 1 the mean of the weights themselves (model
    soups). With ``average`` off the sum is not divided (task arithmetic), and a weight below 0 unlearns.

    Args:
        weights: Of each expert; all alike if empty.
        scale: Times the mean or sum.
        average: Whether to divide by the sum of the weights.

    Raises:
        ValueError: Weights whose sum is not above 0, where it is divided by.

    Complexity: O(experts x weights).

    References: wortsman2022model, ilharco2023editing

    Example:
        >>> x, y = {"w": np.array([2, 0], np.float32)}, {"w": np.array([0, 4], np.float32)}
        >>> Linear().fit([x, y])["w"].tolist()
        [1.0, 2.0]
    """

    weights: tuple[float, ...] = ()
    scale: float = 1.0
    average: bool = True

    def __post_init__(self) -> None:
        if self.weights and self.average and not sum(self.weights) > 0:
            raise ValueError(f"weights must have a sum above 0 where their mean is taken, got {list(self.weights)}")

    def fit(self, deltas: Sequence[Delta]) -> dict[str, F32]:
        """Merge.

        Args:
            deltas: What training changed, of each expert, by the names of the weights.

        Returns:
            What is to be added to the base.

        Raises:
            ConfigError: Another number of weights than of experts.
            DataError: Nothing to merge, experts of different models, or values that are no numbers.
        """
        check(deltas)
        shares = np.array(self.weights or [1.0] * len(deltas), np.float64)
        if len(shares) != len(deltas):
            raise ConfigError(f"weights: found {len(shares)} for {len(deltas)} experts, expected as many; correct them")
        if self.average:
            shares = shares / shares.sum()
        shares = (shares * self.scale).astype(np.float32)
        out: dict[str, F32] = {name: np.zeros(x.shape, np.float32) for name, x in deltas[0].items()}
        for share, delta in zip(shares, deltas, strict=True):
            for name, x in delta.items():
                out[name] += share * x
        return out
