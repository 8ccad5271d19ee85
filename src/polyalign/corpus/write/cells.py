"""What every writer needs: a bitext's columns as text, made fit for the format and never silently."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.progress import note, track

#: Rows of a Parquet row group or an Arrow batch.
CHUNK = 65_536
#: Rows of text written at a time: as Python's strings they take several times their bytes.
LINES = 8_192
BOM = "\ufeff"
#: What a writer takes: all pairs at once, or runs of them of any sizes.
Pairs = Bitext | Iterable[Bitext]
_WORD = re.compile(r"[^ \t]+")
_EMPTY, _END = pa.scalar("", pa.large_string()), pa.scalar("\n", pa.large_string())


class LateColumnError(DataError):
    """A column that comes when the format has already said which there are."""


class Runs:
    """The pairs that a writer was given, some rows at a time whatever the runs they came in.

    Args:
        pairs: A bitext, or runs of one; of runs no more than 65,536 rows and a run are held.
        where: The file, for messages.
    """

    def __init__(self, pairs: Pairs, where: str) -> None:
        self._runs = iter([pairs] if isinstance(pairs, Bitext) else pairs)
        self._total = len(pairs) if isinstance(pairs, Bitext) else None
        self._first = next(self._runs, Bitext.build([], []))
        self._where = where
        self.langs = self._first.langs
        self.schema: pa.Schema = self._first.table.schema

    def chunks(self, columns: Collection[str] | None = None, *, grouped: bool = False) -> Iterator[pa.Table]:
        """The rows, with progress.

        Args:
            columns: The columns that every chunk must have, in this order: what a run lacks is null there (words
                where it was not tokenised). None lets every chunk have the columns that its own rows have.

            grouped: Whether the chunks are what a reader finds again, of `CHUNK` rows, or smaller.

        Raises:
            LateColumnError: A run has a column that the first has not; only where every chunk must have the same.
            DataError: A run is of other languages, or has a column of another type.
        """
        waiting: list[pa.Table] = []
        rows, size = 0, CHUNK if grouped else min(CHUNK, LINES)
        with track(f"writing {self._where}", total=self._total, unit="pairs") as progress:
            for number, run in enumerate(chain([self._first], self._runs)):
                table = self._checked(run, number, columns)
                waiting.append(table)
                rows += table.num_rows
                while rows >= size:
                    joined = self._joined(waiting)
                    yield joined.slice(0, size)
                    progress.advance(size)
                    waiting, rows = [joined.slice(size)], rows - size
            if rows:
                yield self._joined(waiting)
                progress.advance(rows)

    def _checked(self, run: Bitext, number: int, columns: Collection[str] | None) -> pa.Table:
        if run.langs != self.langs:
            raise DataError(
                f"{self._where}: found pairs in {'-'.join(run.langs)} after {'-'.join(self.langs)}, expected one "
                "language pair; write a file for each"
            )
        if columns is None or number == 0:
            return run.table if columns is None else run.table.select(list(columns))
        late = [name for name in run.table.column_names if name not in self.schema.names]
        if late:
            raise _late(late, self._where)
        table = run.table
        for name in columns:
            if name not in table.column_names:
                table = table.append_column(name, filled(table, name, self.schema.field(name).type))
            elif table[name].type != (kind := self.schema.field(name).type):
                try:
                    cast = table[name].cast(kind)
                except pa.ArrowException:
                    raise DataError(
                        f"{self._where}: found the column {name!r} of {table[name].type} after {kind}, expected one type all through"
                    ) from None
                table = table.set_column(table.column_names.index(name), name, cast)
        return table.select(list(columns)).replace_schema_metadata(self.schema.metadata)

    def _joined(self, tables: list[pa.Table]) -> pa.Table:
        if len(tables) == 1:
            return tables[0]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(
                f"{self._where}: found runs that do not go together ({str(error).splitlines()[0]}), expected one type a column"
            ) from None


def compact(part: pa.Table) -> pa.Table:
    """The rows in memory of their own, so that the bytes written do not depend on what they were cut from."""
    return pa.concat_tables([part, part.slice(0, 0)]).combine_chunks()


def with_links(part: pa.Table, columns: Collection[str], where: str) -> pa.Table:
    """Rows with the column ``links`` if the format has begun with it; null where they have none.

    Raises:
        LateColumnError: They have it and the format has begun without.
    """
    if "links" in part.column_names and "links" not in columns:
        raise _late(["links"], where)
    if "links" in columns and "links" not in part.column_names:
        return part.append_column("links", pa.nulls(part.num_rows, pa.string()))
    return part


def _late(names: Collection[str], where: str) -> LateColumnError:
    return LateColumnError(
        f"{where}: found the column {', '.join(names)} in rows after others without it, expected the same columns all "
        "through, for this format names them at its beginning; write jsonl first, or give the first run every column"
    )


def filled(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    """A column that a run has not, or not in every row: the words between spaces, else null."""
    if name in ("src_spans", "tgt_spans"):
        texts = table[name.removesuffix("_spans")].to_pylist()
        return pa.array([[x for m in _WORD.finditer(t) for x in m.span()] for t in texts], kind)
    return pa.nulls(table.num_rows, kind)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text without nulls: scores in their shortest form, lists with spaces between."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        rows = [" ".join(map(str, row)) if row is not None else "" for row in column.to_pylist()]
        return pa.chunked_array([pa.array(rows, pa.large_string())])
    try:
        return pc.fill_null(pc.cast(column, pa.large_string()), "")
    except pa.ArrowNotImplementedError:  # a nested column of someone else's
        rows = [
            "" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(rows, pa.large_string())])


class Replaced:
    """Characters that a format cannot hold, replaced and counted; `tell` says how many.

    Args:
        rules: Pairs of a pattern (RE2) and what its matches become.
        what: The characters in words.
        where: The file, for the note.
    """

    def __init__(self, rules: Iterable[tuple[str, str]], *, what: str, where: str) -> None:
        self.rules, self.what, self.where, self.count = tuple(rules), what, where, 0

    def __call__(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column without them."""
        for pattern, replacement in self.rules:
            found = pc.sum(pc.count_substring_regex(column, pattern=pattern)).as_py() or 0
            if found:
                self.count += found
                column = pc.replace_substring_regex(column, pattern=pattern, replacement=replacement)
        return column

    def tell(self) -> None:
        """Note how many there were, if any."""
        if self.count:
            note(f"{self.where}: {self.count} characters that the format cannot hold ({self.what}) were replaced")


