"""Vecalign: sentences aligned by vectors of all their runs, coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.jit import F32
from polyalign.core.ragged import offsets
from polyalign.encoders.centre import centre
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.kernels.vecalign import align_batch
from polyalign.sentences.batch import Alignment, check_pairs, chunks

#: Source and target.
Sides = tuple[F32, F32]


@dataclass(frozen=True, slots=True)
class Vecalign:
    """Align sentences by the vectors of all runs of sentences, as vecalign does, with any encoder.

    A run x of a source sentences and a run y of b target sentences cost
    ``a b c``, ``c = 2 (1 - cos(x, y)) / (mean over random t of (1 - cos(x, t)) + mean over random s of (1 - cos(s, y)))``,
    and a sentence without counterpart a quantile of what random pairs of sentences cost. The cheapest path is first
    sought in a coarse text, each of whose vectors sums up neighbouring ones (less the mean of all), then near that
    path in ever finer ones, at last with beads of all sizes. A bead's score is ``1 - c``, never below 0: 1 for equal
    vectors, 0 for what random ones have and for a sentence without counterpart.

    **Differs:** from the tool, which prints ``c`` and 0 for deletions, by: the quantile is exact (there interpolated
    in a histogram); random runs are drawn from those there are, of the sizes that beads can have (there also from
    padding before the text and one size more), and in coarse texts single vectors alone; the band has as many nodes,
    but is laid row by row and wider where a stretch may be missing; texts are not cut at 10,000 characters;
    of equal texts the smaller beads are taken, where the tool goes by rounding.
    ``runs="pool"`` is not in the tool.

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind
            a colon, `e5:layer=7`.
        runs: "embed" encodes every run of sentences, joined by spaces, as published; "pool" adds up the vectors of its
            sentences, weighted by the logarithm of their lengths, at a tenth of the cost.
        max_size: Most sentences in a bead, both sides together.
        one_to_many: If not 0, beads are of one source and at most so many target sentences, whatever `max_size` says.
        deletion: Quantile of the costs of random pairs of sentences that leaving out a sentence costs.
        samples: Random vectors that each vector is compared with.
        deletion_samples: Random pairs of sentences whose costs are looked at.
        search_window: Nodes kept beside the path of the coarser text, besides half of `max_size`.
        full_search: Sentences a side up to which the path is sought everywhere.
        centre: Whether to subtract each language's mean vector first, which the tool does not.
        seed: Of the random vectors and pairs; the same for every document, so that its alignment is its own.

    Complexity: O(n) time and memory; memory is a vector a sentence, times the sizes of runs if they are embedded.

    References: thompson2019vecalign

    Example:
        >>> from polyalign.core.document import Document
        >>> Vecalign().align([], [])
        []
    """

    encoder: str = "e5"
    runs: Literal["embed", "pool"] = "embed"
    max_size: int = 4
    one_to_many: int = 0
    deletion: float = 0.2
    samples: int = 100
    deletion_samples: int = 20_000
    search_window: int = 5
    full_search: int = 300
    centre: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_size", 2, 20),
            ("one_to_many", 0, 200),
            ("samples", 1, 1_000_000),
            ("deletion_samples", 1, 100_000_000),
            ("search_window", 1, 1000),
            ("full_search", 1, 10_000),
            ("seed", 0, 2**63 - 1),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, found {getattr(self, name)}")
        if not 0 <= self.deletion <= 1:
            raise ValueError(f"deletion must be from 0 to 1, found {self.deletion}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            DataError: The numbers of documents differ.
            ConfigError: No such encoder.
            MissingExtraError: What the encoder needs is not installed.
        """
        check_pairs(src, tgt, "sentences.align/vecalign")
        if not src:
            return []
        return self.align_by(named_encoder(self.encoder), src, tgt)

    def align_by(self, encoder: Encoder, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align by an encoder that is already there, whatever `encoder` says."""
        sizes = (1, self.one_to_many) if self.one_to_many else (self.max_size - 1, self.max_size - 1)
        types = [
            (a, b)
            for a in range(1, sizes[0] + 1)
            for b in range(1, sizes[1] + 1)
            if self.one_to_many or a + b <= self.max_size
        ]
        docs = offsets([len(d) for d in src]), offsets([len(d) for d in tgt])
        single, runs = zip(*(self._vectors(encoder, *s) for s in zip((src, tgt), sizes, strict=True)), strict=True)
        if self.centre:
            single, runs = _centred(single, runs)
        found, score, count = align_batch(
            docs,
            single,
            (_weights(src), _weights(tgt)),
            runs,
            np.array([a for a, _ in types], np.int32),
            np.array([b for _, b in types], np.int32),
            self.samples,
            float(self.deletion),
            self.deletion_samples,
            # Along a row twice as far as across the diagonal.
            2 * (ceil((self.one_to_many or self.max_size) / 2) + self.search_window),
            self.full_search,
            self.seed,
            chunks(docs),
        )
        return Alignment.pack(docs, found, score, count).beads()

    def _vectors(self, encoder: Encoder, side: Sequence[Document], sizes: int) -> tuple[F32, F32]:
        """Unit vectors of a side's sentences, shape (n, d), and of its runs of more, shape (n, sizes - 1, d)."""
        single = encoder.encode([s for d in side for s in d.sentences])
        more = sizes - 1 if self.runs == "embed" else 0
        texts = [
            # No run goes beyond the document's end: there its place stays empty, and its vector zero.
            " ".join(d.sentences[i : i + size]) if i + size <= len(d) else ""
            for d in side
            for i in range(len(d))
            for size in range(2, more + 2)
        ]
        return single, encoder.encode(texts, label="encode runs").reshape(len(single), more, encoder.dim)


def _weights(side: Sequence[Document]) -> F32:
    return np.log1p(np.array([len(s) for d in side for s in d.sentences], np.float32))


def _centred(single: Sides, runs: Sides) -> tuple[Sides, Sides]:
    """Vectors of sentences and runs, less the mean of their language's."""
    rows = [np.concatenate([s, r.reshape(-1, s.shape[1])]) for s, r in zip(single, runs, strict=True)]
    x, y = centre(*rows)
    n, m = len(single[0]), len(single[1])
    return (x[:n], y[:m]), (x[n:].reshape(runs[0].shape), y[m:].reshape(runs[1].shape))
