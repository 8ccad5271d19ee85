"""Average neuron-wise correlation: whether the same neurons say the same in two languages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.parallel_vectors import check_finite, check_pairs
from polyalign.evaluate.ratios import check_samples, ratio


@dataclass(frozen=True, slots=True)
class ANC:
    """Measure how alike single neurons answer to parallel sentences of two languages.

    The Pearson correlation of each neuron's values over the sentences of one language with its values over those of the
    other, ``1/d sum_k corr(X_k, Y_k)``. Unlike CKA and SVCCA it sees a rotation between the two languages.

    **Differs:** the interval is that of the correlations' first-order expansion in the sentences, ``r_k + x_k y_k -
    r_k (x_k^2 + y_k^2) / 2`` of standardised values, which sums to the correlation itself.

    Args:
        absolute: Whether a negative correlation counts as much as a positive one.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: delfishel2022similarity, efron1979bootstrap

    Example:
        >>> x = np.array([[0, 1], [1, 0], [2, 5]], np.float32)
        >>> ANC(samples=0).score(x, 3 * x + 1).value, ANC(samples=0).score(x, -x).value
        (1.0, -1.0)
    """

    absolute: bool = False
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, src: F32, tgt: F32) -> Score:
        """Score one layer's vectors of parallel sentences.

        Args:
            src: Shape (n, d); not centred and not scaled, of the neurons as they are.
            tgt: Shape (n, d); row i translates row i of the other.

        Returns:
            From -1 to 1, or from 0 with ``absolute``, with a 95 % interval. A neuron that never changes in one of the
            languages counts as 0; how many do is a part.

        Raises:
            DataError: Other shapes on one side, fewer than three sentences, or values not finite.

        Complexity: O(n d).
        """
        check_pairs("evaluate/anc", src, tgt, 3, same_width=True)
        check_finite("evaluate/anc", src, tgt)
        x, y = standard(src), standard(tgt)
        r = (x * y).mean(axis=0)
        terms = correlations(x, y, np.sign(r) if self.absolute else np.ones(len(r)))
        items = np.stack([np.ones(len(terms)), terms], axis=1)
        flat = ~x.any(axis=0) | ~y.any(axis=0)
        return Score.of(
            "ANC",
            items,
            ratio(1, 0),
            signature(metric="anc", absolute=self.absolute, sentences=len(items), samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
            parts={"neurons": src.shape[1], "constant": int(flat.sum())},
        )


def standard(x: F32) -> F64:
    """Columns of mean 0 and variance 1, in float64; those of one value are zeros."""
    y = x.astype(np.float64)
    y -= y.mean(axis=0)
    scale = np.sqrt((y**2).mean(axis=0))
    # What is left of a constant is rounding.
    flat = scale <= 1e-7 * np.abs(x).max(axis=0, initial=0)
    return np.asarray(np.where(flat, 0, y / np.where(flat, 1, scale)), np.float64)


def correlations(x: F64, y: F64, weights: F64) -> F64:
    """What each item adds to the mean correlation of standardised columns, to first order; its mean is that mean.

    Args:
        x: Shape (n, d).
        y: Shape (n, d).
        weights: What each column counts, shape (d,).

    Returns:
        Shape (n,).
    """
    r = (x * y).mean(axis=0)
    terms = x * y - r / 2 * (x**2 + y**2) + r
    # A column of zeros has no correlation; of the others the squares are 1 on average.
    return np.asarray(terms @ weights / x.shape[1], np.float64)
