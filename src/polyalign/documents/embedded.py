"""The sentences of two collections of documents as centred vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from polyalign.core.document import Document
from polyalign.core.jit import F32, F64, I64
from polyalign.core.ragged import offsets
from polyalign.core.space import unit
from polyalign.encoders.centre import centre
from polyalign.encoders.named import named_encoder


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The sentences of one collection.

    Args:
        vectors: Centred unit vectors, shape (s, d).
        offsets: First sentence of each document, shape (n + 1,).
        weight: What each sentence counts for: 1 over its occurrences in the collection, shape (s,).
        position: Share of its document's characters before its middle, shape (s,).
    """

    vectors: F32
    offsets: I64
    weight: F64
    position: F64

    def means(self) -> F32:
        """The weighted mean of each document's sentences as a unit vector, shape (n, d); zeros for an empty one."""
        weights = sparse.csr_array(
            (self.weight, np.arange(len(self.vectors)), self.offsets),
            shape=(len(self.offsets) - 1, len(self.vectors)),
        )
        return unit(np.asarray(weights @ self.vectors, np.float32))

    def shares(self) -> F64:
        """Each sentence's share of its document's weight, shape (s,)."""
        of = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        return np.asarray(self.weight / np.bincount(of, self.weight)[of], np.float64)


def check_reading(sentences: int) -> None:
    """Refuse a number of sentences there cannot be.

    Raises:
        ValueError: It is negative.
    """
    if sentences < 0:
        raise ValueError(f"sentences must not be negative, found {sentences}")


def embed(src: Sequence[Document], tgt: Sequence[Document], encoder: str, sentences: int) -> tuple[Side, Side]:
    """Encode both sides, each centred on the mean of all its sentences.

    Args:
        src: The source documents.
        tgt: The target documents.
        encoder: The encoder's name.
        sentences: How many of each document's first sentences are read; 0 is all.
    """
    model = named_encoder(encoder)
    texts = [[[s.strip() for s in d.sentences[: sentences or None]] for d in side] for side in (src, tgt)]
    flat = [[s for document in side for s in document] for side in texts]
    # In one go, so that the encoder sees the longest of both sides first and a text of both sides once.
    rows = model.encode([*flat[0], *flat[1]], label="encode documents")
    vectors = centre(rows[: len(flat[0])], rows[len(flat[0]) :])
    counts = [Counter(side) for side in flat]
    sides = [
        Side(
            v, offsets([len(d) for d in side]), np.asarray([1 / count[s] for s in every], np.float64), _positions(side)
        )
        for v, side, every, count in zip(vectors, texts, flat, counts, strict=True)
    ]
    return sides[0], sides[1]


def _positions(texts: Sequence[Sequence[str]]) -> F64:
    out = [np.zeros(0)]
    for text in texts:
        lengths = np.asarray([max(1, len(s)) for s in text], np.float64)
        out.append((np.cumsum(lengths) - lengths / 2) / max(1.0, lengths.sum()))
    return np.concatenate(out)
