"""Rehydration: what was said often, within reason, is said again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I32, Mask
from polyalign.corpus.balance.sizes import checked

#: FineWeb2's weights: from this cluster size on, so many copies.
PUBLISHED = {"1": 1.0, "2": 2.0, "3": 3.0, "5": 5.0, "100": 8.0, "1000": 1.0}


@dataclass(frozen=True, slots=True)
class Rehydrate:
    """Repeat the row that stands for a cluster of duplicates by the size of the cluster.

    Text that many found worth repeating is often better than text that stands alone, until it is boilerplate. By default
    the published copies: 1 for 1, 2 for 2, 3 for 3 and 4, 5 for 5 to 99, 8 for 100 to 999, 1 from 1000 on.

    Args:
        copies: Copies from each cluster size on, sizes as text: ``{"1": 1, "2": 2}``.
        seed: Of the draws: which rows of a group are left out, or there once more.

    Complexity: O(n).

    References: penedo2025fineweb2

    Example:
        >>> Rehydrate().rates({"1": 700.0, "4": 100.0, "50": 10.0, "500": 1.0, "5000": 1.0})
        {'1': 1.0, '4': 3.0, '50': 5.0, '500': 8.0, '5000': 1.0}
    """

    by: ClassVar[str] = "cluster_size"
    copies: dict[str, float] = field(default_factory=lambda: dict(PUBLISHED))
    seed: int = 1

    def __post_init__(self) -> None:
        if not all(size.isdecimal() for size in self.copies) or 1 not in {int(size) for size in self.copies}:
            raise ValueError(f'copies must name cluster sizes from 1 on, such as {{"1": 1}}, not {self.copies}')
        if any(not 0 <= value < float("inf") for value in self.copies.values()):
            raise ValueError(f"copies must be 0 or more, not {self.copies}")

    def rates(self, sizes: dict[str, float]) -> dict[str, float]:
        """How often each group's rows are to be there, groups being the values of ``cluster_size``.

        Raises:
            DataError: A group that is no cluster size, or no group.
        """
        checked(sizes)
        bounds = sorted(self.copies, key=int)
        rates = {}
        for name in sizes:
            if not name.isdecimal() or int(name) < 1:
                raise DataError(
                    f"corpus.balance/rehydrate: found the group {name!r}, expected cluster sizes from 1 on; group by the column cluster_size that corpus.dedup adds"
                )
            rates[name] = self.copies[[b for b in bounds if int(b) <= int(name)][-1]]
        return rates

    @classmethod
    def learn(
        cls, cluster_size: I32, kept: Mask, *, bounds: tuple[int, ...] = (1, 2, 3, 5, 100, 1000), most: float = 8.0
    ) -> Rehydrate:
        """Copies from the share of each bucket of cluster sizes that quality filters remove.

        A bucket of which they remove as much as of all rows, or more, gets one copy; that of which they remove least gets
        `most`; between them in proportion. This rule is the library's own reading of the published idea.

        Args:
            cluster_size: Of each representative, shape (n,).
            kept: Whether the filters keep it.
            bounds: Least size of each bucket, the first 1.
            most: Copies of the bucket that is removed least.

        Raises:
            DataError: There are no rows, or not as many flags.
        """
        if not len(cluster_size) or len(cluster_size) != len(kept):
            raise DataError(
                f"corpus.balance/rehydrate: found {len(cluster_size)} rows and {len(kept)} flags, expected as many of both and at least one"
            )
        bucket = np.searchsorted(np.asarray(bounds), cluster_size, side="right") - 1
        count = np.bincount(bucket, minlength=len(bounds))
        removed = np.bincount(bucket, ~kept, len(bounds)) / np.maximum(count, 1)
        overall = float((~kept).mean())
        removed[count == 0] = overall
        spread = overall - float(removed.min())
        weight = 1 + (most - 1) * np.clip((overall - removed) / spread, 0, 1) if spread > 0 else np.ones(len(bounds))
        return cls({str(b): round(float(w), 3) for b, w in zip(bounds, weight, strict=True)})
