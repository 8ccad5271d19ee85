"""How the sampler is trained: chains over the candidate cells of one granularity of a corpus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import numpy.typing as npt

from polyalign.core.jit import F32, F64, I32, I64, U16
from polyalign.core.spread import engine, spread
from polyalign.kernels.gibbs import FERTILITIES, LONGEST_JUMP, MOST_FERTILE, NONE
from polyalign.words.gibbs import pieces
from polyalign.words.gibbs.lattice import Lattice
from polyalign.words.gibbs.work import Work
from polyalign.words.priors import Hints

#: Pseudo-counts of jumps, in all, and of each fertility.
JUMPS, FERTILITY = 50.0, (0.5, 1.1, 0.24, 0.08, 0.04, 0.02, 0.01, 0.01)
#: Pairs of units that are summed at once.
_PART = 1 << 20


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


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What one sweep of a chain drew; those of parts of a corpus add up.

    Args:
        pairs: Links of each pair of units, both directions together, shape (p,).
        src_null: Unlinked source units, shape (src units,).
        tgt_null: Unlinked target units.
        jumps: Jumps forward and backward, shape (2, jumps).
        src_fertility: Of source units, shape (src units * FERTILITIES,).
        tgt_fertility: Of target units.
    """

    pairs: I32
    src_null: I32
    tgt_null: I32
    jumps: I64
    src_fertility: I32
    tgt_fertility: I32

    @classmethod
    def zero(cls, lattice: Lattice) -> Counts:
        """Nothing drawn yet."""
        n, m = (len(u.names) for u in lattice.units)
        sizes = len(lattice.pair_src), n, m, (2, 2 * LONGEST_JUMP + 1), n * FERTILITIES, m * FERTILITIES
        return cls(
            *(
                np.zeros(size, np.int64 if f.name == "jumps" else np.int32)
                for f, size in zip(fields(cls), sizes, strict=True)
            )
        )

    @classmethod
    def load(cls, work: Work, name: str) -> Counts:
        """Read what `store` wrote."""
        return cls(*(work[f"{name}-{f.name}"] for f in fields(cls)))

    def store(self, work: Work, name: str) -> None:
        """Keep them under a name."""
        for f in fields(self):
            work[f"{name}-{f.name}"] = getattr(self, f.name)

    @classmethod
    def drop(cls, work: Work, name: str) -> None:
        """Forget those under a name."""
        work.drop(f"{name}-{f.name}" for f in fields(cls))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large counts are; what is sent instead of them while nothing is counted.

    Args:
        shapes: Of each field of the counts.
    """

    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, counts: Counts) -> Sizes:
        """Of some counts."""
        return cls(tuple(getattr(counts, f.name).shape for f in fields(counts)))

    def zero(self) -> Counts:
        """Nothing drawn yet."""
        types = (np.int64 if f.name == "jumps" else np.int32 for f in fields(Counts))
        return Counts(*(np.zeros(shape, kind) for shape, kind in zip(self.shapes, types, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What links are drawn by; of pairs, one value for both directions, of the others one for each.

    Args:
        counts: n(e, f) of each pair of units, prior included.
        totals: n(e) of each source unit (forward) and of each target unit (backward).
        nulls: n(NULL, f) of each target unit (forward) and of each source unit (backward); [0] is their total.
        jumps: P(jump), forward and backward.
        fertility: P(k + 1) / P(k) of each source unit (forward) and of each target unit (backward).
    """

    counts: F32
    totals: tuple[F32, F32]
    nulls: tuple[F32, F32]
    jumps: tuple[F32, F32]
    fertility: tuple[F32, F32]

    @classmethod
    def build(
        cls,
        pairs: tuple[I32, I32],
        counts: F32 | F64,
        nulls: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
        jumps: tuple[F32, F32],
        fertilities: tuple[F32, F32],
        alpha: float,
    ) -> Weights:
        """From counts.

        Args:
            pairs: Source and target unit of each pair of units.
            counts: Of each pair.
            nulls: Unlinked source and target units.
            jumps: P(jump), forward and backward.
            fertilities: Counts of the fertilities of source and target units, shape (units, FERTILITIES).
            alpha: Pseudo-count of every lexical entry.
        """
        sizes = len(nulls[0]), len(nulls[1])
        totals = [_sums(of, counts, n) + alpha * other for of, n, other in zip(pairs, sizes, sizes[::-1], strict=True)]
        unlinked = [null + alpha for null in nulls]
        for null in unlinked:
            null[0] = null[1:].sum()
        return cls(
            np.asarray(counts + np.float32(alpha), np.float32),
            (totals[0].astype(np.float32), totals[1].astype(np.float32)),
            (unlinked[1].astype(np.float32), unlinked[0].astype(np.float32)),
            jumps,
            (fertility_ratios(fertilities[0]), fertility_ratios(fertilities[1])),
        )


def _sums(of: I32, counts: F32 | F64, size: int) -> F64:
    # In parts, since bincount makes wide copies of all it is given.
    totals = np.zeros(size)
    for at in range(0, len(of), _PART):
        totals += np.bincount(of[at : at + _PART], counts[at : at + _PART], size)
    return totals


