"""Parquet and Arrow files, which keep every column's type and the languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.files import open_output
from polyalign.corpus.write.cells import CHUNK, chunks


@dataclass(frozen=True, slots=True)
class Parquet:
    """A Parquet file with every column of the bitext, its types and its languages.

    Args:
        compression: How the columns are packed inside the file.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
        >>> Parquet().write(Bitext.build(["Haus"], ["house"]), path)
        >>> pq.read_table(path).column_names
        ['id', 'src', 'tgt']
    """

    suffix: ClassVar[str] = ".parquet"
    compression: Literal["none", "snappy", "gzip", "zstd"] = "zstd"

    def write(self, bitext: Bitext, path: Path) -> None:
        """Write the pairs to a file; ``-`` is standard output.

        Raises:
            DataError: It cannot be written.
        """
        schema = bitext.table.schema
        with open_output(path) as file, pq.ParquetWriter(file, schema, compression=self.compression) as writer:
            for part in chunks(bitext, path.name):
                writer.write_table(part, row_group_size=CHUNK)


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
        >>> Arrow().write(Bitext.build(["Haus"], ["house"]), path)
        >>> pa.ipc.open_file(path).read_all().column_names
        ['id', 'src', 'tgt']
    """

    suffix: ClassVar[str] = ".arrow"
    compression: Literal["none", "lz4", "zstd"] = "none"

    def write(self, bitext: Bitext, path: Path) -> None:
        """Write the pairs to a file; ``-`` is standard output.

        Raises:
            DataError: It cannot be written.
        """
        packing = None if self.compression == "none" else self.compression
        options = pa.ipc.IpcWriteOptions(compression=packing)
        with open_output(path) as file, pa.ipc.new_file(file, bitext.table.schema, options=options) as writer:
            for part in chunks(bitext, path.name):
                writer.write_table(part)
