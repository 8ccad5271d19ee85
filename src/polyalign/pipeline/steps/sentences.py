"""Steps on sentences: align two languages or all of them, project, mine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.beads import MOVED, Beads
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.langs import sentence_space
from polyalign.pipeline.artefacts import write_table
from polyalign.pipeline.job import Counts, Job

_RANGES = ("src_start", "src_end", "tgt_start", "tgt_end", "src_from", "src_to", "tgt_from", "tgt_to")


@dataclass(frozen=True, slots=True)
class Version:
    """A document in one language, and where in the raw text each sentence starts and ends."""

    document: Document
    starts: list[int]
    ends: list[int]

    def text(self, start: int, end: int, lang: str) -> str:
        """Sentences as one text."""
        return sentence_space(lang).join(self.document.sentences[start:end])


def versions_of(table: pa.Table, lang: str) -> dict[str, Version]:
    """The documents of one language by id."""
    rows = table.filter(pc.equal(table["lang"], lang))
    columns = {c: rows[c].to_pylist() for c in ("doc", "paragraph", "start", "end", "text")}
    edges = [i for i in range(rows.num_rows) if i == 0 or columns["doc"][i] != columns["doc"][i - 1]] + [rows.num_rows]
    found: dict[str, Version] = {}
    for a, b in zip(edges, edges[1:], strict=False):
        doc = columns["doc"][a]
        document = Document(doc, tuple(columns["text"][a:b]), np.asarray(columns["paragraph"][a:b], np.int32))
        found[doc] = Version(document, columns["start"][a:b], columns["end"][a:b])
    return found


def align_sentences(method: Any, job: Job) -> Counts:
    """Align the versions of every document that both languages of the pair have."""
    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    src, tgt = (versions_of(table, lang) for lang in job.langs)
    shared = [doc for doc in src if doc in tgt]
    if not shared:
        raise DataError(
            f"{'-'.join(job.langs)}: no document has both languages ({len(src)} and {len(tgt)} documents); the two versions of a document need the same name, or a step documents.align before"
        )
    beads = method.align([src[d].document for d in shared], [tgt[d].document for d in shared])
    aligned = zip(shared, (src[d] for d in shared), (tgt[d] for d in shared), beads, strict=True)
    bitext, types = _bitext_of(aligned, job.langs)
    write_table(bitext.table, job.out / "bitext.parquet")
    return {
        "in": len(shared),
        "out": len(bitext),
        "without_partner": len(src) + len(tgt) - 2 * len(shared),
        "beads": types,
    }


def align_jointly(method: Any, job: Job) -> Counts:
    """Align the versions of every document in all the languages that have it."""
    from polyalign.sentences.segments import segments_table

    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    found = {lang: versions_of(table, lang) for lang in job.languages}
    docs = [d for d in dict.fromkeys(table["doc"].to_pylist()) if any(d in v for v in found.values())]
    documents = {lang: [v[d].document if d in v else None for d in docs] for lang, v in found.items()}
    aligned = method.align(documents)
    segments = segments_table(documents, aligned)
    write_table(segments, job.out / "segments.parquet")
    # With the sentences, from which the pairs' texts are made.
    write_table(table, job.out / "sentences.parquet")
    ways = Counter(n for m in aligned for n in m.select(m.langs).ways().tolist())
    return {"in": len(docs), "out": sum(ways.values()), "n_ways": {str(n): ways[n] for n in sorted(ways)}}


def project(method: Any, job: Job) -> Counts:
    """Take one pair's bitext out of the joint alignment."""
    from polyalign.sentences.segments import by_document

    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    src, tgt = (versions_of(table, lang) for lang in job.langs)
    joint = by_document(pq.read_table(job.inputs[0] / "segments.parquet"))
    aligned = [
        (doc, src[doc], tgt[doc], method.project(m, *job.langs))
        for doc, m in joint.items()
        if doc in src and doc in tgt
    ]
    bitext, types = _bitext_of(aligned, job.langs)
    write_table(bitext.table, job.out / "bitext.parquet")
    return {"in": len(aligned), "out": len(bitext), "beads": types}


def mine(method: Any, job: Job) -> Counts:
    """Find pairs of sentences wherever they stand."""
    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    sides = [table.filter(pc.equal(table["lang"], lang)) for lang in job.langs]
    texts = [side["text"].to_pylist() for side in sides]
    mined = method.mine(*texts)
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
    columns: dict[str, list[Any]] = {n: [] for n in ("id", "doc", "src", "tgt", "score.align", "unaligned", *_RANGES)}
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
    typed = {n: pa.array(columns[n], pa.int32()) for n in _RANGES}
    typed |= {n: pa.array(columns[n], pa.string()) for n in ("doc", "unaligned")}
    typed["score.align"] = pa.array(columns["score.align"], pa.float32())
    if not any(columns["unaligned"]):
        del typed["unaligned"]
    bitext = Bitext.build(columns["src"], columns["tgt"], langs=langs, ids=columns["id"], columns=typed)
    return bitext, dict(sorted(types.items(), key=lambda kv: (-kv[1], kv[0])))
