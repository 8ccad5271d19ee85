"""A table of equal batches mapped into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

#: Rows of a batch; every batch but the last has as many, so that a row's batch is known.
ROWS = 4096


class Table:
    """A table of equal batches mapped into memory; a row of it costs what the row is long."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        self.schema = self._file.schema
        batches = self._file.num_record_batches
        last = self._file.get_batch(batches - 1).num_rows if batches else 0
        self.rows = max(0, batches - 1) * ROWS + last
        self.batches = batches

    def batch(self, number: int) -> Any:
        """A batch: rows ``number * ROWS`` and on."""
        return self._file.get_batch(number)

    def slice(self, start: int, end: int) -> pa.Table:
        """Some rows in a row."""
        first, last = start // ROWS, max(start, end - 1) // ROWS
        found = [self._file.get_batch(k) for k in range(first, min(last + 1, self.batches))]
        return pa.Table.from_batches(found, self.schema).slice(start - first * ROWS, end - start)

    def take(self, rows: Sequence[int]) -> pa.Table:
        """Some rows, which rise."""
        at = np.asarray(rows, np.int64)
        numbers, first = np.unique(at // ROWS, return_index=True)
        parts = np.split(at % ROWS, first[1:])
        found = [self._file.get_batch(int(k)).take(pa.array(part)) for k, part in zip(numbers, parts, strict=True)]
        return pa.Table.from_batches(found, self.schema)

    def __iter__(self) -> Iterator[Any]:
        return (self._file.get_batch(k) for k in range(self.batches))


def store(tables: Iterable[pa.Table], path: Path, schema: pa.Schema) -> None:
    """Write tables as batches of `ROWS` rows that can be mapped into memory."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        waiting, held = [schema.empty_table()], 0
        for table in tables:
            waiting.append(table)
            held += table.num_rows
            if held >= ROWS:
                whole = pa.concat_tables(waiting)
                full = held - held % ROWS
                for at in range(0, full, ROWS):
                    file.write(whole.slice(at, ROWS).combine_chunks().to_batches()[0])
                waiting, held = [whole.slice(full)], held - full
        if held:
            file.write(pa.concat_tables(waiting).combine_chunks().to_batches()[0])
