"""SimAlign's match: every word of the shorter sentence its own counterpart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from polyalign.core.jit import F32
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.method import BySimilarity


@dataclass(frozen=True, slots=True)
class Match(BySimilarity):
    """Link the words one to one so that the sum of their similarities is greatest: no word of the shorter side is left.

    A maximum-weight matching of ``min(n, m)`` links in the complete bipartite graph of the words. `null` takes out the
    links that are made only because each word must have one.

    **Differs:** as argmax does.

    Args:
        temperature: What cosines are divided by where links get their probabilities.

    Raises:
        ValueError: A parameter out of range.

    Complexity: Encoding, and O(min(n, m)^2 max(n, m)) a sentence pair at worst, by shortest augmenting paths.

    References: sabet2020simalign, crouse2016implementing
    """

    temperature: float = 0.07

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax on the matching, shape (2, n, m)."""
        keep = np.zeros(cosine.shape, np.float32)
        keep[linear_sum_assignment(cosine, maximize=True)] = 1
        return both_ways(cosine, self.temperature) * keep
