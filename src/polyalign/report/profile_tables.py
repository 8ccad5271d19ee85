"""The profile of a corpus as tables for a terminal, or tab-separated for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from polyalign.core import langs
from polyalign.report.page import clipped, number, percent, visible

_BLOCKS = "▁▂▃▄▅▆▇█"
#: Sources and languages that a terminal shows; the page and JSON have all.
_ROWS, _WORDS = 12, 120
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the profile.

    Args:
        title: What it shows.
        head: Names of its columns.
        rows: Its cells as text.
        wide: Columns that may be folded; the others stay whole.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    wide: tuple[int, ...] = ()


def tables(told: Told) -> list[Table]:
    """All that the terminal shows of a profile."""
    groups = told["groups"]
    out = [_languages(told)] if len(groups) > 1 or told["kind"] == "documents" else []
    for group in groups[:_ROWS]:
        out.append(_figures(group))
        out += [t for t in (_noise(group), _scores(group), _repeated(group), _samples(group)) if t.rows]
    if len(told["sources"]) > 1:
        out.append(_sources(told))
    return out


def name_of(group: Told) -> str:
    """How a group is called: ``German → Romansh``, ``German``."""
    return " → ".join(langs.name(tag) for tag in group["langs"])


def _languages(told: Told) -> Table:
    rows = []
    for group in told["groups"][:_ROWS]:
        sides = group["sides"]
        words = " / ".join(number(s["words"]["total"]) for s in sides)
        double = (group.get("duplicates") or sides[0]["duplicates"])["exact"]["repetitions"]
        whole = [number(group["documents"]["number"])] if told["kind"] == "documents" else []
        rows.append((name_of(group), *whole, number(group["rows"]), words, percent(double, group["rows"])))
    if (left := len(told["groups"]) - _ROWS) > 0:
        rows.append((f"and {left} more", *[""] * (4 if told["kind"] == "documents" else 3)))
    unit = {"pairs": ("pairs",), "documents": ("documents", "blocks"), "lines": ("lines",)}[told["kind"]]
    return Table("By language", ("language", *unit, "words", "repeated"), rows)


def _figures(group: Told) -> Table:
    sides = group["sides"]
    rows: list[tuple[str, ...]] = []

    def row(name: str, *values: str) -> None:
        rows.append((name, *values))

    row("texts", *(number(s["texts"]) for s in sides))
    row("empty", *(number(s["empty"]) for s in sides))
    row("characters", *(number(s["characters"]["total"]) for s in sides))
    row("words", *(number(s["words"]["total"]) for s in sides))
    for name in ("characters", "words"):
        row(f"{name} each: median", *(number(s[name]["quantiles"]["0.5"]) for s in sides))
        row("  half of them; all", *(_half(s[name]["quantiles"]) for s in sides))
    row("lengths in characters", *(sparkline(s["characters"]["histogram"]) for s in sides))
    row("different words", *(_types(s["vocabulary"]) for s in sides))
    row("  of 1,000 running words", *(_window(s["vocabulary"]) for s in sides))
    row("  there once", *(percent(s["vocabulary"]["once"], s["vocabulary"]["types"]) for s in sides))
    row("repeated texts", *(_double(s["duplicates"]["exact"], s) for s in sides))
    row("  but for case, digits, marks", *(_double(s["duplicates"]["near"], s) for s in sides))
    row("scripts", *(_shares(s.get("scripts") or {}, 3) for s in sides))
    row("looks like", *(looks_like(s.get("identified"), 2) for s in sides))
    if "ratios" in group:
        row("repeated pairs", _double(group["duplicates"]["exact"], {"texts": group["rows"], "empty": 0}), "")
        row("length ratio, 1/4 to 4", sparkline(group["ratios"][16:48]), "")
    if "documents" in group:
        documents = group["documents"]
        row("documents", number(documents["number"]))
        row("  empty", number(documents["empty"]))
        row("  characters each: median", number(documents["characters"]["0.5"]))
        row("  half of them; all", _half(documents["characters"]))
        row("  repeated", number(documents["duplicates"]["repetitions"]))
    return Table(name_of(group), ("", *(langs.name(s["lang"]) for s in sides)), rows, (1, 2))


def spread(quantiles: dict[str, int]) -> str:
    """Quantiles in one line: least, middle half, most."""
    least, low, middle, high, most = (quantiles[q] for q in ("0", "0.25", "0.5", "0.75", "1"))
    return f"median {middle:,}, half {low:,}–{high:,}, all {least:,}–{most:,}"


def _half(quantiles: dict[str, int]) -> str:
    least, low, high, most = (quantiles[q] for q in ("0", "0.25", "0.75", "1"))
    return f"{low:,}–{high:,}; {least:,}–{most:,}"


def sparkline(counts: Sequence[int], width: int = 20) -> str:
    """A histogram in one line of text.

    Example:
        >>> sparkline([0, 1, 8, 4], width=4)
        ' ▂█▅'
    """
    step = max(1, -(-len(counts) // width))
    sums = [sum(counts[i : i + step]) for i in range(0, len(counts), step)]
    top = max(sums, default=0) or 1
    return "".join(_BLOCKS[min(7, n * 8 // top)] if n else " " for n in sums).rstrip() if sums else ""


def _types(vocabulary: Told) -> str:
    return f"{'' if vocabulary['exact'] else 'about '}{number(vocabulary['types'])}"


def _window(vocabulary: Told) -> str:
    share = vocabulary["per_window"]
    return "–" if share is None else f"{share * vocabulary['window']:.0f}"


def _double(duplicates: Told, side: Told) -> str:
    return f"{number(duplicates['repetitions'])} ({percent(duplicates['repetitions'], side['texts'] - side['empty'])})"


def _shares(counts: dict[str, int], most: int) -> str:
    total = sum(counts.values())
    shown = [f"{name} {percent(n, total)}" for name, n in list(counts.items())[:most]]
    return ", ".join(shown) + (f" and {len(counts) - most} more" if len(counts) > most else "") or "–"


def looks_like(identified: Told | None, most: int = 3) -> str:
    """Which languages a side's texts look like."""
    if not identified or not identified["looked_at"]:
        return "–"
    total = identified["looked_at"]
    shown = [
        f"{langs.name(tag) if tag != 'und' else 'not to be told'} {percent(n, total)}"
        for tag, n in list(identified["languages"].items())[:most]
    ]
    more = len(identified["languages"]) - most
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _noise(group: Told) -> Table:
    sides = group["sides"]
    names = list(dict.fromkeys(name for s in sides for name in s["noise"]))
    rows = []
    for name in names:
        cells = []
        for side in sides:
            n = side["noise"].get(name, 0)
            cells.append(f"{number(n)} ({percent(n, side['texts'])})" if n else "–")
        rows.append((name, *cells))
    for name, n in group.get("noise", {}).items():
        rows.append((name, f"{number(n)} ({percent(n, group['rows'])})", ""))
    return Table("Noise and what is special", ("", *(langs.name(s["lang"]) for s in sides)), rows)


