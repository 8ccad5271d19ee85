"""What the methods that score candidate pairs have in common."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.documents.candidates import Assign, check_choice
from polyalign.documents.embedded import check_reading


@dataclass(frozen=True, slots=True)
class Pairing:
    """How candidates become pairs.

    Args:
        candidates: How many of the other side are considered for each document.
        min_score: The least probability of a pair.
        assign: ``optimal`` for the greatest sum of log-odds, ``greedy`` for the best pair first.

    Raises:
        ValueError: A value out of range.
    """

    candidates: int = 10
    min_score: float = 0.5
    assign: Assign = "optimal"

    def __post_init__(self) -> None:
        check_choice(self.candidates, self.min_score)


@dataclass(frozen=True, slots=True)
class Reading(Pairing):
    """Likewise, for methods that read sentences with an encoder.

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:layer=7`.
        sentences: How many of each document's first sentences are encoded; 0 is all.
    """

    encoder: str = "e5"
    sentences: int = 0

    def __post_init__(self) -> None:
        Pairing.__post_init__(self)
        check_reading(self.sentences)
