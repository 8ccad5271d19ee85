"""Contrastive context prediction: a sentence is to find its neighbours, so that no translations are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.jit import I64
from polyalign.core.rng import generator
from polyalign.encoders.contrast import alike, infonce
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.memory import follow, follower, queue
from polyalign.models.encoders.method import Takes, Tuning, above, between
from polyalign.models.encoders.text import Text, drawn
from polyalign.models.encoders.training import steps_of, train


@dataclass(frozen=True, slots=True)
class CCP(Tuning):
    """Tune an encoder without translations: each sentence is to find one from its context among others of its language.

    A batch has sentences of one language, c, and for each one out of the ``window`` sentences before and after it, s.
    Each c is to find its s among those of the batch and of the language's own memory, the last that a second model gave
    whose weights follow the first's. That documents in all languages are about the same things is what brings the
    languages' vectors together; each language's own memory keeps a sentence's language from being what tells.

    **Differs:** there is no projection between encoder and loss, nor the paper's asymmetric batch normalisation, and
    languages are not calibrated afterwards (subtract each language's mean for that). Sentences of one document are no
    negatives of each other. Languages have turns, in proportion to ``sentences^smoothing``.

    Args:
        window: Sentences on either side that are context.
        temperature: What cosines are divided by.
        momentum: Share of its weights that the second model keeps at a step.
        memory: Vectors of each language that are kept.
        smoothing: 1 for turns in proportion to the languages' sentences, 0 for as many for each.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts.

    References: wu2022unsupervised, he2020momentum, oord2018representation
    """

    takes: ClassVar[Takes] = "documents"

    window: int = 2
    temperature: float = 0.05
    momentum: float = 0.999
    memory: int = 1024
    smoothing: float = 0.5

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "window", "temperature", "memory")
        between(self, "momentum", "smoothing")

    def fit(self, encoder: Encoder, documents: Mapping[str, Sequence[Document]], *, work: Path | None = None) -> Model:
        """Tune a copy of an encoder's model.

        Args:
            encoder: e5 or a transformer.
            documents: Documents of each language; no two need to translate each other.
            work: Folder of the checkpoints; none for no checkpoints.

        Returns:
            The tuned model.

        Raises:
            DataError: A language has fewer than two documents of two sentences, or a checkpoint cannot be written.
            ConfigError: The encoder cannot be tuned, a loss is no number, or memory is short.
            MissingExtraError: Torch, transformers or accelerate is not installed.
        """
        made = model_of(encoder)
        langs = list(documents)
        if not langs:
            raise DataError("tune: found no documents, expected some of each language; give a folder for a language")
        read = [_Language.of(made, lang, documents[lang], self.max_tokens) for lang in langs]
        behind = follower(made.network)
        names = [f"of{k}" for k in range(len(langs))]
        kept = queue(self.memory, encoder.dim, names)
        weights = np.array([len(x.text) for x in read], np.float64) ** self.smoothing
        count = steps_of(self)
        turns = generator(self.seed, "turns").choice(len(langs), count, p=weights / weights.sum())
        batches: list[I64] = [np.zeros(0, np.int64)] * count
        for k, x in enumerate(read):
            steps = np.flatnonzero(turns == k)
            lengths = np.array([len(ids) for ids in x.text.ids], np.int64)
            chosen = drawn(lengths, self.batch, len(steps), self.seed, f"batches {langs[k]}")
            for step, rows in zip(steps.tolist(), chosen, strict=True):
                batches[step] = rows

        def loss(step: int) -> Any:
            import torch

            if step:
                follow(behind.model, made.network.model, self.momentum)
            k = int(turns[step])
            x, name = read[k], names[k]
            rows = batches[step]
            near = x.context(rows, self.window, generator(self.seed, f"context {step}"))
            centres = x.text.vectors(rows)
            with torch.no_grad():
                contexts = x.text.vectors(near, behind)
            old, known = kept.read(name)
            same = known.cpu().numpy()[None, :] == x.document[rows][:, None]
            out = infonce(
                centres, contexts, temperature=self.temperature, same=alike(x.document[rows].tolist()),
                negatives=old, no_negatives=same, both=False,
            )  # fmt: skip
            kept.add(name, contexts, x.document[near])
            return out

        data = (t for lang, x in zip(langs, read, strict=True) for t in (lang, *x.text.texts))
        train(self, encoder, made, loss, data=data, more={"behind": behind.model, "memory": kept}, work=work)
        return made


@dataclass(frozen=True, slots=True, eq=False)
class _Language:
    """The sentences of a language, document after document.

    Args:
        text: The sentences.
        document: Which document each is of, shape (n,); each has two sentences at least.
    """

    text: Text
    document: I64

    @classmethod
    def of(cls, made: Model, lang: str, documents: Sequence[Document], max_tokens: int) -> _Language:
        some = [[s for s in d.sentences if s.strip()] for d in documents]
        whole = [sentences for sentences in some if len(sentences) > 1]
        if len(whole) < 2:
            raise DataError(
                f"{lang}: found {len(whole)} documents of two sentences or more, expected two at least: sentences are told "
                "from those of other documents; give more"
            )
        text = Text.read(made, [s for sentences in whole for s in sentences], max_tokens)
        return cls(text, np.repeat(np.arange(len(whole)), [len(x) for x in whole]))

    def context(self, rows: I64, window: int, random: np.random.Generator) -> I64:
        """A sentence of the context of each, another one of the same document, shape (b,)."""
        at = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
        near = rows[:, None] + at
        inside = (near >= 0) & (near < len(self.document))
        inside &= self.document[np.clip(near, 0, len(self.document) - 1)] == self.document[rows][:, None]
        chance = np.where(inside, random.random(near.shape), -1)
        return np.asarray(near[np.arange(len(rows)), chance.argmax(axis=1)], np.int64)
