"""How the sampler aligns new text: the counts of each granularity as they are, a few sweeps over the text."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from polyalign.core.jit import F32, I32, I64, U16, frozen
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.candidates import UNIT, select
from polyalign.kernels.gibbs import DECODE, LONGEST_JUMP, NONE, START, sweep
from polyalign.kernels.pairs import find_cells, rehash
from polyalign.kernels.pool import constrain
from polyalign.words.gibbs.lattice import DIAGONAL, MOST, SMOOTHING, THRESHOLD, map_of
from polyalign.words.gibbs.train import Weights, first_jumps, jump_weights
from polyalign.words.units import Units, to_words

#: Sweeps over a new text after the first links are drawn, the first of which is not counted.
DECODE_SWEEPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """What was counted at one granularity.

    Args:
        granularity: Its name.
        tokenizers: What splits source and target words into its units; empty where a word is one.
        pair_src: Source unit of each pair of units, shape (p,).
        pair_tgt: Target unit.
        weight: Expected links of the pair, both directions together.
        src_null: Expected unlinked occurrences of each source unit.
        tgt_null: Of each target unit.
        jumps: Counts of each jump, forward and backward.
        src_fertility: Counts of each source unit's fertilities, shape (src units, fertilities).
        tgt_fertility: Of each target unit's.
        only: Whether the units of a pair link to nothing else where both occur.
    """

    granularity: str
    tokenizers: tuple[str, str]
    pair_src: I32
    pair_tgt: I32
    weight: F32
    src_null: F32
    tgt_null: F32
    jumps: F32
    src_fertility: F32
    tgt_fertility: F32
    only: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    def __post_init__(self) -> None:
        for name in ARRAYS:
            dtype = np.int32 if name.startswith("pair") else np.bool_ if name == "only" else np.float32
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))


#: The fields of a grain that are arrays.
ARRAYS = tuple(f.name for f in fields(Grain)[2:])


class Decoder:
    """A grain made ready to align."""

    def __init__(self, grain: Grain, src: Units, tgt: Units, *, alpha: float, null_prior: float, seed: int) -> None:
        self.grain, self.src, self.tgt, self.null_prior, self.seed = grain, src, tgt, null_prior, seed
        pairs = len(grain.weight)
        self.slots = np.full(1 << max(4, (2 * pairs).bit_length()), -1, np.int32)
        rehash(self.slots, grain.pair_src, grain.pair_tgt, pairs)
        self.must = map_of(grain.pair_src[grain.only], grain.pair_tgt[grain.only])
        # One more place at the end of each array, for what is unknown.
        weight = np.append(grain.weight, np.float32(0))
        self.worth: I64 = (weight.astype(np.float64) * UNIT).astype(np.int64)
        sides = (grain.pair_src, src), (grain.pair_tgt, tgt)
        linked = [np.bincount(of, grain.weight, len(own.names) + 1) for of, own in sides]
        self.inverse = [np.asarray(1 / (n + SMOOTHING), np.float32) for n in linked]
        ends = np.append(grain.pair_src, len(src.names)), np.append(grain.pair_tgt, len(tgt.names))
        nulls = np.append(grain.src_null, 0).astype(np.float64), np.append(grain.tgt_null, 0).astype(np.float64)
        jumps = [jump_weights(np.asarray(j, np.float64)) for j in grain.jumps]
        unknown = np.zeros((1, grain.src_fertility.shape[1]), np.float32)
        fertility = np.concatenate([grain.src_fertility, unknown]), np.concatenate([grain.tgt_fertility, unknown])
        self.weights = Weights.build((ends[0], ends[1]), weight, nulls, (jumps[0], jumps[1]), fertility, alpha)

    def cells(
        self, src: Ragged, tgt: Ragged, src_fresh: list[str], tgt_fresh: list[str], stream: I64, scale: int
    ) -> tuple[I64, U16, U16, U16]:
        """Candidate cells of a text and their posteriors.

        Args:
            src: Source words of each sentence pair.
            tgt: Target words.
            src_fresh: Source words numbered on from those of training.
            tgt_fresh: Target words, likewise.
            stream: Of each sentence pair's random numbers.
            scale: What a probability of 1 adds in each sweep.
        """
        g, views = self.grain, (self.src.see(src, src_fresh), self.tgt.see(tgt, tgt_fresh))
        src, tgt = views[0].text, views[1].text
        at, most = np.zeros(len(src), np.int64), int((src.lengths * tgt.lengths).sum())
        i, j = np.empty(most, np.uint16), np.empty(most, np.uint16)
        sides, pairs = (src.offsets, tgt.offsets, src.values, tgt.values), (self.slots, g.pair_src, g.pair_tgt)
        model = *sides, self.worth, *pairs, *self.must, self.inverse[0], self.inverse[1], self.src.share, self.tgt.share
        kept = select(*model, SMOOTHING, DIAGONAL, THRESHOLD[0], MOST[0], 0, len(src), at, i, j)
        i, j = i[:kept].copy(), j[:kept].copy()
        cells = offsets(at)
        ids = find_cells(cells, i, j, *sides, *pairs)
        if g.only.any():
            keep = constrain(cells, i, j, ids, np.append(g.only, False))
            cells, i, j, ids = offsets(keep)[cells], i[keep], j[keep], ids[keep]
        posterior = np.zeros((2, len(i)), np.uint16)
        w, none = self.weights, np.zeros(0, np.int32)
        for side, (words, states, word, state) in enumerate(((tgt, src, j, i), (src, tgt, i, j))):
            text = words.offsets, states.offsets, words.values, states.values, cells, word, state, ids, 0, len(src)
            links, other = np.full(len(words.values), NONE, np.uint16), np.zeros(len(states.values), np.uint16)
            written = none, none, np.zeros(2 * LONGEST_JUMP + 1, np.int64), none
            for it in range(DECODE_SWEEPS + 1):
                first = it == 0
                jumps = first_jumps() if first else w.jumps[side]
                drawn_by = w.counts, w.totals[side], w.nulls[side], jumps, w.fertility[side], self.null_prior
                run = self.seed, 2 * it + side, START if first else DECODE, scale if it > 1 else 0, posterior[side]
                sweep(*text, stream, links, other, *drawn_by, *run, *written)
        return to_words(cells, i, j, posterior, *views)
