"""What the aligners by similarity have in common: whose vectors they compare, and how a matrix becomes posteriors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext, Side
from polyalign.core.files import PathText, open_output
from polyalign.core.jit import F32
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.words.model import (
    WordModel,
    in_runs,
    method_of,
    reading_model,
    settings_of,
    write_manifest,
)
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.matrix import bent, both_ways, evenness, of_words, posteriors_of
from polyalign.words.similarity.neutral import Neutral, neutral_of
from polyalign.words.similarity.vectors import Level, Vectors, word_vectors
from polyalign.words.symmetrize import Symmetrization

__all__ = ["BySimilarity", "SimilarModel", "both_ways", "encoder_at", "evenly", "of_words", "posteriors_of"]

#: Sentence pairs encoded at a time, and characters of both sides of them.
RUN, CHARACTERS = 512, 1 << 18
SIDES: tuple[Side, Side] = ("src", "tgt")
#: Least probability of a link that a method decides for: less would be forgotten as as good as impossible.
LEAST = 0.011


@dataclass(frozen=True, slots=True)
class BySimilarity(ABC):
    """What the aligners by similarity have in common.

    Args:
        encoder: Encoder with vectors of tokens: `e5`, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:prefix=none`.
        layer: Layer whose vectors are compared; none for the encoder's own.
        auto_layer: Choose the layer by the text instead: the one with most links that run in parallel.
        gold: File of links drawn by hand; the layer is chosen whose links have the fewest errors.
        gold_text: File of the sentence pairs that gold belongs to; empty if they are the first ones of the bitext.
        level: Compare words, each the mean of its pieces, or pieces, of which one pair is enough to link two words.
        centre: Subtract each language's mean vector first.
        neutral: Then make translations differ alike in all directions, by words that go together (see `similarity.neutral`).
        distortion: How much a link costs whose words stand at different places of their sentences, 0 to 1.
        null: Share of links to leave out, those of words that are about as similar to all others.
        sample: Sentence pairs, taken evenly from the bitext, that all this is learned from.

    Raises:
        ValueError: A parameter out of range.
    """

    encoder: str = "e5"
    layer: int | None = 7
    auto_layer: bool = False
    gold: PathText = ""
    gold_text: PathText = ""
    level: Level = "word"
    centre: bool = True
    neutral: bool = True
    distortion: float = 0.0
    null: float = 0.0
    sample: int = 500

    def __post_init__(self) -> None:
        if not 0 <= self.distortion <= 1:
            raise ValueError(f"distortion must be from 0 to 1, got {self.distortion}")
        if not 0 <= self.null < 1:
            raise ValueError(f"null must be at least 0 and below 1, got {self.null}")
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, got {self.sample}")

    @property
    def cosines(self) -> bool:
        """Whether cosines are compared, rather than products of vectors as they are."""
        return True

    @abstractmethod
    def decide(self, cosine: F32) -> F32:
        """How probable each link is, either way.

        Args:
            cosine: Cosines of n source and m target rows, distortion applied, shape (n, m); n, m > 0.

        Returns:
            Forward (columns choose rows) and backward probabilities, shape (2, n, m); 0 where there is no link.
        """

    def vectors(self, encoder: Encoder, bitext: Bitext) -> tuple[Vectors, Vectors]:
        """What is compared of both sides."""
        src, tgt = (word_vectors(encoder, bitext, side, self.level)[0] for side in SIDES)
        return src, tgt

    def fit(self, bitext: Bitext) -> SimilarModel:
        """Learn from a sample what vectors say of their language; no link is learned from.

        Args:
            bitext: Sentence pairs.

        Raises:
            ConfigError: No such encoder, or one without vectors of tokens, or without layers to choose from.
            DataError: A sentence has more than 65,535 words, or gold links cannot be read.
        """
        encoder = encoder_at(self.encoder, self.layer)
        if self.auto_layer or self.gold:
            from polyalign.words.similarity.layers import best_layer

            encoder = replace(encoder, layer=best_layer(self, encoder, bitext))  # type: ignore[type-var]
        return SimilarModel.learn(self, encoder, bitext)


def encoder_at(name: str, layer: int | None) -> Encoder:
    """An encoder by its name, at a layer; of one without layers, as it is."""
    encoder = named_encoder(name)
    if layer is None or not hasattr(encoder, "layer") or encoder.layer is not None:
        return encoder
    changed: Encoder = replace(encoder, layer=layer)  # type: ignore[type-var]
    return changed


def evenly(bitext: Bitext, pairs: int) -> Bitext:
    """So many sentence pairs of a bitext, from its beginning to its end."""
    if len(bitext) <= pairs:
        return bitext
    return Bitext(bitext.table.take(pa.array(np.linspace(0, len(bitext) - 1, pairs).astype(np.int64))))


@dataclass(frozen=True, slots=True, eq=False)
class SimilarModel(WordModel):
    """An encoder, what its vectors say of two languages, and how similarity becomes links.

    Args:
        method: How.
        encoder: At the layer that is compared.
        neutral: What is taken out of source and of target vectors.
        limit: Links of words that are more evenly similar to all others are left out.
    """

    kind: ClassVar[str] = "similar"
    called: ClassVar[str] = "an aligner by similarity"
    method: BySimilarity
    encoder: Encoder
    neutral: Neutral
    limit: float = math.inf

    @classmethod
    def learn(cls, method: BySimilarity, encoder: Encoder, bitext: Bitext) -> Self:
        """With what a sample tells."""
        return cls.of_vectors(method, encoder, *method.vectors(encoder, evenly(bitext, method.sample)))

    @classmethod
    def of_vectors(cls, method: BySimilarity, encoder: Encoder, src: Vectors, tgt: Vectors) -> Self:
        """With what the vectors of a sample tell."""
        between = src.offsets, tgt.offsets
        out = neutral_of(src.rows, tgt.rows, between, centre=method.centre, whiten=method.neutral)
        model = cls(method, encoder, out)
        if not method.null:
            return model
        found = np.concatenate([np.zeros(0), *(even[p.any(axis=0)] for p, even in model.pairs(src, tgt))])
        return replace(model, limit=float(np.quantile(found, 1 - method.null))) if len(found) else model

    @property
    def symmetrize(self) -> Symmetrization:
        """Posterior: the method has decided, and what it left is linked."""
        return "posterior"

    @property
    def threshold(self) -> float:
        """0."""
        return 0.0

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        for run in in_runs(bitext, runs(bitext), label):
            yield self.link(*self.method.vectors(self.encoder, run))

    def link(self, src: Vectors, tgt: Vectors) -> Posteriors:
        """The posteriors of sentence pairs of which there are vectors."""
        cells, ps = [], []
        for k, (p, even) in enumerate(self.pairs(src, tgt)):
            p *= even <= self.limit
            a, b = (slice(*v.offsets[k : k + 2].tolist()) for v in (src, tgt))
            if self.method.level == "subword":
                p = of_words(p, src.word[a], tgt.word[b], int(src.words[k]), int(tgt.words[k]))
            i, j = np.nonzero(p.any(axis=0))
            cells.append((i, j))
            ps.append(np.where(p[:, i, j] > 0, np.clip(p[:, i, j], LEAST, 1), 0))
        return posteriors_of(src.words, tgt.words, cells, ps)

    def pairs(self, src: Vectors, tgt: Vectors) -> Iterator[tuple[F32, F32]]:
        """Of each sentence pair what the method decides, and how even each cell's row or column is if that counts."""
        x, y = self.compared(src, tgt)
        for k in range(len(src)):
            a, b = (slice(*v.offsets[k : k + 2].tolist()) for v in (src, tgt))
            u, v = x[a], y[b]
            out = np.zeros((2, len(u), len(v)), np.float32)
            # A word of which the encoder knows no piece is like no other.
            i, j = np.flatnonzero(u.any(axis=1)), np.flatnonzero(v.any(axis=1))
            if not len(i) or not len(j):
                yield out, out[0]
                continue
            whole = len(i) == len(u) and len(j) == len(v)
            similarity = bent(u @ v.T if whole else u[i] @ v[j].T, self.method.distortion)
            p = self.method.decide(similarity)
            even = evenness(similarity) if self.method.null else np.zeros(similarity.shape, np.float32)
            if whole:
                yield p, even
                continue
            out[:, i[:, None], j] = p
            full = np.zeros(out.shape[1:], np.float32)
            full[i[:, None], j] = even
            yield out, full

    def compared(self, src: Vectors, tgt: Vectors) -> tuple[F32, F32]:
        """The vectors without what they say of their language."""
        scale = self.method.cosines
        return self.neutral(src.rows, 0, scale=scale), self.neutral(tgt.rows, 1, scale=scale)

    def save(self, folder: Path) -> None:
        """Write the model to a folder, the encoder by its name only; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        with open_output(folder / "neutral.npy") as file:
            np.save(file, self.neutral.array)
        limit = None if math.isinf(self.limit) else self.limit
        layer = getattr(self.encoder, "layer", None)
        write_manifest(folder, self.kind, **settings_of(self.method), layer=layer, limit=limit)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
            MissingExtraError: What its encoder needs is not installed.
        """
        with reading_model(folder) as settings:
            method = method_of(settings)
            rows = np.load(folder / "neutral.npy")
            limit = math.inf if settings["limit"] is None else float(settings["limit"])
            return cls(method, cls.encoder_in(folder, settings), Neutral.of_array(rows), limit)

    @classmethod
    def encoder_in(cls, folder: Path, settings: dict[str, Any]) -> Any:
        """The encoder of a saved model, by its manifest."""
        return encoder_at(settings["method"]["encoder"], settings["layer"])


def runs(bitext: Bitext) -> Iterator[tuple[int, int]]:
    """Where runs of sentence pairs begin and end: as many as are in memory at a time, one at least."""
    ends = np.cumsum(sum(pc.fill_null(pc.utf8_length(bitext.table[s]), 0).to_numpy() for s in SIDES))
    start = 0
    while start < len(bitext):
        before = ends[start - 1] if start else 0
        end = int(np.searchsorted(ends, before + CHARACTERS, "right"))
        end = min(max(end, start + 1), start + RUN, len(bitext))
        yield start, end
        start = end
