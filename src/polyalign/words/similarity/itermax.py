"""SimAlign's itermax: argmax again and again, for the words that are left over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.method import BySimilarity
from polyalign.words.similarity.neutral import mutual


@dataclass(frozen=True, slots=True)
class Itermax(BySimilarity):
    """Link words that are each other's most similar, then those that are so among what is left: more links than argmax.

    The first round is argmax. In each further one the similarities ``(cos + 1) / 2`` of two words without a link count
    in full, of one without and one with a link ``alpha`` times, of two with a link not at all; what is then each other's
    most similar is linked too. It ends where no word of one side is without a link, or nothing is added.

    **Differs:** as argmax does. As in the authors' program, a sentence of one or two words has one round, and words count
    ``min(1, 2 alpha)`` times where both are free.

    Args:
        iterations: Rounds at most, the first included.
        alpha: What a similarity counts for where one of the words has a link, 0 to 1.
        temperature: What cosines are divided by where links get their probabilities.

    Raises:
        ValueError: A parameter out of range.

    Complexity: Encoding, and O(n m (d + iterations)) a sentence pair.

    References: sabet2020simalign
    """

    iterations: int = 2
    alpha: float = 0.9
    temperature: float = 0.07

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must be from 0 to 1, got {self.alpha}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where a round links, shape (2, n, m)."""
        half = np.asarray((cosine + 1) / 2, np.float32)
        linked = np.zeros(cosine.shape, np.bool_)
        linked[mutual(half)] = True
        for _ in range(1, self.iterations if min(cosine.shape) > 2 else 1):
            rows, columns = (1 - linked.max(axis=axis) for axis in (1, 0))
            if not rows.any() or not columns.any():
                break
            counts = np.minimum(1, self.alpha * np.add.outer(rows, columns))
            i, j = mutual(np.asarray(half * counts, np.float32))
            free = rows[i] + columns[j] > 0
            if not free.any():
                break
            linked[i[free], j[free]] = True
        return both_ways(cosine, self.temperature) * linked
