"""Texts through a language model, as objectives want them: states of any layer, with what gradients need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32
from polyalign.core.progress import note
from polyalign.encoders.adapters.layers import as_deep, body_of, recorded
from polyalign.encoders.pooling import pool
from polyalign.encoders.torch_load import layer_of, marks, text_config, window_of
from polyalign.models.language_model import LanguageModel


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of tokens.

    Args:
        tokens: Shape (b, t).
        mask: 1 for a token, 0 for padding, shape (b, t).
        own: 1 for a token of the text itself, neither a mark nor padding, shape (b, t).
    """

    tokens: Any
    mask: Any
    own: Any

    @property
    def size(self) -> int:
        """Tokens without the padding."""
        return int(self.mask.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Reads texts through a language model, each between its marks.

    A causal model whose tokenizer puts no mark before a text is given its mark for a beginning, else that for an end: all
    positions attend to the first one, whose state then says nothing of the text (`encode/causal`).

    Args:
        made: The model.
        length: Most tokens of a text, marks included; of a longer one the first are read, which is said once.
        name: The objective's, for messages.
        before: Marks that a text begins with.
        after: Marks that it ends with.
    """

    made: LanguageModel
    length: int
    name: str
    before: list[int]
    after: list[int]
    _said: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, made: LanguageModel, length: int, name: str, *, layer: int | None = None) -> Reader:
        """A reader of so many tokens at most, whose states of a layer are wanted.

        Raises:
            ConfigError: No room for a token between the marks, more tokens than the model reads, or no such layer.
        """
        layer_of(made.model.config, layer)
        check_length(made, length, name)
        before, after = marks(made.tokenizer)
        if made.causal and not before:
            ends = (made.tokenizer.bos_token_id, made.tokenizer.eos_token_id)
            before = [x for x in ends if x is not None][:1]
        if length < len(before) + len(after) + 1:
            raise ConfigError(
                f"{name}: length = {length} leaves no room for a token beside {len(before) + len(after)} marks, expected more; "
                "raise length"
            )
        return cls(made, length, name, before, after)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, without marks, as many as there is room for."""
        return [x for x, _ in self.placed(texts)]

    def placed(self, texts: Sequence[str], *, room: int | None = None) -> list[tuple[list[int], I32]]:
        """The same, and where each token is in its text, shape (t, 2)."""
        room = self.length - len(self.before) - len(self.after) if room is None else room
        coded = self.made.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )  # fmt: skip
        out = []
        for ids, spans in zip(coded["input_ids"], coded["offset_mapping"], strict=True):
            if len(ids) > room and "long" not in self._said:
                self._said.add("long")
                note(f"{self.name}: there are texts of more than {room} tokens, of which the first are read")
            out.append((ids[:room], np.asarray(spans[:room], np.int32).reshape(-1, 2)))
        return out

    def batch(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Rows of tokens, to which the marks are added, side by side."""
        import torch

        whole = [[*self.before, *row, *self.after] for row in rows]
        longest = max(map(len, whole))
        tokens = torch.full((len(whole), longest), self.made.tokenizer.pad_token_id or 0, dtype=torch.long)
        mask, own = torch.zeros_like(tokens), torch.zeros_like(tokens)
        first = len(self.before)
        for k, (row, text) in enumerate(zip(whole, rows, strict=True)):
            tokens[k, : len(row)] = torch.tensor(row, dtype=torch.long)
            mask[k, : len(row)] = 1
            own[k, first : first + len(text)] = 1
        device = self.made.device
        return Batch(tokens.to(device), mask.to(device), own.to(device))

    def states(self, batch: Batch, layer: int | None) -> Any:
        """States of a layer, 0 being the embeddings and none the last, shape (b, t, d)."""
        body = body_of(self.made.model)
        return states(body, batch, [depth_of(body) if layer is None else layer])[0]

    def vectors(self, texts: Sequence[str], layer: int | None, how: str) -> Any:
        """One vector a text: its own tokens' states of a layer, pooled (mean, weighted, last), shape (b, d)."""
        batch = self.batch(self.ids(texts))
        return pool(self.states(batch, layer), batch.own, how)

    def size(self, texts: Sequence[str]) -> int:
        """Tokens that are read of some texts, marks included."""
        return sum(len(x) + len(self.before) + len(self.after) for x in self.ids(texts))


def check_length(made: LanguageModel, length: int, where: str) -> None:
    """Refuse more tokens than a model reads.

    Raises:
        ConfigError: There are more.
    """
    try:
        window_of(made.tokenizer, made.model.config, length)
    except ConfigError:
        raise ConfigError(
            f"{where}: length = {length} is more than the {text_config(made.model.config).max_position_embeddings} positions "
            f"of {made.name}, expected as many at most; lower length"
        ) from None


def depth_of(model: Any) -> int:
    """How many layers a model has."""
    return int(text_config(model.config).num_hidden_layers)


def states(body: Any, batch: Batch, layers: Sequence[int] | None) -> list[Any]:
    """The states of some layers, or of all if none are named, 0 being the embeddings, each of shape (b, t, d).

    Layers above the highest are not run, nor is the head.

    Args:
        body: The model without its head.
        batch: What it reads.
        layers: Which.

    Raises:
        ConfigError: There is no such layer.
    """
    config, depth = text_config(body.config), depth_of(body)
    chosen = list(range(depth + 1)) if layers is None else list(layers)
    for layer in chosen:
        layer_of(config, layer)
    with recorded(body) as found, as_deep(body, max(chosen)):
        out = body(input_ids=batch.tokens, attention_mask=batch.mask, **uncached(config))
    # The last layer's are normalised at the end of some models.
    found[depth:] = [out.last_hidden_state]
    return [found[k] for k in chosen]


def logits_at(made: LanguageModel, batch: Batch, at: Any, *, seen: Any = None) -> Any:
    """What the head makes of the states at some positions, shape (n, v); of all others it makes nothing.

    Args:
        made: The model.
        batch: What it reads.
        at: Which positions, shape (b, t).
        seen: Which position sees which, shape (b, t, t), if it is not all that there are.
    """
    import torch

    def only(_: Any, __: Any, out: Any) -> Any:
        out["last_hidden_state"] = out["last_hidden_state"][at][None]
        return out

    mask, dtype = batch.mask, made.model.dtype
    if seen is not None:
        mask = torch.where(seen[:, None], 0.0, torch.finfo(dtype).min).to(dtype)
    handle = body_of(made.model).register_forward_hook(only)
    try:
        named = uncached(text_config(made.model.config))
        return made.model(input_ids=batch.tokens, attention_mask=mask, **named).logits[0]
    finally:
        handle.remove()


def uncached(config: Any) -> dict[str, Any]:
    """What keeps a model from keeping its states for generation."""
    return {"use_cache": False} if getattr(config, "use_cache", False) else {}
