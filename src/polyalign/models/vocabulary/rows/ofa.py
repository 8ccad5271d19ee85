"""OFA: rows of the nearest pieces in multilingual vectors, on an embedding matrix of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.jit import F32
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.pieces import pieces_of
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence
from polyalign.models.vocabulary.rows.factors import factors
from polyalign.models.vocabulary.rows.method import Mixture, Norm, Side, filled, matrices_of, mixed, sides, sparse, tell
from polyalign.models.vocabulary.rows.wechsel import alike


@dataclass(frozen=True, slots=True)
class OFA(Mixture):
    """Fill new rows by multilingual vectors of words, on the embeddings' best approximation of low rank (OFA).

    The embeddings are split, ``E = U P`` with U of shape (v, rank) and P of shape (rank, d), by their singular values. A new
    piece that is an old one but for its case has that one's coordinates; others ``u(p) = sum_q softmax(cos(x_p, x_q) /
    temperature) U[q]`` over the nearest old pieces in vectors of the words that pieces are part of. All rows are then
    ``U P``. Evidence: vectors of words of a known and of the new language, in one space.

    What `fit` gives are whole matrices of that rank; `factors.factorised` turns a model that has them into one with U
    and P for weights, 61 to 88 % fewer embedding parameters in the paper, `factors.write_factorised` saves it.

    **Differs:** vectors of words are given, where the paper has ColexNet+'s; a piece in no word has its constituents' mean, not a
    random row.

    Args:
        rank: Numbers that a piece has of its own; 0 for as many as the rows have, which approximates nothing. The paper
            has 100, 200, 400 and all.
        neighbours: How many old pieces.
        temperature: What cosines are divided by.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(v d^2 + d^3) for the split, O(k v d) for the nearest.

    References: liu2024ofa
    """

    rank: int = 0
    neighbours: int = 10
    temperature: float = 0.1
    norm: Norm = "own"

    def __post_init__(self) -> None:
        if self.rank < 0:
            raise ValueError(f"rank must not be negative, found {self.rank}")
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, found {self.temperature}")

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary, all of the rank asked for; otherwise as `Mixture.fit`."""
        out = []
        for matrix, side in zip(matrices_of(base), sides(base), strict=True):
            if self.rank:
                own, common = factors(matrix, self.rank)
                matrix = own @ common
            weights = filled(self.weights(base, change, evidence, side), change)
            out.append(change.placed(matrix, mixed(weights, matrix, self.norm)))
        return out

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """The same piece in another case, else by similarity of vectors, shape (k, v).

        Raises:
            DataError: There are no vectors, or they are not in one space.
        """
        from scipy.sparse import csr_array, diags_array

        by_vectors = alike(base, change, evidence, self.neighbours, self.temperature, method="models.rows/ofa")
        copied = _other_case(base.tokenizer, change, by_vectors.shape[1])
        without = np.diff(copied.indptr) == 0
        out = csr_array(copied + diags_array(without.astype(np.float64)) @ by_vectors)
        if side != "output":
            tell("models.rows/ofa", out)
        return out


def _other_case(old: Any, change: Change, size: int) -> Any:
    """Each new piece that is an old one but for its case, as that one; of several the first, shape (k, v)."""
    pieces = pieces_of(old)
    folded: dict[str, int] = {}
    for piece, text in enumerate(pieces.texts):
        if text and not pieces.added[piece]:
            folded.setdefault(pieces.as_bytes(piece).decode(errors="surrogateescape").casefold(), piece)
    found = [(k, folded[text.casefold()]) for k, text in enumerate(change.pieces) if text.casefold() in folded]
    rows, columns = np.array(found, np.int64).reshape(-1, 2).T
    return sparse(np.ones(len(rows)), rows, columns, (len(change.new), size))
