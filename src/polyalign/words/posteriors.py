"""Posteriors of word links, kept sparse: what every aligner computes, and what links are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, I32, I64, U16, Mask, frozen
from polyalign.core.links import Links
from polyalign.core.ragged import gather, offsets
from polyalign.kernels.cells import best, merge, prune, scores, unlinked
from polyalign.words.symmetrize import JOIN, STEPS, Symmetrization, learned_threshold

#: Sum of both directions' posteriors below which a cell is forgotten.
LEAST = 0.02
#: What a word without a link is scored as.
FLOOR = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """Cells of n sentence pairs, a source and a target word each, with the probability of a link either way.

    Args:
        src_lengths: Number of source words of each sentence pair, shape (n,).
        tgt_lengths: Number of target words.
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        src: Source word of each cell, shape (c,), in (src, tgt) order; a cell that is absent is as good as impossible.
        tgt: Target word.
        p: Forward (the target word chooses) and backward posterior in fixed point, shape (2, c).
        one: What a probability of 1 is.
    """

    src_lengths: I32
    tgt_lengths: I32
    cells: I64
    src: U16
    tgt: U16
    p: U16
    one: int = 65535

    def __post_init__(self) -> None:
        for name, dtype in (("src_lengths", np.int32), ("tgt_lengths", np.int32), ("cells", np.int64)):
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))

    @classmethod
    def none(cls, src_lengths: I32 | I64, tgt_lengths: I32 | I64, one: int = 65535) -> Posteriors:
        """No cells."""
        empty = np.zeros(0, np.uint16)
        lengths = np.asarray(src_lengths, np.int32), np.asarray(tgt_lengths, np.int32)
        return cls(*lengths, np.zeros(len(src_lengths) + 1, np.int64), empty, empty, np.zeros((2, 0), np.uint16), one)

    @classmethod
    def concat(cls, parts: Sequence[Posteriors]) -> Posteriors:
        """Those of one run of sentence pairs after the other."""
        if not parts:
            return cls.none(np.zeros(0, np.int32), np.zeros(0, np.int32))
        one = parts[0].one
        p = [x.p if x.one == one else np.rint(x.p * np.float64(one / x.one)).astype(np.uint16) for x in parts]
        lengths = np.concatenate([x.src_lengths for x in parts]), np.concatenate([x.tgt_lengths for x in parts])
        cells = offsets(np.concatenate([np.diff(x.cells) for x in parts]))
        ends = np.concatenate([x.src for x in parts]), np.concatenate([x.tgt for x in parts])
        return cls(*lengths, cells, *ends, np.concatenate(p, axis=1), one)

    def __len__(self) -> int:
        return len(self.cells) - 1

    def plus(self, cells: I64, src: U16, tgt: U16, p: U16) -> Posteriors:
        """With those of the same pairs added, of other cells or the same."""
        return self._of(*merge(self.cells, self.src, self.tgt, self.p, cells, src, tgt, p))

    def pruned(self) -> Posteriors:
        """Without cells that are as good as impossible."""
        return self._of(*prune(self.cells, self.src, self.tgt, self.p, round(LEAST * self.one)))

    def _of(self, cells: I64, src: U16, tgt: U16, p: U16) -> Posteriors:
        return Posteriors(self.src_lengths, self.tgt_lengths, cells, src, tgt, p, self.one)

    def take(self, rows: I64) -> Posteriors:
        """Those of some pairs, in that order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        at, cells = gather(self.cells, rows)
        lengths = self.src_lengths[rows], self.tgt_lengths[rows]
        return Posteriors(*lengths, cells, self.src[at], self.tgt[at], self.p[:, at], self.one)

    @property
    def probabilities(self) -> F32:
        """Forward and backward posterior of each cell, shape (2, c)."""
        return self.p * np.float32(1 / self.one)

    def joint(self, symmetrize: Symmetrization = "posterior") -> F32:
        """Both directions as one: their mean, or for ``product`` the square root of their product, shape (c,)."""
        p = self.probabilities
        joint = np.sqrt(p[0] * p[1]) if symmetrize == "product" else p.mean(axis=0)
        return np.asarray(np.minimum(joint, 1), np.float32)

    def links(self, symmetrize: Symmetrization = "posterior", threshold: float | None = None) -> Links:
        """Both directions joined; `prob` is the mean of their posteriors, for ``product`` the root of their product.

        Args:
            symmetrize: ``posterior`` and ``product`` keep cells whose joint posterior exceeds the threshold; others join
                the best counterparts of either direction.
            threshold: In [0, 1); None for `learned_threshold`.
        """
        if symmetrize not in ("posterior", "product"):
            return JOIN[symmetrize](*self.directions(joint=True))
        joint = self.joint(symmetrize)
        limit = learned_threshold([joint]) if threshold is None else threshold
        return self._links(joint > np.float32(limit), joint)

    def directions(self, *, joint: bool = False) -> tuple[Links, Links]:
        """The best counterpart of each target and of each source word, where it beats NULL.

        Args:
            joint: Whether `prob` is the mean of both directions, rather than the direction's own.
        """
        p = self.probabilities
        forward, backward = best(self.cells, self.src, self.tgt, p, *self._sentences())
        mean = self.joint() if joint else p[0]
        return self._links(forward, mean if joint else p[0]), self._links(backward, mean if joint else p[1])

    def unlinked(self) -> tuple[F32, F32]:
        """The probability of NULL for each source and for each target word, all sentences end to end."""
        return unlinked(self.cells, self.src, self.tgt, self.probabilities, *self._sentences())

    def score(self) -> F32:
        """How well the words of each sentence pair correspond, higher is better, shape (n,).

        The mean, over all words of both sides, of the log posterior of the word's best link; log 0.01 for a
        word without any, and for a pair with an empty side.
        """
        return scores(self.cells, self.src, self.tgt, self.probabilities, *self._sentences(), FLOOR)

    def _sentences(self) -> tuple[I64, I64]:
        return offsets(self.src_lengths.astype(np.int64)), offsets(self.tgt_lengths.astype(np.int64))

    def _links(self, keep: Mask, prob: F32) -> Links:
        running = offsets(keep)
        src, tgt = self.src[keep].astype(np.int32), self.tgt[keep].astype(np.int32)
        return Links(running[self.cells], src, tgt, np.minimum(prob[keep], np.float32(1)))


