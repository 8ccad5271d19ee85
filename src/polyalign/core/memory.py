"""How a process keeps its memory small: what is freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

#: Parameter of glibc's mallopt: from how many bytes an array gets memory of its own.
_MMAP_THRESHOLD = -3


def give_back() -> None:
    """Have large arrays returned to the system as soon as they are freed.

    For programs, not for libraries: it sets the allocators of the whole process. Otherwise glibc keeps arrays of up to
    32 MB for later, and Arrow all it ever had, which adds a third to what aligning words takes.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, 1 << 16)
