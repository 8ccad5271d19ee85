"""What every format gives: texts in blocks with named places, or what could not be read and why."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

import pyarrow as pa

from polyalign.core.document import DOCUMENTS

#: Named places in a text: where each starts, in code points, rising.
MARKS = pa.list_(pa.struct([("start", pa.int32()), ("name", pa.string())]))
#: Documents as the readers of files give them.
MARKED_DOCUMENTS = pa.schema([*DOCUMENTS, ("title", pa.string()), ("marks", MARKS)])
#: What could not be read: the file, where in it, and why.
REJECTS = pa.schema([("source", pa.string()), ("at", pa.string()), ("reason", pa.string())])
#: Between two blocks of a text.
BLANK = "\n\n"
_WHITE = " \t\r\f"
_SPACE = re.compile("[ \t\n\r\f]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    r"""One text of a file.

    Args:
        text: Blocks (paragraphs, headings, list items, cells, cues) with an empty line between; a line break
            inside a block is one ``\n``.
        marks: Named places, each its start in code points of `text` and its name, starts rising.
        lang: The language that the file declares, in any spelling; empty if none.
        title: The title that the file declares.
        part: Which of the file's documents it is, where a file holds several; empty where it is the file.
        address: Where the text is from, if not from the file: a URL, which names the document as well.
    """

    text: str
    marks: tuple[tuple[int, str], ...] = ()
    lang: str = ""
    title: str = ""
    part: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A part of a file that could not be read, where the rest could.

    Args:
        at: Which part, such as a record's number or address.
        reason: What was found and what was expected.
    """

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person should be told about how a file was read.

    Args:
        message: What was left out or replaced, and how much of it.
    """

    message: str


#: What a format finds in a file.
Item = Text | Reject | Remark


class Blocks:
    r"""A text as it is put together: add words and marks, end a block, take text and marks.

    A mark in a block that turns out to be empty is carried on to the next block; behind the last block it is at the
    text's end.

    Example:
        >>> blocks = Blocks()
        >>> blocks.mark("#a"); blocks.flow(" One\n two "); blocks.end(); blocks.mark("#b"); blocks.end()
        >>> blocks.flow("Three"); blocks.end()
        >>> blocks.taken()
        ('One two\n\nThree', ((0, '#a'), (9, '#b')))
    """

    def __init__(self) -> None:
        self._done: list[str] = []
        self._length = 0  # of all blocks that are done, with an empty line behind each
        self._marks: list[tuple[int, str]] = []
        self._parts: list[str] = []
        self._size = 0  # of the block under way
        self._pending: list[tuple[int, str]] = []  # its marks, by offset in it

    def mark(self, name: str) -> None:
        """Name the place that the text has come to."""
        self._pending.append((self._size, name))

    def add(self, text: str) -> None:
        """Add text as it is; a line break is one."""
        if text:
            self._parts.append(text)
            self._size += len(text)

    def flow(self, text: str) -> None:
        """Add running text, whose white space of any length is one space and none after another."""
        text = _SPACE.sub(" ", text)
        if text.startswith(" ") and (not self._parts or self._parts[-1][-1] in " \n\t"):
            text = text[1:]
        self.add(text)

    def line(self) -> None:
        """Break the line inside the block."""
        self.add("\n")

    def end(self) -> None:
        """End the block; one without text is none."""
        raw = "".join(self._parts)
        # An empty line would end the block, so lines that are left empty go; a first indentation is none.
        starts: list[int] = []
        lines: list[str] = []
        moved: list[int] = []
        at = size = 0
        for line in raw.split("\n") if raw else ():
            kept = line.rstrip(_WHITE) if lines else line.strip(_WHITE)
            if kept:
                starts.append(at if lines else at + len(line) - len(line.lstrip(_WHITE)))
                moved.append(size)
                lines.append(kept)
                size += len(kept) + 1
            at += len(line) + 1
        if lines:
            for place, name in self._pending:
                i = bisect_right(starts, place) - 1
                inside = moved[i] + min(place - starts[i], len(lines[i])) if i >= 0 else 0
                self._marks.append((self._length + inside, name))
            self._done.append("\n".join(lines))
            self._length += size - 1 + len(BLANK)
            self._pending = []
        else:
            self._pending = [(0, name) for _, name in self._pending]
        self._parts, self._size = [], 0

    def block(self, text: str, *marks: str) -> None:
        """A whole block at once, its marks at its start."""
        self.end()
        for name in marks:
            self.mark(name)
        self.add(text)
        self.end()

    def taken(self) -> tuple[str, tuple[tuple[int, str], ...]]:
        """The text and its marks."""
        self.end()
        text = BLANK.join(self._done)
        places = [(at, name) for at, name in self._marks] + [(len(text), name) for _, name in self._pending]
        return valid(text), tuple((at, valid(name)) for at, name in places)


def valid(text: str) -> str:
    """A text that is as long and has no lone surrogates: some formats can write one, UTF-8 and so Arrow cannot."""
    return _SURROGATE.sub("\ufffd", text)
