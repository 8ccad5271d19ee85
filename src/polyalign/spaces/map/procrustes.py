"""Orthogonal Procrustes: the rotation that brings two spaces closest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, F64, I32
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps, normalized
from polyalign.spaces.seeds import checked


@dataclass(frozen=True, slots=True)
class Procrustes:
    """Rotate the source space so that seeds lie on their translations.

    With X, Y the normalised vectors of the seeds: ``min ||X W - Y||_F`` over orthogonal W, which is ``W = U V'`` of the
    singular value decomposition ``X'Y = U S V'``. The target space stays as it is (normalised); angles within the source
    space are kept. Where the spaces differ in dimension, W has orthonormal rows or columns and maximises ``tr(W'X'Y)``.

    Args:
        normalize: Steps both spaces are taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: An unknown step, or more than one center.

    Complexity: O(m d^2 + d^3) for m seeds.

    References: schonemann1966generalized, xing2015normalized, artetxe2016learning

    Example:
        >>> words, turn = tuple("abcd"), np.array([[0, 1], [-1, 0]], np.float32)
        >>> src = Space(words, np.array([[2, 1], [-1, 1], [-1, -3], [1, 2]], np.float32))
        >>> maps = Procrustes().fit(src, Space(words, src.vectors @ turn), np.array([[0, 0], [1, 1], [2, 2]]))
        >>> maps.src.matrix.round(3).tolist()
        [[0.0, 1.0], [-1.0, 0.0]]
    """

    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Learn the rotation.

        Args:
            src: Source space.
            tgt: Target space.
            seeds: Rows of words known to translate each other, shape (m, 2).

        Returns:
            The map of the source space, and that of the target space, which only normalises.

        Raises:
            ConfigError: There are no seeds.
            DataError: The seeds are no rows of these spaces.
        """
        src_rows, tgt_rows = checked(src, tgt, seeds, "spaces.map/procrustes")
        x, src_mean = normalized(src.vectors, self.normalize)
        y, tgt_mean = normalized(tgt.vectors, self.normalize)
        turn = rotation(x[src_rows].T @ y[tgt_rows])
        return MapPair(Map(turn, src_mean, self.normalize), Map.normalizing(tgt_mean, self.normalize))


def rotation(cross: F32 | F64) -> F32:
    """The orthogonal matrix nearest to another, ``U V'`` of ``U S V'``; of a rectangular one with orthonormal rows or columns."""
    u, _, v = np.linalg.svd(np.asarray(cross, np.float64), full_matrices=False)
    return np.asarray(u @ v, np.float32)
