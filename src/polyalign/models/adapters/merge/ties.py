"""TIES merging: small changes dropped, signs agreed on, and the mean of those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.models.adapters.merge.deltas import Delta, check


@dataclass(frozen=True, slots=True)
class TIES:
    """Merge experts of one base by trimming, electing signs, and the mean of what agrees.

    Of each expert the changes of greatest magnitude are kept, a share of all its weights, and the others 0. Each weight's
    sign is that of the sum of what is kept; its change is the mean of the experts whose kept change has that sign,
    times ``scale``.

    Args:
        density: Share of an expert's changes that are kept; the paper's is .2.
        scale: Times the merged change.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(experts x weights), in the memory of an expert besides.

    References: yadav2023ties

    Example:
        >>> x, y = {"w": np.array([3, 1, -5], np.float32)}, {"w": np.array([1, -4, 0], np.float32)}
        >>> TIES(density=1.0).fit([x, y])["w"].tolist()
        [2.0, -4.0, -5.0]
    """

    density: float = 0.2
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ValueError(f"density must be above 0 and at most 1, got {self.density}")

    def fit(self, deltas: Sequence[Delta]) -> dict[str, F32]:
        """Merge.

        Args:
            deltas: What training changed, of each expert, by the names of the weights.

        Returns:
            What is to be added to the base.

        Raises:
            DataError: Nothing to merge, experts of different models, or values that are no numbers.
        """
        check(deltas)
        least = [least_kept(delta, self.density) for delta in deltas]
        out: dict[str, F32] = {}
        for name in deltas[0]:
            kept = np.stack([np.where(np.abs(d[name]) >= t, d[name], 0) for d, t in zip(deltas, least, strict=True)])
            agree = (kept != 0) & (np.sign(kept) == np.sign(kept.sum(axis=0, dtype=np.float64)))
            mean = (kept * agree).sum(axis=0) / np.maximum(agree.sum(axis=0), 1)
            out[name] = np.asarray(self.scale * mean, np.float32)
        return out


def least_kept(delta: Delta, density: float) -> float:
    """The magnitude that a change needs to be kept; as many as the share says have it, more where some are equal."""
    size = sum(x.size for x in delta.values())
    count = max(1, round(density * size))
    magnitudes = np.abs(np.concatenate([x.ravel() for x in delta.values()]))
    return float(np.partition(magnitudes, size - count)[size - count])
