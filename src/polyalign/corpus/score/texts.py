"""The texts that are scored: decoded once, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64, Mask
from polyalign.corpus.decoded import Decoded

#: A run of a corpus: sentence pairs, or a table of documents.
Run: TypeAlias = Bitext | pa.Table

_recent = threading.local()


def decoded(array: pa.LargeStringArray) -> Decoded:
    """The texts of an array, the same object for the two arrays that this thread asked for last."""
    held: list[Decoded] = getattr(_recent, "held", [])
    key = _key(array)
    for texts in held:
        if _key(texts.array) == key:
            return texts
    texts = Decoded(array)
    if texts.array is array:
        _recent.held = [*held[-1:], texts]
    return texts


def _key(array: pa.LargeStringArray) -> tuple[Any, ...]:
    # The array is held with its texts, so that no other comes to lie at its address.
    return len(array), array.offset, *(b.address if b is not None else 0 for b in array.buffers())


def forget() -> None:
    """Let go of the texts that this thread holds."""
    _recent.held = []


def column(table: pa.Table, name: str) -> pa.LargeStringArray:
    """A column of text as one array."""
    found = table[name].cast(pa.large_string())
    return found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks or [pa.array([], found.type)])


def side(bitext: Bitext, name: Side) -> Decoded:
    """One side of a bitext."""
    return decoded(column(bitext.table, name))


def sides(run: Run) -> Iterator[tuple[str, pa.LargeStringArray]]:
    """The texts of a run by language: the two sides of a bitext, the languages of documents as they come."""
    if isinstance(run, Bitext):
        yield run.langs[0], column(run.table, "src")
        yield run.langs[1], column(run.table, "tgt")
        return
    texts = column(run, "text")
    for lang, rows in by_language(run):
        yield lang, texts if len(rows) == len(texts) else texts.take(pa.array(rows))


def by_language(table: pa.Table) -> list[tuple[str, I64]]:
    """The languages of a table of documents and their rows, in order of their first.

    Raises:
        DataError: It has no text.
    """
    if "text" not in table.column_names:
        raise DataError(
            f"documents: found the columns {', '.join(table.column_names)}, expected text (and lang); a bitext has src and tgt"
        )
    if "lang" not in table.column_names:
        return [("und", np.arange(table.num_rows))]
    codes = pc.fill_null(table["lang"].cast(pa.string()), "und").combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    index = codes.indices.to_numpy()
    return [(lang, np.flatnonzero(index == i)) for i, lang in enumerate(codes.dictionary.to_pylist())]


def share(part: npt.ArrayLike, whole: npt.ArrayLike) -> F32:
    """One divided by the other; NaN where there is nothing to divide."""
    below = np.asarray(whole, np.float64)
    out = np.full(below.shape, np.nan)
    np.divide(np.asarray(part, np.float64), below, out=out, where=below > 0)
    return out.astype(np.float32)


def within(values: npt.ArrayLike, least: float, most: float) -> F32:
    """1 for values between two bounds, below by how many times they are missed: ``min(v / least, most / v, 1)``."""
    v = np.asarray(values, np.float64)
    low = v / least if least > 0 else np.ones_like(v)
    high = np.divide(most, v, out=np.ones_like(v), where=v > 0)
    return np.minimum(np.minimum(low, high), 1.0).astype(np.float32)


def where_any(values: F32, some: Mask) -> F32:
    """The values, NaN where there is nothing to tell them from."""
    return np.where(some, values, np.float32(np.nan)).astype(np.float32)
