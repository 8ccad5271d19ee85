"""What each task takes and gives, and how a method of it is run on stored results.

The methods know nothing of files; here their verbs meet the artefacts that pass between levels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.beads import IndexBead, parse_vecalign
from polyalign.core.bitext import Bitext
from polyalign.core.document import DOCUMENTS, SENTENCES, Document
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.links import Links
from polyalign.core.params import params_of
from polyalign.core.progress import track
from polyalign.pipeline.artefacts import count_by, read_bitext, read_links, write_table

Kind = Literal["documents", "sentences", "bitext", "links", "lexicon", "score", "file"]
Counts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: a step for one language pair, or for all languages at once.

    Args:
        languages: The project's languages.
        pair: The language pair; None for a step over all languages.
        inputs: The folders of its inputs.
        options: What the step says beside the method's parameters.
        out: The folder to write to.
    """

    languages: tuple[str, ...]
    pair: tuple[str, str] | None
    inputs: tuple[Path, ...]
    options: Mapping[str, Any]
    out: Path

    @property
    def langs(self) -> tuple[str, str]:
        """The pair of a step that runs pair by pair."""
        assert self.pair is not None
        return self.pair


@dataclass(frozen=True, slots=True)
class Task:
    """What a task takes and gives.

    Args:
        takes: The kind of each input; ``joins`` says whether the last may be given several times.
        gives: The kind of its result.
        per_pair: Whether it runs once a language pair.
        run: Runs a method on a job and returns what it counted.
        files: The files outside the run that a method reads, for the content key.
        joins: Whether further inputs of the last kind are joined to it.
        options: Names of the step's options beside the method's parameters; all of them are paths.
    """

    takes: tuple[Kind, ...]
    gives: Kind
    per_pair: bool
    run: Callable[[Any, Job], Counts]
    files: Callable[[Any, Job], list[Path]] = lambda method, job: []
    joins: bool = False
    options: tuple[str, ...] = ()


def _read_documents(method: Any, job: Job) -> Counts:
    table = method.read(job.languages)
    write_table(table.cast(DOCUMENTS), job.out / "documents.parquet")
    return {"out": table.num_rows, "by_language": count_by(table, "lang")}


def _normalize(method: Any, job: Job) -> Counts:
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


def _identify(method: Any, job: Job) -> Counts:
    table = pq.read_table(job.inputs[0] / "documents.parquet")
    found = method(table["text"].to_pylist())
    table = table.append_column("identified", pa.array([f.lang for f in found], pa.string()))
    table = table.append_column("confidence", pa.array([f.confidence for f in found], pa.float32()))
    write_table(table, job.out / "documents.parquet")
    pairs = zip(table["lang"].to_pylist(), found, strict=True)
    other = Counter(f"{lang} looks like {f.lang}" for lang, f in pairs if f.lang not in (lang, langs.UNKNOWN))
    return {"in": table.num_rows, "out": table.num_rows, "other_language": dict(sorted(other.items()))}


def _split(method: Any, job: Job) -> Counts:
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


def _documents_of(table: pa.Table, lang: str) -> dict[str, tuple[Document, list[int], list[int]]]:
    """The documents of one language by id, with the raw start and end of every sentence."""
    rows = table.filter(pc.equal(table["lang"], lang))
    columns = {c: rows[c].to_pylist() for c in ("doc", "paragraph", "start", "end", "text")}
    docs: dict[str, tuple[Document, list[int], list[int]]] = {}
    edges = [i for i in range(rows.num_rows) if i == 0 or columns["doc"][i] != columns["doc"][i - 1]] + [rows.num_rows]
    for a, b in zip(edges, edges[1:], strict=False):
        doc = columns["doc"][a]
        document = Document(doc, tuple(columns["text"][a:b]), np.asarray(columns["paragraph"][a:b], np.int32))
        docs[doc] = (document, columns["start"][a:b], columns["end"][a:b])
    return docs


