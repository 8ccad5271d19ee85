"""Optimal transport between two sets of vectors: which vector of one goes to which of the other, softly.

References: cuturi2013sinkhorn
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32
from polyalign.core.space import unit
from polyalign.spaces.map.procrustes import rotation

#: Rounds of scaling at most, and how many between two looks at whether they are still needed.
ROUNDS, EVERY = 200, 5


def sinkhorn(similarity: F32, regularization: float, tolerance: float = 1e-2) -> F32:
    """The plan that carries each row evenly to columns it is similar to, each column getting as much as any other.

    Of all matrices whose rows sum to 1 and whose columns sum to n / m, the one with the greatest
    ``sum P S + regularization H(P)``, H being the entropy; rows and columns of ``exp(S / regularization)`` are scaled in turn.

    Args:
        similarity: S, shape (n, m).
        regularization: The greater, the more the plan spreads.
        tolerance: How far sums of rows may be off at the end, as a share.

    Returns:
        The plan, shape (n, m).

    Complexity: O(n m) a round, at most 200.

    Example:
        >>> sinkhorn(np.array([[1, 0.9], [0.9, 0]], np.float32), 0.05).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    n, m = similarity.shape
    if not similarity.size:
        return np.zeros((n, m), np.float32)
    # A constant added to a row or a column changes nothing; with these no row or column is all zeros.
    kernel = similarity - similarity.max(axis=1, keepdims=True)
    kernel -= kernel.max(axis=0)
    kernel /= np.float32(regularization)
    np.exp(kernel, out=kernel)
    share = np.float32(n / m)
    rows = np.ones(n, np.float32)
    for k in range(ROUNDS):
        columns = share / (rows @ kernel)
        sums = kernel @ columns
        if k % EVERY == EVERY - 1 and float(np.abs(rows * sums - 1).max()) < tolerance:
            break
        rows = 1 / sums
    kernel *= rows[:, None]
    kernel *= columns
    return np.asarray(kernel, np.float32)


def relaxed(x: F32, y: F32, steps: int, regularization: float) -> F32:
    """An orthogonal map between two spaces of which nothing is known, from how similar words are to each other within each.

    Minimises ``||K_y P - P K_x||_F`` over doubly stochastic P by Frank and Wolfe's method, every linear step by
    `sinkhorn`; K is the root of the Gram matrix. The map then is that of Procrustes from ``P x`` to y.

    Args:
        x: Normalised source vectors, most frequent words first, shape (n, d).
        y: Normalised target vectors, as many, shape (n, e).
        steps: Of Frank and Wolfe's method.
        regularization: Of the linear steps.

    Returns:
        Shape (d, e).

    Complexity: O(steps n^2 d).

    References: grave2019unsupervised
    """
    n = len(x)
    left, right = _root(x), _root(y)
    # Gram matrices are products of thin ones, and are never made.
    right *= np.sqrt(np.linalg.norm(left.T @ left) / np.linalg.norm(right.T @ right))
    left_square, right_square = left.T @ left, right.T @ right
    plan = np.full((n, n), 1 / n, np.float32)
    for k in range(1, steps + 1):
        carried = plan @ left
        back = right.T @ plan
        slope = (
            (carried @ left_square) @ left.T
            + right @ (right_square @ back)
            - 2 * right @ ((right.T @ carried) @ left.T)
        )
        share = np.float32(2 / (2 + k))
        plan *= 1 - share
        plan += share * sinkhorn(np.asarray(-slope, np.float32), regularization)
    return rotation((plan @ x).T @ y)


def _root(x: F32) -> F32:
    """A matrix whose Gram matrix is the root of that of x."""
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(u * np.sqrt(s), np.float32)


def carried(plan: F32, vectors: F32) -> F32:
    """Where a plan carries vectors to, of length 1: for each row, the mean of what it gets, shape (n, d)."""
    return unit(plan @ vectors)
