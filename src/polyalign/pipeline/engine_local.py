"""Work in several processes of this machine."""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, TypeVar, cast

from polyalign.pipeline.engine import Outcome, Receiver, environment

T = TypeVar("T")
R = TypeVar("R")
_SIZE = struct.Struct("<Q")


class Local:
    """Workers started afresh, not forked, since threads of kernels do not survive a fork; and kept until the run ends.

    Args:
        workers: How many.
        threads: Of each.
        receiver: Takes in what they send back.
    """

    elsewhere = False

    def __init__(self, workers: int, threads: int, receiver: Receiver) -> None:
        self.workers, self.threads, self.receiver = workers, threads, receiver
        self._idle: list[_Worker] = []
        self._busy: dict[int, tuple[_Worker, int, bytes, int]] = {}

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in [*self._idle, *(w for w, *_ in self._busy.values())]:
            worker.stop()
        self._idle, self._busy = [], {}

    def results(
        self, function: Callable[[T], R], tasks: Iterable[tuple[int, Callable[[], T]]]
    ) -> Iterator[tuple[int, R]]:
        """As `Engine.results`."""
        try:
            yield from self._results(function, iter(tasks))
        finally:
            # Left early, by an error or an interruption: nobody waits for what is still being done.
            for worker, *_ in self._busy.values():
                worker.stop()
            self._busy = {}

    def _results(
        self, function: Callable[[T], R], tasks: Iterator[tuple[int, Callable[[], T]]]
    ) -> Iterator[tuple[int, R]]:
        again: deque[tuple[int, bytes, int]] = deque()
        while True:
            while len(self._busy) < self.workers:
                if not again:
                    following = next(tasks, None)
                    if following is None:
                        break
                    number, load = following
                    again.append((number, pickle.dumps((function, load()), protocol=5), 0))
                number, task, tries = again.popleft()
                worker = self._idle.pop() if self._idle else _Worker(self.threads)
                self._busy[worker.reads] = worker, number, task, tries + 1
                worker.send(task)
            if not self._busy:
                return
            ready, _, _ = select.select(list(self._busy), [], [])
            for file in ready:
                worker, number, task, tries = self._busy[file]
                outcome = worker.receive()
                del self._busy[file]
                if outcome is None:
                    self.receiver.died(number, tries, worker.ended())
                    again.append((number, task, tries))
                    continue
                self._idle.append(worker)
                yield number, self.receiver.take(number, outcome)


class _Worker:
    """One process, spoken to over pipes: each message is its length and a pickle."""

    def __init__(self, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "polyalign.pipeline.worker", str(os.getpid()), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment(threads)},
        )
        self._in, self._out = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self.reads = self._out.fileno()

    def send(self, message: bytes) -> None:
        # To one that died before it was asked: that shows when it does not answer.
        with suppress(BrokenPipeError):
            write(self._in, message)

    def receive(self) -> Outcome | None:
        """What it sent; None if it died."""
        message = read(self._out)
        return None if message is None else pickle.loads(message)

    def ended(self) -> str:
        """How it ended, for one that closed its end of the pipe."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self.stop()
        code = self._process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for file in (self._in, self._out):
            # What could not be sent any more is still in the buffer.
            with suppress(OSError):
                file.close()


def write(file: IO[bytes], message: bytes) -> None:
    """Write a message."""
    file.write(_SIZE.pack(len(message)))
    file.write(message)
    file.flush()


def read(file: IO[bytes]) -> Any:
    """Read a message; None at the end."""
    head = file.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    size = _SIZE.unpack(head)[0]
    message = file.read(size)
    return message if len(message) == size else None
