"""Steps on documents: read, clean, identify, split, pair."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.document import DOCUMENTS, SENTENCES
from polyalign.pipeline.artefacts import Runs, Writer, count_by, stored, write_table
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, added, by_rows
from polyalign.pipeline.steps.sentences import versions_of

#: Sentences with the file that each is from, and the named place in it.
PLACED = pa.schema([*SENTENCES, ("source", pa.string()), ("mark", pa.string())])
#: Documents that were paired with another, and those that were not.
_PAIRS = pa.schema(
    [
        ("lang", pa.string()),
        ("source", pa.string()),
        ("partner_lang", pa.string()),
        ("partner", pa.string()),
        ("score", pa.float32()),
        ("reason", pa.string()),
    ]
)


def read_documents(method: Any, job: Job) -> Counts:
    """Read documents; what could not be read is told with its reason, in a table of its own."""
    # A reader that knows no runs gives all at once.
    parts = method.runs(job.languages) if hasattr(method, "runs") else [(method.read(job.languages), None)]
    counts: Counts = {"out": 0, "by_language": {}}
    with Writer(job.out / "documents.parquet") as documents, Writer(job.out / "rejects.parquet") as rejects:
        for table, left in parts:
            # With what else a reader knows, such as the named places of a text.
            schema = pa.schema([*DOCUMENTS, *(field for field in table.schema if field.name not in DOCUMENTS.names)])
            documents.write(table.select(schema.names).cast(schema))
            made: Counts = {"out": table.num_rows, "by_language": count_by(table, "lang")}
            if left is not None:
                rejects.write(left)
                if left.num_rows:
                    made["rejected"] = count_by(left, "reason")
            counts = added([counts, made])
    return counts


def write(method: Any, job: Job) -> Counts:
    """Write documents in a format of the user's choice."""
    source = stored(job.inputs[0])
    method.write(source, job.out / f"documents{method.suffix}")
    return {"in": source.rows, "out": source.rows}


def normalize(method: Any, job: Job) -> Counts:
    """Clean the texts, with the way back to the raw ones."""
    source = Runs.of(job.inputs[0] / "documents.parquet")
    return by_rows(partial(_normalize, method), source, job, label="normalise", unit="documents")


def _normalize(method: Any, table: pa.Table) -> Made:
    texts, starts, changed = [], [], 0
    for text in table["text"].to_pylist():
        result = method(text)
        changed += result.text != text
        texts.append(result.text)
        starts.append(result.starts)
    table = table.set_column(table.column_names.index("text"), "text", pa.array(texts, pa.large_string()))
    table = table.append_column("starts", pa.array(starts, pa.large_list(pa.int32())))
    return Made({"documents": table}, {"in": table.num_rows, "out": table.num_rows, "changed": changed})


def identify(method: Any, job: Job) -> Counts:
    """Note the language each text looks like."""
    source = Runs.of(job.inputs[0] / "documents.parquet")
    return by_rows(partial(_identify, method), source, job, label="identify", unit="documents")


def _identify(method: Any, table: pa.Table) -> Made:
    found = method(table["text"].to_pylist())
    table = table.append_column("identified", pa.array([f.lang for f in found], pa.string()))
    table = table.append_column("confidence", pa.array([f.confidence for f in found], pa.float32()))
    pairs = zip(table["lang"].to_pylist(), found, strict=True)
    other = Counter(f"{lang} looks like {f.lang}" for lang, f in pairs if f.lang not in (lang, langs.UNKNOWN))
    return Made({"documents": table}, {"in": table.num_rows, "out": table.num_rows, "other_language": dict(other)})


def split(method: Any, job: Job) -> Counts:
    """Split documents into sentences that know their place in the raw text."""
    source = Runs.of(job.inputs[0] / "documents.parquet")
    return by_rows(partial(_split, method), source, job, label="split", unit="documents")


