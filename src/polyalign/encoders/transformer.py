"""Any encoder of the Hugging Face kind, pooled as its sentence-transformers folder says, or as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32
from polyalign.encoders import pooling as pools
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.hidden_states import HiddenStates
from polyalign.encoders.model_files import identity, locate, read_json
from polyalign.encoders.torch_load import layer_of, load, marks, place, shorten, weights_there, window_of
from polyalign.encoders.torch_run import Network


@dataclass(frozen=True, slots=True)
class Transformer(HiddenStates):
    """Encode with any encoder of the Hugging Face kind: LaBSE, E5, XLM-R, mBERT, Glot500, the encoder of mT5.

    A sentence's vector is pooled from its tokens' hidden states. No text is cut: one that is longer than the window is
    read in windows, whose vectors are averaged by their numbers of tokens; a token's vector comes from the window where
    it is furthest from an edge. Texts are batched by length, so that there is little padding.

    Args:
        layer: Layer whose hidden states are taken, 0 being the embeddings; none for the last. For tokens of XLM-R and
            mBERT, layer 8 is a good one.
        pooling: What is made of the hidden states. auto does what the folder's own modules.json says (pooling, dense,
            normalize), or takes the mean where there is none or a layer is named.

    References: devlin2019bert, feng2022language, reimers2019sentence
    """

    pooling: Literal["auto", "mean", "cls", "max", "weighted", "last"] = "auto"

    @property
    def key(self) -> str:
        """The model with its files' sizes and times, and every setting but the device."""
        return f"transformer {self.source()} {self.pooling}"

    @property
    def dim(self) -> int:
        """As many as the model's hidden states have, or its last dense module."""
        folder = locate(self.model)
        modules = pools.dense_modules(folder) if self._modules(folder) else []
        if modules:
            return int(read_json(modules[-1] / "config.json")["out_features"])
        return int(_config(folder, identity(self.model)).hidden_size) * (
            len(pools.modes(folder)) if self._modules(folder) else 1
        )

    def vectors(self, texts: Sequence[str]) -> F32:
        """Pooled hidden states, shape (n, d)."""
        network, head = loaded(self, identity(self.model))
        return network.pooled(texts, self.prefix, head)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Hidden states of the tokens of each text; those of the prefix and the marks around it are left out."""
        return loaded(self, identity(self.model))[0].tokens(texts, self.prefix)

    def tokens_at(self, texts: Sequence[str], layers: Sequence[int]) -> list[Tokens]:
        """The same in several layers, in one pass as deep as the deepest."""
        network = loaded(replace(self, layer=max(layers)), identity(self.model))[0]
        return network.tokens_at(texts, self.prefix, layers)

    @property
    def depth(self) -> int:
        """As many as the model has."""
        return int(_config(locate(self.model), identity(self.model)).num_hidden_layers)

    def _modules(self, folder: Path) -> bool:
        return self.pooling == "auto" and self.layer is None and (folder / "modules.json").is_file()


@lru_cache(maxsize=8)
def _config(folder: Path, same: str) -> Any:
    from transformers import AutoConfig

    config = load(AutoConfig, folder, "its configuration")
    return config.get_text_config(encoder=True) if config.is_encoder_decoder else config.get_text_config()


@lru_cache(maxsize=2)
def loaded(encoder: Transformer, same: str) -> tuple[Network, pools.Head]:
    """The model and what pools its states; ``same`` changes with the model's files."""
    import torch
    from transformers import AutoModel, AutoModelForTextEncoding, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

    folder = locate(encoder.model)
    if not folder.is_dir():
        raise ConfigError(f"model {encoder.model!r}: is a file, expected a folder; a .gguf file is for encode/causal")
    device = place(encoder.device)
    inner: Path = folder
    settings: dict[str, Any] = {}
    if encoder._modules(folder):
        inner, settings = pools.transformer_module(folder)
    config = _config(inner, same)
    kind = AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel
    tokenizer = load(AutoTokenizer, inner, "its tokenizer")
    model, report = load(kind, inner, "the model", dtype=getattr(torch, encoder.dtype), output_loading_info=True)
    weights_there(inner, report)
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    layer = layer_of(model.config, encoder.layer)
    shorten(model, layer)
    before, after = marks(tokenizer)
    network = Network(
        model=model.eval().to(device),
        tokenizer=tokenizer,
        layer=layer,
        window=window_of(tokenizer, model.config, encoder.window or settings.get("max_seq_length")),
        before=before,
        after=after,
        causal=False,
        lower=bool(settings.get("do_lower_case")),
    )
    head = pools.head_of(folder, device) if encoder._modules(folder) else pools.Head.of(encoder.pooling)
    return network, head
