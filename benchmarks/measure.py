"""Run a command as a whole process and report its wall seconds, CPU seconds and peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What one command cost and printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str


def measure(command: list[str], *, stdin: bytes | None = None, cwd: str | None = None) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: It exited with another status than 0; the end of its error output is in the message.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(stdin or b"")
        source.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=out, stderr=err, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise RuntimeError(
                f"{command[0]}: exit status {process.returncode}: {err.read().decode(errors='replace')[-2000:]}"
            )
        return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode())
