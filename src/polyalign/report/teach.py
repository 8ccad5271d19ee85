"""What teaching models a language did, as one self-contained page: before and after, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyalign.core import registry
from polyalign.core.files import write_text
from polyalign.report.model_charts import bars_of_models, decimal, name_of, there
from polyalign.report.page import contents, details, foreign, number, page, section, signed, table, text
from polyalign.report.references import reference
from polyalign.report.teach_charts import curves_of_models

_HEADING = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>')
_WORDS = {
    "yes": "Yes.",
    "yes, at a price": "Yes, at a price.",
    "no": "No.",
    "cannot be told": "It cannot be told.",
}
Told = dict[str, Any]


def write_proof(told: Told, path: Path, *, name: str, papers: Sequence[str] = ()) -> None:
    """Write what `evaluate.teaching.Teaching.measure` gives as one HTML file: no script, nothing loaded from elsewhere.

    Args:
        told: The measurement, as that docstring says, with what the pipeline adds of each model.
        path: The file.
        name: What the page is headed with.
        papers: Keys of the papers that are followed.

    Raises:
        DataError: It cannot be written.
    """
    built = (
        _verdict(told),
        _bits(told),
        _alignment(told),
        _translation(told),
        _samples(told),
        _tokens(told),
        _models(told),
    )
    parts = [part for part in (*built, _measured(told, papers)) if part]
    titles = [(match[1], match[2]) for part in parts if (match := _HEADING.match(part))]
    body = _header(told, name) + contents(titles) + "<main>\n" + "".join(parts) + "</main>\n"
    write_text(path, page(f"{name} — polyalign teach", body))


def _names(told: Told) -> list[str]:
    return [model["name"] for model in told["models"]]


def _header(told: Told, name: str) -> str:
    new = told["new"]
    known = ", ".join(text(name_of(tag)) for tag in told["known"])
    deck = f"{text(name_of(new))} <code>{text(new)}</code> taught" + (f"; known before: {known}" if known else "")
    totals = []
    if new in told["bits_per_byte"]:
        cells = told["bits_per_byte"][new]["cells"]
        totals.append((f"{cells[0]['value']:.2f} → {cells[-1]['value']:.2f}", f"bits per byte of {name_of(new)}"))
    cells = told["tokenizer"][new]["bytes_per_token"]
    totals.append((f"{cells[0]['value']:.2f} → {cells[-1]['value']:.2f}", "bytes that a token stands for"))
    totals.append((_size(told["models"][-1]["parameters"]), "parameters"))
    if len(told["models"]) > 2:
        totals.append((number(len(told["models"])), "models compared"))
    shown = "".join(f"<div><dt>{text(said)}</dt><dd>{text(value)}</dd></div>" for value, said in totals)
    long = ' class="long"' if len(name) > 40 else ""
    return (
        f'<header><p class="kicker">polyalign teach</p><h1{long}>{text(name)}</h1><p class="deck">{deck}</p>'
        f'<dl class="totals">{shown}</dl></header>\n'
    )


def _size(parameters: int) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.{1 if parameters / unit < 100 else 0}f} {name}"
    return str(parameters)


def _verdict(told: Told) -> str:
    held = told["verdict"]
    said = "".join(f"<li>{text(signed(sentence))}</li>" for sentence in held["said"])
    lead = f"The last model, {_names(told)[-1]}, beside the first, {_names(told)[0]}; in brackets 95 % intervals of the difference."
    return section(
        "verdict", "Did it help?", f'<p class="figure">{text(_WORDS[held["helped"]])}</p><ul>{said}</ul>', lead=lead
    )


def _cell(held: Mapping[str, Any] | None, change: Mapping[str, Any] | None = None, better: str = "") -> str:
    """A value, its interval, and what it changed by."""
    if held is None:
        return '<span class="unit">–</span>'
    low, high = held["ci"]
    wide = there(low) and there(high) and high > low
    inside = f'<br><span class="unit">{decimal(low)} – {decimal(high)}</span>' if wide else ""
    return f"<b>{decimal(held['value'])}</b>{inside}{_change(change, better)}"


def _change(held: Mapping[str, Any] | None, better: str) -> str:
    if held is None or not there(held["value"]):
        return ""
    low, high = held["ci"]
    kind = "" if low <= 0 <= high else " better" if (held["value"] > 0) == (better == "higher") else " worse"
    written = signed(f"{held['value']:+.3f}")
    return f'<br><span class="difference{kind}">{written}</span>'


def _by_model(
    told: Told, rows: Sequence[tuple[str, Mapping[str, Any]]], better: str, *more: tuple[str, Sequence[Any]]
) -> str:
    """A row each, a column a model, and further columns."""
    head = ["", *_names(told), *(title for title, _ in more)]
    lines = []
    for k, (title, held) in enumerate(rows):
        cells = [_cell(c, d, better) for c, d in zip(held["cells"], held["changes"], strict=True)]
        lines.append([title, *cells, *(_cell(values[k]) for _, values in more)])
    return table(head, lines, numeric=range(1, len(head)))


def _bits(told: Told) -> str:
    held = told["bits_per_byte"]
    if not held:
        return ""
    rows = [(f"<b>{text(name_of(lang))}</b>{_new(told, lang)}", bits) for lang, bits in held.items()]
    yard = [bits["compressor"] for bits in held.values()]
    body = _by_model(told, rows, "lower", (yard[0]["name"], yard))
    names = {lang: name_of(lang) for lang in held}
    values = [{lang: bits["cells"][m] for lang, bits in held.items()} for m in range(len(told["models"]))]
    values.append({lang: bits["compressor"] for lang, bits in held.items()})
    legend = "".join(
        f'<li><span class="swatch m{m % 6}"></span>{text(name)}</li>'
        for m, name in enumerate([*_names(told), yard[0]["name"]])
    )
    chart = bars_of_models(names, values, "Bits per byte by language and model")
    figure = f"<figure><figcaption><b>bits per byte</b><span>lower is better</span></figcaption>{chart}</figure>"
    body += f'<ul class="key">{legend}</ul><div class="charts">{figure}</div>'
    seen = {told["text"][lang]["seen_bytes"] for lang in held}
    what = (
        f"at most {max(seen) / 1000:,.0f} kB of the text that models were trained on" if max(seen) else "nothing before"
    )
    lead = (
        "How well each model predicts held-out text: bits for a byte, lower is better. Below each value its 95 % interval and the "
        f"difference to the first model, coloured where its interval leaves out 0. {yard[0]['name']} is a compressor that has seen {what}: "
        "a model that does not beat it has learnt less than seconds on that text teach."
    )  # fmt: skip
    return section("bits", "Held-out text", body, lead=lead)


def _new(told: Told, lang: str) -> str:
    return ' <span class="unit">new</span>' if lang == told["new"] else ""


def _pair(held: Mapping[str, Any], joint: str) -> str:
    return f"{name_of(held['src'])} {joint} {name_of(held['tgt'])}"


def _alignment(told: Told) -> str:
    pairs = told["alignment"]
    if not pairs:
        return ""
    charts = []
    for pair in pairs:
        chart = curves_of_models(_names(told), pair["layers"], f"MEXA of {_pair(pair, 'and')} by layer")
        charts.append(f"<figure><figcaption><b>{text(_pair(pair, 'and'))}</b><span>MEXA, higher is better</span></figcaption>{chart}</figure>")  # fmt: skip
    rows = [(f"<b>{text(_pair(pair, 'and'))}</b>", pair) for pair in pairs]
    body = f'<div class="charts">{"".join(charts)}</div><h3>MEXA, mean over the layers</h3>'
    body += _by_model(told, [(title, pair["mexa"]) for title, pair in rows], "higher")
    body += "<h3>xsim error, in the best layer</h3>"
    body += _by_model(told, [(title, pair["retrieval"]) for title, pair in rows], "lower")
    lead = (
        f"{pairs[0]['n']} sentence pairs. MEXA is the share of sentences that are nearest to their own translation, in both "
        "directions; the xsim error the share whose best match is another sentence."
    )
    return section("alignment", "How near translations are", body, lead=lead)


def _translation(told: Told) -> str:
    ways = told["translation"]
    if not ways:
        return ""
    rows = [(f"<b>{text(_pair(way, 'to'))}</b>", way) for way in ways]
    body = _by_model(told, rows, "higher", ("untranslated", [way["copied"] for way in ways]))
    for way in ways:
        shown = []
        for example in way["examples"]:
            lines = [
                ("source", foreign(example["source"], way["src"])),
                ("reference", foreign(example["reference"], way["tgt"])),
            ]
            lines += [(name, foreign(x, way["tgt"])) for name, x in zip(_names(told), example["outputs"], strict=True)]
            shown.append(table(["", ""], [[f'<span class="unit">{text(a)}</span>', b] for a, b in lines]))
        body += details(f"{_pair(way, 'to')}, {len(shown)} shown", "".join(shown))
    lead = (
        f"chrF of {ways[0]['n']} sentences with {ways[0]['shots']} examples in the prompt, the likeliest tokens taken; higher is better. "
        "Untranslated is what the source sentence itself scores, which between like languages is not little."
    )
    return section("translation", "Translation by examples", body, lead=lead)


def _samples(told: Told) -> str:
    parts = []
    for sample in told["samples"]:
        lang = sample["lang"]
        lines = [("as it was written", sample["text"]), *zip(_names(told), sample["outputs"], strict=True)]
        rows = [[f'<span class="unit">{text(who)}</span>', foreign(said, lang)] for who, said in lines]
        parts.append(f"<h3>{text(name_of(lang))}</h3><p>{foreign(sample['prompt'], lang)} …</p>{table(['', ''], rows)}")
    lead = "The openings of held-out texts as each model goes on with them, the likeliest tokens taken."
    return section("samples", "Going on with a text", "".join(parts), lead=lead) if parts else ""


def _tokens(told: Told) -> str:
    head = ["", *(f"{what}, {name}" for what in ("bytes a token", "tokens a word") for name in _names(told))]
    rows = [
        [
            f"<b>{text(name_of(lang))}</b>{_new(told, lang)}",
            *(_cell(cell) for what in ("bytes_per_token", "fertility") for cell in held[what]),
        ]
        for lang, held in told["tokenizer"].items()
    ]
    lead = "What the languages cost: the more bytes a token stands for, the faster text is read and written, and the more fits in."
    return section("tokens", "Tokens", table(head, rows, numeric=range(1, len(head))), lead=lead)


def _models(told: Told) -> str:
    rows = []
    for model in told["models"]:
        cells = [
            f"<b>{text(model['name'])}</b>",
            number(model["parameters"]),
            number(model["vocabulary"]),
            f"{model['megabytes']:,.0f}",
        ]
        for what in ("reading", "writing"):
            speed = model.get(what)
            cells.append(
                f'{speed["tokens_per_second"]:,.0f} <span class="unit">{speed["bytes_per_second"]:,.0f} bytes</span>'
                if speed
                else "–"
            )
        rows.append(cells)
    head = ["model", "parameters", "vocabulary", "MB", "tokens a second, read", "written"]
    lead = f"Speed on this machine, on text of {name_of(told['new'])}."
    return section("models", "The models", table(head, rows, numeric=range(1, len(head))), lead=lead)


def _measured(told: Told, papers: Sequence[str]) -> str:
    rows = [
        [
            f"<b>{text(name_of(lang))}</b>",
            number(held["documents"]),
            number(held["windows"]),
            number(held["bytes"]),
            number(held.get("seen_bytes", 0)),
        ]
        for lang, held in told["text"].items()
    ]
    body = table(["", "documents", "windows", "bytes measured", "bytes the compressor saw"], rows, numeric=range(1, 5))
    notes = "".join(f"<li>{text(note)}</li>" for note in told["notes"])
    body += f'<h3>Notes</h3><ul class="about">{notes}</ul>' if notes else ""
    found = dict.fromkeys(_signatures(told))
    body += details("Signatures", "<pre>" + "\n".join(map(text, found)) + "</pre>") if found else ""
    known = registry.bibliography()
    lines = [reference(known[key]) for key in papers if key in known]
    items = "".join(f"<li>{text(line)}{f' <a href={chr(34)}{text(url)}{chr(34)}>{text(url)}</a>' if url else ''}</li>" for line, url in lines)  # fmt: skip
    body += details("References", f'<ol class="references">{items}</ol>', open=True) if lines else ""
    return section("measured", "How it was measured", body, lead=f"With polyalign {told['polyalign']}.")


def _signatures(told: Any) -> list[str]:
    if isinstance(told, Mapping):
        own = [told["signature"]] if "signature" in told else []
        return own + [s for value in told.values() for s in _signatures(value)]
    return [s for value in told for s in _signatures(value)] if isinstance(told, list) else []
