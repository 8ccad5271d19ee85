"""What an aligner's parameters say is known before it sees the text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from polyalign.core.ragged import Ragged
from polyalign.core.space import Space
from polyalign.words.priors import read_dictionary, read_priors
from polyalign.words.similarity import space_priors
from polyalign.words.text import Reading

#: Sentence pairs up to which a word's neighbours in a space are those that it occurs with.
SPACE_PAIRS = 100_000


class Knows(Protocol):
    """A method with these parameters."""

    @property
    def reading(self) -> Reading:
        """Which words count as the same."""

    @property
    def priors(self) -> str:
        """File of another model's pseudo-counts, or empty."""

    @property
    def dictionary(self) -> str:
        """File of pairs of words, or empty."""

    @property
    def src_space(self) -> str:
        """Folder of source vectors, or empty."""

    @property
    def tgt_space(self) -> str:
        """Folder of target vectors."""

    @property
    def space_weight(self) -> float:
        """Pseudo-counts of a word for its neighbours, together."""


def from_files(method: Knows) -> list[pa.Table]:
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
    method: Knows, src_words: Sequence[str], tgt_words: Sequence[str], text: tuple[Ragged, Ragged] | None = None
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
