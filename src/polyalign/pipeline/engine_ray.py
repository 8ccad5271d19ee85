"""Work on Ray, on this machine or on a cluster. Nothing else of the house imports it."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from polyalign import __version__
from polyalign.core.errors import ConfigError
from polyalign.pipeline.engine import Outcome, Receiver, environment, perform

T = TypeVar("T")
R = TypeVar("R")


class Ray:
    """Tasks of Ray, a few at a time.

    A cluster's machines need the same version of polyalign, and files that a method names by path (a dictionary, an
    encoder) under the same path; results come back over the network, not by a shared folder.

    Args:
        workers: Tasks at a time; 0 for as many as the cluster has cores.
        threads: Of each.
        address: Of a cluster; none for Ray on this machine.
        receiver: Takes in what the tasks send back.
    """

    elsewhere = True

    def __init__(self, workers: int, threads: int, address: str, receiver: Receiver) -> None:
        self.workers, self.threads, self.address, self.receiver = workers, threads, address, receiver
        self._task: Any = None
        self._started = False

    def __enter__(self) -> Ray:
        return self

    def __exit__(self, *error: object) -> None:
        # One that was running before stays.
        if self._started:
            ray.shutdown()

    def results(
        self, function: Callable[[T], R], tasks: Iterable[tuple[int, Callable[[], T]]]
    ) -> Iterator[tuple[int, R]]:
        """As `Engine.results`."""
        self._start()
        busy: dict[Any, tuple[int, Any, int]] = {}
        try:
            yield from self._results(ray.put(function), iter(tasks), busy)
        finally:
            for reference in busy:
                ray.cancel(reference, force=True)

    def _start(self) -> None:
        if self._task is not None:
            return
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            here = {"address": "local", "num_cpus": self.workers, "include_dashboard": False}
            variables = environment(self.threads)
            if self.address:
                # The paths of this machine mean nothing on others.
                del variables["PYTHONPATH"]
            ray.init(
                **({"address": self.address} if self.address else here),
                logging_level=logging.ERROR,
                log_to_driver=False,
                runtime_env={"env_vars": variables},
            )
            self._started = True
        self.workers = self.workers or int(dict[str, float](ray.cluster_resources()).get("CPU", 1))  # type: ignore[no-untyped-call]
        # Of retries this engine keeps its own count, so that they are told of.
        self._task = ray.remote(num_cpus=1, max_retries=0)(_perform)

    def _results(
        self, function: Any, tasks: Iterator[tuple[int, Callable[[], Any]]], busy: dict[Any, tuple[int, Any, int]]
    ) -> Iterator[tuple[int, Any]]:
        again: deque[tuple[int, Any, int]] = deque()
        while True:
            while len(busy) < self.workers:
                if not again:
                    following = next(tasks, None)
                    if following is None:
                        break
                    again.append((following[0], ray.put(following[1]()), 0))
                number, item, tries = again.popleft()
                busy[self._task.remote(__version__, self.threads, function, item)] = number, item, tries + 1
            if not busy:
                return
            (reference,), _ = ray.wait(list(busy), num_returns=1)
            number, item, tries = busy.pop(reference)
            try:
                outcome = ray.get(reference)
            except RayTaskError:
                raise
            except RayError as error:
                self.receiver.died(number, tries, type(error).__name__)
                again.append((number, item, tries))
                continue
            yield number, self.receiver.take(number, outcome)


def _perform(version: str, threads: int, function: Callable[[Any], Any], item: Any) -> Outcome:
    """A task on the other side."""
    from polyalign.core.jit import set_threads

    if version != __version__:
        error = ConfigError(
            f"ray: found polyalign {__version__} on a machine of the cluster, expected {version}; install the same on all"
        )
        return Outcome(error=error)
    set_threads(threads)
    return perform(function, item)