@dataclass(frozen=True, slots=True)
class Sampler:
    """Chains over a lattice: each draws both directions at once, with the counts of both as the last sweep left them.

    Args:
        lattice: The candidate cells.
        hints: What was known before.
        chains: How many.
        alpha: Pseudo-count of every lexical entry.
        null_prior: Weight of NULL.
        seed: Of the first chain.
    """

    lattice: Lattice
    hints: Hints
    chains: int
    alpha: float
    null_prior: float
    seed: int

    def sweep(self, number: int, scale: int, pool: ThreadPoolExecutor) -> None:
        """Draw all links of all chains anew.

        Leaves the counts of every chain and the links and summed posteriors of every shard under this sweep's number,
        so that training can go on from there.

        Args:
            number: Of the sweep; 0 draws the first links from the expected counts of Model 1.
            scale: What a probability of 1 adds to the posteriors; 0 for nothing.
            pool: Threads that take blocks of sentence pairs.
        """
        corpus, work = self.lattice.corpus, self.lattice.corpus.work
        weights = [self._weights(number, chain) for chain in range(self.chains)]
        counts = [Counts.zero(self.lattice) for _ in range(self.chains)]
        by = engine()
        for shard in corpus.shards:
            piece, results = self._piece(shard, number, scale, weights)
            if by is not None and by.elsewhere and corpus.pairs(shard) > pieces.PIECE:
                sizes = [Sizes.of(count) for count in counts]
                parts = list(piece.parts())
                tasks = ((piece.part(*part), sizes) for part in parts)
                for part, elsewhere in zip(parts, spread(pieces.draw_elsewhere, tasks), strict=True):
                    piece.take(*part, elsewhere, counts)
            else:
                # This machine's threads share the counts.
                draw = partial(piece.draw, counts=counts)
                for drawn in pool.map(draw, *zip(*corpus.blocks(shard), strict=True)):
                    for count, jumps in zip(counts, drawn, strict=True):
                        count.jumps[:] += jumps
            for name, array in results.items():
                work[f"{shard}/{name}-{number}"] = array
        for chain, count in enumerate(counts):
            count.store(work, f"chain-{chain}-{number}")

    def forget(self, number: int, *, links_alone: bool = False) -> None:
        """Drop what a sweep left."""
        corpus, names = self.lattice.corpus, [*self._links(), *([] if links_alone else ["posterior"])]
        corpus.work.drop(f"{shard}/{name}-{number}" for shard in corpus.shards for name in names)
        for chain in range(0 if links_alone else self.chains):
            Counts.drop(corpus.work, f"chain-{chain}-{number}")

    def _links(self) -> list[str]:
        return [f"links-{chain}-{side}" for chain in range(self.chains) for side in (0, 1)]

    def _piece(
        self, shard: int, number: int, scale: int, weights: list[Weights]
    ) -> tuple[pieces.Piece, dict[str, U16]]:
        """A whole shard as a piece, and the arrays that are drawn into."""
        corpus, work = self.lattice.corpus, self.lattice.corpus.work
        src, tgt = (view.text for view in corpus.see(shard, self.lattice.units))
        cells, cell_src, cell_tgt, cell_id = self.lattice.cells(shard)
        # Equal sentence pairs draw equally, and so keep equal links wherever they stand.
        keys, out = work[f"{shard}/key"], {}
        for name, words in zip(self._links(), (tgt, src) * self.chains, strict=True):
            out[name] = work[f"{shard}/{name}-{number - 1}"] if number else np.full(len(words.values), NONE, np.uint16)
        posterior: U16 = np.zeros((2, 0), np.uint16)
        if scale:
            before = f"{shard}/posterior-{number - 1}"
            posterior = work[before] if before in work else np.zeros((2, len(cell_src)), np.uint16)
            out["posterior"] = posterior
        piece = pieces.Piece(
            (src.offsets, tgt.offsets), (src.values, tgt.values), cells, cell_src, cell_tgt, cell_id, keys,
            [out[name] for name in self._links()], posterior, weights, self.null_prior, self.seed, number, scale,
        )  # fmt: skip
        return piece, out

    def _weights(self, number: int, chain: int) -> Weights:
        lattice, hints, work = self.lattice, self.hints, self.lattice.corpus.work
        pairs = lattice.pair_src, lattice.pair_tgt
        fertility = [hints.src_fertility, hints.tgt_fertility]
        if number == 0:
            # A tenth of the words is expected to be unlinked, whichever they are.
            nulls = [np.zeros(len(units.names)) for units in lattice.units]
            for shard in lattice.corpus.shards:
                for null, view in zip(nulls, lattice.corpus.see(shard, lattice.units), strict=True):
                    null += np.bincount(view.text.values, minlength=len(null))
            nulls = [hint + 0.1 * null for hint, null in zip((hints.src_null, hints.tgt_null), nulls, strict=True)]
            counts, jumps = lattice.prior + lattice.worth(), (first_jumps(), first_jumps())
        else:
            c = Counts.load(work, f"chain-{chain}-{number - 1}")
            nulls = [c.src_null + hints.src_null, c.tgt_null + hints.tgt_null]
            counts = lattice.prior + c.pairs.astype(np.float32)
            jumps = jump_weights(c.jumps[0] + hints.jumps[0]), jump_weights(c.jumps[1] + hints.jumps[1])
            seen = c.src_fertility.reshape(-1, FERTILITIES), c.tgt_fertility.reshape(-1, FERTILITIES)
            fertility = [f + np.asarray(s, np.float32) for f, s in zip(fertility, seen, strict=True)]
        return Weights.build(pairs, counts, (nulls[0], nulls[1]), jumps, (fertility[0], fertility[1]), self.alpha)
