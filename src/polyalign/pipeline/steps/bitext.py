"""Steps on a bitext: read, tokenise, align its words, extract its lexicon, write."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.progress import track
from polyalign.pipeline.artefacts import ROWS, read_bitext, read_links, runs, stored, write_table
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, by_rows, streamed


def read(method: Any, job: Job) -> Counts:
    """Read a bitext that is there already, a run at a time."""
    from polyalign.corpus.stream import source_runs

    source = method.source(job.langs)
    with track(f"reading {source.where}", unit="pairs") as progress:

        def tables() -> Iterator[pa.Table]:
            for run in source_runs(source, ROWS):
                yield run.table
                progress.advance(len(run))

        return {"out": streamed(tables(), job.out / "bitext.parquet")}


def tokenize(method: Any, job: Job) -> Counts:
    """Note where the tokens of both sides are."""
    task = partial(_tokenize, method, job.langs)
    return by_rows(task, stored(job.inputs[0]), job, label="tokenise", unit="pairs")


def _tokenize(method: Any, langs: tuple[str, str], table: pa.Table) -> Made:
    bitext = Bitext(table)
    counts: Counts = {"in": len(bitext), "out": len(bitext)}
    sides: tuple[Side, Side] = ("src", "tgt")
    for side, lang in zip(sides, langs, strict=True):
        spans = [method(text, lang).reshape(-1) for text in bitext.column(side)]
        bitext = bitext.with_spans(side, spans)
        counts[f"{side}_tokens"] = sum(len(s) for s in spans) // 2
    return Made({"bitext": bitext.table}, counts)


def align_words(method: Any, job: Job) -> Counts:
    """Align the words of a bitext and of what is joined to it."""
    from polyalign.words.model import WordModel

    parts = [read_bitext(folder) for folder in job.inputs]
    bitext = Bitext.concat(parts)
    model = method.fit(bitext)
    if isinstance(model, WordModel):
        links, posteriors = model.align_once(bitext)
        # For a later step to select by.
        bitext = bitext.with_column("score.words", pa.array(posteriors.score(), pa.float32()))
    else:
        links = model.align(bitext)
    write_table(bitext.table, job.out / "bitext.parquet")
    write_table(links.to_table(), job.out / "links.parquet")
    # The first input is the corpus; what is joined to it (a gold standard, say) stays out of what is published.
    return {"in": len(bitext), "out": len(bitext), "corpus": len(parts[0]), "links": len(links.src)}


def lexicon(method: Any, job: Job) -> Counts:
    """Extract a lexicon from links."""
    bitext, links = read_links(job.inputs[0])
    table = method.extract(bitext, links)
    write_table(table, job.out / "lexicon.parquet")
    return {"in": len(bitext), "out": table.num_rows}


def write(method: Any, job: Job) -> Counts:
    """Write a bitext in a format of the user's choice."""
    rows = stored(job.inputs[0]).rows
    method.write(runs(job.inputs[0]), job.out / f"{'-'.join(job.langs)}{method.suffix}")
    return {"in": rows, "out": rows}
