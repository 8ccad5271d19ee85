"""The one numba decorator, and the array aliases that kernels are typed with.

Kernels are compiled once and cached on disk. A parallel kernel is only ever a thin driver over
sentence pairs or documents (starting one costs milliseconds), with no reduction across the
parallel index, so that one thread and many give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., Any])

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U64 = npt.NDArray[np.uint64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

prange = numba.prange


def kernel(*, parallel: bool = False, fastmath: bool = False) -> Callable[[F], F]:
    """Compile a function on arrays; cached, without the GIL, typed as the function it wraps."""

    def wrap(function: F) -> F:
        return cast(F, numba.njit(cache=True, nogil=True, parallel=parallel, fastmath=fastmath)(function))

    return wrap


def set_threads(threads: int) -> int:
    """Use that many threads in parallel kernels (0: all there are); returns the number in use."""
    limit = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    wanted = limit if threads <= 0 else min(threads, limit)
    numba.set_num_threads(wanted)
    return wanted


def threads() -> int:
    """How many threads are in use."""
    return int(numba.get_num_threads())


def frozen(array: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    """The array as a read-only, contiguous array of that type; copied only if it has to be."""
    out: npt.NDArray[Any] = np.ascontiguousarray(array, dtype=dtype)
    if out.flags.writeable:
        out = out.view()
        out.flags.writeable = False
    return out
