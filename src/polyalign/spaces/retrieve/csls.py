"""CSLS: cosines corrected for how crowded the neighbourhood of each word is."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import F32, I32
from polyalign.encoders.margin import mean_cosine
from polyalign.encoders.neighbours import Near
from polyalign.spaces.retrieve.candidates import Index, Retrieval, corrected, neighbours_both


@dataclass(frozen=True, slots=True)
class CSLS(Retrieval):
    """Translate by cosine less the mean cosine of both words to their nearest neighbours on the other side.

    ``CSLS(x, y) = 2 cos(x, y) - r(x) - r(y)``, r the mean cosine to the k nearest words of the other space, taken over
    the whole spaces whichever rows are asked for. Words that are near to everything, hubs, lose by it.

    Args:
        neighbours: Nearest words that the mean is taken over.
        index: Whether to compare with every target word, or with those that an approximate index finds.

    Raises:
        ValueError: No neighbours.

    Complexity: O(n m d), twice; approximate O((n sqrt(m) + m sqrt(n)) d).

    References: conneau2018word

    Example:
        >>> import numpy as np
        >>> src = np.array([[1, 0], [0.8, 0.6]], np.float32)
        >>> tgt = np.array([[0.96, 0.28], [0.28, 0.96]], np.float32)
        >>> (src @ tgt.T).argmax(axis=1).tolist(), CSLS(neighbours=2).retrieve(src, tgt, 1)[1][:, 0].tolist()
        ([0, 0], [0, 1])
    """

    neighbours: int = 10
    index: Index = "exact"

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")

    def _ranked(self, src: F32, tgt: F32, k: int, rows: I32 | None) -> Near:
        forward, backward = neighbours_both(src, tgt, self.neighbours, self.index)
        queries, near = (src, forward[0]) if rows is None else (src[rows], forward[0][rows])
        scores, found = corrected(queries, tgt, mean_cosine(backward[0]) / 2, k, self.index)
        return (2 * scores - mean_cosine(near)[:, None]).astype(scores.dtype), found
