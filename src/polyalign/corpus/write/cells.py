"""What every writer needs: a bitext's columns as text, made fit for the format and never silently."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.progress import note, track

#: Rows written at a time; also the rows of a Parquet row group.
CHUNK = 65_536
BOM = "\ufeff"


def chunks(bitext: Bitext, where: str) -> Iterator[pa.Table]:
    """The rows some at a time, with progress."""
    with track(f"writing {where}", total=len(bitext), unit="pairs") as progress:
        for start in range(0, len(bitext), CHUNK):
            part = bitext.table.slice(start, CHUNK)
            yield part
            progress.advance(part.num_rows)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as text without nulls: scores in their shortest form, lists with spaces between."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        rows = [" ".join(map(str, row)) if row is not None else "" for row in column.to_pylist()]
        return pa.chunked_array([pa.array(rows, pa.large_string())])
    try:
        return pc.fill_null(pc.cast(column, pa.large_string()), "")
    except pa.ArrowNotImplementedError:  # a nested column of someone else's
        rows = [
            "" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(rows, pa.large_string())])


class Replaced:
    """Characters that a format cannot hold, replaced and counted; `tell` says how many.

    Args:
        rules: Pairs of a pattern (RE2) and what its matches become.
        what: The characters in words.
        where: The file, for the note.
    """

    def __init__(self, rules: Iterable[tuple[str, str]], *, what: str, where: str) -> None:
        self.rules, self.what, self.where, self.count = tuple(rules), what, where, 0

    def __call__(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column without them."""
        for pattern, replacement in self.rules:
            found = pc.sum(pc.count_substring_regex(column, pattern=pattern)).as_py() or 0
            if found:
                self.count += found
                column = pc.replace_substring_regex(column, pattern=pattern, replacement=replacement)
        return column

    def tell(self) -> None:
        """Note how many there were, if any."""
        if self.count:
            note(f"{self.where}: {self.count} characters that the format cannot hold ({self.what}) were replaced")


#: For formats of lines: a space for what would end the line, U+FFFD for what text never holds.
LINE_RULES = (("[\n\r]", " "), ("\\x00", "\ufffd"))


def words(part: pa.Table, side: Side) -> pa.ChunkedArray:
    """The side's words joined by single spaces; its text as it is where it was not tokenised.

    Raises:
        DataError: A word holds a space.
    """
    if f"{side}_spans" not in part.column_names:
        return as_text(part[side])
    bitext = Bitext(part)
    lines: list[str] = []
    for name, tokens in zip(bitext.column("id"), bitext.tokens(side), strict=True):
        line = " ".join(tokens)
        if line.count(" ") != max(0, len(tokens) - 1):
            word = next(t for t in tokens if " " in t)
            raise DataError(
                f"bitext row {name}: found the {side} word {word!r}, expected words without spaces, for spaces separate "
                "words in this format; write tsv, jsonl or parquet, or tokenise otherwise"
            )
        lines.append(line)
    return pa.chunked_array([pa.array(lines, pa.large_string())])


def put_lines(file: BinaryIO, lines: pa.ChunkedArray, *, first: bool) -> None:
    """Write a column as lines; a text that begins with U+FEFF gets a BOM before it, lest it be taken for one."""
    texts = lines.to_pylist()
    if not texts:
        return
    if first and texts[0].startswith(BOM):
        texts[0] = BOM + texts[0]
    file.write(("\n".join(texts) + "\n").encode("utf-8"))


def tell_left_out(bitext: Bitext, kept: Collection[str], where: str) -> None:
    """Note the columns that the format has no place for."""
    names = [name for name in bitext.table.column_names if name not in kept]
    numbers = pc.cast(pa.array(range(len(bitext)), pa.int64()), pa.string())
    if "id" in names and pc.all(pc.equal(bitext.table["id"], numbers)).as_py() is not False:
        names.remove("id")
    if names:
        note(f"{where}: the format has no place for {', '.join(names)}; left out")
