"""What the aligners by similarity have in common: whose vectors they compare, and how a matrix becomes posteriors."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText, open_output, write_text
from polyalign.core.jit import F32
from polyalign.core.progress import track
from polyalign.core.ragged import offsets
from polyalign.core.space import unit
from polyalign.encoders.centre import shifts
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.words.model import FORMAT, WordModel, manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.vectors import Level, word_vectors
from polyalign.words.symmetrize import Symmetrization

#: Sentence pairs encoded at a time.
RUN = 512
#: Least probability of a link that a method decides for: less would be forgotten as as good as impossible.
LEAST = 0.011


@dataclass(frozen=True, slots=True)
class BySimilarity(ABC):
    """What the aligners by similarity have in common.

    Args:
        encoder: Encoder with vectors of tokens: `e5`, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:prefix=none`.
        layer: Layer whose vectors are compared; none for the encoder's own.
        level: Compare words, each the mean of its pieces, or pieces, of which one pair is enough to link two words.
        centre: Subtract each language's mean vector first.
        distortion: How much a link costs whose words stand at different places of their sentences, 0 to 1.
        sample: Sentence pairs, taken evenly from the bitext, that the means are taken over.

    Raises:
        ValueError: A parameter out of range.
    """

    encoder: PathText = "e5"
    layer: int | None = 7
    level: Level = "word"
    centre: bool = True
    distortion: float = 0.0
    sample: int = 500

    def __post_init__(self) -> None:
        if not 0 <= self.distortion <= 1:
            raise ValueError(f"distortion must be from 0 to 1, got {self.distortion}")
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, got {self.sample}")

    @abstractmethod
    def decide(self, cosine: F32) -> F32:
        """How probable each link is, either way.

        Args:
            cosine: Cosines of n source and m target rows, distortion applied, shape (n, m); n, m > 0.

        Returns:
            Forward (columns choose rows) and backward probabilities, shape (2, n, m); 0 where there is no link.
        """

    def fit(self, bitext: Bitext) -> SimilarModel:
        """Take the means of the vectors of both languages over a sample; nothing else is learned.

        Args:
            bitext: Sentence pairs.

        Raises:
            ConfigError: No such encoder, or one without vectors of tokens.
            DataError: A sentence has more than 65,535 words.
        """
        return SimilarModel.learn(self, encoder_at(self.encoder, self.layer), bitext)


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
    """An encoder, the means of two languages, and how similarity becomes links.

    Args:
        method: How.
        encoder: At the layer that is compared.
        means: What is subtracted from source and from target vectors, shape (2, d).
    """

    kind: ClassVar[str] = "similar"
    method: BySimilarity
    encoder: Encoder
    means: F32

    @classmethod
    def learn(cls, method: BySimilarity, encoder: Encoder, bitext: Bitext) -> SimilarModel:
        """With the means over a sample."""
        return cls(method, encoder, _means(method, encoder, evenly(bitext, method.sample)))

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
        with track(label, total=len(bitext), unit="pairs") as progress:
            for start in range(0, len(bitext), RUN):
                run = Bitext(bitext.table.slice(start, RUN))
                yield self._run(run)
                progress.advance(len(run))

    def _run(self, bitext: Bitext) -> Posteriors:
        src, tgt = (word_vectors(self.encoder, bitext, side, self.method.level)[0] for side in ("src", "tgt"))  # type: Vectors, Vectors
        x, y = unit(src.rows - self.means[0]), unit(tgt.rows - self.means[1])
        ps, cells = [], []
        for k in range(len(bitext)):
            a, b = (slice(*v.offsets[k : k + 2].tolist()) for v in (src, tgt))
            n, m = int(src.words[k]), int(tgt.words[k])
            if a.start == a.stop or b.start == b.stop:
                p = np.zeros((2, n, m), np.float32)
            else:
                p = self.method.decide(bent(x[a] @ y[b].T, self.method.distortion))
                if self.method.level == "subword":
                    p = of_words(p, src.word[a], tgt.word[b], n, m)
            i, j = np.nonzero(p.any(axis=0))
            cells.append((i, j))
            ps.append(np.where(p[:, i, j] > 0, np.clip(p[:, i, j], LEAST, 1), 0))
        return posteriors_of(src.words, tgt.words, cells, ps)

    def save(self, folder: Path) -> None:
        """Write the model to a folder, the encoder by its name only; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        with open_output(folder / "means.npy") as file:
            np.save(file, self.means)
        settings = {
            "format": FORMAT,
            "kind": self.kind,
            "class": f"{type(self.method).__module__}:{type(self.method).__qualname__}",
            "method": asdict(self.method),
            "layer": getattr(self.encoder, "layer", None),
        }
        write_text(folder / "manifest.json", json.dumps(settings, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> SimilarModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        from polyalign.core import registry

        settings = manifest(folder)
        try:
            rows = [row for row in registry.rows().values() if row.target == settings["class"]]
            method: Any = registry.load(rows[0])(**settings["method"])
            return cls(method, encoder_at(method.encoder, settings["layer"]), np.load(folder / "means.npy"))
        except (OSError, ValueError, EOFError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None

    def priors(self) -> pa.Table:
        """Nothing was counted.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "export priors: an aligner by similarity counts nothing; align by it, and take priors from a model of "
            "words.align/gibbs or hmm"
        )


def bent(cosine: F32, distortion: float) -> F32:
    """Cosines, less what a difference of places costs: ``(cos + 1) / 2`` times ``1 - k (i / (n - 1) - j / (m - 1))^2``.

    Example:
        >>> bent(np.ones((2, 2), np.float32), 0.5).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if not distortion:
        return cosine
    n, m = cosine.shape
    i, j = np.arange(n)[:, None] / max(1, n - 1), np.arange(m)[None, :] / max(1, m - 1)
    half = (cosine + 1) / 2 * (1 - distortion * (i - j) ** 2)
    return np.asarray(2 * half - 1, np.float32)


def of_words(p: F32, src: Any, tgt: Any, n: int, m: int) -> F32:
    """The greatest of the pairs of pieces of two words, shape (2, n, m)."""
    out = np.zeros((2, n, m), np.float32)
    rows, first = np.unique(src, return_index=True)
    columns, begin = np.unique(tgt, return_index=True)
    found = np.maximum.reduceat(np.maximum.reduceat(p, first, axis=1), begin, axis=2)
    out[:, rows[:, None], columns[None, :]] = found
    return out


def both_ways(cosine: F32, temperature: float) -> F32:
    """Softmax over the rows of each column, and over the columns of each row, shape (2, n, m)."""
    exp = np.exp((cosine - cosine.max()) / temperature)
    return np.stack([exp / exp.sum(axis=0, keepdims=True), exp / exp.sum(axis=1, keepdims=True)])


def posteriors_of(src_words: Any, tgt_words: Any, cells: list[tuple[Any, Any]], p: list[F32]) -> Posteriors:
    """Posteriors of the cells of each sentence pair, in (src, tgt) order, with their probabilities, each of shape (2, c)."""
    if not len(src_words):
        return Posteriors.none(src_words, tgt_words)
    most = max(int(src_words.max()), int(tgt_words.max()))
    if most > 65_535:
        raise DataError(f"bitext: found a sentence of {most:,} words, expected at most 65,535; split it")
    src, tgt = (np.concatenate([c[s] for c in cells]).astype(np.uint16) for s in (0, 1))
    fixed = np.rint(np.concatenate(p, axis=1) * 65535).astype(np.uint16)
    return Posteriors(src_words, tgt_words, offsets([len(c[0]) for c in cells]), src, tgt, fixed)


def _means(method: BySimilarity, encoder: Encoder, bitext: Bitext) -> F32:
    if not method.centre or not len(bitext):
        return np.zeros((2, 1), np.float32)
    sides: tuple[Side, Side] = ("src", "tgt")
    rows = [word_vectors(encoder, bitext, side)[0].rows for side in sides]
    some = [unit(x[x.any(axis=1)]) for x in rows]
    means = [x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(x.shape[1]) for x in some]
    return np.stack(shifts(means, [len(x) for x in some]))
