"""Tables of text: TSV, where every character but TAB and line end is itself, and CSV with its quotes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from polyalign.core.errors import DataError
from polyalign.core.progress import note
from polyalign.corpus.paths import expand, locate, spellings
from polyalign.corpus.rejects import MAX_LINE, STRICT, Rejected, Rejects, as_json, numbered_lines
from polyalign.corpus.rows import Columns, FileReader, Source, batches, parsed

Header = Literal["auto", "yes", "no"]
#: The parameter of each column whose name is another.
_PARAMETER = {"links": "links_column"}
Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Tsv(FileReader):
    r"""Sentence pairs from a TSV file: a pair a line, columns between TABs, quotes mean nothing.

    Which columns are source and target is given by name or by number from 0. By default they are
    those headed ``src`` and ``tgt``, ``source`` and ``target`` or by the languages' tags, and in a file
    of two columns without such a header the first and the second. Every other column is kept under
    its heading, or its number where there is none: ``score.*`` as numbers, ``src_spans`` and
    ``tgt_spans`` as lists, the rest as text. Lines with nothing on them hold no pair; a note counts them.

    **Differs:** from most readers in that only LF and CR LF end a line and no quote is special, so no
    character inside a sentence can shift the rows behind it.

    Args:
        src: Source column, by heading or number from 0; empty finds it.
        tgt: Target column, likewise.
        id: Column of row ids; empty is the one headed ``id``, or row numbers if there is none.
        links_column: Column of gold links in Pharaoh format, kept as ``links``; empty is the one headed so.
        header: Whether the first line holds headings; ``auto`` looks for those of the two columns.

    Complexity:
        O(bytes) time; memory for the bitext only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.tsv"
        >>> _ = path.write_text('Er sagt "ja".\tHe says "yes".\n', encoding="utf-8")
        >>> Tsv(str(path)).read(("deu_Latn", "eng_Latn")).tgt
        ['He says "yes".']
    """

    src: str = ""
    tgt: str = ""
    id: str = ""
    links_column: str = ""
    header: Header = "auto"

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file cannot be read, a column is not there, or a line has another number of them.
        """
        path = locate(self.path, pair)
        wanted = {"src": self.src, "tgt": self.tgt, "id": self.id, "links": self.links_column}
        return Source(
            _chunks(self.rows(path, rejects), wanted, self.header, pair, _Sink(str(path), rejects, "\t".join)),
            pair,
            str(path),
        )

    def rows(self, path: Path, rejects: Rejects) -> Rows:
        """The lines' cells, each with the number of its line; of an empty line none."""
        return ((number, line.split("\t") if line else []) for number, line in numbered_lines(path, rejects))


@dataclass(frozen=True, slots=True)
class Csv(FileReader):
    r"""Sentence pairs from a CSV file: a pair a row, cells quoted where they need it.

    Columns are found and kept as by ``corpus.bitext/tsv``. A quoted cell may hold the delimiter, line
    ends and, doubled, quotes.

    Args:
        src: Source column, by heading or number from 0; empty finds it.
        tgt: Target column, likewise.
        id: Column of row ids; empty is the one headed ``id``, or row numbers if there is none.
        links_column: Column of gold links in Pharaoh format, kept as ``links``; empty is the one headed so.
        header: Whether the first row holds headings; ``auto`` looks for those of the two columns.
        delimiter: The character between cells, such as ``;`` or a TAB.

    Raises:
        ValueError: The delimiter is not one character.

    Complexity:
        O(bytes) time; memory for the bitext only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.csv"
        >>> _ = path.write_text('src,tgt\n"Ja, ""ja"".",Yes.\n', encoding="utf-8")
        >>> Csv(str(path)).read().src
        ['Ja, "ja".']
    """

    src: str = ""
    tgt: str = ""
    id: str = ""
    links_column: str = ""
    header: Header = "auto"
    delimiter: str = ","

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character and no quote or line end, not {self.delimiter!r}")

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file cannot be read, a quote is never closed, a column is not there, or a row has
                another number of them.
        """
        path = locate(self.path, pair)
        wanted = {"src": self.src, "tgt": self.tgt, "id": self.id, "links": self.links_column}
        return Source(
            _chunks(self.rows(path, rejects), wanted, self.header, pair, _Sink(str(path), rejects, as_json)),
            pair,
            str(path),
        )

    def rows(self, path: Path, rejects: Rejects) -> Rows:
        """The rows' cells, each with the number of the line it ends on; of an empty line none."""
        return _csv_rows(path, self.delimiter, rejects)


@dataclass(frozen=True, slots=True)
class _Sink:
    """The file, for messages; where its broken rows go; how a row becomes text there."""

    where: str
    rejects: Rejects
    text: Callable[[Sequence[str]], str]


