"""What training changed: the difference of weights, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32

#: Arrays by the names of the weights.
Delta: TypeAlias = Mapping[str, F32]


def check(deltas: Sequence[Delta]) -> None:
    """Refuse what cannot be merged.

    Raises:
        DataError: None, other names or shapes than the first has, or values that are no numbers.
    """
    if not deltas:
        raise DataError("merge: found nothing to merge, expected one expert at least; name some")
    for number, delta in enumerate(deltas, 1):
        same(deltas[0], delta, f"merge: expert {number}")
        for name, x in delta.items():
            if not np.isfinite(x).all():
                raise DataError(f"merge: expert {number}: {name} has values that are no numbers; train it anew")


def same(base: Delta, other: Delta, where: str) -> None:
    """Refuse weights of another model.

    Raises:
        DataError: Other names, or other shapes.
    """
    if lack := sorted(set(base) ^ set(other)):
        raise DataError(f"{where}: {lack[0]} is on one side only, expected the same weights; merge models of one kind")
    for name, x in base.items():
        if x.shape != other[name].shape:
            raise DataError(
                f"{where}: found {name} of shape {other[name].shape}, expected {x.shape}; merge models of one kind and vocabulary"
            )


def difference(base: Delta, tuned: Delta) -> dict[str, F32]:
    """What was added to weights.

    Raises:
        DataError: They are of another model.
    """
    same(base, tuned, "merge")
    return {name: np.asarray(tuned[name] - x, np.float32) for name, x in base.items()}


def added(base: Delta, delta: Delta) -> dict[str, F32]:
    """Weights with what is to be added.

    Raises:
        DataError: They are of another model.
    """
    same(base, delta, "merge")
    return {name: np.asarray(x + delta[name], np.float32) for name, x in base.items()}
