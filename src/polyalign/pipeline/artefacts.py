"""The files that steps pass on.

* ``documents``: ``documents.parquet`` (doc, lang, text, source; `starts` after normalisation)
* ``sentences``: ``sentences.parquet`` (doc, lang, paragraph, start, end, text)
* ``bitext``: ``bitext.parquet``, and ``dropped.parquet`` after a selection
* ``links``: ``links.parquet`` with the ``bitext.parquet`` its rows belong to, which has `score.words`
* ``lexicon``: ``lexicon.parquet``
* ``score``: ``score.json``
* ``model``: ``model/``, a folder of transformers, or ``model.json``, which says where it is outside of the run
* ``tokenizer``: ``tokenizer/``, a folder of transformers
* ``vectors``: ``vectors/<language>/``, the vectors of its words
* ``maps``: ``maps/``, an intervention, with ``model.json``, which says into which model
* ``proof``: ``proof.json``
* ``file``: a file in a format of the user's choice

A table is written in row groups of 65,536 rows or 16 MB of text, whichever is less. A row group is what is worked on at a
time, so that memory does not depend on the size of a corpus.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64
from polyalign.core.links import Links
from polyalign.core.store import MANIFEST

#: What a row group holds at most, unless a single row is larger.
ROWS, BYTES = 1 << 16, 1 << 24
#: The folders of a model, a tokenizer and kin in a stored result, and the file that names a model elsewhere.
MODEL, TOKENIZER, MAPS, VECTORS, ELSEWHERE = "model", "tokenizer", "maps", "vectors", "model.json"


class Writer:
    """Writes a table that comes in runs of any size; the same rows give the same bytes however they come.

    Args:
        path: The Parquet file.
        schema: Of the table; by default that of the first run. Columns that a run lacks are null there.
    """

    def __init__(self, path: Path, schema: pa.Schema | None = None) -> None:
        self.path, self.schema = path, schema
        self.rows = 0
        self._waiting: list[pa.Table] = []
        self._room = [ROWS, BYTES]
        self._file: Any = None if schema is None else self._open(schema)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            if error[0] is None:
                self._flush()
            self._file.close()

    def write(self, table: pa.Table) -> None:
        """Write some rows."""
        if self.schema is None:
            self.schema = table.schema
            self._file = self._open(table.schema)
        elif table.schema != self.schema:
            table = pa.concat_tables([self.schema.empty_table(), table], promote_options="default")
            table = table.select(self.schema.names).cast(self.schema)
        self.rows += table.num_rows
        ends = np.cumsum(row_bytes(table))
        at = 0
        while at < table.num_rows:
            before = int(ends[at - 1]) if at else 0
            fits = min(int(np.searchsorted(ends, before + self._room[1], "right")) - at, self._room[0])
            if fits == 0 and self._waiting:
                self._flush()
                continue
            fits = max(fits, 1)
            self._waiting.append(table.slice(at, fits))
            at += fits
            self._room = [self._room[0] - fits, self._room[1] - (int(ends[at - 1]) - before)]
            if at < table.num_rows or self._room[0] <= 0:
                self._flush()

    def _open(self, schema: pa.Schema) -> Any:
        return pq.ParquetWriter(self.path, schema, compression="zstd")

    def _flush(self) -> None:
        if self._waiting:
            # In one piece, for the pages of a file end where its pieces do.
            self._file.write_table(pa.concat_tables(self._waiting).combine_chunks(), row_group_size=2 * ROWS)
        self._waiting, self._room = [], [ROWS, BYTES]


def row_bytes(table: pa.Table) -> I64:
    """Bytes of text in each row, shape (n,)."""
    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        if pa.types.is_large_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total


def write_table(table: pa.Table, path: Path) -> None:
    """Write a whole table."""
    with Writer(path) as writer:
        writer.write(table)


@dataclass(frozen=True, slots=True)
class Runs(Sequence[pa.Table]):
    """A stored table run by run, each read when it is asked for; one of no rows has one run of none.

    Args:
        path: The Parquet file.
        sizes: Rows of each run.
        columns: Which are read; all by default.
    """

    path: Path
    sizes: tuple[int, ...]
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, path: Path, rows: int | None = None, columns: tuple[str, ...] | None = None) -> Runs:
        """Of a file, or of its first rows."""
        metadata = pq.read_metadata(path)
        left = metadata.num_rows if rows is None else rows
        sizes: list[int] = []
        for number in range(metadata.num_row_groups):
            if left > 0:
                sizes.append(min(left, metadata.row_group(number).num_rows))
                left -= sizes[-1]
        return cls(path, tuple(sizes or [0]), columns)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def rows(self) -> int:
        """Of all runs together."""
        return sum(self.sizes)

    @overload
    def __getitem__(self, number: int) -> pa.Table: ...

    @overload
    def __getitem__(self, number: slice) -> list[pa.Table]: ...

    def __getitem__(self, number: int | slice) -> pa.Table | list[pa.Table]:
        """A run."""
        if isinstance(number, slice):
            return [self[k] for k in range(len(self))[number]]
        size = self.sizes[number]
        with pq.ParquetFile(self.path) as file:
            if not size:
                empty = file.schema_arrow.empty_table()
                return empty if self.columns is None else empty.select(list(self.columns))
            table = file.read_row_group(number, columns=None if self.columns is None else list(self.columns))
        return table if table.num_rows == size else table.slice(0, size)


def stored(folder: Path) -> Runs:
    """The documents, sentences or bitext of a stored result; of links, the corpus without what was joined to it."""
    path = next(p for name in ("bitext", "sentences", "documents") if (p := folder / f"{name}.parquet").exists())
    if not (folder / "links.parquet").exists():
        return Runs.of(path)
    return Runs.of(path, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["counts"]["corpus"])


@dataclass(frozen=True, slots=True)
class _Stored(Iterable[Bitext | pa.Table]):
    folder: Path

    def __iter__(self) -> Iterator[Bitext | pa.Table]:
        found = stored(self.folder)
        return (Bitext(run) if found.path.stem == "bitext" else run for run in found)


def runs(folder: Path) -> Iterable[Bitext | pa.Table]:
    """A stored result run by run, as often as it is asked for: bitexts, or tables of documents or sentences."""
    return _Stored(folder)


def read_bitext(folder: Path) -> Bitext:
    """The bitext of a stored result; of links, the corpus without what was joined to it."""
    return Bitext(pa.concat_tables(stored(folder)))


def read_links(folder: Path) -> tuple[Bitext, Links]:
    """The links of a stored result and the bitext they belong to."""
    return Bitext(pq.read_table(folder / "bitext.parquet")), Links.from_table(pq.read_table(folder / "links.parquet"))


def lexicon_lines(table: pa.Table) -> list[str]:
    """A lexicon as tab-separated lines, its column names first."""
    columns = [[f"{v:.6g}" if isinstance(v, float) else str(v) for v in c.to_pylist()] for c in table.columns]
    return ["\t".join(table.column_names), *("\t".join(row) for row in zip(*columns, strict=True))]


def count_by(table: pa.Table, column: str) -> dict[str, int]:
    """How many rows have each value of a column, most first."""
    counts = Counter(table[column].to_pylist())
    return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))
