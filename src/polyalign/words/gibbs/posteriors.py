"""Posteriors of the cells of a text, kept sparse, and the links they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, I64, U16, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import Ragged, gather, offsets
from polyalign.kernels.cells import best, merge, prune, scores
from polyalign.words.model import JOIN, Symmetrization

#: Sum of both directions' posteriors below which a cell is forgotten.
LEAST = 0.02
#: What a word without a link is scored as.
FLOOR = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """Cells of n sentence pairs with the posterior of either direction.

    Args:
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        src: Source position of each cell, shape (c,), in (src, tgt) order.
        tgt: Target position.
        p: Forward and backward posterior in fixed point, shape (2, c).
        one: What a probability of 1 is.
    """

    cells: I64
    src: U16
    tgt: U16
    p: U16
    one: int

    @classmethod
    def none(cls, pairs: int, one: int) -> Posteriors:
        """No cells."""
        empty = np.zeros(0, np.uint16)
        return cls(np.zeros(pairs + 1, np.int64), empty, empty, np.zeros((2, 0), np.uint16), one)

    def __len__(self) -> int:
        return len(self.cells) - 1

    def plus(self, cells: I64, src: U16, tgt: U16, p: U16) -> Posteriors:
        """With those of the same pairs added, of other cells or the same."""
        return Posteriors(*merge(self.cells, self.src, self.tgt, self.p, cells, src, tgt, p), self.one)

    def pruned(self) -> Posteriors:
        """Without cells that are as good as impossible."""
        return Posteriors(*prune(self.cells, self.src, self.tgt, self.p, round(LEAST * self.one)), self.one)

    def scaled(self, one: int) -> Posteriors:
        """In another fixed point."""
        if one == self.one:
            return self
        p = np.rint(self.p * np.float64(one / self.one)).astype(np.uint16)
        return Posteriors(self.cells, self.src, self.tgt, p, one)

    def then(self, other: Posteriors) -> Posteriors:
        """Followed by those of other pairs."""
        other = other.scaled(self.one)
        cells = np.concatenate([self.cells, other.cells[1:] + self.cells[-1]])
        src, tgt = np.concatenate([self.src, other.src]), np.concatenate([self.tgt, other.tgt])
        return Posteriors(cells, src, tgt, np.concatenate([self.p, other.p], axis=1), self.one)

    def take(self, rows: I64) -> Posteriors:
        """Those of some pairs, in that order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        at, cells = gather(self.cells, rows)
        return Posteriors(cells, self.src[at], self.tgt[at], self.p[:, at], self.one)

    @property
    def probabilities(self) -> F32:
        """Forward and backward posterior of each cell, shape (2, c)."""
        return self.p * np.float32(1 / self.one)

    def links(self, src: Ragged, tgt: Ragged, symmetrize: Symmetrization, threshold: float) -> Links:
        """Both directions joined; `prob` is the mean of their posteriors."""
        if symmetrize == "posterior":
            mean = self.probabilities.mean(axis=0)
            return self._links(mean > threshold, mean)
        return JOIN[symmetrize](*self.directions(src, tgt, joint=True))

    def directions(self, src: Ragged, tgt: Ragged, *, joint: bool = False) -> tuple[Links, Links]:
        """The best counterpart of each target and of each source word, where it beats NULL.

        Args:
            src: Source sentences.
            tgt: Target sentences.
            joint: Whether `prob` is the mean of both directions, rather than the direction's own.
        """
        p = self.probabilities
        forward, backward = best(self.cells, self.src, self.tgt, p, src.offsets, tgt.offsets)
        mean = p.mean(axis=0)
        probs = (mean, mean) if joint else (p[0], p[1])
        return self._links(forward, probs[0]), self._links(backward, probs[1])

    def score(self, src: Ragged, tgt: Ragged) -> F32:
        """Mean log posterior of each word's best link, of each pair."""
        return scores(self.cells, self.src, self.tgt, self.probabilities, src.offsets, tgt.offsets, FLOOR)

    def _links(self, keep: Mask, prob: F32) -> Links:
        running = offsets(keep.astype(np.int64))
        src, tgt = self.src[keep].astype(np.int32), self.tgt[keep].astype(np.int32)
        return Links(running[self.cells], src, tgt, np.minimum(prob[keep], np.float32(1)))
