"""Many spaces at once, none of them the pivot: all are rotated towards their barycenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32
from polyalign.core.progress import track
from polyalign.core.space import NORMALIZE, Map, Space, check_steps, normalized
from polyalign.encoders.neighbours import nearest_both
from polyalign.spaces.map.muse import CHOICES, chosen
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.seeds import checked
from polyalign.spaces.transport import carried, relaxed, sinkhorn


@dataclass(frozen=True, slots=True)
class Barycenter:
    """Rotate many spaces into one by way of their Wasserstein barycenter, without a pivot language.

    The barycenter is a set of points, ``argmin_B sum_l W_2^2(B, X_l Q_l)``. In turn: plans P_l carry the points to the words of
    each language by entropic transport; each point becomes the mean of what is carried to it from all languages; each
    rotation is that of Procrustes between a language's words and the points that go to them. At the end, words of two
    languages that choose each other by CSLS make dictionaries between all pairs of languages, and each rotation is fitted to
    all dictionaries of its language.

    **Differs:** the rotations begin, instead of with Gromov-Wasserstein transport, with the convex relaxation of
    `polyalign.spaces.transport.relaxed`, a problem of the same kind, or with seeds; points have the same weight; points are
    scaled to length 1; the refinement over all pairs is the house's.

    Args:
        words: Most frequent words of each language that are transported, and points of the barycenter.
        iterations: Turns.
        regularization: Of the transport.
        start_words: Most frequent words that the rotations begin with.
        start_steps: Steps of the relaxation.
        start_regularization: Of the transport in it.
        refinements: Dictionaries made at the end.
        neighbours: k of CSLS.
        vocabulary: Most frequent words of each language that dictionaries are made of, 0 for all.
        normalize: Steps all spaces are taken through first: unit scales words to length 1, center subtracts the mean.

    Raises:
        ValueError: A parameter out of range.

    Complexity: For L languages, O(L start_steps start_words^2 d) to begin with, O(L words^2 d) a turn, and O(L^2 n^2 d) a
    dictionary of n words.

    References: lian2020unsupervised, grave2019unsupervised, cuturi2014fast

    Example:
        >>> random = np.random.default_rng(1)
        >>> x = random.normal(size=(80, 5)) ** 3
        >>> turned = [x @ np.linalg.qr(random.normal(size=(5, 5)))[0] for _ in range(3)]
        >>> maps = Barycenter().fit([Space(tuple(map(str, range(80))), v) for v in turned])
        >>> mapped = [m.vectors(v) for m, v in zip(maps, turned, strict=True)]
        >>> bool((mapped[1] * mapped[2]).sum(axis=1).mean() > 0.99)
        True
    """

    words: int = 5000
    iterations: int = 30
    regularization: float = 0.1
    start_words: int = 2500
    start_steps: int = 100
    start_regularization: float = 0.05
    refinements: int = 5
    neighbours: int = 10
    vocabulary: int = 20_000
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("words", "start_words", "start_steps", "neighbours"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("iterations", "refinements", "vocabulary"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        for name in ("start_regularization", "regularization"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")

    def fit(self, spaces: Sequence[Space], seeds: Sequence[I32] | None = None) -> list[Map]:
        """Learn one rotation a space.

        Args:
            spaces: Two or more, most frequent words first, of one dimension.
            seeds: Rows of words of the first space and of each further one that translate each other, shape (m, 2) each;
                may be left out.

        Returns:
            A map for each space, into a space that all share.

        Raises:
            DataError: Fewer than two spaces, an empty one, different dimensions, or seeds that are no rows of them.
        """
        shapes = [space.vectors.shape for space in spaces]
        if len(shapes) < 2 or not all(len(s.words) for s in spaces) or len({d for _, d in shapes}) > 1:
            raise DataError(
                f"spaces.many/barycenter: found vectors of shapes {shapes}, expected two spaces or more with words, of one "
                "dimension; train them with as many dimensions"
            )
        if seeds is not None and len(seeds) != len(spaces) - 1:
            raise DataError(
                f"spaces.many/barycenter: found {len(seeds)} lists of seeds for {len(spaces)} spaces, expected "
                f"{len(spaces) - 1}; give one between the first space and each further one"
            )
        sides, means = zip(*(normalized(space.vectors, self.normalize) for space in spaces), strict=True)
        turns = [np.eye(shapes[0][1], dtype=np.float32)]
        for k in range(1, len(spaces)):
            if seeds is None:
                n = min(self.start_words, len(sides[0]), len(sides[k]))
                turns.append(relaxed(sides[k][:n], sides[0][:n], self.start_steps, self.start_regularization))
            else:
                rows = checked(spaces[0], spaces[k], seeds[k - 1], "spaces.many/barycenter")
                turns.append(rotation(sides[k][rows[1]].T @ sides[0][rows[0]]))
        turns = self._refined(sides, self._transported(sides, turns))
        return [Map(turn, mean, self.normalize) for turn, mean in zip(turns, means, strict=True)]

    def _transported(self, sides: Sequence[F32], turns: list[F32]) -> list[F32]:
        cut = [side[: self.words] for side in sides]
        points = cut[0]
        with track("barycenter", total=self.iterations, unit="turns") as progress:
            for _ in range(self.iterations):
                plans = [
                    sinkhorn(points @ (x @ turn).T, self.regularization) for x, turn in zip(cut, turns, strict=True)
                ]
                mapped = [carried(p, x @ turn) for p, x, turn in zip(plans, cut, turns, strict=True)]
                points = np.asarray(np.mean(mapped, axis=0), np.float32)
                points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
                turns = [rotation(x.T @ (p.T @ points)) for p, x in zip(plans, cut, strict=True)]
                progress.advance()
        return turns

    def _refined(self, sides: Sequence[F32], turns: list[F32]) -> list[F32]:
        cut = [side[: self.vocabulary or len(side)] for side in sides]
        for _ in range(self.refinements):
            mapped = [x @ turn for x, turn in zip(cut, turns, strict=True)]
            cross = [np.zeros_like(turn) for turn in turns]
            for a, b in combinations(range(len(cut)), 2):
                forward, backward = chosen(
                    nearest_both(mapped[a], mapped[b], CHOICES * self.neighbours), self.neighbours
                )
                rows = np.flatnonzero(backward[forward] == np.arange(len(forward)))
                cross[a] += cut[a][rows].T @ mapped[b][forward[rows]]
                cross[b] += cut[b][forward[rows]].T @ mapped[a][rows]
            turns = [rotation(c) for c in cross]
        return turns
