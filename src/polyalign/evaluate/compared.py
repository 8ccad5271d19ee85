"""Scores of several models of the same items, and how each differs from the first, for JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from polyalign.core import langs
from polyalign.core.jit import F64
from polyalign.core.score import Aggregate, Score, bootstrap

Told = dict[str, Any]


def cell(score: Score) -> Told:
    """A score with its interval.

    Example:
        >>> cell(Score("x", 0.5, 3, (0.25, 0.75), "made:so", np.zeros((3, 1))))
        {'value': 0.5, 'ci': [0.25, 0.75], 'n': 3, 'signature': 'made:so'}
    """
    ci = [plain(x) for x in score.ci]
    return {"value": plain(score.value), "ci": ci, "n": score.n, "signature": score.signature}


def change(items: F64, less: Aggregate, *, samples: int, seed: int) -> Told:
    """A difference as a function of items' sums, with its interval of 95 %, the same items being drawn for both."""
    low, high = bootstrap(items, less, samples=samples, seed=seed)
    return {"value": plain(float(less(items.sum(axis=0)))), "ci": [plain(low), plain(high)], "n": len(items)}


def gain(before: Score, after: Score, *, samples: int, seed: int) -> Told:
    """One score less another of the same items."""
    split, value = before.items.shape[1], before.aggregate
    assert value is not None

    def less(sums: F64) -> F64:
        return np.asarray(value(sums[..., split:]) - value(sums[..., :split]), np.float64)

    return change(np.concatenate([before.items, after.items], axis=1), less, samples=samples, seed=seed)


def language(tag: str) -> str:
    """What a language is called, without what tells it from a family of the same name.

    Example:
        >>> language("swh_Latn")
        'Swahili'
    """
    return langs.name(tag).split(" (")[0]


def plain(value: float) -> float | None:
    """A number as JSON has it; None for what is none."""
    return round(float(value), 6) if math.isfinite(value) else None
