"""Sentence pairs, batch after batch, so that a step's batch depends on the step and the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I64, Mask
from polyalign.core.links import Links
from polyalign.core.progress import note
from polyalign.core.rng import generator
from polyalign.encoders.contrast import alike
from polyalign.encoders.descent import pools
from polyalign.models.training.objective import Data, Parallel

#: Batches whose rows are sorted by length together, so that there is little padding.
POOL = 16


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Rows in random order, those of a batch about equally long, for any step.

    In each round all rows occur once, but for a few by chance that would be a smaller batch.

    Args:
        lengths: Of the rows, in any unit, shape (n,).
        batch: Rows of a step; all of them if there are fewer.
        seed: Of the order.
        name: Of the stream of chance.

    Example:
        >>> rows = Batches(np.ones(4, np.int64), 2, seed=1, name="example")
        >>> sorted([*rows(0).tolist(), *rows(1).tolist()])
        [0, 1, 2, 3]
    """

    lengths: I64
    batch: int
    seed: int
    name: str

    def __call__(self, step: int) -> I64:
        """The rows of a step, rising, shape (b,)."""
        size = min(self.batch, len(self.lengths))
        around, at = divmod(step, len(self.lengths) // size)
        return _round(self, size, around)[at]


@lru_cache(maxsize=16)
def _round(batches: Batches, size: int, around: int) -> list[I64]:
    random = generator(batches.seed, f"{batches.name} {around}")
    lengths = batches.lengths
    # Left out before sorting by length, else it would always be the longest.
    some = random.permutation(len(lengths))[: len(lengths) // size * size]
    every = [some[rows] for pool in pools(lengths[some], size, POOL, random) for rows in pool]
    return [np.sort(every[k]) for k in random.permutation(len(every))]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Sentence pairs of all bitexts, those that have text on both sides.

    Args:
        src: Source sentences.
        tgt: Their translations.
        batches: Which of them a step learns from.
        words: Of each bitext, where the words of its sentences are on either side; none if they were not asked for.
        links: Links of the words of each pair; none if they were not asked for.
    """

    src: Sequence[str]
    tgt: Sequence[str]
    batches: Batches
    words: tuple[Sequence[Sequence[tuple[int, int]]], Sequence[Sequence[tuple[int, int]]]] | None = None
    links: Links | None = None

    @classmethod
    def read(cls, data: Data, *, batch: int, seed: int, name: str, linked: bool = False) -> Pairs:
        """The pairs of all bitexts together.

        Args:
            data: With bitexts.
            batch: Pairs of a step.
            seed: Of their order.
            name: The objective's, for messages and for chance.
            linked: Whether links of their words are needed; only pairs that have some are used then.

        Raises:
            DataError: Fewer than two pairs, or no links where they are needed.
        """
        src, tgt = ([x for p in data.parallel for x in getattr(p.bitext, side)] for side in ("src", "tgt"))
        links = _links_of(data, name) if linked else None
        fits = np.array([bool(a.strip() and b.strip()) for a, b in zip(src, tgt, strict=True)], np.bool_)
        if links is not None:
            fits &= np.diff(links.offsets) > 0
        kept = np.flatnonzero(fits).tolist()
        if len(kept) < len(src):
            without = "an empty side or no link" if linked else "an empty side"
            note(f"{name}: {len(src) - len(kept):,} of {len(src):,} pairs have {without}; not learnt from")
        if len(kept) < 2:
            raise DataError(
                f"{name}: found {len(kept)} sentence pairs to learn from, expected two at least; give a bitext with more"
            )
        words = None
        if links is not None:
            every = [[x for p in data.parallel for x in p.bitext.spans(side)] for side in ("src", "tgt")]
            words = ([every[0][k] for k in kept], [every[1][k] for k in kept])
            links = links.take(kept)
        src, tgt = [src[k] for k in kept], [tgt[k] for k in kept]
        lengths = np.array([len(a) + len(b) for a, b in zip(src, tgt, strict=True)], np.int64)
        return cls(src, tgt, Batches(lengths, batch, seed, name), words, links)

    def __len__(self) -> int:
        return len(self.src)

    def texts(self, step: int) -> tuple[list[str], list[str]]:
        """Both sides of the pairs of a step."""
        rows = self.batches(step)
        return [self.src[k] for k in rows], [self.tgt[k] for k in rows]

    def alike(self, rows: I64) -> Mask:
        """Which of these pairs have a text in common, shape (b, b)."""
        return alike([self.src[k] for k in rows], [self.tgt[k] for k in rows])


def _links_of(data: Data, name: str) -> Links:
    """The links of all bitexts, a set a pair, each of words that are there.

    Raises:
        DataError: A bitext without links, or with those of other sentences.
    """
    for parallel in data.parallel:
        check_links(parallel, name)
    return Links.concat([p.links for p in data.parallel if p.links is not None])


def check_links(parallel: Parallel, name: str) -> None:
    """Refuse a bitext without links, or with those of other sentences.

    Raises:
        DataError: There are other numbers of pairs and of sets of links, or a link of a word that is not there.
    """
    links, bitext = parallel.links, parallel.bitext
    if links is None or len(links) != len(bitext):
        raise DataError(
            f"{name}: found {0 if links is None else len(links):,} sets of links for {len(bitext):,} sentence pairs, expected "
            "as many; align their words first"
        )
    counts = [np.array([len(x) for x in bitext.spans(side)], np.int64) for side in ("src", "tgt")]
    pair = np.repeat(np.arange(len(links)), np.diff(links.offsets))
    outside = np.flatnonzero((links.src >= counts[0][pair]) | (links.tgt >= counts[1][pair]))
    if len(outside):
        at = int(outside[0])
        k = int(pair[at])
        raise DataError(
            f"{name}: links of pair {k + 1}: found {links.src[at]}-{links.tgt[at]}, expected words below {counts[0][k]} and "
            f"{counts[1][k]}; give the links of this bitext, split into the same words"
        )
