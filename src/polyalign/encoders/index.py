"""Nearest neighbours by cosine among many vectors, approximate: an inverted file of FAISS."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F32, I32, I64
from polyalign.encoders.neighbours import Near
from polyalign.kernels.nearest import nearest as greatest

#: Vectors an inverted list has to learn its centre from.
SAMPLE = 48
#: Candidates looked at again, exactly, for each neighbour wanted.
AGAIN = 2
#: Inverted lists a query looks into.
PROBES = 24

#: Unit vectors of some rows.
Load = Callable[[slice | I64], F32]


def require_faiss() -> None:
    """Say what to install.

    Raises:
        MissingExtraError: FAISS is not installed.
    """
    if find_spec("faiss") is None:
        raise MissingExtraError(
            "an approximate index needs faiss; install with: pip install 'polyalign[mining]', or ask for index exact"
        )


def build(load: Load, first: int, last: int, step: int, path: Path) -> None:
    """Index the vectors of rows first to last and write the index to a file.

    Vectors are kept as one byte a dimension, in about ``2 sqrt(n)`` lists.

    Complexity: O(n sqrt(n) d) time; memory for one byte a dimension and, while it learns, 48 vectors a list.
    """
    import faiss

    n = last - first
    lists = min(1 << round(np.log2(2 * np.sqrt(n))), max(1, n // 8))
    wanted = min(n, SAMPLE * lists)
    spread = first + (np.arange(wanted, dtype=np.int64) * n) // wanted
    sample = load(spread)
    quantiser = faiss.IndexFlatIP(sample.shape[1])
    index = faiss.IndexIVFScalarQuantizer(
        quantiser, sample.shape[1], lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter, index.cp.min_points_per_centroid = 8, 1
    index.train(sample)
    for a in range(first, last, step):
        index.add(load(slice(a, min(a + step, last))))
    faiss.write_index(index, str(path))


def opened(path: Path) -> Any:
    """The index in a file, mapped while it is used."""
    import faiss

    index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    index.nprobe = min(PROBES, index.nlist)
    return index


def search(index: Any, queries: F32, load: Load, first: int, k: int) -> Near:
    """The neighbours an index finds; their cosines are exact.

    Args:
        index: From `opened`.
        queries: Unit vectors, shape (n, d).
        load: Unit vectors of the rows it was built from.
        first: Row of the index's first vector.
        k: How many; where fewer are found the cosine is -inf.
    """
    wanted = min(AGAIN * k, index.ntotal)
    _, found = index.search(queries, wanted)
    found.sort(axis=1)  # ties go to the lower row
    cosines = np.empty(found.shape, np.float32)
    for a in range(0, len(queries), 256):
        places = found[a : a + 256]
        vectors = load(np.maximum(places, 0).reshape(-1) + first).reshape(*places.shape, -1)
        cosines[a : a + 256] = np.einsum("qd,qkd->qk", queries[a : a + 256], vectors)
    cosines[found < 0] = -np.inf
    values, at = greatest(cosines, np.zeros(wanted, np.float32), min(k, wanted))
    rows: I32 = (np.maximum(np.take_along_axis(found, at, axis=1), 0) + first).astype(np.int32)
    return values, rows
