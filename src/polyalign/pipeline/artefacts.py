"""The files that steps pass on.

* ``documents``: ``documents.parquet`` (doc, lang, text, source; `starts` after normalisation)
* ``sentences``: ``sentences.parquet`` (doc, lang, paragraph, start, end, text)
* ``bitext``: ``bitext.parquet``, and ``dropped.parquet`` after a selection
* ``links``: ``links.parquet`` with the ``bitext.parquet`` its rows belong to, which has `score.words`
* ``lexicon``: ``lexicon.parquet``
* ``score``: ``score.json``
* ``file``: a file in a format of the user's choice
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.core.store import MANIFEST


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file in row groups of 64k, the same bytes for the same rows."""
    pq.write_table(table, path, compression="zstd", row_group_size=65536)


def read_bitext(folder: Path) -> Bitext:
    """The bitext of a stored result; of links, the corpus without what was joined to it."""
    bitext = Bitext(pq.read_table(folder / "bitext.parquet"))
    if not (folder / "links.parquet").exists():
        return bitext
    counts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["counts"]
    return Bitext(bitext.table.slice(0, counts["corpus"]))


def read_links(folder: Path) -> tuple[Bitext, Links]:
    """The links of a stored result and the bitext they belong to."""
    return Bitext(pq.read_table(folder / "bitext.parquet")), Links.from_table(pq.read_table(folder / "links.parquet"))


def lexicon_lines(table: pa.Table) -> list[str]:
    """A lexicon as tab-separated lines, its column names first."""
    columns = [[f"{v:.6g}" if isinstance(v, float) else str(v) for v in c.to_pylist()] for c in table.columns]
    return ["\t".join(table.column_names), *("\t".join(row) for row in zip(*columns, strict=True))]


def count_by(table: pa.Table, column: str) -> dict[str, int]:
    """How many rows have each value of a column, most first."""
    counts = Counter(table[column].to_pylist())
    return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))
