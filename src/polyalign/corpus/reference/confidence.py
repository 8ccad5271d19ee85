"""The confidence of language identification to ask for, by language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.corpus.reference.thresholds import Thresholds, scores


@dataclass(frozen=True, slots=True)
class Confidence:
    r"""FineWeb2's least confidence of language identification, from the confidences in a language's own text.

    :math:`\tau = \max(0.3, \min(0.9, \tilde x - \sigma))`, the median less one standard deviation, in bounds: an identifier
    is less sure of a language with near relatives, and the threshold follows.

    Args:
        column: The column of confidences, from 0 to 1.
        least: Lower bound.
        most: Upper bound.

    Complexity: O(n log n) for n texts.

    References: penedo2025fineweb2

    Example:
        >>> Confidence().learn([pa.table({"score.language": [0.9, 0.8, 0.7, 0.4, 0.8]})]).minimum["score.language"]
        0.628
    """

    column: str = "score.language"
    least: float = 0.3
    most: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most <= 1:
            raise ValueError(f"least and most must be 0 <= least <= most <= 1, not {self.least}, {self.most}")

    def learn(self, reference: Iterable[Bitext | pa.Table]) -> Thresholds:
        """Find the threshold of the language that all rows of a reference were taken for.

        Raises:
            DataError: It has no confidences.
        """
        values = scores(reference, (self.column,))[self.column]
        tau = max(self.least, min(self.most, float(np.median(values) - values.std())))
        return Thresholds({self.column: round(tau, 3)}, "corpus.thresholds/confidence", {self.column: len(values)})
