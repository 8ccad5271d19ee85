"""What all retrieval has in common: the nearest target vectors, exact or approximate, and corrections for hubs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32
from polyalign.encoders import index as approximate
from polyalign.encoders.neighbours import HEIGHT, Near, nearest, nearest_both

Index = Literal["exact", "approximate"]

#: Vectors indexed at a time.
STEP = 1 << 16
#: Neighbours that an approximate index is asked for at least: what it takes for near, of few it finds too few.
FEWEST = 16
#: Nearest neighbours among which the best corrected score is looked for, where not all are compared.
AROUND = 64


class Retrieval(ABC):
    """What every method of ``spaces.retrieve`` is; its subclasses are frozen dataclasses of their settings."""

    __slots__ = ()

    def retrieve(self, src: F32, tgt: F32, k: int, *, rows: I32 | None = None) -> Near:
        """The best target rows of each source row.

        Args:
            src: Unit vectors, shape (n, d).
            tgt: Unit vectors, shape (m, d).
            k: How many; fewer if there are not as many.
            rows: Source rows to translate, in this order; by default all.

        Returns:
            Scores and target rows, both of shape (n, min(k, m)), best first.

        Raises:
            DataError: Vectors that cannot be compared.
            MissingExtraError: The approximate index is not installed.
        """
        comparable(src, tgt, k)
        return self._ranked(src, tgt, k, rows)

    @abstractmethod
    def _ranked(self, src: F32, tgt: F32, k: int, rows: I32 | None) -> Near:
        """As `retrieve`, of vectors that can be compared."""


def neighbours(src: F32, tgt: F32, k: int, index: Index) -> Near:
    """Cosines and rows of the k nearest target vectors of each source vector, nearest first, shape (n, min(k, m)).

    Raises:
        MissingExtraError: An approximate index is asked for and not installed.
    """
    if index == "exact" or not (len(src) and len(tgt)):
        return nearest(src, tgt, k)
    approximate.require_faiss()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        approximate.build(tgt.__getitem__, 0, len(tgt), STEP, path)
        cosines, rows = approximate.search(approximate.opened(path), src, tgt.__getitem__, 0, max(k, FEWEST))
    return cosines[:, :k], rows[:, :k]


def neighbours_both(src: F32, tgt: F32, k: int, index: Index) -> tuple[Near, Near]:
    """The k nearest target vectors of each source vector, and the k nearest source vectors of each target vector.

    Raises:
        MissingExtraError: As `neighbours`.
    """
    if index == "exact":
        return nearest_both(src, tgt, k)
    return neighbours(src, tgt, k, index), neighbours(tgt, src, k, index)


def corrected(queries: F32, tgt: F32, bias: F64, k: int, index: Index) -> Near:
    """The greatest ``cos - bias`` of each query, the bias being each target row's own.

    An approximate index finds by cosine alone, so there the k are taken from the `AROUND` nearest.

    Args:
        queries: Unit vectors, shape (n, d).
        tgt: Unit vectors, shape (m, d).
        bias: Shape (m,).
        k: How many; fewer if there are not as many.
        index: Exact or approximate.

    Raises:
        MissingExtraError: As `neighbours`.
    """
    if index == "exact":
        # The bias as one dimension more, against a 1 in each query: the product is the corrected cosine.
        ones = np.ones((len(queries), 1), np.float32)
        less = -np.asarray(bias, np.float32)[:, None]
        return nearest(np.hstack([queries, ones]), np.hstack([tgt, less]), k)
    cosines, rows = neighbours(queries, tgt, max(AROUND, 4 * k), index)
    return greatest(cosines - np.asarray(bias, np.float32)[rows], (cosines, rows), k)


def greatest(scores: F32, near: Near, k: int) -> Near:
    """The k greatest scores of each list of neighbours, and their rows; of equal ones the nearer first."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(near[1], order, axis=1)


def comparable(src: F32, tgt: F32, k: int) -> None:
    """Refuse what cannot be compared.

    Raises:
        DataError: Rows of different length, values that are not finite, or k below 1.
    """
    if src.ndim != 2 or tgt.ndim != 2 or src.shape[1] != tgt.shape[1]:
        raise DataError(
            f"spaces.retrieve: found vectors of shapes {src.shape} and {tgt.shape}, expected rows of one length; map both "
            "spaces into one first"
        )
    if k < 1:
        raise DataError(f"spaces.retrieve: found k = {k}, expected the number of translations to return, 1 or more")
    for side, x in (("source", src), ("target", tgt)):
        if not all(np.isfinite(x[a : a + HEIGHT]).all() for a in range(0, len(x), HEIGHT)):
            raise DataError(f"spaces.retrieve: found a {side} vector that is not finite; check what it was made from")
