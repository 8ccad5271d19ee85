"""Exact duplicates, after folding away the differences that do not count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64, U64
from polyalign.core.progress import track
from polyalign.corpus.dedup.bands import bands
from polyalign.corpus.dedup.clusters import (
    Clusters,
    Dedup,
    SideOf,
    columns_of,
    goodness_of,
    groups_of,
    joined,
    labels_of,
    table_of,
)
from polyalign.corpus.dedup.fold import Fold, buffers
from polyalign.kernels.folding import content_hashes
from polyalign.kernels.minhash import join_equal


@dataclass(frozen=True, slots=True)
class Exact(Dedup):
    """Rows whose folded text is the same: a hash of each, equal hashes are one cluster.

    Texts are compared in Unicode's composed form (NFC) without the differences that are folded. A side of which folding
    leaves nothing, such as "...", is nobody's duplicate; where both sides count, it is compared as it is.

    Two different texts have one 64-bit hash with probability n**2 / 2**65 among n: 3e-6 for ten million rows.

    Args:
        side: What of a pair must be the same: its source, its target, either of them, or both; of documents it is the text.
        keep: Which row of a cluster stands for it: "first", "longest", or the name of a score column, best first.
        within: A column whose values keep rows apart, if there is one: texts of two languages are not compared.
        case: Whether capitals and small letters count as the same.
        accents: Whether letters count as the same with and without accents or vowel points.
        digits: Whether all numbers count as the same.
        punctuation: Whether punctuation and symbols count as spaces.
        space: Whether any white space counts as one space and invisible characters as none.
        work: A folder for hashes, sorted and merged there; by default they are in memory, 8 bytes a row and side.

    Complexity:
        O(bytes + n log n) time; 28 bytes a row, and 16 more with `keep` other than "first".

    References:
        lee2022deduplicating

    Example:
        >>> bitext = Bitext.build(["Ein Haus.", "ein Haus", "Baum"], ["A house.", "A  house", "tree"])
        >>> Exact().mark(bitext).column("cluster")
        [0, 0, 2]
    """

    side: SideOf = "both"
    keep: str = "first"
    within: str = "lang"
    case: bool = True
    accents: bool = False
    digits: bool = False
    punctuation: bool = True
    space: bool = True
    work: str | None = None

    def clusters(self, runs: Iterable[Bitext | pa.Table]) -> Clusters:
        """Find the clusters of a corpus read in runs.

        Raises:
            DataError: A run has no text, the score is missing, or `work` cannot be written.
        """
        goodness, first = [], 0
        with bands(self.work) as held, track("finding duplicates", unit="rows") as progress:
            for run in runs:
                table = table_of(run)
                for rows, keys in self._keys(table):
                    held.add(rows + first, keys)
                if (good := goodness_of(table, self.keep)) is not None:
                    goodness.append(good)
                first += table.num_rows
                progress.advance(table.num_rows)
            parent = np.arange(first)
            for keys, rows in held.sorted(0):
                join_equal(keys, rows, parent)
        return Clusters.of(labels_of([parent]), joined(goodness, np.float32) if self.keep != "first" else None)

    def _keys(self, table: pa.Table) -> list[tuple[I64, U64]]:
        """Rows and their one key: both sides in one, or each side on its own."""
        by = Fold(self.case, self.accents, self.digits, self.punctuation, self.space).table()
        group = groups_of(table, self.within)
        names = columns_of(table, self.side)
        every, out = np.arange(table.num_rows), []
        both: U64 = np.zeros(table.num_rows, np.uint64) if group is None else group
        for number, name in enumerate(names):
            data, offsets = buffers(table[name])
            hashes, lengths = content_hashes(data, offsets, by, number)
            if len(names) == 1 or self.side == "both":
                both = both * np.uint64(0x9E3779B97F4A7C15) + hashes
            if self.side != "both":
                there = np.flatnonzero(lengths > 0)
                out.append((every[there], (hashes if group is None else hashes ^ group)[there, None]))
        return [(every, both[:, None])] if self.side == "both" else out
