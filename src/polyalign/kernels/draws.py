"""Random numbers for rows: from what they hold, or from where they are."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I64, U64, kernel
from polyalign.core.rng import stream, uniform


@kernel()
def draws(keys: U64, seed: int) -> F64:
    """A number for each key, uniform on [0, 1), the same whenever the key and the seed are."""
    out = np.empty(len(keys))
    for k in range(len(keys)):
        # The key in two halves, for a stream takes signed numbers.
        out[k] = uniform(stream(seed, int(keys[k] >> np.uint64(32)), int(keys[k] & np.uint64(0xFFFFFFFF))))
    return out


@kernel()
def filled(order: I64, amounts: F64, wanted: float) -> I64:
    """How often to take each row, rows in the given order, until an amount is reached as nearly as whole rows can.

    Args:
        order: Rows in the order they are taken, round after round.
        amounts: How much each row is, shape (n,).
        wanted: The amount.
    """
    copies = np.zeros(len(amounts), np.int64)
    total = 0.0
    for k in range(len(order)):
        total += amounts[order[k]]
    if total <= 0.0:
        return copies
    rounds = np.int64(wanted // total)
    copies[:] = rounds
    left = wanted - rounds * total
    for k in range(len(order)):
        row = order[k]
        if amounts[row] <= left or amounts[row] - left < left:
            copies[row] += 1
            left -= amounts[row]
        if left <= 0.0:
            break
    return copies
