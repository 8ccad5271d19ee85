"""``polyalign report``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def command(run: Path, as_json: bool) -> None:
    """Write report.html of the run folder RUN anew."""
    from polyalign.report.build import write_report

    path = write_report(run)
    print_json({"report": str(path)}) if as_json else click.echo(path)
