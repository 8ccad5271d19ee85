"""Sentence pairs in runs: files of any size, in the memory of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64, Mask
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.formats import reader_of
from polyalign.corpus.met import Met
from polyalign.corpus.rejects import Rejected, Rejects
from polyalign.corpus.rows import EMPTY, Source, numbered, ordered, tell_renamed, with_ids


def stream_bitext(
    path: str | Path,
    *,
    format: str | None = None,
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
    pairs: int = 100_000,
    options: Mapping[str, Any] = MappingProxyType({}),
    rejects: Callable[[Rejected], None] | None = None,
) -> Iterator[Bitext]:
    r"""Read sentence pairs some at a time: the rows of `read_bitext`, and its errors.

    A run has the columns that its own rows have. An id that occurs again is renamed as `read_bitext` does it, unless
    the new name is itself an id further on in the file: then that one is renamed too.

    Args:
        path: The file; ``-`` is standard input; for ``moses`` what both files start with.
        format: One of `formats.FORMATS`; by default the suffix says.
        pair: Source and target language tags.
        pairs: How many sentence pairs a run has; the last has fewer.
        options: Further parameters of the format's reader.
        rejects: Takes the records that are no pair, each when it is met; by default a broken one is an error.

    Returns:
        The runs, each read when it is asked for; none of a file without pairs.

    Raises:
        ValueError: Runs of no pairs.
        ConfigError: The format or an option is not known.
        DataError: The file cannot be read.

    Complexity:
        O(bytes) time; memory for a run and, where rows have ids, 8 to 16 bytes for each id. A table (Parquet or Arrow)
        that is packed or comes from a pipe is held in memory as it is stored.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tsv"
        >>> _ = path.write_text("eins\tone\nzwei\ttwo\ndrei\tthree\n", encoding="utf-8")
        >>> [(run.ids, run.src) for run in stream_bitext(path, pairs=2)]
        [(['0', '1'], ['eins', 'zwei']), (['2'], ['drei'])]
    """
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, got {pairs}")
    reader = reader_of(path, format=format, pair=pair, options=options)
    return _runs(reader.source(pair, Rejects(rejects)), pairs)


class BitextFile:
    r"""A file of sentence pairs that can be read in runs any number of times; for writers.

    The runs are those of `stream_bitext`, but for one without pairs where the file has none: it knows the languages.

    Args:
        path: The file.
        format: One of `formats.FORMATS`; by default the suffix says.
        pair: Source and target language tags.
        pairs: How many sentence pairs a run has; the last has fewer.
        options: Further parameters of the format's reader.
        rejects: Takes the records that are no pair, at the first reading.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tsv"
        >>> _ = path.write_text("eins\tone\nzwei\ttwo\n", encoding="utf-8")
        >>> file = BitextFile(path, pairs=1)
        >>> [run.src for run in file], [run.tgt for run in file]
        ([['eins'], ['zwei']], [['one'], ['two']])
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: str | None = None,
        pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
        pairs: int = 16_384,
        options: Mapping[str, Any] = MappingProxyType({}),
        rejects: Callable[[Rejected], None] | None = None,
    ) -> None:
        self._reader = reader_of(path, format=format, pair=pair, options=options)
        self._pair, self._pairs, self._rejects = pair, pairs, rejects

    def __iter__(self) -> Iterator[Bitext]:
        """The runs, read from the file's beginning."""
        source = self._reader.source(self._pair, Rejects(self._rejects))
        # What is rejected once is so every time.
        self._rejects = self._rejects and _ignored
        yield from source_runs(source, self._pairs)


def _ignored(rejected: Rejected) -> None:
    """Takes a record that was taken before."""


def source_runs(source: Source, pairs: int) -> Iterator[Bitext]:
    """What a reader gives in runs of so many pairs; one of none where there are no pairs, for it knows the languages."""
    runs = _runs(source, pairs)
    first = next(runs, None)
    yield first if first is not None else with_ids(EMPTY, langs=source.langs, where=source.where)
    yield from runs


def _runs(source: Source, pairs: int) -> Iterator[Bitext]:
    ids = _Ids()
    waiting, first, rows = [EMPTY], 0, 0
    for table in source.tables():
        waiting.append(table)
        rows += table.num_rows
        while rows >= pairs:
            joined = pa.concat_tables(waiting, promote_options="default")
            yield _run(joined.slice(0, pairs), first, ids, source.langs)
            waiting, first, rows = [joined.slice(pairs)], first + pairs, rows - pairs
    if rows:
        yield _run(pa.concat_tables(waiting, promote_options="default"), first, ids, source.langs)
    tell_renamed(source.where, ids.renamed, ids.examples)


def _run(table: pa.Table, first: int, known: _Ids, langs: tuple[str, str]) -> Bitext:
    ids = numbered(table, first)
    return ordered(table, pa.array(known.fresh(ids.to_pylist())) if "id" in table.column_names else ids, langs)


class _Ids:
    """The ids so far; only a hash of each is kept."""

    def __init__(self) -> None:
        self.renamed = 0
        self.examples: set[str] = set()
        self._counts: dict[str, int] = {}  # how often those were met that occur again
        self._met = Met()

    def fresh(self, ids: list[str]) -> list[str]:
        """The next ids, every repetition renamed."""
        own = _hashes(ids)
        met = self._met.again(own)
        if met.any() or len(np.unique(own)) < len(own):
            ids = self._rename(ids, met)
            own = _hashes(ids)
        self._met.add(np.sort(own))
        return ids

    def _rename(self, ids: list[str], met: Mask) -> list[str]:
        taken, seen, out = set(ids), set[str](), []
        for name, before in zip(ids, met.tolist(), strict=True):
            fresh = name
            if before or name in seen:
                count = self._counts.get(name, 1) + 1
                while (fresh := f"{name}#{count}") in taken or self._met.again(_hashes([fresh]))[0]:
                    count += 1
                self._counts[name] = count
                self.renamed += 1
                if len(self.examples) < 3:
                    self.examples.add(name)
            seen.add(name)
            taken.add(fresh)
            out.append(fresh)
        return out


def _hashes(ids: list[str]) -> I64:
    return np.fromiter(map(hash, ids), np.int64, len(ids))
