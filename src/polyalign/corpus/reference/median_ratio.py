"""Thresholds carried over from another language in proportion to the medians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.corpus.reference.carried import CarriedOver


@dataclass(frozen=True, slots=True)
class MedianRatio(CarriedOver):
    r"""MedianRatio: the threshold in the same proportion to the median as the known one is in the base language.

    :math:`t = t_b \, \tilde x / \tilde x_b`.

    Args:
        minimum: The threshold of each score column in the base language.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> import pyarrow as pa
        >>> base = pa.table({"score.x": [1.0, 2.0, 3.0, 4.0, 5.0]})
        >>> own = pa.table({"score.x": [10.0, 20.0, 30.0, 40.0, 50.0]})
        >>> MedianRatio({"score.x": 2.0}).learn([own], [base]).minimum
        {'score.x': 20.0}
    """

    rule: ClassVar[str] = "median-ratio"

    def carried(self, name: str, own: F64, known: F64) -> float:
        """In the same proportion to the median as in the base language.

        Raises:
            DataError: The median in the base language is 0.
        """
        if np.median(known) == 0:
            raise DataError(
                f"corpus.thresholds/median-ratio: the median of {name!r} in the base language is 0; use another rule"
            )
        return float(self.minimum[name] * np.median(own) / np.median(known))
