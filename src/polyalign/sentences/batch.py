"""A batch of document pairs as flat arrays, and an alignment of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32, I64, Mask
from polyalign.core.ragged import offsets

Paragraphs = Literal["respect", "ignore"]


def check_pairs(src: Sequence[Document], tgt: Sequence[Document], method: str) -> None:
    """Refuse sides that do not pair up.

    Raises:
        DataError: The numbers of documents differ.
    """
    if len(src) != len(tgt):
        raise DataError(
            f"{method}: found {len(src)} source and {len(tgt)} target documents, expected one target document for each source document; pair them first"
        )


def cumulative(docs: I64, values: F64) -> F64:
    """Sums before every cut of every document, each document from 0, shape (sentences + documents,)."""
    total, sizes = np.concatenate([np.zeros(1), np.cumsum(values)]), np.diff(docs) + 1
    document = np.repeat(np.arange(len(sizes)), sizes)
    cut = np.arange(len(document)) - document
    return np.asarray(total[cut] - total[docs[document]], np.float64)


def chunks(docs: tuple[I64, I64], parts: int = 16) -> I64:
    """Split the documents, in order, into about `parts` runs of about equal work."""
    work = offsets(np.minimum(np.diff(docs[0]), 1000) * np.minimum(np.diff(docs[1]), 1000) + 1)
    at = np.searchsorted(work, np.linspace(0, work[-1], parts + 1))
    return np.unique(np.concatenate([[0], at, [len(work) - 1]])).astype(np.int64)


def paragraph_breaks(src: Sequence[Document], tgt: Sequence[Document], mode: Paragraphs) -> tuple[Mask, Mask]:
    """Whether a paragraph ends at each cut; nowhere if ignored or if a version is one paragraph."""
    sides: tuple[list[Mask], list[Mask]] = ([np.zeros(0, np.bool_)], [np.zeros(0, np.bool_)])
    for pair in zip(src, tgt, strict=True):
        known = mode == "respect" and all(len(d) > 0 and d.paragraphs[0] != d.paragraphs[-1] for d in pair)
        for side, document in zip(sides, pair, strict=True):
            breaks = np.zeros(len(document) + 1, np.bool_)
            if known:
                breaks[1:-1] = np.diff(document.paragraphs) > 0
            side.append(breaks)
    return np.concatenate(sides[0]), np.concatenate(sides[1])


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Beads of all documents.

    Args:
        cuts: (source, target) cuts of all documents, each document's from (0, 0), shape (beads + d, 2).
        at: First cut of each document, shape (d + 1,).
        score: Score of the bead that ends at each cut, shape (beads + d,).
    """

    cuts: I32
    at: I64
    score: F32

    @classmethod
    def pack(cls, docs: tuple[I64, I64], cuts: I32, score: F32, count: I64) -> Alignment:
        """From what the kernels return: document k's `count[k]` cuts from ``docs[0][k] + docs[1][k]`` on."""
        at = offsets(count + 1)
        document = np.repeat(np.arange(len(count)), count)
        source = np.arange(len(document)) - (at[:-1] - np.arange(len(count)))[document] + (docs[0] + docs[1])[document]
        out, scores = np.zeros((at[-1], 2), np.int32), np.zeros(at[-1], np.float32)
        place = np.arange(len(document)) + document + 1
        out[place], scores[place] = cuts[source], score[source]
        return cls(out, at, scores)

    def beads(self) -> list[Beads]:
        """The beads of each document."""
        ranges = zip(self.at[:-1].tolist(), self.at[1:].tolist(), strict=True)
        return [
            Beads(c[:-1, 0], c[1:, 0], c[:-1, 1], c[1:, 1], s[1:])
            for c, s in ((self.cuts[a:b], self.score[a:b]) for a, b in ranges)
        ]
