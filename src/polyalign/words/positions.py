"""What an aligner knows of word order: how probable each counterpart is before the words are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, frozen
from polyalign.core.ragged import offsets
from polyalign.kernels.positions import diagonal, estimate, expected_feature, observed_feature, pool, relative

#: Bins of the difference of relative positions, from -1 to 1.
BINS = 41
#: How a bin is spread over its neighbours.
WINDOW = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
#: fast_align's way to its tension: steps a pass, their size, and where it stops.
STEPS, RATE, LEAST, MOST = 8, 20.0, 0.1, 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The pairs of sentence lengths that occur (see `polyalign.kernels.positions`).

    Args:
        src: Number of source words of each, shape (s,).
        tgt: Number of target words.
        pairs: How many sentence pairs there are of each.
        starts: Where each one's places begin, and the end, shape (s + 1,).
    """

    src: I64
    tgt: I64
    pairs: I64
    starts: I64

    @classmethod
    def of(cls, src: I64, tgt: I64) -> tuple[Shapes, I64]:
        """The shapes of sentence pairs with these lengths, and where the places of each pair begin.

        Example:
            >>> shapes, at = Shapes.of(np.array([3, 2, 3]), np.array([1, 2, 1]))
            >>> shapes.starts.tolist(), shapes.pairs.tolist(), at.tolist()
            ([0, 4, 7], [1, 2], [4, 0, 4])
        """
        keys, which, pairs = np.unique((src << 32) | tgt, return_inverse=True, return_counts=True)
        n, m = keys >> 32, keys & 0xFFFFFFFF
        starts = offsets(n * m)
        return cls(n, m, pairs, starts), starts[which]


def _none() -> F64:
    return np.zeros((2, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Word order as one of the aligners knows it; what the others use is empty.

    Args:
        jumps: Weight of each distance from the last link, shape (2, 2 * reach + 3): the HMM.
        tension: How fast priors fall off from the diagonal, shape (2, 1): fast_align.
        bins: Weight of each difference of relative positions, shape (2, `BINS`): Model 2, for lengths it has not met.
        src_lengths: Number of source words of the shapes it has met, in order, shape (s,).
        tgt_lengths: Number of target words.
        learned: Prior of each place of those, shape (2, places).
    """

    jumps: F32 = field(default_factory=_none)  # type: ignore[arg-type]
    tension: F64 = field(default_factory=_none)
    bins: F64 = field(default_factory=_none)
    src_lengths: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    tgt_lengths: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    learned: F32 = field(default_factory=_none)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        for name, dtype in DTYPES.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))

    def table(self, shapes: Shapes) -> F64:
        """The prior of every place, forward and backward, shape (2, places); no columns where none is kept."""
        layout = shapes.src, shapes.tgt, shapes.starts
        if self.tension.size:
            return diagonal(*layout, self.tension[:, 0].copy())
        if not self.bins.size:
            return np.zeros((2, 0))
        out = relative(*layout, self.bins)
        if len(self.src_lengths):
            own = (self.src_lengths.astype(np.int64) << 32) | self.tgt_lengths
            begin = offsets(self.src_lengths.astype(np.int64) * self.tgt_lengths)
            wanted = (shapes.src << 32) | shapes.tgt
            at = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
            for k in np.flatnonzero(own[at] == wanted):
                out[:, shapes.starts[k] : shapes.starts[k + 1]] = self.learned[:, begin[at[k]] : begin[at[k] + 1]]
        return out


DTYPES = {
    "jumps": np.float32,
    "tension": np.float64,
    "bins": np.float64,
    "src_lengths": np.int32,
    "tgt_lengths": np.int32,
    "learned": np.float32,
}


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """What a pass of EM expects of word order.

    Args:
        shapes: The corpus' pairs of lengths.
        links: Expected links of each place, shape (2, places), if they were counted.
        departures: Statistics of jumps, shape (2, 2, jumps).
    """

    shapes: Shapes
    links: F64
    departures: F64


def first_jumps(old: Positions, reach: int) -> Positions:
    """Jumps that fall off on both sides of one step ahead."""
    distance = np.arange(-reach - 1, reach + 2)
    weights = np.exp(-0.3 * np.abs(distance - 1))
    return replace(old, jumps=np.tile(weights / weights.sum(), (2, 1)))


def learn_jumps(old: Positions, moves: Moves) -> Positions:
    """One step of minorise-maximise on sum_d c(d) log s(d) - sum_i' n(i') log Z(i'): s(d) = c(d) / r(d).

    The normaliser Z depends on where in the sentence a jump starts, so plain relative frequencies would
    not maximise anything.
    """
    count, room = moves.departures[:, 0], moves.departures[:, 1]
    weights = np.where(room > 0, count / np.where(room > 0, room, 1), old.jumps)
    weights = np.maximum(weights, 1e-6 * weights.sum(axis=1, keepdims=True))
    return replace(old, jumps=weights / weights.sum(axis=1, keepdims=True))


def learn_places(old: Positions, moves: Moves, smoothing: float, uniform: float) -> Positions:
    """Model 2's prior of every place, drawn to that of its relative position.

    Args:
        old: The priors before; replaced whole.
        moves: Expected links.
        smoothing: Observations that the relative position counts for.
        uniform: Share of the priors by relative position that goes to every place equally.
    """
    s = moves.shapes
    layout = s.src, s.tgt, s.starts
    links, chance = pool(*layout, s.pairs, moves.links, BINS)
    # Neighbouring bins lend to each other: few lengths leave gaps. A weight of 1 is what chance would give.
    spread = [np.apply_along_axis(np.convolve, 1, x, WINDOW, "same") for x in (links, chance)]
    bins = (1 - uniform) * (spread[0] + 1) / (spread[1] + 1) + uniform
    learned = estimate(*layout, moves.links, relative(*layout, bins), smoothing)
    src, tgt = s.src.astype(np.int32), s.tgt.astype(np.int32)
    return replace(old, bins=bins, src_lengths=src, tgt_lengths=tgt, learned=learned.astype(np.float32))


def learn_tension(old: Positions, moves: Moves) -> Positions:
    """A few steps up the gradient of the likelihood, as fast_align takes them."""
    s, tension = moves.shapes, old.tension.copy()
    observed = observed_feature(s.src, s.tgt, s.starts, moves.links)
    for side, (steps, states) in enumerate(((s.tgt, s.src), (s.src, s.tgt))):
        words = max(1, int((steps * s.pairs)[states > 0].sum()))
        met = (steps > 0) & (states > 0)
        shapes = steps[met], states[met], s.pairs[met]
        for _ in range(STEPS):
            expected = expected_feature(*shapes, float(tension[side, 0])) / words
            tension[side] = np.clip(tension[side] + RATE * (observed[side] / words - expected), LEAST, MOST)
    return replace(old, tension=tension)
