"""Merging of models and of adapters by any method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32
from polyalign.core.store import key_of
from polyalign.encoders.adapters.artefact import Adapters
from polyalign.models.adapters.merge.deltas import Delta, added, difference
from polyalign.models.language_model import LanguageModel


class Merge(Protocol):
    """What merges changes."""

    def fit(self, deltas: Sequence[Delta]) -> dict[str, F32]:
        """What is to be added to the base."""


def weights_of(made: LanguageModel) -> dict[str, F32]:
    """A model's weights by name, tied ones once."""
    return {name: np.array(p.detach().float().cpu().numpy(), np.float32) for name, p in made.model.named_parameters()}


def change_of(base: LanguageModel, tuned: LanguageModel) -> dict[str, F32]:
    """What training changed.

    Raises:
        DataError: The models are not of one kind and vocabulary.
    """
    return difference(weights_of(base), weights_of(tuned))


def merged(method: Merge, base: LanguageModel, experts: Sequence[LanguageModel]) -> LanguageModel:
    """Merge experts that were trained from one base, which is itself changed.

    Args:
        method: `Linear` or `TIES`.
        base: What the experts were trained from.
        experts: The trained models.

    Raises:
        DataError: No experts, or models that are not of one kind and vocabulary.
    """
    merge = method.fit([change_of(base, x) for x in experts])
    return changed(base, merge, key_of({"merged": [x.key for x in experts], "base": base.key, "method": repr(method)}))


def changed(base: LanguageModel, delta: Mapping[str, F32], key: str) -> LanguageModel:
    """A model to whose weights something is added; the model itself is changed.

    Raises:
        DataError: It is of another model.
    """
    import torch

    new = added(weights_of(base), delta)
    with torch.no_grad():
        for name, p in base.model.named_parameters():
            p.copy_(torch.from_numpy(new[name]))
    return LanguageModel(base.model, base.tokenizer, base.name, key)


def merged_adapters(method: Merge, experts: Sequence[Adapters], *, base: Adapters | None = None) -> Adapters:
    """Merge adapters of one kind; best those that began alike, with one seed.

    Args:
        method: `Linear` or `TIES`.
        experts: The adapters.
        base: What they began as; none for weights of 0.

    Raises:
        DataError: No adapters, or of different kinds.
    """
    if not experts:
        raise DataError("merge: found nothing to merge, expected adapters; name some")
    states = [_arrays(x) for x in experts]
    if base is None:
        return experts[0].with_state(_tensors(method.fit(states)))
    start = _arrays(base)
    return base.with_state(_tensors(added(start, method.fit([difference(start, x) for x in states]))))


def _arrays(adapters: Adapters) -> dict[str, F32]:
    return {name: x.float().numpy() for name, x in adapters.state().items()}


def _tensors(state: Mapping[str, F32]) -> dict[str, object]:
    import torch

    return {name: torch.from_numpy(x) for name, x in state.items()}
