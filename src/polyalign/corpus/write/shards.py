"""A folder of Parquet files, there under its name only when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core.errors import DataError
from polyalign.corpus.write.cells import CHUNK, compact


@contextmanager
def new_folder(path: Path, replaces: Callable[[str], bool]) -> Iterator[Path]:
    """A folder to write into that gets its name when everything inside succeeded; otherwise nothing is left.

    Args:
        path: The folder's name.
        replaces: Whether a file of this name (as a path inside the folder) may be replaced, where the folder is there
            already.

    Raises:
        DataError: It is standard output or a file, the folder has other files, or it cannot be written.
    """
    if str(path) == "-":
        raise DataError("-: this format is a folder of files, expected a path; write tsv or jsonl to standard output")
    if path.exists() and not path.is_dir():
        raise DataError(f"{path}: found a file, expected a new folder; choose another name or remove it")
    there = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir()) if path.is_dir() else []
    strange = [name for name in there if not replaces(name)]
    if strange:
        raise DataError(
            f"{path}: found {', '.join(strange[:3])} in the folder, which writing would remove, expected a new or empty "
            "folder or one that was written like this before; choose another"
        )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        part.mkdir()
        yield part
        for file in sorted(part.rglob("*")):
            if file.is_file():
                with open(file, "rb+") as raw:
                    os.fsync(raw.fileno())
        if path.is_dir():
            os.replace(path, old)
        os.replace(part, path)
    except OSError as error:
        if old.exists() and not path.exists():
            os.replace(old, path)
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another place, nothing was left behind"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


class Shards:
    """Parquet files of so many rows each, named by their number and how many there are.

    Args:
        folder: Where they go; it must be one that nobody looks into yet.
        stem: What their names start with.
        rows: Rows a file.
        compression: How columns are packed.
    """

    def __init__(self, folder: Path, stem: str, rows: int, compression: str) -> None:
        self.folder, self.stem, self.rows, self.compression = folder, stem, rows, compression
        self.total = 0
        self.count = 0
        self.bytes = 0
        self._room = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        while table.num_rows:
            writer = self._writer or self._open(table.schema)
            piece = compact(table.slice(0, self._room))
            writer.write_table(piece, row_group_size=CHUNK)
            self.total += piece.num_rows
            self.bytes += piece.nbytes
            self._room -= piece.num_rows
            table = table.slice(piece.num_rows)
            if self._room == 0:
                self._end()

    def close(self, schema: pa.Schema) -> list[str]:
        """End the last file and give all their names; where there was no row, one file with its columns."""
        if self.count == 0:
            self._open(schema)
        self._end()
        names = [f"{self.stem}-{k:05d}-of-{self.count:05d}.parquet" for k in range(self.count)]
        for number, name in enumerate(names):
            os.replace(self.folder / f"{self.stem}-{number:05d}", self.folder / name)
        return names

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        path = self.folder / f"{self.stem}-{self.count:05d}"
        self._writer = pq.ParquetWriter(path, schema, compression=self.compression)
        self._room = self.rows
        self.count += 1
        return self._writer

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