def _csv_rows(path: Path, delimiter: str, rejects: Rejects) -> Rows:
    # The module's own limit of 128 KiB a cell would refuse long documents.
    limit = csv.field_size_limit(MAX_LINE)
    record = _Record(numbered_lines(path, rejects, ends=True))
    reader = csv.reader(record, delimiter=delimiter, strict=True)
    try:
        while True:
            record.lines.clear()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                reason = (
                    f"found broken CSV ({error}), expected cells between {delimiter!r}, with "
                    "quotes doubled and line ends only inside quotes; if quotes are plain characters, read it as tsv"
                )
                rejects.broken(Rejected(str(path), f"line {record.number}", reason, "".join(record.lines)))
                continue
            yield record.number, row
    finally:
        csv.field_size_limit(limit)


class _Record:
    """A file's lines, of which those since the last row are remembered."""

    def __init__(self, numbered: Iterator[tuple[int, str]]) -> None:
        self.number = 0
        self.lines: list[str] = []
        self._numbered = numbered

    def __iter__(self) -> _Record:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._numbered)
        self.lines.append(line)
        return line


def _chunks(
    rows: Rows, wanted: Mapping[str, str], header: Header, pair: tuple[str, str], sink: _Sink
) -> Iterator[Columns]:
    """The table's columns under the names a bitext gives them, some rows at a time."""
    first = next(((number, row) for number, row in rows if row), None)
    if first is None:
        return
    names, is_header = _headings(first[1], wanted, header, pair, sink.where)
    body = rows if is_header else chain([first], rows)
    for batch in batches(_checked(body, names, first[0], sink)):
        numbers, cells = zip(*batch, strict=True)
        columns = dict(zip(names, zip(*cells, strict=True), strict=True))
        yield parsed(columns, sink.where, numbers, sink.rejects, partial(_at, sink.text, cells))


def _at(text: Callable[[Sequence[str]], str], rows: Sequence[Sequence[str]], index: int) -> str:
    return text(rows[index])


def _checked(rows: Rows, names: Sequence[str], first_line: int, sink: _Sink) -> Rows:
    """The rows as wide as the first, each with its number among all that hold something."""
    blank, count, width = 0, 0, len(names)
    for line, row in rows:
        count += bool(row)
        if len(row) == width:
            yield count, row
        elif row:
            reason = (
                f"found {len(row)} columns, expected {width} as in line {first_line}; "
                "a TAB, delimiter or quote inside a text is the usual cause"
            )
            sink.rejects.broken(Rejected(sink.where, f"line {line}", reason, sink.text(row)))
        else:
            blank += 1
    if blank:
        note(f"{sink.where}: {blank} empty lines hold no pair and were left out")


def _headings(
    row: Sequence[str], wanted: Mapping[str, str], header: Header, pair: tuple[str, str], where: str
) -> tuple[list[str], bool]:
    """The name of every column, and whether the first row is a header."""
    headings = [cell.strip().casefold() for cell in row]
    usual = {
        "src": ["src", "source", *spellings(pair[0])],
        "tgt": ["tgt", "target", *spellings(pair[1])],
        "id": ["id"],
        "links": ["links"],
    }
    asked = {k: expand(v, pair, where=f"column {v!r}") if v else usual[k] for k, v in wanted.items()}
    by_name = {
        k: next((headings.index(n.casefold()) for n in names if n.casefold() in headings), None)
        for k, names in asked.items()
    }
    sides = [k for k in ("src", "tgt") if not wanted[k].isdecimal()]
    is_header = header == "yes" or (header == "auto" and bool(sides) and all(by_name[k] is not None for k in sides))
    at: dict[str, int] = {}
    for number, (key, column) in enumerate(wanted.items()):
        place = by_name[key] if is_header else None
        if place is None and column.isdecimal() and int(column) < len(row):
            place = int(column)
        if place is None and not column and not is_header and len(row) == 2 and number < 2:
            place = number
        # A column taken already is no id by its heading alone: "id" is Indonesian as well.
        if place is not None and (column or place not in at.values()):
            at[key] = place
        elif column or key in ("src", "tgt"):
            what = f"a column {column!r}" if column else f"a column for {key}"
            shown = ", ".join(f"{i}: {cell[:30]!r}" for i, cell in enumerate(row))
            raise DataError(
                f"{where}: expected {what}, found {len(row)} columns whose first line is {shown}; "
                f"name it with {_PARAMETER.get(key, key)}, by its heading or its number from 0"
            )
    if len(set(at.values())) < len(at):
        raise DataError(f"{where}: one column is asked for twice ({at}); src, tgt, id and links need one each")
    return _names(row if is_header else [""] * len(row), at), is_header


def _names(headings: Sequence[str], at: Mapping[str, int]) -> list[str]:
    chosen = {place: key for key, place in at.items()}
    names: list[str] = []
    taken = set(at)
    for place, heading in enumerate(headings):
        name = chosen.get(place) or heading.strip() or str(place)
        if place not in chosen:
            while name in taken:
                name += "#2"
            taken.add(name)
        names.append(name)
    return names
