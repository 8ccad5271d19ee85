"""Wasserstein-Procrustes: the rotation and the matching of words together, from nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps, normalized
from polyalign.spaces.map.muse import Muse
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.seeds import checked
from polyalign.spaces.transport import relaxed, sinkhorn


@dataclass(frozen=True, slots=True)
class WassersteinProcrustes:
    """Rotate the source space so that its words, whichever goes to which, lie on those of the target space.

    ``min ||X Q - P Y||_F`` over orthogonal Q and permutations P. It begins with a convex relaxation for the most frequent
    words, `polyalign.spaces.transport.relaxed`, or with the rotation from seeds. Then, many times: draw a batch of frequent
    words of either side, match them by entropic transport, step along ``X'P Y`` and go to the nearest orthogonal matrix.
    Each epoch doubles the batch and has a quarter of the iterations. MUSE's refinement ends it.

    **Differs:** Gram matrices are kept as products of thin ones, which makes the relaxation several times cheaper; the
    refinement is by mutual pairs.

    Args:
        start_words: Most frequent words of the relaxation.
        start_steps: Steps of the relaxation.
        start_regularization: Of the transport in it.
        vocabulary: Most frequent words that batches are drawn from, 0 for all.
        batch: Words a side in the first epoch.
        epochs: How often the batch is doubled, and one more.
        iterations: In the first epoch.
        learning_rate: Of a step, divided by the batch.
        regularization: Of the transport between batches.
        refinements: Rounds of MUSE's refinement at the end.
        neighbours: k of CSLS in the refinement.
        normalize: Steps both spaces are taken through first: unit scales words to length 1, center subtracts the mean.
        seed: Of the batches.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(start_steps start_words^2 d) for the beginning, O(batch^2 d + d^3) an iteration.

    References: grave2019unsupervised, cuturi2013sinkhorn, conneau2018word

    Example:
        >>> random = np.random.default_rng(1)
        >>> x, turn = random.normal(size=(80, 5)) ** 3, np.linalg.qr(random.normal(size=(5, 5)))[0]
        >>> src, tgt = (Space(tuple(map(str, range(80))), v) for v in (x, (x @ turn)[::-1]))
        >>> maps = WassersteinProcrustes(batch=40, iterations=20, epochs=2).fit(src, tgt)
        >>> bool((maps.src.vectors(x) * maps.tgt.vectors(x @ turn)).sum(axis=1).mean() > 0.99)
        True
    """

    start_words: int = 2500
    start_steps: int = 100
    start_regularization: float = 0.05
    vocabulary: int = 20_000
    batch: int = 500
    epochs: int = 5
    iterations: int = 5000
    learning_rate: float = 500.0
    regularization: float = 0.05
    refinements: int = 5
    neighbours: int = 10
    normalize: tuple[str, ...] = NORMALIZE
    seed: int = 1

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("start_words", "start_steps", "batch", "neighbours"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("vocabulary", "epochs", "iterations", "refinements"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        for name in ("start_regularization", "regularization", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Learn the rotation.

        Args:
            src: Source space, most frequent words first.
            tgt: Target space, likewise.
            seeds: Rows of words known to translate each other, shape (m, 2), to begin with; may be left out.

        Returns:
            The map of the source space, and that of the target space, which only normalises.

        Raises:
            DataError: A space is empty, the seeds are no rows of these spaces, or spaces of different dimension.
        """
        if not (len(src.words) and len(tgt.words)) or src.vectors.shape[1] != tgt.vectors.shape[1]:
            raise DataError(
                f"spaces.map/wasserstein: found vectors of shapes {src.vectors.shape} and {tgt.vectors.shape}, expected words "
                "on both sides, of one dimension; train both spaces with as many dimensions"
            )
        x, src_mean = normalized(src.vectors, self.normalize)
        y, tgt_mean = normalized(tgt.vectors, self.normalize)
        turn = self.transport(x, y, self._start(src, tgt, x, y, seeds))
        target = Map.normalizing(tgt_mean, self.normalize)
        maps = MapPair(Map(turn, src_mean, self.normalize), target)
        return Muse(rounds=self.refinements, neighbours=self.neighbours).refine(src, tgt, maps)

    def _start(self, src: Space, tgt: Space, x: F32, y: F32, seeds: I32 | None) -> F32:
        if seeds is None:
            n = min(self.start_words, len(x), len(y))
            return relaxed(x[:n], y[:n], self.start_steps, self.start_regularization)
        src_rows, tgt_rows = checked(src, tgt, seeds, "spaces.map/wasserstein")
        return rotation(x[src_rows].T @ y[tgt_rows])

    def transport(self, x: F32, y: F32, turn: F32) -> F32:
        """Make a rotation better; arguments normalised, most frequent words first."""
        x, y = (side[: self.vocabulary or len(side)] for side in (x, y))
        draw = generator(self.seed, "wasserstein")
        most = min(len(x), len(y))
        plan = [(min(self.batch << k, most), self.iterations >> 2 * k) for k in range(self.epochs)]
        with track("transport", total=sum(n for _, n in plan), unit="batches") as progress:
            for size, iterations in plan:
                for _ in range(iterations):
                    a = x[draw.choice(len(x), size, replace=False)]
                    b = y[draw.choice(len(y), size, replace=False)]
                    matched = sinkhorn(np.asarray((a @ turn) @ b.T, np.float32), self.regularization)
                    turn = rotation(turn + np.float32(self.learning_rate / size) * (a.T @ (matched @ b)))
                    progress.advance()
        return turn
