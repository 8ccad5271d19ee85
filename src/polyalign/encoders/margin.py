"""Margins: how much nearer two vectors are to each other than to their other neighbours."""

from __future__ import annotations

from typing import Literal

import numpy as np

from polyalign.core.jit import F32, F64, I32
from polyalign.encoders.neighbours import Near

Margin = Literal["ratio", "distance", "absolute"]

#: The least mean cosine that a ratio is taken to: centred vectors may have none above 0.
LEAST = 0.01


def mean_cosine(cosines: F32) -> F64:
    """Mean cosine to the neighbours, shape (n,); lists, (n, k), may end in -inf where there are fewer."""
    there = np.isfinite(cosines)
    total = np.where(there, cosines, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / np.maximum(there.sum(axis=1), 1), np.float64)


def margins(near: Near, here: F64, there: F64, kind: Margin) -> F64:
    """The margin of every query and each of its neighbours.

    With ``b = (m(x) + m(y)) / 2``, half the sum of the mean cosines of x and of y to their k nearest neighbours on the
    other side, the margin is ``cos / b`` (ratio), ``cos - b`` (distance) or ``cos`` (absolute).

    **Differs:** a ratio is taken to at least 0.01, so that it keeps its sign and order where centred vectors have no
    neighbour near them.

    Args:
        near: Cosines and rows of the queries' neighbours, (n, k); a cosine of -inf stands for none.
        here: Mean cosine of each query, (n,).
        there: Mean cosine of each row of the other side.
        kind: Which margin.

    Returns:
        Shape (n, k); -inf where there is no neighbour.

    References: artetxe2019margin
    """
    cosines = near[0].astype(np.float64)
    base = (here[:, None] + there[near[1]]) / 2
    if kind == "ratio":
        return np.asarray(cosines / np.maximum(base, LEAST), np.float64)
    return np.asarray(cosines - base, np.float64) if kind == "distance" else cosines


def best(near: Near, here: F64, there: F64, kind: Margin, candidates: int) -> tuple[I32, F64]:
    """Of each query's nearest candidates the row with the greatest margin, and that margin; the nearer of equals.

    Args:
        near: As of `margins`, like the following.
        here: Mean cosine of each query, (n,).
        there: Mean cosine of each row of the other side.
        kind: Which margin.
        candidates: How many of the neighbours are looked at.
    """
    few = near[0][:, :candidates], near[1][:, :candidates]
    scores = margins(few, here, there, kind)
    at = scores.argmax(axis=1)[:, None]
    return np.take_along_axis(few[1], at, axis=1)[:, 0], np.take_along_axis(scores, at, axis=1)[:, 0]
