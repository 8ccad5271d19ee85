"""Thresholds carried over from another language at the same distance from the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.corpus.reference.carried import CarriedOver


@dataclass(frozen=True, slots=True)
class MeanStd(CarriedOver):
    r"""MeanStd: the threshold as many standard deviations from the mean as the known one is in the base language.

    :math:`t = \mu + \sigma (t_b - \mu_b) / \sigma_b`.

    Args:
        minimum: The threshold of each score column in the base language.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> import pyarrow as pa
        >>> base = pa.table({"score.x": [1.0, 2.0, 3.0, 4.0, 5.0]})
        >>> own = pa.table({"score.x": [10.0, 20.0, 30.0, 40.0, 50.0]})
        >>> MeanStd({"score.x": 2.0}).learn([own], [base]).minimum
        {'score.x': 20.0}
    """

    rule: ClassVar[str] = "mean-std"

    def carried(self, name: str, own: F64, known: F64) -> float:
        """As many standard deviations from the mean as in the base language.

        Raises:
            DataError: All values in the base language are equal.
        """
        if known.std() == 0:
            raise DataError(
                f"corpus.thresholds/mean-std: all values of {name!r} in the base language are equal; use another rule"
            )
        return float(own.mean() + own.std() * (self.minimum[name] - known.mean()) / known.std())
