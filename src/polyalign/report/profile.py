"""The profile of a corpus as one self-contained page, in the style of the report of a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core import langs
from polyalign.core.files import write_text
from polyalign.report import svg
from polyalign.report.page import (
    clipped,
    contents,
    details,
    foreign,
    number,
    page,
    percent,
    section,
    signed,
    table,
    text,
)
from polyalign.report.profile_tables import looks_like, name_of, source_row, spread

_HEADING = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>')
#: Language pairs, or languages, that are shown whole; the others are in the table of languages.
_SHOWN, _LONG = 12, 300
Told = dict[str, Any]


def write_profile(told: Told, path: Path) -> None:
    """Write a profile as one HTML file: no script, nothing loaded from elsewhere.

    Args:
        told: What `corpus.profile.profile.Profile.told` gives, with the names of the corpora under ``corpora``.
        path: The file.

    Raises:
        DataError: It cannot be written.
    """
    groups = told["groups"][:_SHOWN]
    parts = [p for p in (_figures(told), _lengths(groups), _languages(groups), _duplicates(groups), _noise(groups), _words(groups), _scores(groups), _samples(groups), _sources(told)) if p]  # fmt: skip
    titles = [(match[1], match[2]) for part in parts if (match := _HEADING.match(part))]
    body = _header(told) + contents(titles) + "<main>\n" + "".join(parts) + "</main>\n"
    write_text(path, page(f"{_title(told)} — polyalign stats", body))


def _title(told: Told) -> str:
    first = Path(str(told["corpora"][0])).name or str(told["corpora"][0])
    more = len(told["corpora"]) - 1
    return f"{first} and {more} more" if more else first


def _header(told: Told) -> str:
    groups = told["groups"]
    tags = list(dict.fromkeys(tag for g in groups for tag in g["langs"]))
    named = [f"{text(langs.name(tag))} <code>{text(tag)}</code>" for tag in tags[:_SHOWN]]
    totals = [(number(told["rows"]), told["kind"].replace("documents", "blocks"))]
    if told["kind"] == "documents":
        totals.insert(0, (number(sum(g["documents"]["number"] for g in groups)), "documents"))
    totals.append((number(sum(s["words"]["total"] for g in groups for s in g["sides"])), "words"))
    totals.append((number(sum(s["characters"]["total"] for g in groups for s in g["sides"])), "characters"))
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for value, name in totals)
    more = f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else ""
    return (
        f'<header><p class="kicker">polyalign stats</p><h1>{text(_title(told))}</h1>'
        f'<p class="deck">{" · ".join(named)}{more}</p><dl class="totals">{cells}</dl></header>\n'
    )


def _sides(groups: list[Told]) -> list[tuple[str, Told]]:
    """Every side of every group, with a name that is not another's."""
    out = []
    for group in groups:
        for side in group["sides"]:
            several = len(group["sides"]) > 1 and len(groups) > 1
            out.append((langs.name(side["lang"]) + (f" ({name_of(group)})" if several else ""), side))
    return out


def _figures(told: Told) -> str:
    documents = told["kind"] == "documents"
    unit = {"pairs": "texts", "documents": "blocks", "lines": "lines"}[told["kind"]]
    head = ["language", *(["documents"] if documents else []), unit, "empty", "words", "characters", "characters each", "words each"]  # fmt: skip
    rows = []
    for group in told["groups"]:
        for side in group["sides"]:
            cells = [f"<b>{text(langs.name(side['lang']))}</b> <code>{text(side['lang'])}</code>"]
            if len(group["sides"]) > 1 and len(told["groups"]) > 1:
                cells[0] += f'<br><span class="small">{text(name_of(group))}</span>'
            cells += [number(group["documents"]["number"])] if documents else []
            cells += [number(side["texts"]), number(side["empty"])]
            cells += [number(side[k]["total"]) for k in ("words", "characters")]
            cells += [
                f'<span class="unit">{text(spread(side[k]["quantiles"]))}</span>' for k in ("characters", "words")
            ]
            rows.append(cells)
    lead = "A word is a run of letters and digits; in scripts without spaces between words, every character."
    if documents:
        lead += " A block is what stands between empty lines: a paragraph, a heading, a cell."
    return section("figures", "How much there is", table(head, rows, numeric=range(1, len(head) - 2)), lead=lead)


