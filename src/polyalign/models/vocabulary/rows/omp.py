"""Rows by orthogonal matching pursuit: a new piece as a few others, found in a model that has all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.progress import track
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change, shared
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Norm, Side, matrices_of, tell

#: Pieces looked at at a time.
BLOCK = 256


@dataclass(frozen=True, slots=True)
class OMP(Mixture):
    """Fill the rows of a new piece by how another model that has it makes it of pieces that both models have.

    In the donor's embeddings D the new piece is approximated by a few shared pieces, chosen one by one, each the one most
    like what is left, all coefficients fitted anew each time: ``D[p] ~ sum_q c_q D[q]`` with at most sparsity of them. The
    coefficients are then taken to this model: ``e(p) = sum_q c_q E[q]``. They may be negative and need not sum to 1. The head, if it is
    not tied, is made from the donor's head. A piece that the donor lacks has its constituents' mean. Evidence: a donor.

    Args:
        sparsity: Most pieces of a mixture.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: The sparsity is below 1.

    Complexity: O(sparsity k s d) for s shared pieces.

    References: pati1993orthogonal, goddard2025trainingfree
    """

    sparsity: int = 64
    norm: Norm = "own"

    def __post_init__(self) -> None:
        if self.sparsity < 1:
            raise ValueError(f"sparsity must be at least 1, found {self.sparsity}")

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """Coefficients found in the donor, shape (k, v).

        Raises:
            DataError: There is no donor, it is damaged, or it shares no piece with the model.
        """
        from scipy.sparse import csr_array

        if evidence.donor is None:
            raise DataError(
                "models.rows/omp: found no donor, expected a language model whose tokenizer has the new pieces; name one, "
                "or use models.rows/constituents"
            )
        donor = evidence.donor
        theirs = matrices_of(donor)[-1 if side == "output" else 0]
        of_base, of_new = shared(donor.tokenizer, base.tokenizer), shared(donor.tokenizer, change.tokenizer)[change.new]
        common, asked = np.flatnonzero(of_base >= 0), np.flatnonzero(of_new >= 0)
        if not len(common):
            raise DataError(
                f"{donor.name}: found no piece of {base.name} in its tokenizer, expected many that both have; choose another donor"
            )
        rows: list[I64] = []
        columns: list[I64] = []
        values: list[F64] = []
        with track("omp", total=len(asked), unit="pieces") as progress:
            for start in range(0, len(asked), BLOCK):
                some = asked[start : start + BLOCK]
                chosen, coefficients = pursuit(theirs[of_new[some]], theirs[of_base[common]], self.sparsity)
                rows.append(np.repeat(some, chosen.shape[1]))
                columns.append(common[chosen].ravel())
                values.append(coefficients.ravel())
                progress.advance(len(some))
        shape = len(change.new), len(base.model.get_input_embeddings().weight)
        whole = np.concatenate([*rows, np.zeros(0, np.int64)]), np.concatenate([*columns, np.zeros(0, np.int64)])
        out = csr_array((np.concatenate([*values, np.zeros(0)]), whole), shape=shape)
        out.eliminate_zeros()
        if side != "output":
            tell("models.rows/omp", out)
        return out


def pursuit(targets: F32, atoms: F32, sparsity: int) -> tuple[I64, F64]:
    """Approximate each target by a few atoms, chosen greedily, with the best coefficients for those.

    Args:
        targets: Shape (n, d).
        atoms: Shape (m, d).
        sparsity: How many atoms; at most m or d.

    Returns:
        The atoms chosen and their coefficients, both of shape (n, k); of a target that needs fewer the rest are 0.

    Complexity: O(k n m d + n k^4).

    Example:
        >>> pursuit(np.array([[3.0, 1.0, 0.0]], np.float32), np.eye(3, dtype=np.float32), 2)[1].round(6).tolist()
        [[3.0, 1.0]]
    """
    count = min(sparsity, *atoms.shape)
    lengths = np.linalg.norm(atoms, axis=1)
    directions = atoms / np.where(lengths > 0, lengths, 1)[:, None]
    goal = targets.astype(np.float64)
    left = goal.copy()
    chosen = np.zeros((len(targets), count), np.int64)
    coefficients = np.zeros((len(targets), count))
    every = np.arange(len(targets))
    for k in range(count):
        similar = np.abs(left.astype(np.float32) @ directions.T)
        # What is chosen already is not chosen again, however small what is left.
        similar[every[:, None], chosen[:, :k]] = -1
        chosen[:, k] = similar.argmax(axis=1)
        picked = atoms[chosen[:, : k + 1]].astype(np.float64)
        gram = picked @ picked.transpose(0, 2, 1)
        # The least is added so that atoms which are the same do no harm.
        gram += np.eye(k + 1) * (1e-10 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-30)
        solved = np.linalg.solve(gram, picked @ goal[:, :, None])[:, :, 0]
        coefficients[:, : k + 1] = solved
        left = goal - np.einsum("nk,nkd->nd", solved, picked)
    coefficients[np.abs(coefficients) < 1e-9] = 0
    return chosen, coefficients
