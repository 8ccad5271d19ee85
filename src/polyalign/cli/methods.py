"""``polyalign methods``."""

from __future__ import annotations

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import registry
from polyalign.core.errors import UnknownMethodError, did_you_mean


@click.command()
@click.argument("task", required=False)
@json_option
def command(task: str | None, as_json: bool) -> None:
    """List the methods there are, or those of one TASK."""
    known = registry.tasks()
    if task is not None and task not in known:
        raise UnknownMethodError(f"unknown task '{task}'{did_you_mean(task, known)}; tasks: {', '.join(known)}")
    rows = [row for row in registry.rows().values() if task in (None, row.task)]
    if as_json:
        print_json(
            [{"id": r.id, "summary": registry.summary(r), "papers": list(r.papers), "extra": r.extra} for r in rows]
        )
        return
    print_table(("method", "what it does"), [(r.id, registry.summary(r)) for r in rows])
