"""The parts of the report that show the data itself: beads, distributions, lexicon, alignments, excerpts."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyalign.report import sample, svg
from polyalign.report.page import (
    clipped,
    details,
    foreign,
    lang_attributes,
    most_first,
    pair_name,
    pair_of,
    percent,
    section,
    signed,
    table,
    text,
)
from polyalign.report.picture import Example, curves, grid
from polyalign.report.record import Record

#: Pairs unfolded when the page opens; the others are a click away.
_OPEN = 3
_LONGEST = 600


def bead_types(record: Record) -> str:
    """How many sentences were joined to how many, and what a selection kept."""
    charts = []
    for pair in record.pairs:
        unit = record.last("sentences.align", pair)
        if unit is None or not unit.counts.get("beads"):
            continue
        beads: dict[str, int] = unit.counts["beads"]
        total, top = sum(beads.values()), most_first(beads)[:8]
        if rest := total - sum(n for _, n in top):
            top.append(("other", rest))
        rows = [(name.replace("-", "–"), n, f"{n:,}\u2002{percent(n, total)}") for name, n in top]
        chart = svg.bars(rows, f"Beads {pair_name(pair)}", gutter=44)
        charts.append(f"<figure><figcaption>{_title(pair)}<span>{total:,} beads</span></figcaption>{chart}</figure>")
    lead = "How many source sentences were joined to how many target sentences. 1–0 and 0–1 are sentences without a counterpart."
    return section("beads", "How sentences were paired", _charts(charts), lead=lead) if charts else ""


def kept(record: Record) -> str:
    """What each selection kept and why the rest went, as divided bars."""
    charts = []
    for unit in record.units:
        reasons: dict[str, int] = unit.counts.get("dropped") or {}
        if unit.gives != "bitext" or not reasons:
            continue
        parts = [("kept", int(unit.counts["out"])), *most_first(reasons)[:3]]
        if rest := sum(reasons.values()) - sum(n for _, n in parts[1:]):
            parts.append(("other reasons", rest))
        total = sum(n for _, n in parts)
        key = "".join(
            f'<li><span class="swatch {"kept" if i == 0 else f"gone-{i}"}"></span>{text(name)} <b>{n:,}</b> {text(percent(n, total))}</li>'
            for i, (name, n) in enumerate(parts)
        )
        chart = svg.shares(parts, f"{unit.step} {pair_name(unit.unit)}")
        charts.append(
            f'<figure><figcaption>{_title(unit.unit)}<span><code>{text(unit.step)}</code></span></figcaption>{chart}<ul class="key">{key}</ul></figure>'
        )
    lead = "Of the pairs that reached each selection: what was kept, and the reasons for leaving the others out."
    return section("kept", "What was kept", _charts(charts), lead=lead) if charts else ""


def distributions(record: Record) -> str:
    """Histograms of length ratio and alignment score."""
    ratios, scores, two_tone = [], [], False
    for pair in record.pairs:
        corpus, unit = record.corpus(pair), record.last("sentences.align", pair)
        aligned = None if unit is None else unit.path("bitext.parquet")
        whole = aligned if aligned is not None else corpus
        if whole is None:
            continue
        before = (
            corpus
            if aligned is not None and corpus is not None and sample.rows_of(corpus) < sample.rows_of(aligned)
            else None
        )
        two_tone = two_tone or before is not None
        ratios.append(_ratio_figure(pair, whole, before))
        if figure := _score_figure(pair, whole, before):
            scores.append(figure)
    if not ratios:
        return ""
    lead = "Pairs with text on both sides." + (
        " Solid: kept at the end. Pale: left out on the way." if two_tone else ""
    )
    body = f"<h3>Length ratio</h3>{_charts(ratios)}"
    if scores:
        body += f"<h3>Alignment score</h3><p>How sure the sentence aligner was of each pair; higher is better. What lies beyond the axis is counted in its outer bars.</p>{_charts(scores)}"
    return section("distributions", "Lengths and scores", body, lead=lead)


def _ratio_figure(pair: str, whole: Any, before: Any) -> str:
    counts, n = sample.ratio_counts(whole)
    solid = None if before is None else np.minimum(sample.ratio_counts(before)[0], counts)
    ticks = svg.log2_ticks(sample.RATIO_LOW, sample.RATIO_HIGH)
    label = f"Length ratio {pair_name(pair)}: histogram of {n:,} pairs"
    chart = svg.histogram(counts, solid, ticks, "target characters per source character", label)
    return f"<figure><figcaption>{_title(pair)}<span>{n:,} pairs</span></figcaption>{chart}</figure>"


def _score_figure(pair: str, whole: Any, before: Any) -> str:
    values = sample.scores_of(whole)
    if values is None or not len(values):
        return ""
    low, high = (float(v) for v in np.quantile(values, [0.005, 0.995]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = sample.bins(values, low, high, sample.SCORE_BINS)
    stayed = None if before is None else sample.scores_of(before)
    solid = None if stayed is None else np.minimum(sample.bins(stayed, low, high, sample.SCORE_BINS), counts)
    label = f"Alignment score {pair_name(pair)}: histogram of {len(values):,} pairs, median {np.median(values):.3f}"
    chart = svg.histogram(counts, solid, svg.linear_ticks(low, high), "alignment score", label, log=True)
    return f"<figure><figcaption>{_title(pair)}<span>median {signed(f'{np.median(values):.3f}')}</span></figcaption>{chart}</figure>"


def lexicon(record: Record) -> str:
    """The strongest entries and some from the middle."""
    parts = []
    for pair in record.pairs:
        unit = record.last("lexicon", pair)
        if unit is None:
            continue
        entries = sample.lexicon_entries(unit.path("lexicon.parquet"))
        tables = "".join(
            _entries(rows, pair, caption)
            for rows, caption in ((entries.strongest, "The strongest"), (entries.middle, "Some from the middle"))
            if rows
        )
        if tables:
            order = "by significance" if entries.by == "significance" else "by count"
            parts.append((pair, f"{entries.total:,} entries, ordered {order}", f'<div class="two">{tables}</div>'))
    lead = "Word pairs from the links. p(t|s) is the share of the source word’s links that lead to the target word, p(s|t) the other way round. Entries without a letter are not shown."
    return section("lexicon", "Lexicon", _by_pair(parts), lead=lead) if parts else ""


def _entries(rows: list[dict[str, Any]], pair: str, caption: str) -> str:
    src, tgt = pair_of(pair)
    shown = []
    for row in rows:
        cells = [foreign(clipped(row["src"], 40), src), foreign(clipped(row["tgt"], 40), tgt), f"{row['count']:,}"]
        for name in ("p_tgt_given_src", "p_src_given_tgt"):
            p = row.get(name)
            cells.append("" if p is None else f'<span class="p" style="--p:{min(1.0, max(0.0, p)):.3f}">{p:.2f}</span>')
        shown.append(cells)
    return table(["source", "target", "count", "p(t|s)", "p(s|t)"], shown, caption=caption, numeric=(2, 3, 4))


def pictures(record: Record) -> str:
    """Word alignments of a few sentence pairs as curves and grids."""
    parts, any_gold = [], False
    for pair in record.pairs:
        unit = record.last("links", pair)
        found = [] if unit is None else sample.examples(unit)
        if unit is None or not found:
            continue
        any_gold = any_gold or any(e.gold is not None for e in found)
        parts.append((pair, unit.method, f'<div class="pairs">{"".join(map(_picture, found))}</div>'))
    if not parts:
        return ""
    keys = [("found", "link found; paler is less probable")]
    if any_gold:
        keys += [("wrong", "found, but not in the gold standard"), ("missed", "sure gold link that was missed")]
    key = "".join(f'<li><span class="swatch {kind}"></span>{text(told)}</li>' for kind, told in keys)
    lead = (
        "Sentence pairs of ordinary length, picked evenly by length and not by quality. Words without a link are grey."
    )
    return section("links", "Words aligned", f'<ul class="key">{key}</ul>{_by_pair(parts)}', lead=lead)


def _picture(example: Example) -> str:
    found = f"{len(example.links)} link{'s' if len(example.links) != 1 else ''}"
    if example.gold is not None:
        wrong = sum(example.kind(link) == "wrong" for link in example.links)
        found += f", {len(example.links) - wrong} in the gold standard, {len(example.missed)} missed"
    caption = f"<figcaption><code>{text(clipped(example.id, 60))}</code><span>{found}</span></figcaption>"
    return f'<figure class="pair">{caption}<div class="scroll" tabindex="0">{curves(example)}</div><div class="scroll" tabindex="0">{grid(example)}</div></figure>'


def excerpts(record: Record) -> str:
    """The opening of one document per pair, side by side."""
    parts = []
    for pair in record.pairs:
        unit = record.last("sentences.align", pair)
        shown = None if unit is None else sample.excerpt(record, unit)
        if shown is None:
            continue
        beads = [_bead(a, src, b, tgt, signed(f"{score:.2f}"), pair) for a, src, b, tgt, score in shown.beads]
        told = f"{clipped(shown.doc, 60)}, first {len(shown.beads)} of {shown.total:,} beads"
        parts.append((pair, told, _bead_table(beads, pair)))
    lead = "As the sentence aligner left it, before any selection; the document whose opening shows the most kinds of beads. Small numbers count its sentences from 0."
    return section("excerpt", "One document side by side", _by_pair(parts), lead=lead) if parts else ""


def worst(record: Record) -> str:
    """The lowest-scoring pairs that were kept."""
    parts = []
    for pair in record.pairs:
        path = record.corpus(pair)
        if path is None or "score.align" not in sample.columns_of(path):
            continue
        rows = sample.worst(path, 8)
        beads = []
        for row in rows:
            src, tgt = ([row[side]] for side in ("src", "tgt"))
            beads.append(
                _bead(None, src, None, tgt, signed(f"{row['score.align']:.2f}"), pair, shape=_shape(row), id=row["id"])
            )
        if beads:
            parts.append((pair, f"the {len(beads)} lowest scores", _bead_table(beads, pair)))
    lead = "The sentence pairs that were kept with the lowest alignment scores. If they are wrong, raise the threshold of the selection; if they are right, it can be lowered."
    return section("worst", "Where to look for mistakes", _by_pair(parts, unfold=0), lead=lead) if parts else ""


def _shape(row: dict[str, Any]) -> str:
    if not set(sample.RANGES) <= set(row):
        return ""
    return f"{row['src_end'] - row['src_start']}–{row['tgt_end'] - row['tgt_start']}"


def _bead(
    src_at: int | None,
    src: list[str],
    tgt_at: int | None,
    tgt: list[str],
    score: str,
    pair: str,
    *,
    shape: str = "",
    id: str = "",
) -> str:
    """One row of two sides; sentence numbers where the first one's is given."""
    shape = shape or f"{len(src)}–{len(tgt)}"
    kind = "null" if not src or not tgt else "plain" if shape in ("1–1", "") else "many"
    cells = []
    for at, side, tag in zip((src_at, tgt_at), (src, tgt), pair_of(pair), strict=True):
        lines = [
            f"<p {lang_attributes(tag)}>{'' if at is None else f'<small>{at + i}</small> '}{text(clipped(s, _LONGEST))}</p>"
            for i, s in enumerate(side)
        ]
        cells.append(f"<td>{''.join(lines)}</td>" if side else '<td class="none">no counterpart</td>')
    named = f"<br><code>{text(clipped(id, 40))}</code>" if id else ""
    told = f'<b>{text(shape or "pair")}</b> <span class="unit">{text(score)}</span>{named}'
    return f'<tr class="{kind}"><th scope="row">{told}</th>{cells[0]}{cells[1]}</tr>'


def _bead_table(beads: list[str], pair: str) -> str:
    src, tgt = pair_name(pair).split(" → ")
    head = "".join(f'<th scope="col">{text(h)}</th>' for h in ("bead, score", src, tgt))
    return f'<table class="sides"><thead><tr>{head}</tr></thead><tbody>{"".join(beads)}</tbody></table>'


def _title(pair: str) -> str:
    return f"<b>{text(pair_name(pair))}</b>"


def _charts(figures: list[str]) -> str:
    return f'<div class="charts">{"".join(figures)}</div>'


def _by_pair(parts: list[tuple[str, str, str]], *, unfold: int = _OPEN) -> str:
    return "".join(
        details(f"{pair_name(pair)} — {told}", body, open=n < unfold) for n, (pair, told, body) in enumerate(parts)
    )
