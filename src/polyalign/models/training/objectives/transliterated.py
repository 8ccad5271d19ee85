"""TransliCo: a text and itself in another script are to be alike inside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from polyalign.encoders.contrast import alike, infonce
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Reader
from polyalign.models.training.scripts import Sides, both_scripts, check_script


@dataclass(frozen=True, slots=True)
class Transliterated:
    """Bring a sentence and its transliteration together in one layer, by contrast (TransliCo's TCM, and PPA's).

    With x and y the means of their tokens' states, not scaled, a batch of b sentences lowers
    ``-log(exp(x_i . y_i / temperature) / sum_k exp(x_i . z_k / temperature))`` over all of x_i's others z, the 2b - 2 other
    vectors of both scripts being the negatives, both ways.

    **Differs:** this is the contrast alone. TransliCo trains it at half the weight of masked language modelling of both
    scripts, PPA at the same weight, with the pair read as one text besides: ``objectives = [{use = "transliterated",
    weight = 0.5}, {use = "mlm"}]``, and ``{use = "tlm", script = {use = "romanise"}}``. Layers of large models have long
    states, whose products a temperature of 1 makes all or nothing: ``scaled = true`` takes cosines. Marks are not pooled.

    Args:
        pairs: Where transliterations are from: the script method, on lines of documents, or bitexts of a text and its
            transliteration.
        script: Table of the method: ``use`` names one of `models.script`, the rest are its parameters.
        layer: Whose states are contrasted, 0 being the embeddings; none for the last.
        temperature: What products are divided by.
        scaled: Whether vectors are scaled to length 1 first.

    Raises:
        ValueError: A parameter out of range, or a table that names no method.

    Complexity: A step costs about three times the reading of its texts as far as the layer.

    References: liu2024translico, xhelili2024breaking, chen2020simple
    """

    pairs: Literal["script", "parallel"] = "script"
    script: dict[str, Any] = field(default_factory=lambda: {"use": "romanise"})
    layer: int | None = 8
    temperature: float = 1.0
    scaled: bool = False

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer must not be negative, got {self.layer}; 0 is the embeddings")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        check_script(self.script)

    @property
    def takes(self) -> Takes:
        """What it learns from."""
        return "documents" if self.pairs == "script" else "bitext"

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> BothScripts:
        """Prepare for a model and data.

        Args:
            made: The model.
            data: With documents: those of its language are read, or all if it has none of it. Or with bitexts of both
                scripts.
            batch: Sentences of a step.
            length: Most tokens of a sentence.
            seed: Of the batches.

        Raises:
            ConfigError: No room for a token, or no such script method.
            DataError: No text.
            MissingExtraError: What transliterates is not installed.
        """
        name = "transliterated"
        reader = Reader.of(made, length, name, layer=self.layer)
        if self.pairs == "parallel":
            return BothScripts(self, reader, Pairs.read(data, batch=batch, seed=seed, name=name).texts)
        return BothScripts(self, reader, both_scripts(self.script, data, batch=batch, seed=seed, name=name))


@dataclass(frozen=True, slots=True, eq=False)
class BothScripts:
    """The loss of a step."""

    method: Transliterated
    reader: Reader
    texts: Sides
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The contrast of a step's sentences, a scalar tensor."""
        import torch

        src, tgt = self.texts(step)
        x, y = (self.reader.vectors(side, self.method.layer, "mean") for side in (src, tgt))
        if self.method.scaled:
            x, y = (torch.nn.functional.normalize(side, dim=1) for side in (x, y))
        return infonce(x, y, temperature=self.method.temperature, same=alike(src, tgt), within=True)

    def tokens(self, step: int) -> int:
        """Tokens of both scripts."""
        return sum(self.reader.size(side) for side in self.texts(step))
