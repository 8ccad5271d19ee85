"""Clusters: which row stands for each row of a corpus, and what is asked of every method that finds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, U64, frozen
from polyalign.kernels.minhash import roots

#: A run of a corpus: sentence pairs, or a table of documents.
Run = TypeVar("Run", Bitext, pa.Table)
#: The score of rows that are nobody's duplicate.
UNIQUE = "score.unique"
SideOf = Literal["src", "tgt", "either", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """The clusters of a corpus: rows that say the same.

    Args:
        cluster: Row that stands for each row: its own where it is the one kept, or alone; shape (n,).
        cluster_size: Rows in its cluster, shape (n,).

    Example:
        >>> Clusters.of(np.array([0, 0, 2]), np.array([1, 5, 1], np.float32)).cluster.tolist()
        [1, 1, 2]
    """

    cluster: I64
    cluster_size: I32

    def __post_init__(self) -> None:
        object.__setattr__(self, "cluster", frozen(self.cluster, np.int64))
        object.__setattr__(self, "cluster_size", frozen(self.cluster_size, np.int32))

    @classmethod
    def of(cls, labels: I64, goodness: F32 | None = None) -> Clusters:
        """From the least row of each row's cluster; the best row of each stands for it, the first of equally good ones."""
        sizes = np.bincount(labels, minlength=len(labels)).astype(np.int32)[labels]
        cluster = labels
        if goodness is not None and len(labels):
            cluster = labels.copy()
            rows = np.flatnonzero(sizes > 1)
            # Lowest where it cannot be told.
            good = np.where(np.isnan(goodness[rows]), -np.inf, goodness[rows])
            order = rows[np.lexsort((rows, -good, labels[rows]))]
            first = np.ones(len(order), np.bool_)
            first[1:] = labels[order[1:]] != labels[order[:-1]]
            stands = np.zeros(len(labels), np.int64)
            stands[labels[order[first]]] = order[first]
            cluster[rows] = stands[labels[rows]]
        return cls(cluster, sizes)

    def __len__(self) -> int:
        return len(self.cluster)

    def counts(self) -> dict[str, int]:
        """Rows, clusters of more than one row, and the rows that another stands for."""
        kept = int((self.cluster == np.arange(len(self))).sum())
        larger = int(((self.cluster == np.arange(len(self))) & (self.cluster_size > 1)).sum())
        return {"rows": len(self), "clusters": larger, "duplicates": len(self) - kept}

    def add(self, run: Run, first: int = 0) -> Run:
        """The run with the columns ``cluster``, ``cluster_size`` and ``score.unique``; `first` is the number of its first row.

        ``score.unique`` is 1 where the row stands for its cluster, or is alone, and 0 where it is a duplicate, so that a
        minimum of 1 for it leaves each cluster one row.

        Raises:
            DataError: The run has rows beyond those the clusters were found in.
        """
        table = table_of(run)
        last = first + table.num_rows
        if last > len(self):
            raise DataError(
                f"corpus.dedup: found rows up to {last}, expected the {len(self)} that the clusters were found in; read the same files"
            )
        columns = {
            "cluster": pa.array(self.cluster[first:last]),
            "cluster_size": pa.array(self.cluster_size[first:last]),
            UNIQUE: pa.array((self.cluster[first:last] == np.arange(first, last)).astype(np.float32)),
        }
        for name, column in columns.items():
            if name in table.column_names:
                table = table.set_column(table.column_names.index(name), name, column)
            else:
                table = table.append_column(name, column)
        return Bitext(table) if isinstance(run, Bitext) else table

    def add_to(self, runs: Iterable[Run]) -> Iterator[Run]:
        """All runs with the columns."""
        first = 0
        for run in runs:
            yield self.add(run, first)
            first += table_of(run).num_rows


@dataclass(frozen=True, slots=True)
class Dedup(ABC):
    """A method that finds which rows of a corpus say the same."""

    @abstractmethod
    def clusters(self, runs: Iterable[Bitext | pa.Table]) -> Clusters:
        """Find the clusters of a corpus read in runs."""

    def mark(self, table: Run) -> Run:
        """A whole corpus with the columns ``cluster``, ``cluster_size`` and ``score.unique``. Raises as `clusters`."""
        marked: Run = self.clusters([table]).add(table)
        return marked


def table_of(run: Bitext | pa.Table) -> pa.Table:
    """A run as a table."""
    return run.table if isinstance(run, Bitext) else run


def columns_of(table: pa.Table, side: SideOf) -> list[str]:
    """The columns that are compared: a document's text, or the sides of pairs.

    Raises:
        DataError: It has neither.
    """
    if "src" in table.column_names and "tgt" in table.column_names:
        return [side] if side in ("src", "tgt") else ["src", "tgt"]
    if "text" in table.column_names:
        return ["text"]
    raise DataError(
        f"corpus.dedup: found the columns {', '.join(table.column_names)}, expected src and tgt, or text; rename them"
    )


def groups_of(table: pa.Table, within: str) -> U64 | None:
    """A number for each row that depends on the value of a column alone; none where there is no such column."""
    if not within or within not in table.column_names:
        return None
    from polyalign.corpus.dedup.fold import Fold, buffers
    from polyalign.kernels.folding import content_hashes

    exact = Fold(case=False, accents=False, punctuation=False, space=False)
    return content_hashes(*buffers(table[within].cast(pa.large_string())), exact.table(), 2)[0]


def goodness_of(table: pa.Table, keep: str) -> F32 | None:
    """How good each row is to be kept: nothing for the first, else its length or its score.

    Raises:
        DataError: There is no such score.
    """
    if keep == "first":
        return None
    if keep == "longest":
        lengths = [pc.fill_null(pc.utf8_length(table[c]), 0).to_numpy() for c in columns_of(table, "both")]
        return np.asarray(sum(lengths), np.float32)
    if keep not in table.column_names:
        scores = [c for c in table.column_names if c.startswith("score.")]
        raise DataError(
            f"corpus.dedup: no column {keep!r} to keep the best by; found the scores {', '.join(scores) or '(none)'}; "
            "write first, longest or one of them"
        )
    kind = table[keep].type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise DataError(f"corpus.dedup: column {keep!r} is {kind}, expected numbers; keep compares scores only")
    return np.asarray(table[keep].cast(pa.float32()).to_numpy(), np.float32)


def labels_of(parents: Sequence[I64]) -> I64:
    """The least row of each row's cluster; of several forests, rows are together that are so in each.

    Example:
        >>> labels_of([np.array([0, 0, 0, 3]), np.array([0, 1, 1, 1])]).tolist()
        [0, 1, 1, 3]
    """
    for parent in parents:
        roots(parent)
    labels = parents[0]
    for other in parents[1:]:
        order = np.lexsort((other, labels))
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = (labels[order[1:]] != labels[order[:-1]]) | (other[order[1:]] != other[order[:-1]])
        joined = np.empty_like(labels)
        # lexsort is stable: the first row of a group is its least.
        joined[order] = order[fresh][np.cumsum(fresh) - 1]
        labels = joined
    return labels


def joined(parts: list[Any], dtype: type) -> Any:
    """Arrays end to end; none is an empty one."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
