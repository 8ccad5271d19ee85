"""Vectors of pieces by vectors of the words that they are part of."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32
from polyalign.core.space import Space, unit
from polyalign.models.vocabulary.pieces import segmented
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import sparse


def piece_vectors(tokenizer: Any, space: Space, size: int) -> F32:
    """The mean of the vectors of the words that a piece is part of, frequent words weighing more.

    With x_w the unit vector of word w, at place r of the list from 0 on, ``x(p) = sum_w x_w / (r + 2)`` over the words whose
    segmentation has p: frequencies as Zipf's law has them for words in order of frequency.

    Args:
        tokenizer: What segments.
        space: Words in order of frequency, with their vectors.
        size: How many pieces there are.

    Returns:
        Unit vectors, shape (size, d); zeros for a piece in no word.
    """
    found = segmented(tokenizer, space.words)
    lengths = [len(pieces) for pieces in found]
    words = np.repeat(np.arange(len(found)), lengths)
    pieces = np.array([p for some in found for p in some], np.int64)
    weights = sparse(1 / (words + 2.0), pieces, words, (size, len(found)))
    return unit(np.asarray(weights @ unit(space.vectors).astype(np.float64), np.float32))


def spaces_of(evidence: Evidence, method: str) -> tuple[Space, Space]:
    """The vectors of words of the known and of the new language.

    Raises:
        DataError: There are none, or they are not in one space.
    """
    if evidence.spaces is None:
        raise DataError(
            f"{method}: found no vectors of words, expected those of a known language and of the new one in one space; train "
            "them with `polyalign train-vectors` and map them with `polyalign map-space`"
        )
    known, new = evidence.spaces
    if known.vectors.shape[1] != new.vectors.shape[1]:
        raise DataError(
            f"{method}: found vectors of {known.vectors.shape[1]} and {new.vectors.shape[1]} numbers, expected those of one "
            "space; map one language's to the other's with `polyalign map-space`"
        )
    return known, new
