"""Nearest neighbours by cosine."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import F32, I32
from polyalign.encoders.neighbours import Near
from polyalign.spaces.retrieve.candidates import Index, comparable, neighbours


@dataclass(frozen=True, slots=True)
class Nearest:
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

    def retrieve(self, src: F32, tgt: F32, k: int, *, rows: I32 | None = None) -> Near:
        """The best target rows of each source row.

        Args:
            src: Unit vectors, shape (n, d).
            tgt: Unit vectors, shape (m, d).
            k: How many; fewer if there are not as many.
            rows: Source rows to translate, in this order; by default all.

        Returns:
            Cosines and target rows, both of shape (n, min(k, m)), best first.

        Raises:
            DataError: Vectors that cannot be compared.
            MissingExtraError: The approximate index is not installed.
        """
        comparable(src, tgt, k)
        return neighbours(src if rows is None else src[rows], tgt, k, self.index)
