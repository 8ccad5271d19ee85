"""First the rows of the vocabulary are trained, then everything."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import I32
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached, finished, vocabulary


@dataclass(frozen=True, slots=True)
class EmbeddingsFirst:
    """Train the rows of the vocabulary alone for a share of the steps, then all weights.

    New rows find their place while the layers that they are read by stay as they are; after that the layers follow.

    Args:
        share: Share of the steps in which only the rows are trained.

    Raises:
        ValueError: A share that is not above 0 and below 1.

    References: devries2021good
    """

    share: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share must be above 0 and below 1, got {self.share}")

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Set the weights to be trained.

        Args:
            made: The model.
            new: Numbers of its new pieces, whose rows are trained as all others are.
        """
        for p in made.model.parameters():
            p.requires_grad_(True)
        rows = {id(p) for p in vocabulary(made)}
        rest = [p for p in made.model.parameters() if id(p) not in rows]

        def before(done: float) -> None:
            # The optimiser knows them all from the start, and leaves alone what has no gradient.
            for p in rest:
                p.requires_grad_(done >= self.share)

        return Attached(made, finished(made), before=before)
