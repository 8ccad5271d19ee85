"""What a pass of EM expects of some sentence pairs, counted by threads here or by processes elsewhere.

Sums of fractions depend on the order in which they are taken. So every block of sentence pairs is summed on its own, here
as elsewhere, and blocks are added in their order: what comes out is the same bytes wherever they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, frozen
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.cooccurrence import add_sums, count_entries, sum_counts
from polyalign.kernels.positions import tally
from polyalign.kernels.posteriors import posteriors
from polyalign.words.table import entries_of
from polyalign.words.tokens import Block

_FROZEN = {
    "starts": np.int64,
    "entries": np.int32,
    "probs": np.float64,
    "src_null": np.float64,
    "tgt_null": np.float64,
    "jumps": np.float32,
    "places": np.float64,
}


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a pass goes by, the same for all blocks.

    Args:
        starts: Where each source type's entries begin, and the end, shape (src_types + 1,).
        entries: Target type of each entry, shape (e,).
        probs: t(tgt | src) and t(src | tgt) of each entry, shape (e, 2).
        src_null: p(src | NULL), shape (src_types,).
        tgt_null: p(tgt | NULL), shape (tgt_types,).
        jumps: Weight of each distance from the last link: the HMM.
        places: Prior of each place of the corpus' shapes, forward and backward, shape (2, places).
        null_prior: Prior probability of NULL.
        uniform: Share of the HMM's jumps that go anywhere.
        floor: What every pair of words is worth at least.
        agreement: Whether expected counts are products of both directions' posteriors.
        tally: Whether the expected links of each place are asked for.
    """

    starts: I64
    entries: I32
    probs: F64
    src_null: F64
    tgt_null: F64
    jumps: F32
    places: F64
    null_prior: float
    uniform: float
    floor: float
    agreement: bool
    tally: bool

    def __post_init__(self) -> None:
        # Kernels are compiled for arrays that may not be written to, as those from another process may not.
        for name, dtype in _FROZEN.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))

    def ids(self, block: Block) -> I32:
        """The entry of every cell of a block."""
        return entries_of(block, self.starts, self.entries, len(self.tgt_null))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A block of sentence pairs as it is sent elsewhere.

    Args:
        src: Source sentences.
        tgt: Target sentences.
        at: Where the places of each pair begin, shape (n,).
        sums: Where the sums of each source type in the block begin, and the end.
    """

    src: Ragged
    tgt: Ragged
    at: I64
    sums: I64


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What is expected of a block.

    Args:
        met: The entries that have cells, shape (p,).
        sums: Expected links of each, forward and backward, shape (p, 2).
        src_null: Expected unlinked tokens of each source type, shape (src_types,).
        tgt_null: Those of each target type.
        begins: Where the places of each of the block's shapes begin, shape (s,).
        sizes: How many places each has.
        links: Expected links of each place of those, shape (2, places), if they were asked for.
        departures: Statistics of jumps, shape (2, 2, jumps).
        log_likelihood: Forward and backward, shape (2,).
    """

    met: I32
    sums: F64
    src_null: F64
    tgt_null: F64
    begins: I64
    sizes: I64
    links: F64
    departures: F64
    log_likelihood: F64

    def add_to(self, total: Totals) -> None:
        """Add it to what is expected of the blocks before it."""
        add_sums(frozen(self.met, np.int32), frozen(self.sums, np.float64), total.counts)
        for at, size, end in zip(
            self.begins.tolist(), self.sizes.tolist(), np.cumsum(self.sizes).tolist(), strict=True
        ):
            total.links[:, at : at + size] += self.links[:, end - size : end]
        for name in ("src_null", "tgt_null", "departures", "log_likelihood"):
            getattr(total, name)[...] += getattr(self, name)


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What is expected of all blocks.

    Args:
        counts: Expected links of each entry, forward and backward, shape (e, 2).
        src_null: As of a block.
        tgt_null: As of a block.
        links: Expected links of each place, shape (2, places).
        departures: As of a block.
        log_likelihood: As of a block.
    """

    counts: F64
    src_null: F64
    tgt_null: F64
    links: F64
    departures: F64
    log_likelihood: F64

    @classmethod
    def zero(cls, given: Given, places: int) -> Totals:
        """Nothing expected yet."""
        nulls = np.zeros(len(given.src_null)), np.zeros(len(given.tgt_null))
        links = np.zeros((2, places if given.tally else 0))
        return cls(
            np.zeros((len(given.entries), 2)), *nulls, links, np.zeros((2, 2, given.jumps.shape[1])), np.zeros(2)
        )


def sums_of(block: Block, tgt_types: int) -> I64:
    """Where the sums of each source type in a block begin, and the end."""
    widths = np.diff(block.rows)
    return offsets(count_entries(block.order, block.groups, block.first, widths, block.tgt.values, tgt_types))


def expect(given: Given, block: Block, at: I64, sums: I64, ids: I32) -> Expected:
    """What is expected of a block.

    Args:
        given: What the pass goes by.
        block: The sentence pairs.
        at: Where the places of each pair begin.
        sums: Of `sums_of`.
        ids: The entry of every cell.
    """
    b, g = block, given
    forward, backward, tgt_free, src_free, likelihoods, departures = posteriors(
        b.src.offsets, b.tgt.offsets, b.src.values, b.tgt.values, b.cells, ids, g.probs, g.src_null, g.tgt_null,
        g.jumps, g.places, at, g.null_prior, g.uniform, g.floor,
    )  # fmt: skip
    begins, sizes, links = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((2, 0))
    if g.tally:
        begins, which = np.unique(at, return_inverse=True)
        sizes = np.zeros(len(begins), np.int64)
        # A shape without cells begins where the next one does.
        np.maximum.at(sizes, which, np.diff(b.cells))
        own = offsets(sizes)
        links = np.zeros((2, int(own[-1])))
        tally(b.cells, b.src.offsets, b.tgt.offsets, own[which], forward, backward, links)
    if g.agreement:
        forward *= backward
        backward = forward
    met, found = sum_counts(b.order, b.groups, b.src.values, g.starts, b.rows, ids, sums, forward, backward)
    src_null = np.asarray(np.bincount(b.src.values, src_free, len(g.src_null)), np.float64)
    tgt_null = np.asarray(np.bincount(b.tgt.values, tgt_free, len(g.tgt_null)), np.float64)
    moved, likelihood = departures.sum(axis=0), likelihoods.sum(axis=0)
    return Expected(met, found, src_null, tgt_null, begins, sizes, links, moved, likelihood)


def expect_elsewhere(given: Given, part: Part) -> Expected:
    """What is expected of a block that was sent here."""
    # Made again, for what was unpickled is not what was made.
    given = replace(given)
    block = Block.build(Ragged(part.src.values, part.src.offsets), Ragged(part.tgt.values, part.tgt.offsets))
    return expect(given, block, np.array(part.at), np.array(part.sums), given.ids(block))
