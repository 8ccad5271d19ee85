"""Sentence pairs from Parquet and Arrow files, which keep every column's type."""

from __future__ import annotations

from collections.abc import Iterator
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
from polyalign.corpus.rows import CHUNK, FileReader, Source, column_type, with_ids


@dataclass(frozen=True, slots=True)
class Columns(FileReader):
    """Sentence pairs from a Parquet or Arrow file (IPC file, stream or Feather); the content tells which.

    Every other column is kept as it is. Where no languages are given, those the file names are taken.

    Args:
        src: Source column.
        tgt: Target column.
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

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN)) -> Bitext:
        """Read the pairs; `pair` names the languages.

        Raises:
            DataError: The file cannot be read, a column is not there or no text, or a text is null.
        """
        path = locate(self.path, pair)
        with track(f"reading {path}", unit="pairs") as progress, _told(path):
            file = _open(path)
            table = file.read() if isinstance(file, pq.ParquetFile) else file.read_all()
            progress.advance(table.num_rows)
        return with_ids(self._renamed(table, pair, path), langs=_langs(table.schema, pair), where=str(path))

    def source(self, pair: tuple[str, str]) -> Source:
        """The pairs before they are read, for reading in runs."""
        path = locate(self.path, pair)
        with _told(path):
            file = _open(path)
        schema = file.schema_arrow if isinstance(file, pq.ParquetFile) else file.schema
        # Also where there are no rows, the columns must be as they should be.
        self._renamed(schema.empty_table(), pair, path)

        def chunks() -> Iterator[pa.Table]:
            row = 0
            for batch in _batches(file, path):
                table = pa.Table.from_batches([batch])
                yield self._renamed(table, pair, path, first_row=row)
                row += table.num_rows

        return Source(chunks(), _langs(schema, pair), str(path))

    def _renamed(self, table: pa.Table, pair: tuple[str, str], path: Path, first_row: int = 0) -> pa.Table:
        """The columns under the names and of the types that a bitext gives them."""
        twice = [name for name in table.column_names if table.column_names.count(name) > 1]
        if twice:
            raise DataError(f"{path}: found two columns named {twice[0]!r}, expected each name once; rename one")
        names = {"src": self.src, "tgt": self.tgt}
        found: dict[str, str] = {}
        for side, column in names.items():
            name = pick(column, pair, table.column_names.__contains__, where=f"column {column!r}")
            if name is None:
                raise DataError(
                    f"{path}: found the columns {', '.join(table.column_names)}, expected {column!r}; name it with {side}"
                )
            found[side] = name
        if found["src"] == found["tgt"]:
            raise DataError(f"{path}: src and tgt are both {found['src']!r}; name two columns")
        columns = {side: _text(table[name], name, path, first_row) for side, name in found.items()}
        if self.id in table.column_names:
            columns["id"] = table[self.id]
        used = {*found.values(), self.id}
        for name in table.column_names:
            if name not in used:
                known = name.startswith("score.") or name in ("doc", "src_spans", "tgt_spans")
                kept = name if name not in columns and name != "id" else f"{name}#2"
                columns[kept] = _cast(table[name], column_type(name), name, path) if known else table[name]
        return pa.table(columns)


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


def _batches(file: Any, path: Path) -> Iterator[pa.RecordBatch]:
    with _told(path):
        if isinstance(file, pq.ParquetFile):
            yield from file.iter_batches(CHUNK)
        elif isinstance(file, pa.ipc.RecordBatchFileReader):
            yield from (file.get_batch(k) for k in range(file.num_record_batches))
        else:
            yield from file


def _text(column: pa.ChunkedArray, name: str, path: Path, first_row: int) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise DataError(f"{path}: column {name!r} is {kind}, expected text; name another column")
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
