"""Run a command as a whole process and report its wall seconds, CPU seconds and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass

# A process counts what its parent held at the fork into its own peak memory, so a small one starts the command.
LAUNCH = """import json, os, sys, time
start = time.perf_counter()
_, status, used = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
cost = time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
with open(sys.argv[1], "w") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status))"""


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
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as cost:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCH, cost.name, *command], input=stdin, capture_output=True, cwd=cwd
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{command[0]}: exit status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"
            )
        return Measured(*json.load(cost), done.stdout.decode())
