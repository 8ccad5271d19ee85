"""What ways of making rows share: rows of new pieces as mixtures of old rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32, I64
from polyalign.core.progress import note
from polyalign.core.ragged import Ragged
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence

#: What a matrix is for: a model's input, its output, or both at once if they are tied.
Side = Literal["input", "output", "both"]
#: Columns of a matrix that are mixed at a time.
COLUMNS = 64
#: The length of new rows.
Norm = Literal["own", "parts", "all"]


def sides(base: LanguageModel) -> list[Side]:
    """What each of a model's `matrices` is for."""
    return ["both"] if base.tied else ["input", "output"]


def matrices_of(base: LanguageModel) -> list[F32]:
    """The matrices that new rows are made of.

    Raises:
        DataError: A number in them is not finite.
    """
    out = base.matrices()
    for matrix, side in zip(out, sides(base), strict=True):
        if bad := np.flatnonzero(~np.isfinite(matrix).all(axis=1)).tolist():
            raise DataError(
                f"{base.name}: found a number that is not finite in row {bad[0]} of the {'head' if side == 'output' else 'embeddings'}, "
                "expected numbers; the model is damaged, take an earlier checkpoint"
            )
    return out


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rows of new pieces as weighted means of old rows; what the weights are is the method.

    With W of shape (k, v), which each method makes, new rows are ``W E`` for the embeddings E, and likewise for the head.

    Args:
        norm: The length of a new row: its own, as the mean comes out; parts, the mean length of the rows that it is mixed
            of; or all, the mean length of all old rows.
    """

    norm: Norm = "own"

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """What each new piece is mixed of.

        Args:
            base: The model as it was.
            change: From its tokenizer to the new one.
            evidence: What the method looks at besides.
            side: What the rows are for.

        Returns:
            A scipy array of sparse rows, shape (k, v); a row without weights is filled by constituents.
        """
        raise NotImplementedError

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary.

        Args:
            base: The model as it was.
            change: From its tokenizer to the new one.
            evidence: What is known of the new language; each method says what it needs.

        Returns:
            For each of the model's matrices one of shape (v', d): kept rows as they were, and new ones.

        Raises:
            DataError: The evidence lacks what the method needs, or a row is not finite.
        """
        matrices = matrices_of(base)
        out = []
        for matrix, side in zip(matrices, sides(base), strict=True):
            weights = filled(self.weights(base, change, evidence, side), change)
            out.append(change.placed(matrix, mixed(weights, matrix, self.norm)))
        return out


def sparse(values: F64 | F32, rows: I64 | I32, columns: I64 | I32, shape: tuple[int, int]) -> Any:
    """A scipy array of sparse rows, each made to sum to 1 (or empty)."""
    from scipy.sparse import csr_array, diags_array

    out = csr_array((np.asarray(values, np.float64), (rows, columns)), shape=shape)
    out.sum_duplicates()
    total = np.asarray(out.sum(axis=1)).ravel()
    scale = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    return csr_array(diags_array(scale) @ out)


def ragged_weights(parts: Ragged, values: F64, size: int) -> Any:
    """Sparse rows whose columns are the ids of ragged sequences, with a weight for each."""
    rows = np.repeat(np.arange(len(parts), dtype=np.int64), parts.lengths)
    return sparse(values, rows, parts.values, (len(parts), size))


def constituent_weights(change: Change, size: int) -> Any:
    """Each new piece in equal parts of what the old tokenizer makes of it, shape (k, v)."""
    return ragged_weights(change.constituents, np.ones(len(change.constituents.values)), size)


def filled(weights: Any, change: Change) -> Any:
    """The weights, with those of constituents where a piece has none."""
    from scipy.sparse import csr_array, diags_array

    empty = np.diff(csr_array(weights).indptr) == 0
    if not empty.any():
        return weights
    return csr_array(weights + diags_array(empty.astype(np.float64)) @ constituent_weights(change, weights.shape[1]))


def tell(method: str, weights: Any) -> None:
    """Say of how many new pieces the evidence told nothing."""
    empty = int((np.diff(weights.indptr) == 0).sum())
    if empty:
        note(
            f"{method}: {empty:,} of {weights.shape[0]:,} new pieces have no evidence; their rows are of their constituents"
        )


def mixed(weights: Any, matrix: F32, norm: Norm) -> F32:
    """Weighted means of rows, of the length asked for; of a piece without any weight the mean of all rows, shape (k, d)."""
    # Some columns at a time, so that no second copy of a large matrix is made.
    some = (matrix[:, a : a + COLUMNS].astype(np.float64) for a in range(0, matrix.shape[1], COLUMNS))
    out = np.concatenate([weights @ block for block in some], axis=1)
    nothing = np.diff(weights.indptr) == 0
    out[nothing] = matrix.mean(axis=0, dtype=np.float64)
    if norm != "own":
        lengths = np.linalg.norm(matrix, axis=1).astype(np.float64)
        wanted = np.full(len(out), lengths.mean())
        if norm == "parts":
            part = abs(weights)
            wanted[~nothing] = (part @ lengths)[~nothing] / np.asarray(part.sum(axis=1)).ravel()[~nothing]
        out = out * scale_to(out, wanted)[:, None]
    return np.asarray(out, np.float32)


def scale_to(rows: F64, lengths: F64) -> F64:
    """What each row is multiplied by to be of a length; 1 for a row of zeros."""
    own = np.linalg.norm(rows, axis=1)
    return np.asarray(np.divide(lengths, own, out=np.ones_like(own), where=own > 0))
