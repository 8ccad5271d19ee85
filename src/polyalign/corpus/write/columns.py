"""Parquet and Arrow files, which keep every column's type and the languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core.files import open_output
from polyalign.corpus.write.cells import CHUNK, Pairs, Runs, compact
from polyalign.corpus.write.shards import Shards, new_folder


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file with every column of the bitext, its types and its languages; or a folder of several.

    Args:
        compression: How the columns are packed inside the file.
        rows_per_shard: How many pairs each file of a folder has, the last one fewer (``PATH/part-00000-of-00012.parquet``,
            the folder there only when all are); 0 writes one file.

    Raises:
        ValueError: A negative number of rows.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
        >>> from polyalign.core.bitext import Bitext
        >>> Parquet().write(Bitext.build(["Haus"], ["house"]), path)
        >>> pq.read_table(path).column_names
        ['id', 'src', 'tgt']
    """

    suffix: ClassVar[str] = ".parquet"
    compression: Literal["none", "snappy", "gzip", "zstd"] = "zstd"
    rows_per_shard: int = 0

    def __post_init__(self) -> None:
        if self.rows_per_shard < 0:
            raise ValueError(f"rows_per_shard must not be negative, got {self.rows_per_shard}")

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file; ``-`` is standard output.

        Raises:
            DataError: It cannot be written, or a later run has a column that the first has not.
        """
        runs = Runs(pairs, path.name)
        if self.rows_per_shard:
            with new_folder(path, _is_shard) as folder:
                shards = Shards(folder, "part", self.rows_per_shard, self.compression)
                for part in runs.chunks(runs.schema.names, grouped=True):
                    shards.write(part)
                shards.close(runs.schema)
            return
        with open_output(path) as file, pq.ParquetWriter(file, runs.schema, compression=self.compression) as writer:
            for part in runs.chunks(runs.schema.names, grouped=True):
                writer.write_table(compact(part), row_group_size=CHUNK)


@dataclass(frozen=True, slots=True)
class Arrow:
    """An Arrow IPC file (Feather) with every column of the bitext, its types and its languages.

    Args:
        compression: How the columns are packed inside the file; ``none`` lets readers map it.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.arrow"
        >>> from polyalign.core.bitext import Bitext
        >>> Arrow().write(Bitext.build(["Haus"], ["house"]), path)
        >>> pa.ipc.open_file(path).read_all().column_names
        ['id', 'src', 'tgt']
    """

    suffix: ClassVar[str] = ".arrow"
    compression: Literal["none", "lz4", "zstd"] = "none"

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file; ``-`` is standard output.

        Raises:
            DataError: It cannot be written, or a later run has a column that the first has not.
        """
        runs = Runs(pairs, path.name)
        packing = None if self.compression == "none" else self.compression
        options = pa.ipc.IpcWriteOptions(compression=packing)
        with open_output(path) as file, pa.ipc.new_file(file, runs.schema, options=options) as writer:
            for part in runs.chunks(runs.schema.names, grouped=True):
                writer.write_table(compact(part))


def _is_shard(name: str) -> bool:
    return name.startswith("part-") and name.endswith(".parquet")
