"""SimAlign's argmax: two words that are each other's most similar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.method import BySimilarity
from polyalign.words.similarity.neutral import mutual


@dataclass(frozen=True, slots=True)
class Argmax(BySimilarity):
    """Link words that are each other's most similar: few links, and mostly right.

    Links (i, j) with ``i = argmax_i' S_i'j`` and ``j = argmax_j' S_ij'``, S being the cosines of the words' vectors; of
    equal ones the first. A link's probability is the mean of the softmax of ``S / temperature`` over either sentence.

    **Differs:** vectors are made neutral of their language and words are means of their pieces by default, which the paper's are
    not; `centre = false`, `neutral = false` and `level = "subword"` give the paper's links.

    Args:
        temperature: What cosines are divided by where links get their probabilities.

    Raises:
        ValueError: A parameter out of range.

    Complexity: Encoding, and O(n m d) a sentence pair.

    References: sabet2020simalign
    """

    temperature: float = 0.07

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where row and column have their maximum, shape (2, n, m)."""
        keep = np.zeros(cosine.shape, np.float32)
        keep[mutual(cosine)] = 1
        return both_ways(cosine, self.temperature) * keep
