"""Balance by quota: so much of each group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from polyalign.core.errors import DataError, did_you_mean
from polyalign.corpus.balance.sizes import checked


@dataclass(frozen=True, slots=True)
class Quota:
    """An amount of each group, met exactly: to the row, or as nearly as whole rows meet an amount of text.

    Args:
        amounts: How much of each group, in the unit of the sizes, such as ``{"deu_Latn": 100000}``.
        others: Rate of the groups that are not named: 1 leaves them as they are, 0 drops them.
        seed: Of the draws: which rows of a group are left out, or there once more.

    Complexity: O(groups).

    Example:
        >>> Quota({"deu": 100.0}).rates({"deu": 400.0, "roh": 50.0})
        {'deu': 0.25, 'roh': 1.0}
    """

    exact: ClassVar[bool] = True
    amounts: dict[str, float] = field(default_factory=dict)
    others: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if any(not amount >= 0 for amount in self.amounts.values()) or not self.others >= 0:
            raise ValueError(f"amounts and others must be 0 or more, not {self.amounts}, {self.others}")

    def rates(self, sizes: dict[str, float]) -> dict[str, float]:
        """How often each group's text is to be there on average.

        Raises:
            DataError: There is no group, one without a size, or a quota for one that is not there.
        """
        checked(sizes)
        for name in self.amounts:
            if name not in sizes:
                raise DataError(
                    f"corpus.balance/quota: found no group {name!r}{did_you_mean(name, sizes)}; there are {', '.join(sizes)}"
                )
        return {name: self.amounts[name] / sizes[name] if name in self.amounts else self.others for name in sizes}
