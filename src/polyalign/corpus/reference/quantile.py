"""Thresholds carried over from another language at the same share of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F64
from polyalign.corpus.reference.thresholds import Thresholds, both


@dataclass(frozen=True, slots=True)
class Quantile:
    r"""Quantile: the threshold that cuts the same share of the reference as the known one does of the base language.

    :math:`t = Q(F_b(t_b))`: the share of the base language's values below its threshold, and the value at that share here.

    Args:
        minimum: The threshold of each score column in the base language.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> base = pa.table({"score.x": [1.0, 2.0, 3.0, 4.0, 5.0]})
        >>> own = pa.table({"score.x": [10.0, 20.0, 30.0, 40.0, 50.0]})
        >>> Quantile({"score.x": 2.0}).learn([own], [base]).minimum
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
            DataError: A score is missing.
        """
        found = both(reference, base, self.minimum)
        minimum = {name: _carried(self.minimum[name], own, known) for name, (own, known) in found.items()}
        return Thresholds(minimum, "corpus.thresholds/quantile", {name: len(own) for name, (own, _) in found.items()})


def _carried(threshold: float, own: F64, known: F64) -> float:
    # The rank between values, so that a value maps to its like: ties count half from each end.
    rank = (np.searchsorted(known, threshold, side="left") + np.searchsorted(known, threshold, side="right") - 1) / 2
    return float(np.quantile(own, min(1.0, max(0.0, rank / max(1, len(known) - 1)))))
