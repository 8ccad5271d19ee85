"""Steps that take a bitext or documents and give the same: score, select, mark duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.pipeline.artefacts import Writer, count_by, read_bitext, runs, stored
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, by_rows


def score(method: Any, job: Job) -> Counts:
    """Add the columns of a score or a tag: of pairs, of both sides, or of documents."""
    from polyalign.corpus.score.runs import fitted, needs_fit, peek

    source = stored(job.inputs[0])
    name = job.use.split("/")[1].replace("-", "_")
    if needs_fit(method):
        method = fitted({name: method}, peek(iter(runs(job.inputs[0])))[0])[name]
    return by_rows(partial(_score, method, name, source.path.stem), source, job, label=f"score {name}", unit="rows")


def _score(method: Any, name: str, kind: str, table: pa.Table) -> Made:
    from polyalign.corpus.score.runs import score_runs

    run = next(score_runs([Bitext(table) if kind == "bitext" else table], {name: method}))
    made = run.table if isinstance(run, Bitext) else run
    counts: Counts = {"in": table.num_rows, "out": table.num_rows}
    if unscored := sum(made[c].null_count for c in made.column_names if c not in table.column_names):
        counts["unscored"] = unscored
    return Made({kind: made}, counts)


def select(method: Any, job: Job) -> Counts:
    """Keep what passes, and what does not with its reason."""
    source = stored(job.inputs[0])
    kind = source.path.stem
    method = _fitted(method, job.inputs[0])
    joined = len(job.inputs) > 1
    if joined or (getattr(method, "distinct", False) and len(source) > 1):
        # A pair is the first of its kind or not by all that are before it.
        parts = [read_bitext(folder) for folder in job.inputs] if joined else []
        made = _select(method, kind, Bitext.concat(parts).table if joined else pa.concat_tables(source))
        for name, table in made.tables.items():
            with Writer(job.out / f"{name}.parquet") as writer:
                writer.write(table)
        return made.counts
    return by_rows(partial(_select, method, kind), source, job, label="select", unit="rows")


def _select(method: Any, kind: str, table: pa.Table) -> Made:
    kept, dropped = method.select(Bitext(table) if kind == "bitext" else table)
    kept = kept.table if isinstance(kept, Bitext) else kept
    counts = {"in": table.num_rows, "out": kept.num_rows, "dropped": count_by(dropped, "reason")}
    return Made({kind: kept, "dropped": dropped}, counts)


def dedup(method: Any, job: Job) -> Counts:
    """Note which rows say the same, as columns."""
    clusters = method.clusters(runs(job.inputs[0]))
    return {**_written(clusters.add_to(runs(job.inputs[0])), job), **clusters.counts()}


def split(method: Any, job: Job) -> Counts:
    """Note which rows are for training, development and test, as a column."""
    parts = method.assign(runs(job.inputs[0]))
    sets = {v["values"]: v["counts"] for v in parts.value_counts().to_pylist()}
    return {**_written(method.add_to(runs(job.inputs[0]), parts), job), "sets": sets}


def balance(method: Any, job: Job) -> Counts:
    """Repeat or leave out rows of each group; sizes are in characters."""
    from polyalign.corpus.balance.sample import Sample
    from polyalign.corpus.balance.sizes import measure

    by = getattr(method, "by", "lang")
    rates = method.rates(measure(runs(job.inputs[0]), by, "characters"))
    sample = Sample(by=by, exact=getattr(method, "exact", False), unit="characters")
    return {**_written(sample.take(runs(job.inputs[0]), rates), job), "rates": rates}


def _written(made: Iterable[Bitext | pa.Table], job: Job) -> Counts:
    source = stored(job.inputs[0])
    with Writer(job.out / source.path.name) as writer:
        for run in made:
            writer.write(run.table if isinstance(run, Bitext) else run)
        if writer.schema is None:
            writer.write(source[0].slice(0, 0))
    return {"in": source.rows, "out": writer.rows}


def _fitted(method: Any, folder: Path) -> Any:
    """What a method that must learn has learned from all runs; others as they are."""
    from polyalign.corpus.score.runs import needs_fit

    return method.fit(runs(folder)) if needs_fit(method) else method
