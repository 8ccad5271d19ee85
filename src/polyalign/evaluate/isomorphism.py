"""Isomorphism: how alike two spaces are in shape, before any map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64
from polyalign.core.score import Score, signature
from polyalign.core.space import NORMALIZE, check_steps, normalized
from polyalign.encoders.neighbours import nearest

#: Share of the sum of eigenvalues that the compared ones make up.
MOST = 0.9


@dataclass(frozen=True, slots=True)
class Isomorphism:
    """Measure whether one space could be turned into the other.

    - **spectral** (singular value gap): ``sum_i (log s_i - log t_i)^2`` over the sorted singular values of both; 0 is alike.
    - **condition** (effective condition number): the harmonic mean of ``s_1 / s_r`` of both sides, r the effective rank, the
      exponential of the entropy of the singular values as shares, rounded down; great where the least of the directions
      that count are faint, which no map can recover.
    - **eigenvalue**: ``sum_i (a_i - b_i)^2`` over the greatest eigenvalues of the Laplacians of both graphs of nearest
      neighbours, so many as make up 90 % of their sum on the side where these are fewer; 0 is alike.
    - **gromov-hausdorff**: the bottleneck distance of the persistence diagrams of connected components of both sides, a lower
      bound of how far any matching must change distances; 0 is alike.
    - **relational**: the correlation of the cosines between all pairs of source words and those of their translations; 1 is
      alike. Only this one needs to know which row translates which.

    **Differs:** Patra et al. compute diagrams of a Vietoris-Rips complex; those of its connected components are the edges of
    the minimum spanning tree, which is what is compared.

    Args:
        measure: What is compared.
        words: Most frequent words of each side that are looked at.
        neighbours: Neighbours of a word in its graph.
        normalize: Steps both sides are taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: A parameter out of range.

    References: dubossarsky2020secret, sogaard2018limitations, patra2019bilingual, vulic2020good

    Example:
        >>> x = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
        >>> turn = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0].astype(np.float32)
        >>> bool(Isomorphism(measure="relational").score(x, x @ turn).value > 0.999)
        True
    """

    measure: Literal["spectral", "condition", "eigenvalue", "gromov-hausdorff", "relational"] = "spectral"
    words: int = 5000
    neighbours: int = 10
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("words", "neighbours"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")

    def score(self, src: F32, tgt: F32) -> Score:
        """Compare two spaces.

        Args:
            src: Source vectors, most frequent words first, shape (n, d).
            tgt: Target vectors, likewise; for relational, row i translates row i of the source.

        Returns:
            The measure, without an interval: it is one number of two whole spaces.

        Raises:
            DataError: A side has fewer than two vectors or one that is not finite; or sides of different size where rows are
                translations.

        Complexity: O(w d^2); eigenvalue O(w^3); gromov-hausdorff and relational O(w^2 d).
        """
        if self.measure == "relational" and len(src) != len(tgt):
            raise DataError(
                f"evaluate/isomorphism: found {len(src)} source and {len(tgt)} target vectors, expected as many, row i of one "
                "side being the translation of row i of the other; take the rows of seeds"
            )
        n = min(self.words, len(src), len(tgt))
        if n < 2 or not (np.isfinite(src[:n]).all() and np.isfinite(tgt[:n]).all()):
            raise DataError(
                f"evaluate/isomorphism: found vectors of shapes {src.shape} and {tgt.shape}, expected at least two finite ones "
                "a side; check what they were made from"
            )
        x, y = (normalized(side[:n], self.normalize)[0] for side in (src, tgt))
        compare = {
            "spectral": spectral,
            "condition": condition,
            "eigenvalue": lambda a, b: eigenvalue(a, b, self.neighbours),
            "gromov-hausdorff": gromov_hausdorff,
            "relational": relational,
        }
        value = float(compare[self.measure](x, y))
        settings = {"neighbours": self.neighbours} if self.measure == "eigenvalue" else {}
        return Score(
            f"isomorphism ({self.measure})",
            value,
            n,
            (value, value),
            signature(
                metric="isomorphism",
                measure=self.measure,
                words=n,
                normalize="-".join(self.normalize) or "none",
                **settings,
            ),
            np.array([[value]]),
        )


def spectral(x: F32, y: F32) -> float:
    """Singular value gap; directions that one side has not, below a millionth of its greatest, are left out."""
    s, t = _spectrum(x), _spectrum(y)
    d = min(len(s), len(t))
    return float(((np.log(s[:d]) - np.log(t[:d])) ** 2).sum())


def condition(x: F32, y: F32) -> float:
    """Harmonic mean of the effective condition numbers."""
    numbers = []
    for s in (_spectrum(x), _spectrum(y)):
        share = s / s.sum()
        rank = int(np.exp(-(share * np.log(share)).sum()) + 1e-9)  # a rank of 3 may come out as 2.9999999
        numbers.append(s[0] / s[max(rank, 1) - 1])
    return float(2 / (1 / numbers[0] + 1 / numbers[1]))


def eigenvalue(x: F32, y: F32, neighbours: int) -> float:
    """Difference of the Laplacian eigenvalues of the graphs of nearest neighbours."""
    a, b = (_laplacian_eigenvalues(side, neighbours) for side in (x, y))
    k = min(int(np.searchsorted(np.cumsum(e) / max(e.sum(), 1e-12), MOST)) + 1 for e in (a, b))
    return float(((a[:k] - b[:k]) ** 2).sum())


def gromov_hausdorff(x: F32, y: F32) -> float:
    """Bottleneck distance of the persistence diagrams of connected components.

    All components are born at 0, so the deaths of both sides are matched in order of size, the greatest ones with each
    other; the smallest may be left to the diagonal, at half their size.
    """
    a, b = _deaths(x), _deaths(y)
    together = np.concatenate([[0.0], np.maximum.accumulate(np.abs(a - b))])
    alone = np.concatenate([np.maximum(a, b) / 2, [0.0]])
    return float(np.maximum(together, alone).min())


def relational(x: F32, y: F32) -> float:
    """Pearson correlation of the cosines within both sides."""
    upper = np.triu_indices(len(x), 1)
    a, b = ((side @ side.T)[upper].astype(np.float64) for side in (x, y))
    a, b = a - a.mean(), b - b.mean()
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norm) if norm else 0.0


def _spectrum(x: F32) -> F64:
    s = np.linalg.svd(x.astype(np.float64), compute_uv=False)
    there = s > s[0] * 1e-6
    if not there.any():
        raise DataError(
            "evaluate/isomorphism: found only vectors of zeros, expected a space; check what they were made from"
        )
    return np.asarray(s[there], np.float64)


def _laplacian_eigenvalues(x: F32, neighbours: int) -> F64:
    n = len(x)
    rows = nearest(x, x, min(neighbours + 1, n))[1]
    joined = np.zeros((n, n))
    np.put_along_axis(joined, rows.astype(np.int64), 1.0, axis=1)
    joined = np.maximum(joined, joined.T)
    np.fill_diagonal(joined, 0)
    return np.asarray(np.linalg.eigvalsh(np.diag(joined.sum(axis=1)) - joined)[::-1], np.float64)


def _deaths(x: F32) -> F64:
    """Edges of the minimum spanning tree, longest first, by Prim's algorithm."""
    near, at = np.full(len(x), np.inf), 0
    outside = np.ones(len(x), np.bool_)
    squares = (x.astype(np.float64) ** 2).sum(axis=1)
    edges = np.zeros(len(x) - 1)
    for i in range(len(edges)):
        outside[at] = False
        near = np.minimum(near, squares + squares[at] - 2 * (x @ x[at]))
        at = int(np.where(outside, near, np.inf).argmin())
        edges[i] = np.sqrt(max(near[at], 0.0))
    return np.sort(edges)[::-1]
