"""Random numbers that belong to a row: the same whichever rows are read with it, and in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from polyalign.core.rng import stream, uniform

T = TypeVar("T")


class Draws:
    """The random numbers of one variant of one row.

    Args:
        seed: Of the run.
        copy: Which variant of the row it is.
        key: The row's name, and the method's, so that two methods do not choose the same words.

    Example:
        >>> a, b = Draws(1, 0, "dictionary", "7"), Draws(1, 0, "dictionary", "7")
        >>> a.number() == b.number() != Draws(1, 1, "dictionary", "7").number()
        True
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int, copy: int, *key: str) -> None:
        name = int.from_bytes(blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        self._state = stream(seed, copy, name >> 1)

    def number(self) -> float:
        """The next number, uniform on [0, 1)."""
        return uniform(self._state)

    def happens(self, rate: float) -> bool:
        """Whether something does that does with a probability of `rate`."""
        return self.number() < rate

    def one(self, items: Sequence[T]) -> T:
        """One of some, each as likely."""
        return items[int(self.number() * len(items))]

    def some(self, items: Sequence[T], number: int) -> list[T]:
        """That many of them, or all, none twice, in the order they are drawn."""
        left = list(items)
        return [left.pop(int(self.number() * len(left))) for _ in range(min(number, len(left)))]


def check_rates(**rates: float) -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: One is below 0 or above 1.
    """
    for name, rate in rates.items():
        if not 0 <= rate <= 1:
            raise ValueError(f"{name} must be from 0 to 1, found {rate}")


def check_copies(copies: int) -> None:
    """Refuse fewer than one variant a row.

    Raises:
        ValueError: There are none.
    """
    if copies < 1:
        raise ValueError(f"copies must be 1 or more, found {copies}")
