"""What vectors say of their language and of how it puts things: taken out before words are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.jit import F32, I64
from polyalign.core.space import unit
from polyalign.encoders.centre import shifts

#: Share of the mean variance that is added to each direction's, pairs of words that a flat spectrum is worth, and how
#: often words are paired anew.
SHRINKAGE, PRIOR, ROUNDS = 0.1, 400, 2


@dataclass(frozen=True, slots=True, eq=False)
class Neutral:
    """Two languages' means, and a map in which translations differ alike in all directions.

    Args:
        means: What is subtracted from source and from target vectors, shape (2, d).
        matrix: What they are multiplied with then, shape (d, d), or (0, d) for nothing.
    """

    means: F32
    matrix: F32

    @classmethod
    def of_array(cls, rows: F32) -> Neutral:
        """The inverse of `array`."""
        return cls(rows[:2], rows[2:])

    @property
    def array(self) -> F32:
        """Both as one array, to be saved."""
        return np.concatenate([self.means, self.matrix])

    def __call__(self, rows: F32, side: int, *, scale: bool = True) -> F32:
        """Vectors of side 0 (source) or 1 without these; of length 1 if `scale`. Rows of zeros stay, shape (t, d)."""
        out = rows
        if self.means.any():
            out = np.where(rows.any(axis=1, keepdims=True), rows - self.means[side], np.float32(0))
        if len(self.matrix):
            out = out @ self.matrix
        return unit(out) if scale else np.asarray(out, np.float32)


def neutral_of(src: F32, tgt: F32, offsets: tuple[I64, I64], *, centre: bool = True, whiten: bool = True) -> Neutral:
    """Learn from sentence pairs, without links, what is to be taken out.

    First each language's mean. Then words of a sentence pair that are each other's most similar are taken for
    translations, and the differences d of their vectors for what is not meaning: with ``W = mean d d'``, vectors are mapped
    to ``x (W + s I)^(-1/2)``, in which no direction differs more between translations than another (within-class
    covariance normalisation, a translation pair being a class); twice, since the map finds better pairs. s is a tenth of
    the mean variance.

    **Differs:** from speaker recognition, where classes are known; no gold is used.

    Args:
        src: Source vectors of a sample, shape (s, d).
        tgt: Target vectors, shape (t, d).
        offsets: First row of each sentence on either side, shape (n + 1,) each.
        centre: Whether to subtract the means.
        whiten: Whether to learn the map.

    Complexity: O(n m d) a sentence pair, and O(d^3).

    References: hatch2006within, libovicky2020language
    """
    d = src.shape[1]
    means, none = np.zeros((2, d), np.float32), np.zeros((0, d), np.float32)
    if centre:
        some = [x[x.any(axis=1)] for x in (src, tgt)]
        means = np.stack(
            shifts([x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(d) for x in some], [len(x) for x in some])
        )
    out = Neutral(means, none)
    if not whiten:
        return out
    x, y = out(src, 0), out(tgt, 1)
    for _ in range(ROUNDS):
        total, count, (u, v) = np.zeros((d, d)), 0, (out(src, 0), out(tgt, 1))
        for k in range(len(offsets[0]) - 1):
            a, b = (slice(*o[k : k + 2].tolist()) for o in offsets)
            i, j = mutual(u[a] @ v[b].T)
            apart = x[a][i] - y[b][j]
            total += apart.T @ apart
            count += len(i)
        variance, axes = np.linalg.eigh(total / max(1, count))
        spread = float(variance.mean())
        if spread <= 0:
            # Nothing differs: the same text twice.
            return out
        flat = (count * np.maximum(variance, 0) / spread + PRIOR) / (count + PRIOR)
        scales = 1 / np.sqrt(flat + SHRINKAGE)
        out = Neutral(means, np.asarray((axes * scales) @ axes.T, np.float32))
    return out


def mutual(similarity: F32) -> tuple[Any, Any]:
    """Rows and columns that are each other's greatest, of equal ones the first; rising.

    Example:
        >>> [x.tolist() for x in mutual(np.array([[3, 1, 0], [2, 0, 1]], np.float32))]
        [[0], [0]]
    """
    if not similarity.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    best = similarity.argmax(axis=1)
    i = np.flatnonzero(similarity.argmax(axis=0)[best] == np.arange(len(best)))
    return i, best[i]