def _split(method: Any, table: pa.Table) -> Made:
    columns: dict[str, list[Any]] = {name: [] for name in PLACED.names}
    all_starts = table["starts"] if "starts" in table.column_names else None
    sources = table["source"].to_pylist()
    marks = table["marks"].to_pylist() if "marks" in table.column_names else [None] * table.num_rows
    for row, (doc, lang, text) in enumerate(zip(*(table[c].to_pylist() for c in ("doc", "lang", "text")), strict=True)):
        result = method(text, lang)
        n = len(result.spans)
        # After normalisation a sentence still says where it stands in the raw text.
        raw = result.spans if all_starts is None else all_starts[row].values.to_numpy()[result.spans]
        columns["doc"] += [doc] * n
        columns["lang"] += [lang] * n
        columns["paragraph"] += result.paragraphs.tolist()
        columns["start"] += raw[:, 0].tolist()
        columns["end"] += raw[:, 1].tolist()
        columns["text"] += [text[a:b] for a, b in result.spans.tolist()]
        columns["source"] += [sources[row]] * n
        columns["mark"] += _marks(marks[row], raw[:, 0].tolist())
    out = pa.table(columns, schema=PLACED)
    counts = {"in": table.num_rows, "out": out.num_rows, "by_language": count_by(out, "lang")}
    return Made({"sentences": out}, counts)


def _marks(marks: list[dict[str, Any]] | None, starts: list[int]) -> list[str | None]:
    """The last named place at or before each sentence's start."""
    places = [mark["start"] for mark in marks or ()]
    found = [bisect_right(places, start) - 1 for start in starts]
    return [marks[k]["name"] if marks and k >= 0 else None for k in found]


def align_documents(method: Any, job: Job) -> Counts:
    """Give documents that go together one name: that of the one in the first language that has any.

    The documents of every other language are paired with those of the first, then what is left of these with what is left of
    the second, and so on. ``pairs.parquet`` tells which were paired, and why the others were not.
    """
    path = job.inputs[0] / "sentences.parquet"
    table = pq.read_table(path)
    counts: Counts = {"in": table.num_rows, "out": table.num_rows, "pairs": {}, "alone": {}}
    found = {lang: versions_of(table, lang) for lang in job.languages}
    del table
    left = {lang: [v.document for v in of.values()] for lang, of in found.items()}
    name_of: dict[tuple[str, str], str] = {}
    reasons: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    rows: list[dict[str, Any]] = []
    for number, pivot in enumerate(job.languages):
        src = left[pivot]
        for document in src:
            # What goes with none must not go with a namesake either.
            name_of[pivot, document.id] = f"{document.id} ({pivot})" if document.id in taken else document.id
        taken |= {name_of[pivot, document.id] for document in src}
        for lang in job.languages[number + 1 :]:
            tgt = left[lang]
            # What is encoded goes to the workers, if there are any; the pairing itself looks at all documents at once.
            pairs = method.align(src, tgt, (pivot, lang))
            counts["pairs"][lang] = counts["pairs"].get(lang, 0) + len(pairs)
            for a, b, score in zip(pairs.src.tolist(), pairs.tgt.tolist(), pairs.score.tolist(), strict=True):
                name_of[lang, tgt[b].id] = name_of[pivot, src[a].id]
                ends = (found[pivot][src[a].id].source, found[lang][tgt[b].id].source)
                rows.append(
                    {"lang": lang, "source": ends[1], "partner_lang": pivot, "partner": ends[0], "score": score}
                )
            reasons |= {(lang, tgt[alone.document].id): alone.reason for alone in pairs.tgt_alone}
            reasons |= {(pivot, src[alone.document].id): alone.reason for alone in pairs.src_alone}
            left[lang] = [tgt[alone.document] for alone in pairs.tgt_alone]
        if number:
            counts["alone"][pivot] = len(src)
    partners = Counter(name_of.values())
    for key, name in name_of.items():
        if partners[name] == 1:
            source = found[key[0]][key[1]].source
            rows.append(
                {"lang": key[0], "source": source, "reason": reasons.get(key, "no other language has a document")}
            )
    write_table(pa.Table.from_pylist(rows, schema=_PAIRS), job.out / "pairs.parquet")
    with Writer(job.out / "sentences.parquet") as writer:
        for run in Runs.of(path):
            names = zip(run["lang"].to_pylist(), run["doc"].to_pylist(), strict=True)
            renamed = pa.array([name_of.get(name, name[1]) for name in names], pa.string())
            writer.write(run.set_column(run.column_names.index("doc"), "doc", renamed))
    return counts
