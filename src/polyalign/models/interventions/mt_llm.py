"""MT-LLM: a language model that reads a multilingual encoder's states in place of its own embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32, I64
from polyalign.models.interventions.bridge import Bridge, fitting, mean_of
from polyalign.models.interventions.sides import sides_of
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Parallel


@dataclass(frozen=True, slots=True)
class MTLLM:
    """Teach a layer from a frozen multilingual encoder into a frozen language model, so that it reads as it does English.

    The encoder's states, through the layer, replace the language model's embeddings. The mean of its last states is then
    to be what it is for the sentence in its own language, read by itself: the model is its own teacher. The loss is the
    squared distance of the two means over that of the teacher's from their own mean: 1 is knowing nothing, 0 is the same.

    **Differs:** the paper learns from English alone, and trusts the encoder with the other languages; give the same text on
    both sides for that. It has an encoder of a translation model, and a language model that was made one for vectors;
    here they are any, and both frozen. The division by the teacher's variance is ours.

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

    References: schmidt2024self
    """

    encoder: str = "e5"
    lang: str = ""
    hidden: int = 0
    steps: int = 400
    batch: int = 16
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
            parallel: What the encoder reads and the same in the model's language; pairs with an empty side are left out.

        Returns:
            The layer with both models.

        Raises:
            ConfigError: Other languages, an encoder or model of another kind, or weights that are no numbers any more.
            DataError: Fewer than two pairs.
        """
        import torch

        src, tgt = sides_of(parallel, self.lang, "mt-llm")
        bridge = Bridge.between(self.encoder, made, self.hidden, self.seed)
        heard = [len(x) for x in bridge.encoder.network.pieces(src, bridge.encoder.prefix).ids]
        read = [len(x) for x in made.tokenizer(tgt, add_special_tokens=False, verbose=False)["input_ids"]]
        src, tgt = fitting(src, tgt, np.maximum(heard, read).tolist(), self.max_tokens, "mt-llm")
        # No more than will be learnt from.
        src, tgt = src[: max(2, self.steps * self.batch)], tgt[: max(2, self.steps * self.batch)]
        teacher = bridge.own_vectors(tgt)
        targets, scale = torch.from_numpy(teacher).to(made.device), _variance(teacher)

        def loss(rows: I64) -> Any:
            found = mean_of(*bridge.read([src[k] for k in rows]))
            return (found - targets[rows.tolist()]).square().sum(dim=1).mean() / scale

        lengths = np.array([len(t) for t in src], np.int64)
        bridge.learn(
            loss, lengths, steps=self.steps, batch=self.batch, learning_rate=self.learning_rate, seed=self.seed
        )
        return bridge

    def loss(self, bridge: Bridge, parallel: Parallel) -> float:
        """The same loss on other pairs."""
        src, tgt = sides_of(parallel, self.lang, "mt-llm")
        if len(src) < 2:
            raise ConfigError(
                f"mt-llm: found {len(src)} pairs with text on both sides, expected 2 at least to measure on; give more"
            )
        found, teacher = bridge.vectors(src), bridge.own_vectors(tgt)
        return float(np.square(found - teacher).sum(axis=1).mean() / _variance(teacher))


def _variance(rows: F32) -> float:
    """Mean squared distance of rows from their mean."""
    return max(float(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean()), 1e-12)
