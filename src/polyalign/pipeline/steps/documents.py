"""Steps on documents: read, clean, identify, split, pair."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.document import DOCUMENTS, SENTENCES
from polyalign.core.progress import track
from polyalign.pipeline.artefacts import count_by, write_table
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.steps.sentences import versions_of


def read_documents(method: Any, job: Job) -> Counts:
    """Read documents."""
    table = method.read(job.languages)
    write_table(table.cast(DOCUMENTS), job.out / "documents.parquet")
    return {"out": table.num_rows, "by_language": count_by(table, "lang")}


def normalize(method: Any, job: Job) -> Counts:
    """Clean the texts, with the way back to the raw ones."""
    table = pq.read_table(job.inputs[0] / "documents.parquet")
    texts, starts, changed = [], [], 0
    with track("normalise", total=table.num_rows, unit="documents") as progress:
        for text in table["text"].to_pylist():
            result = method(text)
            changed += result.text != text
            texts.append(result.text)
            starts.append(result.starts)
            progress.advance()
    table = table.set_column(table.column_names.index("text"), "text", pa.array(texts, pa.large_string()))
    table = table.append_column("starts", pa.array(starts, pa.large_list(pa.int32())))
    write_table(table, job.out / "documents.parquet")
    return {"in": table.num_rows, "out": table.num_rows, "changed": changed}


def identify(method: Any, job: Job) -> Counts:
    """Note the language each text looks like."""
    table = pq.read_table(job.inputs[0] / "documents.parquet")
    found = method(table["text"].to_pylist())
    table = table.append_column("identified", pa.array([f.lang for f in found], pa.string()))
    table = table.append_column("confidence", pa.array([f.confidence for f in found], pa.float32()))
    write_table(table, job.out / "documents.parquet")
    pairs = zip(table["lang"].to_pylist(), found, strict=True)
    other = Counter(f"{lang} looks like {f.lang}" for lang, f in pairs if f.lang not in (lang, langs.UNKNOWN))
    return {"in": table.num_rows, "out": table.num_rows, "other_language": dict(sorted(other.items()))}


def split(method: Any, job: Job) -> Counts:
    """Split documents into sentences that know their place in the raw text."""
    table = pq.read_table(job.inputs[0] / "documents.parquet")
    columns: dict[str, list[Any]] = {name: [] for name in SENTENCES.names}
    all_starts = table["starts"] if "starts" in table.column_names else None
    with track("split", total=table.num_rows, unit="documents") as progress:
        for row, (doc, lang, text) in enumerate(
            zip(*(table[c].to_pylist() for c in ("doc", "lang", "text")), strict=True)
        ):
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
            progress.advance()
    out = pa.table(columns, schema=SENTENCES)
    write_table(out, job.out / "sentences.parquet")
    return {"in": table.num_rows, "out": out.num_rows, "by_language": count_by(out, "lang")}


def align_documents(method: Any, job: Job) -> Counts:
    """Give the documents of every other language the names of the first language's that they go with."""
    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    pivot = job.languages[0]
    names = table["doc"].to_pylist()
    tags = table["lang"].to_pylist()
    src = [v.document for v in versions_of(table, pivot).values()]
    taken = {d.id for d in src}
    counts: Counts = {"in": table.num_rows, "out": table.num_rows, "pairs": {}, "alone": {}}
    rename: dict[tuple[str, str], str] = {}
    for lang in job.languages[1:]:
        tgt = [v.document for v in versions_of(table, lang).values()]
        pairs = method.align(src, tgt, (pivot, lang))
        for a, b in pairs.as_dict().items():
            rename[lang, tgt[b].id] = src[a].id
        for alone in pairs.tgt_alone:
            # What goes with none must not go with a namesake either.
            name = tgt[alone.document].id
            rename[lang, name] = f"{name} ({lang})" if name in taken else name
        counts["pairs"][lang] = len(pairs)
        counts["alone"][lang] = len(pairs.tgt_alone)
    renamed = [rename.get((lang, name), name) for lang, name in zip(tags, names, strict=True)]
    table = table.set_column(table.column_names.index("doc"), "doc", pa.array(renamed, pa.string()))
    write_table(table, job.out / "sentences.parquet")
    return counts
