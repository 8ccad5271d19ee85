"""Sentence vectors of every layer of a model, for measures that look at all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.progress import note, track
from polyalign.encoders.causal import SINK, Causal, _loaded
from polyalign.encoders.e5 import E5, PREFIXES, WINDOW, _model
from polyalign.encoders.e5_file import normalise
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.hidden_states import HiddenStates
from polyalign.encoders.model_files import identity
from polyalign.encoders.pooling import pool
from polyalign.encoders.torch_load import marks
from polyalign.encoders.torch_run import Network
from polyalign.encoders.transformer import Transformer, loaded

Pooling: TypeAlias = Literal["weighted", "last", "mean"]
#: Of some windows: their numbers; of each pooling and layer their vectors, (poolings, layers, b, d); of each layer how
#: many times the longest state is as long as the median one, (layers, b).
_Batch: TypeAlias = tuple[list[int], F32, F32]


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Sentence vectors of every layer of a model, the embeddings first.

    Args:
        vectors: By pooling, of each layer one row a text, shape (n, d); not scaled to length 1.
        longest: Of each layer, how many times the longest state is as long as the median one of its text, the greatest
            of all texts, shape (layers,). Above 10 the layer has attention sinks.
    """

    vectors: Mapping[str, list[F32]]
    longest: F32


def layer_vectors(
    encoder: Encoder, texts: Sequence[str], *, pooling: Pooling = "weighted", drop_sink: bool = True
) -> list[F32]:
    """The vectors of one pooling; see `pooled_layers`.

    Returns:
        Of each layer, the embeddings first, shape (n, d).
    """
    return list(pooled_layers(encoder, texts, [pooling], drop_sink=drop_sink).vectors[pooling])


def pooled_layers(
    encoder: Encoder, texts: Sequence[str], poolings: Sequence[Pooling] = ("weighted",), *, drop_sink: bool = True
) -> Layers:
    """Pool every layer's hidden states in each of several ways, in one pass over the model.

    With states h_k of a text's T positions: weighted is ``sum k h_k / sum k``, as later tokens of a causal model have
    seen more of the text; mean is ``sum h_k / T``; last is ``h_T``. Texts longer than the model's window are read in
    windows, whose vectors count by their tokens.

    Args:
        encoder: `e5`, a transformer or a causal model, whose own layer and pooling do not matter; an encoder without
            layers gives the one vector it has.
        texts: n texts; an empty one has zeros.
        poolings: weighted, last, mean.
        drop_sink: Leave out states ten times as long as the median one of their text; a text of a causal model then
            begins with the model's mark for that, which is left out as well. Without, all positions are pooled as the
            tokenizer gives them, and a layer where one is so long is told of.

    Returns:
        The vectors, and how long the longest states are.

    Raises:
        ConfigError: The encoder has layers that cannot be read, or a pooling is none of these.

    Complexity: One forward pass; O(layers n d) memory for each pooling.

    References: muennighoff2022sgpt, kargaran2025mexa, xiao2024efficient
    """
    for how in poolings:
        if how not in ("weighted", "last", "mean"):
            raise ConfigError(f"pooling {how!r}: expected weighted, last or mean")
    if encoder.depth == 0:
        rows = encoder.encode(texts)
        return Layers({how: [rows] for how in poolings}, np.ones(1, np.float32))
    owners, sizes, batches = _open(encoder, texts, poolings, drop_sink)
    out: F32 | None = None
    total = np.zeros(len(texts))
    longest = np.ones(encoder.depth + 1, np.float32)
    with track("layers", total=len(owners), unit="texts") as progress:
        for members, rows, ratios in batches:
            if out is None:
                out = np.zeros((*rows.shape[:2], len(texts), rows.shape[3]), np.float32)
            for k, window in enumerate(members):
                size = max(1, int(sizes[window]))
                out[:, :, owners[window]] += rows[:, :, k] * size
                total[owners[window]] += size
            longest = np.maximum(longest, ratios.max(axis=1))
            progress.advance(len(members))
    if out is None:
        out = np.zeros((len(poolings), encoder.depth + 1, len(texts), encoder.dim), np.float32)
    out /= np.maximum(total, 1).astype(np.float32)[:, None]
    # Of a text without any there would be the states of what is put around it.
    out[:, :, [not t.strip() for t in texts]] = 0
    if not drop_sink:
        _tell(encoder, longest)
    return Layers({how: list(out[k]) for k, how in enumerate(poolings)}, longest)


def _tell(encoder: Encoder, longest: F32) -> None:
    sinks = np.flatnonzero(longest > SINK)
    if len(sinks):
        name = Path(encoder.model).name if isinstance(encoder, HiddenStates) else encoder.key.split()[0]
        note(
            f"{name}: in {len(sinks)} of {len(longest)} layers, from layer {sinks[0]} on, a position's state is up to "
            f"{longest.max():,.0f} times as long as the median one of its text, an attention sink; pooled over, it "
            "outweighs all others; leave it out with drop_sink"
        )


