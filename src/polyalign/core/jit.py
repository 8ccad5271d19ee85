"""The one numba decorator, and the array aliases that kernels are typed with.

Kernels are compiled once and cached on disk. A parallel kernel is only ever a thin driver over
sentence pairs or documents (starting one costs milliseconds), with no reduction across the
parallel index, so that one thread and many give the same bytes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

F = TypeVar("F", bound=Callable[..., Any])

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
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


def _atomic_add(typing: Any, array: Any, index: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = signature.args[0]
        held = cast(Any, make_array)(of)(context, builder, args[0])
        place = cast(Any, cgutils).get_item_pointer(context, builder, of, held, [args[1]], wraparound=False)
        builder.atomic_rmw("add", place, args[2], "monotonic")
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), emit


#: ``atomic_add(array, index, value)`` in a kernel: ``array[index] += value`` of a one-dimensional array of integers, whole
#: even if other threads add there too. Integers, because their sum is the same in any order of threads.
atomic_add = cast(Callable[[npt.NDArray[Any], Any, Any], None], intrinsic(_atomic_add))


def _load_torch_openmp() -> None:
    # Numba and torch each bring their own OpenMP. If numba has started threads by the system's before torch is imported,
    # torch takes that one too, and its attention becomes three hundred times slower once its threads are counted out.
    torch = find_spec("torch")
    for folder in (torch and torch.submodule_search_locations) or []:
        for library in sorted(Path(folder, "lib").glob("libgomp*.so*")):
            with suppress(OSError):
                ctypes.CDLL(str(library))


# Kernels and matrix products take turns. A thread of OpenMP that spins for the next kernel holds the core that the product
# needs: encoding is then no faster on two cores than on one. Read by OpenMP as it is loaded; what the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
_load_torch_openmp()


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
