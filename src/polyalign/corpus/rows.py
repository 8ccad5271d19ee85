"""Rows as readers meet them, put together into one bitext or into runs of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note, track
from polyalign.corpus.paths import locate

T = TypeVar("T")
#: Rows put together at a time: small enough to stay in the processor's cache, which is a third faster than 65,536.
CHUNK = 16_384
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """Sentence pairs that are yet to be read.

    Args:
        chunks: Columns of equal length by name, or tables; `src` and `tgt` always among them.
        langs: Source and target language tags.
        where: The file, for messages.
    """

    chunks: Iterable[Columns | pa.Table]
    langs: tuple[str, str]
    where: str

    def tables(self) -> Iterator[pa.Table]:
        """The chunks, each column of the type its name says."""
        for chunk in self.chunks:
            yield chunk if isinstance(chunk, pa.Table) else _typed(chunk)


def batches(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Runs of up to `size` items.

    Example:
        >>> list(batches("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def column_type(name: str) -> pa.DataType:
    """The Arrow type of a bitext's column, known by its name."""
    if name in ("src", "tgt"):
        return pa.large_string()
    if name.startswith("score."):
        return pa.float32()
    return pa.list_(pa.int32()) if name in ("src_spans", "tgt_spans") else pa.string()


def parsed(name: str, cells: Sequence[str | None], where: str, first_row: int) -> Sequence[Any]:
    """A column's cells as values of its type: an empty score or span list is null.

    Args:
        name: The column.
        cells: Its cells as text.
        where: The file, for the error message.
        first_row: The number of its first row, counted from 1.

    Raises:
        DataError: A score that is no number, or spans that are no whole numbers.
    """
    kind = column_type(name)
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return cells
    is_score = pa.types.is_floating(kind)
    out: list[Any] = []
    for row, cell in enumerate(cells, first_row):
        try:
            if is_score:
                out.append(float(cell) if cell else None)
            else:
                out.append(None if cell is None else [int(x) for x in cell.split()])
        except ValueError:
            expected = "a number" if is_score else "whole numbers with spaces between"
            raise DataError(f"{where} row {row}, column {name}: found {cell!r}, expected {expected}") from None
    return out


def collect(source: Source) -> Bitext:
    """One bitext of chunks that may differ in their further columns.

    A row without an id gets its row number; an id that occurs again gets ``#2`` (and a note).
    What one chunk lacks is null there.
    """
    tables = [EMPTY]
    with track(f"reading {source.where}", unit="pairs") as progress:
        for table in source.tables():
            tables.append(table)
            progress.advance(table.num_rows)
    return with_ids(pa.concat_tables(tables, promote_options="default"), langs=source.langs, where=source.where)


@dataclass(frozen=True, slots=True)
class FileReader(ABC):
    """A reader of sentence pairs from one file.

    Args:
        path: The file, ``-`` for standard input; ``{src}`` and ``{tgt}`` stand for the languages.
    """

    path: PathText

    @abstractmethod
    def source(self, pair: tuple[str, str]) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file cannot be read.
        """

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The file that `read` would read.

        Raises:
            DataError: It does not exist.
        """
        return [locate(self.path, pair)]

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN)) -> Bitext:
        """Read the pairs; `pair` names the languages. Raises as `source`."""
        return collect(self.source(pair))


def with_ids(table: pa.Table, *, langs: tuple[str, str], where: str) -> Bitext:
    """A bitext of a table with `src` and `tgt`, its ids filled in and made unique, `id` and `doc` first."""
    ids = numbered(table, 0)
    if "id" in table.column_names and pc.count_distinct(ids).as_py() < len(ids):
        ids = pa.array(unique(ids.to_pylist(), where))
    return ordered(table, ids, langs)


def _typed(chunk: Columns) -> pa.Table:
    return pa.table({name: pa.array(cells, column_type(name)) for name, cells in chunk.items()})


#: No rows.
EMPTY = _typed({"src": [], "tgt": []})


def numbered(table: pa.Table, first: int) -> pa.Array | pa.ChunkedArray:
    """The ids of a table, row numbers where it has none."""
    numbers = pc.cast(pa.array(range(first, first + table.num_rows), pa.int64()), pa.string())
    return pc.coalesce(pc.cast(table["id"], pa.string()), numbers) if "id" in table.column_names else numbers


def ordered(table: pa.Table, ids: pa.Array | pa.ChunkedArray, langs: tuple[str, str]) -> Bitext:
    """A bitext of a table and its ids, `id` and `doc` first."""
    first = [name for name in ("doc", "src", "tgt") if name in table.column_names]
    rest = [name for name in table.column_names if name not in ("id", *first)]
    columns = {"id": ids, **{name: table[name] for name in (*first, *rest)}}
    return Bitext(pa.table(columns).replace_schema_metadata({"src_lang": langs[0], "tgt_lang": langs[1]}))


def tell_renamed(where: str, count: int, examples: Iterable[str]) -> None:
    """Say that ids occurred again, if any did."""
    if count:
        note(f"{where}: {count} ids occur again ({', '.join(sorted(examples)[:3])}); renamed with #2, #3, ...")


def unique(ids: Sequence[str], where: str) -> list[str]:
    """The ids with every repetition renamed, and a note if there was one.

    Example:
        >>> unique(["a", "b", "a", "a", "a#2"], "x.tsv")
        ['a', 'b', 'a#3', 'a#4', 'a#2']
    """
    taken = set(ids)
    seen: dict[str, int] = {}
    out: list[str] = []
    for name in ids:
        count = seen.get(name, 0) + 1
        fresh = name
        while count > 1 and (fresh := f"{name}#{count}") in taken:
            count += 1
        seen[name] = count
        taken.add(fresh)
        out.append(fresh)
    repeated = [a for a, b in zip(ids, out, strict=True) if a != b]
    tell_renamed(where, len(repeated), set(repeated))
    return out
