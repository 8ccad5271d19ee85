"""Steps that take a bitext or documents and give the same: score, select, mark duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.pipeline.artefacts import Writer, count_by, runs, stored
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, added, by_rows

#: Where the number of a row is while its run is selected from.
_ROW = "row in run"


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
    if len(job.inputs) > 1 or (getattr(method, "distinct", False) and len(source) > 1):
        # A pair is the first of its kind or not by all that are before it.
        return _in_turn(method, kind, job)
    return by_rows(partial(_select, method, kind), source, job, label="select", unit="rows")


def _in_turn(method: Any, kind: str, job: Job) -> Counts:
    """Select from one run after the other, with an eye to those before."""
    from polyalign.corpus.dedup.seen import Seen

    distinct, texts = getattr(method, "distinct", False), ["src", "tgt"] if kind == "bitext" else ["text"]
    seen, parts = Seen(), list[Counts]()
    if distinct:
        method = replace(method, distinct=False)
    with Writer(job.out / f"{kind}.parquet") as kept, Writer(job.out / "dropped.parquet") as dropped:
        for run in _joined(job.inputs):
            made = _select(method, kind, run.append_column(_ROW, pa.array(range(run.num_rows))))
            left, gone = made.tables[kind], made.tables["dropped"]
            if distinct:
                again = pa.array(seen.again(left, texts))
                reason = pa.array(["duplicate"] * left.num_rows, pa.string())
                gone = pa.concat_tables([gone, left.append_column("reason", reason).filter(again)]).sort_by(_ROW)
                left = left.filter(pc.invert(again))
            kept.write(left.drop_columns(_ROW))
            dropped.write(gone.drop_columns(_ROW))
            parts.append({"in": run.num_rows, "out": left.num_rows, "dropped": count_by(gone, "reason")})
    counts = added(parts)
    by_number = sorted(counts["dropped"].items(), key=lambda kv: (-kv[1], kv[0]))
    return {**counts, "dropped": dict(by_number)}


def _joined(folders: Sequence[Path]) -> Iterator[pa.Table]:
    """The runs of stored results, with the columns of all of them."""
    from polyalign.corpus.dedup.seen import Seen

    sources = [stored(folder) for folder in folders]
    if len(sources) == 1:
        yield from sources[0]
        return
    kind, ids = sources[0].path.stem, Seen()
    names = ["id"] if kind == "bitext" else ["doc", "lang"]
    empty = _together([source[0].slice(0, 0) for source in sources], kind)
    for source in sources:
        for run in source:
            table = _together([empty, run], kind)
            if (twice := ids.again(table, names)).any():
                name = table[names[0]][int(np.argmax(twice))].as_py()
                joined = (
                    "the joined bitexts; ids must be unique" if kind == "bitext" else "the joined documents; rename one"
                )
                raise DataError(f"{kind}: {names[0]} {name!r} occurs in more than one of {joined}")
            yield table


def _together(tables: Sequence[pa.Table], kind: str) -> pa.Table:
    if kind == "bitext":
        return Bitext.concat([Bitext(table) for table in tables]).table
    return pa.concat_tables(tables, promote_options="default")


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
    """Repeat or leave out rows of each group, at random by the method's seed; sizes are in characters."""
    from polyalign.corpus.balance.sample import Sample
    from polyalign.corpus.balance.sizes import measure

    by = getattr(method, "by", "lang")
    rates = method.rates(measure(runs(job.inputs[0]), by, "characters"))
    sample = Sample(by=by, exact=getattr(method, "exact", False), unit="characters", seed=method.seed)
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
