"""Documents paired by the best match of each of their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.jit import F64
from polyalign.documents.candidates import Assign, Candidates, check_choice, choose, logit, neighbours_both
from polyalign.documents.embedded import Side, check_reading, embed

#: Log-odds of a pair: constant, weights of margin, lead and level; fitted as `Auto` says, with E5.
CALIBRATION = (-2.23, 27.49, 19.27, 20.74)


@dataclass(frozen=True, slots=True)
class BiMax:
    """Pair documents by the best cosine of each sentence in the other document.

    ``(mean over x of max over y cos(x, y) + mean over y of max over x cos(x, y)) / 2``, over the centred vectors of the
    sentences x and y of two documents; exact for candidates, which the means of the vectors find. The score is a
    probability, from how much a pair's value exceeds those of the next best of both documents.

    **Differs:** from the paper in the centring, and in that a sentence counts less the oftener it occurs in its collection.

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:layer=7`.
        sentences: How many of each document's first sentences are read; 0 is all.
        candidates: How many of the other side are considered for each document.
        min_score: The least probability of a pair.
        assign: ``optimal`` for the greatest sum of log-odds, ``greedy`` for the best pair first.

    Raises:
        ValueError: A value out of range.

    Complexity: O(s t d) for each candidate pair of s and t sentences.

    References: wang2025bimax
    """

    encoder: str = "e5"
    sentences: int = 0
    candidates: int = 10
    min_score: float = 0.5
    assign: Assign = "optimal"

    def __post_init__(self) -> None:
        check_choice(self.candidates, self.min_score)
        check_reading(self.sentences)

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        left, right = embed(src, tgt, self.encoder, self.sentences)
        found = neighbours_both(left.means(), right.means(), self.candidates)
        found = found.valued(bimax(left, right, found))
        odds = logit(found.contrast(), CALIBRATION)
        return choose(found.valued(odds), src, tgt, min_score=self.min_score, assign=self.assign)


def bimax(src: Side, tgt: Side, candidates: Candidates) -> F64:
    """The mean of the best cosines of each candidate pair's sentences, from -1 to 1, shape (c,)."""
    weights = [side.shares() for side in (src, tgt)]
    out = np.zeros(len(candidates))
    for k, (i, j) in enumerate(zip(candidates.src.tolist(), candidates.tgt.tolist(), strict=True)):
        a, b = (slice(*side.offsets[n : n + 2].tolist()) for side, n in ((src, i), (tgt, j)))
        similar = src.vectors[a] @ tgt.vectors[b].T
        if similar.size:
            out[k] = (similar.max(axis=1) @ weights[0][a] + similar.max(axis=0) @ weights[1][b]) / 2
    return out
