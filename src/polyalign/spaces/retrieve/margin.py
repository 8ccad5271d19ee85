"""Margin: how much nearer two words are than their other neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.encoders.margin import margins, mean_cosine
from polyalign.encoders.neighbours import Near
from polyalign.spaces.retrieve.candidates import Index, Retrieval, greatest, neighbours_both


@dataclass(frozen=True, slots=True)
class MarginRetrieval(Retrieval):
    """Translate by how much nearer two vectors are to each other than to their other neighbours.

    With b half the sum of the mean cosines of x and y to their k nearest neighbours on the other side, the margin is
    ``cos(x, y) / b`` (ratio) or ``cos(x, y) - b`` (distance). The answer is chosen among each source's nearest neighbours.

    **Differs:** in the paper the candidates are the k neighbours themselves (``candidates=4``).

    Args:
        margin: What a cosine is measured by.
        neighbours: Nearest neighbours that the means are taken over.
        candidates: Nearest neighbours that the answers are chosen from; at least as many as are asked for are.
        index: Whether to compare with every target, or with those that an approximate index finds.

    Raises:
        ValueError: A parameter below 1.

    Complexity: O(n m d); approximate O((n sqrt(m) + m sqrt(n)) d).

    References: artetxe2019margin

    Example:
        >>> src = np.array([[1, 0], [0.8, 0.6]], np.float32)
        >>> tgt = np.array([[0.96, 0.28], [0.28, 0.96]], np.float32)
        >>> MarginRetrieval(neighbours=2).retrieve(src, tgt, 1)[1][:, 0].tolist()
        [0, 1]
    """

    margin: Literal["ratio", "distance"] = "ratio"
    neighbours: int = 4
    candidates: int = 16
    index: Index = "exact"

    def __post_init__(self) -> None:
        for name in ("neighbours", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")

    def _ranked(self, src: F32, tgt: F32, k: int, rows: I32 | None) -> Near:
        near, back = neighbours_both(src, tgt, max(self.neighbours, self.candidates, k), self.index)
        here, there = (mean_cosine(c[:, : self.neighbours]) for c, _ in (near, back))
        wanted = np.arange(len(src)) if rows is None else rows
        few = max(self.candidates, k)
        chosen = near[0][wanted, :few], near[1][wanted, :few]
        scores = margins(chosen, here[wanted], there, self.margin).astype(np.float32)
        return greatest(scores, chosen, k)
