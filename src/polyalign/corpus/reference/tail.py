"""Thresholds that cut the worst share of a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.corpus.reference.thresholds import Thresholds, scores


@dataclass(frozen=True, slots=True)
class Tail:
    """10Tail: the threshold below which the worst tenth of a reference lies, score by score.

    It is a value that the reference has, and no more than the share lies below it. The reference is text of the language that is known to be good, such as its Wikipedia. It needs no other language.

    Args:
        share: The share of the reference to cut.
        columns: The score columns; by default all ``score.*`` there are.

    Complexity: O(n log n) for each column of n values.

    References: penedo2025fineweb2

    Example:
        >>> Tail().learn([pa.table({"score.x": [float(x) for x in range(11)]})]).minimum
        {'score.x': 1.0}
    """

    share: float = 0.1
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share must be from 0 to below 1, not {self.share}")

    def learn(self, reference: Iterable[Bitext | pa.Table]) -> Thresholds:
        """Find the thresholds of a reference with scores.

        Raises:
            DataError: It has no scores.
        """
        found = scores(reference, self.columns)
        minimum = {name: float(np.quantile(values, self.share, method="lower")) for name, values in found.items()}
        return Thresholds(minimum, "corpus.thresholds/tail", {name: len(values) for name, values in found.items()})
