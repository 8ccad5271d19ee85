"""Where the sampler samples: the candidate cells of a corpus at one granularity, found by agreeing Model 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, I32, I64, U16
from polyalign.core.ragged import offsets
from polyalign.kernels.candidates import UNIT, add_pairs, agree, cooccurrences, look_up, select
from polyalign.kernels.pairs import number, rehash, types_of_cells
from polyalign.kernels.pool import constrain
from polyalign.words.gibbs.corpus import Corpus
from polyalign.words.priors import Hints
from polyalign.words.spelling import spelling_prior
from polyalign.words.units import Units, View

#: Model 1 as kernels take it: its table, one over the totals of source and target units, and their shares.
Model = tuple[I64, F32, F32, F32, F32]
#: Settings of the Model 1 that proposes cells; chosen over all sets of the benchmark and never asked for.
SMOOTHING, DIAGONAL = 5.0, 3.0
#: Sentence pairs from which Model 1 is sure enough for two passes and few cells.
LARGE = 20_000
#: Share of a word's best posterior that a cell needs, and cells of one word at most; for small and large corpora.
THRESHOLD, MOST = (0.03, 0.15), (16, 6)
#: Blocks of sentence pairs whose cells are looked through at once.
_GROUP = 4
#: Most slots of the hashed table, as a power of two; it takes 16 bytes a slot while Model 1 trains.
MOST_BITS = 27


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The pairs of units that the candidate cells of a corpus hold; the cells themselves are with its shards.

    Args:
        corpus: The corpus.
        units: How its words are seen, source and target.
        pair_src: Source unit of each pair, shape (p,).
        pair_tgt: Target unit.
        prior: Pseudo-count of each pair.
    """

    corpus: Corpus
    units: tuple[Units, Units]
    pair_src: I32
    pair_tgt: I32
    prior: F32

    def worth(self) -> F32:
        """Expected count of each pair under Model 1, for the first links."""
        return self.corpus.work["pair-worth"]

    def cells(self, shard: int) -> tuple[I64, U16, U16, I32]:
        """Where each sentence pair's cells begin, and their source position, target position and pair."""
        offsets, src, tgt, id = (self.corpus.work[f"{shard}/cell-{name}"] for name in _CELLS)
        return offsets, src, tgt, id

    def forget(self) -> None:
        """Drop pairs and cells."""
        work = self.corpus.work
        work.drop(f"pair-{name}" for name in _PAIRS)
        work.drop(f"{shard}/cell-{name}" for shard in self.corpus.shards for name in _CELLS)


_PAIRS, _CELLS = ("src", "tgt", "worth", "prior"), ("offsets", "src", "tgt", "id")


def lay_out(
    corpus: Corpus, units: tuple[Units, Units], hints: Hints, spelling: float, pool: ThreadPoolExecutor
) -> Lattice:
    """Find the candidate cells of a corpus by agreeing Model 1.

    Complexity:
        O(cells) time; while it trains some 20 bytes for every 10 cells up to 2 GB, 8 bytes a kept cell after.
    """
    work, granularity = corpus.work, units[0].granularity
    step = f"{granularity}/candidates"
    if not work.done(step):
        totals = _model_one(corpus, units, hints, pool)
        pairs = _keep(corpus, units, hints, totals, pool)
        work["pair-src"], work["pair-tgt"] = pairs.src[: pairs.used].copy(), pairs.tgt[: pairs.used].copy()
        del pairs
        work["pair-worth"] = look_up(work["pair-src"], work["pair-tgt"], totals.table)
        del totals
        pair_src, pair_tgt = work["pair-src"], work["pair-tgt"]
        prior = np.zeros(len(pair_src), np.float32)
        prior[: len(hints.src)] = hints.weight
        if spelling and not units[0].tokenizer:
            # What has a prior already was counted with its spelling, or is better known than by it.
            new = slice(len(hints.src), None)
            prior[new] += spelling_prior(units[0].names, units[1].names, pair_src[new], pair_tgt[new], spelling)
        work["pair-prior"] = prior
        work.commit(step)
        work.drop(f"{name}-{k}" for k in range(3) for name in ("table", "totals-src", "totals-tgt"))
    return Lattice(corpus, units, work["pair-src"], work["pair-tgt"], work["pair-prior"])


