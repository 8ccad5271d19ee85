"""Rows by constituents of different weight: the last for what is read, the first for what is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.jit import F64, I64
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Side, ragged_weights


@dataclass(frozen=True, slots=True)
class Weighted(Mixture):
    """Fill the rows of a new piece with a mean of its constituents in which the last, or the first, weighs most.

    What is read goes on after its last piece, so that embeddings are near the last constituent's: ``w_i`` proportional to
    ``i``. What is said begins with its first piece, which the head has to tell from others: ``w_i`` proportional to
    ``n + 1 - i``. One matrix that serves for both has the mean of the two, which is equal weights for linear.

    **Differs:** mergekit's weighted mean gives weights the other way round than its own comment says; here they are as said.

    Args:
        kind: linear weighs by place; ends takes the last constituent alone for what is read and the first alone for what
            is said.
        norm: The length of a new row: its own, parts (the mean length of its constituents), or all (of all old rows).

    Complexity: O(k n d) for k new pieces of n constituents.

    References: goddard2024arcee
    """

    kind: Literal["linear", "ends"] = "linear"

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """By place among the constituents, shape (k, v)."""
        lengths = change.constituents.lengths
        place = np.arange(len(change.constituents.values)) - np.repeat(change.constituents.offsets[:-1], lengths)
        count = np.repeat(lengths, lengths)
        last, first = self._rising(place, count), self._rising(count - 1 - place, count)
        values = {"input": last, "output": first, "both": last + first}[side]
        return ragged_weights(change.constituents, values, len(base.model.get_input_embeddings().weight))

    def _rising(self, place: I64, count: I64) -> F64:
        """Weights that sum to 1 over each piece."""
        if self.kind == "ends":
            return np.asarray(place == count - 1, np.float64)
        return np.asarray((place + 1) / (count * (count + 1) / 2), np.float64)