#: For formats of lines: a space for what would end the line, U+FFFD for what text never holds.
LINE_RULES = (("[\n\r]", " "), ("\\x00", "\ufffd"))


def words(part: pa.Table, side: Side) -> pa.ChunkedArray:
    """The side's words joined by single spaces; its text as it is where it was not tokenised.

    Raises:
        DataError: A word holds a space.
    """
    if f"{side}_spans" not in part.column_names:
        return as_text(part[side])
    spans = part[f"{side}_spans"]
    if spans.null_count:
        column = part.column_names.index(f"{side}_spans")
        every = pc.coalesce(spans, filled(part, f"{side}_spans", spans.type))
        part = part.set_column(column, f"{side}_spans", every)
    bitext = Bitext(part)
    lines: list[str] = []
    for name, tokens in zip(bitext.column("id"), bitext.tokens(side), strict=True):
        line = " ".join(tokens)
        if line.count(" ") != max(0, len(tokens) - 1):
            word = next(t for t in tokens if " " in t)
            raise DataError(
                f"bitext row {name}: found the {side} word {word!r}, expected words without spaces, for spaces separate "
                "words in this format; write tsv, jsonl or parquet, or tokenise otherwise"
            )
        lines.append(line)
    return pa.chunked_array([pa.array(lines, pa.large_string())])


def put_lines(file: BinaryIO, lines: pa.Array | pa.ChunkedArray, *, first: bool) -> None:
    """Write a column as lines; a text that begins with U+FEFF gets a BOM before it, lest it be taken for one."""
    if first and len(lines) and lines[0].as_py().startswith(BOM):
        file.write(BOM.encode("utf-8"))
    ended = pc.binary_join_element_wise(lines.cast(pa.large_string()), _EMPTY, _END)
    for chunk in ended.chunks if isinstance(ended, pa.ChunkedArray) else [ended]:
        if len(chunk):
            # The lines lie one after another in Arrow's memory, their ends with them.
            _, starts, data = chunk.buffers()
            at = np.frombuffer(starts, np.int64)[[chunk.offset, chunk.offset + len(chunk)]]
            file.write(memoryview(data)[at[0] : at[1]])


class LeftOut:
    """The columns that a format has no place for; `tell` names them.

    Args:
        kept: Those it has a place for; row numbers as ids need none.
        where: The file, for the note.
    """

    def __init__(self, kept: Collection[str], where: str) -> None:
        self.kept, self.where, self.names, self.rows = set(kept), where, dict[str, None](), 0

    def see(self, part: pa.Table) -> None:
        """Look at the next rows."""
        for name in part.column_names:
            if name in self.kept or name in self.names:
                continue
            if name == "id":
                numbers = pa.array(range(self.rows, self.rows + part.num_rows), pa.int64())
                if pc.all(pc.equal(part["id"], pc.cast(numbers, pa.string()))).as_py() is not False:
                    continue
            self.names[name] = None
        self.rows += part.num_rows

    def tell(self) -> None:
        """Note them, if there were any."""
        if self.names:
            note(f"{self.where}: the format has no place for {', '.join(self.names)}; left out")
