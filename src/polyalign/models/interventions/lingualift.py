"""LinguaLIFT: a language model that hears a multilingual encoder through a small layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I64
from polyalign.encoders.encoder import clean
from polyalign.models.generation import ends_of
from polyalign.models.interventions.bridge import Bridge, fitting
from polyalign.models.interventions.sides import sides_of
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Parallel

#: Labels that count for nothing.
_NONE = -100


@dataclass(frozen=True, slots=True)
class LinguaLIFT:
    """Teach a layer between a frozen multilingual encoder and a frozen language model, so that the model says what it hears.

    The encoder reads a sentence, in another language or with words switched to one; its states go through the layer
    and stand where the language model's embeddings stand. The layer learns, by the language model's own loss, that the
    sentence in the model's language follows, ``-log p(tgt | layer(encoder(src)))``: the first stage of the paper.

    **Differs:** of the paper, whose second stage tunes the language model on English instructions behind the frozen layer,
    this is the first stage; train the model as any other for the second. The shape of the layer is not the paper's: a
    linear one, or two with a GELU, between two norms.

    Args:
        encoder: The multilingual encoder, by its name.
        lang: The language that the encoder reads, ``roh_Latn``; by default the source side's.
        hidden: Dimensions between two layers; 0 for a single linear one.
        steps: Batches.
        batch: Pairs in a batch.
        learning_rate: Highest rate; it rises over the first tenth of the steps and falls to 0 in a line.
        max_tokens: Pairs of which a side has more tokens are left out, which is said.
        seed: Of the first weights and the batches.

    Raises:
        ValueError: A number is out of range.

    References: zhang2024lingualift
    """

    encoder: str = "e5"
    lang: str = ""
    hidden: int = 0
    steps: int = 400
    batch: int = 8
    learning_rate: float = 1e-3
    max_tokens: int = 128
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("steps", 0), ("hidden", 0), ("seed", 0), ("batch", 1), ("max_tokens", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")

    def fit(self, made: LanguageModel, parallel: Parallel) -> Bridge:
        """Teach a new layer.

        Args:
            made: The language model; it stays as it is.
            parallel: What the encoder reads and what the model is to say; pairs with an empty side are left out.

        Returns:
            The layer with both models.

        Raises:
            ConfigError: Other languages, an encoder or model of another kind, or weights that are no numbers any more.
            DataError: Fewer than two pairs.
        """
        src, tgt = sides_of(parallel, self.lang, "lingualift")
        bridge = Bridge.between(self.encoder, made, self.hidden, self.seed)
        heard = [len(x) for x in bridge.encoder.network.pieces(src, bridge.encoder.prefix).ids]
        said = [len(x) for x in self._ids(made, tgt)]
        src, tgt = fitting(src, tgt, np.maximum(heard, said).tolist(), self.max_tokens, "lingualift")

        def loss(rows: I64) -> Any:
            return self._loss(bridge, [src[k] for k in rows], [tgt[k] for k in rows])[0]

        lengths = np.array([len(t) for t in tgt], np.int64)
        bridge.learn(
            loss, lengths, steps=self.steps, batch=self.batch, learning_rate=self.learning_rate, seed=self.seed
        )
        return bridge

    def loss(self, bridge: Bridge, parallel: Parallel) -> float:
        """Nats of a token of the sentences that the model is to say, its mark for an end included."""
        import torch

        src, tgt = sides_of(parallel, self.lang, "lingualift")
        if not src:
            raise ConfigError(
                "lingualift: found no pair with text on both sides, expected one to measure on; give others"
            )
        total, count = 0.0, 0
        with torch.inference_mode():
            for a in range(0, len(src), self.batch):
                value, size = self._loss(bridge, src[a : a + self.batch], tgt[a : a + self.batch])
                total, count = total + float(value) * size, count + size
        return total / count

    def _loss(self, bridge: Bridge, src: list[str], tgt: list[str]) -> tuple[Any, int]:
        """The mean loss of the tokens to be said, and how many they are."""
        import torch

        made = bridge.made
        ids = self._ids(made, tgt)
        longest = max(map(len, ids))
        device = made.device
        tokens = torch.tensor([[*x, *[0] * (longest - len(x))] for x in ids], device=device)
        labels = torch.tensor([[*x, *[_NONE] * (longest - len(x))] for x in ids], device=device)
        embeds, mask = bridge.inputs(src)
        start, one = bridge.start(len(src))
        own = made.model.get_input_embeddings()(tokens)
        mask = torch.cat([one, mask, (labels != _NONE).to(mask.dtype)], dim=1)
        # Padding between what is heard and what is said must not count as distance.
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        hidden = made.model.base_model(
            inputs_embeds=torch.cat([start, embeds, own], dim=1),
            attention_mask=mask,
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
        # What stands before a token says it; the first is said by the last of what was heard.
        at = torch.arange(start.shape[1] + embeds.shape[1] - 1, hidden.shape[1] - 1, device=device)
        before = hidden[:, at].clone()
        heard = mask[:, : start.shape[1] + embeds.shape[1]].sum(dim=1) - 1
        before[:, 0] = hidden[torch.arange(len(src), device=device), heard]
        scores = made.model.get_output_embeddings()(before).float()
        value = torch.nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=_NONE)
        return value, int((labels != _NONE).sum())

    def _ids(self, made: LanguageModel, texts: list[str]) -> list[list[int]]:
        ids = made.tokenizer([clean(t) for t in texts], add_special_tokens=False, verbose=False)["input_ids"]
        end = next((x for x in (made.tokenizer.eos_token_id, *ends_of(made)) if x is not None), None)
        return [[*x, *([] if end is None else [end])] for x in ids]
