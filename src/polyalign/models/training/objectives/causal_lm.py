"""Predict what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import Packs


@dataclass(frozen=True, slots=True)
class CausalLM:
    """Predict each token from those before it, in documents packed one after the other.

    ``-mean log p(t_k | t_1 ... t_(k-1))`` over the tokens of a step, marks at the end of documents included. Each row
    begins with the mark for a beginning, so that every token is predicted once.

    References: radford2019language
    """

    takes: ClassVar[Takes] = "documents"

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Pack the documents.

        Raises:
            ConfigError: The model is no causal one.
            DataError: No documents.
        """
        causal_only(made, "causal-lm")
        packs = Packs.read(made, data, batch=batch, length=length, seed=seed)
        return Rows(made, packs.rows)
