"""What the verbs share in printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import rich_click as click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1 if sys.stdout.isatty() else None))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: aligned for a terminal, tab-separated for a pipe."""
    if not sys.stdout.isatty():
        click.echo("\t".join(header))
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(header):
        table.add_column(name, style="bold" if i == 0 else "", overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)
