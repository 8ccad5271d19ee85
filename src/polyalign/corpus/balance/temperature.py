"""Balance by temperature: small groups get more than their share."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.corpus.balance.sizes import checked


@dataclass(frozen=True, slots=True)
class Temperature:
    r"""Groups in proportion to a power of their size.

    :math:`p_l \propto n_l^{1/T}`: T = 1 is the natural distribution, a large T the uniform one. Papers also write
    :math:`\alpha = 1/T`: 0.7 for mBERT, 0.3 for XLM-R.

    Args:
        temperature: T, at least 1 unless large groups are to get still more.
        budget: Size of the result, in the unit of the sizes; by default that of all groups together.
        seed: Of the draws: which rows of a group are left out, or there once more.

    Complexity: O(groups).

    References: conneau2020unsupervised

    Example:
        >>> Temperature(2.0).rates({"deu": 900.0, "roh": 100.0})
        {'deu': 0.8333333333333334, 'roh': 2.5}
    """

    temperature: float = 3.3333333333333335
    budget: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        if self.budget is not None and not self.budget > 0:
            raise ValueError(f"budget must be above 0, not {self.budget}")

    def rates(self, sizes: dict[str, float]) -> dict[str, float]:
        """How often each group's text is to be there on average.

        Raises:
            DataError: There is no group, or one without a size.
        """
        checked(sizes)
        largest = max(sizes.values())
        # Relative to the largest, lest a power overflow.
        power = {name: (size / largest) ** (1 / self.temperature) for name, size in sizes.items()}
        budget = self.budget if self.budget is not None else sum(sizes.values())
        return {name: budget * power[name] / sum(power.values()) / size for name, size in sizes.items()}
