"""Selection of the best share of a corpus by its scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.select.threshold import R, Threshold, scores_of


@dataclass(frozen=True, slots=True)
class Quantile:
    """Keep the best share of the rows by each of some scores; the others come back with the reason.

    The least value to keep of a score is that of row number ``ceil(share * n)`` from the best, exactly, among the n rows
    that have the score; rows with the same value stay too, so equal rows have one fate. A row must be good enough by every
    score, each share being of all rows. With a corpus in runs, `fit` reads the scores of all (4 bytes a row and score) and
    gives the `Threshold` that selects in a second pass.

    Args:
        keep: The share of rows to keep by each score column, such as ``"score.clean" = 0.8``.
        nonempty: Whether the texts must hold something.
        missing: Whether a row without the score is kept.

    Raises:
        ValueError: A share that is not above 0 and at most 1, or no score.

    Complexity:
        O(n) time.

    Example:
        >>> bitext = Bitext.build(list("abcd"), list("wxyz"), columns={"score.x": pa.array([4.0, 1.0, 3.0, 3.0])})
        >>> kept, dropped = Quantile(keep={"score.x": 0.5}).select(bitext)
        >>> kept.src, dropped["reason"].to_pylist()
        (['a', 'c', 'd'], ['score.x < 3'])
    """

    keep: dict[str, float] = field(default_factory=dict)
    nonempty: bool = True
    missing: bool = False

    def __post_init__(self) -> None:
        if any(not 0 < share <= 1 for share in self.keep.values()):
            raise ValueError(f"keep must give each score a share above 0 and at most 1, not {self.keep}")

    def fit(self, runs: Iterable[Bitext | pa.Table]) -> Threshold:
        """Find the least values to keep in all the rows of a corpus.

        Raises:
            DataError: A score column is not there, holds no numbers, or has none at all.
        """
        found: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in self.keep}
        for run in runs:
            for name, parts in found.items():
                values = scores_of(run.table if isinstance(run, Bitext) else run, name)
                parts.append(values[~np.isnan(values)])
        return Threshold(
            minimum={name: _least(parts, self.keep[name], name) for name, parts in found.items()},
            nonempty=self.nonempty,
            missing=self.missing,
        )

    def select(self, run: R) -> tuple[R, pa.Table]:
        """Divide the rows into kept and dropped.

        Returns:
            The kept rows, and a table of the dropped rows with a further column ``reason``.

        Raises:
            DataError: As `fit`; rows without any score are an error unless there are no rows at all.
        """
        rows = len(run) if isinstance(run, Bitext) else run.num_rows
        return (self.fit([run]) if rows else Threshold()).select(run)


def _least(parts: list[npt.NDArray[Any]], share: float, name: str) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not len(values):
        raise DataError(
            f"corpus.select/quantile: column {name!r} has no value in any row, expected scores; choose another"
        )
    at = len(values) - int(np.ceil(share * len(values)))
    return float(np.partition(values, at)[at])
