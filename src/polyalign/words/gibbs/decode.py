"""How the sampler aligns new text: the counts of each granularity as they are, a few sweeps over the text."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U16, frozen
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.candidates import select
from polyalign.kernels.gibbs import FROZEN, LONGEST_JUMP, START, sweep
from polyalign.kernels.pairs import find_cells, rehash
from polyalign.words.gibbs.lattice import DIAGONAL, MOST, SMOOTHING, THRESHOLD
from polyalign.words.gibbs.text import Units
from polyalign.words.gibbs.train import fertility_ratios, first_jumps, jump_weights

#: Sweeps over a new text after the first links are drawn, the first of which is not counted.
DECODE_SWEEPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """What was counted at one granularity.

    Args:
        granularity: Its name.
        pair_src: Source unit of each pair of units, shape (p,).
        pair_tgt: Target unit.
        weight: Expected links of the pair, both directions together.
        src_null: Expected unlinked occurrences of each source unit.
        tgt_null: Of each target unit.
        jumps: Counts of each jump, forward and backward.
        src_fertility: Counts of each source unit's fertilities.
        tgt_fertility: Of each target unit's.
    """

    granularity: str
    pair_src: I32
    pair_tgt: I32
    weight: F32
    src_null: F32
    tgt_null: F32
    jumps: F32
    src_fertility: F32
    tgt_fertility: F32

    def __post_init__(self) -> None:
        for f in fields(self)[1:]:
            dtype = np.int32 if f.name.startswith("pair") else np.float32
            object.__setattr__(self, f.name, frozen(getattr(self, f.name), dtype))


class Decoder:
    """A grain made ready to align."""

    def __init__(self, grain: Grain, src: Units, tgt: Units, *, alpha: float, null_prior: float, seed: int) -> None:
        self.grain, self.src, self.tgt, self.null_prior, self.seed = grain, src, tgt, null_prior, seed
        pairs = len(grain.weight)
        self.slots = np.full(1 << max(4, (2 * pairs).bit_length()), -1, np.int32)
        rehash(self.slots, grain.pair_src, grain.pair_tgt, pairs)
        # One more place at the end of each array, for what is unknown.
        self.worth = np.append(grain.weight, np.float32(0))
        self.counts: F64 = self.worth + np.float64(alpha)
        sides = (grain.pair_src, src, tgt), (grain.pair_tgt, tgt, src)
        linked = [np.bincount(of, grain.weight, len(own.names) + 1) for of, own, _ in sides]
        self.weights: tuple[F32, F32] = (_inverse(linked[0] + SMOOTHING), _inverse(linked[1] + SMOOTHING))
        self.totals: list[F64] = [
            np.asarray(n + alpha * len(other.names), np.float64) for n, (_, _, other) in zip(linked, sides, strict=True)
        ]
        self.inverse = [_inverse(n) for n in self.totals]
        self.nulls: list[F64] = [np.append(n, 0) + np.float64(alpha) for n in (grain.tgt_null, grain.src_null)]
        for null in self.nulls:
            null[0] = null[1:].sum()
        self.jumps = [jump_weights(np.asarray(j, np.float64)) for j in grain.jumps]
        unknown = np.zeros((1, grain.src_fertility.shape[1]), np.float32)
        self.ratios = [
            fertility_ratios(np.concatenate([f, unknown])) for f in (grain.src_fertility, grain.tgt_fertility)
        ]

    def cells(self, src: Ragged, tgt: Ragged, stream: I64, scale: int) -> tuple[I64, U16, U16, U16]:
        """Candidate cells of a text in this grain's units, and their posteriors."""
        g = self.grain
        at, most = np.zeros(len(src), np.int64), int((src.lengths * tgt.lengths).sum())
        i, j = np.empty(most, np.uint16), np.empty(most, np.uint16)
        sides, pairs = (src.offsets, tgt.offsets, src.values, tgt.values), (self.slots, g.pair_src, g.pair_tgt)
        model = (*self.weights, self.src.share, self.tgt.share)
        kept = select(
            *sides, self.worth, *pairs, *model, SMOOTHING, DIAGONAL, THRESHOLD[0], MOST[0], 0, len(src), at, i, j
        )
        i, j = i[:kept].copy(), j[:kept].copy()
        cells = offsets(at)
        ids = find_cells(cells, i, j, *sides, *pairs)
        posterior = np.zeros((2, kept), np.uint16)
        for side, (words, states, word, state) in enumerate(((tgt, src, j, i), (src, tgt, i, j))):
            text = words.offsets, states.offsets, words.values, states.values, cells, word, state, ids
            links, other = np.full(len(words.values), -1, np.int32), np.zeros(0, np.int32)
            jumps, fertilities = np.zeros(2 * LONGEST_JUMP + 1), self.ratios[side][:0].copy()
            counts = self.counts, self.totals[side], self.inverse[side], self.totals[1 - side], self.nulls[side]
            for it in range(DECODE_SWEEPS + 1):
                first, ratios = it == 0, self.ratios[side]
                run = self.seed, 2 * it + side, START if first else FROZEN, scale if it > 1 else 0
                steps = first_jumps() if first else self.jumps[side]
                written = posterior[side], jumps, fertilities
                sweep(*text, stream, links, other, *counts, steps, ratios, self.null_prior, *run, *written)
        return cells, i, j, posterior


def _inverse(totals: F32 | F64) -> F32:
    return np.asarray(1 / totals, np.float32)
