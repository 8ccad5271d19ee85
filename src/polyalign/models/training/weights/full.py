"""All weights are trained."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import I32
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached, finished, rate_of_rows


@dataclass(frozen=True, slots=True)
class Full:
    """Train all weights.

    Args:
        rows_rate: Times the learning rate that the rows of the vocabulary have.

    Raises:
        ValueError: A rate of 0 or less.

    Complexity: Gradients and two moments beside the weights: 16 bytes a weight in float32.
    """

    rows_rate: float = 1.0

    def __post_init__(self) -> None:
        if not self.rows_rate > 0:
            raise ValueError(f"rows_rate must be above 0, got {self.rows_rate}")

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Set all weights to be trained.

        Args:
            made: The model.
            new: Numbers of its new pieces, which are trained as all others are.
        """
        for p in made.model.parameters():
            p.requires_grad_(True)
        return Attached(made, finished(made), rate=rate_of_rows(made, self.rows_rate))
