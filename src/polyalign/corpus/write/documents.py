"""Documents of one or many languages as a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.corpus.corpus_files import write_rows


@dataclass(frozen=True, slots=True)
class Documents:
    """A file of documents, with every column; what was done to a corpus of one or many languages is written so.

    Args:
        format: jsonl, an object a document; parquet or arrow, which keep the columns' types; txt, a text a line and no more.

    Complexity:
        O(bytes) time and memory.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.jsonl"
        >>> Documents().write(pa.table({"doc": ["a"], "lang": ["roh_Latn"], "text": ["Chasa"]}), path)
        >>> path.read_text(encoding="utf-8").strip()
        '{"doc": "a", "lang": "roh_Latn", "text": "Chasa"}'
    """

    format: Literal["jsonl", "parquet", "arrow", "txt"] = "jsonl"

    @property
    def suffix(self) -> str:
        """How the file's name ends."""
        return f".{self.format}"

    def write(self, rows: Bitext | pa.Table | Iterable[Bitext | pa.Table], path: Path) -> None:
        """Write a table, or runs of one.

        Raises:
            DataError: It cannot be written.
        """
        runs = [rows] if isinstance(rows, (Bitext, pa.Table)) else rows
        tables = [run.table if isinstance(run, Bitext) else run for run in runs]
        write_rows(pa.concat_tables(tables, promote_options="default"), path, format=self.format)
