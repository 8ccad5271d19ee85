"""The parts of the report that come from what a run says about itself: scores, steps, cost, methods."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from polyalign import __version__
from polyalign.core import langs, registry
from polyalign.report import svg
from polyalign.report.page import (
    details,
    duration,
    memory,
    most_first,
    number,
    pair_name,
    percent,
    section,
    table,
    text,
)
from polyalign.report.record import Record, Unit
from polyalign.report.references import reference
from polyalign.report.sample import rows_of


@dataclass(frozen=True, slots=True)
class _Metric:
    """How a score is told.

    Args:
        title: Its name in full.
        meaning: What the number says, for anyone.
        rows: The prefix of each row of precision, recall and F1, by the row's name.
        items: What it was resampled over.
    """

    title: str
    meaning: str
    rows: Mapping[str, str]
    items: str


_METRICS = {
    "evaluate/aer": _Metric(
        "Alignment error rate",
        "The share of word links that are wrong or missing, against links drawn by hand: 0 is a perfect alignment, "
        "lower is better. Precision is the share of the links found that are right, recall the share of the sure gold "
        "links that were found.",
        {"links": ""},
        "sentence pairs",
    ),
    "evaluate/sentences": _Metric(
        "Sentence alignment, strict F1",
        "How well the sentences were paired, against pairs made by hand: 1 is perfect, higher is better. Strict counts "
        "a group of sentences only if exactly the same ones are together in the gold standard, lax already if one "
        "sentence of each side belongs together.",
        {"strict": "strict_", "lax": "lax_"},
        "items",
    ),
}
_KINDS = {
    "documents": "texts",
    "sentences": "sentences",
    "multiway": "segments",
    "bitext": "pairs",
    "links": "pairs",
    "lexicon": "entries",
    "file": "pairs",
}


def header(record: Record) -> str:
    """The name, the languages and the totals."""
    tags = [f"{text(langs.name(tag))} <code>{text(tag)}</code>" for tag in record.languages]
    totals: list[tuple[str, str]] = []
    for kind, name in (("documents", "texts read"), ("sentences", "sentences")):
        if (unit := record.last(kind)) is not None and "out" in unit.counts:
            totals.append((number(unit.counts["out"]), name))
    kept = [rows_of(path) for pair in record.pairs if (path := record.corpus(pair)) is not None]
    if kept:
        totals.append((number(sum(kept)), "sentence pairs kept"))
    for kind, key, name in (("links", "links", "word links"), ("lexicon", "out", "lexicon entries")):
        found = [u.counts[key] for p in record.pairs if (u := record.last(kind, p)) is not None and key in u.counts]
        if found:
            totals.append((number(sum(found)), name))
    seconds = [u.seconds for u in record.units if u.seconds is not None]
    if seconds:
        totals.append((duration(sum(seconds)), "of work"))
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for value, name in totals)
    pairs = f"{len(record.pairs)} language pair{'s' if len(record.pairs) != 1 else ''}"
    return (
        f'<header><p class="kicker">polyalign report</p><h1>{text(record.name)}</h1>'
        f'<p class="deck">{" · ".join(tags)} — {pairs}</p><dl class="totals">{cells}</dl></header>\n'
    )


def scores(record: Record) -> str:
    """What was measured, as cards with intervals."""
    methods = {u.step: u.method for u in record.units}
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for score in record.scores:
        groups.setdefault(methods.get(score["step"], score["name"]), []).append(score)
    out = []
    for method, found in groups.items():
        metric = _METRICS.get(method, _Metric(str(found[0]["name"]), "", {}, "items"))
        steps = len({s["step"] for s in found}) > 1
        cards = "".join(_card(score, metric, name_step=steps) for score in found)
        told = f'<p class="lead">{text(metric.meaning)}</p>' if metric.meaning else ""
        wide = " wide" if len(found) > 2 else ""
        out.append(
            f'<div class="metric{wide}"><h3>{text(metric.title)}</h3>{told}<div class="cards">{cards}</div></div>'
        )
    return section("scores", "Scores", f'<div class="metrics">{"".join(out)}</div>') if out else ""


def _card(score: Mapping[str, Any], metric: _Metric, *, name_step: bool) -> str:
    value, (low, high), parts = score["value"], score["ci"], dict(score["parts"])
    step = f" <code>{text(score['step'])}</code>" if name_step else ""
    out = [f"<h4>{text(pair_name(score['pair']))}{step}</h4>"]
    out.append(f'<p class="figure">{number(float(value))}</p>')
    told = f"95 % interval {number(low)} to {number(high)}" if low < high else "No interval"
    if value == value and 0 <= value <= 1:
        out.append(svg.interval(value, low, high, f"{score['name']} {number(float(value))}, {told}"))
    out.append(f'<p class="small">{told}, on {score["n"]:,} {metric.items}</p>')
    shown = [
        (name, [parts.get(prefix + key) for key in ("precision", "recall", "f1")])
        for name, prefix in metric.rows.items()
    ]
    shown = [(name, values) for name, values in shown if any(v is not None for v in values)]
    if shown:
        cells = [[text(name), *("–" if v is None else number(float(v)) for v in values)] for name, values in shown]
        out.append(table(["", "precision", "recall", "F1"], cells, numeric=(1, 2, 3)))
    told_already = {prefix + key for prefix in metric.rows.values() for key in ("precision", "recall", "f1")}
    rest = {k: v for k, v in parts.items() if k not in told_already}
    if rest:
        listed = ", ".join(
            f"{k.replace('_', ' ')} {v:,.0f}" if float(v).is_integer() else f"{k.replace('_', ' ')} {number(v)}"
            for k, v in rest.items()
        )
        out.append(f'<p class="small">{text(listed)}</p>')
    return f'<article class="card">{"".join(out)}</article>'


def steps(record: Record) -> str:
    """What went in and came out of every step."""
    head = ["step", "for", "in", "out", "dropped", "time", "peak memory", "result"]
    rows: list[list[str]] = []
    previous = ""
    for u in record.units:
        again = u.step == previous
        previous, counts = u.step, u.counts
        rows.append(
            [
                f'<span class="again">{text(u.step)}</span>' if again else _step(u),
                text(pair_name(u.unit)),
                number(counts["in"]) if "in" in counts else "",
                _out(u),
                _dropped(counts.get("dropped") or {}, counts.get("in", 0)),
                text(duration(u.seconds)) if u.seconds is not None else "",
                text(memory(u.peak_mb)) if u.peak_mb is not None else "",
                u.state,
            ]
        )
    lead = "Every step for every language pair. A result that is stored was made by an earlier run from the same input and parameters; its time and memory are from then."
    notes = "".join(f"<li>{text(note)}</li>" for note in record.notes)
    told = details(f"What the steps noted ({len(record.notes)})", f"<ul>{notes}</ul>") if notes else ""
    return section("steps", "From text to pairs", table(head, rows, numeric=(2, 3, 5, 6)) + told, lead=lead)


def _step(unit: Unit) -> str:
    """A step's name, method and the parameters that are not at their default."""
    name = f"<b>{text(unit.step)}</b><br><code>{text(unit.method)}</code>"
    if not unit.params:
        return name
    items = "".join(f"<li><code>{text(k)} = {text(v)}</code></li>" for k, v in unit.params.items())
    return name + details(f"{len(unit.params)} parameter{'s' if len(unit.params) > 1 else ''} set", f"<ul>{items}</ul>")


