"""How the sampler is trained: chains over the candidate cells of one granularity of a corpus."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U16
from polyalign.kernels.gibbs import LONGEST_JUMP, MOST_FERTILE, START, TRAIN, recount, sweep
from polyalign.words.gibbs.lattice import Hints, Lattice

#: Pseudo-counts of jumps, in all, and of each fertility.
JUMPS, FERTILITY = 50.0, (0.5, 1.1, 0.24, 0.08, 0.04, 0.02, 0.01, 0.01)
_SIZE = 2 * LONGEST_JUMP + 1


def first_jumps() -> F32:
    """P(jump) before any is counted: falling off on both sides of one step ahead, a little of it everywhere."""
    weights = np.exp(-0.3 * np.abs(np.arange(-LONGEST_JUMP, LONGEST_JUMP + 1) - 1))
    return np.asarray(0.7 * weights / weights.sum() + 0.3 / 100, np.float32)


def jump_weights(counts: F64) -> F32:
    """P(jump) from counts."""
    return np.asarray((counts + JUMPS * first_jumps()) / (counts.sum() + JUMPS), np.float32)


def fertility_ratios(counts: F32) -> F32:
    """P(k + 1) / P(k) of each unit from counts of its fertilities."""
    p = counts + np.asarray(FERTILITY, np.float32)
    ratios = np.full_like(p, 1e-10)
    ratios[:, :MOST_FERTILE] = p[:, 1 : MOST_FERTILE + 1] / p[:, :MOST_FERTILE]
    return ratios


class Chain:
    """One sampler over a lattice: both directions at once, each on the counts of both as the last sweep left them."""

    def __init__(self, lattice: Lattice, hints: Hints, *, alpha: float, null_prior: float, seed: int) -> None:
        self.lattice, self.hints, self.null_prior, self.seed = lattice, hints, null_prior, seed
        n_src, n_tgt = len(hints.src_null), len(hints.tgt_null)
        words = lattice.tgt, lattice.src
        self.keys = np.arange(len(lattice.src), dtype=np.int64)
        self.links = [np.full(len(w.values), -1, np.int32) for w in words]
        self.counts = lattice.prior + np.float64(alpha)
        # Totals of the states of either direction: source units forward, target units backward.
        self.totals: list[F64] = [
            np.bincount(units, lattice.prior, n).astype(np.float64) + alpha * others
            for units, n, others in ((lattice.pair_src, n_src, n_tgt), (lattice.pair_tgt, n_tgt, n_src))
        ]
        self.nulls: list[F64] = [hints.tgt_null + alpha, hints.src_null + alpha]
        for null in self.nulls:
            null[0] = null[1:].sum()
        self.fertility_hints = [hints.src_fertility, hints.tgt_fertility]
        self.jumps = [np.zeros(_SIZE) for _ in words]
        self.fertilities = [np.zeros_like(f) for f in self.fertility_hints]
        self.posterior = np.zeros((2, 0), np.uint16)
        self.iteration = 0
        self._drawn: list[tuple[F64, F64, F64]] = []
        self._before: list[I32] = []

    def start(self, side: int) -> None:
        """Draw the first links of one direction from the expected counts of Model 1."""
        x = self.lattice
        units = (x.pair_src, x.pair_tgt)[side]
        totals: F64 = self.totals[side] + np.bincount(units, x.worth, len(self.totals[side]))
        nulls = self.nulls[side].copy()
        # A tenth of the words is expected to be unlinked, whichever they are.
        nulls += np.bincount((x.tgt, x.src)[side].values, minlength=len(nulls)) * 0.1
        nulls[0] = nulls[1:].sum()
        expected: F64 = self.counts + x.worth
        counts = expected, totals, self.totals[1 - side].copy(), nulls
        self._sweep(side, START, 0, *counts, first_jumps(), self.links[1 - side])

    def count(self) -> None:
        """Count the links that `start` drew."""
        for side in (0, 1):
            counts = self.counts, self.totals[side], self.totals[1 - side], self.nulls[side]
            recount(*self._text(side), self.links[side], *counts)

    def draw(self, side: int, scale: int) -> None:
        """Draw all links of one direction anew, adding what was probable to `posterior`.

        Args:
            side: 0 for target words that choose, 1 for source words.
            scale: What a probability of 1 adds; 0 for nothing.
        """
        jumps = jump_weights(self.jumps[side] + self.hints.jumps[side])
        self._sweep(side, TRAIN, scale, *self._drawn[side], self.nulls[side], jumps, self._before[1 - side])

    def prepare(self, counted: bool) -> None:
        """Note the links as they are, for the other direction; the next sweep is to be counted or not."""
        self.iteration += 1
        self._before = [links.copy() for links in self.links]
        self._drawn = [(self.counts.copy(), self.totals[side].copy(), self.totals[1 - side].copy()) for side in (0, 1)]
        if counted and not self.posterior.size:
            self.posterior = np.zeros((2, len(self.lattice.cell_src)), np.uint16)

    def join(self) -> None:
        """Put the changes together that both directions made to the counts."""
        (counts, src, tgt), (others, other_tgt, other_src) = self._drawn
        changes = (self.counts, counts, others), (self.totals[0], src, other_src), (self.totals[1], tgt, other_tgt)
        for old, one, two in changes:
            old *= -1
            old += one
            old += two
        self._drawn, self._before = [], []

    def _text(self, side: int) -> tuple[I64, I64, I32, I32, I64, U16, U16, I32]:
        x = self.lattice
        src, tgt = (x.src.offsets, x.src.values, x.cell_src), (x.tgt.offsets, x.tgt.values, x.cell_tgt)
        words, states = (tgt, src) if side == 0 else (src, tgt)
        return words[0], states[0], words[1], states[1], x.cells, words[2], states[2], x.cell_id

    def _sweep(
        self,
        side: int,
        mode: int,
        scale: int,
        counts: F64,
        totals: F64,
        word_totals: F64,
        nulls: F64,
        jumps: F32,
        other: I32,
    ) -> None:
        ratios = fertility_ratios(self.fertilities[side] + self.fertility_hints[side])
        self.jumps[side], self.fertilities[side] = np.zeros(_SIZE), np.zeros_like(ratios)
        sweep(
            *self._text(side),
            self.keys,
            self.links[side],
            other,
            counts,
            totals,
            (1 / totals).astype(np.float32),
            word_totals,
            nulls,
            jumps,
            ratios,
            self.null_prior,
            self.seed,
            2 * self.iteration + side,
            mode,
            scale,
            self.posterior[side],
            self.jumps[side],
            self.fertilities[side],
        )
