"""Sentence pairs from Parquet and Arrow files, which keep every column's type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import open_binary, read_bytes, suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import track
from polyalign.corpus.paths import locate, pick
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, as_json
from polyalign.corpus.rows import CHUNK, FileReader, Source, collect, column_type, with_ids


@dataclass(frozen=True, slots=True)
class Columns(FileReader):
    """Sentence pairs from a Parquet or Arrow file (IPC file, stream or Feather); the content tells which.

    Every other column is kept as it is. Where no languages are given, those the file names are taken.

    Args:
        src: Source column; a dotted path such as ``translation.{src}`` reaches into columns of structs.
        tgt: Target column, likewise.
        id: Column of row ids; where there is none, rows get their number.

    Complexity:
        O(bytes) time and memory.

    Example:
        >>> import tempfile
        >>> from polyalign.corpus.write.columns import Parquet
        >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
        >>> Parquet().write(Bitext.build(["Haus"], ["house"], langs=("deu_Latn", "eng_Latn")), path)
        >>> Columns(str(path)).read().langs
        ('deu_Latn', 'eng_Latn')
    """

    src: str = "src"
    tgt: str = "tgt"
    id: str = "id"

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN), rejects: Rejects = STRICT) -> Bitext:
        """Read the pairs; `pair` names the languages, `rejects` takes the rows without a text.

        Raises:
            DataError: The file cannot be read, a column is not there or no text, or a text is null.
        """
        if rejects.taken:
            return collect(self.source(pair, rejects))
        path = locate(self.path, pair)
        with track(f"reading {path}", unit="pairs") as progress, _told(path):
            file = _open(path)
            table = file.read() if isinstance(file, pq.ParquetFile) else file.read_all()
            # Offsets and bytes from outside: what is wrong with them must not surface in the middle of other work.
            table.validate(full=True)
            progress.advance(table.num_rows)
        return with_ids(self._renamed(table, pair, path), langs=_langs(table.schema, pair), where=str(path))

    def names(self) -> list[str]:
        """The columns of the file, those of structs by their dotted paths.

        Raises:
            DataError: It cannot be read.
        """
        path = locate(self.path)
        with _told(path):
            file = _open(path)
        return _paths(file.schema_arrow if isinstance(file, pq.ParquetFile) else file.schema)

    def tables(self) -> Iterator[pa.Table]:
        """The rows some at a time, with every column as it is.

        Raises:
            DataError: The file cannot be read.
        """
        path = locate(self.path)
        with _told(path):
            file = _open(path)
        yield from _tables(file, path)

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for reading in runs."""
        path = locate(self.path, pair)
        with _told(path):
            file = _open(path)
        schema = file.schema_arrow if isinstance(file, pq.ParquetFile) else file.schema
        # Also where there are no rows, the columns must be as they should be.
        self._renamed(schema.empty_table(), pair, path)

        def chunks() -> Iterator[pa.Table]:
            row = 0
            for table in _tables(file, path):
                yield self._renamed(table, pair, path, first_row=row, rejects=rejects)
                row += table.num_rows

        return Source(chunks(), _langs(schema, pair), str(path))

    def _renamed(
        self, table: pa.Table, pair: tuple[str, str], path: Path, first_row: int = 0, rejects: Rejects = STRICT
    ) -> pa.Table:
        """The columns under the names and of the types that a bitext gives them."""
        twice = [name for name in table.column_names if table.column_names.count(name) > 1]
        if twice:
            raise DataError(f"{path}: found two columns named {twice[0]!r}, expected each name once; rename one")
        names = {"src": self.src, "tgt": self.tgt}
        found: dict[str, str] = {}
        for side, column in names.items():
            name = pick(column, pair, lambda n: _field(table.schema, n) is not None, where=f"column {column!r}")
            if name is None:
                raise DataError(
                    f"{path}: found the columns {', '.join(_paths(table.schema))}, expected {column!r}; name it with {side}"
                )
            found[side] = name
        if found["src"] == found["tgt"]:
            raise DataError(f"{path}: src and tgt are both {found['src']!r}; name two columns")
        for side in found.values():
            _check_text(_field(table.schema, side).type, side, path)
        if rejects.taken:
            table = _without_nulls(table, found, path, first_row, rejects)
        columns = {side: _text(column_at(table, name), name, path, first_row) for side, name in found.items()}
        if self.id in table.column_names:
            columns["id"] = table[self.id]
        used = {*found.values(), *(_root(table.schema, name) for name in found.values()), self.id}
        for name in table.column_names:
            if name not in used:
                known = name.startswith("score.") or name in ("doc", "src_spans", "tgt_spans")
                kept = name if name not in columns and name != "id" else f"{name}#2"
                columns[kept] = _cast(table[name], column_type(name), name, path) if known else table[name]
        return pa.table(columns)


