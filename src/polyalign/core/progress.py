"""Progress: a bar on a terminal, a line now and then elsewhere, and always an event.

A run opens an event log once; what a step does inside it reports through `track`, which writes to
that log if there is one. Report and view read the log and nothing else.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False)
_LINE_EVERY_S = 30.0
_EVENT_EVERY_S = 1.0


@dataclass(slots=True)
class Events:
    """An append-only log of JSON lines, each with the time it was written."""

    file: TextIO

    def emit(self, event: str, **fields: Any) -> None:
        """Write one event at once."""
        self.file.write(
            json.dumps({"time": round(time.time(), 3), "event": event, **fields}, ensure_ascii=False) + "\n"
        )
        self.file.flush()


_events: ContextVar[Events | None] = ContextVar("events", default=None)


@contextmanager
def event_log(path: Path) -> Iterator[Events]:
    """Log the events of everything inside to a file, after what is already there."""
    with open(path, "a", encoding="utf-8") as file:
        log = Events(file)
        token = _events.set(log)
        try:
            yield log
        finally:
            _events.reset(token)


class Track:
    """How far a piece of work is; made by `track`."""

    def __init__(self, label: str, total: int | None, unit: str, progress: Progress | None) -> None:
        self.label, self.total, self.unit, self.done = label, total, unit, 0
        self._progress = progress
        self._task = progress.add_task(label, total=total) if progress else None
        self._start = self._line = self._event = time.monotonic()

    def advance(self, n: int = 1) -> None:
        """Say that n more units are done."""
        self.done += n
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self.done)
        now = time.monotonic()
        if now - self._event >= _EVENT_EVERY_S:
            self._event = now
            self._emit("progress")
        if self._progress is None and now - self._line >= _LINE_EVERY_S:
            self._line = now
            of = f"/{self.total}" if self.total else ""
            console.print(
                f"{self.label}: {self.done}{of} {self.unit}, {self.done / (now - self._start):.0f} a second",
                markup=False,
            )

    def _emit(self, event: str) -> None:
        if (log := _events.get()) is not None:
            seconds = round(time.monotonic() - self._start, 3)
            log.emit(event, label=self.label, done=self.done, total=self.total, unit=self.unit, seconds=seconds)


@contextmanager
def track(label: str, *, total: int | None = None, unit: str = "") -> Iterator[Track]:
    """Report progress of the work inside.

    Args:
        label: What is being done.
        total: How many units there are, if known.
        unit: What is counted, in the plural.
    """
    if not sys.stderr.isatty():
        tracker = Track(label, total, unit, None)
        yield tracker
        tracker._emit("progress")
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tracker = Track(label, total, unit, progress)
        yield tracker
        tracker._emit("progress")


def note(message: str) -> None:
    """Tell the person at the terminal something, and the log as well."""
    console.print(message, markup=False, soft_wrap=True)
    if (log := _events.get()) is not None:
        log.emit("note", message=message)
