"""Documents paired by the mean of their sentences' vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.documents.candidates import Assign, check_choice, choose, logit, neighbours_both
from polyalign.documents.embedded import check_reading, embed

#: Log-odds of a pair: constant, weights of margin, lead and level; fitted as `Auto` says, with E5.
CALIBRATION = (-1.85, 6.7, 18.24, 0.0)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Pair documents by the mean of their sentences' centred vectors.

    A document is the mean of its sentences' vectors, each centred on its language's mean and divided by how often the
    sentence occurs in the collection, so that boilerplate counts for little. Documents are compared by cosine; the score is
    a probability, from how much a pair's cosine exceeds those of the next best of both documents.

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:layer=7`.
        sentences: How many of each document's first sentences are read; 0 is all.
        candidates: How many of the other side are considered for each document.
        min_score: The least probability of a pair.
        assign: ``optimal`` for the greatest sum of log-odds, ``greedy`` for the best pair first.

    Raises:
        ValueError: A value out of range.

    Complexity: O(sentences) encoding, O(n m d) for the neighbours of n and m documents, in blocks.

    References: artetxe2019margin, libovicky2020language, thompson2020exploiting
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
        odds = logit(found.contrast(), CALIBRATION)
        return choose(found.valued(odds), src, tgt, min_score=self.min_score, assign=self.assign)
