"""``polyalign cite``."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core import registry
from polyalign.core.errors import DataError


@click.command()
@click.argument("what", nargs=-1, required=True)
@json_option
def command(what: tuple[str, ...], as_json: bool) -> None:
    """Print BibTeX for the methods or run folders in WHAT."""
    keys: list[str] = []
    for item in what:
        if Path(item).is_dir():
            keys += papers_of_run(Path(item))
        else:
            keys += registry.find(item).papers
    entries = {key: registry.bibliography()[key] for key in dict.fromkeys(keys)}
    if as_json:
        print_json(entries)
    else:
        click.echo("\n\n".join(entries.values()))


def papers_of_run(folder: Path) -> list[str]:
    """The keys of the papers behind every step of a run.

    Raises:
        DataError: The folder is not a finished run.
    """
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return [*run.get("papers", []), *(key for step in run["steps"] for key in step["papers"])]
    except (OSError, ValueError, KeyError):
        raise DataError(f"{folder}: not a finished run, it has no run.json; run its project file first") from None
