"""WECHSEL: rows of the old pieces whose static vectors are nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.jit import F32
from polyalign.encoders.neighbours import nearest
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Norm, Side, sparse, tell
from polyalign.models.vocabulary.rows.sparsemax import softmax
from polyalign.models.vocabulary.rows.static import piece_vectors, spaces_of


@dataclass(frozen=True, slots=True)
class Wechsel(Mixture):
    """Fill the rows of a new piece with those of the old pieces nearest to it in static vectors of words (WECHSEL).

    Vectors of words of a known and of the new language, in one space, give each piece of either tokenizer a vector: the mean
    of those of the words it is part of. Of the nearest old pieces, ``e(p) = sum_q softmax(cos(x_p, x_q) / temperature) E[q]``.
    Evidence: two spaces; the dictionary to map them by can be our own lexicon.

    **Differs:** all pieces that both tokenizers have are kept, where the paper makes every row anew; the vectors may be of
    any kind, where the released code has fastText's for 300 languages and adds up n-grams for pieces; words weigh by their
    rank (Zipf). A piece in no word has its constituents' mean, not a random row.

    Args:
        neighbours: How many old pieces.
        temperature: What cosines are divided by.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(k v d) for vectors of d numbers.

    References: minixhofer2022wechsel
    """

    neighbours: int = 10
    temperature: float = 0.1
    norm: Norm = "own"

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, found {self.temperature}")

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """By similarity of static vectors, shape (k, v).

        Raises:
            DataError: There are no vectors, or they are not in one space.
        """
        out = alike(base, change, evidence, self.neighbours, self.temperature, method="models.rows/wechsel")
        if side != "output":
            tell("models.rows/wechsel", out)
        return out


def alike(
    base: LanguageModel, change: Change, evidence: Evidence, neighbours: int, temperature: float, *, method: str
) -> Any:
    """Weights of old pieces by the similarity of their static vectors to those of the new ones, shape (k, v).

    Raises:
        DataError: There are no vectors, or they are not in one space.
    """
    known, new = spaces_of(evidence, method)
    size = len(base.model.get_input_embeddings().weight)
    ours = piece_vectors(change.tokenizer, new, len(change.kept))[change.new]
    return near(ours, piece_vectors(base.tokenizer, known, size), neighbours, temperature)


def near(queries: F32, vectors: F32, k: int, temperature: float) -> Any:
    """Softmax over the cosines of the nearest vectors, as sparse rows; of zeros there is no neighbour, and they have none."""
    there = np.flatnonzero(vectors.any(axis=1))
    asked = np.flatnonzero(queries.any(axis=1))
    cosines, found = nearest(queries[asked], vectors[there], k)
    weights = softmax(cosines.astype(np.float64), temperature) if cosines.size else cosines.astype(np.float64)
    rows = np.repeat(asked, cosines.shape[1])
    return sparse(weights.ravel(), rows, there[found.ravel()], (len(queries), len(vectors)))
