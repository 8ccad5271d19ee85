"""Language probe: how well a simple classifier tells from a sentence's vector which language it is in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import numpy as np

from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F32, I64, Mask
from polyalign.core.rng import generator
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.evaluate.parallel_vectors import check_parallel
from polyalign.evaluate.ratios import check_samples, ratio

Probe: TypeAlias = Literal["centroid", "logistic"]


@dataclass(frozen=True, slots=True)
class LanguageProbe:
    """Measure how much of a sentence's vector is the language it is in: the accuracy of telling it, low if neutral.

    Sentences are parallel and told from folds they are not in, with all their translations, so that what they are about
    gives nothing away. The probe is the nearest of the languages' mean vectors, or a logistic regression.

    **Differs:** where each language has been centred, its mean vector is gone and with it what the nearest mean goes by;
    there use the logistic probe, or `evaluate/neutrality`, whose means are of other sentences.

    Args:
        probe: centroid, the nearest mean, which needs nothing more; logistic, a logistic regression by scikit-learn
            (extra ``gold``).
        folds: Parts that the sentences are split into, each told from the others.
        regularization: Of the logistic regression, scikit-learn's 1 / C.
        samples: Resamples of the bootstrap over sentences with their translations; 0 for no interval.
        seed: Of the folds and of the resampling.

    Raises:
        ValueError: A number is out of range.

    References: libovicky2020language, efron1979bootstrap

    Example:
        >>> x = np.eye(4, dtype=np.float32)
        >>> LanguageProbe(folds=2, samples=0).score({"deu_Latn": x - 2, "eng_Latn": x + 2}).value
        1.0
    """

    probe: Probe = "centroid"
    folds: int = 5
    regularization: float = 1.0
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, found {self.folds}")
        if not self.regularization > 0:
            raise ValueError(f"regularization must be above 0, found {self.regularization}")
        check_samples(self.samples)

    def score(self, vectors: Mapping[str, F32]) -> Score:
        """Score one layer's vectors of parallel sentences.

        Args:
            vectors: By language, shape (n, d); row i says the same in each.

        Returns:
            The accuracy with a 95 % interval; its parts are the accuracy of guessing and how many languages there are.

        Raises:
            DataError: Fewer than two languages, other shapes in one of them, or fewer sentences than folds.
            MissingExtraError: The logistic probe without scikit-learn.

        Complexity: O(L n d) with means; L is the number of languages.
        """
        check_parallel("evaluate/language-probe", vectors, self.folds)
        told = self.told(np.stack([unit(x) for x in vectors.values()]))
        items = np.stack([np.full(told.shape[1], float(len(told))), told.sum(axis=0)], axis=1)
        return Score.of(
            "language probe accuracy",
            items,
            ratio(1, 0),
            signature(
                metric="language-probe",
                probe=self.probe,
                folds=self.folds,
                regularization=self.regularization if self.probe == "logistic" else "none",
                languages=len(told),
                sentences=len(items),
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={"chance": 1 / len(told), "languages": len(told)},
        )

    def told(self, vectors: F32) -> Mask:
        """Whether the language of each vector is told rightly, (L, n), of vectors of shape (L, n, d)."""
        languages, n, d = vectors.shape
        fold = np.arange(n) % self.folds
        fold = fold[generator(self.seed, "folds").permutation(n)]
        out = np.zeros((languages, n), np.bool_)
        labels = np.repeat(np.arange(languages), n).reshape(languages, n)
        for k in range(self.folds):
            train, test = vectors[:, fold != k], vectors[:, fold == k]
            there = labels[:, fold != k].ravel()
            found = self._tell(train.reshape(-1, d), there, test.reshape(-1, d)).reshape(languages, -1)
            out[:, fold == k] = found == np.arange(languages)[:, None]
        return out

    def _tell(self, train: F32, labels: I64, test: F32) -> I64:
        if self.probe == "logistic":
            return _logistic(train, labels, test, self.regularization)
        means = np.stack([train[labels == k].mean(axis=0, dtype=np.float64) for k in range(int(labels.max()) + 1)])
        # Of |x - m|^2 what depends on m.
        return np.asarray((test @ means.T - (means**2).sum(axis=1) / 2).argmax(axis=1), np.int64)


def _logistic(train: F32, labels: I64, test: F32, regularization: float) -> I64:
    if find_spec("sklearn") is None:
        raise MissingExtraError(
            "evaluate/language-probe: the logistic probe needs sklearn; install with: pip install 'polyalign[gold]'"
        )
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Of variance 1 over all dimensions together, so that the regularisation means the same for every model.
    middle = train.mean(axis=0)
    scale = max(float((train - middle).std()), 1e-30)
    model: Any = LogisticRegression(C=1 / regularization, max_iter=200)
    with warnings.catch_warnings():
        # The accuracy of a probe is settled long before its weights are.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((train - middle) / scale, labels)
    return np.asarray(model.predict((test - middle) / scale), np.int64)
