"""Near-duplicates of short texts: candidates by MinHash, each pair of them compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64, U64, Mask
from polyalign.core.progress import note, track
from polyalign.core.ragged import offsets
from polyalign.corpus.dedup.bands import Bands, bands
from polyalign.corpus.dedup.clusters import (
    Clusters,
    Dedup,
    SideOf,
    columns_of,
    goodness_of,
    joined,
    labels_of,
    table_of,
)
from polyalign.corpus.dedup.fold import Fold, buffers
from polyalign.corpus.dedup.minhash import MinHash
from polyalign.kernels.minhash import join_forest, join_verified, sorted_ngrams, unit_hashes


@dataclass(frozen=True, slots=True)
class Fuzzy(Dedup):
    r"""Near-duplicates of sentences and short texts: candidates share a MinHash band, and must then be alike indeed.

    Texts are alike if :math:`1 - d / \max(|a|, |b|)` (d: edits of characters) or the Jaccard similarity of their n-grams
    reaches `threshold`. Clusters are what such links connect, so its two ends may be less alike.

    The corpus is read twice: once for the bands, once for the texts that share one.

    Args:
        side: Which side of a pair is compared: "src", "tgt", "either" (linked by one of them) or "both" (rows in one
            cluster on each side); of documents it is the text.
        similarity: "edit" or "jaccard".
        threshold: The least similarity of two linked texts.
        ngram: Characters, or words, in an n-gram.
        unit: What n-grams are of, and what is edited: "characters" or "words".
        buckets: Number of bands.
        hashes: Hash functions in a band.
        comparisons: Most comparisons of one text within a bucket; a note says if there would have been more.
        keep: Which row of a cluster stands for it: "first", "longest", or the name of a score column, best first.
        within: A column whose values keep rows apart, if there is one: texts of two languages are not compared.
        case: Whether capitals and small letters count as the same.
        accents: Whether letters count as the same with and without accents or vowel points.
        digits: Whether all numbers count as the same.
        punctuation: Whether punctuation and symbols count as spaces.
        seed: Of the hash functions.
        work: A folder for the bands, sorted and merged there; by default they are in memory.

    Complexity:
        That of MinHash, and O(length * edits) for each comparison; memory for the texts that share a band with another.

    References:
        broder1997resemblance

    Example:
        >>> texts = ["The cat sat on the mat.", "The cats sat on the mat!", "The dog lay on the mat."]
        >>> Fuzzy(threshold=0.9).mark(pa.table({"text": texts}))["cluster"].to_pylist()
        [0, 0, 2]
    """

    side: SideOf = "both"
    similarity: Literal["edit", "jaccard"] = "edit"
    threshold: float = 0.8
    ngram: int = 4
    unit: Literal["words", "characters"] = "characters"
    buckets: int = 30
    hashes: int = 5
    comparisons: int = 100
    keep: str = "first"
    within: str = "lang"
    case: bool = True
    accents: bool = True
    digits: bool = False
    punctuation: bool = True
    seed: int = 1
    work: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, not {self.threshold}")
        if self.comparisons < 1:
            raise ValueError(f"comparisons must be at least 1, not {self.comparisons}")
        self._candidates()

    def _candidates(self) -> MinHash:
        return MinHash(
            side=self.side, ngram=self.ngram, unit=self.unit, buckets=self.buckets, hashes=self.hashes,
            within=self.within, case=self.case, accents=self.accents, digits=self.digits,
            punctuation=self.punctuation, seed=self.seed,
        )  # fmt: skip

    def clusters(self, runs: Iterable[Bitext | pa.Table]) -> Clusters:
        """Find the clusters of a corpus read in runs, twice.

        Raises:
            DataError: The runs can be read only once, a run has no text, the score is missing, or `work` cannot be written.
        """
        if iter(runs) is runs:
            raise DataError(
                "corpus.dedup/fuzzy: found runs that can be read only once, expected a list or what begins anew; it reads them twice"
            )
        method, goodness, total = self._candidates(), list[F32](), 0
        with (
            bands(self.work) as first,
            bands(self.work) as second,
            track("finding candidates", unit="rows") as progress,
        ):
            held = (first, second)
            for run in runs:
                table = table_of(run)
                for column, rows, keys in method.keys(table):
                    held[column].add(rows + total, keys)
                if (good := goodness_of(table, self.keep)) is not None:
                    goodness.append(good)
                total += table.num_rows
                progress.advance(table.num_rows)
            forests = [
                self._verified(runs, forest, column, total)
                for column, forest in enumerate(held)
                if column == 0 or len(forest)
            ]
        if self.side == "either" and len(forests) == 2:
            join_forest(*forests)
            forests = forests[:1]
        return Clusters.of(labels_of(forests), joined(goodness, np.float32) if self.keep != "first" else None)

    def _verified(self, runs: Iterable[Bitext | pa.Table], held: Bands, column: int, total: int) -> I64:
        """The forest of one column: links between texts that share a band and are alike."""
        wanted = np.zeros(total, np.bool_)
        for band in range(self.buckets):
            for keys, rows in held.sorted(band):
                same = np.flatnonzero(keys[1:] == keys[:-1])
                wanted[rows[same]] = wanted[rows[same + 1]] = True
        units, starts = self._units(runs, column, wanted)
        at = np.where(wanted, np.cumsum(wanted) - 1, -1)
        parent, compared, cut = np.arange(total), 0, 0
        with track("comparing candidates", total=self.buckets, unit="bands") as progress:
            for band in range(self.buckets):
                for keys, rows in held.sorted(band):
                    edit = self.similarity == "edit"
                    made, more = join_verified(
                        keys, rows, parent, at, units, starts, edit, self.threshold, self.comparisons
                    )
                    compared, cut = compared + made, cut + more
                progress.advance()
        if cut:
            note(
                f"corpus.dedup/fuzzy: {cut} times a text shared a bucket with more than {self.comparisons} others that it was not "
                f"linked to, and was compared with the nearest of them only ({compared} comparisons in all)"
            )
        return parent

    def _units(self, runs: Iterable[Bitext | pa.Table], column: int, wanted: Mask) -> tuple[U64, I64]:
        """The wanted texts as characters in their order, or as sorted n-grams; and where each begins."""
        parts: list[U64] = [np.zeros(0, np.uint64)]
        lengths: list[I64] = [np.zeros(0, np.int64)]
        by = Fold(self.case, self.accents, self.digits, self.punctuation).table()
        for data, at in self._texts(runs, column, wanted):
            units, starts = unit_hashes(data, at, by, self.unit == "words")
            if self.similarity == "jaccard":
                units, starts = sorted_ngrams(units, starts, self.ngram)
            parts.append(units)
            lengths.append(np.diff(starts))
        return np.concatenate(parts), offsets(np.concatenate(lengths))

    def _texts(self, runs: Iterable[Bitext | pa.Table], column: int, wanted: Mask) -> Iterator[tuple[Any, Any]]:
        first = 0
        for run in runs:
            table = table_of(run)
            name = columns_of(table, self.side)[column]
            rows = np.flatnonzero(wanted[first : first + table.num_rows])
            yield buffers(pc.take(table[name], pa.array(rows)))
            first += table.num_rows
