"""The report of `polyalign corpus`: what was read, what was paired, how good the pairs probably are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.files import write_text
from polyalign.core.rng import generator
from polyalign.report import summary, views
from polyalign.report.page import (
    clipped,
    contents,
    details,
    foreign,
    number,
    page,
    pair_name,
    pair_of,
    section,
    table,
    text,
)
from polyalign.report.quality import quality
from polyalign.report.record import Record, Unit, read_record
from polyalign.report.sample import rows_of, take

_HEADING = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>')
#: Pairs of a review, and rows that lists on the page show.
_REVIEW, _ROWS, _LONG = 100, 200, 400
_YES, _NO = frozenset("1 y yes right true +".split()), frozenset("0 n no wrong false -".split())
_THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
Row = Mapping[str, Any]


def write_corpus_report(
    folder: Path, files: Sequence[Row], path: Path, reviewed: Path | None = None, *, title: str = ""
) -> Path:
    """Write the report of a corpus made from a folder: one file, no script, nothing loaded from elsewhere.

    Args:
        folder: The run folder.
        files: What became of every file, rows of `pipeline.gather.FILES`.
        path: Where to write it.
        reviewed: A filled-in review.
        title: What it is headed with; by default the project's name.

    Raises:
        DataError: The folder is not that of a finished run.
    """
    record = read_record(folder)
    parts = [
        quality(record, folder, reviewed),
        _read(files),
        _mismatches(files),
        _paired(record),
        views.bead_types(record),
        _null_runs(record),
        views.kept(record),
        views.distributions(record),
        _outliers(record),
        views.excerpts(record),
        _samples(record),
        views.worst(record),
        summary.steps(record),
        summary.cost(record),
        summary.methods(record),
    ]
    parts = [part for part in parts if part]
    titles = [(match[1], match[2]) for part in parts if (match := _HEADING.match(part))]
    body = _header(record, files) + contents(titles) + "<main>\n" + "".join(parts) + "</main>\n"
    write_text(path, page(f"{title or record.name} — polyalign corpus", body))
    return path


def _header(record: Record, files: Sequence[Row]) -> str:
    tags = [f"{text(langs.name(tag))} <code>{text(tag)}</code>" for tag in record.languages]
    kinds = Counter(row["what"] for row in files)
    kept = sum(rows_of(path) for pair in record.pairs if (path := record.corpus(pair)) is not None)
    unit = record.last("documents.align")
    paired = sum(unit.counts["pairs"].values()) if unit is not None else 0
    totals = [
        (number(kinds["document"]), "documents read"), (number(kinds["bitext"]), "bitexts read"),
        (number(kinds["rejected"] + kinds["unknown"]), "files not used"), (number(paired), "documents paired"),
        (number(kept), "sentence pairs"),
    ]  # fmt: skip
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for value, name in totals)
    return (
        f'<header><p class="kicker">polyalign corpus</p><h1>{text(record.name)}</h1>'
        f'<p class="deck">{" · ".join(tags)}</p><dl class="totals">{cells}</dl></header>\n'
    )


def _read(files: Sequence[Row]) -> str:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in files:
        if row["what"] in ("document", "bitext"):
            groups.setdefault((row["format"], row["lang"]), []).append(row)
    rows = [
        [
            f"<b>{text(_language(lang))}</b>",
            text(kind),
            number(len(held)),
            number(sum(r["characters"] or 0 for r in held)),
        ]
        for (kind, lang), held in sorted(groups.items(), key=lambda kv: (kv[0][1], kv[0][0]))
    ]
    body = table(["language", "format", "documents", "characters"], rows, numeric=(2, 3))
    gone = [row for row in files if row["what"] in ("rejected", "unknown")]
    if gone:
        body += details(f"What was not used, and why ({len(gone)})", _listed(gone), open=len(gone) <= 12)
    return section("read", "What was read", body)


def _listed(gone: Sequence[Row]) -> str:
    shown = [[f"<code>{text(r['source'])}</code>", text(clipped(r["reason"] or "", _LONG))] for r in gone[:_ROWS]]
    more = f'<p class="small">and {len(gone) - _ROWS:,} more</p>' if len(gone) > _ROWS else ""
    return table(["file", "why"], shown) + more


def _language(lang: str) -> str:
    return pair_name(lang) if "-" in lang else langs.name(lang)


def _mismatches(files: Sequence[Row]) -> str:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in files:
        looks, stated = row["looks_like"], row["stated"]
        if row["what"] == "document" and looks != langs.UNKNOWN and stated not in (langs.UNKNOWN, looks):
            groups.setdefault((stated, looks, row["lang"]), []).append(row)
    if not groups:
        return ""
    ordered = sorted(groups.items(), key=lambda kv: (-len(kv[1]), kv[0]))
    rows = [[*(text(langs.name(tag)) for tag in tags), number(len(held))] for tags, held in ordered]
    body = table(["states", "looks like", "taken as", "documents"], rows, numeric=(3,))
    for (stated, looks, _), held in ordered:
        shown = [[f"<code>{text(r['source'])}</code>", f"{r['confidence']:.2f}"] for r in held[:_ROWS]]
        title = f"{langs.name(stated)} that looks like {langs.name(looks)} ({len(held):,})"
        body += details(title, table(["document", "sure"], shown, numeric=(1,)))
    lead = "Documents that state another language than they look like. A name is believed before the text, the text before what a file says inside."
    return section("languages", "Doubtful languages", body, lead=lead)


def _paired(record: Record) -> str:
    unit = record.last("documents.align")
    if unit is None:
        return ""
    pairs = pq.read_table(unit.path("pairs.parquet")).to_pylist()
    found = [p for p in pairs if p["partner"] is not None]
    alone = [p for p in pairs if p["partner"] is None]
    rows = [
        [f"<code>{text(p['partner'])}</code>", f"<code>{text(p['source'])}</code>", text(f"{langs.name(p['partner_lang'])}, {langs.name(p['lang'])}"), f"{p['score']:.2f}"]
        for p in sorted(found, key=lambda p: (p["score"], p["partner"]))[:_ROWS]
    ]  # fmt: skip
    body = ""
    if rows:
        shown = f"the {_ROWS} least sure of {len(found):,}" if len(found) > _ROWS else f"{len(found):,}"
        body += details(f"Paired, the least sure first ({shown})", table(["document", "its version", "languages", "probability"], rows, numeric=(3,)), open=len(found) <= 20)  # fmt: skip
    if alone:
        rows = [
            [f"<code>{text(p['source'])}</code>", text(langs.name(p["lang"])), text(p["reason"] or "")]
            for p in alone[:_ROWS]
        ]
        body += details(f"Alone ({len(alone):,})", table(["document", "language", "why"], rows), open=len(alone) <= 12)
    lead = f"{len(found):,} documents were found to be versions of another; {len(alone):,} have none. They are paired by their names if these prove right, else by words, numbers, structure and meaning."
    return section("documents", "Documents paired", body, lead=lead)


def _null_runs(record: Record) -> str:
    """Where many sentences in a row have no counterpart."""
    rows = []
    for pair in record.pairs:
        unit = record.last("sentences.align", pair)
        if unit is None:
            continue
        for doc, side, first, last, opening in _runs(unit):
            tag = pair_of(pair)[side]
            rows.append((last - first, [f"<code>{text(doc)}</code>", text(langs.name(tag)), number(last - first), f"{first}–{last - 1}", foreign(clipped(opening, 120), tag)]))  # fmt: skip
    rows = sorted(rows, key=lambda row: -row[0])[:20]
    if not rows:
        return ""
    lead = "The longest runs of sentences without a counterpart: parts that one version lacks, or where the aligner lost its way."
    head = ["document", "language", "sentences", "numbers", "begins"]
    return section("gaps", "Gaps", table(head, [row for _, row in rows], numeric=(2,)), lead=lead)


def _runs(unit: Unit, least: int = 3) -> list[tuple[str, int, int, int, str]]:
    """Document, side, first and last sentence, and the opening of each run of sentences without a counterpart."""
    wanted = ["doc", "src", "tgt", "src_start", "src_end", "tgt_start", "tgt_end"]
    held = pq.read_table(unit.path("bitext.parquet"), columns=wanted)
    numbers = {c: held[c].to_numpy() for c in wanted[3:]}
    docs = held["doc"].combine_chunks().dictionary_encode().indices.to_numpy()
    out = []
    for side, (own, other) in enumerate((("src", "tgt"), ("tgt", "src"))):
        size = numbers[f"{own}_end"] - numbers[f"{own}_start"]
        alone = (size > 0) & (numbers[f"{other}_end"] == numbers[f"{other}_start"])
        rows = np.flatnonzero(alone)
        if not len(rows):
            continue
        # A run goes on where the next one without a counterpart is the next sentence.
        follows = (docs[rows[1:]] == docs[rows[:-1]]) & (
            numbers[f"{own}_start"][rows[1:]] == numbers[f"{own}_end"][rows[:-1]]
        )
        edges = np.concatenate([[0], np.flatnonzero(~follows) + 1, [len(rows)]])
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            first, last = int(numbers[f"{own}_start"][rows[a]]), int(numbers[f"{own}_end"][rows[b - 1]])
            if last - first >= least:
                row = int(rows[a])
                out.append((held["doc"][row].as_py(), side, first, last, held[own][row].as_py()))
    return sorted(out, key=lambda run: run[2] - run[3])[:20]


def _outliers(record: Record) -> str:
    """Kept pairs with the most unequal sides."""
    parts = []
    for pair in record.pairs:
        path = record.corpus(pair)
        if path is None or not rows_of(path):
            continue
        held = pq.read_table(path, columns=["src", "tgt"])
        lengths = [np.asarray([len(t) for t in held[side].to_pylist()], np.float64) for side in ("src", "tgt")]
        ratio = np.log2(np.maximum(lengths[1], 1) / np.maximum(lengths[0], 1))
        far = np.where(np.maximum(*lengths) >= 20, np.abs(ratio - np.median(ratio)), 0)
        rows = [int(k) for k in np.argsort(-far, kind="stable")[:8] if far[k] > 1]
        if rows:
            parts.append(details(f"{pair_name(pair)}: {len(rows)} shown", _pairs(take(path, rows).to_pylist(), pair)))
    lead = "Kept pairs whose sides differ most in length from what is usual between these languages: more than twice as long, or half."
    return section("outliers", "Length outliers", "".join(parts), lead=lead) if parts else ""


def _samples(record: Record) -> str:
    parts = []
    for n, pair in enumerate(record.pairs):
        path = record.corpus(pair)
        if path is not None and rows_of(path):
            rows = np.sort(generator(1, f"samples {pair}").permutation(rows_of(path))[:12])
            parts.append(
                details(
                    f"{pair_name(pair)}, {len(rows)} at random",
                    _pairs(take(path, rows.tolist()).to_pylist(), pair),
                    open=n < 3,
                )
            )
    lead = "With the file, the paragraph, the named place and the code points that each side is from."
    return section("samples", "Samples", "".join(parts), lead=lead) if parts else ""


def _pairs(rows: Sequence[Row], pair: str) -> str:
    """Pairs side by side, with where they are from."""
    tags = pair_of(pair)
    head = "".join(f'<th scope="col">{text(h)}</th>' for h in ("score", *map(langs.name, tags)))
    body = []
    for row in rows:
        cells = "".join(
            f"<td><p>{foreign(clipped(row[side], _LONG), tag)}</p><p><small>{text(_where(row, side))}</small></p></td>"
            for side, tag in zip(("src", "tgt"), tags, strict=True)
        )
        score = row.get("score.align")
        body.append(f'<tr><th scope="row"><b>{"–" if score is None else f"{score:.2f}"}</b></th>{cells}</tr>')
    return f'<table class="sides"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def _where(row: Row, side: str) -> str:
    """Where a side is from, in words."""
    parts = [row.get(f"{side}_source") or "", row.get(f"{side}_mark") or ""]
    if row.get(f"{side}_paragraph") is not None:
        parts.append(f"paragraph {row[f'{side}_paragraph']}")
    if row.get(f"{side}_from") is not None:
        parts.append(f"{row[f'{side}_from']:,}–{row[f'{side}_to']:,}")
    return ", ".join(part for part in parts if part)