def _scores(group: Told) -> Table:
    rows = []
    for name, score in group.get("scores", {}).items():
        if "quantiles" in score:
            q = score["quantiles"]
            values = (f"{q[s]:.3f}" for s in ("0", "0.05", "0.5", "0.95", "1"))
            rows.append((name, *values, sparkline(score["histogram"]), number(score["missing"])))
    return Table("Scores", ("score", "least", "5 %", "median", "95 %", "most", "", "missing"), rows)


def _repeated(group: Told) -> Table:
    rows = [
        (number(r["count"]), langs.name(side["lang"]), clipped(visible(r["text"]), _WORDS))
        for side in group["sides"]
        for r in side.get("repeated", [])[:3]
    ]
    return Table("Most repeated", ("times", "language", "text"), rows, (2,))


def _samples(group: Told) -> Table:
    rows = []
    seen = set()
    for r in group.get("by_length", []):
        if r["quantile"] not in seen:
            seen.add(r["quantile"])
            texts = [clipped(visible(r[s["side"]]), _WORDS) for s in group["sides"]]
            rows.append((f"{r['quantile']:.0%}", number(int(r["value"])), *texts))
    names = [langs.name(s["lang"]) for s in group["sides"]]
    return Table("Samples by length", ("quantile", "characters", *names), rows, (2, 3))


def _sources(told: Told) -> Table:
    shown = told["sources"][:_ROWS]
    rows = [source_row(s) for s in shown]
    if left := len(told["sources"]) - len(shown):
        rows.append((f"and {left} more", "", "", "", ""))
    return Table(
        "Sources",
        ("source", told["kind"].replace("documents", "blocks"), "words", "characters each", "noisy"),
        rows,
        (0,),
    )


def source_row(source: Told) -> tuple[str, str, str, str, str]:
    """A source's name and figures."""
    each = source["characters"] / source["texts"] if source["texts"] else 0
    noisy = percent(source["noisy"], source["texts"])
    return visible(source["source"]), number(source["texts"]), number(source["words"]), f"{each:,.0f}", noisy


def show_profile(told: Told, html: Path | None, console: Console | None = None) -> None:
    """Print a profile: tables on a terminal, tab-separated lines with `# title` before each table elsewhere."""
    found = tables(told)
    title = f"{', '.join(map(str, told['corpora'][:3]))}{' …' if len(told['corpora']) > 3 else ''}: {told['rows']:,} {told['kind'].replace('documents', 'blocks of documents')}"
    console = console or Console(highlight=False)
    if not console.is_terminal:
        lines = [f"# {title}"]
        for table in found:
            lines += [
                "",
                f"# {table.title}",
                "\t".join(table.head),
                *("\t".join(" ".join(c.split()) for c in row) for row in table.rows),
            ]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    console.print(f"[bold]{escape(title)}[/bold]", soft_wrap=True)
    for table in found:
        shown = RichTable(
            box=SIMPLE_HEAD, pad_edge=False, title=escape(table.title), title_justify="left", title_style="bold"
        )
        for i, name in enumerate(table.head):
            number_like = i and i not in table.wide and all(_is_figure(r[i]) for r in table.rows)
            shown.add_column(
                name, style="" if i else "dim", overflow="fold", no_wrap=i not in table.wide,
                justify="right" if number_like else "left",
            )  # fmt: skip
        for row in table.rows:
            shown.add_row(*(escape(cell) for cell in row))
        console.print(shown)
    if html is not None:
        console.print(f"The page: {html}", markup=False, soft_wrap=True)


def _is_figure(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "–−<>-"
