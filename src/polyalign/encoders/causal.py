"""Hidden states of causal language models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F32
from polyalign.encoders.adapters.artefact import attach_kept
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.hidden_states import HiddenStates
from polyalign.encoders.model_files import identity, locate
from polyalign.encoders.pooling import pool
from polyalign.encoders.torch_load import (
    layer_of,
    load,
    marks,
    place,
    shorten,
    text_config,
    weights_there,
    window_of,
)
from polyalign.encoders.torch_run import Network

#: A state so many times as long as the median one of its text is an attention sink.
SINK = 10.0


@dataclass(frozen=True, slots=True)
class Causal(HiddenStates):
    """Encode with the hidden states of a causal language model, from a folder, a name on the hub or a GGUF file.

    A sentence's vector is the mean of its tokens' states in which the k-th token weighs k, since a later token has seen
    more of the sentence, ``sum k h_k / sum k``.

    **Differs:** from SGPT and MEXA by leaving out attention sinks. All tokens of a causal model attend to the first, for
    want of anything better, and its state is like no other: in SmolLM2 it is 20,500 long, others a few hundred, so that a
    mean over all positions says little but that.

    Args:
        model: Folder of the model, its name on the Hugging Face hub, or a .gguf file.
        layer: Layer whose hidden states are taken, 0 being the embeddings; none for the one at two thirds of the height:
            the middle ones agree across languages, the last only on what comes next.
        pooling: What is made of the hidden states: a mean in which later tokens weigh more, a plain one, or the last.
        drop_sink: Have a text begin with the model's mark for that, or for the end if it has no other, and leave out its
            state and any that is ten times as long as the median of the text.
        window: Most tokens read at once; none for as many as the model can, but no more than 2,048.

    References: muennighoff2022sgpt, kargaran2025mexa, xiao2024efficient
    """

    pooling: Literal["weighted", "mean", "last"] = "weighted"
    drop_sink: bool = True

    @property
    def key(self) -> str:
        """The model with its files' sizes and times, and every setting but the device."""
        return f"causal {self.source()} {self.pooling} {self.drop_sink}"

    @property
    def dim(self) -> int:
        """As many as the model's hidden states have."""
        return int(_configured(self.model, identity(self.model)).hidden_size)

    def vectors(self, texts: Sequence[str]) -> F32:
        """Pooled hidden states, shape (n, d)."""
        return _loaded(self, identity(self.model)).pooled(texts, self.prefix, self._pool)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Hidden states of the tokens of each text; those of the prefix and of marks are left out."""
        return _loaded(self, identity(self.model)).tokens(texts, self.prefix)

    def tokens_at(self, texts: Sequence[str], layers: Sequence[int]) -> list[Tokens]:
        """The same in several layers, in one pass as deep as the deepest."""
        network = _loaded(replace(self, layer=max(layers)), identity(self.model))
        return network.tokens_at(texts, self.prefix, layers)

    @property
    def depth(self) -> int:
        """As many as the model has."""
        return int(_configured(self.model, identity(self.model)).num_hidden_layers)

    def _pool(self, hidden: Any, mask: Any) -> Any:
        if self.drop_sink:
            mask = without_sinks(hidden, mask)
        return pool(hidden, mask, self.pooling)


def without_sinks(hidden: Any, mask: Any) -> Any:
    """The mask without the first position and those whose states are far too long; a lone position stays."""
    import torch

    length = torch.linalg.vector_norm(hidden.float(), dim=2)
    length = length.masked_fill(mask == 0, torch.nan)
    kept = mask * (length <= SINK * length.nanmedian(dim=1, keepdim=True).values)
    kept[:, 0] = 0
    return torch.where(kept.sum(dim=1, keepdim=True) > 0, kept, mask)


@lru_cache(maxsize=8)
def _configured(model: str, same: str) -> Any:
    from transformers import AutoConfig

    return text_config(load(AutoConfig, readable(model), "its configuration"))


def readable(model: str) -> Path:
    """Where a model is, if what reads it is installed.

    Raises:
        MissingExtraError: It is not.
    """
    path = locate(model)
    lack = [m for m in ("accelerate", "gguf") if path.is_file() and find_spec(m) is None]
    if lack:
        raise MissingExtraError(
            f"{path}: to read it needs {', '.join(lack)}; install with: pip install {' '.join(lack)}"
        )
    return path


@lru_cache(maxsize=2)
def _loaded(encoder: Causal, same: str) -> Network:
    """The model; ``same`` changes with its files."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = readable(encoder.model)
    device = place(encoder.device)
    tokenizer = load(AutoTokenizer, path, "its tokenizer")
    model, report = load(
        AutoModelForCausalLM, path, "the model", dtype=getattr(torch, encoder.dtype), output_loading_info=True
    )
    weights_there(path, report)
    attach_kept(model, path)
    # Without the head: scores of all words of a vocabulary at every position would take gigabytes.
    model = model.base_model
    middle = round(2 / 3 * text_config(model.config).num_hidden_layers)
    layer = layer_of(model.config, middle if encoder.layer is None else encoder.layer)
    shorten(model, layer)
    before, after = marks(tokenizer)
    if encoder.drop_sink and not before:
        first = next((x for x in (tokenizer.bos_token_id, tokenizer.eos_token_id) if x is not None), None)
        before = [] if first is None else [first]
    return Network(
        model=model.eval().to(device),
        tokenizer=tokenizer,
        layer=layer,
        window=min(window_of(tokenizer, model.config, encoder.window), encoder.window or 2048),
        before=before,
        after=after,
        causal=True,
    )
