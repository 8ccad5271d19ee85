"""What is made once from a language pair, while the page that wants it waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread

from polyalign.core.errors import PolyalignError

#: Files that are being made, or could not be, with what went wrong.
_state: dict[Path, str | None] = {}
_lock = Lock()


def make_once(path: Path, there: Callable[[], bool], make: Callable[[], object]) -> tuple[bool, str]:
    """Whether a file is ready; if it is not there it is made from now on, in a thread of its own.

    Args:
        path: The file.
        there: Whether it is there and whole.
        make: Makes it, whole or not at all.

    Returns:
        Whether it is ready, and what went wrong if it could not be made.
    """
    with _lock:
        if path in _state:
            return False, _state[path] or ""
        if there():
            return True, ""
        _state[path] = None

    def run() -> None:
        failed = "stopped before it was made"
        try:
            make()
            failed = ""
        except (PolyalignError, OSError) as error:
            failed = str(error)
        finally:
            with _lock:
                if failed:
                    _state[path] = failed
                else:
                    del _state[path]

    Thread(target=run, daemon=True).start()
    return False, ""
