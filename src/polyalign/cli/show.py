"""``polyalign show``."""

from __future__ import annotations

import inspect
from typing import Literal, get_args, get_origin

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import params, registry


@click.command()
@click.argument("method")
@json_option
def command(method: str, as_json: bool) -> None:
    """Show METHOD: what it does, its parameters and its papers."""
    row = registry.find(method)
    cls = registry.load(row)
    fields = params.params_of(cls)
    papers = {key: registry.bibliography().get(key, "") for key in row.papers}
    if as_json:
        described = [
            {
                "name": p.name,
                "type": type_name(p.type),
                "default": None if p.required else p.default,
                "required": p.required,
                "help": p.help,
            }
            for p in fields
        ]
        print_json(
            {
                "id": row.id,
                "docstring": inspect.getdoc(cls),
                "parameters": described,
                "presets": dict(row.presets),
                "papers": papers,
                "extra": row.extra,
                "version": row.version,
            }
        )
        return
    click.echo(click.style(row.id, bold=True) + (f"  (needs polyalign[{row.extra}])" if row.extra else ""))
    click.echo()
    click.echo(plain(inspect.getdoc(cls) or ""))
    click.echo()
    print_table(
        ("parameter", "type", "default", "meaning"),
        [(p.name, type_name(p.type), "(required)" if p.required else repr(p.default), p.help) for p in fields],
    )
    for name, values in row.presets.items():
        click.echo(f"preset {name}: " + ", ".join(f"{k} = {v}" for k, v in values.items()))
    for entry in papers.values():
        click.echo(f"\n{entry}")


def plain(docstring: str) -> str:
    """A docstring's prose without its markup."""
    return docstring.split("\nArgs:")[0].rstrip().replace("``", "").replace("**", "")


def type_name(kind: object) -> str:
    """A type as a person would write it: the values to choose from, or its name."""
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind)))
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else str(kind)