def _align_sentences(method: Any, job: Job) -> Counts:
    table = pq.read_table(job.inputs[0] / "sentences.parquet")
    src, tgt = (_documents_of(table, lang) for lang in job.langs)
    shared = [doc for doc in src if doc in tgt]
    alone = len(src) + len(tgt) - 2 * len(shared)
    if not shared:
        raise DataError(
            f"{'-'.join(job.langs)}: no document has both languages ({len(src)} and {len(tgt)} documents); the two versions of a document need the same name"
        )
    beads = method.align([src[d][0] for d in shared], [tgt[d][0] for d in shared])
    columns: dict[str, list[Any]] = {n: [] for n in ("id", "doc", "src", "tgt", "score.align", *_RANGES)}
    types: Counter[str] = Counter()
    for doc, b in zip(shared, beads, strict=True):
        types.update(b.types())
        ranges = [b.src_start.tolist(), b.src_end.tolist(), b.tgt_start.tolist(), b.tgt_end.tolist()]
        columns["id"] += [f"{doc}/{k}" for k in range(len(b))]
        columns["doc"] += [doc] * len(b)
        columns["score.align"] += b.score.tolist()
        for name, values in zip(_RANGES[:4], ranges, strict=True):
            columns[name] += values
        for side, docs, starts, ends in (("src", src, ranges[0], ranges[1]), ("tgt", tgt, ranges[2], ranges[3])):
            document, first, last = docs[doc]
            # Chinese and its like put no space between sentences, so neither do joined beads.
            glue = "" if job.langs[0 if side == "src" else 1].split("_")[1] in _UNSPACED else " "
            columns[side] += [glue.join(document.sentences[a:c]) for a, c in zip(starts, ends, strict=True)]
            columns[f"{side}_from"] += [first[a] if a < c else None for a, c in zip(starts, ends, strict=True)]
            columns[f"{side}_to"] += [last[c - 1] if a < c else None for a, c in zip(starts, ends, strict=True)]
    typed = {n: pa.array(columns[n], pa.int32()) for n in _RANGES}
    typed |= {
        "doc": pa.array(columns["doc"], pa.string()),
        "score.align": pa.array(columns["score.align"], pa.float32()),
    }
    bitext = Bitext.build(columns["src"], columns["tgt"], langs=job.langs, ids=columns["id"], columns=typed)
    write_table(bitext.table, job.out / "bitext.parquet")
    return {
        "in": len(shared),
        "out": len(bitext),
        "without_partner": alone,
        "beads": dict(sorted(types.items(), key=lambda kv: (-kv[1], kv[0]))),
    }


_RANGES = ("src_start", "src_end", "tgt_start", "tgt_end", "src_from", "src_to", "tgt_from", "tgt_to")
_UNSPACED = {"Hans", "Hant", "Hani", "Jpan", "Thai", "Khmr", "Laoo", "Mymr", "Tibt"}


def _read_bitext(method: Any, job: Job) -> Counts:
    bitext = method.read(job.langs)
    write_table(bitext.table, job.out / "bitext.parquet")
    return {"out": len(bitext)}


def _select(method: Any, job: Job) -> Counts:
    bitext = read_bitext(job.inputs[0])
    kept, dropped = method.select(bitext)
    write_table(kept.table, job.out / "bitext.parquet")
    write_table(dropped, job.out / "dropped.parquet")
    return {"in": len(bitext), "out": len(kept), "dropped": count_by(dropped, "reason")}


def _tokenize(method: Any, job: Job) -> Counts:
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


def _align_words(method: Any, job: Job) -> Counts:
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


def _lexicon(method: Any, job: Job) -> Counts:
    bitext, links = read_links(job.inputs[0])
    table = method.extract(bitext, links)
    write_table(table, job.out / "lexicon.parquet")
    return {"in": len(bitext), "out": table.num_rows}


def _aer(method: Any, job: Job) -> Counts:
    bitext, links = read_links(job.inputs[0])
    gold = read_bitext(job.inputs[1])
    where = {id: row for row, id in enumerate(bitext.ids)}
    absent = [id for id in gold.ids if id not in where]
    if absent:
        raise DataError(
            f'gold pair {absent[0]!r} ({len(absent)} of {len(gold)} in all) was not aligned; join the gold bitext to the aligner\'s input: in = ["...", "gold"]'
        )
    reference = Links.from_pharaoh(gold.column("links"), where="the gold bitext's column 'links'")
    return _score(method.score(links.take([where[id] for id in gold.ids]), reference), job)


