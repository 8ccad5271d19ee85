"""Linear centred kernel alignment, without the bias that few sentences bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.parallel_vectors import check_finite, check_pairs
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class CKA:
    """Measure whether sentences of one language are like each other where their translations are.

    With the Gram matrices ``K = X X'`` and ``L = Y Y'``, ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))``. By default HSIC
    is estimated without bias, the diagonals set to 0 and the rest centred accordingly,
    ``HSIC = sum_ij A_ij B_ij / (n (n - 3))``; the usual ``|Y'X|^2 / (|X'X| |Y'Y|)`` (``biased``) is far above 0 for vectors
    that have nothing to do with each other if there are fewer sentences than dimensions. A rotation or a scale of
    either side changes neither.

    **Differs:** the interval is that of the first-order expansion of HSIC in the sentences, with ``2 sum_j A_ij B_ij -
    HSIC`` for each.

    Args:
        biased: Whether to take the usual estimate, for comparison with what others have published.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: kornblith2019similarity, song2012feature, szekely2014partial, efron1979bootstrap

    Example:
        >>> x = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
        >>> round(CKA(samples=0).score(x, 2 * x[:, ::-1]).value, 6)
        1.0
    """

    biased: bool = False
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, src: F32, tgt: F32) -> Score:
        """Score one layer's vectors of parallel sentences.

        Args:
            src: Shape (n, d).
            tgt: Shape (n, e); row i translates row i of the other. The two may be of different models or layers.

        Returns:
            At most 1, about 0 for vectors that have nothing in common and so at times below, with a 95 % interval.

        Raises:
            DataError: Other numbers of rows, fewer than four, values not finite, or vectors that are all alike.

        Complexity: O(n^2 d).
        """
        check_pairs("evaluate/cka", src, tgt, 4, same_width=False)
        check_finite("evaluate/cka", src, tgt)
        a, b = (_gram(x, self.biased) for x in (src, tgt))
        columns = [(p * q).sum(axis=1) for p, q in ((a, b), (a, a), (b, b))]
        if not min(float(columns[1].sum()), float(columns[2].sum())) > 0:
            raise DataError(
                "evaluate/cka: found sentences whose vectors are all the same, expected different ones; check that the layer and "
                "the texts are what they should be"
            )
        items = np.stack([2 * c - c.mean() for c in columns], axis=1)
        return Score.of(
            "CKA",
            items,
            _cka,
            signature(metric="cka", biased=self.biased, sentences=len(items), samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
        )


def _gram(x: F32, biased: bool) -> F64:
    rows = x.astype(np.float64)
    rows -= rows.mean(axis=0)
    # Of about one length, so that squares of squares do not overflow; a scale changes nothing.
    rows /= max(float(np.linalg.norm(rows)), 1e-300)
    gram: F64 = rows @ rows.T
    if biased:
        return gram
    n = len(gram)
    np.fill_diagonal(gram, 0)
    means = gram.sum(axis=1) / (n - 2)
    gram += means.sum() / (n - 1) - means[:, None] - means
    np.fill_diagonal(gram, 0)
    return gram


def _cka(sums: F64) -> F64:
    both, src, tgt = (sums[..., k] for k in range(3))
    scale = np.sqrt(np.maximum(src, 0) * np.maximum(tgt, 0))
    return np.asarray(both / np.where(scale > 0, scale, np.nan), np.float64)
