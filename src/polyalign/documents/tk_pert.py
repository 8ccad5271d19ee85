"""Documents paired by where along the text they say what: the vectors of Thompson and Koehn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import beta

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.jit import F32, F64
from polyalign.core.space import unit
from polyalign.documents.bimax import CALIBRATION as BIMAX
from polyalign.documents.bimax import bimax
from polyalign.documents.candidates import Candidates, choose, logit, neighbours_both
from polyalign.documents.embedded import Side, embed
from polyalign.documents.method import Reading

#: Log-odds of a pair: constant, weights of margin, lead and level; fitted as `Auto` says, with E5.
CALIBRATION = (-1.03, 5.29, 21.66, 7.93)
#: How far the PERT density reaches beyond a document's ends, so that the first and last slots are slots like others.
_BEYOND = 0.001


@dataclass(frozen=True, slots=True)
class TKPert(Reading):
    """Pair documents by sentence vectors summed in slots along the text, so that order counts.

    A sentence in the middle of which a share p of its document's characters has passed counts in slot j by the PERT
    (a beta) density with peak p at the slot's place, over the sum of it in all slots; and by 1 over how often it occurs in
    the collection. The sums of all slots end to end, as a unit vector, are the document's vector.

    **Differs:** sentence vectors are centred; positions are counted in characters; rescoring is by sentences' best cosines,
    not by a sentence alignment.

    Args:
        slots: Slots along a text.
        gamma: How narrow the density is.
        dimensions: Principal components kept of sentence vectors; 0 for all dimensions.
        rescore: How candidates are compared: ``none``, by their vectors; ``bimax``, by each sentence's best cosine.

    Complexity: O(slots s d) for s sentences of d dimensions, O(slots n m d) for n and m documents, in blocks.

    References: thompson2020exploiting
    """

    slots: int = 16
    gamma: float = 20.0
    dimensions: int = 128
    rescore: Literal["none", "bimax"] = "none"

    def __post_init__(self) -> None:
        Reading.__post_init__(self)
        if not 1 <= self.slots <= 1000:
            raise ValueError(f"slots must be from 1 to 1000, found {self.slots}")
        if not self.gamma > 0:
            raise ValueError(f"gamma must be above 0, found {self.gamma}")
        if self.dimensions < 0:
            raise ValueError(f"dimensions must not be negative, found {self.dimensions}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        left, right = embed(src, tgt, self.encoder, self.sentences)
        found = self.neighbours(left, right)
        if self.rescore == "bimax":
            found = found.valued(bimax(left, right, found))
        odds = logit(found.contrast(), CALIBRATION if self.rescore == "none" else BIMAX)
        return choose(found.valued(odds), src, tgt, min_score=self.min_score, assign=self.assign)

    def neighbours(self, src: Side, tgt: Side) -> Candidates:
        """Each document's nearest by its vector of all slots, with their cosines."""
        small = _reduced((src.vectors, tgt.vectors), self.dimensions)
        vectors = [self._vectors(side, v) for side, v in zip((src, tgt), small, strict=True)]
        return neighbours_both(vectors[0], vectors[1], self.candidates)

    def _vectors(self, side: Side, vectors: F32) -> F32:
        weights = pert(side.position, self.slots, self.gamma) * side.weight[:, None]
        n, d = len(side.offsets) - 1, vectors.shape[1]
        out = np.zeros((n, self.slots, d), np.float32)
        for k in range(n):
            a, b = side.offsets[k], side.offsets[k + 1]
            out[k] = weights[a:b].T @ vectors[a:b]
        return unit(out.reshape(n, self.slots * d))


def pert(position: F64, slots: int, gamma: float) -> F64:
    """What sentences count for in each slot, shape (s, slots), rows of sum 1.

    Args:
        position: Where each sentence is, from 0 to 1, shape (s,).
        slots: How many slots.
        gamma: How narrow the density is.

    Example:
        >>> pert(np.array([0.0, 0.5]), 3, 20.0).round(2).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    low, width = -_BEYOND, 1 + 2 * _BEYOND
    share = (position[:, None] - low) / width
    at = (np.linspace(0, 1, slots)[None, :] - low) / width if slots > 1 else np.full((1, 1), 0.5)
    density = np.asarray(beta.logpdf(at, 1 + gamma * share, 1 + gamma * (1 - share)), np.float64)
    density = np.exp(density - density.max(axis=1, keepdims=True))
    return np.asarray(density / density.sum(axis=1, keepdims=True), np.float64)


def _reduced(vectors: tuple[F32, F32], dimensions: int) -> tuple[F32, F32]:
    """The principal components of both sides' vectors together."""
    d = vectors[0].shape[1]
    if not dimensions or dimensions >= d:
        return vectors
    moments = sum((v.T.astype(np.float64) @ v for v in vectors), np.zeros((d, d)))
    axes = np.linalg.eigh(moments)[1][:, ::-1][:, :dimensions].astype(np.float32)
    return vectors[0] @ axes, vectors[1] @ axes