def _lengths(groups: list[Told]) -> str:
    charts = []
    for name, side in _sides(groups):
        held = side["characters"]
        counts = np.asarray(held["histogram"], np.int64)
        if counts.sum():
            label = f"Lengths {name}: histogram of {side['texts']:,} texts"
            ticks = svg.linear_ticks(0.0, float(held["histogram_end"]))
            charts.append(_figure(name, f"median {held['quantiles']['0.5']:,}", svg.histogram(counts, None, ticks, "characters", label)))  # fmt: skip
    for group in groups:
        if "ratios" in group and sum(group["ratios"]):
            counts = np.asarray(group["ratios"], np.int64)
            label = f"Length ratio {name_of(group)}"
            chart = svg.histogram(counts, None, svg.log2_ticks(-4, 4), "target characters per source character", label, log=True)  # fmt: skip
            charts.append(_figure(f"Length ratio {name_of(group)}", "", chart))
        if "documents" in group and group["documents"]["histogram"]:
            held = group["documents"]
            label = f"Lengths of documents, {name_of(group)}"
            chart = svg.histogram(np.asarray(held["histogram"], np.int64), None, _octave_ticks(*held["octaves"]), "characters of a document", label)  # fmt: skip
            charts.append(_figure(f"Documents, {name_of(group)}", f"median {held['characters']['0.5']:,}", chart))
    lead = "What is longer than the axis is counted in its last bar."
    return section("lengths", "Lengths", _charts(charts), lead=lead) if charts else ""


