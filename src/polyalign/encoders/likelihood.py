"""How probable a causal language model finds a text, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText
from polyalign.core.jit import F64
from polyalign.core.progress import note, track
from polyalign.encoders.adapters.artefact import attach_kept
from polyalign.encoders.causal import readable
from polyalign.encoders.encoder import clean
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import (
    Device,
    Dtype,
    limit_threads,
    load,
    marks,
    place,
    text_config,
    weights_there,
    window_of,
)
from polyalign.encoders.torch_run import BATCH, overlapping, owners

#: Scores of words of the vocabulary in memory at a time: half a gigabyte in float32.
SCORES = 1 << 27


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Measure texts by a causal language model, from a folder, a name on the hub or a GGUF file.

    Each text stands alone behind the mark that texts begin with: ``-ln p(text) = -sum_k ln p(token_k | mark, tokens before k)``.
    The mark itself, and an end, are not measured. A text longer than the window is read in windows that overlap by half, each
    token measured in the one where it has most before it; nothing is cut off.

    Args:
        model: Folder of the model, its name on the Hugging Face hub, or a .gguf file.
        start: Token that a text begins with; by default what the tokenizer puts there, else the model's mark for a beginning,
            else that for an end.
        device: Where to run; auto is a GPU where there is one.
        dtype: Type that the model computes in; bfloat16 and float16 are for GPUs.
        window: Most tokens read at once; none for as many as the model can, but no more than 1,024.

    Raises:
        ValueError: A window of fewer than 4 tokens.

    References: mielke2019what
    """

    model: PathText
    start: str = ""
    device: Device = "auto"
    dtype: Dtype = "float32"
    window: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 4:
            raise ValueError(f"window = {self.window}: a window has 4 tokens at least")

    @property
    def key(self) -> str:
        """The model with its files' sizes and times, and the settings that numbers depend on."""
        return f"{identity(self.model)} {self.start!r} {self.dtype} {self.window}"

    def nats(self, texts: Sequence[str], *, label: str = "read") -> F64:
        """``-ln p`` of each text, shape (n,); 0 of an empty one."""
        return np.array([row.sum() for row in self.token_nats(texts, label=label)], np.float64)

    def token_nats(self, texts: Sequence[str], *, label: str = "read") -> list[F64]:
        """``-ln p`` of each token of each text.

        Args:
            texts: n texts.
            label: What the progress bar says.

        Returns:
            n arrays, as long as the texts have tokens.

        Raises:
            ConfigError: The model is no causal one, its tokenizer lacks ``start``, or the device is not there.
            DataError: The model is damaged, or gives probabilities that are not finite.
            MissingExtraError: What reads the model is not installed.
        """
        return _loaded(self, identity(self.model)).token_nats([clean(t) for t in texts], label)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A loaded model, head included."""

    name: str
    model: Any
    tokenizer: Any
    before: list[int]
    window: int

    def token_nats(self, texts: list[str], label: str) -> list[F64]:
        ids = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        self._tell_unknown(ids)
        room = self.window - len(self.before)
        bounds = [overlapping(len(x), room) for x in ids]
        windows = [(i, a, b) for i, some in enumerate(bounds) for a, b in some if b > a]
        out = [np.zeros(len(x)) for x in ids]
        owner = [owners(len(x), some, causal=True) for x, some in zip(ids, bounds, strict=True)]
        with track(label, total=len(windows), unit="windows") as progress:
            for (i, a, b), nats in self._read(ids, windows):
                mine = np.flatnonzero(owner[i][a:b] == bounds[i].index((a, b)))
                out[i][a + mine] = nats[mine]
                progress.advance()
        for i, row in enumerate(out):
            if not np.isfinite(row).all():
                raise DataError(
                    f"{self.name}: the probability of {texts[i][:40]!r} is not finite, expected a number; "
                    "if the model runs in float16 or bfloat16, use dtype=float32, else its weights are damaged"
                )
        return out

    def _read(
        self, ids: Sequence[list[int]], windows: Sequence[tuple[int, int, int]]
    ) -> Iterator[tuple[tuple[int, int, int], F64]]:
        """Each window with the nats of its tokens, windows of about one length at a time."""
        import torch

        device = self.model.device
        size = int(text_config(self.model.config).vocab_size)
        budget = min(BATCH[device.type if device.type in BATCH else "cpu"], SCORES // size)
        order = sorted(windows, key=lambda w: w[1] - w[2])
        skip, pad = len(self.before), self.tokenizer.pad_token_id or 0
        limit_threads()
        start = 0
        while start < len(order):
            longest = skip + order[start][2] - order[start][1]
            members = order[start : start + max(1, budget // longest)]
            batch = torch.full((len(members), longest), pad, dtype=torch.long)
            mask = torch.zeros((len(members), longest), dtype=torch.long)
            for row, (i, a, b) in enumerate(members):
                batch[row, : skip + b - a] = torch.tensor([*self.before, *ids[i][a:b]])
                mask[row, : skip + b - a] = 1
            batch, mask = batch.to(device), mask.to(device)
            with torch.inference_mode():
                scores = self.model(input_ids=batch, attention_mask=mask, use_cache=False).logits
                for row, (i, a, b) in enumerate(members):
                    # What stands at a position tells of the token after it.
                    each = scores[row, skip - 1 : skip - 1 + b - a].float()
                    told = each.gather(1, batch[row, skip : skip + b - a, None])[:, 0]
                    yield (i, a, b), (each.logsumexp(1) - told).double().cpu().numpy()
            start += len(members)

    def _tell_unknown(self, ids: Sequence[list[int]]) -> None:
        unknown = self.tokenizer.unk_token_id
        count = sum(x.count(unknown) for x in ids) if unknown is not None else 0
        if count:
            note(
                f"{self.name}: {count} of {sum(map(len, ids))} tokens are unknown to the tokenizer; a model is told nothing of what "
                "they stand for, so its numbers look better than they are"
            )


@lru_cache(maxsize=2)
def _loaded(model: Likelihood, same: str) -> _Model:
    """The model; ``same`` changes with its files."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    path = readable(model.model)
    device = place(model.device)
    config = load(AutoConfig, path, "its configuration")
    kinds = [str(x) for x in config.architectures or []]
    if kinds and not any(k.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for k in kinds):
        raise ConfigError(
            f"{path}: found a {kinds[0]}, expected a causal language model; only such a one gives a text a probability"
        )
    tokenizer = load(AutoTokenizer, path, "its tokenizer")
    network, report = load(
        AutoModelForCausalLM, path, "the model", dtype=getattr(torch, model.dtype), output_loading_info=True
    )
    weights_there(path, report)
    if headless := [k for k in report["missing_keys"] if k.startswith("lm_head")]:
        raise DataError(
            f"{path}: the weights have no {headless[0]}, expected a model with its head; save it as a causal language model"
        )
    attach_kept(network, path)
    window = min(window_of(tokenizer, network.config, model.window), model.window or 1024)
    return _Model(str(path), network.eval().to(device), tokenizer, _before(tokenizer, model.start, str(path)), window)


def _before(tokenizer: Any, start: str, name: str) -> list[int]:
    if start:
        found = tokenizer.get_vocab().get(start)
        if found is None:
            raise ConfigError(f"{name}: start = {start!r}: the tokenizer has no such token; name one of its own")
        return [int(found)]
    before, _ = marks(tokenizer)
    first = next((x for x in (tokenizer.bos_token_id, tokenizer.eos_token_id) if x is not None), None)
    if not before and first is None:
        raise ConfigError(f"{name}: the tokenizer has no mark that a text begins with; name a token with start")
    return before or [int(first)]  # type: ignore[arg-type]