def _field(schema: pa.Schema, name: str) -> Any:
    """The column of that name, or what a dotted path such as ``translation.de`` reaches in columns of structs."""
    if name in schema.names:
        return schema.field(name)
    root, *rest = name.split(".")
    field = schema.field(root) if root in schema.names else None
    for key in rest:
        if field is None or not pa.types.is_struct(field.type) or field.type.get_field_index(key) < 0:
            return None
        field = field.type.field(key)
    return field


def _root(schema: pa.Schema, name: str) -> str:
    return name if name in schema.names else name.split(".")[0]


def column_at(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column of that name or dotted path."""
    if name in table.column_names:
        return table[name]
    root, *rest = name.split(".")
    column = table[root]
    for key in rest:
        column = pc.struct_field(column, key)
    return column


def _paths(schema: pa.Schema) -> list[str]:
    return [
        path
        for field in schema
        for path in (
            [f"{field.name}.{inner.name}" for inner in field.type] if pa.types.is_struct(field.type) else [field.name]
        )
    ]


def _without_nulls(table: pa.Table, found: Mapping[str, str], path: Path, first_row: int, rejects: Rejects) -> pa.Table:
    """The rows with both texts; the others are rejected."""
    lacking = {name: pc.is_null(column_at(table, name)) for name in found.values()}
    bad = pc.or_(*lacking.values())
    for row, record in zip(pc.indices_nonzero(bad).to_pylist(), table.filter(bad).to_pylist(), strict=True):
        names = " and ".join(repr(name) for name, mask in lacking.items() if mask[row].as_py())
        reason = f"found null in column {names}, expected text"
        rejects.broken(Rejected(str(path), f"row {first_row + row}", reason, as_json(record)))
    return table.filter(pc.invert(bad))


def _langs(schema: pa.Schema, pair: tuple[str, str]) -> tuple[str, str]:
    meta = schema.metadata or {}
    own = (meta.get(b"src_lang", b"und").decode(), meta.get(b"tgt_lang", b"und").decode())
    return own if pair == (UNKNOWN, UNKNOWN) else pair


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Says of a file that cannot be read that it is damaged."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet or Arrow ({str(error).splitlines()[0]}); the file is damaged or cut off"
        ) from None


def _open(path: Path) -> Any:
    """A Parquet file, an Arrow file or an Arrow stream; mapped rather than read unless it is packed or a pipe."""
    if str(path) == "-" or suffixes(path)[1] or not path.is_file():
        source = pa.BufferReader(read_bytes(path))
    else:
        with open_binary(path):
            pass  # mapping it would say less about a file that cannot be opened
        source = pa.memory_map(str(path)) if path.stat().st_size else pa.BufferReader(b"")
    magic = bytes(source.read(6))
    source.seek(0)
    if magic[:4] == b"PAR1":
        return pq.ParquetFile(source)
    if magic == b"ARROW1":
        return pa.ipc.open_file(source)
    if magic[:4] == b"\xff\xff\xff\xff":
        return pa.ipc.open_stream(source)
    raise DataError(f"{path}: found a file that starts with {magic!r}, expected Parquet or Arrow; check its format")


def _tables(file: Any, path: Path) -> Iterator[pa.Table]:
    with _told(path):
        if isinstance(file, pq.ParquetFile):
            batches = file.iter_batches(CHUNK)
        elif isinstance(file, pa.ipc.RecordBatchFileReader):
            batches = (file.get_batch(k) for k in range(file.num_record_batches))
        else:
            batches = iter(file)
        for batch in batches:
            # Offsets and bytes from outside: what is wrong with them must not surface in the middle of other work.
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])


def _check_text(type_of: pa.DataType, name: str, path: Path) -> None:
    kind = type_of.value_type if pa.types.is_dictionary(type_of) else type_of
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise DataError(f"{path}: column {name!r} is {kind}, expected text; name another column")


def _text(column: pa.ChunkedArray, name: str, path: Path, first_row: int) -> pa.ChunkedArray:
    if column.null_count:
        row = first_row + pc.index(column.is_null(), True).as_py()
        raise DataError(
            f"{path} row {row}: found null in column {name!r}, expected text; fill {column.null_count} such rows in or drop them"
        )
    return _cast(column, pa.large_string(), name, path)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, path: Path) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except pa.ArrowException:
        raise DataError(f"{path}: column {name!r} is {column.type}, expected {kind}; convert or rename it") from None
