"""Tasks that workers import by name, for tests of the engines."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.progress import note, track
from polyalign.core.spread import spread


def square(x):
    return x * x


def slow_first(x):
    time.sleep(0.3 if x == 0 else 0)
    return x


def process(_):
    return os.getpid()


def threads(_):
    from polyalign.core.jit import threads

    return threads(), os.environ["OMP_NUM_THREADS"]


def tells(x):
    note("the same for all")
    os.write(1, b"what a library prints\n")
    with track("inner", total=1, unit="things") as progress:
        progress.advance()
    return x


def fails(x):
    if x == 2:
        raise DataError("line 3: found nothing, expected something; write it")
    return x


def has_a_bug(x):
    return [][x]


def unsendable(_):
    return lambda: None


def nested(x):
    return list(spread(square, [x, x + 1]))


def dies_once(item):
    """Killed the first time that it is called with 1."""
    x, folder = item
    mark = Path(folder) / "died"
    if x == 1 and not mark.exists():
        mark.write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def dies(x):
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@dataclass(frozen=True, slots=True)
class Lengths:
    """A score of texts that has to learn the longest."""

    longest: int = 0

    @property
    def fitted(self):
        return self.longest > 0

    def fit(self, runs):
        sizes = [
            max(map(len, run.src)) if hasattr(run, "src") else max(map(len, run["text"].to_pylist())) for run in runs
        ]
        return Lengths(max(sizes))

    def texts(self, texts, lang):
        return np.asarray([len(t) / self.longest + (lang == "deu_Latn") for t in texts.to_pylist()], np.float32)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A score of pairs that needs no learning."""

    def pairs(self, bitext):
        return np.asarray(
            [len(s) / len(t) if t else np.nan for s, t in zip(bitext.src, bitext.tgt, strict=True)], np.float32
        )


@dataclass(frozen=True, slots=True)
class Short:
    """A selection that takes documents."""

    characters: int = 60

    def select(self, table):
        import pyarrow as pa

        short = pa.array([len(t) <= self.characters for t in table["text"].to_pylist()])
        import pyarrow.compute as pc

        dropped = table.filter(pc.invert(short))
        return table.filter(short), dropped.append_column("reason", pa.array(["long"] * dropped.num_rows, pa.string()))