def _gold_files(job: Job, docs: list[str]) -> dict[str, Path]:
    src, tgt = job.langs
    template = str(job.options["gold"])
    return {d: Path(template.replace("{doc}", d).replace("{src}", src).replace("{tgt}", tgt)) for d in docs}


def _sentence_f1(method: Any, job: Job) -> Counts:
    bitext = read_bitext(job.inputs[0])
    ranges = zip(*(bitext.column(c) for c in _RANGES[:4]), strict=True)
    hypotheses: dict[str, list[IndexBead]] = {}
    for doc, (a, b, c, d) in zip(bitext.column("doc"), ranges, strict=True):
        hypotheses.setdefault(doc, []).append((tuple(range(a, b)), tuple(range(c, d))))
    gold = {doc: path for doc, path in _gold_files(job, list(hypotheses)).items() if path.exists()}
    if not gold:
        raise DataError(
            f"gold {job.options['gold']!r}: no file for any of {len(hypotheses)} documents; {{doc}}, {{src}} and {{tgt}} stand for the document and the two languages"
        )
    references = []
    for doc, path in gold.items():
        beads = parse_vecalign(read_lines(path), str(path))
        for side in (0, 1):
            have = 1 + max((i for bead in hypotheses[doc] for i in bead[side]), default=-1)
            want = 1 + max((i for bead in beads for i in bead[side]), default=-1)
            if want > have:
                raise DataError(
                    f"{path}: names sentence {want - 1}, but {doc} was split into {have} in {job.langs[side]}; gold and splitter must agree"
                )
        references.append(beads)
    return _score(method.score([hypotheses[d] for d in gold], references), job)


def _sentence_gold(method: Any, job: Job) -> list[Path]:
    # Which documents there are is not known before the run, so every file beside the template counts.
    folder = (
        Path(str(job.options["gold"]).split("{", maxsplit=1)[0]).parent
        if "{" in str(job.options["gold"])
        else Path(str(job.options["gold"]))
    )
    return [folder]


def _named_files(method: Any, job: Job) -> list[Path]:
    """The files that a method's own parameters name, such as a dictionary."""
    named = (getattr(method, p.name) for p in params_of(type(method)) if p.is_path)
    return [Path(name) for name in named if name]


def _score(score: Any, job: Job) -> Counts:
    (job.out / "score.json").write_text(json.dumps(score.to_json(), indent=1), encoding="utf-8")
    return {"in": score.n, "value": score.value}


def _write(method: Any, job: Job) -> Counts:
    bitext = read_bitext(job.inputs[0])
    method.write(bitext, job.out / f"{'-'.join(job.langs)}{method.suffix}")
    return {"in": len(bitext), "out": len(bitext)}


TASKS: dict[str, Task] = {
    "corpus.documents": Task((), "documents", False, _read_documents, lambda m, j: m.inputs(j.languages)),
    "text.normalize": Task(("documents",), "documents", False, _normalize),
    "text.identify": Task(("documents",), "documents", False, _identify),
    "text.split": Task(("documents",), "sentences", False, _split),
    "sentences.align": Task(("sentences",), "bitext", True, _align_sentences, _named_files),
    "corpus.bitext": Task((), "bitext", True, _read_bitext, lambda m, j: m.inputs(j.langs)),
    "corpus.select": Task(("bitext",), "bitext", True, _select),
    "text.tokenize": Task(("bitext",), "bitext", True, _tokenize),
    "words.align": Task(("bitext",), "links", True, _align_words, _named_files, joins=True),
    "words.lexicon": Task(("links",), "lexicon", True, _lexicon),
    "corpus.write": Task(("bitext",), "file", True, _write),
    "evaluate/aer": Task(("links", "bitext"), "score", True, _aer),
    "evaluate/sentences": Task(("bitext",), "score", True, _sentence_f1, _sentence_gold, options=("gold",)),
}


def task_of(method_id: str) -> Task | None:
    """The task of a method, if it can be a step of a project."""
    return TASKS.get(method_id) or TASKS.get(method_id.split("/")[0])
