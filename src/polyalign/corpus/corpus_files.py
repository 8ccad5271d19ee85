"""A corpus in files of any kind as runs of rows, as often as it is asked for; and rows kept on disk until all are there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_lines, suffixes, write_lines
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.formats import SUFFIXES, write_bitext
from polyalign.corpus.records import records
from polyalign.corpus.stream import stream_bitext

T = TypeVar("T")
#: Rows of a run, and characters of the texts of documents, at most.
ROWS, SIZE = 65_536, 1 << 23


@dataclass(frozen=True, slots=True)
class CorpusFiles:
    """The rows of some files, in runs: sentence pairs, or documents where a file has ``text`` instead of two sides.

    Documents are JSON lines or Parquet or Arrow with a field ``text``, or a ``.txt`` file with a text a line. Reading can
    begin anew any number of times. Of several files, ids begin with the file's name, and a column ``file`` holds it.

    Args:
        paths: The files.
        format: Of sentence pairs, where the names do not tell.
        pair: Source and target language tags.
        rows: How many rows a run has; the last of a file has fewer.

    Raises:
        DataError: Standard input, which cannot be read twice.
    """

    paths: tuple[str, ...]
    format: str | None = None
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN)
    rows: int = ROWS

    def __post_init__(self) -> None:
        if "-" in self.paths:
            raise DataError(
                "-: found standard input, expected files, as they are read more than once; write it to a file"
            )

    def __iter__(self) -> Iterator[Bitext | pa.Table]:
        rows = False
        for path in self.paths:
            for run in self.of(path):
                yield self._named(run, path) if len(self.paths) > 1 else run
                rows = True
        if not rows:  # one run without rows, for its columns
            texts = pa.table({"doc": pa.array([], pa.string()), "text": pa.array([], pa.large_string())})
            yield texts if is_documents(self.paths[0], self.format) else Bitext.build([], [], langs=self.pair)

    def of(self, path: str) -> Iterator[Bitext | pa.Table]:
        """The runs of one of the files."""
        if not is_documents(path, self.format):
            return stream_bitext(path, format=self.format, pair=self.pair, pairs=self.rows)
        return _documents(Path(path), self.rows)

    def _named(self, run: Bitext | pa.Table, path: str) -> Bitext | pa.Table:
        table = run.table if isinstance(run, Bitext) else run
        name = Path(path).name
        key = "id" if isinstance(run, Bitext) else "doc"
        ids = pc.binary_join_element_wise(pa.scalar(name), table[key].cast(pa.string()), ":")
        table = table.set_column(table.column_names.index(key), key, ids)
        if "file" in table.column_names:
            table = table.drop_columns(["file"])
        table = table.append_column("file", pa.array([name] * table.num_rows, pa.string()))
        return Bitext(table) if isinstance(run, Bitext) else table


def is_documents(path: str | Path, format: str | None = None) -> bool:
    """Whether a file holds documents rather than sentence pairs.

    Raises:
        DataError: The file cannot be read.
    """
    kind = format or SUFFIXES.get(suffixes(path)[0], suffixes(path)[0])
    if kind == ".txt":
        return True
    if kind == "jsonl":
        first = next((record for _, record in records(Path(path))), {})
        return "text" in first and "src" not in first
    if kind in ("parquet", "arrow"):
        names = _schema(Path(path)).names
        return "text" in names and "src" not in names
    return False


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Says of a table that cannot be read that it is damaged."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet or Arrow ({str(error).splitlines()[0]}); it is damaged or not what its name says"
        ) from None


def _schema(path: Path) -> pa.Schema:
    with _told(path):
        if suffixes(path)[0] == ".parquet":
            return pq.read_schema(str(path))
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).schema


def _documents(path: Path, rows: int) -> Iterator[pa.Table]:
    number = 0
    for table in _tables(path, rows):
        if "text" not in table.column_names or not _is_text(table["text"].type):
            raise DataError(f"{path} row {number}: found no text in the field 'text', expected it in every row")
        if "doc" not in table.column_names:
            names = pa.array([str(n) for n in range(number, number + table.num_rows)], pa.string())
            table = table.add_column(0, "doc", table["id"].cast(pa.string()) if "id" in table.column_names else names)
        number += table.num_rows
        yield table.set_column(table.column_names.index("text"), "text", table["text"].cast(pa.large_string()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _tables(path: Path, rows: int) -> Iterator[pa.Table]:
    suffix = suffixes(path)[0]
    if suffix == ".txt":
        for batch in _bounded(enumerate(read_lines(path)), rows, lambda item: len(item[1])):
            names, texts = zip(*batch, strict=True)
            yield pa.table({"doc": pa.array(map(str, names), pa.string()), "text": pa.array(texts, pa.large_string())})
    elif SUFFIXES[suffix] == "jsonl":
        # A text that is none is told of below.
        for group in _bounded((record for _, record in records(path)), rows, lambda r: len(str(r.get("text", "")))):
            keys = dict.fromkeys(key for record in group for key in record)
            try:
                yield pa.table({key: [record.get(key) for record in group] for key in keys})
            except pa.ArrowException as error:
                raise DataError(f"{path}: a field holds values of different kinds ({error}); write one kind") from None
    else:
        with _told(path):
            if suffix == ".parquet":
                yield from (pa.Table.from_batches([b]) for b in pq.ParquetFile(str(path)).iter_batches(rows))
            else:
                file = pa.ipc.open_file(pa.memory_map(str(path)))
                yield from (pa.Table.from_batches([file.get_batch(k)]) for k in range(file.num_record_batches))


def _bounded(items: Iterable[T], rows: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Runs of up to so many items, fewer where they are large."""
    group: list[T] = []
    total = 0
    for item in items:
        group.append(item)
        total += size(item)
        if len(group) == rows or total >= SIZE:
            yield group
            group, total = [], 0
    if group:
        yield group


