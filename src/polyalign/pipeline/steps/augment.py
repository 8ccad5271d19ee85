"""Steps that make rows: variants of those there are, and pairs found inside documents."""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.pipeline.artefacts import Writer, read_links, runs, stored
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, by_rows


def build(method: Any, job: Job) -> Counts:
    """Make new rows of a bitext or of documents; a later step joins them to the old ones, if they are wanted together."""
    source = stored(job.inputs[0])
    kind = source.path.stem
    if (job.inputs[0] / "links.parquet").exists():
        bitext, links = read_links(job.inputs[0])
        # Of the corpus alone, without what was joined to it for the aligner.
        rows = range(source.rows)
        linked = bitext.with_column("links", pa.array(links.to_pharaoh(), pa.string())).table.slice(0, len(rows))
        made = _build(method, kind, linked)
        with Writer(job.out / f"{kind}.parquet") as writer:
            writer.write(made.tables[kind])
        return made.counts
    return by_rows(partial(_build, method, kind), source, job, label="augment", unit="rows")


def _build(method: Any, kind: str, table: pa.Table) -> Made:
    new = method.build(Bitext(table) if kind == "bitext" else table)
    new = new.table if isinstance(new, Bitext) else new
    return Made({kind: new}, {"in": table.num_rows, "out": new.num_rows})


def find(method: Any, job: Job) -> Counts:
    """Find the pairs of two languages that documents hold."""
    finder = method.fit(runs(job.inputs[0]), job.langs)
    return by_rows(partial(_find, finder), stored(job.inputs[0]), job, label="find", unit="documents")


def _find(finder: Any, table: pa.Table) -> Made:
    found = finder.find(table)
    return Made({"bitext": found.table}, {"in": table.num_rows, "out": len(found)})
