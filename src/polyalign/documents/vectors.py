"""Documents paired by the mean of their sentences' vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.documents.candidates import choose, logit, neighbours_both
from polyalign.documents.embedded import embed
from polyalign.documents.method import Reading

#: Log-odds of a pair: constant, weights of margin, lead and level; fitted as `Auto` says, with E5.
CALIBRATION = (-1.85, 6.7, 18.24, 0.0)


@dataclass(frozen=True, slots=True)
class Vectors(Reading):
    """Pair documents by the mean of their sentences' centred vectors.

    A document is the mean of its sentences' vectors, each centred on its language's mean and divided by how often the
    sentence occurs in the collection, so that boilerplate counts for little. Documents are compared by cosine; the score is
    a probability, from how much a pair's cosine exceeds those of the next best of both documents.

    Complexity: O(sentences) encoding, O(n m d) for the neighbours of n and m documents, in blocks.

    References: artetxe2019margin, libovicky2020language, thompson2020exploiting
    """

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        left, right = embed(src, tgt, self.encoder, self.sentences)
        found = neighbours_both(left.means(), right.means(), self.candidates)
        odds = logit(found.contrast(), CALIBRATION)
        return choose(found.valued(odds), src, tgt, min_score=self.min_score, assign=self.assign)
