"""Models measured in many languages as one self-contained page, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyalign.core import registry
from polyalign.core.files import write_text
from polyalign.report.model_charts import (
    bars_of_models,
    codes,
    curves_of_layers,
    decimal,
    heat_map,
    hues,
    name_of,
    sentence_map,
    there,
)
from polyalign.report.page import contents, details, number, page, percent, section, signed, table, text
from polyalign.report.references import reference

_HEADING = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>')
_GROUPS = {
    "representation": "Sentences as vectors",
    "tokenizer": "Tokenizer",
    "language model": "Language model",
}
#: What there is for every two languages, its title and what it says.
_KINDS = (
    ("mexa", "Translations found", "Share of sentences nearest to their own translation in both directions."),
    (
        "bias",
        "Where the nearest sentences are",
        "Of each row's language: in which languages its sentences' nearest ones are, as many as there are translations, from one pool of all. A dark diagonal is a bias to a sentence's own language.",
    ),
)
#: What a metric has for all languages at once.
_ALL = "all"
#: Points of a map: with more, a page is slow to load.
_POINTS = 900
Told = dict[str, Any]


def write_model_page(told: Told, path: Path) -> None:
    """Write what `evaluate.model.profile.profile` gives as one HTML file: no script, nothing loaded from elsewhere.

    Args:
        told: The measurement, as that docstring says.
        path: The file.

    Raises:
        DataError: It cannot be written.
    """
    build = (_scores, _differences, _bars, _layers, _pairs, _maps, _measured)
    parts = [part for part in (b(told) for b in build) if part]
    titles = [(match[1], match[2]) for part in parts if (match := _HEADING.match(part))]
    body = _header(told) + contents(titles) + "<main>\n" + "".join(parts) + "</main>\n"
    write_text(path, page(f"{_title(told)} — polyalign evaluate model", body))


def _title(told: Told) -> str:
    names = [m["model"] for m in told["models"]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _header(told: Told) -> str:
    tags = told["languages"]
    named = [f"{text(name_of(tag))} <code>{text(tag)}</code>" for tag in tags[:12]]
    more = f" and {len(tags) - 12} more" if len(tags) > 12 else ""
    totals = [(number(len(told["models"])), "models" if len(told["models"]) > 1 else "model"), (number(len(tags)), "languages" if len(tags) > 1 else "language"), (number(told["parallel"]["sentences"]), "sentences each"), (name_of(told["pivot"]), "compared with")]  # fmt: skip
    cells = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for value, name in totals)
    size = ' class="long"' if len(_title(told)) > 40 else ""
    return (
        f'<header><p class="kicker">polyalign evaluate model</p><h1{size}>{text(_title(told))}</h1>'
        f'<p class="deck">{" · ".join(named)}{more}</p><dl class="totals">{cells}</dl></header>\n'
    )


def _by_group(told: Told) -> Iterable[tuple[str, list[str]]]:
    """Metrics under the heading that they stand under."""
    for group in dict.fromkeys(m["group"] for m in told["metrics"].values()):
        yield _GROUPS.get(group, group), [name for name, m in told["metrics"].items() if m["group"] == group]


def _tags(told: Told) -> list[str]:
    """The languages, the pivot before them if it has a score of its own."""
    own = any(told["pivot"] in held for m in told["models"] for held in m["metrics"].values())
    return [*([told["pivot"]] if own else []), *told["languages"]]


def _cell(held: Mapping[str, Any] | None) -> str:
    if held is None:
        return '<span class="unit">–</span>'
    low, high = held["ci"]
    wide = there(low) and there(high) and high > low
    inside = f'<br><span class="unit">{decimal(low)} – {decimal(high)}</span>' if wide else ""
    return f"<b>{decimal(held['value'])}</b>{inside}"


def _scores(told: Told) -> str:
    names = _of_languages(told)
    models, several = told["models"], len(told["models"]) > 1
    code = codes(_tags(told))
    head = ["language", *(["model"] if several else []), *(told["metrics"][n]["title"] for n in names)]
    rows = []
    for tag in _tags(told):
        for m, model in enumerate(models):
            first = "" if m else f"<b>{text(name_of(tag))}</b> <code>{text(code[tag])}</code>"
            cells = [_cell(model["metrics"].get(n, {}).get(tag)) for n in names]
            rows.append([first, *([_model(model, m)] if several else []), *cells])
    body = table(head, rows, numeric=range(1 + several, len(head))) if names else ""
    whole = _whole(told)
    if whole:
        head = ["all languages at once", *(m["model"] for m in models)]
        lines = table(head, [row for n in whole for row in _lines(told, n)], numeric=range(1, len(head)))
        body += f'<div class="whole" style="--n:{len(models)}">{lines}</div>'
    arrows = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
    told_of = "".join(
        f"<li><b>{text(told['metrics'][n]['title'])}</b> {text(told['metrics'][n]['about'])} <span class='unit'>{arrows[told['metrics'][n]['better']]}</span></li>"
        for n in (*names, *whole)
    )
    lead = f"Each language against {name_of(told['pivot'])}; small: 95 % intervals, by resampling sentences."
    return section("scores", "Scores", body + f'<ul class="about">{told_of}</ul>', lead=lead)


def _lines(told: Told, name: str) -> Iterable[list[str]]:
    """A metric of all languages at once, and the parts of it that are worth a line."""
    spec = told["metrics"][name]
    cells = [m["metrics"].get(name, {}).get(_ALL) for m in told["models"]]
    yield [f"<b>{text(spec['title'])}</b>", *map(_cell, cells)]
    for part, title in spec["parts"].items():
        yield [f'<span class="again">{text(title)}</span>', *(decimal(c and c["parts"].get(part)) for c in cells)]


def _of_languages(told: Told) -> list[str]:
    """Metrics with a value for single languages."""
    return [n for n in told["metrics"] if any(set(m["metrics"].get(n, {})) - {_ALL} for m in told["models"])]


def _whole(told: Told) -> list[str]:
    return [n for n in told["metrics"] if any(_ALL in m["metrics"].get(n, {}) for m in told["models"])]


def _model(model: Told, m: int) -> str:
    return f'<span class="swatch m{m % 6}"></span>{text(model["model"])}'


def _differences(told: Told) -> str:
    out = []
    for pair in dict.fromkeys(tuple(d["models"]) for d in told["differences"]):
        held = {(d["metric"], d["language"]): d for d in told["differences"] if tuple(d["models"]) == pair}
        names = [n for n in told["metrics"] if any(metric == n for metric, _ in held)]
        tags = [t for t in (*_tags(told), _ALL) if any(tag == t for _, tag in held)]
        rows = [
            [
                f"<b>{text('all languages' if tag == _ALL else name_of(tag))}</b>",
                *(_difference(held.get((n, tag)), told["metrics"][n]["better"]) for n in names),
            ]
            for tag in tags
        ]
        head = ["language", *(told["metrics"][n]["title"] for n in names)]
        out.append(f"<h3>{text(pair[1])} less {text(pair[0])}</h3>" + table(head, rows, numeric=range(1, len(head))))
    lead = "The same sentences resampled for both models. Coloured where the 95 % interval leaves out 0: blue is better, red worse."
    return section("differences", "Differences", "".join(out), lead=lead) if out else ""


def _difference(held: Mapping[str, Any] | None, better: str) -> str:
    if held is None:
        return '<span class="unit">–</span>'
    value, (low, high) = held["value"], held["ci"]
    kind = ""
    if low > 0 or high < 0:
        kind = " changed" if better == "neither" else " better" if (value > 0) == (better == "higher") else " worse"
    return f'<b class="difference{kind}">{_plus(value)}</b><br><span class="unit">{_plus(low)} – {_plus(high)}</span>'


def _plus(value: float) -> str:
    return signed(f"{value:+.3f}")


def _bars(told: Told) -> str:
    several = len(told["models"]) > 1
    out = _key(told) if several else ""
    for group, metrics in _by_group(told):
        charts = []
        for n in (m for m in metrics if m in _of_languages(told)):
            spec = told["metrics"][n]
            values = [{t: c for t, c in m["metrics"].get(n, {}).items() if t != _ALL} for m in told["models"]]
            names = {tag: name_of(tag) for tag in _tags(told) if any(tag in held for held in values)}
            arrow = {"higher": "higher is better", "lower": "lower is better"}.get(spec["better"], "")
            charts.append(_figure(spec["title"], arrow, bars_of_models(names, values, _told(spec["title"], told, values), top=spec["top"])))  # fmt: skip
        out += f"<h3>{text(group)}</h3>{_charts(charts)}" if charts else ""
    return section("bars", "Language by language", out, lead="Lines across the bars are 95 % intervals.")


def _told(title: str, told: Told, values: Sequence[Mapping[str, Any]]) -> str:
    """A chart in words."""
    said = [
        f"{model['model']}: " + ", ".join(f"{name_of(t)} {decimal(c['value'])}" for t, c in held.items())
        for model, held in zip(told["models"], values, strict=True)
        if held
    ]
    return f"{title}; " + "; ".join(said)


def _layers(told: Told) -> str:
    out, alone = "", []
    for name in (n for n in told["metrics"] if any(n in m["layers"] for m in told["models"])):
        spec, charts = told["metrics"][name], []
        span = _span([m["layers"].get(name, {}) for m in told["models"]], spec["top"])
        arrow = {"higher": "higher is better", "lower": "lower is better"}.get(spec["better"], "")
        for model in (m for m in told["models"] if name in m["layers"]):
            curves = model["layers"][name]
            label = f"{spec['title']} of {model['model']} by layer, a curve for each of {len(curves)} languages"
            chart = curves_of_layers(curves, label, span=span, best=model["layer"])
            charts.append(_figure(model["model"], f"{model['depth']} layers", chart))
            alone.append(_figure(spec["title"], arrow, chart))
        out += f'<h3>{text(spec["title"])} <span class="unit">{arrow}</span></h3>{_charts(charts)}'
    lead = "Dashed: the layer in which most sentences of all languages find their translation. What has no layers of its own above is taken there."
    body = out if len(told["models"]) > 1 else _charts(alone)
    return section("layers", "Layer by layer", body, lead=lead) if out else ""


def _span(models: Sequence[Mapping[str, Sequence[float | None]]], top: float | None) -> tuple[float, float]:
    """One scale for all models."""
    every = [x for curves in models for curve in curves.values() for x in curve if there(x)]
    return min([0.0, *every]), max([top or 0.0, *every, 1e-9])


def _pairs(told: Told) -> str:
    out = ""
    for kind, title, lead in _KINDS:
        charts = []
        for model in (m for m in told["models"] if kind in m["pairs"]):
            tags = [model["pivot"], *model["languages"]]
            label = f"{title} of {model['model']} for every two of {len(tags)} languages"
            where = "" if model["layer"] is None else f"layer {model['layer']}"
            charts.append(_figure(model["model"], where, heat_map(tags, model["pairs"][kind], label)))
        out += f'<h3>{text(title)}</h3><p class="lead">{text(lead)}</p>{_charts(charts)}' if charts else ""
    return section("pairs", "Every pair of languages", out) if out else ""


def _maps(told: Told) -> str:
    there_are = min((len(rows) for rows in told["texts"].values()), default=0)
    shown = min(there_are, max(10, _POINTS // (1 + len(told["languages"]))))
    figures = []
    for model in told["models"]:
        for kind, held in model["map"].items():
            points = {tag: rows[:shown] for tag, rows in held["points"].items()}
            told_of = " and ".join(percent(x, 1) for x in held["explained"])
            label = f"Map of sentences of {model['model']}, {kind}: the first two principal components"
            figures.append(_figure(model["model"], f"{kind}; {told_of} of the variance", sentence_map(points, told["texts"], told["pivot"], label)))  # fmt: skip
    if not figures:
        return ""
    hue = hues(told["languages"])
    key = f'<li><span class="dot pivot"></span>{text(name_of(told["pivot"]))}</li>' + "".join(
        f'<li><span class="dot" style="--h:{hue[t]}"></span>{text(name_of(t))}</li>' for t in told["languages"]
    )
    lead = "Every point is a sentence, its place the first two principal components of its vector. Point at one to read it and to see where its translations are. Where languages lie apart, a model keeps what language a text is in; centred, each language's mean is taken away."
    if told["parallel"]["sentences"] > shown:
        lead += f" The first {shown} sentences."
    return section("map", "Map of sentences", f'<ul class="key">{key}</ul><div class="maps">{"".join(figures)}</div>', lead=lead)  # fmt: skip


def _measured(told: Told) -> str:
    rows = []
    papers: dict[str, None] = {}
    for name, spec in told["metrics"].items():
        signatures = dict.fromkeys(c["signature"] for m in told["models"] for c in m["metrics"].get(name, {}).values())
        rows.append([f"<b>{text(spec['title'])}</b><br><code>{text(spec['method'])}</code>", "<br>".join(f"<code>{text(s)}</code>" for s in list(signatures)[:4])])  # fmt: skip
        papers |= dict.fromkeys(spec["papers"])
    body = table(["metric", "signature"], rows)
    notes = [f"<li><b>{text(m['model'])}</b> {text(note)}</li>" for m in told["models"] for note in m["notes"]]
    body += f'<h3>Notes</h3><ul class="about">{"".join(notes)}</ul>' if notes else ""
    known = registry.bibliography()
    lines = [reference(known[key]) for key in papers if key in known]
    items = "".join(f'<li>{text(line)}{f" <a href={chr(34)}{text(url)}{chr(34)}>{text(url)}</a>" if url else ""}</li>' for line, url in lines)  # fmt: skip
    body += details("References", f'<ol class="references">{items}</ol>') if lines else ""
    held = told["parallel"]
    lead = f"{held['sentences']:,} sentences a language of {held['folder']}, with polyalign {told['polyalign']}."
    return section("measured", "How it was measured", body, lead=lead)


def _key(told: Told) -> str:
    return '<ul class="key">' + "".join(f"<li>{_model(m, i)}</li>" for i, m in enumerate(told["models"])) + "</ul>"


def _figure(title: str, told: str, chart: str) -> str:
    return f"<figure><figcaption><b>{text(title)}</b><span>{text(told)}</span></figcaption>{chart}</figure>"


def _charts(figures: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""
