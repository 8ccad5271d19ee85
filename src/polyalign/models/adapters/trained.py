"""Adapters on a model, set to be trained."""

from __future__ import annotations

from polyalign.core.jit import I32
from polyalign.core.progress import note
from polyalign.encoders.adapters.artefact import Adapters, Shape, attach
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached, finished, freeze, only_rows, vocabulary


def trained(made: LanguageModel, shape: Shape, *, seed: int, new: I32 | None) -> Attached:
    """New adapters on a model that stays as it is but for the rows of new pieces.

    Finishing leaves the adapters on the model; `attached_to` gives them, and writing the model keeps them in a folder beside
    its weights.
    """
    adapters = Adapters.new(shape, model=made.name, seed=seed)
    attach(made.model, adapters)
    freeze(made)
    undo = None
    if new is not None and len(new):
        rows = vocabulary(made)
        for weight in rows:
            weight.requires_grad_(True)
        undo = only_rows(rows, new)

    def finish() -> LanguageModel:
        for p in adapters.modules.parameters():
            p.requires_grad_(False)
            p.grad = None
        size = sum(p.numel() for p in adapters.modules.parameters())
        note(f"train: {size:,} weights of adapters are on the model, kept beside its own")
        return finished(made, undo)()

    return Attached(made, finish, modules={"adapters": adapters.modules})
