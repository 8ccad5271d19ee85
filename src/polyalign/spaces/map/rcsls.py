"""RCSLS: a linear map fitted to the retrieval criterion itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.core.progress import track
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps, normalized
from polyalign.encoders.neighbours import nearest
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.seeds import checked


@dataclass(frozen=True, slots=True)
class RCSLS:
    """Fit a linear map by gradient descent on the relaxed CSLS of the seeds.

    With x, y the normalised vectors of n seeds and N the k nearest words of the other space,
    ``min_W 1/n sum [-2 x'Wy + 1/k sum_{y' in N(Wx)} x'Wy' + 1/k sum_{x' in N(y)} x''Wy]``. It begins with the rotation of
    Procrustes; a step that makes the loss greater is taken back and halves the step size.

    **Differs:** a step that makes the loss smaller makes the next one longer. With steps of one size (``growth=1``) the map
    stays where Procrustes put it: gradients are means over seeds, and small.

    Args:
        iterations: Gradient steps.
        learning_rate: Size of the first step.
        growth: What the step size is multiplied by after a good step.
        neighbours: k.
        constraint: Nothing, or matrices with no singular value above 1.
        vocabulary: Most frequent words of each side that may be neighbours, 0 for all.
        normalize: Steps both spaces are taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(i m v d) for i iterations, m seeds and v words.

    References: joulin2018loss

    Example:
        >>> random = np.random.default_rng(1)
        >>> words, x = tuple(map(str, range(50))), random.normal(size=(50, 5))
        >>> tgt = Space(words, x @ np.linalg.qr(random.normal(size=(5, 5)))[0])
        >>> maps = RCSLS().fit(Space(words, x), tgt, np.stack([np.arange(50)] * 2, axis=1))
        >>> int(((maps.src.vectors(x) @ maps.tgt.vectors(tgt.vectors).T).argmax(axis=1) == np.arange(50)).sum())
        50
    """

    iterations: int = 10
    learning_rate: float = 1.0
    growth: float = 1.5
    neighbours: int = 10
    constraint: Literal["none", "spectral"] = "none"
    vocabulary: int = 200_000
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("iterations", "vocabulary"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, found {self.learning_rate}")
        if not self.growth >= 1:
            raise ValueError(f"growth must be at least 1, found {self.growth}")

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Learn the map.

        Args:
            src: Source space, most frequent words first.
            tgt: Target space, likewise.
            seeds: Rows of words known to translate each other, shape (m, 2).

        Returns:
            The map of the source space, and that of the target space, which only normalises.

        Raises:
            ConfigError: There are no seeds.
            DataError: The seeds are no rows of these spaces.
        """
        src_rows, tgt_rows = checked(src, tgt, seeds, "spaces.map/rcsls")
        all_x, src_mean = normalized(src.vectors, self.normalize)
        all_y, tgt_mean = normalized(tgt.vectors, self.normalize)
        x, y = all_x[src_rows], all_y[tgt_rows]
        cut_x, cut_y = all_x[: self.vocabulary or len(all_x)], all_y[: self.vocabulary or len(all_y)]
        matrix, rate = rotation(x.T @ y), self.learning_rate
        best, slope = self.loss(matrix, x, y, cut_x, cut_y)
        with track("map", total=self.iterations, unit="iterations") as progress:
            for _ in range(self.iterations):
                tried = self.projected(matrix - np.float32(rate) * slope)
                loss, there = self.loss(tried, x, y, cut_x, cut_y)
                if loss < best:
                    matrix, best, slope, rate = tried, loss, there, rate * self.growth
                else:
                    rate /= 2
                progress.advance()
        return MapPair(
            Map(matrix, src_mean, self.normalize),
            Map.normalizing(tgt_mean, self.normalize),
        )

    def loss(self, matrix: F32, x: F32, y: F32, all_x: F32, all_y: F32) -> tuple[float, F32]:
        """The loss of a matrix, and its gradient.

        Args:
            matrix: Shape (d_src, d_tgt).
            x: Vectors of the seeds' source words, shape (m, d_src).
            y: Of their target words.
            all_x: Source words that may be neighbours.
            all_y: Target words that may be.
        """
        k = min(self.neighbours, len(all_x), len(all_y))
        mapped = x @ matrix
        to_tgt = all_y[nearest(mapped, all_y, k)[1]].mean(axis=1)
        to_src = all_x[nearest(y, all_x @ matrix, k)[1]].mean(axis=1)
        slope = (x.T @ (to_tgt - 2 * y) + to_src.T @ y) / np.float32(len(x))
        # The loss is linear in the matrix while neighbours stay, so it is the product of matrix and gradient.
        return float((matrix * slope).sum(dtype=np.float64)), slope

    def projected(self, matrix: F32) -> F32:
        """The nearest matrix that the constraint allows."""
        if self.constraint == "none":
            return matrix
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
        return np.asarray((u * np.minimum(s, 1)) @ vt, np.float32)
