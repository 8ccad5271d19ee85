"""Charts as inline SVG, styled by the page: bars, shares, histograms, intervals.

Every chart is drawn at one size that fits a phone, so that its type is never scaled; the colours
come from the page's classes, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from polyalign.core.jit import I64
from polyalign.report.page import signed, text

WIDTH = 336
_NARROW, _WIDE = set("iljtfrI.,:;!|'’`()[]- "), set("mwMWÄÖÜ@%—")


def text_width(raw: str, size: float) -> float:
    """About how wide text is set in a system sans at that size, in pixels.

    Example:
        >>> text_width("対", 10), text_width("ii", 10) < text_width("ww", 10)
        (10.0, True)
    """
    total = 0.0
    for char in raw:
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):
            continue
        if unicodedata.east_asian_width(char) in "WF":
            total += 1.0
        elif char in _NARROW:
            total += 0.33
        elif char in _WIDE:
            total += 0.88
        else:
            total += 0.68 if char.isupper() else 0.56
    return total * size


def svg(width: float, height: float, label: str, body: str, kind: str) -> str:
    """A drawing with what it shows in words; `label` is plain text."""
    return (
        f'<svg class="{kind}" role="img" aria-label="{text(label)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">{body}</svg>'
    )


def bars(rows: Sequence[tuple[str, float, str]], label: str, *, gutter: float = 0) -> str:
    """Horizontal bars from one zero line.

    Args:
        rows: What each is, its value, and the value as it is written.
        label: What the chart shows.
        gutter: Least room for the names on the left, in pixels.
    """
    step, left = 24, max(gutter, 10 + max((text_width(r[0], 13) for r in rows), default=0))
    right = 10 + max((text_width(r[2], 13) for r in rows), default=0)
    top = max((r[1] for r in rows), default=0) or 1
    out = []
    for i, (name, value, written) in enumerate(rows):
        length, y = max(1.0 if value else 0.0, (WIDTH - left - right) * value / top), i * step
        out.append(
            f'<text class="name" x="{left - 8:.1f}" y="{y + 16}" text-anchor="end">{text(name)}</text>'
            f'<rect class="bar" x="{left:.1f}" y="{y + 4}" width="{length:.1f}" height="16"/>'
            f'<text class="value" x="{left + length + 6:.1f}" y="{y + 16}">{text(written)}</text>'
        )
    line = f'<line class="axis" x1="{left:.1f}" y1="0" x2="{left:.1f}" y2="{len(rows) * step}"/>'
    told = ", ".join(f"{name} {written}" for name, _, written in rows)
    return svg(WIDTH, len(rows) * step, f"{label}: {told}", "".join(out) + line, "bars")


def shares(parts: Sequence[tuple[str, int]], label: str) -> str:
    """One bar divided: the first part is what stayed, the others what went and why."""
    total, x, out = sum(n for _, n in parts) or 1, 0.0, []
    for i, (_, n) in enumerate(parts):
        width = WIDTH * n / total
        gap = 1.0 if width > 2 and i < len(parts) - 1 else 0.0
        out.append(
            f'<rect class="{"bar" if i == 0 else f"gone gone-{1 + (i - 1) % 4}"}" x="{x:.1f}" y="0" width="{max(0.6, width - gap):.1f}" height="20"/>'
        )
        x += width
    return svg(WIDTH, 20, f"{label}: " + ", ".join(f"{name} {n:,}" for name, n in parts), "".join(out), "shares")


def histogram(
    counts: I64, kept: I64 | None, ticks: Sequence[tuple[float, str]], axis: str, label: str, *, log: bool = False
) -> str:
    """A histogram; the kept part of every bar is drawn solid over the whole one.

    Args:
        counts: How many fall into each of the equally wide bins, shape (b,).
        kept: How many of them stayed, shape (b,), or None where nothing was selected.
        ticks: Where the axis is marked (0 is its left end, 1 its right end) and with what.
        axis: What it measures.
        label: What the chart shows.
        log: Whether a bar's height is the logarithm of its count plus one, so that a thin tail is seen.
    """
    height, base, top = 176, 130, max(1, int(counts.max(initial=0)))
    step, out = WIDTH / max(1, len(counts)), []
    out.append(
        f'<text class="axis-name" x="0" y="11">most in a bar: {top:,}{", heights logarithmic" if log else ""}</text>'
    )
    for kind, values in (("bar" if kept is None else "bar all", counts), ("bar", kept)):
        for i, n in enumerate(() if values is None else values.tolist()):
            if n:
                tall = max(1.0, (base - 22) * (np.log1p(n) / np.log1p(top) if log else n / top))
                out.append(
                    f'<rect class="{kind}" x="{i * step:.1f}" y="{base - tall:.1f}" width="{max(0.5, step - 1):.1f}" height="{tall:.1f}"/>'
                )
    out.append(f'<line class="axis" x1="0" y1="{base}.5" x2="{WIDTH}" y2="{base}.5"/>')
    for at, name in ticks:
        x = at * WIDTH
        anchor = "start" if at < 0.04 else "end" if at > 0.96 else "middle"
        out.append(
            f'<line class="axis" x1="{x:.1f}" y1="{base}" x2="{x:.1f}" y2="{base + 5}"/>'
            f'<text class="value" x="{x:.1f}" y="{base + 19}" text-anchor="{anchor}">{text(name)}</text>'
        )
    out.append(f'<text class="axis-name" x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{text(axis)}</text>')
    return svg(WIDTH, height, label, "".join(out), "histogram")


def interval(value: float, low: float, high: float, label: str) -> str:
    """Where a value and its confidence interval lie between 0 and 1."""
    width, y = 236, 9
    at = [6 + (width - 12) * min(1.0, max(0.0, v)) for v in (value, low, high)]
    body = f'<line class="axis" x1="6" y1="{y}" x2="{width - 6}" y2="{y}"/>'
    for tenth in range(0, 11, 5):
        x = 6 + (width - 12) * tenth / 10
        anchor = ("start", "middle", "end")[tenth // 5]
        edge = (x - 4, x, x + 4)[tenth // 5]
        body += (
            f'<line class="axis" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 6}"/>'
            f'<text class="value" x="{edge:.1f}" y="{y + 19}" text-anchor="{anchor}">{("0", "0.5", "1")[tenth // 5]}</text>'
        )
    body += f'<rect class="range" x="{at[1]:.1f}" y="{y - 5}" width="{max(1.0, at[2] - at[1]):.1f}" height="10"/>'
    body += f'<rect class="point" x="{at[0] - 1.5:.1f}" y="{y - 8}" width="3" height="16"/>'
    return svg(width, 32, label, body, "interval")


def log2_ticks(low: int, high: int) -> list[tuple[float, str]]:
    """Marks of a log2 axis from 2^low to 2^high.

    Example:
        >>> log2_ticks(-1, 1)
        [(0.0, '1/2'), (0.5, '1'), (1.0, '2')]
    """
    marks = range(low, high + 1)
    return [((e - low) / (high - low), str(2**e) if e >= 0 else f"1/{2**-e}") for e in marks]


def linear_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """About five round marks between two values.

    Example:
        >>> linear_ticks(0.0, 1.0)
        [(0.0, '0'), (0.25, '0.25'), (0.5, '0.5'), (0.75, '0.75'), (1.0, '1')]
    """
    span = high - low
    if span <= 0:
        return [(0.5, signed(f"{low:.3g}"))]
    raw = span / 4
    unit = 10.0 ** np.floor(np.log10(raw))
    step = unit * min((1, 2, 2.5, 5, 10), key=lambda m: abs(m * unit - raw))
    first = np.ceil(low / step - 1e-9) * step
    marks = np.arange(first, high + step * 1e-6, step)
    # Rounding may leave a zero as -1e-17; adding 0.0 turns -0.0 into 0.0.
    return [(round(float((m - low) / span), 6) + 0.0, signed(f"{round(float(m), 9) + 0.0:.6g}")) for m in marks]


def line(points: Sequence[tuple[float, float]], axis: str, label: str) -> str:
    """A curve from the origin through points, both axes from 0.

    Args:
        points: Where it runs, x rising.
        axis: What x measures.
        label: What the chart shows.
    """
    height, base, left = 176, 130, 0.0
    x_top, y_top = max(x for x, _ in points), max(y for _, y in points) or 1.0
    places = [(left + x / x_top * (WIDTH - left), base - y / y_top * (base - 22)) for x, y in [(0.0, 0.0), *points]]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    out = [f'<text class="axis-name" x="0" y="11">at the end: {y_top:,.0f}</text>', f'<path class="curve" d="{path}"/>']
    out.append(f'<line class="axis" x1="0" y1="{base}.5" x2="{WIDTH}" y2="{base}.5"/>')
    for at, name in ((0.0, "0"), (0.5, f"{x_top / 2:,.0f}"), (1.0, f"{x_top:,.0f}")):
        anchor = "start" if at < 0.04 else "end" if at > 0.96 else "middle"
        out.append(
            f'<line class="axis" x1="{at * WIDTH:.1f}" y1="{base}" x2="{at * WIDTH:.1f}" y2="{base + 5}"/>'
            f'<text class="value" x="{at * WIDTH:.1f}" y="{base + 19}" text-anchor="{anchor}">{text(name)}</text>'
        )
    out.append(f'<text class="axis-name" x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{text(axis)}</text>')
    return svg(WIDTH, height, label, "".join(out), "line")
