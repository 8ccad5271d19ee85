"""Hubness: whether a few words are the answer to everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I32
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class Hubness:
    """Measure how unequally answers are spread over the words that can be one.

    With N(y) the number of lists of k answers that y is in, the value is its skewness, ``E[(N - m)^3] / s^3``: 0 if all
    words are answers equally often or as often more as less than the mean, great if a few are it all the time.

    Args:
        samples: Resamples of the bootstrap over the words that can be answers; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: radovanovic2010hubs, efron1979bootstrap

    Example:
        >>> score = Hubness(samples=0).score(np.array([[0], [0], [0], [1]]), 4)
        >>> round(score.value, 2), score.parts["antihubs"], score.parts["largest"]
        (0.82, 0.5, 0.75)
    """

    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, answers: I32, size: int) -> Score:
        """Score lists of answers.

        Args:
            answers: Rows of the answers to each question, shape (n, k), of any method of retrieval.
            size: Number of words that can be answers.

        Returns:
            The skewness with a 95 % interval. Its parts are the share of words that are no answer (antihubs), the share of
            lists that the most frequent answer is in (largest), its row (hub), and k.

        Raises:
            DataError: No answers, or rows that are not below the size.
        """
        answers = np.asarray(answers)
        whole = answers.ndim == 2 and answers.size and np.issubdtype(answers.dtype, np.integer)
        if not whole or answers.min() < 0 or answers.max() >= size:
            raise DataError(
                f"evaluate/hubness: found answers of shape {answers.shape}, expected rows below {size}, at least one for at "
                "least one question; give the rows that retrieval returns and the number of target words"
            )
        counts = np.bincount(answers.reshape(-1), minlength=size).astype(np.float64)
        # Less their mean, so that powers of the rare great ones do not take the digits of all others.
        around = counts - counts.mean()
        items = np.stack([np.ones(size), around, around**2, around**3], axis=1)
        return Score.of(
            "hubness",
            items,
            _skewness,
            signature(
                metric="hubness", k=answers.shape[1], questions=len(answers), samples=self.samples, seed=self.seed
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "antihubs": float((counts == 0).mean()),
                "largest": float(counts.max() / len(answers)),
                "hub": int(counts.argmax()),
                "k": answers.shape[1],
            },
        )


def _skewness(sums: F64) -> F64:
    n, first, second, third = (sums[..., i] for i in range(4))
    mean = first / n
    variance = second / n - mean**2
    moment = third / n - 3 * mean * second / n + 2 * mean**3
    # All words are answers equally often: there is no spread, so none that is uneven.
    even = variance <= 1e-12
    return np.asarray(np.where(even, 0.0, moment / np.where(even, 1, variance) ** 1.5), np.float64)
