"""Rows by the mean of all old rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence
from polyalign.models.vocabulary.rows.method import matrices_of


@dataclass(frozen=True, slots=True)
class Mean:
    """Fill the rows of all new pieces with the mean of all old rows.

    ``e = 1/v sum_i E[i]``. By this a new piece is no more probable than old ones are on average, so that what the model
    says of them hardly changes; but new pieces are all the same.

    Complexity: O(v d).

    References: hewitt2021initializing
    """

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary; as of `Mixture.fit`, but without any evidence."""
        out = []
        for matrix in matrices_of(base):
            mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
            out.append(change.placed(matrix, np.tile(mean, (len(change.new), 1))))
        return out
