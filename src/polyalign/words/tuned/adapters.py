"""Adapters: a few weights beside those of a transformer, which stay as they are."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32
from polyalign.core.rng import generator

#: houlsby: two layers with GELU between them, and a way around. low-rank: without GELU, so that they become part of the
#: weights they are beside.
Kind = Literal["houlsby", "low-rank"]
#: What the attention and the feed-forward part of a layer end with, by the names models give it.
_ENDS = re.compile(r"(^|\.)(output\.dense|out_lin|lin2|Wo|o_proj|down_proj)$")


def attach(model: Any, kind: Kind, reduction: int, seed: int) -> list[Any]:
    r"""Put an adapter behind the last linear map of the attention and of the feed-forward part of each layer.

    ``h = W x`` becomes ``h + U gelu(D h)`` (houlsby), or ``h + U D x`` (low-rank). U is 0 at first, so that nothing has
    changed yet; D is drawn.

    Args:
        model: A transformer; changed in place, its weights are not.
        kind: Which kind.
        reduction: How many times fewer dimensions an adapter has inside than outside.
        seed: Of what is drawn.

    Returns:
        The adapters' weights.

    Raises:
        ConfigError: The model has no parts of known names.

    References: houlsby2019parameter, hu2022lora
    """
    found = [(n, m) for n, m in model.named_modules() if _ENDS.search(n) and hasattr(m, "out_features")]
    if not found:
        raise ConfigError(
            f"{type(model).__name__}: found no layers with parts of known names to put adapters into, such as output.dense; "
            "choose a model of BERT's kind, or tune the weights themselves with words.align/awesome-align"
        )
    random, weights = generator(seed, "adapters"), []
    for name, dense in found:
        inner = max(1, dense.out_features // reduction)
        outer = dense.out_features if kind == "houlsby" else dense.in_features
        first = random.normal(scale=0.02, size=(inner, outer)).astype(np.float32)
        down, up = (
            _linear(w, np.zeros(len(w), np.float32), dense) for w in (first, np.zeros((dense.out_features, inner)))
        )
        _put(model, name, _module(dense, down, up, kind))
        weights += [*down.parameters(), *up.parameters()] if kind == "houlsby" else [down.weight, up.weight]
    return weights


def merge(model: Any) -> None:
    """Make low-rank adapters part of the weights they are beside, and leave out the adapters."""
    import torch

    with torch.no_grad():
        for name, part in _adapted(model):
            if part.kind == "low-rank":
                part.dense.weight += part.up.weight @ part.down.weight
                _put(model, name, part.dense)


def adapters_of(model: Any) -> dict[str, F32]:
    """The weights of a model's adapters by name; none if it has no adapters."""
    return {
        f"{name}|{which}": weight.detach().cpu().numpy()
        for name, part in _adapted(model)
        for which, weight in part.named_parameters()
        if not which.startswith("dense.")
    }


def restore(model: Any, weights: dict[str, F32]) -> None:
    """Put adapters into a model that were taken from one by `adapters_of`.

    Raises:
        KeyError: The model has no such parts, or not all weights of an adapter are there.
    """
    modules = dict(model.named_modules())
    for name in dict.fromkeys(n.split("|")[0] for n in weights):
        dense = modules[name]
        down, up = (
            _linear(weights[f"{name}|{which}.weight"], weights[f"{name}|{which}.bias"], dense)
            for which in ("down", "up")
        )
        _put(model, name, _module(dense, down, up, "houlsby"))


def _linear(weight: Any, bias: Any, beside: Any) -> Any:
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data = torch.from_numpy(np.asarray(weight, np.float32))
    layer.bias.data = torch.from_numpy(np.asarray(bias, np.float32))
    return layer.to(beside.weight.device)


def _put(model: Any, name: str, module: Any) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, module)


def _adapted(model: Any) -> list[tuple[str, Any]]:
    return [(name, part) for name, part in model.named_modules() if getattr(part, "is_adapted", False)]


def _module(dense: Any, down: Any, up: Any, kind: Kind) -> Any:
    import torch

    class Adapted(torch.nn.Module):
        """A linear map with an adapter."""

        is_adapted = True

        def __init__(self) -> None:
            super().__init__()
            self.dense, self.down, self.up, self.kind = dense, down, up, kind

        def forward(self, x: Any) -> Any:
            h = self.dense(x)
            if kind == "houlsby":
                return h + self.up(torch.nn.functional.gelu(self.down(h)))
            return h + self.up(self.down(x))

    return Adapted()
