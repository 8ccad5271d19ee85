"""Contrastive tuning of a transformer encoder: pairs closer to each other than to the rest of their batch."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.jit import F32
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.core.space import unit
from polyalign.encoders.contrast import alike, infonce
from polyalign.encoders.descent import descend
from polyalign.encoders.e5 import E5, PREFIXES
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.model_files import identity, locate
from polyalign.encoders.pooling import Head, transformer_module
from polyalign.encoders.torch_load import layer_of, quiet, shorten
from polyalign.encoders.torch_run import Network
from polyalign.encoders.transformer import Transformer, loaded

#: Most tokens of a text that it is tuned on; encoding reads all of them.
TOKENS = 128
#: Texts encoded between two steps of the progress bar.
CHUNK = 256


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A transformer with what makes sentence vectors of it.

    Args:
        network: The transformer.
        head: Pooling and what comes after.
        prefix: Put before each text.
        folder: Where it was read from; none for the wheel's.
    """

    network: Network
    head: Head
    prefix: str
    folder: Path | None

    def encode(self, texts: Sequence[str], *, label: str = "encode") -> F32:
        """One unit vector a text, shape (n, d); zeros for an empty one. Nothing is cached."""
        distinct = sorted({t for t in texts if t.strip()}, key=lambda t: (-len(t), t))
        rows: dict[str, F32] = {}
        with track(label, total=len(distinct), unit="texts") as progress:
            for a in range(0, len(distinct), CHUNK):
                some = distinct[a : a + CHUNK]
                rows |= dict(zip(some, unit(self.network.pooled(some, self.prefix, self.head)), strict=True))
                progress.advance(len(some))
        dim = len(next(iter(rows.values()))) if rows else self.network.dim
        out = np.zeros((len(texts), dim), np.float32)
        for i, text in enumerate(texts):
            if text in rows:
                out[i] = rows[text]
        return out

    def write(self, folder: Path) -> None:
        """Write it as a folder that ``encode/transformer`` reads."""
        if self.folder is None:
            from polyalign.encoders.e5_torch import write_torch_model

            with quiet():
                write_torch_model(folder, self.network.model, self.network.tokenizer)
            return
        inner = transformer_module(self.folder)[0] if (self.folder / "modules.json").is_file() else self.folder

        def weights(at: str, names: list[str]) -> list[str]:
            old = (".safetensors", ".bin", ".index.json")
            return [n for n in names if n.endswith(old)] if Path(at) == inner else []

        shutil.copytree(self.folder, folder, ignore=weights, dirs_exist_ok=True)
        with quiet():
            self.network.model.save_pretrained(folder / inner.relative_to(self.folder))


