"""What answers questions: the upper layers of a transformer, a mark for the word in question, and a linear head."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, MissingExtraError
from polyalign.core.jit import F32
from polyalign.core.rng import generator
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.encoders.torch_load import text_config
from polyalign.words.supervised.questions import Batch

#: Spread of the weights that a mark begins with, as that of word embeddings.
SPREAD = 0.02
#: Window of what has no layers, where pieces do not see each other.
ANY = 1 << 30
#: What the log odds of similarity are multiplied by at the beginning.
SCALE = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Upper layers that see the marked word and the other side together.

    Args:
        upper: The transformer without its lower layers and its embeddings; None for no layers.
        slot: Where its first layer finds the states it begins with, a list of one.
        own: What is learned besides: ``mark`` (d,), added to the states of the marked word; the head ``weight`` (c, d) and
            ``bias`` (c,), which give every piece of the other side c logits; ``none`` (c, d) and ``none_bias`` (c,), which
            give as many of the marked word itself; and the ``scale`` (c,) of the prior.
        window: Most pieces that the model reads at once.
    """

    upper: Any
    slot: list[Any]
    own: dict[str, Any]
    window: int

    @classmethod
    def build(cls, encoder: str, shared: int, layers: int, outputs: int, dim: int, seed: int) -> Reader:
        """A reader that has learned nothing: its answers are those of the prior.

        Args:
            encoder: Name of the encoder.
            shared: Layers that read each sentence for itself.
            layers: Layers from there on that answer questions.
            outputs: Logits of a piece.
            dim: Dimensions of a state.
            seed: Of the mark.

        Raises:
            ConfigError: Layers are wanted of an encoder that is no transformer, or has no such ones.
            MissingExtraError: Torch or transformers is not installed.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(
                f"learning from gold links needs torch ({error}); install with: pip install 'polyalign[neural]'"
            ) from error
        named = named_encoder(encoder)
        upper, window = _cut(named, named.key, shared, layers) if layers else (None, ANY)
        upper, slot = copy.deepcopy(upper), [None]
        if upper is not None:
            for p in upper.parameters():
                p.requires_grad_(True)
            _layers(upper, named)[0].register_forward_pre_hook(lambda _, args: (slot[0], *args[1:]))
        mark = generator(seed, "mark").normal(scale=SPREAD, size=dim).astype(np.float32)
        device = "cpu" if upper is None else upper.device
        own = {
            "mark": torch.from_numpy(mark),
            "weight": torch.zeros(outputs, dim),
            "bias": torch.zeros(outputs),
            "none": torch.zeros(outputs, dim),
            "none_bias": torch.zeros(outputs),
            "scale": torch.full((outputs,), SCALE),
        }
        return cls(upper, slot, {k: v.to(device).requires_grad_(True) for k, v in own.items()}, window)

    @property
    def layers(self) -> list[Any]:
        """The weights of the layers."""
        return [] if self.upper is None else [p for _, p in self._named()]

    def tensor(self, array: Any) -> Any:
        """An array where the reader is."""
        import torch

        return torch.from_numpy(array).to(self.own["mark"].device)

    def logits(self, batch: Batch) -> tuple[Any, Any]:
        """Those of every piece, shape (b, t, c), and those of there being no answer, shape (b, c)."""
        states, marked, there = (self.tensor(x) for x in (batch.states, batch.marked, batch.there))
        hidden = states + marked[:, :, None] * self.own["mark"]
        if self.upper is not None:
            self.slot[0] = hidden
            hidden = self.upper(inputs_embeds=states, attention_mask=there.long()).last_hidden_state
            self.slot[0] = None
        word = (hidden * marked[:, :, None]).sum(dim=1) / marked.sum(dim=1).clamp(min=1)[:, None]
        own, prior = self.own, self.tensor(batch.prior)
        pieces = hidden @ own["weight"].T + own["bias"] + prior[:, :, None] * own["scale"]
        return pieces, word @ own["none"].T + own["none_bias"]

    def weights(self) -> dict[str, F32]:
        """All that is learned, by name."""
        named = {**self.own, **({} if self.upper is None else {f"layers.{k}": p for k, p in self._named()})}
        return {k: p.detach().float().cpu().numpy() for k, p in named.items()}

    def set_weights(self, weights: dict[str, F32]) -> None:
        """Take over what `weights` gave.

        Raises:
            ValueError: They are those of another model.
        """
        import torch

        named = {**self.own, **({} if self.upper is None else {f"layers.{k}": p for k, p in self._named()})}
        if named.keys() != weights.keys() or any(tuple(p.shape) != weights[k].shape for k, p in named.items()):
            raise ValueError("weights of another model")
        with torch.no_grad():
            for name, p in named.items():
                p.copy_(self.tensor(weights[name]))

    def _named(self) -> list[tuple[str, Any]]:
        return [
            (name, p)
            for name, p in self.upper.named_parameters()
            if not {"embeddings", "pooler"} & set(name.split("."))
        ]


@lru_cache(maxsize=2)
def _cut(encoder: Encoder, key: str, shared: int, layers: int) -> tuple[Any, int]:
    """The upper layers of an encoder's model, and its window; ``key`` changes with the model's files."""
    from polyalign.encoders.tune import model_of

    network = model_of(encoder).network
    model = network.model
    count = int(text_config(model.config).num_hidden_layers)
    if shared + layers > count:
        raise ConfigError(
            f"{encoder.key}: shared = {shared} and layers = {layers} are {shared + layers} layers, but the model has {count}; "
            "lower one of them"
        )
    import torch

    found = _layers(model, encoder)
    _put(model, found, torch.nn.ModuleList(list(found)[shared : shared + layers]))
    text_config(model.config).num_hidden_layers = layers
    # The words of the language are most of the weights, and nobody asks for them here.
    model.set_input_embeddings(torch.nn.Embedding(1, int(text_config(model.config).hidden_size)))
    return model.eval().requires_grad_(False), network.window


def _layers(model: Any, encoder: Encoder) -> Any:
    import torch

    count = text_config(model.config).num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return module
    raise ConfigError(f"{encoder.key}: found no list of {count} layers in the model; choose another encoder")


def _put(model: Any, old: Any, new: Any) -> None:
    for module in model.modules():
        for name, child in list(module.named_children()):
            if child is old:
                setattr(module, name, new)
                return
