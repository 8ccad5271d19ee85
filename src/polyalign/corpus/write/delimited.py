"""Tables of text: TSV and CSV, both with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.files import open_output
from polyalign.corpus.write.cells import BOM, LINE_RULES, Pairs, Replaced, Runs, as_text, put_lines


@dataclass(frozen=True, slots=True)
class Tsv:
    r"""A TSV file: a header, then a pair a line with every column of the bitext.

    A TAB, LF or CR inside a text becomes a space and NUL becomes U+FFFD; a note counts them. Quotes
    mean nothing. Null is an empty cell; spans are written with spaces between.

    Args:
        header: Whether the first line names the columns.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tsv"
        >>> from polyalign.core.bitext import Bitext
        >>> Tsv().write(Bitext.build(["Haus"], ["house"]), path)
        >>> path.read_text(encoding="utf-8")
        'id\tsrc\ttgt\n0\tHaus\thouse\n'
    """

    suffix: ClassVar[str] = ".tsv"
    header: bool = True

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written, or a later run has a column that the first has not.
        """
        runs = Runs(pairs, path.name)
        clean = Replaced([("[\t\n\r]", " "), LINE_RULES[1]], what="TAB, line end, NUL", where=path.name)
        with open_output(path) as file:
            if self.header:
                names = pa.chunked_array([pa.array(runs.schema.names, pa.large_string())])
                file.write(("\t".join(clean(names).to_pylist()) + "\n").encode("utf-8"))
            for number, part in enumerate(runs.chunks(runs.schema.names)):
                cells = [clean(as_text(part[name])).combine_chunks() for name in part.column_names]
                lines = pc.binary_join_element_wise(*cells, pa.scalar("\t", pa.large_string()))
                put_lines(file, lines, first=number == 0 and not self.header)
        clean.tell()


@dataclass(frozen=True, slots=True)
class Csv:
    """A CSV file as RFC 4180 has it: a header, cells quoted where they need it, CR LF at line ends.

    Texts are kept exactly, line ends included; only NUL becomes U+FFFD, and a note counts it. Null is
    an empty cell; spans are written with spaces between.

    Args:
        header: Whether the first row names the columns.
        delimiter: The character between cells, such as ``;`` or a TAB.

    Raises:
        ValueError: The delimiter is not one character.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.csv"
        >>> from polyalign.core.bitext import Bitext
        >>> Csv().write(Bitext.build(["Ja, ja."], ["Yes."]), path)
        >>> path.read_text(encoding="utf-8").splitlines()
        ['id,src,tgt', '0,"Ja, ja.",Yes.']
    """

    suffix: ClassVar[str] = ".csv"
    header: bool = True
    delimiter: str = ","

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character and no quote or line end, not {self.delimiter!r}")

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written, or a later run has a column that the first has not.
        """
        runs = Runs(pairs, path.name)
        clean = Replaced([LINE_RULES[1]], what="NUL", where=path.name)
        with open_output(path) as file:
            if self.header:
                file.write(self._rows([runs.schema.names]).encode("utf-8"))
            for number, part in enumerate(runs.chunks(runs.schema.names)):
                columns = [clean(as_text(part[name])).to_pylist() for name in part.column_names]
                text = self._rows(zip(*columns, strict=True))
                extra = BOM if number == 0 and not self.header and text.startswith(BOM) else ""
                file.write((extra + text).encode("utf-8"))
        clean.tell()

    def _rows(self, rows: Iterable[Sequence[str]]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator="\r\n").writerows(rows)
        return buffer.getvalue()
