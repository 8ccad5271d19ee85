"""Thresholds carried over from another language in proportion to the medians."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.corpus.reference.thresholds import Thresholds, both


@dataclass(frozen=True, slots=True)
class MedianRatio:
    r"""MedianRatio: the threshold in the same proportion to the median as the known one is in the base language.

    :math:`t = t_b \, \tilde x / \tilde x_b`.

    Args:
        minimum: The threshold of each score column in the base language.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> base = pa.table({"score.x": [1.0, 2.0, 3.0, 4.0, 5.0]})
        >>> own = pa.table({"score.x": [10.0, 20.0, 30.0, 40.0, 50.0]})
        >>> MedianRatio({"score.x": 2.0}).learn([own], [base]).minimum
        {'score.x': 20.0}
    """

    minimum: dict[str, float] = field(default_factory=dict)

    def learn(self, reference: Iterable[Bitext | pa.Table], base: Iterable[Bitext | pa.Table]) -> Thresholds:
        """Carry the thresholds of a base language over to the language of a reference.

        Args:
            reference: Text of the language with scores.
            base: Text of the base language with the same scores.

        Raises:
            ConfigError: No minimum is given.
            DataError: A score is missing, or its median in the base language is 0.
        """
        found = both(reference, base, self.minimum)
        minimum = {name: _carried(self.minimum[name], own, known, name) for name, (own, known) in found.items()}
        return Thresholds(
            minimum, "corpus.thresholds/median-ratio", {name: len(own) for name, (own, _) in found.items()}
        )


def _carried(threshold: float, own: F64, known: F64, name: str) -> float:
    if np.median(known) == 0:
        raise DataError(
            f"corpus.thresholds/median-ratio: the median of {name!r} in the base language is 0; use another rule"
        )
    return float(threshold * np.median(own) / np.median(known))
