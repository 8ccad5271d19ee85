"""A multilingual encoder in front of a language model: the small module between them, and what comes out behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import whole_folder
from polyalign.core.jit import F32, I64
from polyalign.core.progress import note, track
from polyalign.core.rng import generator
from polyalign.encoders.descent import batches, descend
from polyalign.encoders.encoder import clean
from polyalign.encoders.model_files import read_json, read_tensors
from polyalign.encoders.named import named_encoder
from polyalign.encoders.torch_load import beginning, limit_threads
from polyalign.encoders.tune import Model, model_of, padded
from polyalign.models.interventions.hooks import fingerprint
from polyalign.models.language_model import LanguageModel

#: The files of a bridge.
SETTINGS, TENSORS = "bridge.json", "bridge.safetensors"
#: Texts whose vectors are computed at a time, and batches whose texts are sorted by length together.
CHUNK, POOL = 16, 16


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """An encoder's states as a language model's input embeddings.

    For each token of the encoder one embedding, ``gain * norm(f(norm(state))) + bias`` with f linear, or two layers with a
    GELU between them. All of both models stays as it is; the module between is what is learnt.

    Args:
        name: The encoder by its name.
        encoder: The encoder.
        made: The language model.
        module: What is between.
        hidden: Dimensions between its two layers; 0 for one layer.
    """

    name: str
    encoder: Model
    made: LanguageModel
    module: Any
    hidden: int

    @classmethod
    def between(cls, name: str, made: LanguageModel, hidden: int, seed: int) -> Bridge:
        """A new one, whose embeddings are about as long as the language model's own.

        Raises:
            ConfigError: The encoder is no transformer, or the language model is no causal one.
        """
        import torch

        if not made.model.can_generate():
            raise ConfigError(f"{made.name}: found a {type(made.model).__name__}, expected a causal language model")
        encoder = model_of(named_encoder(name))
        own = made.model.get_input_embeddings()
        wide, width = encoder.network.dim, int(own.weight.shape[1])
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            layers: list[Any] = [torch.nn.Linear(wide, hidden or width)]
            if hidden:
                layers += [torch.nn.GELU(), torch.nn.Linear(hidden, width)]
            norm = torch.nn.LayerNorm(width)
            # As the model has them, which some models multiply by a number first.
            ids = torch.arange(0, own.weight.shape[0], max(1, own.weight.shape[0] // 1000), device=made.device)
            norm.weight.fill_(float(own(ids).float().square().mean().sqrt()))
            module = torch.nn.Sequential(torch.nn.LayerNorm(wide), *layers, norm)
        encoder.network.model.to(made.device)
        return cls(name, encoder, made, module.to(made.device), hidden)

    def inputs(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """Embeddings of texts, shape (b, t, d), and the mask that tells them from the padding behind, (b, t)."""
        import torch

        network = self.encoder.network
        pieces = network.pieces(texts, self.encoder.prefix)
        rows = [[*network.before, *x.tolist(), *network.after] for x in pieces.ids]
        longest = max(map(len, rows))
        if longest > network.window:
            raise DataError(
                f"{self.name}: found a text of {longest:,} tokens, expected {network.window:,} at most, as many as the encoder reads; "
                "split it into sentences"
            )
        tokens, mask = padded(network, rows)
        with torch.no_grad():
            states = network.model(input_ids=tokens, attention_mask=mask).last_hidden_state
        return self.module(states.float()).to(self.made.model.dtype), mask

    def read(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """The language model's last states at the embeddings of texts, behind its mark for a beginning, and their mask."""
        embeds, mask = self.inputs(texts)
        start, one = self.start(len(texts))
        hidden = self._last(inputs_embeds=_joined(start, embeds), attention_mask=_joined(one, mask))
        return hidden[:, start.shape[1] :], mask

    def start(self, rows: int) -> tuple[Any, Any]:
        """Embeddings of the marks that the language model's texts begin with, shape (rows, t, d), and their mask."""
        import torch

        tokens = torch.tensor([beginning(self.made.tokenizer) or [0]] * rows, device=self.made.device)
        return self.made.model.get_input_embeddings()(tokens), torch.ones_like(tokens)

    def vectors(self, texts: Sequence[str]) -> F32:
        """A vector a text: the mean of the language model's last states at its embeddings, zeros of an empty one, shape (n, d)."""
        return self._vectors(texts, lambda some: mean_of(*self.read(some)))

    def own_vectors(self, texts: Sequence[str]) -> F32:
        """The same of texts that the language model reads by itself, token by token."""
        import torch

        def read(some: Sequence[str]) -> Any:
            ids = self.made.tokenizer([clean(t) for t in some], add_special_tokens=False, verbose=False)["input_ids"]
            longest = max(1, *map(len, ids))
            tokens = torch.tensor([[*x, *[0] * (longest - len(x))] for x in ids], device=self.made.device)
            mask = torch.tensor([[1] * len(x) + [0] * (longest - len(x)) for x in ids], device=self.made.device)
            start, one = self.start(len(ids))
            embeds = _joined(start, self.made.model.get_input_embeddings()(tokens))
            return mean_of(
                self._last(inputs_embeds=embeds, attention_mask=_joined(one, mask))[:, start.shape[1] :], mask
            )

        return self._vectors(texts, read)

    def _last(self, **given: Any) -> Any:
        return self.made.model.base_model(**given, use_cache=False).last_hidden_state

    def _vectors(self, texts: Sequence[str], read: Callable[[Sequence[str]], Any]) -> F32:
        import torch

        out = np.zeros((len(texts), int(self.made.model.get_input_embeddings().weight.shape[1])), np.float32)
        order = sorted((k for k, t in enumerate(texts) if t.strip()), key=lambda k: -len(texts[k]))
        limit_threads()
        with torch.inference_mode(), track("vectors", total=len(order), unit="texts") as progress:
            for a in range(0, len(order), CHUNK):
                some = order[a : a + CHUNK]
                out[some] = read([texts[k] for k in some]).cpu().numpy()
                progress.advance(len(some))
        return out

    def learn(
        self, loss: Callable[[I64], Any], lengths: I64, *, steps: int, batch: int, learning_rate: float, seed: int
    ) -> None:
        """Lower a loss of rows by the weights of the module alone.

        Raises:
            ConfigError: It is no number any more.
        """
        import torch

        model = self.made.model.eval()
        needing = [p for p in model.parameters() if p.requires_grad]
        for p in needing:
            p.requires_grad_(False)
        order = _endless(lengths, batch, seed)
        try:
            descend(
                lambda: loss(next(order)),
                list(self.module.parameters()),
                steps=steps,
                learning_rate=learning_rate,
                label="bridge",
            )
        finally:
            for p in needing:
                p.requires_grad_(True)
        if not all(bool(torch.isfinite(p).all()) for p in self.module.parameters()):
            raise ConfigError(
                f"bridge: after {steps} steps its weights are no numbers, expected numbers; lower learning_rate, now {learning_rate:g}"
            )

    def save(self, folder: Path) -> None:
        """Write what is between to a folder, and what it was learnt for, whole or not at all.

        Raises:
            DataError: The folder is there already and not empty, or cannot be written.
        """
        from safetensors.torch import save_file

        settings = {
            "encoder": self.name,
            "hidden": self.hidden,
            "encoder_key": fingerprint(self.encoder.network.model),
            "key": fingerprint(self.made.model),
        }
        with whole_folder(folder, "the bridge") as part:
            save_file({k: v.contiguous() for k, v in self.module.state_dict().items()}, part / TENSORS)
            (part / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, made: LanguageModel) -> Bridge:
        """Read it from a folder, for the language model that it was learnt for.

        Raises:
            ConfigError: It was learnt for other models.
            DataError: It is not there or damaged.
        """
        import torch

        settings, tensors = read_json(folder / SETTINGS), read_tensors(folder / TENSORS)
        try:
            bridge = cls.between(settings["encoder"], made, int(settings["hidden"]), 0)
            keys = settings["key"], settings["encoder_key"]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{folder}: found no {error} in it, expected a bridge; learn it anew") from None
        for found, model, what in zip(
            keys, (made.model, bridge.encoder.network.model), ("language model", "encoder"), strict=True
        ):
            if fingerprint(model) != found:
                raise ConfigError(
                    f"{folder}: learnt for another {what}, one with other weights, expected the same; name that one"
                )
        try:
            bridge.module.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
        except RuntimeError as error:
            raise DataError(f"{folder}: found other tensors than a bridge has ({error}); learn it anew") from None
        return bridge


def mean_of(hidden: Any, mask: Any) -> Any:
    """Mean of states over a mask, shape (b, d)."""
    weight = mask.to(hidden.dtype)[..., None]
    return ((hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)).float()


def fitting(
    src: list[str], tgt: list[str], lengths: Sequence[int], most: int, where: str
) -> tuple[list[str], list[str]]:
    """The pairs of at most so many tokens; how many others there are is told.

    Raises:
        DataError: There are fewer than two.
    """
    kept = [k for k, n in enumerate(lengths) if n <= most]
    if len(kept) < len(src):
        note(f"{where}: {len(src) - len(kept):,} of {len(src):,} pairs have more than {most} tokens and are left out")
    if len(kept) < 2:
        raise DataError(
            f"{where}: found {len(kept)} pairs with text on both sides of at most {most} tokens, expected 2 at least; give more, or raise max_tokens"
        )
    return [src[k] for k in kept], [tgt[k] for k in kept]


def _joined(*parts: Any) -> Any:
    import torch

    return torch.cat(parts, dim=1)


def _endless(lengths: I64, batch: int, seed: int) -> Iterator[I64]:
    random = generator(seed, "bridge")
    while True:
        yield from batches(lengths, batch, POOL, random)
