"""The layers of a transformer, and hooks that change or read what comes out of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from polyalign.core.errors import ConfigError
from polyalign.encoders.torch_load import text_config


def body_of(model: Any) -> Any:
    """A model without its head, and without what peft may have put around it."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    return whole.base_model


def place_of(model: Any) -> tuple[Any, str]:
    """The module that has a model's list of layers, and the list's name there.

    Raises:
        ConfigError: There is no such list.
    """
    import torch

    depth = int(text_config(model.config).num_hidden_layers)
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == depth:
                return module, name
    raise ConfigError(
        f"{type(model).__name__}: found no list of {depth} layers, expected a causal or masked transformer of one stack; "
        "choose another model"
    )


def layers_of(model: Any) -> list[Any]:
    """A model's layers, the lowest first.

    Raises:
        ConfigError: They are not one list.
    """
    module, name = place_of(model)
    return list(getattr(module, name))


@contextlib.contextmanager
def as_deep(model: Any, layers: int) -> Iterator[None]:
    """Have a model run no more than its lowest layers, which stay what they are, with their adapters and hooks."""
    module, name = place_of(model)
    whole = getattr(module, name)
    setattr(module, name, whole[: max(1, layers)])
    try:
        yield
    finally:
        setattr(module, name, whole)


@contextlib.contextmanager
def recorded(model: Any) -> Iterator[list[Any]]:
    """The states that come into the lowest layer and out of each one that is run, in order, while the context lasts."""
    found: list[Any] = []

    def enters(_: Any, args: Any, named: Any) -> None:
        found.append(args[0] if args else named["hidden_states"])

    def leaves(_: Any, __: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    layers = layers_of(model)
    handles = [layers[0].register_forward_pre_hook(enters, with_kwargs=True)]
    handles += [layer.register_forward_hook(leaves) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
