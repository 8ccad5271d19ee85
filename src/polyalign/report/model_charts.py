"""Charts of models measured in many languages: bars with intervals, curves over layers, heat maps, maps of sentences.

No script: what is under the pointer is brought forward by the page's style alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from polyalign.core import langs
from polyalign.report.page import clipped, direction, signed, text
from polyalign.report.svg import WIDTH, linear_ticks, svg, text_width

#: From this many languages on, a cell of a heat map is too small for its number.
_CROWDED = 15


def codes(tags: Sequence[str]) -> dict[str, str]:
    """A short name for each language that no other of them has.

    Example:
        >>> codes(["deu_Latn", "cmn_Hans", "cmn_Hant"])
        {'deu_Latn': 'de', 'cmn_Hans': 'zh-Hans', 'cmn_Hant': 'zh-Hant'}
    """
    short = {tag: langs.short(tag) for tag in tags}
    twice = {s for s in short.values() if list(short.values()).count(s) > 1}
    return {tag: f"{s}-{tag.split('_')[-1]}" if s in twice else s for tag, s in short.items()}


def name_of(tag: str) -> str:
    """A language's name without what tells it from a family of the same name.

    Example:
        >>> name_of("swh_Latn"), name_of("cmn_Hant")
        ('Swahili', 'Mandarin Chinese')
    """
    return langs.name(tag).split(" (")[0]


def hues(tags: Sequence[str]) -> dict[str, float]:
    """A hue for each language, as far from the others' as can be."""
    return {tag: round((250 + 360 * i / max(1, len(tags))) % 360, 1) for i, tag in enumerate(tags)}


def there(value: float | None) -> TypeGuard[float]:
    """Whether there is a value."""
    return value is not None and math.isfinite(value)


def decimal(value: float | None) -> str:
    """A measured value for a table: three digits behind the point, fewer where there are some before it.

    Example:
        >>> decimal(0.8712), decimal(12.345), decimal(-0.25), decimal(None)
        ('0.871', '12.35', '−0.250', '–')
    """
    if not there(value):
        return "–"
    return signed(f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}")


def bars_of_models(
    names: Mapping[str, str], values: Sequence[Mapping[str, Mapping[str, Any]]], label: str, *, top: float | None = None
) -> str:
    """A group of bars for each language, one a model, each with its interval.

    Args:
        names: What each language is called, by tag.
        values: For each model ``value`` and ``ci`` by tag; a language may lack.
        label: What the chart shows.
        top: Where the scale ends; the largest value and bound if not given.
    """
    thick, gap = (14, 9) if len(values) == 1 else (13, 11)
    shown = [cell for model in values for cell in model.values() if there(cell["value"])]
    ends = [x for cell in shown for x in (cell["value"], *cell["ci"]) if there(x)]
    high = max([top or 0.0, *ends, 1e-9])
    low = min([0.0, *ends])
    left = 10 + max((text_width(name, 13) for name in names.values()), default=0)
    right = 10 + max((text_width(decimal(cell["value"]), 12) for cell in shown), default=0)

    def place(x: float) -> float:
        return left + (WIDTH - left - right) * (x - low) / (high - low)

    out, y = [], 0.0
    for tag, name in names.items():
        height = thick * len(values)
        out.append(
            f'<text class="name" x="{left - 8:.1f}" y="{y + height / 2 + 5:.1f}" text-anchor="end">{text(name)}</text>'
        )
        for m, model in enumerate(values):
            cell = model.get(tag)
            if cell is None or not there(cell["value"]):
                continue
            middle, (a, b) = y + m * thick + thick / 2, sorted((place(0.0), place(cell["value"])))
            bounds = [place(x) for x in cell["ci"] if there(x)]
            out.append(
                f'<rect class="model m{m % 6}" x="{a:.1f}" y="{middle - thick / 2 + 1:.1f}" width="{max(0.8, b - a):.1f}" height="{thick - 2}"/>'
            )
            if len(bounds) == 2 and bounds[1] - bounds[0] > 0.5:
                line = f"M{bounds[0]:.1f} {middle:.1f}H{bounds[1]:.1f}"
                out.append(f'<path class="whisker under" d="{line}"/><path class="whisker" d="{line}"/>')
            out.append(
                f'<text class="value" x="{max(b, *bounds, place(0.0)) + 5:.1f}" y="{middle + 4:.1f}">{decimal(cell["value"])}</text>'
            )
        y += height + gap
    axis = f'<path class="axis" d="M{place(0.0):.1f} 0V{max(0.0, y - gap):.1f}"/>'
    return svg(WIDTH, max(1.0, y - gap), label, "".join(out) + axis, "bars")


