"""Nearest neighbours by cosine among many vectors, approximate: an inverted file of FAISS, looked at again exactly."""

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
#: Dimensions that four bits stand for.
PART = 4
#: Candidates looked at again, exactly, for each neighbour wanted.
AGAIN = 4
#: Inverted lists a query looks into: of a million vectors in 2048 lists, 64 held 98 % of the nearest ones of made-up
#: vectors in 20,000 topics, 128 more than 99 %.
PROBES = 128

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

    Vectors are kept as four bits for four dimensions, in about ``2 sqrt(n)`` lists.

    Complexity: O(n sqrt(n) d) time; memory for an eighth of a byte a dimension and, while it learns, 48 vectors a list.
    """
    import faiss

    n = last - first
    lists = min(1 << round(np.log2(2 * np.sqrt(n))), max(1, n // 8))
    wanted = min(n, SAMPLE * lists)
    # Evenly spread; few vectors more than once, as there have to be as many as four bits have values.
    spread = first + (np.arange(max(wanted, 1 << 4), dtype=np.int64) % wanted * n) // wanted
    sample = _padded(load(spread))
    dim = sample.shape[1]
    index = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(dim), dim, lists, dim // PART, 4, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.min_points_per_centroid, index.pq.cp.min_points_per_centroid = 8, 1, 1
    index.train(sample)
    for a in range(first, last, step):
        index.add(_padded(load(slice(a, min(a + step, last)))))
    faiss.write_index(index, str(path))


def opened(path: Path) -> Any:
    """The index in a file."""
    import faiss

    index: Any = faiss.read_index(str(path))
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
    _, found = index.search(_padded(queries), wanted)
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


def _padded(vectors: F32) -> F32:
    """Vectors with as many dimensions as can be divided into parts; zeros change no product."""
    return np.pad(vectors, ((0, 0), (0, -vectors.shape[1] % PART)))
