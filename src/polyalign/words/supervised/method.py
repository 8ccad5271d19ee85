"""What the aligners that learn from gold links have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.files import PathText
from polyalign.core.jit import F32, I64
from polyalign.core.links import Links
from polyalign.encoders.encoder import Encoder
from polyalign.words.gold import read_gold
from polyalign.words.similarity.method import encoder_at, evenly
from polyalign.words.similarity.neutral import Neutral, neutral_of
from polyalign.words.similarity.vectors import word_vectors
from polyalign.words.supervised.model import SupervisedModel
from polyalign.words.supervised.questions import Reading, answers_of
from polyalign.words.supervised.reader import Reader
from polyalign.words.supervised.train import train
from polyalign.words.symmetrize import Symmetrization, check_threshold

#: Silver links that are neither links nor none have at least this probability.
DOUBT = 0.05


@dataclass(frozen=True, slots=True)
class FromGold(ABC):
    """What the aligners that learn from gold links have in common.

    Args:
        gold: File of gold links to learn from, Pharaoh lines from 0, possible links as `ipj`, perhaps with probabilities
            `i-j:p`; empty to learn from links that words.align/statistical finds in the bitext itself.
        gold_text: File of their sentence pairs, `source ||| target` or with a tab; empty for the first ones of the bitext.
        silver: Where there is no gold, sentence pairs to learn from, taken evenly from the bitext.
        least: Of links with probabilities, the least that is learned as a link; less is learned as nothing.
        encoder: E5 or a transformer: `e5`, a model's folder, or a name on the hub; with `layers = 0` any encoder with vectors of
            tokens.
        shared: Layers that read each sentence for itself and stay as they are; 0 for its embeddings only.
        layers: Layers from there on that see marked word and other side together, and are trained; 0 for a head only.
        context: Pieces read with the marked word on either side of it; none for its whole sentence.
        prior: Begin from the similarity of the words' vectors at layer `shared`.
        temperature: What cosines are divided by in it.
        epochs: Passes through the training pairs.
        batch: Questions in a step.
        learning_rate: Highest rate.
        warmup: Share of the steps in which the rate rises; it falls in the others.
        seed: Of the order of the questions.
        max_tokens: Most pieces read together, if the encoder reads as many; what is longer is read in windows.
        sample: Sentence pairs, taken evenly from the bitext, that the prior learns from.
        symmetrize: How both directions are joined.
        threshold: For posterior and product, in [0, 1), higher for fewer and surer links; none for the one with the highest
            expected F1.

    Raises:
        ValueError: A parameter out of range.
    """

    outputs: ClassVar[int]

    gold: PathText = ""
    gold_text: PathText = ""
    silver: int = 500
    least: float = 0.5
    encoder: str = "e5"
    shared: int = 7
    layers: int = 1
    context: int | None = 0
    prior: bool = True
    temperature: float = 0.05
    epochs: int = 2
    batch: int = 8
    learning_rate: float = 5e-4
    warmup: float = 0.1
    seed: int = 1
    max_tokens: int = 512
    sample: int = 500
    symmetrize: Symmetrization = "posterior"
    threshold: float | None = 0.5

    def __post_init__(self) -> None:
        for name, low in (("silver", 1), ("shared", 0), ("layers", 0), ("epochs", 0), ("batch", 1), ("sample", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        if self.max_tokens < 16:
            raise ValueError(f"max_tokens must be at least 16, got {self.max_tokens}")
        if self.context is not None and self.context < 0:
            raise ValueError(f"context must not be negative, got {self.context}")
        for name in ("learning_rate", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("least", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.gold_text and not self.gold:
            raise ValueError("gold_text has the sentence pairs of gold links; name their file as gold")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must be from 0 to 2**31 - 1, got {self.seed}")
        check_threshold(self.threshold)

    @abstractmethod
    def loss(self, pieces: Any, none: Any, batch: Any) -> Any:
        """What training makes small.

        Args:
            pieces: Logits of every piece, shape (b, t, c).
            none: Logits of there being no answer, shape (b, c).
            batch: Their `Batch`, as tensors by name.
        """

    @abstractmethod
    def decide(self, pieces: F32, none: F32, words: I64) -> F32:
        """How probable it is that the marked word is linked with each word.

        Args:
            pieces: Logits of the pieces of the other side, shape (m, c).
            none: Logits of no answer, in each window that was read, shape (w, c).
            words: Which word each piece is of, rising, shape (m,).

        Returns:
            Of each word that has pieces, shape (v,).
        """

    def fit(self, bitext: Bitext) -> SupervisedModel:
        """Learn from gold links, or from silver ones.

        Args:
            bitext: Sentence pairs: what is to be aligned, the prior learns from it, and silver links.

        Raises:
            ConfigError: No such encoder, or none whose layers can be trained.
            DataError: The gold links cannot be read, or a sentence has more than 65,535 words.
            MissingExtraError: Torch or transformers is not installed.
        """
        if self.gold:
            pairs, links = read_gold(self.gold, self.gold_text, bitext)
        else:
            pairs, links = silver_links(bitext, self.silver)
        return self.learn(bitext, pairs, links)

    def learn(self, bitext: Bitext, pairs: Bitext, links: Links) -> SupervisedModel:
        """Learn from links that are given.

        Args:
            bitext: What the prior learns from.
            pairs: Sentence pairs.
            links: Of each.

        Returns:
            The model.
        """
        encoder = encoder_at(self.encoder, self.shared)
        known = evenly(bitext if len(bitext) else pairs, self.sample)
        neutral = neutral_in(encoder, known) if self.prior else None
        # Some tokenisers cannot read no text.
        reading = Reading.of(encoder, pairs, neutral, self.temperature) if len(pairs) else None
        return self.taught(encoder, neutral, reading, links)

    def taught(
        self, encoder: Encoder, neutral: Neutral | None, reading: Reading | None, links: Links
    ) -> SupervisedModel:
        """Learn from sentence pairs that the encoder has read.

        Args:
            encoder: At the layer `shared`.
            neutral: As in the reading.
            reading: The sentence pairs; None for none.
            links: Of each.

        Returns:
            The model.
        """
        reader = Reader.build(self.encoder, self.shared, self.layers, self.outputs, encoder.dim, self.seed)
        if reading is not None:
            size = min(self.max_tokens, reader.window)
            windows = [w for k in range(len(reading)) for w in reading.windows(k, size, self.context)]
            train(self, reader, reading, windows, answers_of(reading, links, self.least))
        return SupervisedModel(replace(self, gold="", gold_text=""), encoder, reader, neutral)


def silver_links(bitext: Bitext, pairs: int) -> tuple[Bitext, Links]:
    """Sentence pairs of a bitext with the links that the statistical aligner finds, trained on all of it.

    Args:
        bitext: Sentence pairs.
        pairs: How many to take, evenly.

    Returns:
        The pairs, and their links with probabilities, also those that are not probable.
    """
    from polyalign.words.statistical import Statistical

    some = evenly(bitext, pairs)
    found = Statistical().fit(bitext).posteriors(some)
    return some, found.links("posterior", DOUBT)


def neutral_in(encoder: Encoder, bitext: Bitext) -> Neutral:
    """What is taken out of source and of target vectors before they are compared."""
    if not len(bitext):
        return Neutral(np.zeros((2, encoder.dim), np.float32), np.zeros((0, encoder.dim), np.float32))
    src, tgt = (word_vectors(encoder, bitext, side)[0] for side in ("src", "tgt"))
    return neutral_of(src.rows, tgt.rows, (src.offsets, tgt.offsets))