def cell_keys(cells: Links | Posteriors) -> I64:
    """Sentence pair, source and target word of each link or cell, in 32, 16 and 16 bits of a number; rising."""
    begin = cells.cells if isinstance(cells, Posteriors) else cells.offsets
    owner = np.repeat(np.arange(len(cells)), np.diff(begin))
    return (owner << 32) | (cells.src.astype(np.int64) << 16) | cells.tgt


def threshold_from_gold(posteriors: Posteriors, gold: Links, symmetrize: Symmetrization = "posterior") -> float:
    """The threshold with the lowest alignment error rate on sentence pairs aligned by hand.

    Args:
        posteriors: Of those pairs.
        gold: Their links; possible ones cost nothing where they are proposed.
        symmetrize: ``posterior`` or ``product``.

    Returns:
        A multiple of 0.01 in [0, 1).

    References: och2003systematic
    """
    joint, key, gold_key = posteriors.joint(symmetrize), cell_keys(posteriors), cell_keys(gold)
    sure_key = gold_key if gold.sure is None else gold_key[gold.sure]
    right, sure = np.isin(key, gold_key), np.isin(key, sure_key)
    # How many of the thresholds each cell exceeds, compared as `links` does it.
    exceeds = np.searchsorted((np.arange(STEPS) / STEPS).astype(np.float32), joint)

    def above(weights: Mask) -> I64:
        return np.cumsum(np.bincount(exceeds, weights, STEPS + 1)[:0:-1])[::-1].astype(np.int64)

    proposed = above(np.ones(len(joint), np.bool_))
    error = 1 - (above(right) + above(sure)) / np.maximum(proposed + len(sure_key), 1)
    return float(np.argmin(error) / STEPS)
