"""Gale and Church's sentence alignment: by length alone, in any two languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.jit import F64, I64, Mask
from polyalign.core.ragged import offsets
from polyalign.kernels.lengths import align_batch
from polyalign.sentences.batch import (
    Alignment,
    Paragraphs,
    check_pairs,
    chunks,
    cumulative,
    paragraph_breaks,
)

#: -100 ln of each type's probability over that of 1-1, from the paper's corpus.
PENALTIES = {"0-1": 450.0, "1-0": 450.0, "1-1": 0.0, "1-2": 230.0, "2-1": 230.0, "2-2": 440.0}


@dataclass(frozen=True, slots=True)
class GaleChurch:
    """Align sentences by their lengths in characters, as Gale and Church did.

    Minimises the sum over beads of ``-100 ln P(|delta|) + penalty(type)`` with
    ``delta = (c * l1 - l2) / sqrt(s2 * (l1 + l2 / c) / 2)``, l1 and l2 the bead's lengths without
    spaces and P the two-sided normal probability. A bead's score is its posterior probability,
    by forward-backward over the same lattice with ``exp(-cost / 100)``.

    **Differs:** beads are those of the ``galechurch`` package, ties included, where no document is
    longer than about 2,000 sentences; longer ones are searched in a band that is moved
    and widened until the path keeps to its inner half. A length difference beyond the range of double precision costs much instead of
    leaving the document unaligned. The paper aligns paragraphs first; here, see `paragraphs`.

    Args:
        ratio: Expected target characters a source character, c.
        variance: Variance of that a character, s2.
        penalties: Cost of each bead type such as ``"1-2"``, any sizes; the types not named cannot occur.
        paragraphs: With "respect" no bead spans a paragraph break, and versions with equally many
            paragraphs are aligned paragraph by paragraph; a version of one paragraph says nothing.

    Complexity: O(n m) time and n m bytes for documents of n and m sentences up to 4 million cells, then
    linear in n.

    References: gale1993program

    Example:
        >>> from polyalign.core.document import Document
        >>> src = Document.from_lines(["Good morning to you all.", "We left the house. It rained."])
        >>> tgt = Document.from_lines(["Guten Morgen, alle zusammen.", "Wir gingen los.", "Es regnete."])
        >>> GaleChurch().align([src], [tgt])[0].types()
        {'1-1': 1, '1-2': 1}
    """

    ratio: float = 1.0
    variance: float = 6.8
    penalties: dict[str, float] = field(default_factory=lambda: dict(PENALTIES))
    paragraphs: Paragraphs = "respect"

    def __post_init__(self) -> None:
        if not (self.ratio > 0 and self.variance > 0):
            raise ValueError(f"ratio and variance must be above 0, found {self.ratio} and {self.variance}")
        for name, cost in self.penalties.items():
            a, dash, b = name.partition("-")
            if not (dash and a.isdecimal() and b.isdecimal() and 0 < int(a) + int(b) <= 20 and np.isfinite(cost)):
                raise ValueError(f"penalties: {name!r} = {cost}, expected a bead type such as '1-2' and a finite cost")
        if not {"0-1", "1-0"} <= set(self.penalties):
            raise ValueError("penalties must have '0-1' and '1-0', without which some documents cannot be aligned")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            DataError: The numbers of documents differ.
        """
        check_pairs(src, tgt, "sentences.align/gale-church")
        docs, first, breaks = _blocks(src, tgt, paragraph_breaks(src, tgt, self.paragraphs))
        types = sorted((*(int(x) for x in name.split("-")), cost) for name, cost in self.penalties.items())
        cuts, score, count = align_batch(
            docs,
            (cumulative(docs[0], _lengths(src)), cumulative(docs[1], _lengths(tgt))),
            breaks,
            float(self.ratio),
            float(self.variance),
            np.array([a for a, _, _ in types], np.int32),
            np.array([b for _, b, _ in types], np.int32),
            np.array([cost for _, _, cost in types], np.float64),
            4_000_000,
            32,
            chunks(docs),
        )
        return _join(docs, first, Alignment.pack(docs, cuts, score, count)).beads()


def _lengths(documents: Sequence[Document]) -> F64:
    return np.array([len(s.replace(" ", "")) for d in documents for s in d.sentences], np.float64)


def _blocks(
    src: Sequence[Document], tgt: Sequence[Document], breaks: tuple[Mask, Mask]
) -> tuple[tuple[I64, I64], I64, tuple[Mask, Mask]]:
    """What is aligned on its own: paragraph with paragraph where there are equally many, else documents.

    Returns:
        First sentence of each block on either side, first block of each document, and the breaks
        within blocks.
    """
    ends: tuple[list[I64], list[I64]] = ([], [])
    inner: tuple[list[Mask], list[Mask]] = ([np.zeros(0, np.bool_)], [np.zeros(0, np.bool_)])
    blocks: list[int] = []
    at = [0, 0, 0, 0]  # first sentence of the document on either side, first cut likewise
    for pair in zip(src, tgt, strict=True):
        sizes = [len(d) for d in pair]
        marks = [breaks[side][at[2 + side] : at[2 + side] + sizes[side] + 1] for side in (0, 1)]
        matched = marks[0].sum() == marks[1].sum()
        for side in (0, 1):
            here = np.flatnonzero(marks[side]) if matched else np.zeros(0, np.int64)
            ends[side].append(at[side] + np.append(here, sizes[side]))
            inner[side].append(np.zeros(sizes[side] + len(here) + 1, np.bool_) if matched else marks[side])
            at[side] += sizes[side]
            at[2 + side] += sizes[side] + 1
        blocks.append(len(ends[0][-1]))
    docs = tuple(np.concatenate([np.zeros(1, np.int64), *e]).astype(np.int64) for e in ends)
    return (docs[0], docs[1]), offsets(blocks), (np.concatenate(inner[0]), np.concatenate(inner[1]))


def _join(docs: tuple[I64, I64], first: I64, blocks: Alignment) -> Alignment:
    """The blocks' alignments as the documents'."""
    if len(first) == len(docs[0]):
        return blocks
    start = np.stack([side[:-1] - np.repeat(side[first[:-1]], np.diff(first)) for side in docs], axis=1)
    cuts = blocks.cuts + np.repeat(start, np.diff(blocks.at), axis=0)
    keep = np.ones(len(cuts), np.bool_)
    keep[np.delete(blocks.at[:-1], first[:-1])] = False
    return Alignment(cuts.astype(np.int32)[keep], offsets(keep.astype(np.int64))[blocks.at[first]], blocks.score[keep])
