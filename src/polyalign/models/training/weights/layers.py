"""A range of layers is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32
from polyalign.encoders.adapters.layers import layers_of
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached, finished, freeze, new_rows, only_rows, vocabulary


@dataclass(frozen=True, slots=True)
class Layers:
    """Train a range of layers, and the rows of the vocabulary if asked for; each layer perhaps slower than the one above.

    The rate of layer k of a range that ends before ``last`` is ``fall ** (last - 1 - k)`` times the highest, that of the rows
    one step lower than the lowest layer's.

    Args:
        first: The lowest layer, 0 being the one above the embeddings.
        last: The layer before which the range ends; none for as many as there are.
        rows: Whether the rows of the vocabulary are trained too: none, those of new pieces, or all.
        fall: How much slower each layer learns than the one above; 1 for all alike.
        new_from: Number that new pieces begin with, where it is not known which are new.

    Raises:
        ValueError: No layers, or a fall that is not above 0 and at most 1.

    References: howard2018universal
    """

    first: int = 0
    last: int | None = None
    rows: Literal["none", "new", "all"] = "none"
    fall: float = 1.0
    new_from: int | None = None

    def __post_init__(self) -> None:
        if self.first < 0 or (self.last is not None and self.last <= self.first):
            raise ValueError(f"first and last must name a layer at least, got {self.first} and {self.last}")
        if not 0 < self.fall <= 1:
            raise ValueError(f"fall must be above 0 and at most 1, got {self.fall}")

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Set the weights to be trained.

        Args:
            made: The model.
            new: Numbers of its new pieces.

        Raises:
            ConfigError: The model has no such layers, or new rows are asked for and there are none.
        """
        stack = layers_of(made.model)
        last = len(stack) if self.last is None else self.last
        if last > len(stack):
            raise ConfigError(
                f"{made.name}: last = {last}, found {len(stack)} layers, expected as many at least; lower it"
            )
        freeze(made)
        depth = {id(p): k for k in range(self.first, last) for p in stack[k].parameters()}
        undo = None
        if self.rows != "none":
            held = vocabulary(made)
            if self.rows == "new":
                undo = only_rows(held, new_rows(made, new, self.new_from, where="weights"))
            depth |= {id(p): self.first - 1 for p in held}
        names = {name: depth[id(p)] for name, p in made.model.named_parameters() if id(p) in depth}
        for p in made.model.parameters():
            p.requires_grad_(id(p) in depth)

        def rate(name: str) -> float:
            # What an objective trains beside the model is of no layer.
            return float(self.fall ** (last - 1 - names[name])) if name in names else 1.0

        return Attached(made, finished(made, undo), rate=None if self.fall == 1 else rate)
