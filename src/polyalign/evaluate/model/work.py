"""What the metrics of a model are taken from: its sentence vectors of every layer, in every language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from polyalign.core import params, registry
from polyalign.core.jit import F32, F64
from polyalign.core.score import Score
from polyalign.encoders.causal import Causal
from polyalign.encoders.e5 import E5
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.hidden_states import HiddenStates
from polyalign.encoders.layers import Pooling
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.model.parallel import Parallel
from polyalign.evaluate.model.states import nats_of, states_of
from polyalign.evaluate.segmenter import named_segmenter

#: The one language of a score that is of all languages at once.
ALL = "all"
#: Bytes of further text that a compressor learns from at most.
SEEN = 200_000


class LeftOut(Exception):
    """A metric that a model cannot have, and why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one metric says of one model.

    Args:
        scores: By language, or under ``all``.
        layers: By language a value for every layer, the embeddings first; empty for a metric that has none.
    """

    scores: Mapping[str, Score]
    layers: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One model and the texts it is measured on.

    Args:
        name: The model as the user named it.
        encoder: The model.
        parallel: The texts.
        pooling: What is made of the states of a sentence.
        samples: Resamples of a confidence interval.
        seed: Of the resampling.
    """

    name: str
    encoder: Encoder
    parallel: Parallel
    pooling: Pooling
    samples: int
    seed: int

    def metric(self, method: str, **settings: Any) -> Any:
        """A metric of the registry, with this work's resampling unless said otherwise."""
        return params.build(registry.find(method), {"samples": self.samples, "seed": self.seed, **settings})

    @cached_property
    def likelihood(self) -> Likelihood:
        """The model as a causal language model.

        Raises:
            LeftOut: It is none.
        """
        if not isinstance(self.encoder, Causal):
            raise LeftOut("it is no causal language model")
        return Likelihood(self.encoder.model, device=self.encoder.device, dtype=self.encoder.dtype)

    @cached_property
    def nats(self) -> dict[str, F64]:
        """Of each language what the model finds of its sentences, ``-ln p``."""
        texts = self.parallel.texts.items()
        return {lang: nats_of(self.likelihood, some, label=f"read {lang}") for lang, some in texts}

    @cached_property
    def bits(self) -> dict[str, dict[str, Score]]:
        """Of each language the bits per byte and those of a compressor that has seen more of the same text."""
        metric = self.metric("evaluate/bits-per-byte", compressor="ppmd" if find_spec("pyppmd") else "lzma")
        out = {}
        for lang, texts in self.parallel.texts.items():
            windows = metric.cut("\n".join(texts))
            nats = nats_of(self.likelihood, windows, label=f"read {lang} in windows")
            seen = "\n".join(self.parallel.rest.get(lang, []))
            out[lang] = metric.scores(windows, nats, train=seen.encode()[:SEEN].decode(errors="ignore"))
        return out

    @cached_property
    def tokenizations(self) -> dict[str, dict[str, Score]]:
        """Of each language what its tokenizer makes of it, the pivot first.

        Raises:
            LeftOut: It has no tokenizer of its own.
        """
        if not isinstance(self.encoder, HiddenStates | E5):
            raise LeftOut("it has no tokenizer of its own")
        segmenter = named_segmenter("e5" if isinstance(self.encoder, E5) else self.encoder.model)
        metric, pivot = self.metric("evaluate/tokenizer"), self.parallel.texts[self.parallel.pivot]
        out = {self.parallel.pivot: metric.scores(segmenter, pivot, lang=self.parallel.pivot)}
        for lang, rows in self.parallel.rows.items():
            against = [pivot[i] for i in rows]
            out[lang] = metric.scores(segmenter, self.parallel.texts[lang], lang=lang, pivot=against)
        return out

    @cached_property
    def states(self) -> dict[str, list[F32]]:
        """Of each language the sentence vectors of every layer."""
        return {lang: states_of(self.encoder, texts, self.pooling) for lang, texts in self.parallel.texts.items()}

    def sides(self, lang: str) -> tuple[list[F32], list[F32]]:
        """Of each layer the pivot's vectors and a language's, row by row translations of each other."""
        rows = self.parallel.rows[lang]
        return [np.asarray(x[rows]) for x in self.states[self.parallel.pivot]], [
            np.asarray(x) for x in self.states[lang]
        ]

    @cached_property
    def mexa(self) -> dict[str, Score]:
        """MEXA of each language; its items tell by layer whether a sentence is nearest to its translation both ways."""
        metric = self.metric("evaluate/mexa", pooling=self.pooling)
        return {lang: metric.score(*self.sides(lang)) for lang in self.parallel.languages}

    @cached_property
    def layer(self) -> int:
        """The layer in which most sentences of all languages find their translation."""
        return int(np.mean([score.items[:, 1:].mean(axis=0) for score in self.mexa.values()], axis=0).argmax())

    def at_layer(self) -> dict[str, F32]:
        """Each language's vectors in that layer."""
        return {lang: np.asarray(layers[self.layer]) for lang, layers in self.states.items()}
