"""Rows as readers meet them, put together into one bitext or into runs of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note, track
from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, as_json

T = TypeVar("T")
#: Rows put together at a time: small enough to stay in the processor's cache, which is a third faster than 65,536.
CHUNK = 16_384
Columns = Mapping[str, Sequence[Any]]
#: Where a side comes from: sentences of its document, code points of its text, paragraphs.
_PLACE = re.compile("(src|tgt)_(start|end|from|to|paragraph)")
_INT32 = range(-(1 << 31), 1 << 31)


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
    if _PLACE.fullmatch(name):
        return pa.int32()
    return pa.list_(pa.int32()) if name in ("src_spans", "tgt_spans") else pa.string()


def parsed(
    columns: Mapping[str, Sequence[str | None]],
    where: str,
    rows: Sequence[int],
    rejects: Rejects,
    record: Callable[[int], str] | None = None,
) -> Columns:
    """Columns of text as values of their types: an empty number or span list is null.

    Args:
        columns: The cells of each column.
        where: The file, for messages.
        rows: The number of each row, counted from 1.
        rejects: Takes the rows with a score that is no number, or places and spans that are no whole numbers.
        record: A row, by its index, as text for the rejects.

    Raises:
        DataError: There is such a row and nobody takes it.
    """
    out: dict[str, Sequence[Any]] = {}
    bad: dict[int, Rejected] = {}
    for name, cells in columns.items():
        kind = column_type(name)
        if pa.types.is_large_string(kind) or pa.types.is_string(kind):
            out[name] = cells
            continue
        values: list[Any] = []
        for index, cell in enumerate(cells):
            try:
                values.append(_value(kind, cell))
            except ValueError as error:
                at = f"row {rows[index]}, column {name}"
                bad.setdefault(index, Rejected(where, at, f"found {cell!r}, expected {error}"))
                values.append(None)
        out[name] = values
    for index, rejected in sorted(bad.items()):
        row = as_json({name: cells[index] for name, cells in columns.items()}) if record is None else record(index)
        rejects.broken(Rejected(rejected.source, rejected.at, rejected.reason, row))
    if bad:
        kept = [index for index in range(len(rows)) if index not in bad]
        return {name: [values[index] for index in kept] for name, values in out.items()}
    return out


def _value(kind: pa.DataType, cell: str | None) -> Any:
    """A cell as a number or numbers; a ValueError says what was expected."""
    expected = "a number"
    try:
        if pa.types.is_floating(kind):
            return float(cell) if cell else None
        if pa.types.is_integer(kind):
            expected = "a whole number below 2**31"
            return _INT32[_INT32.index(int(cell))] if cell else None
        expected = "whole numbers with spaces between"
        return None if cell is None else [_INT32[_INT32.index(int(x))] for x in cell.split()]
    except ValueError:
        raise ValueError(expected) from None


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
    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Args:
            pair: Source and target language tags.
            rejects: Takes the records that are no pair; by default what is broken is an error.

        Raises:
            DataError: The file cannot be read.
        """

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The file that `read` would read.

        Raises:
            DataError: It does not exist.
        """
        return [locate(self.path, pair)]

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN), rejects: Rejects = STRICT) -> Bitext:
        """Read the pairs; `pair` names the languages. Raises as `source`."""
        return collect(self.source(pair, rejects))


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
    numbers = pc.cast(pa.array(np.arange(first, first + table.num_rows)), pa.string())
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
