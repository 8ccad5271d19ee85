"""Retrieval: whether each sentence's nearest neighbour in the other language is its translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32, F64, Mask
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.centre import centre
from polyalign.encoders.margin import best, mean_cosine
from polyalign.encoders.neighbours import nearest_both
from polyalign.evaluate.parallel_vectors import check_pairs
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Measure vectors of parallel sentences by similarity search (xsim).

    Each sentence takes from its nearest neighbours in the other language the one with the best margin; the error rate
    is the share that is not the sentence's own translation, its mean over both directions the value. Lower is better.

    **Differs:** xsim has one direction, candidates that are the k neighbours themselves, and vectors as they are
    (``centre=False, margin="ratio", candidates=4``). As there, a sentence that finds another row with the same text is
    wrong.

    Args:
        margin: What a cosine is measured by; absolute is the cosine itself.
        neighbours: Nearest neighbours that the means are taken over.
        candidates: Nearest neighbours that the answer is chosen from.
        centre: Whether to subtract each language's mean vector.
        samples: Resamples of the bootstrap over sentence pairs; 0 for no interval.
        seed: Of the resampling.

    References: artetxe2019massively, artetxe2019margin, efron1979bootstrap

    Example:
        >>> tgt = np.eye(3, dtype=np.float32)
        >>> round(Retrieval(margin="absolute", centre=False, samples=0).score(tgt[[0, 2, 1]], tgt).value, 3)
        0.667
    """

    margin: Literal["ratio", "distance", "absolute"] = "distance"
    neighbours: int = 4
    candidates: int = 16
    centre: bool = True
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("neighbours", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        check_samples(self.samples)

    def score(self, src: F32, tgt: F32) -> Score:
        """Score vectors of which row i of one side translates row i of the other.

        Args:
            src: Source vectors, shape (n, d).
            tgt: Target vectors, shape (n, d).

        Returns:
            The error rate with a 95 % interval; its parts are errors and accuracies from the source and from the
            target.

        Raises:
            DataError: Different numbers of rows, or none.

        Complexity: O(n^2 d).
        """
        check_pairs("evaluate/retrieval", src, tgt, 1, same_width=True)
        right = self.hits(src, tgt)
        items = np.stack([np.ones(len(src)), *right], axis=1)
        forward, backward = (float(x.mean()) for x in right)
        return Score.of(
            "xsim error rate",
            items,
            _rate,
            signature(
                metric="retrieval",
                margin=self.margin,
                neighbours=self.neighbours,
                candidates=self.candidates,
                centre=self.centre,
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "src_error": 1 - forward,
                "tgt_error": 1 - backward,
                "src_accuracy": forward,
                "tgt_accuracy": backward,
                "accuracy": (forward + backward) / 2,
            },
        )

    def hits(self, src: F32, tgt: F32) -> tuple[Mask, Mask]:
        """Which source sentences find their translation, and which target sentences, both (n,)."""
        sides = centre(unit(src), unit(tgt)) if self.centre else [unit(src), unit(tgt)]
        near = nearest_both(sides[0], sides[1], max(self.neighbours, self.candidates))
        means = [mean_cosine(c[:, : self.neighbours]) for c, _ in near]
        out = []
        for here, there in ((0, 1), (1, 0)):
            rows, _ = best(near[here], means[here], means[there], self.margin, self.candidates)
            out.append(np.asarray(rows == np.arange(len(rows)), np.bool_))
        return out[0], out[1]


def _rate(sums: F64) -> F64:
    return np.asarray(1 - (sums[..., 1] + sums[..., 2]) / (2 * sums[..., 0]), np.float64)
