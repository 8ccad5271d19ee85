"""Which type of numbers a device computes fastest in, found by trying."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from polyalign.encoders.torch_load import Dtype, limit_threads

#: A type of fewer bits has to be this many times as fast to be taken.
GAIN = 1.3
#: Rows and columns of the matrices that are multiplied: half a gigaflop on a CPU, 137 on others.
_SIZES = {"cpu": 640, "cuda": 4096, "mps": 2048}
#: Seconds after which a type is not tried again.
_LIMIT_S = 0.05
#: Products of small matrices that are timed.
_TRIES = 4


def faster_type(device: str) -> Dtype:
    """The type to compute in: float32 unless bfloat16, or else float16 on a GPU, is clearly faster there.

    Many CPUs compute in bfloat16 far slower than in float32, since they have no instructions for it; others, and
    GPUs, faster. So a product of matrices is timed in each, which takes a tenth of a second.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
    """
    return _faster(device.split(":")[0])


@lru_cache(maxsize=4)
def _faster(device: str) -> Dtype:
    limit_threads()
    plain = _seconds(device, "float32", _LIMIT_S)
    others: tuple[Dtype, ...] = ("bfloat16",) if device == "cpu" else ("bfloat16", "float16")
    for dtype in others:
        if _seconds(device, dtype, plain / GAIN) * GAIN < plain:
            return dtype
    return "float32"


def _seconds(device: str, dtype: Dtype, limit: float) -> float:
    """The least time that a product took, of a few until they took longer than the limit together.

    A type that would take far longer is not tried on the large matrices, but reckoned from smaller ones.
    """
    import torch

    size = _SIZES.get(device, _SIZES["cpu"])
    small, large = (torch.ones((n, n), device=device, dtype=getattr(torch, dtype)) for n in (size // 4, size))
    # The first prepares what the others use.
    reckoned = min(_once(small, device) for _ in range(_TRIES)) * 4**3
    if reckoned > 8 * limit:
        return reckoned
    tries = [_once(large, device) for _ in range(2)]
    while sum(tries) < limit and len(tries) < 8:
        tries.append(_once(large, device))
    return min(tries)


def _once(x: Any, device: str) -> float:
    import torch

    start = time.perf_counter()
    x @ x
    if device != "cpu":
        # Others compute on while the CPU goes on.
        getattr(torch, device).synchronize()
    return time.perf_counter() - start
