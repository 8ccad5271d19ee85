"""SimAlign's argmax: two words that are each other's most similar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.words.similarity.method import BySimilarity, both_ways


@dataclass(frozen=True, slots=True)
class Argmax(BySimilarity):
    """Link words that are each other's most similar: few links, and mostly right.

    Links (i, j) with ``i = argmax_i' S_i'j`` and ``j = argmax_j' S_ij'``, S being the cosines of the words' vectors; of
    equal ones the first. A link's probability is the mean of the softmax of ``S / temperature`` over either sentence.

    **Differs:** vectors are centred per language and words are means of their pieces by default, which the paper's are
    not; `centre = false` and `level = "subword"` give the paper's links.

    Args:
        temperature: What cosines are divided by where links get their probabilities.

    Complexity: Encoding, and O(n m d) a sentence pair.

    References: sabet2020simalign
    """

    temperature: float = 0.07

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where row and column have their maximum, shape (2, n, m)."""
        rows = cosine.argmax(axis=1)
        mutual = cosine.argmax(axis=0)[rows] == np.arange(len(rows))
        keep = np.zeros(cosine.shape, np.float32)
        keep[mutual, rows[mutual]] = 1
        return both_ways(cosine, self.temperature) * keep
