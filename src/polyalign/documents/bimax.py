"""Documents paired by the best match of each of their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.jit import F64
from polyalign.documents.candidates import Candidates, choose, logit, neighbours_both
from polyalign.documents.embedded import Side, embed
from polyalign.documents.method import Reading

#: Log-odds of a pair: constant, weights of margin, lead and level; fitted as `Auto` says, with E5.
CALIBRATION = (-2.23, 27.49, 19.27, 20.74)


@dataclass(frozen=True, slots=True)
class BiMax(Reading):
    """Pair documents by the best cosine of each sentence in the other document.

    ``(mean over x of max over y cos(x, y) + mean over y of max over x cos(x, y)) / 2``, over the centred vectors of the
    sentences x and y of two documents; exact for candidates, which the means of the vectors find. The score is a
    probability, from how much a pair's value exceeds those of the next best of both documents.

    **Differs:** from the paper in the centring, and in that a sentence counts less the oftener it occurs in its collection.

    Complexity: O(s t d) for each candidate pair of s and t sentences.

    References: wang2025bimax
    """

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
