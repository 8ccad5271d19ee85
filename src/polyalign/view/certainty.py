"""How sure the aligners are of each sentence pair, for the order in which a person had best look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64, Mask

#: Scores of a bitext that tell of its alignment, the best first; where there are no links to judge by.
SCORES = ("score.words", "score.align", "score.margin")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The links of some sentence pairs.

    Args:
        owner: The pair of each link, shape (t,).
        src: Its source word.
        tgt: Its target word.
        prob: Its probability, NaN for none.
        seen: Which pairs the aligner has seen, shape (n,).
        words: How many words the pairs have on each side, two of shape (n,).
    """

    owner: I64
    src: I64
    tgt: I64
    prob: F32
    seen: Mask
    words: tuple[I64, I64]

    @classmethod
    def of(cls, links: Any, pairs: Any, name: str, first: int) -> Batch:
        """From a batch of links and one of pairs, row by row the same.

        Raises:
            DataError: A link to a word that the sentence has not; `name` and `first` say where.
        """
        counts = pc.fill_null(pc.list_value_length(links["src"]), 0).to_numpy(zero_copy_only=False)
        owner = np.repeat(np.arange(len(counts)), counts)
        src, tgt, prob = (pc.list_flatten(links[c]).to_numpy(zero_copy_only=False) for c in ("src", "tgt", "prob"))
        words = _counts(pairs, "src"), _counts(pairs, "tgt")
        outside = np.flatnonzero((src >= words[0][owner]) | (tgt >= words[1][owner]))
        if len(outside):
            k = int(outside[0])
            row = int(owner[k])
            raise DataError(
                f"links {name!r}, pair {first + row} ({pairs['id'][row].as_py()}): found the link {src[k]}-{tgt[k]}, expected words "
                f"below {words[0][row]} and {words[1][row]}; name the texts whose words these links count"
            )
        seen = pc.is_valid(links["src"]).to_numpy(zero_copy_only=False)
        return cls(owner, src.astype(np.int64), tgt.astype(np.int64), prob, seen, words)

    def keys(self) -> I64:
        """One number a link, the same for the same link of another aligner."""
        return (self.owner << 42) | (self.src << 21) | self.tgt


def certainty(aligners: Sequence[Batch], pairs: Any, gold: Batch | None) -> F32:
    r"""How sure each of n pairs is, shape (n,); pairs that need no looking at come last.

    The mean of what there is of: the mean probability of the first aligner's links; the share of words they reach; and
    Dice's coefficient of its links and every other aligner's, ``2 |A & B| / (|A| + |B|)``. Without links it is a score
    of the bitext (`SCORES`). A pair without words on a side, or with gold links, has nothing to be found out: infinity.

    Args:
        aligners: Their links, the one that is corrected first.
        pairs: The batch of pairs.
        gold: Gold links.
    """
    n = pairs.num_rows
    done = (_counts(pairs, "src") == 0) | (_counts(pairs, "tgt") == 0)
    if gold is not None:
        done |= gold.seen
    if aligners:
        value = _of_links(aligners, n)
    else:
        name = next((s for s in SCORES if s in pairs.schema.names), None)
        value = np.zeros(n) if name is None else pairs[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(done, np.inf, value).astype(np.float32)


def _of_links(aligners: Sequence[Batch], n: int) -> Any:
    first, signals = aligners[0], []
    size = np.bincount(first.owner, minlength=n)
    if len(first.prob) and not np.isnan(first.prob).all():
        signals.append(np.bincount(first.owner, np.nan_to_num(first.prob), n) / np.maximum(size, 1))
    reached = sum(
        np.bincount(np.unique((first.owner << 21) | side) >> 21, minlength=n) for side in (first.src, first.tgt)
    )
    signals.append(reached / np.maximum(first.words[0] + first.words[1], 1))
    for other in aligners[1:]:
        both = np.bincount(np.intersect1d(first.keys(), other.keys(), assume_unique=True) >> 42, minlength=n)
        total = size + np.bincount(other.owner, minlength=n)
        dice = 2 * both / np.maximum(total, 1)
        signals.append(np.where(other.seen & (total > 0), dice, signals[-1]))
    return np.mean(signals, axis=0)


def _counts(pairs: Any, side: str) -> I64:
    """How many words the sentences of a side have, shape (n,)."""
    if f"{side}_spans" in pairs.schema.names:
        counts = pc.fill_null(pc.list_value_length(pairs[f"{side}_spans"]), 0)
        return np.asarray(counts.to_numpy(zero_copy_only=False), np.int64) // 2
    counts = pc.count_substring_regex(pc.fill_null(pairs[side], pa.scalar("", pairs[side].type)), "[^ \t]+")
    return np.asarray(counts.to_numpy(zero_copy_only=False), np.int64)
