"""Hidden states to one vector a text, and the modules that sentence-transformers puts after that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.errors import ConfigError, DataError
from polyalign.encoders.model_files import read_json, read_tensors

#: Names of the ways of pooling in a folder of sentence-transformers, in the order their vectors are joined in.
_THEIRS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "sqrt",
    "pooling_mode_weightedmean_tokens": "weighted",
    "pooling_mode_lasttoken": "last",
}
#: And in newer folders.
_NEWER = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "sqrt",
    "weightedmean": "weighted",
    "lasttoken": "last",
}
_ACTIVATIONS = {"Tanh": "tanh", "ReLU": "relu", "Sigmoid": "sigmoid"}


def pool(hidden: Any, mask: Any, how: str) -> Any:
    """Pool hidden states of shape (b, t, d) over the tokens that the mask of shape (b, t) has.

    Args:
        hidden: Hidden states.
        mask: 1 for a token, 0 for padding or what is to be left out.
        how: mean; cls, the first; max of each dimension; weighted, a mean in which the k-th token weighs k, as the later
            tokens of a causal model have seen more; last; sqrt, the sum over the root of the number of tokens.
    """
    import torch

    weight = mask.to(hidden.dtype)
    if how == "max":
        return hidden.masked_fill(mask[..., None] == 0, -torch.inf).amax(dim=1)
    if how in ("cls", "last"):
        steps = torch.arange(mask.shape[1], device=mask.device) + 1
        at = (mask * (steps if how == "last" else -steps + mask.shape[1] + 1)).argmax(dim=1)
        return hidden[torch.arange(len(hidden), device=mask.device), at]
    if how == "weighted":
        weight = weight * weight.cumsum(dim=1)
    # In float32 at least: sums of float16 overflow.
    total = torch.einsum("btd,bt->bd", hidden.float(), weight.float())
    count = weight.float().sum(dim=1, keepdim=True).clamp(min=1e-9)
    return total / (count.sqrt() if how == "sqrt" else count)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """From hidden states to vectors.

    Args:
        modes: Ways of pooling; their vectors are joined.
        steps: What is done to the vectors then.
    """

    modes: Sequence[str]
    steps: Sequence[Callable[[Any], Any]] = ()

    @classmethod
    def of(cls, how: str) -> Head:
        """Pooling alone."""
        return cls(["mean" if how == "auto" else how])

    def __call__(self, hidden: Any, mask: Any) -> Any:
        """Vectors of shape (b, d)."""
        import torch

        x = torch.cat([pool(hidden, mask, how).float() for how in self.modes], dim=1)
        for step in self.steps:
            x = step(x)
        return x


def _modules(folder: Path) -> list[tuple[str, Path]]:
    listed = read_json(folder / "modules.json")
    try:
        return [(str(m["type"]).rsplit(".", 1)[-1], folder / str(m["path"])) for m in listed]
    except (KeyError, TypeError):
        raise DataError(
            f"{folder / 'modules.json'}: found no list of modules with type and path; fetch the model again"
        ) from None


def transformer_module(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of the transformer itself, and its settings there."""
    inner = next((path for kind, path in _modules(folder) if kind == "Transformer"), None)
    if inner is None:
        raise ConfigError(
            f"{folder}: modules.json has {', '.join(kind for kind, _ in _modules(folder))}, expected a Transformer; "
            "a model of static vectors is for encode/static"
        )
    for name in ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json"):
        if (inner / name).is_file():
            return inner, dict(read_json(inner / name))
    return inner, {}


def dense_modules(folder: Path) -> list[Path]:
    """The folders of its dense modules."""
    return [path for kind, path in _modules(folder) if kind == "Dense"]


def modes(folder: Path) -> list[str]:
    """Its ways of pooling.

    Raises:
        ConfigError: One that there is not here.
    """
    path = next((path for kind, path in _modules(folder) if kind == "Pooling"), None)
    if path is None:
        return ["mean"]
    config = read_json(path / "config.json")
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        asked = [named] if isinstance(named, str) else list(named)
        unknown = [m for m in asked if m not in _NEWER]
        found = [_NEWER[m] for m in asked if m in _NEWER]
    else:
        asked = [k for k, on in config.items() if k.startswith("pooling_mode_") and on is True]
        unknown = [k for k in asked if k not in _THEIRS]
        found = [ours for theirs, ours in _THEIRS.items() if theirs in asked]
    if unknown or not found:
        raise ConfigError(
            f"{path / 'config.json'}: found pooling {', '.join(unknown) or 'by nothing'}, which is not known here; name a pooling instead of auto"
        )
    return found


def head_of(folder: Path, device: str) -> Head:
    """What a folder of sentence-transformers does to hidden states.

    Raises:
        ConfigError: A module that there is not here.
    """
    import torch

    steps: list[Callable[[Any], Any]] = []
    for kind, path in _modules(folder):
        if kind == "Dense":
            steps.append(_dense(path, device))
        elif kind == "Normalize":
            steps.append(lambda x: torch.nn.functional.normalize(x, dim=1))
        elif kind not in ("Transformer", "Pooling", "Dropout"):
            raise ConfigError(
                f"{folder}: modules.json has a module {kind}, which is not known here; name a pooling instead of auto"
            )
    return Head(modes(folder), steps)


def _dense(folder: Path, device: str) -> Callable[[Any], Any]:
    import torch

    config = read_json(folder / "config.json")
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rsplit(".", 1)[-1]
    if name != "Identity" and name not in _ACTIVATIONS:
        raise ConfigError(
            f"{folder / 'config.json'}: found activation {name}, expected Identity, {', '.join(_ACTIVATIONS)}; name a pooling instead of auto"
        )
    tensors: dict[str, Any]
    if (folder / "model.safetensors").is_file():
        tensors = {k: torch.from_numpy(v) for k, v in read_tensors(folder / "model.safetensors").items()}
    else:
        try:
            tensors = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
        except Exception as error:
            raise DataError(
                f"{folder}: the weights of a dense module cannot be read ({error}); fetch the model again"
            ) from None
    if "linear.weight" not in tensors:
        raise DataError(f"{folder}: found no linear.weight among the weights of a dense module; fetch the model again")
    weight = tensors["linear.weight"].float().to(device)
    bias = tensors["linear.bias"].float().to(device) if "linear.bias" in tensors else None

    def dense(x: Any) -> Any:
        y = torch.nn.functional.linear(x, weight, bias)
        return y if name == "Identity" else getattr(torch, _ACTIVATIONS[name])(y)

    return dense
