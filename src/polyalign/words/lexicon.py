"""Lexicon: which word is translated by which, how often, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I32, I64, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.cooccurrence import locate
from polyalign.kernels.hypergeometric import log_tail
from polyalign.words.tokens import Encoded

#: How far beyond log(pairs) the two thresholds of Johnson et al. lie.
EPSILON = 0.01


@dataclass(frozen=True, slots=True)
class RelativeFrequency:
    """Extract a probabilistic lexicon from a linked bitext by relative frequency.

    p(tgt | src) = links(src, tgt) / (links(src) + unlinked(src)): an occurrence without a link is a link to
    NULL, which takes its share of the probability but gets no row; p(src | tgt) likewise. The significance
    is -log of Fisher's exact test (one-sided, natural logarithm) that the two words share as many sentence
    pairs as they do by chance; a pair seen once, of words seen once each, has log(sentence pairs).

    **Differs:** Johnson et al. test phrase pairs; here words.

    Args:
        lowercase: Lower-case the words before counting.
        min_count: Links a pair needs to be listed.
        significance: Least significance to be listed: none, just below log(sentence pairs), which keeps pairs
            seen once of words seen once, or just above it, which drops them.
        top_k: Most probable translations listed for each source word, 0 for all.

    Raises:
        ValueError: A parameter out of range.

    References: koehn2003statistical, johnson2007improving

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch"], ["the house", "the book"])
        >>> links = Links.from_pairs([[(0, 0), (1, 1)], [(0, 0), (1, 1)]])
        >>> table = RelativeFrequency().extract(bitext, links)
        >>> table.select(["src", "tgt", "count", "p_tgt_given_src"]).to_pylist()[0]
        {'src': 'das', 'tgt': 'the', 'count': 2, 'p_tgt_given_src': 1.0}
    """

    lowercase: bool = True
    min_count: int = 1
    significance: Literal["none", "alpha-epsilon", "alpha+epsilon"] = "none"
    top_k: int = 0

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ValueError(f"min_count must be at least 1, got {self.min_count}")
        if self.top_k < 0:
            raise ValueError(f"top_k must not be negative, got {self.top_k}")

    def extract(self, bitext: Bitext, links: Links) -> pa.Table:
        """Count the links of a bitext.

        Args:
            bitext: Sentence pairs, tokenised as they were when they were linked.
            links: Their links; possible ones count as well.

        Returns:
            Columns src, tgt, count (links), src_count, tgt_count (occurrences), p_tgt_given_src,
            p_src_given_tgt, significance; by source word, most frequent first, then by falling count, equal ones
            in order of the target word's frequency, then of code points.

        Raises:
            DataError: Different numbers of sentence pairs, or a link to a word that is not there.

        Complexity:
            O(cells + links log links), a cell being a source and a target word of one sentence pair.
        """
        text, src_vocab, tgt_vocab = Encoded.build(bitext, lowercase=self.lowercase)
        src, tgt = _linked(text, links)
        keys, count = np.unique(src.astype(np.int64) * len(tgt_vocab) + tgt, return_counts=True)
        e, f = (keys // len(tgt_vocab)).astype(np.int32), (keys % len(tgt_vocab)).astype(np.int32)
        src_count = np.bincount(text.src.values, minlength=len(src_vocab))
        tgt_count = np.bincount(text.tgt.values, minlength=len(tgt_vocab))
        src_total, tgt_total = _totals(text, links, src, tgt, len(src_vocab), len(tgt_vocab))
        surprise = _significance(text, e, f, len(src_vocab), len(tgt_vocab))

        keep = count >= self.min_count
        if self.significance != "none":
            alpha = np.log(max(1, len(bitext)))
            keep &= surprise > alpha + (EPSILON if self.significance == "alpha+epsilon" else -EPSILON)
        rows = np.flatnonzero(keep)
        rows = rows[np.lexsort((f[rows], -count[rows], e[rows]))]
        if self.top_k:
            rows = rows[_rank(e[rows]) < self.top_k]
        e, f, count = e[rows], f[rows], count[rows]
        return pa.table(
            {
                "src": pa.array(src_vocab.words, pa.string()).take(pa.array(e)),
                "tgt": pa.array(tgt_vocab.words, pa.string()).take(pa.array(f)),
                "count": pa.array(count),
                "src_count": pa.array(src_count[e]),
                "tgt_count": pa.array(tgt_count[f]),
                "p_tgt_given_src": pa.array(count / src_total[e]),
                "p_src_given_tgt": pa.array(count / tgt_total[f]),
                "significance": pa.array(surprise[rows]),
            }
        )


def _linked(text: Encoded, links: Links) -> tuple[I32, I32]:
    # The word types at both ends of every link.
    if len(links) != len(text):
        raise DataError(
            f"words.lexicon: found links of {len(links)} sentence pairs for a bitext of {len(text)}, expected as many; "
            "keep the empty lines of both"
        )
    owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))
    outside = np.flatnonzero((links.src >= text.src.lengths[owner]) | (links.tgt >= text.tgt.lengths[owner]))
    if len(outside):
        k, pair = int(outside[0]), int(owner[outside[0]])
        raise DataError(
            f"words.lexicon: sentence pair {pair + 1} has the link {links.src[k]}-{links.tgt[k]} but only "
            f"{text.src.lengths[pair]} source and {text.tgt.lengths[pair]} target words; align the bitext as it is "
            "tokenised now"
        )
    return text.src.values[text.src.offsets[owner] + links.src], text.tgt.values[text.tgt.offsets[owner] + links.tgt]


def _totals(text: Encoded, links: Links, src: I32, tgt: I32, src_types: int, tgt_types: int) -> tuple[I64, I64]:
    # Links of each type, and its occurrences without one.
    owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))
    totals = []
    for side, position, linked, types in ((text.src, links.src, src, src_types), (text.tgt, links.tgt, tgt, tgt_types)):
        free: Mask = np.ones(len(side.values), np.bool_)
        free[side.offsets[owner] + position] = False
        totals.append(np.bincount(linked, minlength=types) + np.bincount(side.values[free], minlength=types))
    return totals[0], totals[1]


def _significance(text: Encoded, e: I32, f: I32, src_types: int, tgt_types: int) -> F64:
    once = Encoded(_distinct(text.src), _distinct(text.tgt))
    starts, both = offsets(np.bincount(e, minlength=src_types)), np.zeros(len(e), np.int64)
    for b in once.blocks():
        ids = locate(b.order, b.groups, b.src.values, b.rows, b.first, b.tgt.values, starts, f, tgt_types)
        both += np.bincount(ids[ids >= 0], minlength=len(e))
    of_src = np.bincount(once.src.values, minlength=src_types)
    of_tgt = np.bincount(once.tgt.values, minlength=tgt_types)
    surprise: F64 = -log_tail(both, of_src[e], of_tgt[f], len(text)) + 0.0
    return surprise


def _distinct(side: Ragged) -> Ragged:
    # Each sentence's word types, once each.
    owner = np.repeat(np.arange(len(side)), side.lengths)
    order = np.lexsort((side.values, owner))
    words, owners = side.values[order], owner[order]
    first = np.ones(len(words), np.bool_)
    first[1:] = (words[1:] != words[:-1]) | (owners[1:] != owners[:-1])
    return Ragged(words[first], offsets(np.bincount(owners[first], minlength=len(side))))


def _rank(groups: I32) -> I64:
    # Position of each row within its run of equal values.
    new = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(new, np.diff(np.append(new, len(groups))))