def curves_of_layers(
    values: Mapping[str, Sequence[float | None]], label: str, *, span: tuple[float, float], best: int | None = None
) -> str:
    """One curve a language over the layers, each named at its end.

    Args:
        values: A value for every layer, the embeddings first, by tag.
        label: What the chart shows.
        span: Least and largest value of the scale, so that models can be compared.
        best: A layer to be marked.
    """
    named, hue = codes(list(values)), hues(list(values))
    left, right, top, base = 34.0, 14 + max(text_width(c, 12) for c in named.values()), 14, 196
    depth = max(1, max(len(v) for v in values.values()) - 1)

    def place(layer: float, value: float) -> tuple[float, float]:
        return (
            left + (WIDTH - left - right) * layer / depth,
            base - (base - top) * (value - span[0]) / max(1e-9, span[1] - span[0]),
        )

    out = []
    for at, written in linear_ticks(*span):
        y = base - at * (base - top)
        out.append(
            f'<path class="rules" d="M{left} {y:.1f}H{WIDTH - right:.1f}"/><text class="value" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{text(written)}</text>'
        )
    step = next(s for s in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 50, 1000) if depth / s <= 8)
    for layer in range(0, depth + 1, step):
        x = place(layer, span[0])[0]
        out.append(
            f'<path class="axis" d="M{x:.1f} {base}v4"/><text class="value" x="{x:.1f}" y="{base + 17}" text-anchor="middle">{layer}</text>'
        )
    if best is not None:
        x = place(best, span[0])[0]
        out.append(f'<path class="best" d="M{x:.1f} {top}V{base}"><title>layer {best}</title></path>')
    out.append(f'<text class="axis-name" x="{(left + WIDTH - right) / 2:.1f}" y="{base + 34}" text-anchor="middle">layer, 0 the embeddings</text>')  # fmt: skip
    ends = _apart({tag: place(0, _last(v))[1] for tag, v in values.items()}, 13, top, base)
    for tag, curve in values.items():
        points = [place(i, v) for i, v in enumerate(curve) if there(v)]
        if not points:
            continue
        peak = max((v, -i) for i, v in enumerate(curve) if there(v))
        told = f"{name_of(tag)}: at most {decimal(peak[0])}, in layer {-peak[1]}; {decimal(_last(curve))} in the last"
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        out.append(
            f'<g class="one" style="--h:{hue[tag]}"><title>{text(told)}</title><path class="wide" d="{path}"/><path class="series" d="{path}"/>'
            f'<text class="code" x="{WIDTH - right + 6:.1f}" y="{ends[tag] + 4:.1f}">{text(named[tag])}</text></g>'
        )
    return svg(WIDTH, base + 40, label, "".join(out), "layers")


def _last(values: Sequence[float | None]) -> float:
    return next((v for v in reversed(values) if there(v)), 0.0)


def _apart(places: Mapping[str, float], least: float, top: float, base: float) -> dict[str, float]:
    """Heights of names so moved that none covers another, as far as there is room."""
    least = min(least, (base - top) / max(1, len(places) - 1)) if len(places) > 1 else least
    order = sorted(places, key=lambda tag: places[tag])
    out: dict[str, float] = {}
    y = -math.inf
    for tag in order:
        y = max(places[tag], y + least)
        out[tag] = y
    limit = base
    for tag in reversed(order):
        out[tag] = min(out[tag], limit)
        limit = out[tag] - least
    return out


