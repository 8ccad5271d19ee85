"""JSON lines: one object a pair."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.files import open_output
from polyalign.corpus.write.cells import Pairs, Runs


@dataclass(frozen=True, slots=True)
class JsonLines:
    r"""A JSON lines file: one object a pair with every column of the bitext; what is null is left out.

    Args:
        ascii: Whether characters outside ASCII are written as escapes.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.jsonl"
        >>> from polyalign.core.bitext import Bitext
        >>> JsonLines().write(Bitext.build(["Tür"], ["door"]), path)
        >>> path.read_text(encoding="utf-8")
        '{"id": "0", "src": "Tür", "tgt": "door"}\n'
    """

    suffix: ClassVar[str] = ".jsonl"
    ascii: bool = False

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written.
        """
        encode = json.JSONEncoder(ensure_ascii=self.ascii, default=str).encode
        with open_output(path) as file:
            for part in Runs(pairs, path.name).chunks():
                rows = pa.table({name: _shortest(part[name]) for name in part.column_names}).to_pylist()
                lines = [encode({k: v for k, v in row.items() if v is not None}) for row in rows]
                file.write(("\n".join(lines) + "\n").encode("utf-8"))


def _shortest(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """float32 as the double with its shortest decimal form (0.1, not 0.10000000149); NaN, which JSON lacks, as null."""
    if column.type != pa.float32():
        return column
    values = pc.cast(pc.cast(column, pa.string()), pa.float64())
    return pc.if_else(pc.is_finite(values), values, None)
