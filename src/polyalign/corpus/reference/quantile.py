"""Thresholds carried over from another language at the same share of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyalign.core.jit import F64
from polyalign.corpus.reference.carried import CarriedOver


@dataclass(frozen=True, slots=True)
class Quantile(CarriedOver):
    r"""Quantile: the threshold that cuts the same share of the reference as the known one does of the base language.

    :math:`t = Q(F_b(t_b))`: the share of the base language's values below its threshold, and the value at that share here.

    Args:
        minimum: The threshold of each score column in the base language.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> import pyarrow as pa
        >>> base = pa.table({"score.x": [1.0, 2.0, 3.0, 4.0, 5.0]})
        >>> own = pa.table({"score.x": [10.0, 20.0, 30.0, 40.0, 50.0]})
        >>> Quantile({"score.x": 2.0}).learn([own], [base]).minimum
        {'score.x': 20.0}
    """

    rule: ClassVar[str] = "quantile"

    def carried(self, name: str, own: F64, known: F64) -> float:
        """Where the same share of values lies below as in the base language."""
        # The rank between values, so that a value maps to its like: ties count half from each end.
        rank = sum(np.searchsorted(known, self.minimum[name], side=side) for side in ("left", "right")) / 2 - 0.5
        return float(np.quantile(own, min(1.0, max(0.0, rank / max(1, len(known) - 1)))))
