"""Decontamination: rows that hold text of a test set are dropped, so that a test measures what it should."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, digest
from polyalign.core.jit import I32, I64, U64, Mask, frozen
from polyalign.corpus.corpus_files import CorpusFiles
from polyalign.corpus.dedup.clusters import SideOf, columns_of
from polyalign.corpus.dedup.fold import Fold, buffers
from polyalign.kernels.contamination import held_ngrams
from polyalign.kernels.folding import ngrams_of
from polyalign.kernels.minhash import unit_hashes

T = TypeVar("T", Bitext, pa.Table)


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """Drop the rows that hold an n-gram of a test set's texts, as GPT-3's authors looked for theirs.

    A row is dropped if one of its runs of `ngram` words is in a text of a test set. Shorter texts of a test set count as a
    whole: of at least `shortest` words wherever they stand in a row, of fewer if they are all of it. Every text of a test
    set is looked for on each side of a pair, so it does not matter which side is which language there.

    With a low `ngram` and a `share`, near copies are found: ``ngram = 5, share = 0.5`` drops the rows half of whose runs of
    five words are the test set's.

    **Differs:** GPT-3 removed 200 characters around a match and kept the rest; here the whole row goes.

    Args:
        tests: A test set's file, or a folder of them: sentence pairs or documents of any format, or a text a line.
        ngram: Words in an n-gram.
        shortest: Words that a shorter text must have to count wherever it stands.
        share: Least share of a row's n-grams that are in a test set; 0 for any one of them.
        side: Where in a pair to look: "src", "tgt", "either" of them, or "both", each of which must hold one.
        case: Whether capitals and small letters count as the same.
        accents: Whether letters count as the same with and without accents or vowel points.
        digits: Whether all numbers count as the same.
        punctuation: Whether punctuation and symbols count as spaces.

    Complexity:
        O(bytes of the corpus + n log n) time for n n-grams of the test sets, 20 bytes for each.

    References:
        brown2020language

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "flores.txt"
        >>> _ = path.write_text("The quick brown fox jumps over the lazy dog.", encoding="utf-8")
        >>> rows = Bitext.build(["Ja.", "Nein."], ["Yes: the quick brown fox jumps over the lazy dog!", "No."])
        >>> kept, dropped = Decontaminate(str(path)).select(rows)
        >>> kept.src, dropped["reason"].to_pylist()
        (['Nein.'], ['in test set flores.txt (tgt)'])
    """

    tests: PathText
    ngram: int = 13
    shortest: int = 8
    share: float = 0.0
    side: SideOf = "either"
    case: bool = True
    accents: bool = True
    digits: bool = False
    punctuation: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.ngram <= 1000:
            raise ValueError(
                f"shortest and ngram must be 1 <= shortest <= ngram <= 1000, not {self.shortest}, {self.ngram}"
            )
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be from 0 to 1, not {self.share}")

    def learn(self) -> TestSets:
        """Read the test sets.

        Raises:
            DataError: There is none, or one cannot be read.
        """
        return _learned(self, digest(Path(self.tests)))

    def select(self, rows: T) -> tuple[T, pa.Table]:
        """Divide rows into kept and dropped; the dropped have a column ``reason`` that names the test set.

        Raises:
            DataError: A test set cannot be read, or the rows have no text.
        """
        table = rows.table if isinstance(rows, Bitext) else rows
        known, by = self.learn(), _fold(self).table()
        names, found, held = columns_of(table, self.side), [], []
        for name in names:
            where, share = held_ngrams(
                *buffers(table[name]), by, known.grams, known.maybe, known.lengths, self.ngram, self.shortest
            )
            found.append(where)
            held.append((where >= 0) & (share >= self.share))
        drop = np.logical_and.reduce(held) if self.side == "both" else np.logical_or.reduce(held)
        reasons: list[str] = []
        for row in np.flatnonzero(drop).tolist():
            side = next(k for k in range(len(names)) if held[k][row])
            test = known.names[known.test_of[found[side][row]]]
            where_ = f" ({names[side]})" if len(names) > 1 and self.side != "both" else ""
            reasons.append(f"in test set {test}{where_}")
        dropped = table.filter(pa.array(drop)).append_column("reason", pa.array(reasons, pa.string()))
        kept = table.filter(pa.array(~drop))
        return (Bitext(kept) if isinstance(rows, Bitext) else kept), dropped


@dataclass(frozen=True, slots=True, eq=False)
class TestSets:
    """The n-grams of some test sets.

    Args:
        names: The test sets.
        grams: Hashes of their n-grams, sorted, each once, shape (n,).
        test_of: The first test set that has each, shape (n,).
        lengths: Lengths of the n-grams that are whole texts.
        maybe: For the low bits of a hash, whether an n-gram has them.
    """

    __test__ = False  # no test case, whatever pytest makes of its name

    names: tuple[str, ...]
    grams: U64
    test_of: I32
    lengths: I64
    maybe: Mask

    def __post_init__(self) -> None:
        object.__setattr__(self, "grams", frozen(self.grams, np.uint64))


def _fold(method: Decontaminate) -> Fold:
    return Fold(method.case, method.accents, method.digits, method.punctuation)


@lru_cache(maxsize=4)
def _learned(method: Decontaminate, content: str) -> TestSets:
    """The test sets by the method's parameters and the content of its files."""
    path = Path(method.tests)
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: found no file, expected test sets; put them there")
    grams, tests, lengths = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)], set[int]()
    for number, file in enumerate(files):
        for run in CorpusFiles((str(file),)).of(str(file)):
            table = run.table if isinstance(run, Bitext) else run
            for name in columns_of(table, "both"):
                hashes, short = _ngrams(*unit_hashes(*buffers(table[name]), _fold(method).table(), True), method.ngram)
                grams.append(hashes)
                tests.append(np.full(len(hashes), number, np.int32))
                lengths |= short
    every, first = np.unique(np.concatenate(grams), return_index=True)
    maybe = np.zeros(1 << max(10, int(len(every) * 16).bit_length()), np.bool_)
    maybe[(every & np.uint64(len(maybe) - 1)).astype(np.int64)] = True
    return TestSets(
        tuple(f.name for f in files), every, np.concatenate(tests)[first], np.asarray(sorted(lengths), np.int64), maybe
    )


def _ngrams(units: U64, starts: I64, n: int) -> tuple[U64, set[int]]:
    """The n-grams of each text, the whole of shorter ones; and the lengths of those."""
    counts = np.diff(starts)
    parts, short = [np.zeros(0, np.uint64)], {int(c) for c in np.unique(counts) if 0 < c < n}
    for first, count in zip(starts[:-1].tolist(), counts.tolist(), strict=True):
        here = units[first : first + count]
        parts.append(here[: ngrams_of(here, count, n, True)])
    return np.concatenate(parts), short
