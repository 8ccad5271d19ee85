"""A process that does tasks for a run: they come by standard input, what came of them goes by standard output."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time

from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.core.memory import give_back
from polyalign.pipeline.engine import Outcome, perform
from polyalign.pipeline.engine_local import read, write


def main() -> None:
    """Work until there are no more tasks, or nobody who wants them."""
    parent, threads = map(int, sys.argv[1:])
    # An interruption is for the run to deal with; it ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive, args=(parent,), daemon=True).start()
    # Standard output is for results: whatever else is printed goes where errors go.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    give_back()
    set_threads(threads)
    while (message := read(sys.stdin.buffer)) is not None:
        outcome = perform(*pickle.loads(message))
        del message
        try:
            answer = pickle.dumps(outcome, protocol=5)
        except Exception as error:  # What cannot be sent must not look like a dead worker.
            answer = pickle.dumps(Outcome(error=DataError(f"a worker's answer: {error}"), events=outcome.events))
        write(results, answer)
        del outcome, answer


def _outlive(parent: int) -> None:
    """End when the run was killed, even in the middle of a task."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
