"""A model whose weights are set to be trained, all or some of them, or others that were added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32
from polyalign.models.language_model import LanguageModel


@dataclass(frozen=True, slots=True, eq=False)
class Attached:
    """A model whose weights are set to be trained.

    Args:
        made: The model that losses are computed with; its weights that are trained need gradients, no others do.
        finish: Gives the trained model; what was added only to train it is merged or taken off.
        modules: Modules beside the model that are trained too, by name.
        rate: Times the learning rate that the weights of a name have; none for 1 everywhere.
        before: Called before each step with the share of the steps that are done; none where nothing changes.
    """

    made: LanguageModel
    finish: Callable[[], LanguageModel]
    modules: Mapping[str, Any] = field(default_factory=dict)
    rate: Callable[[str], float] | None = None
    before: Callable[[float], None] | None = None


class Weights(Protocol):
    """A frozen dataclass that says which weights are trained."""

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Set them to be trained.

        Args:
            made: The model.
            new: Numbers of the pieces that the model did not have; none if that is not known.

        Raises:
            ConfigError: The model has no such weights.
        """


def freeze(made: LanguageModel) -> None:
    """Have no weight need gradients."""
    for p in made.model.parameters():
        p.requires_grad_(False)
        p.grad = None


def finished(made: LanguageModel, undo: Callable[[], None] | None = None) -> Callable[[], LanguageModel]:
    """What gives a model back that nothing was added to, having undone what kept some rows from being trained."""

    def finish() -> LanguageModel:
        if undo is not None:
            undo()
        freeze(made)
        return made

    return finish


def vocabulary(made: LanguageModel) -> list[Any]:
    """The weights that have a row a piece: the embeddings, the head's if it has its own, and its bias."""
    modules = [made.model.get_input_embeddings(), made.model.get_output_embeddings()]
    size = modules[0].weight.shape[0]
    found = {id(p): p for m in modules if m is not None for p in m.parameters() if p.shape[0] == size}
    return list(found.values())


def only_rows(weights: list[Any], rows: I32) -> Callable[[], None]:
    """Have only some rows of weights be trained: the gradient of the others is 0. What comes back undoes that.

    The optimiser must not shrink weights besides, and the loop lets it not shrink a vocabulary's.
    """
    import torch

    def hook(weight: Any) -> Any:
        # Made where the gradient is: the model may be moved after this.
        def kept(gradient: Any) -> Any:
            chosen = torch.zeros(gradient.shape[0], *[1] * (gradient.dim() - 1), device=gradient.device)
            chosen[torch.as_tensor(rows, dtype=torch.long, device=gradient.device)] = 1
            return gradient * chosen.to(gradient.dtype)

        return weight.requires_grad_(True).register_hook(kept)

    handles = [hook(weight) for weight in weights]

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


def new_rows(made: LanguageModel, new: I32 | None, first: int | None, *, where: str) -> I32:
    """The numbers of new pieces: as they are known, or from a first one on.

    Raises:
        ConfigError: Neither is given, or there are none.
    """
    size = made.model.get_input_embeddings().weight.shape[0]
    rows = new if first is None else np.arange(first, size, dtype=np.int32)
    if rows is None or not len(rows):
        raise ConfigError(
            f"{where}: found no new pieces, expected some to train the rows of; say from which number on they are new with "
            f"new_from (below {size:,}), or train other weights"
        )
    return np.asarray(rows, np.int32)


def rate_of_rows(made: LanguageModel, times: float) -> Callable[[str], float] | None:
    """Rates by name where the rows of the vocabulary have another; none where they have not."""
    if times == 1:
        return None
    held = {id(p) for p in vocabulary(made)}
    names = {name for name, p in made.model.named_parameters() if id(p) in held}
    return lambda name: times if name in names else 1.0
