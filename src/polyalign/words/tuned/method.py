"""What the aligners that tune an encoder have in common: their parameters, and the model that tuning gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.files import PathText, open_output
from polyalign.core.jit import F32
from polyalign.encoders.descent import descend
from polyalign.encoders.encoder import Encoder, Tokens
from polyalign.encoders.named import named_encoder
from polyalign.encoders.tune import model_of, up_to, whole
from polyalign.words.model import manifest, write_manifest
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.method import BySimilarity, SimilarModel
from polyalign.words.similarity.neutral import mutual
from polyalign.words.tuned.adapters import adapters_of, restore
from polyalign.words.tuned.labels import Labels, material
from polyalign.words.tuned.training import Pairs

#: What a method lowers: the loss of the next batch, and the weights it does that by.
Objective = tuple[Callable[[], Any], Sequence[Any]]
ENCODER, ADAPTERS = "encoder", "adapters.npz"


@dataclass(frozen=True, slots=True)
class ByTuning(BySimilarity):
    """What the aligners that tune an encoder have in common.

    The encoder's transformer is copied and its copy tuned up to the layer that is compared, the embeddings as they are;
    layers above are not run unless an objective needs them. There is no dropout, so a seed gives the same weights again
    on the same number of threads.

    Args:
        encoder: `e5`, or the folder of a transformer or its name on the hub; settings behind a colon, `e5:prefix=none`.
        layer: Layer whose vectors are compared and tuned; none for the last.
        auto_layer: Choose the layer by the text before tuning: the one whose links run in parallel most.
        labels: Links that are learned from: those a statistical aligner, words.align/statistical, finds in the bitext, or those
            that the encoder gives itself, drawn anew for each batch.
        links: File of links of the bitext, a line a sentence pair, to learn from instead; empty for none.
        gold: File of links drawn by hand to learn from instead, and from their sentence pairs alone; empty for none.
        extraction: Of the tuned encoder's similarities link those that are each other's greatest (argmax), or those
            whose softmax exceeds the threshold both ways.
        threshold: For softmax, in [0, 1); higher for fewer and surer links.
        temperature: What cosines are divided by before the softmax.
        steps: Batches to tune on; 0 to leave the encoder as it is. The bitext is gone through as often as they need.
        batch: Sentence pairs in a batch.
        learning_rate: Highest rate; it rises over the first tenth of the steps and falls to 0 in a line.
        max_tokens: Pairs with a longer side are not tuned on, which is said; aligning reads all of any length.
        seed: Of the batches and of whatever else is drawn.

    Raises:
        ValueError: A parameter out of range.
    """

    labels: Literal["statistical", "self"] = "statistical"
    links: PathText = ""
    extraction: Literal["argmax", "softmax"] = "argmax"
    threshold: float = 0.1
    temperature: float = 0.07
    steps: int = 400
    batch: int = 16
    learning_rate: float = 1e-4
    max_tokens: int = 96
    seed: int = 1

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        if self.links and self.gold:
            raise ValueError("links and gold are both given; name one file of links to learn from")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must be at least 0 and below 1, got {self.threshold}")
        if self.steps < 0:
            raise ValueError(f"steps must not be negative, got {self.steps}")
        if self.layer == 0 and self.steps:
            raise ValueError("layer is 0, the embeddings, which are not tuned; choose 1 or more")
        for name in ("temperature", "batch", "learning_rate", "max_tokens"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where the extraction links, shape (2, n, m)."""
        p = both_ways(cosine, self.temperature)
        if self.extraction == "softmax":
            return p * (p > self.threshold).all(axis=0)
        keep = np.zeros(cosine.shape, np.float32)
        keep[mutual(cosine)] = 1
        return p * keep

    @abstractmethod
    def objective(self, tuned: TunedEncoder, labels: Labels, pairs: Pairs) -> Objective:
        """What is to be lowered, by which weights.

        Args:
            tuned: The encoder.
            labels: Links that are learned from.
            pairs: The sentence pairs they are of, some of them in use.
        """

    def usable(self, pairs: Pairs) -> Pairs:
        """Sentence pairs without those that the objective cannot be of."""
        return pairs

    def finish(self, tuned: TunedEncoder) -> None:
        """What is to be done with the weights after tuning."""
        return

    def fit(self, bitext: Bitext) -> TunedModel:
        """Tune a copy of the encoder on the bitext.

        Args:
            bitext: Sentence pairs; those with an empty side, or a longer one than `max_tokens`, are not tuned on.

        Raises:
            ConfigError: No such encoder, or no transformer, or it has no such layer.
            MissingExtraError: Torch or transformers is not installed.
            DataError: A sentence has more than 65,535 words, or a file of links cannot be read, or is of other text.
        """
        encoder = named_encoder(self.encoder)
        layer = self.layer
        if self.auto_layer:
            from polyalign.words.similarity.layers import best_layer

            layer = best_layer(self, encoder, bitext)
        made = model_of(encoder)
        tuned = TunedEncoder(made, up_to(made.network, layer))
        if self.steps and (found := material(self, tuned, bitext)) is not None:
            loss, weights = self.objective(tuned, *found)
            descend(loss, weights, steps=self.steps, learning_rate=self.learning_rate, label="tune")
            self.finish(tuned)
        return TunedModel.learn(self, tuned, bitext)


