"""Steps on sentences: align two languages or all of them, project, mine."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.beads import MOVED, Beads
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.langs import sentence_space
from polyalign.pipeline.artefacts import Runs, write_table
from polyalign.pipeline.grouping import documents_of, grouped
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, in_shards, shards_folder

_RANGES = ("src_start", "src_end", "tgt_start", "tgt_end", "src_from", "src_to", "tgt_from", "tgt_to")
#: Where the first sentence of a side stands: its file, its paragraph from 0, the last named place before it.
_PLACES = ("src_source", "src_paragraph", "src_mark", "tgt_source", "tgt_paragraph", "tgt_mark")


@dataclass(frozen=True, slots=True)
class Version:
    """A document in one language, and where in the raw text each sentence starts and ends."""

    document: Document
    starts: list[int]
    ends: list[int]
    source: str | None = None
    marks: Sequence[str | None] = ()

    def text(self, start: int, end: int, lang: str) -> str:
        """Sentences as one text."""
        return sentence_space(lang).join(self.document.sentences[start:end])


def versions_of(table: pa.Table, lang: str) -> dict[str, Version]:
    """The documents of one language by id."""
    from polyalign.sentences.time_codes import TimedDocument

    rows = table.filter(pc.equal(table["lang"], lang))
    columns = {c: rows[c].to_pylist() for c in ("doc", "paragraph", "start", "end", "text")}
    # Sentences that were not read from files say nothing of these.
    placed = [rows[c].to_pylist() if c in rows.column_names else [None] * rows.num_rows for c in ("source", "mark")]
    edges = [i for i in range(rows.num_rows) if i == 0 or columns["doc"][i] != columns["doc"][i - 1]] + [rows.num_rows]
    found: dict[str, Version] = {}
    for a, b in zip(edges, edges[1:], strict=False):
        doc = columns["doc"][a]
        document = Document(doc, tuple(columns["text"][a:b]), np.asarray(columns["paragraph"][a:b], np.int32))
        if any(placed[1][a:b]):
            # Where sentences stand under time codes, an aligner may go by them.
            document = TimedDocument.of(document, placed[1][a:b])
        found[doc] = Version(document, columns["start"][a:b], columns["end"][a:b], placed[0][a], placed[1][a:b])
    return found


def align_sentences(method: Any, job: Job) -> Counts:
    """Align the versions of every document that both languages of the pair have."""
    path = job.inputs[0] / "sentences.parquet"
    found = documents_of(path, job.langs)
    src, tgt = (found[lang] for lang in job.langs)
    shared = [doc for doc in src if doc in tgt]
    if not shared:
        raise DataError(
            f"{'-'.join(job.langs)}: no document has both languages ({len(src)} and {len(tgt)} documents); the two versions of a document need the same name, or a step documents.align before"
        )
    with grouped([path], shared, found, job.out) as groups:
        counts = in_shards(
            partial(_align, method, job.langs), groups.load, groups.sizes, job, label="align", unit="documents"
        )
    return {**counts, "without_partner": len(src) + len(tgt) - 2 * len(shared)}


def _align(method: Any, langs: tuple[str, str], tables: list[pa.Table]) -> Made:
    src, tgt = (versions_of(tables[0], lang) for lang in langs)
    beads = method.align([v.document for v in src.values()], [tgt[d].document for d in src])
    bitext, types = _bitext_of(zip(src, src.values(), (tgt[d] for d in src), beads, strict=True), langs)
    return Made({"bitext": bitext.table}, {"in": len(src), "out": len(bitext), "beads": types})


def align_jointly(method: Any, job: Job) -> Counts:
    """Align the versions of every document in all the languages that have it."""
    path = job.inputs[0] / "sentences.parquet"
    found = documents_of(path, job.languages)
    docs = [d for run in Runs.of(path, columns=("doc",)) for d in dict.fromkeys(run["doc"].to_pylist())]
    some = [d for d in dict.fromkeys(docs) if any(d in of for of in found.values())]
    with grouped([path], some, found, job.out) as groups:
        counts = in_shards(
            partial(_align_jointly, method, job.languages),
            groups.load,
            groups.sizes,
            job,
            label="align",
            unit="documents",
        )
    # With the sentences, from which the pairs' texts are made.
    shutil.copyfile(path, job.out / "sentences.parquet")
    return counts


def _align_jointly(method: Any, languages: tuple[str, ...], tables: list[pa.Table]) -> Made:
    from polyalign.sentences.segments import segments_table

    found = {lang: versions_of(tables[0], lang) for lang in languages}
    docs = list(dict.fromkeys(tables[0]["doc"].to_pylist()))
    documents = {lang: [v[d].document if d in v else None for d in docs] for lang, v in found.items()}
    aligned = method.align(documents)
    ways = Counter(n for m in aligned for n in m.select(m.langs).ways().tolist())
    counts = {"in": len(docs), "out": sum(ways.values()), "n_ways": {str(n): ways[n] for n in sorted(ways)}}
    return Made({"segments": segments_table(documents, aligned)}, counts)


def project(method: Any, job: Job) -> Counts:
    """Take one pair's bitext out of the joint alignment."""
    paths = [job.inputs[0] / f"{name}.parquet" for name in ("sentences", "segments")]
    found = documents_of(paths[0], job.langs)
    src, tgt = (found[lang] for lang in job.langs)
    with grouped(paths, [doc for doc in src if doc in tgt], found, job.out) as groups:
        return in_shards(
            partial(_project, method, job.langs), groups.load, groups.sizes, job, label="project", unit="documents"
        )


