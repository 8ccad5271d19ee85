"""A sweep in pieces: what is drawn for some sentence pairs, by threads here or by processes elsewhere.

Links are drawn with the counts that the last sweep left, and counts are whole numbers. So pieces do not depend on each
other, their counts add up in any order, and a sweep is the same wherever its pieces are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from polyalign.core.jit import I64, U16, frozen
from polyalign.kernels.gibbs import START, TRAIN, sweep

#: Sentence pairs of a piece that is sent to another process.
PIECE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Sentence pairs, their candidate cells and their links as the last sweep left them.

    Args:
        offsets: Where each pair's source units begin, and its target units, and the ends.
        values: Source units and target units.
        cells: Where each pair's candidate cells begin, and the end.
        cell_src: Source position of each cell.
        cell_tgt: Target position.
        cell_id: Its pair of units.
        keys: Of each pair's random numbers.
        links: Of each chain forward and backward; drawn anew.
        posterior: Of each cell in both directions, added to.
        weights: What each chain draws by.
        null_prior: Weight of NULL.
        seed: Of the first chain.
        number: Of the sweep.
        scale: What a probability of 1 adds to the posteriors.
    """

    offsets: tuple[I64, I64]
    values: tuple[Any, Any]
    cells: I64
    cell_src: U16
    cell_tgt: U16
    cell_id: Any
    keys: I64
    links: list[U16]
    posterior: U16
    weights: Sequence[Any]
    null_prior: float
    seed: int
    number: int
    scale: int

    def draw(self, first: int, last: int, counts: Sequence[Any]) -> list[I64]:
        """Draw the links of pairs ``first`` to ``last`` of every chain and count them; returns the jumps."""
        (src, tgt), (src_units, tgt_units) = self.offsets, self.values
        texts = (
            (tgt, src, tgt_units, src_units, self.cells, self.cell_tgt, self.cell_src, self.cell_id),
            (src, tgt, src_units, tgt_units, self.cells, self.cell_src, self.cell_tgt, self.cell_id),
        )
        drawn = []
        for chain, (w, c) in enumerate(zip(self.weights, counts, strict=True)):
            own, jumps = self.links[2 * chain : 2 * chain + 2], np.zeros_like(c.jumps)
            # Each direction is drawn by what the other was before.
            others = [own[1][slice(*src[[first, last]])], own[0][slice(*tgt[[first, last]])].copy()]
            nulls, fertility = (c.tgt_null, c.src_null), (c.src_fertility, c.tgt_fertility)
            for side in (0, 1):
                drawn_by = w.counts, w.totals[side], w.nulls[side], w.jumps[side], w.fertility[side], self.null_prior
                mode = TRAIN if self.number else START
                run = self.seed + chain, 2 * self.number + side, mode, self.scale, self.posterior[side]
                written = c.pairs, nulls[side], jumps[side], fertility[side]
                sweep(*texts[side], first, last, self.keys, own[side], others[side], *drawn_by, *run, *written)
            drawn.append(jumps)
        return drawn

    def part(self, first: int, last: int) -> Piece:
        """Some of the sentence pairs alone."""
        (src, tgt), at = self.offsets, [slice(*o[[first, last]]) for o in self.offsets]
        cells = slice(*self.cells[[first, last]])
        return replace(
            self,
            offsets=(_from(src, first, last), _from(tgt, first, last)),
            values=(self.values[0][at[0]], self.values[1][at[1]]),
            cells=self.cells[first : last + 1] - self.cells[first],
            cell_src=self.cell_src[cells],
            cell_tgt=self.cell_tgt[cells],
            cell_id=self.cell_id[cells],
            keys=self.keys[first:last],
            links=[link[at[1 - k % 2]] for k, link in enumerate(self.links)],
            posterior=self.posterior[:, cells] if self.scale else self.posterior,
        )

    def parts(self) -> Iterator[tuple[int, int]]:
        """Where the pieces that are sent elsewhere begin and end."""
        n = len(self.keys)
        return ((first, min(n, first + PIECE)) for first in range(0, n, PIECE))

    def take(self, first: int, last: int, drawn: Drawn, counts: Sequence[Any]) -> None:
        """Take in what was drawn elsewhere for some of the pairs."""
        at = [slice(*o[[first, last]]) for o in self.offsets]
        for k, (link, new) in enumerate(zip(self.links, drawn.links, strict=True)):
            link[at[1 - k % 2]] = new
        if self.scale:
            self.posterior[:, slice(*self.cells[[first, last]])] = drawn.posterior
        for count, found in zip(counts, drawn.counts, strict=True):
            for field, (where, values) in zip(fields(count), found, strict=True):
                getattr(count, field.name).reshape(-1)[where] += values


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What came of a piece.

    Args:
        links: As of the piece.
        posterior: Likewise.
        counts: Of each chain, of each field of its counts, where they are not 0 and what they are.
    """

    links: list[U16]
    posterior: U16
    counts: list[list[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]]


def draw_elsewhere(task: tuple[Piece, Sequence[Any]]) -> Drawn:
    """Draw a whole piece; the task has empty counts of every chain for it, by type and shape."""
    piece, empty = task
    # What comes from another process may not be written to, and kernels are compiled for arrays that may.
    piece = replace(
        piece,
        cells=_own(piece.cells),
        cell_src=_own(piece.cell_src),
        cell_tgt=_own(piece.cell_tgt),
        cell_id=_own(piece.cell_id),
        keys=_own(piece.keys),
        posterior=_own(piece.posterior),
        links=[_own(link) for link in piece.links],
        weights=[type(w)(*(_owned(getattr(w, f.name)) for f in fields(w))) for w in piece.weights],
    )
    counts = [of.zero() for of in empty]
    for count, jumps in zip(counts, piece.draw(0, len(piece.keys), counts), strict=True):
        count.jumps[:] += jumps
    sparse = [[_sparse(getattr(c, f.name)) for f in fields(c)] for c in counts]
    return Drawn(piece.links, piece.posterior, sparse)


def _from(offsets: I64, first: int, last: int) -> I64:
    return np.asarray(frozen(offsets[first : last + 1] - offsets[first], np.int64))


def _owned(value: Any) -> Any:
    return tuple(map(_own, value)) if isinstance(value, tuple) else _own(value)


def _own(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array if array.flags.writeable and array.flags.c_contiguous else np.array(array)


def _sparse(array: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
    flat = array.reshape(-1)
    where = np.flatnonzero(flat)
    return where, flat[where]
