"""Near-duplicates by MinHash and locality-sensitive hashing, as FineWeb2 finds them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64, U64
from polyalign.core.progress import track
from polyalign.core.rng import generator
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
from polyalign.kernels.minhash import band_keys, join_equal


@dataclass(frozen=True, slots=True)
class MinHash(Dedup):
    r"""Near-duplicates: texts that share a band of their MinHash signatures, and all that they are linked to.

    A text is the set of its n-grams of words. The least value of a random hash function over two such sets is the same
    with probability :math:`s = |A \cap B| / |A \cup B|`, their Jaccard similarity. Of ``buckets * hashes`` such functions,
    `hashes` make a band; two texts are linked if all values of any band agree, which happens with probability
    :math:`1 - (1 - s^r)^b` for b bands of r: with 14 of 8 for half of the texts at s = 0.72, for 92 % at 0.8 and 7 % at 0.5.
    Clusters are the connected components.

    **Differs:** FineWeb2 cuts words with a tokeniser for each language; here they are what stands between spaces and
    punctuation, and a single character in scripts without spaces. A text of fewer words than `ngram` is one n-gram, where
    datatrove passes it over (``short = false``). Its hash functions are other ones, so clusters agree as chance has it.

    Args:
        side: Which side of a pair is compared: "src", "tgt", "either" (linked by one of them) or "both" (rows in one
            cluster on each side); of documents it is the text.
        ngram: Words, or characters, in an n-gram.
        unit: What n-grams are of: "words" or "characters".
        buckets: Number of bands.
        hashes: Hash functions in a band.
        keep: Which row of a cluster stands for it: "first", "longest", or the name of a score column, best first.
        within: A column whose values keep rows apart, if there is one: texts of two languages are not compared.
        case: Whether capitals and small letters count as the same.
        accents: Whether letters count as the same with and without accents or vowel points.
        digits: Whether all numbers count as the same.
        punctuation: Whether punctuation and symbols count as spaces.
        short: Whether a text of fewer units than `ngram` counts as one n-gram, else it is alone.
        seed: Of the hash functions.
        work: A folder for the bands, sorted and merged there; by default they are in memory.

    Complexity:
        O(n-grams * buckets * hashes + n log n) time; ``8 * buckets + 36`` bytes a row and side in memory, 36 with `work`.

    References:
        broder1997resemblance, penedo2025fineweb2

    Example:
        >>> texts = ["the cat sat on the mat and slept all day", "The cat sat on the mat, and slept all day!", "a dog"]
        >>> MinHash().mark(pa.table({"text": texts}))["cluster"].to_pylist()
        [0, 0, 2]
    """

    side: SideOf = "both"
    ngram: int = 5
    unit: Literal["words", "characters"] = "words"
    buckets: int = 14
    hashes: int = 8
    keep: str = "first"
    within: str = "lang"
    case: bool = True
    accents: bool = True
    digits: bool = True
    punctuation: bool = True
    short: bool = True
    seed: int = 1
    work: str | None = None

    def __post_init__(self) -> None:
        for name in ("ngram", "buckets", "hashes"):
            if not 1 <= getattr(self, name) <= 1000:
                raise ValueError(f"{name} must be from 1 to 1000, not {getattr(self, name)}")

    def clusters(self, runs: Iterable[Bitext | pa.Table]) -> Clusters:
        """Find the clusters of a corpus read in runs.

        Raises:
            DataError: A run has no text, the score is missing, or `work` cannot be written.
        """
        goodness, first = [], 0
        with ExitStack() as stack, track("finding near-duplicates", unit="rows") as progress:
            # Either side links: one forest. Both must: one for each side.
            held = [stack.enter_context(bands(self.work)) for _ in range(2)]
            for run in runs:
                table = table_of(run)
                for side, rows, keys in self.keys(table):
                    held[side if self.side == "both" else 0].add(rows + first, keys)
                if (good := goodness_of(table, self.keep)) is not None:
                    goodness.append(good)
                first += table.num_rows
                progress.advance(table.num_rows)
            forests = []
            for number, forest in enumerate(held):
                if number and not len(forest):
                    continue
                forests.append(np.arange(first))
                for band in range(self.buckets):
                    for keys, rows in forest.sorted(band):
                        join_equal(keys, rows, forests[-1])
        return Clusters.of(labels_of(forests), joined(goodness, np.float32) if self.keep != "first" else None)

    def keys(self, table: pa.Table) -> list[tuple[int, I64, U64]]:
        """Of each compared column: its number, the rows that have an n-gram, and their band keys, shape (n, buckets)."""
        by = Fold(self.case, self.accents, self.digits, self.punctuation).table()
        group = groups_of(table, self.within)
        random = generator(self.seed, "minhash")
        size = self.buckets * self.hashes
        multiply, add = (random.integers(0, 1 << 64, size, np.uint64) for _ in range(2))
        out = []
        for number, name in enumerate(columns_of(table, self.side)):
            data, offsets = buffers(table[name])
            keys, has = band_keys(
                data,
                offsets,
                by,
                self.ngram,
                self.unit == "words",
                self.short,
                multiply | np.uint64(1),
                add,
                self.buckets,
            )
            if group is not None:
                keys ^= group[:, None]
            if number:
                # A source is never the duplicate of a target.
                keys = ~keys
            rows = np.flatnonzero(has)
            out.append((number, rows, keys[rows]))
        return out
