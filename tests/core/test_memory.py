"""Memory of the process, and adding from several threads at once."""

from __future__ import annotations

import subprocess
import sys
from threading import Barrier, Thread

import numpy as np
import pytest

from polyalign.core.jit import atomic_add, kernel


def test_memory_is_given_back():
    # In a process of its own: the allocators are those of the whole process.
    code = """
import pyarrow as pa
from polyalign.core.memory import give_back
before = pa.default_memory_pool().backend_name
give_back()
give_back()
print(pa.default_memory_pool().backend_name, pa.table({"a": list(range(1000))}).num_rows)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["system", "1000"]
    assert not done.stderr


@pytest.mark.parametrize("where", ["linux without mallopt", "another system"])
def test_systems_without_that_allocator_are_left_as_they_are(where):
    code = f"""
import ctypes, sys
from polyalign.core import memory
class Library:
    def __init__(self, name):
        assert {where == "linux without mallopt"}
memory.ctypes.CDLL = Library
sys.platform = {"linux" if where.startswith("linux") else "win32"!r}
memory.give_back()
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["fine"], done.stderr


@kernel()
def tally(places, amounts, counts):
    for k in range(len(places)):
        atomic_add(counts, places[k], amounts[k])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_threads_that_add_to_the_same_places_lose_nothing(dtype):
    random = np.random.default_rng(0)
    # Few places, so that threads meet; and amounts of both signs.
    parts = [(random.integers(0, 3, 200_000), random.integers(-5, 1000, 200_000).astype(dtype)) for _ in range(4)]
    counts, together = np.ones(4, dtype), Barrier(len(parts))
    tally(parts[0][0][:0], parts[0][1][:0], counts)

    def work(places, amounts):
        together.wait()
        tally(places, amounts, counts)

    threads = [Thread(target=work, args=part) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = np.ones(4, dtype)
    for places, amounts in parts:
        np.add.at(wanted, places, amounts)
    assert counts.tolist() == wanted.tolist()


def test_adding_into_a_part_of_an_array():
    counts = np.zeros(10, np.int64)
    tally(np.asarray([0, 1, 1]), np.asarray([1, 2, 3]), counts[4:])
    assert counts.tolist() == [0, 0, 0, 0, 1, 5, 0, 0, 0, 0]
    tally(np.asarray([0, 2]), np.asarray([1, 2]), counts[::3])
    assert counts.tolist() == [1, 0, 0, 0, 1, 5, 2, 0, 0, 0]
