"""Who does the work of a run: this process, several of this machine, or Ray.

All give the same bytes, because what a task is does not depend on who does it, and results are put together in the order
of the tasks.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from polyalign.core import progress
from polyalign.core.errors import DataError, MissingExtraError, PolyalignError, did_you_mean
from polyalign.core.progress import Events, console, event_log, note
from polyalign.core.spread import Engine

T = TypeVar("T")
R = TypeVar("R")
ENGINES = ("local", "ray")
#: Times that a task is begun before it is given up; only for workers that die, for an error comes again.
TRIES = 3
#: Environment variables that say how many threads a process may start.
_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project is run; its results do not depend on it.

    Args:
        engine: ``local`` or ``ray``.
        workers: Processes that work; 1 for this one alone, 0 for one a core. With the address of a cluster, tasks at a
            time, 0 for as many as it has cores.
        ray_address: Of a cluster; none for Ray on this machine.
    """

    engine: str = "local"
    workers: int = 1
    ray_address: str = ""

    def errors(self) -> list[str]:
        """What is wrong with them."""
        found = []
        if self.engine not in ENGINES:
            found.append(f"engine = {self.engine!r}: expected local or ray{did_you_mean(self.engine, ENGINES)}")
        if self.workers < 0:
            found.append(f"workers = {self.workers}: expected 1 or more, or 0 for one a core")
        if self.ray_address and self.engine == "local":
            found.append(f'ray_address = {self.ray_address!r}: only engine = "ray" takes an address')
        if self.engine == "ray" and find_spec("ray") is None:
            found.append("engine = \"ray\" needs ray; install with: pip install 'polyalign[ray]'")
        return found


@contextmanager
def opened(settings: Settings, threads: int, events: Events) -> Iterator[Engine | None]:
    """The engine of a run, None for this process alone; it starts no process before there is work.

    Args:
        settings: Which.
        threads: Of all workers of this machine together; 0 for all there are.
        events: Where their progress is logged.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    cores = (
        threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or os.cpu_count() or 1
    )
    workers = settings.workers or (0 if settings.ray_address else cores)
    share = max(1, cores // max(1, workers))
    by: AbstractContextManager[Engine | None] = nullcontext()
    if settings.engine == "ray":
        if find_spec("ray") is None:
            raise MissingExtraError("engine ray needs ray; install with: pip install 'polyalign[ray]'")
        from polyalign.pipeline.engine_ray import Ray

        by = Ray(workers, share, settings.ray_address, Receiver(events))
    elif workers > 1:
        from polyalign.pipeline.engine_local import Local

        by = Local(workers, share, Receiver(events))
    with by as engine:
        yield engine and Outermost(engine)


class Outermost:
    """An engine whose calls are not nested: inside of another call's results, the work is done here.

    Args:
        by: The engine.
    """

    def __init__(self, by: Engine) -> None:
        self.elsewhere = by.elsewhere
        self._by, self._running = by, False

    def results(
        self, function: Callable[[T], R], tasks: Iterable[tuple[int, Callable[[], T]]]
    ) -> Iterator[tuple[int, R]]:
        """As `Engine.results`."""
        if self._running:
            for number, load in tasks:
                yield number, function(load())
            return
        self._running = True
        try:
            yield from self._by.results(function, tasks)
        finally:
            self._running = False


def environment(threads: int) -> dict[str, str]:
    """What a worker's environment has besides: its share of threads, and where this process imports from."""
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    return {**dict.fromkeys(_THREADS, str(threads)), "PYTHONPATH": path}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task.

    Args:
        result: What its function returned.
        error: What it raised instead.
        trace: Where it raised that.
        events: What it reported.
    """

    result: Any = None
    error: Exception | None = None
    trace: str = ""
    events: tuple[Mapping[str, Any], ...] = ()


def perform(function: Callable[[Any], Any], item: Any) -> Outcome:
    """Do a task in a worker: nothing is printed there, everything comes back."""
    console.quiet = True
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "events.jsonl"
        result, error, trace = None, None, ""
        with event_log(log):
            try:
                result = function(item)
            except Exception as raised:  # Whatever it is, the run must know.
                error, trace = raised, traceback.format_exc()
        events = tuple(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    return Outcome(result, error, trace, events)


class Receiver:
    """Takes in what workers send back.

    Args:
        events: Where their progress is logged.
    """

    def __init__(self, events: Events) -> None:
        self.events = events
        self._told: set[str] = set()

    def take(self, number: int, outcome: Outcome) -> Any:
        """The result of a task; what it reported is reported, a note that was told already is not told again.

        Raises:
            Exception: What the task raised.
        """
        for event in outcome.events:
            fields = {k: v for k, v in event.items() if k not in ("time", "event")}
            if event["event"] != "note":
                self.events.emit(event["event"], shard=number, **fields)
            elif fields["message"] not in self._told:
                self._told.add(fields["message"])
                note(fields["message"])
        if outcome.error is not None:
            if not isinstance(outcome.error, PolyalignError):
                # A bug: where it is only the worker knows.
                outcome.error.add_note("in a worker:\n" + outcome.trace)
            raise outcome.error
        return outcome.result

    def died(self, number: int, tries: int, how: str) -> None:
        """Say that a worker died, and whether its task is begun again.

        Raises:
            DataError: It has been tried often enough.
        """
        if tries >= TRIES:
            raise DataError(
                f"shard {number}: the worker died {tries} times ({how}), most often for want of memory; run with fewer "
                "workers, what is finished is kept"
            )
        self.events.emit("retry", shard=number, tries=tries, reason=how)
        progress.note(f"a worker died ({how}); shard {number} is begun again")
