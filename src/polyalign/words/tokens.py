"""Words as numbers: what every aligner does to a bitext before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.jit import I32, I64
from polyalign.core.ragged import Ragged, offsets
from polyalign.core.vocab import Vocab

#: Cells a block holds at most, unless a single sentence pair has more: bounds the memory of a pass.
BLOCK_CELLS = 8_000_000


def words(bitext: Bitext, side: Side, *, lowercase: bool) -> list[list[str]]:
    """One side's tokens, lower-cased if asked.

    Example:
        >>> words(Bitext.build(["Ein Haus"], [""]), "src", lowercase=True)
        [['ein', 'haus']]
    """
    sentences = bitext.tokens(side)
    if not lowercase:
        return sentences
    # One string for each distinct word, not for each occurrence: the difference is most of the memory.
    lower = {w: w.lower() for s in sentences for w in s}
    return [[lower[w] for w in s] for s in sentences]


@dataclass(frozen=True, slots=True)
class Block:
    """A run of sentence pairs, laid out for the kernels (see `polyalign.kernels.cooccurrence`).

    Args:
        src: Source sentences.
        tgt: Target sentences.
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        rows: Where each source token's cells begin, and the end, shape (s + 1,).
        first: Where each source token's target sentence begins, shape (s,).
        order: Source tokens sorted by type, shape (s,).
        groups: Where each type begins in `order`, and the end.
    """

    src: Ragged
    tgt: Ragged
    cells: I64
    rows: I64
    first: I64
    order: I64
    groups: I64

    @classmethod
    def build(cls, src: Ragged, tgt: Ragged) -> Block:
        """Lay out sentence pairs."""
        widths = np.repeat(tgt.lengths, src.lengths)
        order = np.argsort(src.values, kind="stable")
        groups = offsets(np.unique(src.values, return_counts=True)[1])
        cells = offsets(src.lengths * tgt.lengths)
        return cls(src, tgt, cells, offsets(widths), np.repeat(tgt.offsets[:-1], src.lengths), order, groups)

    def place(self, pair: I64, src: I32, tgt: I32) -> I64:
        """The cell of each link, given its sentence pair in the block."""
        return np.asarray(self.cells[:-1][pair] + src.astype(np.int64) * self.tgt.lengths[pair] + tgt, np.int64)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A bitext as word ids.

    Args:
        src: Source sentences; a word the vocabulary lacks is ``len(vocab)``.
        tgt: Target sentences, likewise.
    """

    src: Ragged
    tgt: Ragged

    @classmethod
    def build(cls, bitext: Bitext, *, lowercase: bool) -> tuple[Encoded, Vocab, Vocab]:
        """Count a bitext's words and encode it."""
        src_vocab, src = Vocab.build(words(bitext, "src", lowercase=lowercase))
        tgt_vocab, tgt = Vocab.build(words(bitext, "tgt", lowercase=lowercase))
        return cls(src, tgt), src_vocab, tgt_vocab

    @classmethod
    def encode(cls, bitext: Bitext, src_vocab: Vocab, tgt_vocab: Vocab, *, lowercase: bool) -> Encoded:
        """Encode a bitext with vocabularies that are there already."""
        return cls(
            src_vocab.encode(words(bitext, "src", lowercase=lowercase)),
            tgt_vocab.encode(words(bitext, "tgt", lowercase=lowercase)),
        )

    def __len__(self) -> int:
        return len(self.src)

    def blocks(self) -> Iterator[Block]:
        """The sentence pairs in runs of at most `BLOCK_CELLS` cells, or of one pair."""
        ends = np.cumsum(self.src.lengths * self.tgt.lengths)
        start, done = 0, 0
        while start < len(self):
            stop = max(start + 1, int(np.searchsorted(ends, done + BLOCK_CELLS, "right")))
            yield Block.build(self.src[start:stop], self.tgt[start:stop])
            start, done = stop, int(ends[stop - 1])
