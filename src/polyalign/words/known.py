"""What the word aligners have in common, and what their parameters say is known before they see the text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from polyalign.core.files import PathText
from polyalign.core.ragged import Ragged
from polyalign.core.space import Space
from polyalign.words.priors import read_dictionary, read_priors
from polyalign.words.space_priors import space_priors
from polyalign.words.spelling import Digits, Punctuation
from polyalign.words.symmetrize import Symmetrization, check_threshold
from polyalign.words.text import Reading

#: Sentence pairs up to which a word's neighbours in a space are those that it occurs with.
SPACE_PAIRS = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the word aligners that learn have in common: how they read, what they know before, which links they keep.

    Args:
        lowercase: Lower-case the words before counting.
        digits: Count digits as they are, those of every script as 0 to 9 (ascii), or all as 0 (shape).
        punctuation: Count punctuation as it is, or typographic and full-width forms as their ASCII ones (plain).
        spelling: Pseudo-count of a pair of equal words; of words with more than half of their letters in common, in
            order, accordingly less; 0 for none.
        priors: File of pseudo-counts from another model's export_priors, empty for none.
        dictionary: File of lines source word, tab, target word and optionally tab and a pseudo-count, or `only` for words
            that link to nothing else where both occur; empty for none.
        src_space: Folder of a saved space with vectors of source words, for a prior by similarity; empty for none.
        tgt_space: Folder of one with vectors of target words, in the same dimensions.
        space_weight: Pseudo-counts that each word shares out among its neighbours.
        symmetrize: How both directions are joined; posterior keeps links whose mean posterior exceeds threshold,
            product those whose geometric mean does.
        threshold: For posterior and product, in [0, 1), higher for fewer and surer links; none for the one with
            the highest expected F1 on the text, which is near 0.45.

    Raises:
        ValueError: A parameter out of range.
    """

    lowercase: bool = True
    digits: Digits = "keep"
    punctuation: Punctuation = "keep"
    spelling: float = 0.5
    priors: PathText = ""
    dictionary: PathText = ""
    src_space: PathText = ""
    tgt_space: PathText = ""
    space_weight: float = 0.2
    symmetrize: Symmetrization = "posterior"
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold)
        if not 0 <= self.spelling < math.inf:
            raise ValueError(f"spelling must not be negative, got {self.spelling}")
        if not 0 < self.space_weight < math.inf:
            raise ValueError(f"space_weight must be above 0, got {self.space_weight}")
        if bool(self.src_space) != bool(self.tgt_space):
            raise ValueError("src_space and tgt_space go together: name both, or neither")

    @property
    def reading(self) -> Reading:
        """Which words count as the same."""
        return Reading(self.lowercase, self.digits, self.punctuation)


def from_files(method: Known) -> list[pa.Table]:
    """The tables of priors that are there before any text.

    Raises:
        DataError: A file that cannot be read, or is none of its kind.
    """
    tables = [read_priors(method.priors)] if method.priors else []
    if method.dictionary:
        r = method.reading
        tables.append(
            read_dictionary(method.dictionary, lowercase=r.lowercase, digits=r.digits, punctuation=r.punctuation)
        )
    return tables


def from_spaces(
    method: Known, src_words: Sequence[str], tgt_words: Sequence[str], text: tuple[Ragged, Ragged] | None = None
) -> list[pa.Table]:
    """The table of priors by vector similarity of these words, if the method names two spaces.

    Args:
        method: The method.
        src_words: The source words that occur.
        tgt_words: The target words.
        text: The sentences they occur in, so that only words that meet are each other's neighbours; None for all.

    Raises:
        DataError: A folder that is no space.
        ValueError: Spaces of different dimensions.
    """
    if not method.src_space:
        return []
    src, tgt = Space.load(Path(method.src_space)), Space.load(Path(method.tgt_space))
    return [space_priors(src, tgt, src_words, tgt_words, weight=method.space_weight, text=text)]