def _octave_ticks(low: int, high: int) -> list[tuple[float, str]]:
    step = max(1, (high - low + 5) // 6)
    return [((e - low) / max(1, high - low), number(2**e)) for e in range(low, high + 1, step)]


def _languages(groups: list[Told]) -> str:
    rows, parts = [], []
    for name, side in _sides(groups):
        found, total = side.get("identified"), sum((side.get("scripts") or {}).values())
        stated = "not stated"
        if found and found["as_stated"] is not None and found["known"]:
            low, high = found["interval"]
            stated = f"{percent(found['as_stated'], found['known'])} <span class='unit'>95 % interval {100 * low:.1f} to {100 * high:.1f} %</span>"
        scripts = ", ".join(f"{s} {percent(n, total)}" for s, n in list((side.get("scripts") or {}).items())[:6])
        rows.append([f"<b>{text(name)}</b>", stated, text(looks_like(found)), text(scripts or "–")])
        if found and found["others"]:
            shown = [
                [text(f"{langs.name(o['lang'])} {o['lang']}"), foreign(clipped(o["text"], _LONG), o["lang"])]
                for o in found["others"]
            ]
            parts.append(
                details(f"{name}: texts that look like another language", table(["looks like", "text"], shown))
            )
    looked = sum(s["identified"]["looked_at"] for _, s in _sides(groups) if s.get("identified"))
    lead = f"Identified by their letters, in a sample of {looked:,} texts of twenty letters or more; scripts are counted in all."
    return section("languages", "Languages and scripts", table(["stated", "looks as stated", "looks like", "scripts"], rows) + "".join(parts), lead=lead)  # fmt: skip


def _duplicates(groups: list[Told]) -> str:
    rows, parts = [], []

    def row(name: str, held: Told, whole: int) -> None:
        cells = [f"<b>{text(name)}</b>", number(whole)]
        for kind in ("exact", "near"):
            told = held[kind]
            about = "" if told["exact"] else "about "
            cells += [about + number(told["repetitions"]), percent(told["repetitions"], whole)]
        rows.append(cells)

    for group in groups:
        for side in group["sides"]:
            row(f"{langs.name(side['lang'])}, {name_of(group)}" if len(group["sides"]) > 1 and len(groups) > 1 else langs.name(side["lang"]), side["duplicates"], side["texts"] - side["empty"])  # fmt: skip
            if side.get("repeated"):
                shown = [
                    [number(r["count"]), foreign(clipped(r["text"], _LONG), side["lang"])] for r in side["repeated"]
                ]
                parts.append(details(f"{langs.name(side['lang'])}: most repeated", table(["times", "text"], shown)))
        if "duplicates" in group:
            row(f"pairs {name_of(group)}", group["duplicates"], group["rows"])
        if "documents" in group:
            held = group["documents"]
            told = held["duplicates"]
            rows.append([f"<b>documents, {text(name_of(group))}</b>", number(held["number"]), number(told["repetitions"]), percent(told["repetitions"], held["number"]), "", ""])  # fmt: skip
    head = ["", "not empty", "repeated", "share", "alike", "share"]
    lead = "Repeated: the same as an earlier one. Alike: the same but for upper and lower case, digits, punctuation and spaces."
    return section("duplicates", "Duplicates", table(head, rows, numeric=(1, 2, 3, 4, 5)) + "".join(parts), lead=lead)


def _noise(groups: list[Told]) -> str:
    rows, parts = [], []
    for group in groups:
        for side in group["sides"]:
            where = langs.name(side["lang"])
            for name, n in side["noise"].items():
                rows.append([f"<b>{text(name)}</b>", text(where), number(n), percent(n, side["texts"])])
                parts.append(_examples(f"{name}, {where}", side["noise_examples"].get(name, []), group))
        for name, n in group.get("noise", {}).items():
            rows.append([f"<b>{text(name)}</b>", text(name_of(group)), number(n), percent(n, group["rows"])])
            parts.append(_examples(f"{name}, {name_of(group)}", group["noise_examples"].get(name, []), group))
    if not rows:
        return section("noise", "Noise", "<p>Nothing of what is looked for was found.</p>")
    lead = "What shows in the texts themselves. Repetition is one word four times in a row, or one letter eight times; addresses and differing digits need not be wrong."
    return section("noise", "Noise", table(["", "where", "texts", "share"], rows, numeric=(2, 3)) + f"<h3>Examples</h3>{''.join(parts)}", lead=lead)  # fmt: skip


def _examples(title: str, rows: list[Told], group: Told) -> str:
    return details(title, _rows(rows, group)) if rows else ""


def _rows(rows: list[Told], group: Told, first: str = "") -> str:
    """Rows of the sample side by side."""
    head = "".join(f'<th scope="col">{text(h)}</th>' for h in (first or "row", *(langs.name(s["lang"]) for s in group["sides"])))  # fmt: skip
    body = []
    for r in rows:
        cells = "".join(f"<td><p>{foreign(clipped(r[s['side']], _LONG), s['lang'])}</p></td>" for s in group["sides"])
        told = ""
        if first:
            value = f"{r['value']:,.0f}" if first == "characters" else signed(f"{r['value']:.3f}")
            told = f'<b>{text(value)}</b> <span class="unit">{r["quantile"]:.0%}</span><br>'
        body.append(
            f'<tr><th scope="row">{told}<code>{text(clipped(str(r.get("id", "")), 60))}</code></th>{cells}</tr>'
        )
    return f'<table class="sides"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def _words(groups: list[Told]) -> str:
    rows, charts = [], []
    for name, side in _sides(groups):
        v = side["vocabulary"]
        if not v["tokens"]:
            continue
        about = "" if v["exact"] else "about "
        window = "–" if v["per_window"] is None else f"{v['per_window'] * v['window']:.0f}"
        rows.append([f"<b>{text(name)}</b>", number(v["tokens"]), about + number(v["types"]), f"{v['types'] / v['tokens']:.3f}", window, percent(v["once"], v["types"])])  # fmt: skip
        if len(v["growth"]) > 2:
            charts.append(_figure(name, f"{v['types']:,} different", svg.line([(float(x), float(y)) for x, y in v["growth"]], "words read", f"Different words by words read, {name}")))  # fmt: skip
    head = ["language", "words", "different", "ratio", "different in 1,000", "there once"]
    lead = "The ratio of different to running words falls with size; the number in 1,000 running words can be compared between corpora. The curves show how many different words there are after so many words."
    return section("words", "Vocabulary", table(head, rows, numeric=(1, 2, 3, 4, 5)) + _charts(charts), lead=lead) if rows else ""  # fmt: skip


def _scores(groups: list[Told]) -> str:
    charts, parts = [], []
    for group in groups:
        for name, score in group.get("scores", {}).items():
            if "histogram" not in score:
                continue
            q = score["quantiles"]
            label = f"{name}, {name_of(group)}: {score['number']:,} values, median {q['0.5']:.3f}"
            ticks = svg.linear_ticks(q["0"], q["1"])
            chart = svg.histogram(np.asarray(score["histogram"], np.int64), None, ticks, name, label, log=True)
            missing = f", {score['missing']:,} missing" if score["missing"] else ""
            charts.append(_figure(f"{name}", f"median {signed(format(q['0.5'], '.3f'))}{missing}", chart))
            parts.append(
                details(f"{name}, {name_of(group)}: samples at each quantile", _rows(score["rows"], group, name))
            )
    lead = "Higher is better. The samples show what a threshold would leave out."
    return section("scores", "Scores", _charts(charts) + "".join(parts), lead=lead) if charts else ""


def _samples(groups: list[Told]) -> str:
    parts = [
        details(
            f"{name_of(g)} — {len(g['by_length'])} of {g['rows']:,}", _rows(g["by_length"], g, "characters"), open=n < 2
        )
        for n, g in enumerate(groups)
        if g.get("by_length")
    ]
    lead = "At each quantile of length, both sides together: the shortest, 5, 25, 50, 75 and 95 %, the longest of the sample."
    return section("samples", "Samples", "".join(parts), lead=lead) if parts else ""


def _sources(told: Told) -> str:
    rows = [[f"<code>{text(name)}</code>", *rest] for name, *rest in map(source_row, told["sources"])]
    head = ["source", told["kind"].replace("documents", "blocks"), "words", "characters each", "noisy"]
    lead = "Noisy: empty, or with any of the noise above but addresses." if len(rows) > 1 else ""
    return section("sources", "Sources", table(head, rows, numeric=(1, 2, 3, 4)), lead=lead) if len(rows) > 1 else ""


def _figure(title: str, told: str, chart: str) -> str:
    return f"<figure><figcaption><b>{text(title)}</b><span>{text(told)}</span></figcaption>{chart}</figure>"


def _charts(figures: list[str]) -> str:
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""