def _out(unit: Unit) -> str:
    counts = unit.counts
    if "value" in counts:
        out = number(float(counts["value"]))
    else:
        out = (
            f'{number(counts["out"])} <span class="unit">{_KINDS.get(unit.gives, "")}</span>' if "out" in counts else ""
        )
    for key, value in counts.items():
        if key in ("in", "out", "value", "dropped", "beads") or value in ({}, 0):
            continue
        if key == "corpus":
            key, value = "joined for scoring", counts["in"] - value
            if not value:
                continue
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            told = f"{name}: " + ", ".join(f"{k} {number(v)}" for k, v in value.items())
        else:
            told = f"{number(value)} {name}" if isinstance(value, int | float) else f"{name} {value}"
        out += f'<br><span class="small">{text(told)}</span>'
    return out


def _dropped(reasons: Mapping[str, int], whole: int) -> str:
    if not reasons:
        return ""
    total = sum(reasons.values())
    items = "".join(f"<li>{number(n)} {text(reason)}</li>" for reason, n in most_first(reasons))
    return f'{number(total)} <span class="unit">{text(percent(total, whole))}</span><ul class="reasons">{items}</ul>'


def cost(record: Record) -> str:
    """Time and memory of the steps."""
    names = list(dict.fromkeys(u.step for u in record.units))
    seconds = {n: [u.seconds for u in record.units if u.step == n and u.seconds is not None] for n in names}
    peaks = {n: [u.peak_mb for u in record.units if u.step == n and u.peak_mb is not None] for n in names}
    known = [n for n in names if seconds[n]]
    if not known:
        return ""
    gutter = 10 + max(svg.text_width(n, 13) for n in known)
    time_bars = svg.bars(
        [(n, sum(seconds[n]), duration(sum(seconds[n]))) for n in known], "Time by step", gutter=gutter
    )
    memory_bars = svg.bars(
        [(n, max(peaks[n]), memory(max(peaks[n]))) for n in known if peaks[n]], "Peak memory by step", gutter=gutter
    )
    body = f'<div class="charts"><figure><figcaption>Time</figcaption>{time_bars}</figure><figure><figcaption>Peak memory</figcaption>{memory_bars}</figure></div>'
    return section(
        "cost",
        "Time and memory",
        body,
        lead="Time is added up over the language pairs; memory is the highest of them, of the whole process.",
    )