def _project(method: Any, langs: tuple[str, str], tables: list[pa.Table]) -> Made:
    from polyalign.sentences.segments import by_document

    src, tgt = (versions_of(tables[0], lang) for lang in langs)
    joint = by_document(tables[1])
    aligned = [(doc, src[doc], tgt[doc], method.project(m, *langs)) for doc, m in joint.items()]
    bitext, types = _bitext_of(aligned, langs)
    return Made({"bitext": bitext.table}, {"in": len(aligned), "out": len(bitext), "beads": types})


def mine(method: Any, job: Job) -> Counts:
    """Find pairs of sentences wherever they stand."""
    path = job.inputs[0] / "sentences.parquet"
    parts = [run.filter(pc.is_in(run["lang"], pa.array(job.langs))) for run in Runs.of(path)]
    table = pa.concat_tables(parts)
    sides = [table.filter(pc.equal(table["lang"], lang)) for lang in job.langs]
    texts = [side["text"].to_pylist() for side in sides]
    # Shards of vectors and neighbours are kept, and the workers', if there are any.
    mined = method.mine(*texts, work=shards_folder(job.out))
    names = [
        [f"{doc}:{start}" for doc, start in zip(side["doc"].to_pylist(), side["start"].to_pylist(), strict=True)]
        for side in sides
    ]
    rows = list(zip(mined.src.tolist(), mined.tgt.tolist(), strict=True))
    bitext = Bitext.build(
        [texts[0][i] for i, _ in rows],
        [texts[1][j] for _, j in rows],
        langs=job.langs,
        ids=[f"{names[0][i]}/{names[1][j]}" for i, j in rows],
        columns={"score.margin": pa.array(mined.score, pa.float32())},
    )
    write_table(bitext.table, job.out / "bitext.parquet")
    return {"in": len(texts[0]) + len(texts[1]), "out": len(bitext)}


def _bitext_of(
    aligned: Iterable[tuple[str, Version, Version, Beads]], langs: tuple[str, str]
) -> tuple[Bitext, dict[str, int]]:
    """Every bead a row, with its sentences' place in the documents and in their raw texts; and how many of each type."""
    names = ("id", "doc", "src", "tgt", "score.align", "unaligned", *_RANGES, *_PLACES)
    columns: dict[str, list[Any]] = {n: [] for n in names}
    types: Counter[str] = Counter()
    for doc, src, tgt, beads in aligned:
        types.update(beads.types())
        at = [0, 0]
        for k, (*sides, score, reason) in enumerate(beads.rows()):
            columns["id"].append(f"{doc}/{k}")
            columns["doc"].append(doc)
            columns["score.align"].append(score)
            columns["unaligned"].append(reason)
            for side, (name, version, indices) in enumerate(zip(("src", "tgt"), (src, tgt), sides, strict=True)):
                # An empty side stands where the bead before it ends.
                start, end = (indices[0], indices[-1] + 1) if indices else (at[side], at[side])
                at[side] = at[side] if reason == MOVED else end
                columns[name].append(version.text(start, end, langs[side]))
                columns[f"{name}_start"].append(start)
                columns[f"{name}_end"].append(end)
                columns[f"{name}_from"].append(version.starts[start] if indices else None)
                columns[f"{name}_to"].append(version.ends[end - 1] if indices else None)
                columns[f"{name}_source"].append(version.source if indices else None)
                columns[f"{name}_paragraph"].append(int(version.document.paragraphs[start]) if indices else None)
                columns[f"{name}_mark"].append(version.marks[start] if indices and version.marks else None)
    typed = {n: pa.array(columns[n], pa.int32()) for n in _RANGES}
    typed |= {n: pa.array(columns[n], pa.int32() if "paragraph" in n else pa.string()) for n in _PLACES}
    typed |= {n: pa.array(columns[n], pa.string()) for n in ("doc", "unaligned")}
    typed["score.align"] = pa.array(columns["score.align"], pa.float32())
    for name in ("unaligned", "src_source", "src_mark", "tgt_source", "tgt_mark"):
        if not any(columns[name]):
            del typed[name]
    bitext = Bitext.build(columns["src"], columns["tgt"], langs=langs, ids=columns["id"], columns=typed)
    return bitext, dict(sorted(types.items(), key=lambda kv: (-kv[1], kv[0])))
