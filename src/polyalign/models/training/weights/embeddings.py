"""Only the rows of the vocabulary are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyalign.core.jit import I32
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached, finished, freeze, new_rows, only_rows, vocabulary


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Train only the rows of the vocabulary, all or those of new pieces, embeddings and head alike.

    Gradients still pass through all layers, so a step takes about two thirds of the time that training everything takes.

    Args:
        rows: Whether all rows are trained, or only those of new pieces.
        new_from: Number that new pieces begin with, where it is not known which are new.

    Raises:
        ValueError: A number below 0.

    References: artetxe2020cross
    """

    rows: Literal["all", "new"] = "all"
    new_from: int | None = None

    def __post_init__(self) -> None:
        if self.new_from is not None and self.new_from < 0:
            raise ValueError(f"new_from must be at least 0, got {self.new_from}")

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Set the rows to be trained.

        Args:
            made: The model.
            new: Numbers of its new pieces.

        Raises:
            ConfigError: Only new rows are asked for, and there are none.
        """
        freeze(made)
        weights = vocabulary(made)
        undo = None
        if self.rows == "new":
            undo = only_rows(weights, new_rows(made, new, self.new_from, where="weights"))
        for p in weights:
            p.requires_grad_(True)
        return Attached(made, finished(made, undo))
