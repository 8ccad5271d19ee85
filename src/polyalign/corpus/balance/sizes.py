"""How much text each group of a corpus has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.corpus.dedup.clusters import columns_of, table_of

Unit = Literal["rows", "characters", "words"]


def checked(sizes: Mapping[str, float]) -> None:
    """Refuse sizes that cannot be balanced.

    Raises:
        DataError: There is no group, or one without a size.
    """
    if not sizes:
        raise DataError("corpus.balance: found no group, expected at least one; is the corpus empty?")
    empty = [name for name, size in sizes.items() if not 0 < size < float("inf")]
    if empty:
        raise DataError(
            f"corpus.balance: group {empty[0]!r} has the size {sizes[empty[0]]}, expected more than 0; leave it out"
        )


def amounts(table: pa.Table, unit: Unit) -> F64:
    """How much each row is: 1, or the characters or words (between white space) of its text or of both its sides."""
    if unit == "rows":
        return np.ones(table.num_rows)
    total = np.zeros(table.num_rows)
    for name in columns_of(table, "both"):
        texts = table[name]
        counts = pc.utf8_length(texts) if unit == "characters" else pc.count_substring_regex(texts, r"[^\s\p{Z}]+")
        total += pc.fill_null(counts, 0).to_numpy()
    return total


def groups(table: pa.Table, column: str) -> pa.Array:
    """The group of each row; null is a group of its own, named ``(none)``.

    Raises:
        DataError: There is no such column.
    """
    if column not in table.column_names:
        raise DataError(
            f"corpus.balance: no column {column!r} to group by; found {', '.join(table.column_names)}; name one of them"
        )
    values = pc.fill_null(table[column].cast(pa.string()), "(none)")
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def measure(runs: Iterable[Bitext | pa.Table], column: str, unit: Unit = "rows") -> dict[str, float]:
    """The size of each group of a corpus, groups in the order of the alphabet.

    Raises:
        DataError: There is no such column.

    Example:
        >>> measure([pa.table({"lang": ["deu", "roh", "deu"], "text": ["ja", "gea", "nein"]})], "lang", "characters")
        {'deu': 6.0, 'roh': 3.0}
    """
    sizes: dict[str, float] = {}
    for run in runs:
        table = table_of(run)
        found = groups(table, column).dictionary_encode()
        totals = np.bincount(found.indices.to_numpy(), amounts(table, unit), len(found.dictionary))
        for name, size in zip(found.dictionary.to_pylist(), totals.tolist(), strict=True):
            sizes[name] = sizes.get(name, 0.0) + size
    return dict(sorted(sizes.items()))
