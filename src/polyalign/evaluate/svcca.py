"""Singular vector canonical correlation analysis: whether two sets of vectors span the same directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.anc import correlations
from polyalign.evaluate.parallel_vectors import check_finite, check_pairs
from polyalign.evaluate.ratios import check_samples, ratio


@dataclass(frozen=True, slots=True)
class SVCCA:
    """Measure how far the main directions of two languages' vectors of parallel sentences are linear maps of each other.

    Each side is reduced to the singular directions that hold 99 % of its variance, ``X = U S V'``; the canonical
    correlations are the singular values of ``U_x' U_y``, and the value their mean. Any linear map of either side
    changes nothing but which directions are main ones.

    **Differs:** with as many directions as sentences any two sets of vectors agree perfectly, so too few sentences are an
    error and not a 1; correlations of few sentences are too high all the same, so that values are comparable at one
    number of sentences alone. The interval is that of the first-order expansion of each correlation.

    Args:
        variance: Share of each side's variance that its directions hold, above 0 to 1.
        directions: Most directions of a side; none for as many as hold that share.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A number is out of range.

    References: raghu2017svcca, romanazzi1992influence, efron1979bootstrap

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
        >>> round(SVCCA(samples=0).score(x, x @ np.triu(np.ones((4, 4), np.float32))).value, 6)
        1.0
    """

    variance: float = 0.99
    directions: int | None = None
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.variance <= 1:
            raise ValueError(f"variance must be above 0 and at most 1, found {self.variance}")
        if self.directions is not None and self.directions < 1:
            raise ValueError(f"directions must be at least 1, found {self.directions}")
        check_samples(self.samples)

    def score(self, src: F32, tgt: F32) -> Score:
        """Score one layer's vectors of parallel sentences.

        Args:
            src: Shape (n, d).
            tgt: Shape (n, e); row i translates row i of the other.

        Returns:
            From 0 to 1, with a 95 % interval; its parts are how many directions each side has.

        Raises:
            DataError: Other numbers of rows, values not finite, vectors all alike, or no more sentences than directions.

        Complexity: O(n d min(n, d)).
        """
        check_pairs("evaluate/svcca", src, tgt, 3, same_width=False)
        check_finite("evaluate/svcca", src, tgt)
        x, y = self._reduced(src), self._reduced(tgt)
        n, p, q = len(x), x.shape[1], y.shape[1]
        if not p or not q:
            raise DataError(
                "evaluate/svcca: found sentences whose vectors are all the same, expected different ones; check that the layer and "
                "the texts are what they should be"
            )
        if p + q >= n:
            raise DataError(
                f"evaluate/svcca: found {n} sentences and {p} + {q} directions, expected more sentences than directions, as "
                "any two sets agree otherwise; give more sentences, or limit the directions"
            )
        left, _, right = np.linalg.svd(x.T @ y, full_matrices=False)
        # Columns of variance 1, as what stands for one sentence is of that size.
        terms = correlations(x @ left * np.sqrt(n), y @ right.T * np.sqrt(n), np.ones(min(p, q)))
        items = np.stack([np.ones(n), terms], axis=1)
        return Score.of(
            "SVCCA",
            items,
            ratio(1, 0),
            signature(
                metric="svcca",
                variance=self.variance,
                directions=self.directions,
                sentences=n,
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={"src_directions": p, "tgt_directions": q},
        )

    def _reduced(self, x: F32) -> F64:
        """An orthonormal basis of the main directions, one row a sentence, shape (n, directions)."""
        rows = x.astype(np.float64)
        rows -= rows.mean(axis=0)
        basis, sizes, _ = np.linalg.svd(rows, full_matrices=False)
        # Below that a direction is rounding, of single precision.
        there = int(np.sum(sizes > 1e-6 * max(float(np.linalg.norm(x)), 1e-30)))
        held = np.cumsum(sizes[:there] ** 2)
        if not there:
            return np.zeros((len(x), 0))
        wanted = 1 + int(np.searchsorted(held, self.variance * held[-1] * (1 - 1e-12)))
        return np.asarray(basis[:, : min(wanted, there, self.directions or there)], np.float64)