def _open(
    encoder: Encoder, texts: Sequence[str], poolings: Sequence[Pooling], drop_sink: bool
) -> tuple[I64, I64, Iterator[_Batch]]:
    """The text of each window, its number of tokens, and the batches to come."""
    if isinstance(encoder, E5):
        return _open_e5(encoder, texts, poolings, drop_sink)
    if not isinstance(encoder, HiddenStates):
        raise ConfigError(
            f"{encoder.key}: the layers of this kind of encoder cannot be read, expected e5, a transformer or a causal model"
        )
    network = network_of(encoder, drop_sink=drop_sink)
    pieces = network.pieces(texts, encoder.prefix)
    windows = network.windows(pieces)
    shape = np.array(windows, np.int64).reshape(-1, 3)
    passes = network._batches(pieces, windows, range(encoder.depth + 1))
    batches = (_pooled(network, *one, poolings, drop_sink) for one in passes)
    return shape[:, 0], shape[:, 2] - shape[:, 1], batches


def network_of(encoder: HiddenStates, *, drop_sink: bool) -> Network:
    """The whole network of a transformer or causal model, loaded once whatever layer, pooling and sink are asked for.

    Args:
        encoder: The encoder.
        drop_sink: Whether texts of a causal model begin with its mark for that, even if the tokenizer gives none.

    Raises:
        ConfigError: It is of another kind.
    """
    if isinstance(encoder, Causal):
        plain = replace(encoder, layer=encoder.depth, pooling="weighted", drop_sink=True, prefix="")
        network = _loaded(plain, identity(encoder.model))
        return network if drop_sink else replace(network, before=marks(network.tokenizer)[0])
    if not isinstance(encoder, Transformer):
        raise ConfigError(f"{encoder.key}: expected a transformer or a causal model")
    return loaded(replace(encoder, layer=encoder.depth, pooling="mean", prefix=""), identity(encoder.model))[0]


def _pooled(
    network: Network, members: list[int], states: Sequence[Any], mask: Any, poolings: Sequence[Pooling], drop_sink: bool
) -> _Batch:
    import torch

    rows, longest = [], []
    for hidden in states:
        ratio = torch.linalg.vector_norm(hidden.float(), dim=2).masked_fill(mask == 0, torch.nan)
        ratio = ratio / ratio.nanmedian(dim=1, keepdim=True).values.clamp(min=1e-30)
        longest.append(ratio.nan_to_num(0).amax(dim=1))
        kept = mask
        if drop_sink:
            kept = mask * (ratio <= SINK)
            if network.causal:
                kept[torch.arange(len(kept), device=kept.device), mask.argmax(dim=1)] = 0
            kept = torch.where(kept.sum(dim=1, keepdim=True) > 0, kept, mask)
        rows.append(torch.stack([pool(hidden, kept, how).float() for how in poolings]))
    vectors = np.asarray(torch.stack(rows, dim=1).cpu().numpy(), np.float32)
    return members, vectors, np.asarray(torch.stack(longest).cpu().numpy(), np.float32)


def _open_e5(
    encoder: E5, texts: Sequence[str], poolings: Sequence[Pooling], drop_sink: bool
) -> tuple[I64, I64, Iterator[_Batch]]:
    model = _model()
    plain = [normalise(PREFIXES[encoder.prefix] + t, model.file.characters) for t in texts]
    owners, windows = [], []
    for i, encoding in enumerate(model.tokenizer.encode_batch_fast(plain) if plain else []):
        for a in range(0, max(1, len(encoding.ids)), WINDOW):
            owners.append(i)
            windows.append(encoding.ids[a : a + WINDOW])

    def batches() -> Iterator[_Batch]:
        at = 0
        for states, offsets in model.hidden(windows, range(encoder.depth + 1)):
            found = [_segments(hidden, offsets, poolings, drop_sink) for hidden in states]
            count = len(offsets) - 1
            yield list(range(at, at + count)), np.stack([f[0] for f in found], axis=1), np.stack([f[1] for f in found])
            at += count

    return np.array(owners, np.int64), np.array([len(w) for w in windows], np.int64), batches()


def _segments(hidden: F32, offsets: I64, poolings: Sequence[Pooling], drop_sink: bool) -> tuple[F32, F32]:
    """Vectors of runs of states laid end to end, (poolings, b, d), and the longest of each over its median one, (b,)."""
    starts, counts = offsets[:-1], np.diff(offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    length = np.linalg.norm(hidden, axis=1)
    # The lower of two medians, as torch has it.
    medians = length[np.lexsort((length, owner))][starts + (counts - 1) // 2]
    ratio = length / np.maximum(medians, 1e-30)[owner]
    kept: F64 = (ratio <= SINK if drop_sink else np.ones(len(ratio))).astype(np.float64)
    out = []
    for how in poolings:
        weight = kept
        if how == "weighted":
            before = np.cumsum(kept) - kept
            weight = kept * (np.cumsum(kept) - before[starts][owner])
        elif how == "last":
            weight = np.zeros(len(kept))
            rank = kept * (1 + np.arange(len(kept)))
            weight[np.maximum.reduceat(rank, starts).astype(np.int64) - 1] = 1
        share = (weight / np.add.reduceat(weight, starts)[owner]).astype(np.float32)
        out.append(np.add.reduceat(hidden * share[:, None], starts, axis=0))
    return np.stack(out), np.maximum.reduceat(ratio, starts).astype(np.float32)
