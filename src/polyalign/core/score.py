"""Score: a number with its confidence interval and a signature that says how it was made.

A metric reduces every item (a sentence pair, a bead) to a few additive statistics; the value is a
function of their sums. So any metric can be resampled without being run again.

References: efron1979bootstrap, post2018call
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyalign import __version__
from polyalign.core.jit import F64
from polyalign.core.rng import generator

#: Sums of statistics, shape (..., k), to values, shape (...,).
Aggregate = Callable[[F64], F64]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One measured number.

    Args:
        name: The metric's field-standard name.
        value: The aggregate over all items.
        n: Number of items.
        ci: Lower and upper bound of the confidence interval.
        signature: Method, settings, version and seed, as ``key:value`` joined by ``|``.
        items: The statistics it was computed from, shape (n, k).
        parts: Further numbers that belong to it (precision, recall, counts).
        aggregate: The value as a function of the items' sums; none where it is no such function.
    """

    name: str
    value: float
    n: int
    ci: tuple[float, float]
    signature: str
    items: F64
    parts: Mapping[str, float] = field(default_factory=dict)
    aggregate: Aggregate | None = None

    @classmethod
    def of(
        cls,
        name: str,
        items: F64,
        aggregate: Aggregate,
        signature: str,
        *,
        samples: int,
        seed: int,
        parts: Mapping[str, float] | None = None,
    ) -> Score:
        """The score of items whose sums say everything, with its bootstrap interval of 95 %.

        Args:
            name: The metric's field-standard name.
            items: Statistics of each item, shape (n, k).
            aggregate: Sums, shape (..., k), to values, shape (...,).
            signature: How it was made.
            samples: Resamples of the bootstrap; 0 for no interval.
            seed: Of the resampling.
            parts: Further numbers that belong to it.

        Example:
            >>> items = np.array([[1.0, 3.0], [1.0, 5.0]])
            >>> score = Score.of("mean", items, lambda sums: sums[..., 1] / sums[..., 0], "", samples=0, seed=1)
            >>> score.value, score.n, score.ci
            (4.0, 2, (4.0, 4.0))
        """
        value = float(aggregate(items.sum(axis=0)))
        ci = bootstrap(items, aggregate, samples=samples, seed=seed)
        return cls(name, value, len(items), ci, signature, items, parts or {}, aggregate)

    def to_json(self) -> dict[str, Any]:
        """A plain object for ``--json``: name, value, ci, n, signature and the parts."""
        return {
            "name": self.name,
            "value": self.value,
            "ci": list(self.ci),
            "n": self.n,
            "signature": self.signature,
            "parts": dict(self.parts),
        }


def signature(**settings: object) -> str:
    """``key:value`` pairs joined by ``|`` in the order given, the version last.

    Example:
        >>> signature(metric="aer", base=0).split("|version")[0]
        'metric:aer|base:0'
    """
    return "|".join(f"{k}:{v}" for k, v in {**settings, "version": __version__}.items())


def bootstrap(
    items: F64, aggregate: Aggregate, *, samples: int = 1000, confidence: float = 0.95, seed: int = 1
) -> tuple[float, float]:
    """Percentile bootstrap interval of a metric, resampling items with replacement.

    Args:
        items: Statistics of each item, shape (n, k).
        aggregate: Sums, shape (..., k), to values, shape (...,).
        samples: Number of resamples; 0 gives the value itself twice.
        confidence: Share of resamples inside the interval.
        seed: Of the resampling.

    Returns:
        The interval's lower and upper bound.
    """
    items = np.asarray(items, np.float64)
    n = len(items)
    if n == 0 or samples == 0:
        value = float(aggregate(items.sum(axis=0)))
        return value, value
    random = generator(seed, "bootstrap")
    sums = np.empty((samples, items.shape[1]))
    for b in range(samples):
        sums[b] = items[random.integers(0, n, n)].sum(axis=0)
    low, high = np.nanquantile(aggregate(sums), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