@dataclass(frozen=True, slots=True, eq=False)
class TunedEncoder(Encoder):
    """A tuned transformer in memory.

    Args:
        made: The whole transformer.
        network: It up to the layer that is compared, with the same weights, and with adapters if there are any.
    """

    made: Any
    network: Any

    @property
    def key(self) -> str:
        """That it is in memory; nothing of it is cached."""
        return f"tuned in memory, layer {self.network.layer}"

    @property
    def layer(self) -> int | None:
        """The one that is compared; None for the last."""
        layer: int | None = self.network.layer
        return layer

    @property
    def dim(self) -> int:
        """As many as its hidden states have."""
        return int(self.network.dim)

    @property
    def cached(self) -> bool:
        """No."""
        return False

    def vectors(self, texts: Sequence[str]) -> F32:
        """Means of hidden states, shape (n, d)."""
        from polyalign.encoders.pooling import Head

        pooled: F32 = self.network.pooled(texts, self.made.prefix, Head.of("mean"))
        return pooled

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Hidden states of the tokens of each text, which is read in windows if it is long."""
        if not texts:
            return Tokens(np.zeros((0, self.dim), np.float32), np.zeros(1, np.int64), np.zeros((0, 2), np.int32))
        tokens: Tokens = self.network.tokens(texts, self.made.prefix)
        return tokens


@dataclass(frozen=True, slots=True, eq=False)
class TunedModel(SimilarModel):
    """A tuned encoder, what its vectors say of two languages, and how similarity becomes links."""

    kind: ClassVar[str] = "tuned"
    method: ByTuning
    encoder: TunedEncoder

    def save(self, folder: Path) -> None:
        """Write the model to a folder, its transformer to ``encoder`` in it; `load_model` reads it."""
        SimilarModel.save(self, folder)
        write_manifest(folder, **manifest(folder), prefix=self.encoder.made.prefix)
        self.encoder.made.write(folder / ENCODER)
        if adapters := adapters_of(self.encoder.network.model):
            with open_output(folder / ADAPTERS) as file:
                np.savez(file, **cast(Any, adapters))

    @classmethod
    def encoder_in(cls, folder: Path, settings: dict[str, Any]) -> TunedEncoder:
        """The encoder of a saved model, by its manifest, with its adapters if it has any."""
        made = whole(folder / ENCODER, settings["prefix"])
        tuned = TunedEncoder(made, up_to(made.network, settings["layer"]))
        if (folder / ADAPTERS).is_file():
            restore(tuned.network.model, dict(np.load(folder / ADAPTERS)))
        return tuned