def _model_one(corpus: Corpus, units: tuple[Units, Units], hints: Hints, pool: ThreadPoolExecutor) -> Totals:
    """Train Model 1."""
    work, shares = corpus.work, (units[0].share, units[1].share)
    passes, bits = 2 + (len(corpus) >= LARGE), 0
    for k in range(passes):
        names, step = (f"table-{k}", f"totals-src-{k}", f"totals-tgt-{k}"), f"{units[0].granularity}/model1-{k}"
        if work.done(step):
            continue
        if not bits:
            cells = sum(int((s.text.lengths * t.text.lengths).sum()) for s, t in _views(corpus, units))
            # Distinct pairs of units grow slower than cells; rare ones, which suffer by collisions, matter less and less.
            slots = (6 if len(corpus) < 50_000 else 3) * max(1, cells) ** 0.8
            bits = min(MOST_BITS, max(16, round(math.log2(slots))))
        new = Totals(np.zeros(1 << bits, np.int64), *(np.zeros(len(share), np.int64) for share in shares))
        old = Totals(*(work[f"{name[:-1]}{k - 1}"] for name in names)) if k else None
        model = None if old is None else (old.table, *old.inverse(), *shares)
        for shard in corpus.shards:
            _count(corpus, shard, units, model, new, pool)
        add_pairs(hints.src, hints.tgt, hints.weight, new.table, new.src, new.tgt)
        for name, array in zip(names, (new.table, new.src, new.tgt), strict=True):
            work[name] = array
        work.commit(step)
        work.drop(f"{name[:-1]}{k - 1}" for name in names)
    return Totals(*(work[f"{name}-{passes - 1}"] for name in ("table", "totals-src", "totals-tgt")))


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Expected counts of Model 1, in whole multiples of 1 / UNIT.

    Args:
        table: Of pairs of units, at their hash.
        src: Of source units.
        tgt: Of target units.
    """

    table: I64
    src: I64
    tgt: I64

    def inverse(self) -> tuple[F32, F32]:
        """One over the smoothed totals of source and of target units."""
        src, tgt = (np.asarray(1 / (totals / UNIT + SMOOTHING), np.float32) for totals in (self.src, self.tgt))
        return src, tgt


def _views(corpus: Corpus, units: tuple[Units, Units]) -> Iterator[tuple[View, View]]:
    return (corpus.see(shard, units) for shard in corpus.shards)


def _count(
    corpus: Corpus,
    shard: int,
    units: tuple[Units, Units],
    model: Model | None,
    new: Totals,
    pool: ThreadPoolExecutor,
) -> None:
    """Add one shard's expected counts under a model, or without one those of words that meet."""
    src, tgt = (view.text for view in corpus.see(shard, units))
    sides, into = (src.offsets, tgt.offsets, src.values, tgt.values), (new.table, new.src, new.tgt)
    known = None if model is None else (*sides, *model)

    def block(first: int, last: int) -> None:
        if known is None:
            cooccurrences(*sides, first, last, *into)
        else:
            agree(*known, SMOOTHING, DIAGONAL, first, last, *into)

    list(pool.map(lambda part: block(*part), corpus.blocks(shard)))


def _keep(corpus: Corpus, units: tuple[Units, Units], hints: Hints, totals: Totals, pool: ThreadPoolExecutor) -> Pairs:
    """Set the cells of every shard that are worth sampling, and number the pairs of units in them."""
    pairs = Pairs()
    pairs.number(hints.src, hints.tgt)
    must = map_of(hints.src[hints.only], hints.tgt[hints.only])
    model = totals.table, *totals.inverse(), units[0].share, units[1].share
    for shard in corpus.shards:
        cells, src, tgt, id = _cells(corpus, shard, units, model, pairs, must, pool)
        if hints.only.any():
            only = np.append(hints.only, np.zeros(pairs.used - len(hints.only), np.bool_))
            keep = constrain(cells, src, tgt, id, only)
            cells, src, tgt, id = offsets(keep)[cells], src[keep], tgt[keep], id[keep]
        corpus.work[f"{shard}/cell-offsets"], corpus.work[f"{shard}/cell-id"] = cells, id
        corpus.work[f"{shard}/cell-src"], corpus.work[f"{shard}/cell-tgt"] = src, tgt
    return pairs


