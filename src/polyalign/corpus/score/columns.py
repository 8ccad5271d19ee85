"""Scores of a pair taken from columns that other steps have made: word links, and in how many languages a text is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64
from polyalign.core.links import Links as WordLinks
from polyalign.corpus.score.texts import side
from polyalign.kernels.contents import WORDS


@dataclass(frozen=True, slots=True)
class Links:
    r"""How well the words of a pair are linked, from 0 to 1.

    From a column of links in Pharaoh format with probabilities (``0-0:0.9 1-2:0.4``; 1 where none is given):
    :math:`2 \sum_k p_k / (s + t)` for s and t words, as much as 1 if each word has one sure link. Without such a column,
    the one that word aligners add, ``score.words``, as it is.

    Args:
        links: The column of links.
        score: The column to take where there are no links.

    Example:
        >>> pair = Bitext.build(["das Haus"], ["the house"], columns={"links": pa.array(["0-0:0.8 1-1:1"])})
        >>> Links().pairs(pair).round(2).tolist()
        [0.8999999761581421]
    """

    links: str = "links"
    score: str = "score.words"

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,); NaN where neither side has a word.

        Raises:
            DataError: Neither column is there, or a link is not one.
        """
        names = bitext.table.column_names
        if self.links not in names:
            if self.score in names:
                return np.asarray(bitext.table[self.score].cast(pa.float32()).to_numpy(), np.float32)
            raise DataError(
                f"corpus.score/links: found neither {self.links!r} nor {self.score!r} among {', '.join(names)}; align the words first"
            )
        links = WordLinks.from_pharaoh([x or "" for x in bitext.column(self.links)], where=self.links)
        worth = links.prob if links.prob is not None else np.ones(len(links.src), np.float32)
        total = np.add.reduceat(np.append(worth.astype(np.float64), 0.0), np.minimum(links.offsets[:-1], len(worth)))
        total = np.where(np.diff(links.offsets) > 0, total, 0.0)
        words = sum(_words(bitext, name) for name in ("src", "tgt"))
        out = np.full(len(bitext), np.nan)
        found: F32 = np.minimum(np.divide(2 * total, words, out=out, where=words > 0), 1.0).astype(np.float32)
        return found


def _words(bitext: Bitext, name: str) -> I64:
    if f"{name}_spans" in bitext.table.column_names:
        return np.array([len(s) // 2 for s in bitext.column(f"{name}_spans")], np.int64)
    return side(bitext, "src" if name == "src" else "tgt").profile[:, WORDS].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Ways:
    r"""How unlikely it is that a machine translated the pair: 2 / n for a sentence that exists in n languages.

    Text on the web that is in very many languages is mostly translated by machine, as Thompson and others found. The
    number of languages is the column that ``corpus.parallelism`` adds. It is a suspicion, no proof: laws and holy books are in
    many languages too.

    Args:
        column: The number of languages.

    References: thompson2024shocking

    Example:
        >>> bitext = Bitext.build(["a", "b"], ["c", "d"], columns={"score.n_ways": pa.array([2.0, 8.0], pa.float32())})
        >>> Ways().pairs(bitext).tolist()
        [1.0, 0.25]
    """

    column: str = "score.n_ways"

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,); NaN where the number is not known.

        Raises:
            DataError: The column is not there.
        """
        if self.column not in bitext.table.column_names:
            raise DataError(
                f"corpus.score/ways: no column {self.column!r}, found {', '.join(bitext.table.column_names)}; run polyalign parallelism first"
            )
        ways = np.asarray(bitext.table[self.column].cast(pa.float32()).to_numpy(), np.float32)
        return np.minimum(1, 2 / np.maximum(ways, np.float32(1))).astype(np.float32)