def heat_map(tags: Sequence[str], values: Sequence[Sequence[float | None]], label: str) -> str:
    """A value for each two languages, rows by columns; the darker, the nearer to 1."""
    named, n = codes(tags), len(tags)
    left = 10 + max(text_width(c, 12) for c in named.values())
    cell = min(40.0, (WIDTH - left) / n)
    top = 10 + (max(text_width(c, 12) for c in named.values()) if cell < 30 else 12)
    out = []
    for j, tag in enumerate(tags):
        x = left + (j + 0.5) * cell
        turned = f'transform="translate({x + 4:.1f} {top - 6:.1f}) rotate(-90)"' if cell < 30 else f'x="{x:.1f}" y="{top - 7:.1f}" text-anchor="middle"'  # fmt: skip
        out.append(f'<text class="code plain" {turned}>{text(named[tag])}</text>')
    for i, src in enumerate(tags):
        y = top + i * cell
        out.append(f'<text class="code plain" x="{left - 7:.1f}" y="{y + cell / 2 + 4:.1f}" text-anchor="end">{text(named[src])}</text>')  # fmt: skip
        for j, tgt in enumerate(tags):
            value = values[i][j]
            if not there(value):
                continue
            strength = min(1.0, max(0.0, value))
            number = f"{strength:.2f}".removeprefix("0")
            inside = f'<text class="in{" light" if strength > 0.5 else ""}" x="{left + (j + 0.5) * cell:.1f}" y="{y + cell / 2 + 4:.1f}" text-anchor="middle">{number}</text>' if n < _CROWDED and cell >= 22 else ""  # fmt: skip
            told = f"{name_of(src)}, {name_of(tgt)}: {decimal(value)}"
            out.append(f'<g><title>{text(told)}</title><rect class="heat" fill-opacity="{0.04 + 0.96 * strength:.2f}" x="{left + j * cell:.1f}" y="{y:.1f}" width="{cell - 1.5:.1f}" height="{cell - 1.5:.1f}"/>{inside}</g>')  # fmt: skip
    return svg(left + n * cell, top + n * cell, label, "".join(out), "heatmap")


def sentence_map(
    points: Mapping[str, Sequence[Sequence[float]]], texts: Mapping[str, Sequence[str]], pivot: str, label: str
) -> str:
    """Sentences in the plane, coloured by language; pointing at one shows it, the pivot's and where its translations are.

    Args:
        points: Two coordinates of each sentence, by tag; row i of all languages is one sentence.
        texts: The sentences.
        pivot: The language that every sentence is also shown in.
        label: What the map shows.
    """
    width, height, edge, say = 520.0, 400.0, 8.0, 84
    hue, n = hues([t for t in points if t != pivot]), min(len(p) for p in points.values())
    xs, ys = ([p[k] for rows in points.values() for p in rows[:n]] for k in (0, 1))
    # One scale for both, or distances would mean nothing.
    scale = max(max(xs) - min(xs), (max(ys) - min(ys)) * width / height, 1e-9)
    mid = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2

    def place(p: Sequence[float]) -> tuple[float, float]:
        unit = (width - 2 * edge) / scale
        return width / 2 + (p[0] - mid[0]) * unit, height / 2 - (p[1] - mid[1]) * unit

    out = [f'<rect class="cells" x="0" y="0" width="{width:.0f}" height="{height:.0f}"/>']
    for i in range(n):
        at = {tag: place(rows[i]) for tag, rows in points.items()}
        x0, y0 = at[pivot] if pivot in at else next(iter(at.values()))
        ties = "".join(f"M{x0:.1f} {y0:.1f}L{x:.1f} {y:.1f}" for tag, (x, y) in at.items() if tag != pivot)
        said = _say(texts[pivot][i], pivot, height + 20, width) if pivot in texts else ""
        dots = []
        for tag, (x, y) in at.items():
            own = "" if tag == pivot or tag not in texts else _say(texts[tag][i], tag, height + 58, width)
            style = ' class="p pivot"' if tag == pivot else f' class="p" style="--h:{hue[tag]}"'
            dots.append(f'<g{style}><circle cx="{x:.1f}" cy="{y:.1f}" r="3.4"/>{own}</g>')
        out.append(f'<g class="s"><path class="ties" d="{ties}"/>{said}{"".join(dots)}</g>')
    return svg(width, height + say, label, "".join(out), "map")


def _say(raw: str, tag: str, y: float, width: float) -> str:
    """A sentence in two lines at most, shown while it is pointed at."""
    lines, rest = [], clipped(raw, 400).split(" ")
    for _ in range(2):
        line = ""
        while rest and text_width(f"{line} {rest[0]}", 13) <= width:
            line = f"{line} {rest.pop(0)}".strip()
        if not line and rest:
            # A script without spaces: as many characters as there is room for.
            fits = next((k for k in range(len(rest[0]), 0, -1) if text_width(rest[0][:k], 13) <= width), 1)
            line, rest[0] = rest[0][:fits], rest[0][fits:]
            rest = rest if rest[0] else rest[1:]
        lines.append(line)
    if rest:
        lines[1] = lines[1][:-1].rstrip() + "…"
    # Anchored by side, not by reading order.
    rtl = direction(tag) == "rtl"
    spans = "".join(f'<tspan x="{width if rtl else 0:.0f}" y="{y + 17 * k:.0f}">{text(line)}</tspan>' for k, line in enumerate(lines) if line)  # fmt: skip
    return f'<text class="say" direction="{direction(tag)}" text-anchor="start">{spans}</text>'
