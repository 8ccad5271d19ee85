"""Ridge regression from one space to another, and everything between it and a rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F64, I32
from polyalign.core.rng import generator
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps, normalized
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.seeds import checked

#: Strengths that are tried.
STRENGTHS: tuple[float, ...] = tuple(10.0 ** (power / 2) for power in range(-8, 7))


@dataclass(frozen=True, slots=True)
class Ridge:
    """Fit a linear map by least squares, pure, orthogonal or between the two; words or sentences.

    With X, Y the normalised vectors of the seeds, ``W = (X'X + r t I)^-1 X'Y``, t the mean eigenvalue of X'X. The map is
    ``(1 - a) W + a Q``, Q the rotation of Procrustes and W scaled to its norm. If W is far from a scaled rotation, the two
    spaces are not alike (`Map.deviation` says how far).

    Args:
        ridge: r; null tries strengths from 0.0001 to 1000 and keeps the one with the greatest cosine of held-out seeds to
            their translations.
        orthogonal: a, from 0 (least squares) to 1 (a rotation).
        folds: Parts of the seeds that are held out in turn.
        normalize: Steps both spaces are taken through first: unit scales rows to length 1, center subtracts the mean.
        seed: Of the order in which seeds are divided into parts.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(f (m d^2 + 15 d^3)) for m seeds and f folds.

    References: mikolov2013exploiting, hoerl1970ridge, schonemann1966generalized

    Example:
        >>> words, double = tuple("abcd"), np.array([[2, 1], [0, 1]], np.float32)
        >>> src = Space(words, np.array([[2, 1], [-1, 1], [-1, -3], [1, 2]], np.float32))
        >>> tgt = Space(words, src.vectors @ double)
        >>> maps = Ridge(ridge=0, normalize=()).fit(src, tgt, np.array([[0, 0], [1, 1], [2, 2], [3, 3]]))
        >>> bool(np.abs(maps.src.matrix / maps.src.matrix[0, 0] - double / 2).max() < 1e-5)
        True
    """

    ridge: float | None = None
    orthogonal: float = 0.0
    folds: int = 5
    normalize: tuple[str, ...] = NORMALIZE
    seed: int = 1

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        if self.ridge is not None and not 0 <= self.ridge < float("inf"):
            raise ValueError(f"ridge must not be negative, found {self.ridge}")
        if not 0 <= self.orthogonal <= 1:
            raise ValueError(f"orthogonal must be from 0 to 1, found {self.orthogonal}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, found {self.folds}")

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Fit the map.

        Args:
            src: Source space.
            tgt: Target space.
            seeds: Rows of words or sentences known to translate each other, shape (m, 2).

        Returns:
            The map of the source space, and that of the target space, which only normalises.

        Raises:
            ConfigError: There are no seeds.
            DataError: The seeds are no rows of these spaces.
        """
        src_rows, tgt_rows = checked(src, tgt, seeds, "spaces.map/ridge")
        all_x, src_mean = normalized(src.vectors, self.normalize)
        all_y, tgt_mean = normalized(tgt.vectors, self.normalize)
        x, y = all_x[src_rows].astype(np.float64), all_y[tgt_rows].astype(np.float64)
        strength = self.strength(x, y) if self.ridge is None else self.ridge
        linear, turn = _solve(x, y, [strength])[0], rotation(x.T @ y)
        # Of seeds that are all zeros there is no linear map to scale.
        scale = float(np.linalg.norm(turn)) / (float(np.linalg.norm(linear)) or 1.0)
        matrix = np.asarray((1 - self.orthogonal) * scale * linear + self.orthogonal * turn, np.float32)
        return MapPair(
            Map(matrix, src_mean, self.normalize),
            Map.normalizing(tgt_mean, self.normalize),
        )

    def strength(self, x: F64, y: F64) -> float:
        """The strength with the greatest mean cosine of held-out rows of x, mapped, to those of y; 1 if there is one row."""
        folds = min(self.folds, len(x))
        if folds < 2:
            return 1.0
        part = generator(self.seed, "ridge").permutation(len(x)) % folds
        gain = np.zeros(len(STRENGTHS))
        for fold in range(folds):
            held = part == fold
            for i, matrix in enumerate(_solve(x[~held], y[~held], STRENGTHS)):
                gain[i] += _cosines(x[held] @ matrix, y[held]).sum()
        return float(STRENGTHS[int(gain.argmax())])


def _solve(x: F64, y: F64, strengths: tuple[float, ...] | list[float]) -> list[F64]:
    """Least squares with each strength, from one eigenvalue decomposition."""
    values, vectors = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0)
    cross, mean = vectors.T @ (x.T @ y), values.mean()
    out = []
    for strength in strengths:
        shifted = values + strength * mean
        # Directions that no seed has are left out, as a pseudo-inverse does; with a ridge there are none.
        inverse = np.where(shifted > values.max() * 1e-10, 1 / np.where(shifted > 0, shifted, 1), 0)
        out.append(np.asarray(vectors @ (inverse[:, None] * cross), np.float64))
    return out


def _cosines(x: F64, y: F64) -> F64:
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray((x * y).sum(axis=1) / np.where(norms == 0, 1, norms), np.float64)
