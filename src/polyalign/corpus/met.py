"""Values that were met, of a stream of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from polyalign.core.jit import Mask


class Met:
    """Numbers or bytes that were met, a few bytes of each.

    Example:
        >>> met = Met()
        >>> met.add(np.array([1, 5]))
        >>> met.again(np.array([5, 6])).tolist()
        [True, False]
    """

    def __init__(self) -> None:
        # Sorted, each part more than twice as long as the next: few to look through, and each value is merged few times.
        self._parts: list[npt.NDArray[Any]] = []

    def again(self, values: npt.NDArray[Any]) -> Mask:
        """Which values were added before, shape (n,)."""
        found = np.zeros(len(values), np.bool_)
        for part in self._parts:
            found |= part[np.minimum(np.searchsorted(part, values), len(part) - 1)] == values
        return found

    def add(self, values: npt.NDArray[Any]) -> None:
        """Add sorted values."""
        if len(values):
            self._parts.append(values)
        while len(self._parts) > 1 and 2 * len(self._parts[-1]) > len(self._parts[-2]):
            self._parts[-2:] = [np.sort(np.concatenate(self._parts[-2:]))]
