"""The residual stream of a transformer: what its layers give out, read and changed by hooks."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F32
from polyalign.core.progress import track
from polyalign.encoders.causal import SINK
from polyalign.encoders.encoder import clean
from polyalign.encoders.torch_load import beginning, limit_threads, marks, text_config, window_of
from polyalign.encoders.torch_run import BATCH
from polyalign.models.language_model import LanguageModel

#: Which positions: the last one of a prompt, or all but the first and other attention sinks.
Position = Literal["last", "all"]
#: ``(layer, hidden, at) -> hidden``: layer from 0, states of shape (b, t, d), positions of shape (b, t), some at least.
Visit: TypeAlias = Callable[[int, Any, Any], Any]


def layers_of(model: Any) -> list[Any]:
    """The layers of a transformer in their order, decoder or encoder.

    Raises:
        ConfigError: It has none that are found.
    """
    import torch

    count = int(text_config(model.config).num_hidden_layers)
    for module in model.base_model.modules():
        for child in module.children():
            if isinstance(child, torch.nn.ModuleList) and len(child) == count:
                return list(child)
    raise ConfigError(
        f"{type(model).__name__}: found no list of its {count} layers, expected a transformer that has one; choose another model"
    )


@contextlib.contextmanager
def visited(model: Any, position: Position, visit: Visit) -> Iterator[None]:
    """Have every layer's states go through a function, of positions that are asked for.

    With ``last`` it is called once for a prompt and not for what is written after it. With ``all`` it is called for every
    token, but for the first of a text and for states ten times as long as the median one: causal models keep attention
    sinks there, on which all else rests.

    Args:
        model: A transformers model, with or without its head; the hooks are gone when the block ends.
        position: Which positions.
        visit: Gives the states that the next layer is to have.
    """
    import torch

    at: Any = None

    def before(_: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        nonlocal at
        given = [x for x in (*args, named.get("input_ids"), named.get("inputs_embeds")) if torch.is_tensor(x)]
        if not given:
            # The model says itself what is wrong.
            return
        shape, device = given[0].shape[:2], given[0].device
        mask = named.get("attention_mask", args[1] if len(args) > 1 else None)
        if not torch.is_tensor(mask) or mask.ndim != 2:
            mask = torch.ones(shape, device=device)
        cache = named.get("past_key_values")
        begun = cache is not None and int(cache.get_seq_length()) > 0
        at = _chosen(mask[:, -shape[1] :] != 0, position, begun)

    def after(layer: int) -> Callable[..., Any]:
        def hook(_: Any, args: tuple[Any, ...], output: Any) -> Any:
            hidden = output[0] if isinstance(output, tuple) else output
            here = at & ~_sinks(hidden, at) if position == "all" and at is not None else at
            if here is None or not bool(here.any()):
                return None
            changed = visit(layer, hidden, here)
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        return hook

    # Ahead of the hooks by which transformers collects hidden states, so that it collects what was changed.
    handles = [model.base_model.register_forward_pre_hook(before, with_kwargs=True)]
    handles += [x.register_forward_hook(after(k), prepend=True) for k, x in enumerate(layers_of(model))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _chosen(mask: Any, position: Position, begun: bool) -> Any:
    """The positions of a pass, shape (b, t); none if there are none. ``begun``: tokens before it were read already."""
    import torch

    if position == "all":
        out = mask.clone()
        if not begun:
            out[torch.arange(len(mask), device=mask.device), mask.int().argmax(dim=1)] = False
        return out
    if begun:
        return None
    steps = torch.arange(mask.shape[1], device=mask.device)
    return steps == (mask * (steps + 1)).argmax(dim=1)[:, None]


def _sinks(hidden: Any, at: Any) -> Any:
    """Positions whose states are far longer than their text's median one, shape (b, t)."""
    import torch

    length = torch.linalg.vector_norm(hidden.detach().float(), dim=2)
    median = length.masked_fill(~at, torch.nan).nanmedian(dim=1, keepdim=True).values
    return length > SINK * median


def read_states(
    made: LanguageModel, texts: Sequence[str], position: Position, *, change: Visit | None = None, label: str = "read"
) -> list[F32]:
    """What the layers give out at a text's last position, or on average over all.

    Args:
        made: The model.
        texts: n texts. One begins and ends with the marks that the tokenizer puts there, or, if it puts none before, with
            the mark for a beginning or an end.
        position: Which positions; of ``all``, the mean.
        change: What the states become, and are read after; none for nothing.
        label: What the progress bar says.

    Returns:
        Of each layer, the embeddings left out, shape (n, d).

    Raises:
        DataError: A text without a token, one longer than the model reads, or states that are not finite.
    """
    import torch

    rows = _rows(made, texts)
    count = len(layers_of(made.model))
    out = np.zeros((count, len(rows), int(text_config(made.model.config).hidden_size)), np.float32)
    order = sorted(range(len(rows)), key=lambda k: -len(rows[k]))
    budget = BATCH.get(made.device.type, BATCH["cpu"])
    members: list[int] = []

    def visit(layer: int, hidden: Any, at: Any) -> Any:
        hidden = hidden if change is None else change(layer, hidden, at)
        weight = at.to(hidden.dtype)
        mean = torch.einsum("btd,bt->bd", hidden, weight) / weight.sum(dim=1, keepdim=True).clamp(min=1)
        out[layer, members] = mean.float().cpu().numpy()
        return hidden

    limit_threads()
    with visited(made.model, position, visit), torch.inference_mode(), track(label, total=len(rows)) as progress:
        while order:
            longest = len(rows[order[0]])
            size = max(1, budget // longest)
            members, order = order[:size], order[size:]
            ids = torch.zeros((len(members), longest), dtype=torch.long)
            mask = torch.zeros((len(members), longest), dtype=torch.long)
            for k, i in enumerate(members):
                ids[k, : len(rows[i])] = torch.tensor(rows[i])
                mask[k, : len(rows[i])] = 1
            made.model.base_model(input_ids=ids.to(made.device), attention_mask=mask.to(made.device))
            progress.advance(len(members))
    if not np.isfinite(out).all():
        layer = int(np.flatnonzero(~np.isfinite(out).all(axis=(1, 2)))[0])
        raise DataError(
            f"{made.name}: found states of layer {layer + 1} that are not finite, expected numbers; use float32, or lower alpha"
        )
    return list(out)


def _rows(made: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    tokenizer = made.tokenizer
    before, after = beginning(tokenizer), marks(tokenizer)[1]
    plain = [clean(t) for t in texts]
    ids = tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"] if plain else []
    window = window_of(tokenizer, made.model.config, None)
    rows = [[*before, *x, *after] for x in ids]
    for text, x, row in zip(texts, ids, rows, strict=True):
        if not x or len(row) > window:
            raise DataError(
                f"{made.name}: found a text of {len(x):,} tokens, {text[:40]!r}, expected 1 to {window - len(before) - len(after):,}; "
                "leave it out"
            )
    return rows


def fingerprint(model: Any) -> str:
    """What tells a model from one with other weights, wherever it lies and in whatever type it computes; the head left out."""
    import torch

    seen = hashlib.blake2b(digest_size=16)
    for name, weights in model.base_model.named_parameters():
        flat = weights.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // 64)].to(torch.bfloat16).cpu()
        seen.update(f"{name} {tuple(weights.shape)}".encode() + some.view(torch.int16).numpy().tobytes())
    return seen.hexdigest()
