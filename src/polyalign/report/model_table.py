"""Models measured in many languages, for a terminal and for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polyalign.report.model_charts import codes, decimal, name_of, there

_ALL = "all"
#: Characters between two columns.
_GAP = 3
Told = dict[str, Any]
#: By language and number of the model, the lines of a cell.
Cells = dict[tuple[str, int], tuple[str, ...]]


def show_models(told: Told) -> None:
    """Print languages by metrics with their intervals: tables as wide as the terminal, or a row a number for a pipe."""
    if not sys.stdout.isatty():
        click.echo("model\tlanguage\tmetric\tvalue\tlow\thigh\tn")
        for model in told["models"]:
            for metric, held in model["metrics"].items():
                for lang, cell in held.items():
                    numbers = ("" if x is None else f"{x:g}" for x in (cell["value"], *cell["ci"]))
                    click.echo("\t".join((model["model"], lang, metric, *numbers, str(cell["n"]))))
        return
    console = Console(highlight=False)
    for table in tables(told, console.width):
        console.print(table)


def tables(told: Told, width: int) -> list[Table]:
    """The scores in parts that are each no wider than a terminal, then those of all languages at once.

    Args:
        told: What `evaluate.model.profile.ModelProfile.profile` gives.
        width: Characters of a line.
    """
    tags = [told["pivot"], *told["languages"]]
    own = any(told["pivot"] in held for m in told["models"] for held in m["metrics"].values())
    names = {tag: f"{name_of(tag)} {code}" for tag, code in codes(tags).items() if own or tag != told["pivot"]}
    out = []
    for rows in (names, {_ALL: "all at once"}):
        columns = [(told["metrics"][n]["title"], _column(told, n, list(rows))) for n in told["metrics"]]
        out += _parts(told, rows, [c for c in columns if c[1]], width)
    return out


def _parts(told: Told, names: Mapping[str, str], columns: Sequence[tuple[str, Cells]], width: int) -> list[Table]:
    """Tables of as many columns as there is room for, the languages before each."""
    models = [m["model"] for m in told["models"]] if len(told["models"]) > 1 else []
    label = max(len("language"), *map(len, names.values()))
    # A long name of a model is folded before a table becomes too narrow for two metrics.
    second = min(max(map(len, models)), max(12, width - label - 40)) if models else 0
    free = width - label - 2 - (second + _GAP if models else 0)
    parts: list[list[tuple[str, Cells]]] = []
    room = 0
    for title, cells in columns:
        wide = _GAP + max(len(x) for x in (*title.split(), *(line for cell in cells.values() for line in cell)))
        if not parts or wide > room:
            parts.append([])
            room = free
        parts[-1].append((title, cells))
        room -= wide
    out = []
    for part in parts:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("language", style="bold", no_wrap=True)
        if models:
            table.add_column("model", overflow="fold", width=second)
        for title, _ in part:
            table.add_column(title, justify="right", overflow="fold")
        for tag, name in names.items():
            for m in range(max(1, len(models))):
                found = [_lines(cells.get((tag, m))) for _, cells in part]
                last = bool(models) and m + 1 == len(models)
                table.add_row("" if m else name, *models[m : m + 1], *found, end_section=last)
        out.append(table)
    return out


def _lines(cell: tuple[str, ...] | None) -> Text:
    return Text("\n").join([Text(cell[0]), *(Text(x, "dim") for x in cell[1:])]) if cell else Text("–", "dim")


def _column(told: Told, metric: str, tags: Sequence[str]) -> Cells:
    """The lines of each cell of a metric: the value, and below it the interval."""
    out = {}
    for m, model in enumerate(told["models"]):
        held: Mapping[str, Any] = model["metrics"].get(metric, {})
        for tag in (t for t in tags if t in held):
            low, high = held[tag]["ci"]
            wide = there(low) and there(high) and high > low
            out[tag, m] = (decimal(held[tag]["value"]), *((f"{decimal(low)}–{decimal(high)}",) if wide else ()))
    return out
