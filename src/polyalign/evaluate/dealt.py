"""What a divergence between two collections would be by chance: their items dealt out to two sides anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from polyalign.core.jit import F64
from polyalign.core.rng import generator

#: Features of both sides summed over their items, shape (2, f), and how many items each has, shape (2,), to the divergence.
Divergence = Callable[[F64, F64], float]


def by_chance(features: Any, first: int, divergence: Divergence, *, permutations: int, seed: int) -> dict[str, float]:
    """The mean divergence of the items dealt out at random, and how often that is at least the real one.

    Args:
        features: Sparse matrix, one row an item, shape (n, f).
        first: How many items, from the first, are really on one side.
        divergence: Of the sums of the sides' rows.
        permutations: How often to deal; 0 for none.
        seed: Of the dealing.

    Returns:
        ``chance``, the mean, and ``p_value``, that of a permutation test, ``(1 + #{chance >= real}) / (1 + permutations)``: the
        chance to see as much if both sides were samples of one thing. Nothing without permutations.

    References: gretton2012kernel
    """
    if permutations == 0:
        return {}
    n = features.shape[0]
    sizes = np.array([first, n - first], np.float64)

    def of(side: F64) -> float:
        sums = np.stack([side @ features, (1 - side) @ features])
        return divergence(np.asarray(sums, np.float64), sizes)

    side = np.zeros(n)
    side[:first] = 1
    real = of(side)
    random = generator(seed, "permutation")
    found = np.array([of(random.permutation(side)) for _ in range(permutations)])
    # Sums come in another order, so what is equal may differ in the last digits.
    reached = int((found >= real - 1e-12 * max(1.0, abs(real))).sum())
    return {"chance": float(found.mean()), "p_value": (1 + reached) / (1 + permutations)}