def _cells(
    corpus: Corpus,
    shard: int,
    units: tuple[Units, Units],
    model: Model,
    pairs: Pairs,
    must: tuple[I32, I32, I32],
    pool: ThreadPoolExecutor,
) -> tuple[I64, U16, U16, I32]:
    """The cells of one shard: where each sentence pair's begin, source and target position, pair of units."""
    src, tgt = (view.text for view in corpus.see(shard, units))
    sides, ends = (src.offsets, tgt.offsets, src.values, tgt.values), offsets(src.lengths * tgt.lengths)
    large, none, counts = int(len(corpus) >= LARGE), np.zeros(0, np.int32), np.zeros(len(src), np.int64)
    known, most = (*sides, model[0], none, none, none, *must, *model[1:]), MOST[large]
    parts = list(corpus.blocks(shard))
    groups = [parts[k : k + _GROUP] for k in range(0, len(parts), _GROUP)]
    widest = max((int(ends[group[-1][1]] - ends[group[0][0]]) for group in groups), default=0)
    room = np.empty((2, widest), np.uint16)

    def block(first: int, last: int, base: int) -> tuple[U16, U16]:
        i, j = room[:, ends[first] - base : ends[last] - base]
        kept = select(*known, SMOOTHING, DIAGONAL, THRESHOLD[large], most, first, last, counts, i, j)
        return i[:kept], j[:kept]

    # Arrays for as many as there may be: what is never written to takes no memory.
    size, at = int(ends[-1]) if len(must[0]) else int(min(ends[-1], most * (len(src.values) + len(tgt.values)))), 0
    cell_src, cell_tgt = np.empty(size, np.uint16), np.empty(size, np.uint16)
    cell_id = np.empty(size, np.int32)
    for group in groups:
        first, last = zip(*group, strict=True)
        bases = [int(ends[first[0]])] * len(group)
        for part, (i, j) in zip(group, pool.map(block, first, last, bases), strict=True):
            here = slice(at, at + len(i))
            cell_src[here], cell_tgt[here] = i, j
            cell_id[here] = pairs.number(*types_of_cells(part[0], part[1], counts, i, j, *sides))
            at += len(i)
    return offsets(counts), cell_src[:at], cell_tgt[:at], cell_id[:at]


def map_of(src: I32, tgt: I32) -> tuple[I32, I32, I32]:
    """A map of these pairs of units as kernels take it: slots, source and target units; without slots if there are none."""
    if not len(src):
        return src, src, tgt
    pairs = Pairs()
    pairs.number(src, tgt)
    return pairs.slots, pairs.src[: pairs.used], pairs.tgt[: pairs.used]


class Pairs:
    """A map that numbers pairs of units in order of appearance."""

    def __init__(self) -> None:
        self.slots = np.full(1 << 12, -1, np.int32)
        self.src, self.tgt, self.used = np.empty(1 << 11, np.int32), np.empty(1 << 11, np.int32), 0

    def number(self, src: I32, tgt: I32) -> I32:
        """The ids of pairs, new ones added."""
        ids, step = np.empty(len(src), np.int32), 1 << 16
        for at in range(0, len(src), step):
            part = slice(at, at + step)
            room = self.used + len(src[part])
            if 2 * room > len(self.slots):
                self.slots = np.full(1 << (2 * room - 1).bit_length(), -1, np.int32)
                rehash(self.slots, self.src, self.tgt, self.used)
                more = np.empty(len(self.slots) // 2 - len(self.src), np.int32)
                self.src, self.tgt = np.concatenate([self.src, more]), np.concatenate([self.tgt, more])
            self.used = number(src[part], tgt[part], self.slots, self.src, self.tgt, self.used, ids[part])
        return ids
