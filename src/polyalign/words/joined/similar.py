"""How alike the words of a text are in several layers of an encoder, as probabilities of links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.known import Knowledge, knows
from polyalign.words.model import in_runs
from polyalign.words.posteriors import Posteriors
from polyalign.words.priors import rows
from polyalign.words.similarity.matrix import both_ways, posteriors_of
from polyalign.words.similarity.method import runs
from polyalign.words.similarity.neutral import Neutral, neutral_of
from polyalign.words.similarity.vectors import Vectors, word_vectors
from polyalign.words.text import Reading

#: Temperature of the softmax where links are judged, and where they are counted, which wants surer ones.
TEMPERATURE, SURE = 0.1, 0.06
#: Probability from which a link is counted, and sum of both directions' from which it is kept.
LEAST, LEAST_BOTH = 0.05, 0.02
#: Expected links of pairs of words.
Counts = defaultdict[tuple[str, str], float]


@dataclass(frozen=True, slots=True, eq=False)
class Similar:
    """Some layers of an encoder, and what is taken out of their vectors of two languages.

    Args:
        encoder: With vectors of tokens.
        layers: Which layers; none for the encoder's own.
        neutral: Of each layer.
    """

    encoder: Encoder
    layers: tuple[int, ...]
    neutral: tuple[Neutral, ...]

    @classmethod
    def learn(cls, encoder: Encoder, layers: tuple[int, ...], bitext: Bitext) -> tuple[Similar, Words]:
        """From a sample of a bitext, and its words."""
        src, tgt = (word_vectors(encoder, bitext, side, layers=layers or None) for side in ("src", "tgt"))
        neutral = tuple(neutral_of(x.rows, y.rows, (x.offsets, y.offsets)) for x, y in zip(src, tgt, strict=True))
        similar = cls(encoder, layers, neutral)
        return similar, similar._neutralised(src, tgt)

    def words(self, bitext: Bitext) -> Words:
        """The words of a bitext."""
        src, tgt = (word_vectors(self.encoder, bitext, side, layers=self.layers or None) for side in ("src", "tgt"))
        return self._neutralised(src, tgt)

    def read(self, bitext: Bitext, known: Words) -> Iterator[tuple[Bitext, Words]]:
        """A bitext and its words, run by run; `known` are its words if it is as long as they are."""
        if len(known.src) == len(bitext):
            yield bitext, known
            return
        for run in in_runs(bitext, runs(bitext), "encode words"):
            yield run, self.words(run)

    def _neutralised(self, src: Sequence[Vectors], tgt: Sequence[Vectors]) -> Words:
        return Words(
            src[0],
            tgt[0],
            [(n(x.rows, 0), n(y.rows, 1)) for n, x, y in zip(self.neutral, src, tgt, strict=True)],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of n sentence pairs with their vectors.

    Args:
        src: Where source words are among the rows.
        tgt: Where target words are.
        rows: In each layer the unit vectors of source and of target words.
    """

    src: Vectors
    tgt: Vectors
    rows: list[tuple[F32, F32]]

    def cosines(self) -> Iterator[F32]:
        """Of each sentence pair, shape (layers, source words, target words)."""
        for k in range(len(self.src)):
            a, b = (slice(*v.offsets[k : k + 2].tolist()) for v in (self.src, self.tgt))
            yield np.stack([x[a] @ y[b].T for x, y in self.rows])

    def knowledge(self) -> Knowledge:
        """Whether the encoder knows both languages: whether sentences are nearest to their own translation."""
        sides = []
        for side, vectors in enumerate((self.src, self.tgt)):
            total = np.zeros((len(vectors), self.rows[0][side].shape[1]), np.float32)
            np.add.at(total, np.repeat(np.arange(len(vectors)), vectors.words), self.rows[0][side])
            sides.append(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9))
        whole = np.array([0, len(self.src)])
        return knows(np.asarray(sides[0], np.float32), np.asarray(sides[1], np.float32), whole, whole)

    def count(self, bitext: Bitext, reading: Reading, total: Counts) -> None:
        """Add how often which words are each other's translation by their vectors.

        Args:
            bitext: The text of the words.
            reading: Which words count as the same.
            total: Added to.
        """
        for cosine, src, tgt in zip(self.cosines(), bitext.tokens("src"), bitext.tokens("tgt"), strict=True):
            if not cosine.size:
                continue
            p = probabilities(cosine, SURE)
            sure = np.sqrt(p[0] * p[1])
            left, right = [reading(w) for w in src], [reading(w) for w in tgt]
            for i, j in zip(*np.nonzero(sure > LEAST), strict=True):
                total[left[i], right[j]] += float(sure[i, j])

    def posteriors(self) -> Posteriors:
        """How probable links are by similarity alone, either way."""
        cells, ps = [], []
        for cosine in self.cosines():
            p = probabilities(cosine) if cosine.size else np.zeros((2, *cosine.shape[1:]), np.float32)
            i, j = np.nonzero(p.sum(axis=0) > LEAST_BOTH)
            cells.append((i, j))
            ps.append(p[:, i, j])
        return posteriors_of(self.src.words, self.tgt.words, cells, ps)


def table(total: Counts, weight: float) -> pa.Table:
    """Counts as a table of priors, a link that is certain being worth `weight`."""
    words = sorted(total)
    counts = np.array([weight * total[pair] for pair in words], np.float32)
    return rows("full", "link", counts, src=[s for s, _ in words], tgt=[t for _, t in words])


def probabilities(cosine: F32, temperature: float = TEMPERATURE) -> F32:
    """Softmax over the source and over the target words, the mean over layers; (layers, n, m) to (2, n, m)."""
    return np.asarray(np.mean([both_ways(c, temperature) for c in cosine], axis=0), np.float32)
