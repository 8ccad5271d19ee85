"""A corpus without its duplicates, and the duplicates with the id of the row that stands for each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.corpus.corpus_files import Spool
from polyalign.corpus.dedup.clusters import UNIQUE, Clusters, table_of


def divide(runs: Iterable[Bitext | pa.Table], clusters: Clusters, *, kept: Spool, rejected: Spool) -> None:
    """Put each row of a corpus where it belongs, with its cluster; rejected rows lack their reason yet.

    Args:
        runs: The corpus that the clusters were found in.
        clusters: Its clusters.
        kept: Gets the rows that stand for their cluster or are alone.
        rejected: Gets the others.
    """
    for run in clusters.add_to(runs):
        table = table_of(run)
        stands = pc.equal(table[UNIQUE], 1)
        table = table.drop_columns([UNIQUE])
        kept.add(table.filter(stands))
        rejected.add(table.filter(pc.invert(stands)))


def with_reasons(rejected: pa.Table, kept: pa.Table, clusters: Clusters, word: str) -> pa.Table:
    """The rejected rows with a column ``reason``: the word, and the id of the row that stands for each.

    Args:
        rejected: Rows that another stands for.
        kept: The rows that stand.
        clusters: The clusters of both.
        word: "duplicate" or "near-duplicate".
    """
    key = "id" if "id" in kept.column_names else "doc"
    standing = np.flatnonzero(clusters.cluster == np.arange(len(clusters)))
    place = np.searchsorted(standing, rejected["cluster"].to_numpy()) if rejected.num_rows else np.zeros(0, np.int64)
    ids = kept[key].cast(pa.string()).take(pa.array(place)) if rejected.num_rows else pa.array([], pa.string())
    return rejected.append_column("reason", pc.binary_join_element_wise(f"{word} of", ids, " "))
