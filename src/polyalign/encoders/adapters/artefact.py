"""Adapters apart from the model that they are for: kept in a folder of their own, attached, stacked, swapped, taken off."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import whole_folder
from polyalign.encoders.adapters.blocks import Activation, bottleneck, coupling
from polyalign.encoders.adapters.layers import layers_of
from polyalign.encoders.torch_load import text_config

#: The files of a folder of adapters, and the folder of a model's own, beside its weights.
WEIGHTS, SETTINGS, KEPT = "adapters.safetensors", "adapters.json", "adapters"
#: What is attached to a model, lowest first.
_ATTACHED: WeakKeyDictionary[Any, list[Adapters]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Shape:
    """What adapters are like, and the model that they fit.

    Args:
        width: Of the model's states.
        depth: Its layers.
        bottleneck: How many times narrower than the states the adapters after the layers are; 0 for none.
        invertible: How many times narrower than half a vector those of the embeddings are; 0 for none.
        activation: Of both.
    """

    width: int
    depth: int
    bottleneck: int
    invertible: int
    activation: Activation


@dataclass(frozen=True, slots=True, eq=False)
class Adapters:
    """Adapters of a language, or of a task, for models of one shape.

    Args:
        shape: What they are like.
        model: What they were trained with, for messages.
        modules: ``layers``, a bottleneck a layer, and ``embeddings``, an invertible change of them; a torch module dict.
    """

    shape: Shape
    model: str
    modules: Any

    @classmethod
    def new(cls, shape: Shape, *, model: str, seed: int) -> Adapters:
        """Adapters that change nothing yet.

        Raises:
            ConfigError: Invertible ones for vectors of an odd width.
        """
        import torch

        if shape.invertible and shape.width % 2:
            raise ConfigError(
                f"{model}: has states of {shape.width} dimensions, expected an even number to halve; leave out the invertible adapters"
            )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            parts: dict[str, Any] = {}
            if shape.bottleneck:
                some = (bottleneck(shape.width, shape.bottleneck, shape.activation) for _ in range(shape.depth))
                parts["layers"] = torch.nn.ModuleList(some)
            if shape.invertible:
                parts["embeddings"] = coupling(shape.width, shape.invertible, shape.activation)
        return cls(shape, model, torch.nn.ModuleDict(parts))

    def state(self) -> dict[str, Any]:
        """Their weights by name, on the CPU."""
        return {name: x.detach().cpu().contiguous() for name, x in self.modules.state_dict().items()}

    def with_state(self, state: Mapping[str, Any]) -> Adapters:
        """Adapters of the same kind with other weights.

        Raises:
            DataError: They lack some, or are of another shape.
        """
        made = Adapters.new(self.shape, model=self.model, seed=0)
        try:
            made.modules.load_state_dict(dict(state))
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise DataError(
                f"adapters of {self.model}: weights of another kind ({said}); use those of one kind"
            ) from None
        return made

    def save(self, folder: Path) -> None:
        """Write them to a folder, whole or not at all.

        Raises:
            DataError: The folder is there already and not empty, or cannot be written.
        """
        from safetensors.torch import save_file

        said = {"polyalign": "adapters", "model": self.model, **asdict(self.shape)}
        with whole_folder(folder, "the adapters") as part:
            save_file(self.state(), part / WEIGHTS)
            (part / SETTINGS).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Adapters:
        """Read them from a folder.

        Raises:
            DataError: There are none, or they are damaged.
        """
        from safetensors.torch import load_file

        try:
            said = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            if said.pop("polyalign") != "adapters":
                raise KeyError("adapters")
            model = said.pop("model")
            empty = cls.new(Shape(**said), model=model, seed=0)
            state = load_file(folder / WEIGHTS)
        except (DataError, ConfigError):
            raise
        except Exception as error:
            raise DataError(
                f"{folder}: found no adapters that can be read ({type(error).__name__}: {error}), expected {SETTINGS} and "
                f"{WEIGHTS}; check the folder"
            ) from None
        return empty.with_state(state)


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """Adapters on a model, until they are taken off."""

    model: Any
    adapters: tuple[Adapters, ...]
    handles: list[Any] = field(default_factory=list)

    def remove(self) -> None:
        """Take them off; the model is what it was."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        _ATTACHED.pop(self.model, None)


def attach(model: Any, *adapters: Adapters) -> Attachment:
    """Put adapters on a model: a language's first, a task's on top of it.

    After each layer its states go through the bottlenecks in that order; embeddings through the invertible changes, and what
    the head reads through their inverses, the last first.

    Args:
        model: A causal or masked language model of transformers.
        adapters: One or several, the lowest first.

    Raises:
        ConfigError: They are for models of another shape, or the model has some already.
    """
    config = text_config(model.config)
    width, depth = int(config.hidden_size), int(config.num_hidden_layers)
    for some in adapters:
        if (some.shape.width, some.shape.depth) != (width, depth):
            raise ConfigError(
                f"adapters of {some.model}: are for {some.shape.depth} layers of {some.shape.width} dimensions, found a model of "
                f"{depth} layers of {width}; use those of this model"
            )
    if attached_to(model):
        raise ConfigError(
            "adapters: the model has some already, expected none; take those off, or attach all of them together"
        )
    for some in adapters:
        some.modules.to(device=model.device, dtype=model.dtype)
    out = Attachment(model, adapters)
    layered = [some.modules["layers"] for some in adapters if some.shape.bottleneck]
    # First of the hooks, so that whoever reads a layer's states reads what the next layer is given.
    if layered:
        for k, layer in enumerate(layers_of(model)):
            out.handles.append(layer.register_forward_hook(_through([x[k] for x in layered]), prepend=True))
    if changes := [some.modules["embeddings"] for some in adapters if some.shape.invertible]:
        out.handles.append(model.get_input_embeddings().register_forward_hook(_through(changes), prepend=True))
        out.handles.append(model.get_output_embeddings().register_forward_pre_hook(_back(changes)))
    _ATTACHED[model] = list(adapters)
    return out


@contextlib.contextmanager
def attached(model: Any, *adapters: Adapters) -> Iterator[None]:
    """Have adapters on a model while the context lasts."""
    attachment = attach(model, *adapters)
    try:
        yield
    finally:
        attachment.remove()


def attached_to(model: Any) -> list[Adapters]:
    """The adapters on a model, the lowest first."""
    return list(_ATTACHED.get(model, ()))


def keep(model: Any, folder: Path) -> None:
    """Write the adapters on a model into the model's folder, each a folder that can be taken out and used elsewhere."""
    for number, some in enumerate(attached_to(model)):
        some.save(folder / KEPT / str(number))


def attach_kept(model: Any, path: Path) -> None:
    """Put those adapters on a model that its folder has, if any."""
    # Other libraries keep adapters under that name too, by names of their own.
    folders = [folder for folder in (path / KEPT).glob("*") if folder.name.isdecimal()]
    if folders := sorted(folders, key=lambda folder: int(folder.name)):
        attach(model, *(Adapters.load(folder) for folder in folders))


def _through(modules: list[Any]) -> Any:
    def hook(_: Any, __: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        for module in modules:
            hidden = module(hidden)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    return hook


def _back(changes: list[Any]) -> Any:
    def hook(_: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = args[0]
        for change in reversed(changes):
            hidden = change.inverse(hidden)
        return (hidden, *args[1:])

    return hook
