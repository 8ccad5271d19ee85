"""Draw the plots of the word alignment page from the rows that `words.py --json` kept.

    python benchmarks/words_plot.py words.jsonl docs/plots

Where a row was measured again, the later one counts. Type and axes take the colour of the page they stand in, and
standing alone that of the reader's light or dark setting.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Point = tuple[float, float]

# Middle tones, at least 3 to 1 against a white page and against a black one. A peer is dashed, in its twin's colour.
COLOURS = {
    "auto": "#b8358f",
    "statistical": "#3b7dd8",
    "gibbs": "#1f8f8f",
    "hmm": "#c8641b",
    "fast-align": "#d04a5a",
    "ibm2": "#9a5fd0",
    "ibm1": "#4f9140",
    "eflomal": "#808080",
    "fast_align": "#d04a5a",
}
PEERS = {"eflomal", "fast_align"}
STYLE = """<style>
svg:root { color: #222; }
@media (prefers-color-scheme: dark) { svg:root { color: #ddd; } }
.plot text { font: 13px system-ui, sans-serif; fill: currentColor; }
.plot .small { font-size: 11.5px; }
.plot .grid { stroke: #808080; stroke-opacity: .3; }
.plot .axis { stroke: #808080; }
.plot .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.plot .first { stroke-width: 2.8; }
.plot .peer { stroke-dasharray: 5 4; }
</style>"""


def svg(width: int, height: int, label: str, body: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{label}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">'
    )
    return "\n".join([head, STYLE, *body, "</svg>"]) + "\n"


def text(x: float, y: float, what: str, *, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{what}</text>'


def line(a: Point, b: Point, kind: str) -> str:
    return f'<line class="{kind}" x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"/>'


def curve(points: list[Point], method: str) -> list[str]:
    kind = " ".join(["line", *(["first"] if method == "statistical" else []), *(["peer"] if method in PEERS else [])])
    path, colour = " ".join(f"{x:.1f},{y:.1f}" for x, y in points), COLOURS[method]
    dots = (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3.4 if method == "statistical" else 2.6}"/>' for x, y in points)
    return [
        f'<polyline class="{kind}" stroke="{colour}" points="{path}"/>',
        f'<g fill="{colour}">{"".join(dots)}</g>',
    ]


def apart(wanted: list[Point], step: float, reach: float) -> list[float]:
    """Heights of labels that begin at these points, moved down until none lies on another.

    Args:
        wanted: Where each begins.
        step: Height of a label.
        reach: Its width.
    """
    placed: list[Point] = []
    heights = [0.0] * len(wanted)
    for k in sorted(range(len(wanted)), key=lambda k: wanted[k][1]):
        x, y = wanted[k]
        while clash := [b for a, b in placed if abs(a - x) < reach and abs(b - y) < step]:
            y = max(clash) + step
        placed.append((x, y))
        heights[k] = y
    return heights


def cost(rows: list[Row], task: str) -> str:
    """AER over CPU seconds, a line for each method through its sizes."""
    width, height, left, right, top, bottom = 680, 460, 46, 146, 34, 52
    rows = [row for row in rows if row["task"] == task]
    low, high = min(row["cpu_s"] for row in rows) * 0.9, max(row["cpu_s"] for row in rows) * 1.05
    ceiling = math.ceil(max(row["aer"] for row in rows) * 10) / 10

    def at(seconds: float, aer: float) -> Point:
        x = left + (width - left - right) * math.log(seconds / low) / math.log(high / low)
        return x, top + (height - top - bottom) * (1 - aer / ceiling)

    body = [text(0, 16, "AER (lower is better)")]
    for tenth in range(round(ceiling * 10) + 1):
        _, y = at(low, tenth / 10)
        body.append(line((left, y), (width - right, y), "grid" if tenth else "axis"))
        body.append(text(left - 8, y + 4, f".{tenth}" if tenth else "0", anchor="end"))
    for mark in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500):
        if low <= mark <= high:
            x, y = at(mark, 0)
            body += [line((x, y), (x, y + 5), "axis"), text(x, y + 20, f"{mark:g}", anchor="middle")]
    middle = (left + width - right) / 2
    body.append(text(middle, height - 8, "CPU seconds of the whole process (logarithmic)", anchor="middle"))
    ends, names = [], []
    for method in reversed(COLOURS):
        run = sorted((row for row in rows if row["method"] == method), key=lambda row: row["pairs"])
        if not run:
            continue
        points = [at(row["cpu_s"], row["aer"]) for row in run]
        body += curve(points, method)
        ends.append((points[-1][0] + 7, points[-1][1] + 4))
        names.append(method)
        if method == "statistical":
            # How many sentence pairs each point is of, near the axis and by turns higher and lower, where there is room.
            for k, ((x, y), row) in enumerate(zip(points, run, strict=True)):
                foot = at(low, 0)[1] - (28 if k % 2 else 11)
                body.append(line((x, y + 5), (x, foot - 12), "grid"))
                body.append(text(x, foot, f"{row['pairs']:,}", anchor="middle", more=' class="small"'))
            shown = "sentence pairs of auto"
            body.append(text(points[0][0] - 26, at(low, 0)[1] - 11, shown, anchor="end", more=' class="small"'))
    for name, (x, _), y in zip(names, ends, apart(ends, 15, 64), strict=True):
        shown = f"{name} (original)" if name == "fast_align" else name
        body.append(text(x, y, shown, more=f' style="fill:{COLOURS[name]};font-weight:600"'))
    label = f"Alignment error rate over CPU seconds, {task}, by method and number of sentence pairs"
    return svg(width, height, label, body)


def reliability(rows: list[Row]) -> str:
    """Share of right links over their probability, a panel for each set."""
    side, left, top, gap = 250, 46, 44, 70
    sets = list(dict.fromkeys((row["task"], row["pairs"]) for row in rows))
    width, height = left + len(sets) * (side + gap) - gap + 16, top + side + 52
    body = [text(0, 14, "share of right links")]
    for k, (task, pairs) in enumerate(sets):
        x0 = left + k * (side + gap)

        def at(p: float, share: float, x0: float = x0) -> Point:
            return x0 + side * p, top + side * (1 - share)

        body.append(text(x0 + side / 2, top - 10, f"{task}, {pairs:,} pairs", anchor="middle", more=' class="small"'))
        for fifth in range(6):
            share = fifth / 5
            name = ("0", ".2", ".4", ".6", ".8", "1")[fifth]
            body.append(line(at(0, share), at(1, share), "grid" if fifth else "axis"))
            body.append(text(x0 - 7, at(0, share)[1] + 4, name, anchor="end"))
            body.append(text(at(share, 0)[0], top + side + 18, name, anchor="middle"))
        body.append(text(x0 + side / 2, top + side + 42, "link probability", anchor="middle"))
        body.append(line(at(0, 0), at(1, 1), "axis"))
        shares = {}
        for row in rows:
            if (row["task"], row["pairs"]) == (task, pairs):
                shares[row["method"]] = [(p, right / n) if n else None for n, p, right in row["bins"]]
                body += curve([at(*s) for s in shares[row["method"]] if s], row["method"])
        for method, mine in shares.items():
            # Named where it is farthest from the other line.
            others = [other for name, other in shares.items() if name != method]
            away = [(abs(m[1] - o[b][1]), b) for o in others for b, m in enumerate(mine) if 1 <= b <= 8 and m and o[b]]
            b = max(away)[1] if away else 5
            above = not others or mine[b][1] >= others[0][b][1]
            x, y = at(*mine[b])
            more = f' style="fill:{COLOURS[method]};font-weight:600"'
            body.append(text(x, y - 9 if above else y + 20, method, anchor="end" if above else "start", more=more))
    return svg(width, height, "How often links of a given probability are right", body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="what `words.py --json` wrote")
    parser.add_argument("folder", type=Path, help="where the plots go")
    parser.add_argument("--task", default="deu-roh", help="whose sizes to draw")
    args = parser.parse_args()
    latest: dict[tuple[str, int, str, bool], Row] = {}
    for written in args.rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(written)
        latest[row["task"], row["pairs"], row["method"], "bins" in row] = row
    measured = [row for row in latest.values() if "bins" not in row]
    binned = sorted((row for row in latest.values() if "bins" in row), key=lambda row: -row["pairs"])
    args.folder.mkdir(parents=True, exist_ok=True)
    if any(row["task"] == args.task for row in measured):
        (args.folder / "words-cost.svg").write_text(cost(measured, args.task), encoding="utf-8")
    if binned:
        (args.folder / "words-reliability.svg").write_text(reliability(binned), encoding="utf-8")


if __name__ == "__main__":
    main()
