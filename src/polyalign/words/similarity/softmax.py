"""awesome-align's softmax: two words that choose each other with some probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.method import BySimilarity


@dataclass(frozen=True, slots=True)
class Softmax(BySimilarity):
    """Link words that choose each other with some probability: one word may have several links.

    With ``P = softmax_j(S_ij / temperature)`` and ``Q = softmax_i(S_ij / temperature)`` all (i, j) are linked where both
    exceed `probability`. P and Q are the link's probabilities.

    **Differs:** the paper compares pieces by products of their vectors as they are, with a temperature of 1:
    `similarity = "dot"`, `temperature = 1`, `probability = 0.001`, `level = "subword"`, `centre = false`, `neutral = false`
    give its links. Products hang on how long an encoder's vectors are; cosines do not.

    Args:
        similarity: Compare words by the cosine of their vectors, or by the product (dot).
        temperature: What similarities are divided by.
        probability: What both probabilities of a link have to exceed, at least 0 and below 1.

    Raises:
        ValueError: A parameter out of range, or `distortion` with products.

    Complexity: Encoding, and O(n m d) a sentence pair.

    References: dou2021awesome
    """

    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.05
    probability: float = 0.2

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        check_similarity(self.similarity, self.temperature, self.distortion)
        if not 0 <= self.probability < 1:
            raise ValueError(f"probability must be at least 0 and below 1, got {self.probability}")

    @property
    def cosines(self) -> bool:
        """Whether cosines are compared."""
        return self.similarity == "cosine"

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where both are above the limit, shape (2, n, m)."""
        p = both_ways(cosine, self.temperature)
        return p * (p > np.float32(self.probability)).all(axis=0)


def check_similarity(similarity: str, temperature: float, distortion: float) -> None:
    """Refuse what cannot be computed.

    Raises:
        ValueError: No such similarity, a temperature that is not positive, or products of words at a distance.
    """
    if similarity not in ("cosine", "dot"):
        raise ValueError(f"similarity must be 'cosine' or 'dot', got {similarity!r}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if similarity == "dot" and distortion:
        raise ValueError("distortion is for cosines: leave it out, or take similarity = 'cosine'")
