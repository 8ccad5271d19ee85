"""Corrections: an append-only journal of what people changed, safe from kills and from each other.

A line is one change by one author of one item: a sentence pair or a document, named by its id and by a hash of what was
corrected, so that a correction is never laid over another text. An item's value is what its first change started from
with every change since applied; undoing is a change as well. A line is on disk before the page hears of it; one that a
kill left unfinished counts for nothing, and the next line begins behind it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from filelock import FileLock

from polyalign.core.errors import DataError, PolyalignError
from polyalign.view.changes import applied, together

Value = dict[str, Any]


class Item(NamedTuple):
    """What is corrected.

    Args:
        unit: The language pair.
        kind: ``pair`` or ``document``.
        id: The pair's id, or the document's name.
        of: A hash of its texts, as `fingerprint` makes it.
    """

    unit: str
    kind: str
    id: str
    of: str


class Conflict(PolyalignError):
    """A change of something that has changed meanwhile.

    Args:
        version: The item's version now.
    """

    def __init__(self, version: int) -> None:
        super().__init__("this was changed in another window meanwhile; it is shown as it is now, please do it again")
        self.version = version


@dataclass(frozen=True, slots=True)
class Corrected:
    """One author's correction of an item.

    Args:
        item: What.
        author: Whose.
        version: How many changes it has had, undone ones too.
        value: What it is now; None where every change was undone.
        undo: Whether there is a change to undo.
        redo: Whether there is an undone change to do again.
        time: When it was last changed, in seconds since 1970.
        row: Where the item stood in what was open.
    """

    item: Item
    author: str
    version: int
    value: Value | None
    undo: bool
    redo: bool
    time: float
    row: int


@dataclass(slots=True)
class _History:
    """The changes of one item by one author; `done` are those in force, `undone` those that can be done again."""

    start: Value
    row: int
    changes: list[Value] = field(default_factory=list)
    done: list[Value] = field(default_factory=list)
    undone: list[Value] = field(default_factory=list)
    time: float = 0.0
    _now: Value = field(default_factory=dict)

    def add(self, change: Value) -> None:
        match change["do"]:
            case "undo":
                self.undone.append(self.done.pop())
                self._now = self.start
                for again in self.done:
                    self._now = applied(self._now, again)
            case "redo":
                self._now = applied(self.latest, self.undone[-1])
                self.done.append(self.undone.pop())
            case _:
                self._now = applied(self.latest, change)
                self.done.append(change)
                self.undone.clear()
        self.changes.append(change)

    @property
    def latest(self) -> Value:
        """What the next change is made to."""
        return self._now if self.done else self.start

    @property
    def value(self) -> Value | None:
        """What it is now; None where nothing is in force."""
        return self._now if self.done else None


class Edits:
    """The corrections in a file, and in others that are only read.

    Args:
        path: The journal; made when first written to.
        others: Journals of other people, to compare with.

    Raises:
        DataError: One of the others is not there.
    """

    def __init__(self, path: Path, others: Sequence[Path] = ()) -> None:
        self.path = path
        self.damaged = 0
        self._histories: dict[tuple[Item, str], _History] = {}
        self._offset, self._lock = 0, Lock()
        for other in others:
            if not other.is_file():
                raise DataError(f"{other}: no such file, expected corrections to compare with; check the path")
            self._take(other.read_bytes())
        with self._lock:
            self._read()

    def of(self, item: Item, author: str) -> Corrected | None:
        """An author's correction of an item, None if there never was one."""
        with self._lock:
            self._read()
            history = self._histories.get((item, author))
            return None if history is None else _corrected(item, author, history)

    def all(self, *, unit: str = "", kind: str = "") -> list[Corrected]:
        """Every correction that is in force, in the order in which they were begun."""
        with self._lock:
            self._read()
            found = [
                _corrected(item, author, history)
                for (item, author), history in self._histories.items()
                if (not unit or item.unit == unit) and (not kind or item.kind == kind)
            ]
        return [c for c in found if c.value is not None]

    def marked(self, unit: str, kind: str, author: str) -> dict[int, str]:
        """Rows of the items that an author has marked, and with what."""
        return {
            c.row: m for c in self.all(unit=unit, kind=kind) if c.author == author and (m := (c.value or {})["mark"])
        }

    def add(self, item: Item, author: str, change: Value, *, version: int, start: Value, row: int) -> Corrected:
        """Append a change; on disk when this returns.

        Args:
            item: What is changed.
            author: Who changes it.
            change: What is done, as `changes.applied` knows it, or ``undo`` or ``redo``.
            version: The version that the author has seen; 0 for none.
            start: What is changed the first time.
            row: Where the item stands.

        Raises:
            Conflict: It has another version, and the change does not go together with what was done since.
            DataError: The change cannot be made, or the file cannot be written.
        """
        with self._lock, self._held():
            self._read()
            history = self._histories.get((item, author)) or _History(start, row)
            since = history.changes[version:]
            if version > len(history.changes) or (since and not together([*since, change])):
                raise Conflict(len(history.changes))
            if change["do"] in ("undo", "redo"):
                if not (history.done if change["do"] == "undo" else history.undone):
                    raise DataError(f"{item.kind} {item.id}: there is nothing to {change['do']}")
            else:
                applied(history.latest, change)
            event = {
                "time": round(time.time(), 3),
                "author": author,
                **item._asdict(),
                "row": row,
                "change": change,
                **({} if history.changes else {"start": start}),
            }
            self._append(json.dumps(event, ensure_ascii=False).encode())
            return _corrected(item, author, self._histories[item, author])

    def _held(self) -> FileLock:
        return FileLock(self.path.with_name(self.path.name + ".lock"))

    def _append(self, line: bytes) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                left = memoryview((b"\n" if torn else b"") + line + b"\n")
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DataError(
                f"{self.path}: the correction cannot be kept ({error.strerror}); free space, or choose another file with --corrections"
            ) from None
        self._read()

    def _read(self) -> None:
        """Take in what was written since, by whomever."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be read ({error.strerror}), expected a file of corrections; name another with --corrections"
            ) from None
        whole = new.rfind(b"\n") + 1
        self._offset += whole
        self._take(new[:whole])

    def _take(self, lines: bytes) -> None:
        for line in filter(None, lines.split(b"\n")):
            try:
                event = json.loads(line)
                key = Item(event["unit"], event["kind"], event["id"], event["of"]), str(event["author"])
                history = self._histories.get(key) or _History(event["start"], event["row"])
                history.add(event["change"])
            except (ValueError, KeyError, TypeError, IndexError, AttributeError, PolyalignError):
                self.damaged += 1
                continue
            history.time = float(event["time"])
            self._histories[key] = history

    def __iter__(self) -> Iterator[Corrected]:
        return iter(self.all())


def _corrected(item: Item, author: str, history: _History) -> Corrected:
    return Corrected(
        item,
        author,
        len(history.changes),
        history.value,
        bool(history.done),
        bool(history.undone),
        history.time,
        history.row,
    )


def fingerprint(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """A short hash of texts or sentence numbers.

    Example:
        >>> fingerprint(["a", "b"]) == fingerprint(("a", "b")), len(fingerprint([]))
        (True, 16)
    """
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
