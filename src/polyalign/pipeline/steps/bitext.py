"""Steps on a bitext: read, select, tokenise, align its words, extract its lexicon, write."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.progress import track
from polyalign.pipeline.artefacts import count_by, read_bitext, read_links, write_table
from polyalign.pipeline.job import Counts, Job


def read(method: Any, job: Job) -> Counts:
    """Read a bitext that is there already."""
    bitext = method.read(job.langs)
    write_table(bitext.table, job.out / "bitext.parquet")
    return {"out": len(bitext)}


def select(method: Any, job: Job) -> Counts:
    """Keep what passes, and what does not with its reason."""
    bitext = read_bitext(job.inputs[0])
    kept, dropped = method.select(bitext)
    write_table(kept.table, job.out / "bitext.parquet")
    write_table(dropped, job.out / "dropped.parquet")
    return {"in": len(bitext), "out": len(kept), "dropped": count_by(dropped, "reason")}


def tokenize(method: Any, job: Job) -> Counts:
    """Note where the tokens of both sides are."""
    bitext = read_bitext(job.inputs[0])
    counts: Counts = {"in": len(bitext), "out": len(bitext)}
    with track("tokenise", total=2 * len(bitext), unit="sentences") as progress:
        for side, lang in zip(("src", "tgt"), job.langs, strict=True):
            spans = []
            for text in bitext.column(side):
                spans.append(method(text, lang).reshape(-1))
                progress.advance()
            bitext = bitext.with_spans("src" if side == "src" else "tgt", spans)
            counts[f"{side}_tokens"] = sum(len(s) for s in spans) // 2
    write_table(bitext.table, job.out / "bitext.parquet")
    return counts


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
    bitext = read_bitext(job.inputs[0])
    method.write(bitext, job.out / f"{'-'.join(job.langs)}{method.suffix}")
    return {"in": len(bitext), "out": len(bitext)}
