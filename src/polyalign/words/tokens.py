"""Words as numbers: what every aligner does to a bitext before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.jit import I64
from polyalign.core.ragged import Ragged, offsets
from polyalign.core.vocab import Vocab
from polyalign.words.text import Reading, encode

#: Cells a block holds at most, unless a single sentence pair has more: bounds the memory of a pass.
BLOCK_CELLS = 4_000_000


def count(bitext: Bitext, side: Side, reading: Reading) -> tuple[Ragged, Vocab, I64]:
    """Number one side's words, the most frequent first, ties in code-point order.

    Returns:
        The sentences, the words, and how often each occurs.

    Raises:
        DataError: A sentence has more than 65,535 words.

    Example:
        >>> text, vocab, frequency = count(Bitext.build(["Ein Haus, ein"], [""]), "src", Reading())
        >>> text[0].tolist(), vocab.words, frequency.tolist()
        ([1, 2, 1], ('', 'ein', 'haus,'), [0, 2, 1])
    """
    text, seen = encode(bitext, side, reading, known={"": 0})
    frequency = np.bincount(text.values, minlength=len(seen) + 1)
    order = [0, *sorted(range(1, len(seen) + 1), key=lambda k: (-frequency[k], seen[k - 1]))]
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    vocab = Vocab(("", *(seen[k - 1] for k in order[1:])))
    return Ragged(rank[text.values], text.offsets), vocab, frequency[order]


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
        """Count a bitext's words and encode it.

        Raises:
            DataError: A sentence has more than 65,535 words.
        """
        src, src_vocab, _ = count(bitext, "src", Reading(lowercase))
        tgt, tgt_vocab, _ = count(bitext, "tgt", Reading(lowercase))
        return cls(src, tgt), src_vocab, tgt_vocab

    def __len__(self) -> int:
        return len(self.src)

    def runs(self) -> Iterator[tuple[int, int]]:
        """Where runs of at most `BLOCK_CELLS` cells, or of one pair, begin and end."""
        ends = np.cumsum(self.src.lengths * self.tgt.lengths)
        start, done = 0, 0
        while start < len(self):
            stop = max(start + 1, int(np.searchsorted(ends, done + BLOCK_CELLS, "right")))
            yield start, stop
            start, done = stop, int(ends[stop - 1])

    def blocks(self) -> Iterator[Block]:
        """The sentence pairs run by run."""
        return (Block.build(self.src[a:b], self.tgt[a:b]) for a, b in self.runs())
