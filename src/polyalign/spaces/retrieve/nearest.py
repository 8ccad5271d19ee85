"""Nearest neighbours by cosine."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import F32, I32
from polyalign.encoders.neighbours import Near
from polyalign.spaces.retrieve.candidates import Index, Retrieval, neighbours


@dataclass(frozen=True, slots=True)
class Nearest(Retrieval):
    """Translate each word by the target word with the greatest cosine.

    Hubs, words that are near to very many others, take many answers; `spaces.retrieve/csls` corrects for them.

    Args:
        index: Whether to compare with every target word, or with those that an approximate index finds.

    Complexity: O(n m d); approximate O(n sqrt(m) d).

    References: mikolov2013exploiting

    Example:
        >>> import numpy as np
        >>> eye = np.eye(3, dtype=np.float32)
        >>> Nearest().retrieve(eye[:2], eye[[2, 1, 0]], 1)[1].tolist()
        [[2], [1]]
    """

    index: Index = "exact"

    def _ranked(self, src: F32, tgt: F32, k: int, rows: I32 | None) -> Near:
        return neighbours(src if rows is None else src[rows], tgt, k, self.index)