def model_of(encoder: Encoder) -> Model:
    """A copy of an encoder's model, to be tuned.

    Raises:
        ConfigError: The encoder is no transformer, or less than a whole one.
        MissingExtraError: Torch or transformers is not installed.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"tuning an encoder needs torch and transformers ({error}); install with: pip install 'polyalign[neural]', "
            "or tune the head only"
        ) from error
    if getattr(encoder, "layer", None) is not None or not isinstance(encoder, (E5, Transformer)):
        raise ConfigError(
            f"{encoder.key}: only e5 or an encode/transformer can be tuned, and with all its layers; "
            "choose another encoder, or tune the head only"
        )
    if isinstance(encoder, E5):
        from polyalign.encoders.e5_torch import torch_model

        model, tokenizer = torch_model()
        network = Network(model=model, tokenizer=tokenizer, layer=None, window=512, before=[0], after=[2], causal=False)
        return Model(network, Head.of(encoder.pooling), PREFIXES[encoder.prefix], None)
    network, head = loaded(encoder, identity(encoder.model))
    if network.model.config.is_encoder_decoder or network.model.config.model_type in ("t5", "mt5", "umt5"):
        raise ConfigError(
            f"{encoder.key}: the encoder of a model that also has a decoder cannot be tuned; tune the head only"
        )
    # The one that was loaded is also used to encode.
    own = Network(
        model=copy.deepcopy(network.model).float(),
        tokenizer=network.tokenizer,
        layer=None,
        window=network.window,
        before=network.before,
        after=network.after,
        causal=False,
        lower=network.lower,
    )
    return Model(own, head, encoder.prefix, locate(encoder.model))


def tune(
    encoder: Encoder,
    src: Sequence[str],
    tgt: Sequence[str],
    *,
    steps: int = 200,
    batch: int = 32,
    learning_rate: float = 2e-5,
    temperature: float = 0.05,
    seed: int = 1,
) -> Model:
    """Tune a copy of an encoder's model on pairs that translate each other.

    The loss of a batch is the cross entropy of finding each sentence's partner among the other side's sentences by
    ``softmax(cos / temperature)``, the mean of both directions (InfoNCE); sentences of the same text are no negatives of
    each other. The optimiser is AdamW, its rate rising over the first tenth of the steps and falling to 0 in a line.

    **Differs:** word embeddings stay as they are, four fifths of the weights of a small multilingual model, which few
    pairs would only spoil; and there is no dropout, so that a seed gives the same weights again on the same number of
    threads. Of texts of more than 128 tokens the first are read.

    Args:
        encoder: e5 or a transformer.
        src: Source sentences.
        tgt: The translation of each.
        steps: Batches.
        batch: Pairs in a batch.
        learning_rate: Highest rate.
        temperature: What cosines are divided by.
        seed: Of the batches.

    Returns:
        The tuned model.

    Raises:
        DataError: Fewer than two pairs, or sides of different lengths.
        ConfigError: As `model_of`.
        MissingExtraError: As `model_of`.

    References: oord2018representation
    """
    if len(src) != len(tgt) or len(src) < 2:
        raise DataError(
            f"tune: found {len(src)} source and {len(tgt)} target sentences, expected as many, and at least two"
        )
    made = model_of(encoder)
    network = made.network
    weights = trainable(network.model)
    sides = [network.pieces(side, made.prefix).ids for side in (src, tgt)]
    random, order = generator(seed, "tune"), np.zeros(0, np.int64)
    size = min(batch, len(src))

    def loss() -> Any:
        nonlocal order
        if len(order) < size:
            order = random.permutation(len(src))
        some, order = order[:size].tolist(), order[size:]
        x, y = (_states(made, [side[i] for i in some]) for side in sides)
        return _loss(x, y, [src[i] for i in some], [tgt[i] for i in some], temperature)

    descend(loss, weights, steps=steps, learning_rate=learning_rate, label="tune")
    return made


def whole(folder: Path, prefix: str) -> Model:
    """A model that was written before, to be used as it is.

    Raises:
        DataError: The folder has no such model.
    """
    network, head = loaded(Transformer(str(folder), prefix=prefix), identity(str(folder)))
    return Model(network, head, prefix, folder)


def up_to(network: Network, layer: int | None) -> Network:
    """A network that gives the states of one layer, none for the last, and runs none of those above the next.

    Its weights are the same tensors: tuning one tunes the other.

    Raises:
        ConfigError: There is no such layer.
    """
    shared = {id(t): t for t in (*network.model.parameters(), *network.model.buffers())}
    model = copy.deepcopy(network.model, shared)
    layer = layer_of(model.config, layer)
    shorten(model, layer)
    return replace(network, model=model, layer=layer)


def trainable(model: Any) -> list[Any]:
    """A model's weights but those of the embeddings; none of them needs gradients yet."""
    for p in model.parameters():
        p.requires_grad_(False)
    return [p for name, p in model.named_parameters() if "embeddings" not in name]


def padded(network: Network, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Rows of tokens as one tensor, with the mask that tells them from padding, both of shape (b, t)."""
    import torch

    longest = max(map(len, rows))
    tokens = torch.full((len(rows), longest), network.tokenizer.pad_token_id or 0, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for k, row in enumerate(rows):
        tokens[k, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[k, : len(row)] = 1
    return tokens.to(network.model.device), mask.to(network.model.device)


def _states(model: Model, ids: Sequence[Any]) -> Any:
    """Unit vectors of tokens' texts, with what is needed for gradients, shape (b, d)."""
    import torch

    network = model.network
    room = min(TOKENS, network.window - len(network.before) - len(network.after))
    rows = [[*network.before, *x[:room].tolist(), *network.after] for x in ids]
    tokens, mask = padded(network, rows)
    hidden = network.model(input_ids=tokens, attention_mask=mask).last_hidden_state
    return torch.nn.functional.normalize(model.head(hidden, mask), dim=1)


def _loss(x: Any, y: Any, src: Sequence[str], tgt: Sequence[str], temperature: float) -> Any:
    """InfoNCE of both directions."""
    return infonce(x, y, temperature=temperature, same=alike(src, tgt))
