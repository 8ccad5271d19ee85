"""Per-language centring: vectors without what they say of the language they are in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyalign.core.jit import F32, F64
from polyalign.core.space import unit

#: Sentences a mean is worth before any is seen: a language with as many is centred half on its own mean.
PRIOR = 100.0
#: Rows worked on at once.
BLOCK = 1 << 16


def centre(*sides: F32, prior: float = PRIOR) -> list[F32]:
    """Subtract from each language's vectors their mean, and scale them to length 1 again.

    An encoder's vectors keep what language a text is in, which is most of what vectors of one language have in common.
    The mean of a short text is noisy, so it is drawn towards the mean over all languages,
    ``m = (n m_l + prior m_all) / (n + prior)``. Give all sentences of a corpus at once, not document by document.

    Args:
        sides: Each language's unit vectors, shape (n_l, d); rows of zeros stay and count for nothing.
        prior: Sentences that the common mean counts for; at least 0.

    Returns:
        The centred unit vectors of each language, float32.

    Raises:
        ValueError: The prior is below 0.

    Complexity: O(n d).

    References: libovicky2020language

    Example:
        >>> a = np.array([[1, 0.2], [1, -0.2]], np.float32)
        >>> left, right = centre(a, -a, prior=0)
        >>> left.round(1).tolist(), right.round(1).tolist()
        ([[0.0, 1.0], [0.0, -1.0]], [[0.0, -1.0], [0.0, 1.0]])
    """
    if not prior >= 0:
        raise ValueError(f"prior = {prior}: a number of sentences, expected 0 or more")
    counts = [int(np.count_nonzero(np.any(x, axis=1))) for x in sides]
    # Rows of zeros add nothing to a sum. In float64: a million terms of float32 would lose three digits.
    means = [x.sum(axis=0, dtype=np.float64) / max(n, 1) for x, n in zip(sides, counts, strict=True)]
    out = []
    for x, n, shift in zip(sides, counts, shifts(means, counts, prior), strict=True):
        y = np.zeros(x.shape, np.float32)
        if n:
            for start in range(0, len(x), BLOCK):
                rows = x[start : start + BLOCK]
                y[start : start + BLOCK] = unit(np.where(rows.any(axis=1, keepdims=True), rows - shift, 0))
        out.append(y)
    return out


def shifts(means: Sequence[F64], counts: Sequence[int], prior: float = PRIOR) -> list[F32]:
    """What `centre` subtracts: each language's mean, drawn towards the mean of those of all languages.

    Args:
        means: Mean vector of each language, shape (d,).
        counts: How many vectors each is the mean of; a language with none counts for nothing.
        prior: Sentences that the common mean counts for.

    Returns:
        A vector for each language, shape (d,).
    """
    present = [m for m, n in zip(means, counts, strict=True) if n]
    common = np.mean(present, axis=0) if present else 0.0
    drawn = [(n * m + prior * common) / (n + prior) if n else m for m, n in zip(means, counts, strict=True)]
    return [np.asarray(m, np.float32) for m in drawn]
