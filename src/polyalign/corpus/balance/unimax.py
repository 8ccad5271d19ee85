"""Balance by UniMax: as uniform as may be without repeating any group too often."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.corpus.balance.sizes import checked


@dataclass(frozen=True, slots=True)
class UniMax:
    """An equal share of the budget for each group, but of none more than some epochs; what is left goes to the others.

    Groups are taken from the smallest: each gets ``min(budget left / groups left, epochs * size)``.

    Args:
        epochs: How often a group's text may be repeated at most.
        budget: Size of the result, in the unit of the sizes; by default that of all groups together.
        seed: Of the draws: which rows of a group are left out, or there once more.

    Complexity: O(groups log groups).

    References: chung2023unimax

    Example:
        >>> UniMax(epochs=4).rates({"deu": 800.0, "ita": 100.0, "roh": 10.0})
        {'deu': 0.5875, 'ita': 4.0, 'roh': 4.0}
    """

    epochs: float = 4.0
    budget: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.epochs > 0:
            raise ValueError(f"epochs must be above 0, not {self.epochs}")
        if self.budget is not None and not self.budget > 0:
            raise ValueError(f"budget must be above 0, not {self.budget}")

    def rates(self, sizes: dict[str, float]) -> dict[str, float]:
        """How often each group's text is to be there on average.

        Raises:
            DataError: There is no group, or one without a size.
        """
        checked(sizes)
        left = self.budget if self.budget is not None else sum(sizes.values())
        rates: dict[str, float] = {}
        for name in sorted(sizes, key=lambda n: (sizes[n], n)):
            share = min(left / (len(sizes) - len(rates)), self.epochs * sizes[name])
            rates[name] = share / sizes[name]
            left -= share
        return {name: rates[name] for name in sizes}
