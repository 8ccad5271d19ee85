"""Training, development and test sets of a corpus, without leakage between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I64, U64
from polyalign.corpus.balance.sample import content_keys
from polyalign.corpus.dedup.clusters import groups_of, table_of
from polyalign.kernels.draws import draws
from polyalign.kernels.minhash import join_equal, roots

#: The sets, from the lowest draws to the highest.
PARTS = ("test", "dev", "train")


@dataclass(frozen=True, slots=True)
class Split:
    """Give every row to the training, development or test set; rows that belong together stay together.

    Rows belong together that share a value in any of the columns `by`: a document, a cluster of near-duplicates, a source.
    With more than one column that is transitive: two documents that share a near-duplicate are in one set. A null shares
    nothing. Without columns, rows of equal text belong together.

    A group goes where a random number says that is drawn from the seed and the value of its first row. With shares, rows
    that come later change nothing for those before, unless they join two groups. With numbers of rows, the groups of the
    lowest numbers fill the test set, then the development set, each until the next group would go beyond its size; so as a
    corpus grows, rows leave these sets for the next, and none enters them from the training set.

    Args:
        by: Columns whose values must not be in two sets, such as ``("doc", "cluster")``.
        test: Share of the groups below 1, or number of rows, that go to the test set.
        dev: The same for the development set.
        seed: Of the draw.

    Complexity: O(n log n) time; 32 bytes a row.

    Example:
        >>> table = pa.table({"doc": ["x", "x", "y", "z"], "text": ["1", "2", "3", "4"]})
        >>> Split(by=("doc",), test=0.4, dev=0.0).mark(table)["split"].to_pylist()
        ['test', 'test', 'train', 'train']
    """

    by: tuple[str, ...] = ("doc",)
    test: float = 0.01
    dev: float = 0.01
    seed: int = 1

    def __post_init__(self) -> None:
        if any(not 0 <= size < float("inf") for size in (self.test, self.dev)):
            raise ValueError(f"test and dev must be shares or numbers of rows, not {self.test}, {self.dev}")
        if (self.test < 1) != (self.dev < 1) and self.test and self.dev:
            raise ValueError(f"test and dev must both be shares or both numbers of rows, not {self.test}, {self.dev}")
        if self.test < 1 and self.dev < 1 and not self.test + self.dev < 1:
            raise ValueError(f"test and dev must leave something to train on, not {self.test} and {self.dev} of all")

    def mark(self, rows: Any) -> Any:
        """A whole corpus with the column ``split``: train, dev or test. Raises as `assign`."""
        return next(self.add_to([rows], self.assign([rows])))

    def assign(self, runs: Iterable[Bitext | pa.Table]) -> pa.Array:
        """The set of every row of a corpus read in runs.

        Raises:
            DataError: A column is not there.
        """
        keys: list[list[U64]] = [[np.zeros(0, np.uint64)] for _ in self.by or ("",)]
        first = 0
        for run in runs:
            table = table_of(run)
            for column, parts in zip(self.by or ("",), keys, strict=True):
                parts.append(_keys(table, column, first))
            first += table.num_rows
        columns = [np.concatenate(parts) for parts in keys]
        group = self._groups(columns)
        # The draw of a group is that of its first row's value.
        draw = draws(columns[0], self.seed)[group]
        names = pa.array(PARTS, pa.string())
        return names.take(pa.array(self._parts(draw, group)))

    def _groups(self, columns: list[U64]) -> I64:
        parent = np.arange(len(columns[0]))
        for keys in columns:
            order = np.argsort(keys, kind="stable")
            join_equal(keys[order], order, parent)
        roots(parent)
        return parent

    def _parts(self, draw: F64, group: I64) -> I64:
        if self.test < 1 and self.dev < 1:
            return np.asarray((draw >= self.test).astype(np.int64) + (draw >= self.test + self.dev))
        sizes = np.bincount(group, minlength=len(group))
        heads = np.flatnonzero(sizes)
        heads = heads[np.lexsort((heads, draw[heads]))]
        total = np.cumsum(sizes[heads])
        test = int(np.searchsorted(total, self.test, side="right"))
        before = total[test - 1] if test else 0
        dev = int(np.searchsorted(total, before + self.dev, side="right"))
        part = np.full(len(group), 2)
        part[heads[:test]], part[heads[test:dev]] = 0, 1
        return np.asarray(part[group], np.int64)

    def add_to(self, runs: Iterable[Bitext | pa.Table], assigned: pa.Array) -> Iterator[Any]:
        """All runs with the column ``split``."""
        first = 0
        for run in runs:
            table = table_of(run)
            column = assigned.slice(first, table.num_rows)
            first += table.num_rows
            if "split" in table.column_names:
                table = table.set_column(table.column_names.index("split"), "split", column)
            else:
                table = table.append_column("split", column)
            yield Bitext(table) if isinstance(run, Bitext) else table


def _keys(table: pa.Table, column: str, first: int) -> U64:
    """A number for each row that depends on the value of a column alone, or on the text."""
    if not column:
        return content_keys(table)
    if column not in table.column_names:
        raise DataError(
            f"corpus.split: no column {column!r} to split by; found {', '.join(table.column_names)}; name one of them"
        )
    keys = groups_of(table, column)
    assert keys is not None
    null = np.asarray(table[column].is_null().to_numpy(), np.bool_)
    if null.any():
        # A value of its own for each, which depends on the text, so that it stays where it is.
        keys = keys.copy()
        keys[null] = (content_keys(table) ^ np.arange(first, first + table.num_rows, dtype=np.uint64))[null]
    return keys
