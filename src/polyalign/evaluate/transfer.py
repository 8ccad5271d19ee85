"""Prediction of a measure in a language from the language's features: how far can transfer be foreseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.correlation import interval, pearson, spearman
from polyalign.evaluate.ratios import check_samples

#: Strengths of the ridge that are tried where none is given.
STRENGTHS = tuple(10.0**k for k in range(-3, 4))


@dataclass(frozen=True, slots=True)
class TransferPrediction:
    """Predict a measure in each language from linguistic features, fitted on all other languages, and correlate with the truth.

    Features are a table the user has: typological distances to the language of training, as lang2vec gives them, the amount
    of text, the share of common vocabulary. They are scaled to mean 0 and variance 1 over the languages fitted on; one that is
    missing counts as the mean. Ridge regression in its dual form, ``y(x) = m + k(x)' (K + s I)^-1 (y - m)``, with a linear or a
    Gaussian kernel, the latter as wide as the median distance; the strength s is chosen on the languages fitted on alone, each
    predicted from the rest.

    The correlation of held-out predictions can be far below 0 where features say nothing: a mean without a language is low
    where the language is high. So see the parts too: the mean absolute error, and the error of predicting that mean.

    Args:
        kernel: Linear, or rbf for features whose effects are not straight or depend on each other.
        strength: Of the ridge; none to choose it from powers of ten between 0.001 and 1,000.
        samples: Resamples of the bootstrap over languages; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A strength of 0 or less, or a negative number of samples.

    References: littell2017uriel, lauscher2020zero, hoerl1970ridge, efron1979bootstrap

    Example:
        >>> features = {f"l{i}": np.array([float(i), 1.0]) for i in range(8)}
        >>> values = {f"l{i}": 2.0 * i for i in range(8)}
        >>> round(TransferPrediction(strength=1e-3, samples=0).score(features, values).value, 3)
        1.0
    """

    kernel: Literal["linear", "rbf"] = "linear"
    strength: float | None = None
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.strength is not None and self.strength <= 0:
            raise ValueError(f"strength must be more than 0, found {self.strength}")
        check_samples(self.samples)

    def score(self, features: Mapping[str, F64], values: Mapping[str, float]) -> Score:
        """Spearman's correlation of predictions with the truth, the rest as its parts; see `scores`."""
        return self.scores(features, values)["spearman"]

    def scores(self, features: Mapping[str, F64], values: Mapping[str, float]) -> dict[str, Score]:
        """Predict every language from the others.

        Args:
            features: Of each language, shape (f,), not a number where one is not known.
            values: The measure; languages without features, or the other way round, are left out.

        Returns:
            ``spearman`` and ``pearson`` of predictions with the truth and ``error``, the mean absolute error, each with a 95 %
            interval. Items are the predictions and the truth in the languages' order; the parts are all of them, the
            error of the mean, ``mean_error``, and the number of languages.

        Raises:
            DataError: Fewer than four languages in common, features that are not as many everywhere, values that are not
                finite or the same everywhere.

        Complexity: O(strengths * n^4) for n languages.
        """
        langs = [lang for lang in values if lang in features]
        if len(langs) < 4:
            raise DataError(
                f"evaluate/transfer: found {len(langs)} languages with both features and a value, expected at least 4; write "
                "their tags alike in both"
            )
        if len({len(features[lang]) for lang in langs}) > 1:
            raise DataError("evaluate/transfer: found languages with different numbers of features, expected a table")
        x = np.stack([features[lang] for lang in langs]).astype(np.float64)
        y = np.array([values[lang] for lang in langs], np.float64)
        if not np.isfinite(y).all() or np.ptp(y) == 0:
            raise DataError(
                "evaluate/transfer: found values that are not finite, or the same everywhere, expected numbers that vary"
            )
        rest = [np.arange(len(y)) != i for i in range(len(y))]
        predicted = np.array([self._predict(x[some], y[some], x[[i]])[0] for i, some in enumerate(rest)])
        items = np.column_stack([predicted, y])
        statistics = {"spearman": spearman, "pearson": pearson, "error": _error}
        found = {name: of(items) for name, of in statistics.items()}
        means = np.array([y[some].mean() for some in rest])
        parts = found | {"mean_error": float(np.abs(means - y).mean()), "languages": len(langs)}
        made = signature(
            metric="transfer",
            kernel=self.kernel,
            strength=self.strength,
            features=x.shape[1],
            samples=self.samples,
            seed=self.seed,
        )
        return {
            name: Score(name, found[name], len(y), interval(items, of, self.samples, self.seed), made, items, parts)
            for name, of in statistics.items()
        }

    def _predict(self, x: F64, y: F64, other: F64) -> F64:
        """The measure where features are ``other``, from languages with features x and values y."""
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(axis=0) / count)
        spread = np.where(spread > 0, spread, np.inf)
        x, other = (np.where(np.isfinite(z), (z - mean) / spread, 0) for z in (x, other))
        if self.kernel == "linear":
            gram, row = x @ x.T / x.shape[1], other @ x.T / x.shape[1]
        else:
            apart, apart_other = _distances(x, x), _distances(other, x)
            between = apart[np.triu_indices(len(x), 1)]
            width = float(np.median(between)) or 1.0
            gram, row = np.exp(-apart / width), np.exp(-apart_other / width)
        middle = y.mean()
        strength = self.strength or min(STRENGTHS, key=lambda s: _left_out_error(gram, y - middle, s))
        weights = np.linalg.solve(gram + strength * np.eye(len(y)), y - middle)
        return np.asarray(middle + row @ weights, np.float64)


def _distances(x: F64, y: F64) -> F64:
    return np.asarray(((x[:, None] - y[None]) ** 2).sum(axis=2), np.float64)


def _left_out_error(gram: F64, y: F64, strength: float) -> float:
    """Squared error with each left out in turn, in closed form."""
    inverse = np.linalg.inv(gram + strength * np.eye(len(y)))
    return float(((inverse @ y / np.diag(inverse)) ** 2).sum())


def _error(items: F64) -> float:
    return float(np.abs(items[:, 0] - items[:, 1]).mean())
