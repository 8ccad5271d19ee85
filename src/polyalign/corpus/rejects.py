"""Records that cannot be used: an error at once, or put aside with the place and the reason."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.errors import DataError
from polyalign.core.files import decode, open_binary, open_output

#: A longer line is no sentence pair, and reading it whole is how a small packed file fills the memory.
MAX_LINE = 1 << 26
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that did not become a pair.

    Args:
        source: The file.
        at: Where in it, such as ``line 7``.
        reason: What was found and what was expected.
        record: The record as text, as far as it could be read.

    Example:
        >>> str(Rejected("x.tsv", "line 7", "found 1 column, expected 2", "Haus").error())
        'x.tsv line 7: found 1 column, expected 2'
    """

    source: str
    at: str
    reason: str
    record: str = ""

    def error(self) -> DataError:
        """What is raised where nobody takes the record."""
        return DataError(f"{self.source} {self.at}: {self.reason}")

    @classmethod
    def of(cls, error: DataError, source: object, at: str, record: str = "") -> Rejected:
        """The record that an error is about; its place is not said twice."""
        return cls(
            str(source), at, str(error).removeprefix(f"{source} {at}: ").removeprefix(f"{source} {at}, "), record
        )


@dataclass(frozen=True, slots=True)
class Rejects:
    """Where records go that do not become pairs.

    Args:
        put: Takes each of them; None makes what is broken an error, and what is merely left out goes nowhere but
            into the reader's note.

    Example:
        >>> found = []
        >>> Rejects(found.append).broken(Rejected("x.tsv", "line 7", "found 1 column, expected 2"))
        >>> found[0].at
        'line 7'
    """

    put: Callable[[Rejected], None] | None = None

    def broken(self, rejected: Rejected) -> None:
        """Take a record that cannot be read.

        Raises:
            DataError: Nobody takes it.
        """
        if self.put is None:
            raise rejected.error()
        self.put(rejected)

    def left_out(self, rejected: Rejected) -> None:
        """Take a record that is sound but no pair, such as a unit without a translation."""
        if self.put is not None:
            self.put(rejected)

    @property
    def taken(self) -> bool:
        """Whether anybody takes them; where not, a record need not be put into words."""
        return self.put is not None


#: Broken records are errors.
STRICT = Rejects()


class RejectsFile:
    """Rejected records as JSON lines: source, at, reason, record; made by `rejects_file`."""

    def __init__(self, file: BinaryIO) -> None:
        self.count = 0
        self._file = file

    def __call__(self, rejected: Rejected) -> None:
        """Write one."""
        self.count += 1
        self._file.write((as_json(asdict(rejected)) + "\n").encode("utf-8"))


@contextmanager
def rejects_file(path: str | Path) -> Iterator[RejectsFile]:
    """A file for rejected records, there under its name only when reading went through to the end.

    Raises:
        DataError: It cannot be written.
    """
    with open_output(path) as file:
        yield RejectsFile(file)


