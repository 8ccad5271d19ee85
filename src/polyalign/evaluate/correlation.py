"""Correlation of two measures over languages (or models, or tasks), with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.stats import kendalltau, rankdata

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.rng import generator
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples

Kind: TypeAlias = Literal["pearson", "spearman", "kendall"]
#: Rows of items, the pair of measures first and controls behind, to a coefficient.
Statistic = Callable[[F64], float]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Measure how far two measures of the same things agree: Pearson, Spearman and Kendall, with bootstrap intervals.

    Pearson's r asks for a line, Spearman's rho is Pearson's of the ranks (ties share theirs), Kendall's tau-b the share of
    pairs in the same order less that of pairs in the other, corrected for ties. With a control (the size of a language's
    training data, say) it is the partial correlation: that of what is left of both, or of their ranks, after a linear fit
    to the control.

    Over few languages a correlation means little: ten points of two measures that have nothing to do with each other
    correlate by more than .63 in one of twenty cases. So look at the interval, and use the same languages for what is compared.

    Args:
        kind: Which is the value; the others are among the parts.
        samples: Resamples of the bootstrap over the things measured; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: kendall1945treatment, efron1979bootstrap

    Example:
        >>> x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 9, 16])
        >>> score = Correlation(samples=0).score(x, y)
        >>> score.value, round(score.parts["pearson"], 3)
        (1.0, 0.984)
    """

    kind: Kind = "spearman"
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, x: F64, y: F64, *, control: F64 | None = None) -> Score:
        """The coefficient of the kind asked for, the others as its parts; see `scores`."""
        found = self.scores(x, y, control=control)
        if self.kind not in found:
            raise DataError(
                f"evaluate/correlation: kind = {self.kind}: found a control, expected none; take pearson or spearman for a "
                "partial correlation"
            )
        return found[self.kind]

    def scores(self, x: F64, y: F64, *, control: F64 | None = None) -> dict[str, Score]:
        """Correlate two measures.

        Args:
            x: The one, shape (n,).
            y: The other, of the same things in the same order, shape (n,).
            control: What to hold constant, shape (n,) or (n, c).

        Returns:
            Pearson, Spearman and, without a control, Kendall, each with a 95 % interval; resamples in which a measure does not
            vary are left out.

        Raises:
            DataError: Fewer than three things (four with a control), different numbers, values that are not finite, a measure
                that does not vary, or a control that says all.

        Complexity: O(samples * n log n).
        """
        n = len(x)
        held = np.zeros((n, 0)) if control is None else np.asarray(control, np.float64).reshape(len(control), -1)
        if not n == len(y) == len(held) or n < 3 + held.shape[1]:
            raise DataError(
                f"evaluate/correlation: found {n}, {len(y)} and {len(held)} values, expected as many of each, at least "
                f"{3 + held.shape[1]}; measure more languages"
            )
        items = np.column_stack([x, y, held]).astype(np.float64)
        if not np.isfinite(items).all():
            raise DataError(
                f"evaluate/correlation: value {int(np.argwhere(~np.isfinite(items))[0, 0]) + 1} is not finite, expected numbers; "
                "leave out what was not measured"
            )
        statistics: dict[str, Statistic] = {"pearson": pearson, "spearman": spearman}
        if control is None:
            statistics["kendall"] = kendall
        values = {name: of(items) for name, of in statistics.items()}
        if any(np.isnan(v) for v in values.values()):
            raise DataError(
                "evaluate/correlation: a measure is the same everywhere (or all that a control says), expected it to vary; there "
                "is nothing to correlate"
            )
        made = signature(metric="correlation", controls=held.shape[1], samples=self.samples, seed=self.seed)
        return {
            name: Score(name, values[name], n, interval(items, of, self.samples, self.seed), made, items, values)
            for name, of in statistics.items()
        }


def pearson(items: F64) -> float:
    """Pearson's r of the first two columns, the others held constant; not a number if one does not vary."""
    x, y = _residual(items[:, 0], items[:, 2:]), _residual(items[:, 1], items[:, 2:])
    length = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / length, -1, 1)) if length > 0 else float("nan")


def spearman(items: F64) -> float:
    """Pearson's r of the ranks."""
    return pearson(np.asarray(rankdata(items, axis=0), np.float64))


def kendall(items: F64) -> float:
    """Kendall's tau-b of the first two columns."""
    return float(kendalltau(items[:, 0], items[:, 1]).statistic)


def _residual(values: F64, held: F64) -> F64:
    """What a linear fit leaves, exactly 0 where it leaves nothing but rounding."""
    design = np.column_stack([np.ones(len(values)), held])
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return np.asarray(rest if np.abs(rest).max() > 1e-9 * np.abs(values).max() else 0 * rest, np.float64)


def interval(items: F64, statistic: Statistic, samples: int, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of 95 % of what is no function of sums, resampling rows."""
    if samples == 0:
        value = statistic(items)
        return value, value
    random = generator(seed, "bootstrap")
    found = np.array([statistic(items[random.integers(0, len(items), len(items))]) for _ in range(samples)])
    if np.isnan(found).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)
