"""Rows as readers meet them, put together into a bitext chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.progress import note, track

T = TypeVar("T")
#: Rows put together at a time: small enough to stay in the processor's cache, which is a third faster than 65,536.
CHUNK = 16_384
Columns = Mapping[str, Sequence[Any]]


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


def collect(chunks: Iterable[Columns], *, langs: tuple[str, str], where: str) -> Bitext:
    """One bitext of chunks that may differ in their further columns.

    A row without an id gets its row number; an id that occurs again gets ``#2`` (and a note).
    What one chunk lacks is null there.

    Args:
        chunks: Columns of equal length by name, `src` and `tgt` always among them.
        langs: Source and target language tags.
        where: The file, for messages.
    """
    tables: list[pa.Table] = []
    with track(f"reading {where}", unit="pairs") as progress:
        for chunk in chunks:
            tables.append(pa.table({name: pa.array(cells, column_type(name)) for name, cells in chunk.items()}))
            progress.advance(tables[-1].num_rows)
    empty = pa.table({name: pa.array([], column_type(name)) for name in ("src", "tgt")})
    return with_ids(pa.concat_tables([empty, *tables], promote_options="default"), langs=langs, where=where)


def with_ids(table: pa.Table, *, langs: tuple[str, str], where: str) -> Bitext:
    """A bitext of a table with `src` and `tgt`, its ids filled in and made unique, `id` and `doc` first."""
    ids = pc.cast(pa.array(range(table.num_rows), pa.int64()), pa.string())
    if "id" in table.column_names:
        given = pc.coalesce(pc.cast(table["id"], pa.string()), ids)
        ids = given if pc.count_distinct(given).as_py() == len(given) else pa.array(unique(given.to_pylist(), where))
    first = [name for name in ("doc", "src", "tgt") if name in table.column_names]
    rest = [name for name in table.column_names if name not in ("id", *first)]
    columns = {"id": ids, **{name: table[name] for name in (*first, *rest)}}
    return Bitext(pa.table(columns).replace_schema_metadata({"src_lang": langs[0], "tgt_lang": langs[1]}))


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
    if repeated:
        note(
            f"{where}: {len(repeated)} ids occur again ({', '.join(sorted(set(repeated))[:3])}); renamed with #2, #3, ..."
        )
    return out
