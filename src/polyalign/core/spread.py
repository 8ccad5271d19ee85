"""Work in parts that other processes may do.

A method that can be divided says so with `spread`, and knows nothing else: in a run with an engine the parts go to its
processes, without one they are done here. What the parts are must not depend on who does them, so the results are the
same bytes either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Processes that do parts of the work.

    Args:
        elsewhere: Whether they may be on other machines, so that work which threads share here is worth sending too.
    """

    elsewhere: bool

    def results(
        self, function: Callable[[T], R], tasks: Iterable[tuple[int, Callable[[], T]]]
    ) -> Iterator[tuple[int, R]]:
        """Call a function on every part.

        Args:
            function: One that a process of the same installation can import; a `functools.partial` of it will do.
            tasks: Each part's number and what makes it, which is called here when a process is free to take it.

        Yields:
            Each part's number and result, as they come.
        """


_engine: ContextVar[Engine | None] = ContextVar("engine", default=None)


def engine() -> Engine | None:
    """Who does parts of the work now; None where they are done here."""
    return _engine.get()


@contextmanager
def spreading(by: Engine | None) -> Iterator[None]:
    """Have parts of the work inside done by an engine."""
    token = _engine.set(by)
    try:
        yield
    finally:
        _engine.reset(token)


def spread(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Call a function on every item, wherever that is done.

    Args:
        function: A pure one that can be imported by name, or a `functools.partial` of one.
        items: What to call it on; each is taken when there is somebody to work on it.

    Returns:
        The results in the order of the items.

    Example:
        >>> list(spread(abs, [-1, 2]))
        [1, 2]
    """
    by = _engine.get()
    if by is None:
        return map(function, items)
    # The engine asks for an item when it needs one, so that few are in memory.
    return _in_order(by.results(function, ((k, _held(item)) for k, item in enumerate(items))))


def _held(item: T) -> Callable[[], T]:
    return lambda: item


def _in_order(results: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    waiting: dict[int, Any] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1