class Spool:
    """Rows on disk until all are there; a block, after which they are gone.

    Args:
        folder: Where they are kept.
        name: What the names of its files begin with.
    """

    def __init__(self, folder: Path, name: str = "rows") -> None:
        self._folder, self._name = folder, name
        self._paths: list[Path] = []
        self._schema: pa.Schema | None = None
        self._writer: Any = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def add(self, table: pa.Table) -> None:
        """Take some rows; their columns may be other ones than before.

        Raises:
            DataError: The disk is full or the folder not writable.
        """
        try:
            if self._writer is None or table.schema != self._schema:
                self._close()
                self._paths.append(self._folder / f"{self._name}-{len(self._paths)}.arrow")
                self._schema = table.schema
                self._writer = pa.ipc.new_file(str(self._paths[-1]), table.schema)
            self._writer.write_table(table)
        except OSError as error:
            raise DataError(f"{self._folder}: cannot be written ({error}); free space and run it again") from None

    def table(self) -> pa.Table:
        """All rows, as a table that is on disk and not in memory.

        Raises:
            DataError: A column is of one type in some rows and of another in others.
        """
        self._close()
        parts = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in self._paths]
        try:
            return pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({})
        except pa.ArrowException as error:
            raise DataError(
                f"a column holds values of different kinds ({error}), expected one kind; convert it"
            ) from None


@contextmanager
def beside(out: str | Path) -> Iterator[Path]:
    """A folder beside an output, for what is too large for memory and may be for the system's own; gone after the block.

    Raises:
        DataError: The output's folder is missing or not writable.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=".rows-", dir=None if str(out) == "-" else Path(out).parent)
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror or error}); make its folder or choose another place"
        ) from None
    with folder as name:
        yield Path(name)


def write_rows(table: pa.Table, path: str | Path, *, format: str | None = None) -> None:
    """Write sentence pairs in any format, or documents as ``.jsonl``, ``.parquet``, ``.arrow`` or ``.txt``.

    Raises:
        ConfigError: The format is not known.
        DataError: The file cannot be written, or documents in a format that has no place for them.
    """
    if "text" not in table.column_names or "src" in table.column_names:
        write_bitext(Bitext(table), path, format=format)
        return
    kind = format or SUFFIXES.get(suffixes(path)[0], suffixes(path)[0])
    if kind == ".txt":
        write_lines(path, (" ".join(text.as_py().splitlines()) for text in table["text"]))
    elif kind == "jsonl":
        lines = (json.dumps(row, ensure_ascii=False) for part in table.to_batches(ROWS) for row in part.to_pylist())
        write_lines(path, lines)
    elif kind == "parquet":
        with open_output(path) as file, pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
            for part in table.to_batches(ROWS):
                writer.write_batch(part)
    elif kind == "arrow":
        with open_output(path) as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, ROWS)
    else:
        raise DataError(f"{path}: documents cannot be written so; name a file .jsonl, .parquet, .arrow or .txt")
