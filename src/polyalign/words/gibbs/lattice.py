"""Where the sampler samples: the candidate cells of a corpus at one granularity, found by agreeing Model 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U16
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.candidates import add_pairs, agree, cooccurrences, look_up, select
from polyalign.kernels.gibbs import FERTILITIES, LONGEST_JUMP
from polyalign.kernels.pairs import number, rehash, types_of_cells
from polyalign.kernels.spelling import alike
from polyalign.words.gibbs.text import Units

#: Settings of the Model 1 that proposes cells; chosen over all sets of the benchmark and never asked for.
SMOOTHING, DIAGONAL = 5.0, 3.0
#: Sentence pairs from which Model 1 is sure enough for two passes and few cells.
LARGE = 20_000
#: Share of a word's best posterior that a cell needs, and cells of one word at most; for small and large corpora.
THRESHOLD, MOST = (0.03, 0.1), (16, 8)
#: Share of letters in common from which words are alike.
ALIKE = 0.5
#: Cells looked at between two Python steps.
BLOCK_CELLS = 2_000_000
#: Parts of the corpus whose expected counts are added up apart, whatever the number of threads.
SHARDS = 2


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a granularity before training, as pseudo-counts.

    Args:
        src: Source unit of each pair with a prior.
        tgt: Its target unit.
        weight: Its pseudo-count.
        src_null: Pseudo-counts of unlinked source units, shape (src units,).
        tgt_null: Likewise.
        jumps: Of jumps, forward and backward, shape (2, jumps).
        src_fertility: Of fertilities, shape (src units, FERTILITIES).
        tgt_fertility: Likewise.
    """

    src: I32
    tgt: I32
    weight: F32
    src_null: F64
    tgt_null: F64
    jumps: F64
    src_fertility: F32
    tgt_fertility: F32

    @classmethod
    def none(cls, src_units: int, tgt_units: int) -> Hints:
        """Nothing is known."""
        empty = np.zeros(0, np.int32)
        fertility = np.zeros((src_units, FERTILITIES), np.float32), np.zeros((tgt_units, FERTILITIES), np.float32)
        nulls = np.zeros(src_units), np.zeros(tgt_units)
        return cls(empty, empty, np.zeros(0, np.float32), *nulls, np.zeros((2, 2 * LONGEST_JUMP + 1)), *fertility)


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The cells of a corpus that are sampled, and the pairs of units they hold.

    Args:
        src: Source units of all sentences.
        tgt: Target units.
        cells: Where each sentence pair's cells begin, and the end, shape (n + 1,).
        cell_src: Source position of each cell, shape (c,).
        cell_tgt: Target position.
        cell_id: Its pair of units.
        pair_src: Source unit of each pair, shape (p,).
        pair_tgt: Target unit.
        worth: Expected count of each pair.
        prior: Pseudo-count of each pair.
    """

    src: Ragged
    tgt: Ragged
    cells: I64
    cell_src: U16
    cell_tgt: U16
    cell_id: I32
    pair_src: I32
    pair_tgt: I32
    worth: F32
    prior: F32


def lay_out(
    src: Ragged,
    tgt: Ragged,
    src_units: Units,
    tgt_units: Units,
    hints: Hints,
    spelling: float,
    pool: ThreadPoolExecutor,
) -> Lattice:
    """Find the candidate cells of a corpus by agreeing Model 1.

    Complexity:
        O(cells) time; while it trains memory for some numbers of 4 bytes for every 10 cells, 8 bytes a kept cell after.
    """
    sides = src.offsets, tgt.offsets, src.values, tgt.values
    ends = offsets(src.lengths * tgt.lengths)
    # Distinct pairs of units grow slower than cells.
    bits = max(16, round(math.log2(6 * max(1, int(ends[-1])) ** 0.8)))
    shares = src_units.share, tgt_units.share
    large = int(len(src) >= LARGE)

    def tables() -> tuple[F32, F64, F64]:
        return np.zeros(1 << bits, np.float32), np.zeros(len(shares[0])), np.zeros(len(shares[1]))

    def inverse(totals: F64) -> F32:
        return np.asarray(1 / (totals + SMOOTHING), np.float32)

    def expected(old: tuple[F32, F64, F64] | None) -> tuple[F32, F64, F64]:
        def shard(first: int, last: int) -> tuple[F32, F64, F64]:
            new, part = tables(), (src.offsets[first : last + 1], tgt.offsets[first : last + 1], src.values, tgt.values)
            if old is None:
                cooccurrences(*part, *new)
            else:
                weights = inverse(old[1]), inverse(old[2])
                agree(*part, old[0], *weights, *shares, SMOOTHING, DIAGONAL, new[0], new[1], new[2])
            return new

        cuts = np.searchsorted(ends, np.linspace(0, ends[-1], SHARDS + 1)[1:-1]).tolist()
        total, *others = pool.map(shard, [0, *cuts], [*cuts, len(src)])
        for other in others:
            for k in range(3):
                np.add(total[k], other[k], out=total[k])
        add_pairs(hints.src, hints.tgt, hints.weight, *total)
        return total

    table, src_totals, tgt_totals = expected(None)
    for _ in range(1 + large):
        table, src_totals, tgt_totals = expected((table, src_totals, tgt_totals))
    weights = inverse(src_totals), inverse(tgt_totals)
    counts, none = np.zeros(len(src), np.int64), np.zeros(0, np.int32)

    def block(first: int, last: int) -> tuple[U16, U16]:
        i, j = np.empty(ends[last] - ends[first], np.uint16), np.empty(ends[last] - ends[first], np.uint16)
        threshold, most = THRESHOLD[large], MOST[large]
        model = (*weights, *shares)
        limits = (SMOOTHING, DIAGONAL, threshold, most)
        kept = select(*sides, table, none, none, none, *model, *limits, first, last, counts, i, j)
        return i[:kept].copy(), j[:kept].copy()

    # Room for all that might be kept: what is never written to takes no memory.
    blocks, at = _blocks(ends), 0
    room = int(min(ends[-1], MOST[large] * (len(src.values) + len(tgt.values))))
    cell_src, cell_tgt = np.empty(room, np.uint16), np.empty(room, np.uint16)
    for i, j in pool.map(block, blocks[:-1], blocks[1:]):
        cell_src[at : at + len(i)], cell_tgt[at : at + len(i)] = i, j
        at += len(i)
    cell_src, cell_tgt, cells = cell_src[:at].copy(), cell_tgt[:at].copy(), offsets(counts)
    pairs, cell_id = Pairs(len(hints.src) + len(cell_src)), np.empty(len(cell_src), np.int32)
    pairs.number(hints.src, hints.tgt)
    for first, last in zip(blocks[:-1], blocks[1:], strict=True):
        here = slice(cells[first], cells[last])
        cell_id[here] = pairs.number(*types_of_cells(first, last, counts, cell_src[here], cell_tgt[here], *sides))
    pair_src, pair_tgt = pairs.src[: pairs.used].copy(), pairs.tgt[: pairs.used].copy()
    prior = np.zeros(pairs.used, np.float32)
    prior[: len(hints.src)] = hints.weight
    if spelling:
        # What has a prior already was counted with its spelling, or is better known than by it.
        new = slice(len(hints.src), None)
        letters = *_letters(src_units.names), *_letters(tgt_units.names)
        prior[new] += np.float32(spelling) * alike(*letters, pair_src[new], pair_tgt[new], ALIKE)
    worth = look_up(pair_src, pair_tgt, table)
    return Lattice(src, tgt, cells, cell_src, cell_tgt, cell_id, pair_src, pair_tgt, worth, prior)


def _letters(words: Sequence[str]) -> tuple[I64, I32]:
    text = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.int32)
    return offsets(np.fromiter(map(len, words), np.int64, len(words))), text


def _blocks(ends: I64) -> list[int]:
    # Where runs of at most BLOCK_CELLS cells, or of one sentence pair, begin and end.
    cuts = [0]
    while cuts[-1] < len(ends) - 1:
        most = int(np.searchsorted(ends, ends[cuts[-1]] + BLOCK_CELLS, "right")) - 1
        cuts.append(max(cuts[-1] + 1, min(most, len(ends) - 1)))
    return cuts


class Pairs:
    """A map that numbers pairs of units.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int) -> None:
        self.slots = np.full(1 << 12, -1, np.int32)
        self.src, self.tgt, self.used = np.empty(most, np.int32), np.empty(most, np.int32), 0

    def number(self, src: I32, tgt: I32) -> I32:
        """The ids of pairs, new ones added."""
        ids, step = np.empty(len(src), np.int32), 1 << 16
        for at in range(0, len(src), step):
            part = slice(at, at + step)
            room = 2 * (self.used + len(src[part]))
            if room > len(self.slots):
                self.slots = np.full(1 << (room - 1).bit_length(), -1, np.int32)
                rehash(self.slots, self.src, self.tgt, self.used)
            self.used = number(src[part], tgt[part], self.slots, self.src, self.tgt, self.used, ids[part])
        return ids
