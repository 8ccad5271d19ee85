"""Documents from a Parquet file, as other readers and programs leave them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.documents.texts import REJECTS
from polyalign.corpus.paths import locate


@dataclass(frozen=True, slots=True)
class Parquet:
    """Documents from a Parquet file with the columns doc and text; others are kept.

    Without a column lang their language is unknown, without a column source they are from the file.

    Args:
        path: The file.

    Complexity:
        O(bytes) time; memory for the texts only.

    Example:
        >>> import tempfile
        >>> from polyalign.core.document import DOCUMENTS
        >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
        >>> row = {"doc": "a", "lang": "deu_Latn", "text": "Haus", "source": "a.de.txt"}
        >>> pq.write_table(pa.Table.from_pylist([row], schema=DOCUMENTS), path)
        >>> Parquet(str(path)).read(("deu_Latn",))["text"].to_pylist()
        ['Haus']
    """

    path: PathText

    def inputs(self, langs: tuple[str, ...]) -> list[Path]:
        """The file that `read` would read.

        Raises:
            DataError: It does not exist.
        """
        return [locate(self.path)]

    def read(self, langs: tuple[str, ...]) -> pa.Table:
        """Read the documents there are in those languages, in the file's order.

        Raises:
            DataError: As `runs`.
        """
        parts = [table for table, _ in self.runs(langs)]
        return pa.concat_tables(parts) if len(parts) > 1 else parts[0]

    def runs(self, langs: tuple[str, ...]) -> Iterator[tuple[pa.Table, pa.Table]]:
        """As `read`, one row group at a time, and no rejects.

        Raises:
            DataError: The file is no Parquet file, or lacks a column.
        """
        path = locate(self.path)
        try:
            with pq.ParquetFile(path) as file:
                if absent := [name for name in ("doc", "text") if name not in file.schema_arrow.names]:
                    raise DataError(
                        f"{path}: found the columns {', '.join(file.schema_arrow.names)}, expected also {', '.join(absent)}; "
                        "a table of documents has doc and text, and may have lang and source"
                    )
                wanted = pa.array(langs, pa.string())
                for number in range(max(file.num_row_groups, 1)):
                    table = file.read_row_group(number) if file.num_row_groups else file.schema_arrow.empty_table()
                    for name, value in (("lang", UNKNOWN), ("source", path.name)):
                        if name not in table.column_names:
                            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
                    yield table.filter(pc.is_in(table["lang"], wanted)) if langs else table, REJECTS.empty_table()
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]}); the file is damaged or cut off"
            ) from None
