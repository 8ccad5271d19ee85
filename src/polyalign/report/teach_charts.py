"""A chart of models before and after they were taught a language: how near translations are in every layer."""

from __future__ import annotations

from collections.abc import Sequence

from polyalign.report.model_charts import decimal, there
from polyalign.report.page import text
from polyalign.report.svg import WIDTH, linear_ticks, svg, text_width


def curves_of_models(names: Sequence[str], layers: Sequence[Sequence[float | None]], label: str) -> str:
    """One curve a model over its layers, each named at its end.

    Args:
        names: What the models are called.
        layers: A value of each layer of each model, the embeddings first.
        label: What the chart shows.

    Example:
        >>> curves_of_models(["before", "after"], [[0.1, 0.2], [0.1, 0.6]], "MEXA").count('class="curve"')
        2
    """
    left, right, top, base = 34.0, 14 + max(text_width(name, 12) for name in names), 14.0, 196.0
    high = max([1e-9, *(v for curve in layers for v in curve if there(v))])
    depth = max(1, max(map(len, layers)) - 1)

    def place(layer: float, value: float) -> tuple[float, float]:
        return left + (WIDTH - left - right) * layer / depth, base - (base - top) * value / high

    out = []
    for at, written in linear_ticks(0.0, high):
        y = base - at * (base - top)
        out.append(
            f'<path class="rules" d="M{left} {y:.1f}H{WIDTH - right:.1f}"/><text class="value" x="{left - 6}" y="{y + 4:.1f}" '
            f'text-anchor="end">{text(written)}</text>'
        )
    step = next(s for s in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 50, 1000) if depth / s <= 8)
    for layer in range(0, depth + 1, step):
        x = place(layer, 0)[0]
        out.append(
            f'<path class="axis" d="M{x:.1f} {base}v4"/><text class="value" x="{x:.1f}" y="{base + 17}" '
            f'text-anchor="middle">{layer}</text>'
        )
    out.append(
        f'<text class="axis-name" x="{(left + WIDTH - right) / 2:.1f}" y="{base + 34}" text-anchor="middle">layer, 0 the '
        "embeddings</text>"
    )
    ends = _apart([place(0, _last(curve))[1] for curve in layers], 14, top, base)
    for m, (name, curve, end) in enumerate(zip(names, layers, ends, strict=True)):
        points = [place(i, v) for i, v in enumerate(curve) if there(v)]
        if points:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            said = f"{name}: {decimal(_last(curve))} in the last layer"
            out.append(
                f'<g><title>{text(said)}</title><path class="curve" style="stroke:var(--m{m % 6})" d="{path}"/>'
                f'<text class="value" style="fill:var(--m{m % 6})" x="{WIDTH - right + 6:.1f}" y="{end + 4:.1f}">{text(name)}</text></g>'
            )
    return svg(WIDTH, base + 40, label, "".join(out), "layers")


def _last(values: Sequence[float | None]) -> float:
    return next((v for v in reversed(values) if there(v)), 0.0)


def _apart(places: Sequence[float], least: float, top: float, base: float) -> list[float]:
    """Heights of names so moved that none covers another, as far as there is room."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    out, y = list(places), top - least
    for k in order:
        y = out[k] = max(places[k], y + least)
    limit = base
    for k in reversed(order):
        limit = out[k] = min(out[k], limit)
        limit -= least
    return out