def methods(record: Record) -> str:
    """The methods used and the papers behind them."""
    table_rows = registry.rows()
    used = dict.fromkeys(u.method for u in record.units)
    rows = [
        [
            f"<code>{text(m)}</code>",
            text(registry.summary(table_rows[m]).replace("``", "") if m in table_rows else "not installed here"),
        ]
        for m in used
    ]
    keys = record.papers
    entries = registry.bibliography()
    items = []
    for key in sorted(keys):
        line, address = reference(entries[key]) if key in entries else (f"{key}: no entry in the bibliography", "")
        link = f' <a href="{text(address)}" rel="noreferrer">{text(address)}</a>' if address else ""
        items.append(f"<li>{text(line)}{link}</li>")
    body = table(["method", "what it does"], rows)
    if items:
        bibtex = "\n\n".join(entries[key] for key in keys if key in entries)
        body += f'<h3>References</h3><ol class="references">{"".join(items)}</ol>'
        body += details("BibTeX", f"<pre>{text(bibtex)}</pre>") if bibtex else ""
    return section(
        "methods", "Methods and references", body, lead="If you publish results of this run, please cite these papers."
    )


def reproduce(record: Record) -> str:
    """How to get the same numbers again."""
    versions = [("polyalign", __version__), ("Python", platform.python_version())]
    versions += [(name, version(name)) for name in ("numpy", "numba", "pyarrow")]
    listed = ", ".join(f"{name} {number}" for name, number in versions)
    lead = "The same project file, input files and versions give the same results, byte for byte, on any number of threads."
    body = f"<pre>polyalign run {text(record.file)}\npolyalign cite RUN_FOLDER</pre>"
    body += f"<p>Seed {record.seed}; the run was made by polyalign {text(record.version)}. This page was written by {text(listed)}.</p>"
    signatures = "\n".join(f"{s['pair']}  {s['signature']}" for s in record.scores)
    results = "\n".join(u.folder.relative_to(record.folder).as_posix() for u in record.units)
    body += details("Signatures of the scores", f"<pre>{text(signatures)}</pre>") if signatures else ""
    body += details("Stored results, named by the hash of what they were made from", f"<pre>{text(results)}</pre>")
    return section("reproduce", "How to reproduce this", body, lead=lead)
