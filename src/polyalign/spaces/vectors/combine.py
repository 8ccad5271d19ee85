"""One space of several: what static vectors know joined to what contextual ones do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32
from polyalign.core.space import NORMALIZE, Space, check_steps, normalized, unit
from polyalign.spaces.map.procrustes import rotation


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Join spaces of the same words side by side, and keep the directions in which the words differ most.

    Vectors are normalised in each space, laid end to end, and turned to their principal components.

    Args:
        dimensions: Components kept, 0 for all.
        normalize: Steps each space is taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(n D^2 + D^3) for D dimensions of all spaces together.

    References: yin2016learning

    Example:
        >>> a, b = Space(("x", "y", "z"), np.eye(3)[:, :2]), Space(("z", "x"), np.eye(2))
        >>> joined = Concatenate(normalize=("unit",)).fit([a, b])
        >>> joined.words, joined.vectors.shape
        (('x', 'z'), (2, 4))
    """

    dimensions: int = 300
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        if self.dimensions < 0:
            raise ValueError(f"dimensions must not be negative, found {self.dimensions}")

    def fit(self, spaces: Sequence[Space]) -> Space:
        """The joined space.

        Args:
            spaces: One or more.

        Returns:
            The words that all spaces have, in the order of the first.

        Raises:
            DataError: There is no space, or no word that all have.
        """
        words, sides = _shared(spaces, "spaces.combine/concatenate")
        joined = np.concatenate([normalized(x, self.normalize)[0] for x in sides], axis=1, dtype=np.float32)
        if not 0 < self.dimensions < joined.shape[1]:
            return Space(words, joined)
        # Of the covariance, not the second moment: a direction that all words share tells none from another.
        mean = joined.mean(axis=0, dtype=np.float64)
        _, axes = np.linalg.eigh((joined.T @ joined).astype(np.float64) - len(joined) * np.outer(mean, mean))
        return Space(words, joined @ axes[:, ::-1][:, : self.dimensions].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Average:
    """Rotate spaces of the same words onto the first, and take the weighted mean of the vectors of each word.

    Args:
        weight: What the first space counts for; the others share the rest.
        normalize: Steps each space is taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(n d^2 + d^3).

    References: coates2018frustratingly, zhang2021combining

    Example:
        >>> a, turn = Space(("x", "y"), [[1, 0], [0, 1]]), np.array([[0, 1], [-1, 0]])
        >>> Average(normalize=("unit",)).fit([a, Space(("x", "y"), a.vectors @ turn)]).vectors.round(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    weight: float = 0.5
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be from 0 to 1, found {self.weight}")

    def fit(self, spaces: Sequence[Space]) -> Space:
        """The mean space.

        Args:
            spaces: One or more; they may differ in dimension.

        Returns:
            The words that all spaces have, in the order of the first, in its dimensions.

        Raises:
            DataError: There is no space, or no word that all have.
        """
        words, sides = _shared(spaces, "spaces.combine/average")
        first, *others = (normalized(x, self.normalize)[0] for x in sides)
        if not others:
            return Space(words, first)
        rest = sum(unit(x @ rotation(x.T @ first)) for x in others)
        mean = self.weight * first + (1 - self.weight) / len(others) * rest
        return Space(words, np.asarray(mean, np.float32))


def _shared(spaces: Sequence[Space], where: str) -> tuple[tuple[str, ...], list[F32]]:
    rows = [{word: row for row, word in enumerate(space.words)} for space in spaces]
    words = tuple(w for w in spaces[0].words if all(w in r for r in rows)) if spaces else ()
    if not words:
        raise DataError(
            f"{where}: found no word that all {len(spaces)} spaces have, expected spaces of one language; train them with the "
            "same tokenisation and case"
        )
    return words, [space.vectors[[r[w] for w in words]] for space, r in zip(spaces, rows, strict=True)]
