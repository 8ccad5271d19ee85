"""Align after pre-train: a sentence's state is to find its translation's, low in the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from polyalign.encoders.contrast import infonce
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Reader


@dataclass(frozen=True, slots=True)
class AlignPretrain:
    """Bring sentences and their translations together in one layer, by contrast with the rest of the batch (AFP).

    With x and y the pooled states of a sentence and its translation in a layer, a batch lowers
    ``-log(exp(cos(x_i, y_i) / temperature) / sum_j exp(cos(x_i, y_j) / temperature))``. Pairs that share a text are no
    negatives of each other. No layer above it is run.

    **Differs:** this is the contrast alone. The paper's other part, language modelling of instructions whose answers are in
    another language, is `models.objective/causal-lm` beside it at 1.5 times the weight, on whatever documents there are:
    ``objectives = [{use = "align-pretrain"}, {use = "causal-lm", weight = 1.5}]``. Both directions are learnt unless
    ``both`` is off.

    Args:
        layer: Whose states are contrasted, 0 being the embeddings; none for the last. The paper's is the first.
        temperature: What cosines are divided by.
        pooling: What stands for a sentence: the state of its last token, as in the paper, a mean, or one in which the k-th
            token weighs k.
        both: Whether translations have to find the sentences as well.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the reading of its pairs as far as the layer.

    References: li2024improving, gao2021simcse, oord2018representation
    """

    takes: ClassVar[Takes] = "bitext"

    layer: int | None = 1
    temperature: float = 0.05
    pooling: Literal["last", "mean", "weighted"] = "last"
    both: bool = True

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer must not be negative, got {self.layer}; 0 is the embeddings")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Contrast:
        """Prepare for a model and data.

        Args:
            made: The model.
            data: With bitexts.
            batch: Pairs of a step.
            length: Most tokens of a sentence.
            seed: Of the batches.

        Raises:
            ConfigError: No room for a token, or no such layer, the latter at the first step.
            DataError: Fewer than two pairs with text on both sides.
        """
        name = "align-pretrain"
        pairs = Pairs.read(data, batch=batch, seed=seed, name=name)
        return Contrast(self, Reader.of(made, length, name, layer=self.layer), pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """The loss of a step."""

    method: AlignPretrain
    reader: Reader
    pairs: Pairs
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The contrast of a step's pairs, a scalar tensor."""
        import torch

        asked = self.method
        x, y = (
            torch.nn.functional.normalize(self.reader.vectors(side, asked.layer, asked.pooling), dim=1)
            for side in self.pairs.texts(step)
        )
        same = self.pairs.alike(self.pairs.batches(step))
        return infonce(x, y, temperature=asked.temperature, same=same, both=asked.both)

    def tokens(self, step: int) -> int:
        """Tokens of both sides."""
        return sum(self.reader.size(side) for side in self.pairs.texts(step))
