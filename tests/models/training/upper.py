"""A script method for tests: capital letters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Upper:
    """Write a text in capitals.

    Args:
        times: How often.
    """

    times: int = 1

    def __call__(self, text):
        return text.upper() * self.times


@dataclass(frozen=True)
class Learning:
    """Write a text in capitals, having learnt how.

    Args:
        needy: Learn from text.
    """

    needy: bool = False

    @property
    def fit(self):
        return (lambda texts: str.upper) if self.needy else (lambda texts=(): str.upper)