def as_json(value: Any) -> str:
    """A value as JSON text that UTF-8 can hold, whatever is in it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def text_lines(path: str | Path, *, ends: bool = False) -> Iterator[str | Rejected]:
    """A text file's lines as `core.files.read_lines` gives them, but for those that are no text.

    Args:
        path: The file, ``-`` for standard input.
        ends: Whether the lines keep their ends.

    Returns:
        Each line: its text, or why it has none (not UTF-8, a NUL byte, more than 64 MiB).

    Raises:
        DataError: The file cannot be read.

    Complexity:
        O(bytes) time; memory for a MiB or the longest line, of which no more than 64 MiB are held.
    """
    number = 0
    with open_binary(path) as file:
        for block in _blocks(file):
            try:
                if isinstance(block, _TooLong) or b"\x00" in block:
                    raise ValueError
                text = block.decode("utf-8" if number else "utf-8-sig")
            except ValueError:
                for found in _one_by_one(block, path, number, ends=ends):
                    number += 1
                    yield found
                continue
            *lines, last = text.split("\n")
            number += len(lines) + bool(last)
            if ends:
                lines = [line + "\n" for line in lines]
            elif "\r" in text:
                lines, last = [line.removesuffix("\r") for line in lines], last.removesuffix("\r")
            yield from lines
            if block[-1:] != b"\n" and last:
                yield last


def line_arrays(path: str | Path) -> Iterator[tuple[pa.LargeStringArray, list[Rejected]]]:
    """A text file's lines as `text_lines` gives them, in arrays of about a MiB; where all are text, the interpreter meets none.

    Returns:
        Each array, null where a line is no text; and why it is none, in order.

    Raises:
        DataError: The file cannot be read.
    """
    number = 0
    with open_binary(path) as file:
        for block in _blocks(file):
            rejected: list[Rejected] = []
            lines = None if isinstance(block, _TooLong) else _lines(block, first=number == 0)
            if lines is None:
                found = list(_one_by_one(block, path, number, ends=False))
                rejected = [line for line in found if isinstance(line, Rejected)]
                lines = pa.array([line if isinstance(line, str) else None for line in found], pa.large_string())
            number += len(lines)
            yield lines, rejected


def _lines(block: bytes, *, first: bool) -> pa.LargeStringArray | None:
    """The lines of a block; None where one is no text."""
    if b"\x00" in block:
        return None
    raw = block.removeprefix(codecs.BOM_UTF8) if first else block
    try:
        lines = pc.split_pattern(pa.array([raw], pa.large_binary()), pattern=b"\n").values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return None
    # What comes after the last line's end is no line, and neither is a CR alone there.
    lines = lines.slice(0, len(lines) - 1) if raw[raw.rfind(b"\n") + 1 :] in (b"", b"\r") else lines
    return pc.replace_substring_regex(lines, pattern="\r\\z", replacement="") if b"\r" in raw else lines


def _one_by_one(block: bytes | _TooLong, path: str | Path, number: int, *, ends: bool) -> Iterator[str | Rejected]:
    """The lines of a block behind so many others, some of which may be no text."""
    if isinstance(block, _TooLong):
        yield block.rejected(path, number + 1)
    else:
        for at, raw in enumerate(block.removesuffix(b"\n").split(b"\n"), number + 1):
            yield _decoded(raw, path, at, ends)


def numbered_lines(path: str | Path, rejects: Rejects, *, ends: bool = False) -> Iterator[tuple[int, str]]:
    """The lines that are text, each with its number from 1; the others go to the rejects."""
    for number, line in enumerate(text_lines(path, ends=ends), 1):
        if isinstance(line, str):
            yield number, line
        else:
            rejects.broken(line)


def byte_lines(path: str | Path, rejects: Rejects) -> Iterator[tuple[int, bytes]]:
    """The lines as bytes without their ends, each with its number from 1; those too long go to the rejects."""
    number = 0
    with open_binary(path) as file:
        for block in _blocks(file):
            if isinstance(block, _TooLong):
                number += 1
                rejects.broken(block.rejected(path, number))
                continue
            for raw in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                yield number, raw.removesuffix(b"\r")


@dataclass(frozen=True, slots=True)
class _TooLong:
    start: bytes
    size: int

    def rejected(self, path: str | Path, number: int) -> Rejected:
        reason = (
            f"found a line of {self.size} bytes, expected at most {MAX_LINE}; a sentence pair is never that long: "
            "check that the file has the line ends of its format"
        )
        return Rejected(str(path), f"line {number}", reason, self.start.decode("utf-8", "backslashreplace"))


def _blocks(file: BinaryIO) -> Iterator[bytes | _TooLong]:
    """Whole lines, about a MiB at once; of a line that is too long only its start."""
    waiting: list[bytes] = []
    size = 0
    while data := file.read(_BLOCK):
        if size > MAX_LINE:
            line, end, data = data.partition(b"\n")
            size += len(line)
            if not end:
                continue
            yield _TooLong(waiting[0][:200], size)
            waiting, size = [], 0
        head, end, tail = data.rpartition(b"\n")
        if end:
            waiting.append(head + end)
            yield b"".join(waiting)
            waiting, size = [], 0
        if tail:
            waiting.append(tail)
            size += len(tail)
            if size > MAX_LINE:
                del waiting[1:]
    if size > MAX_LINE:
        yield _TooLong(waiting[0][:200], size)
    elif waiting:
        yield b"".join(waiting)


def _decoded(raw: bytes, path: str | Path, number: int, ends: bool) -> str | Rejected:
    try:
        text = decode(raw, path, number)
    except DataError as error:
        return Rejected.of(error, path, f"line {number}", raw.decode("utf-8", "backslashreplace"))
    return text + "\n" if ends else text.removesuffix("\r")
