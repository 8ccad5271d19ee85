"""``polyalign run``."""

from __future__ import annotations

import time
from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core.progress import console
from polyalign.pipeline.engine import ENGINES


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Run folder, instead of the one the file names.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and run nothing.")
@click.option("--from", "start", metavar="STEP", default="", help="Make this step and all after it anew.")
@click.option("--only", metavar="STEP", default="", help="Run this step alone.")
@click.option("--engine", type=click.Choice(ENGINES), help="Who does the work, instead of whom the file names.")
@click.option("--workers", type=click.IntRange(0), help="Processes that work; 1 for this one alone, 0 for one a core.")
@click.option("--ray-address", metavar="ADDRESS", help="A Ray cluster's, such as ray://host:10001.")
@click.option("--no-report", is_flag=True, help="Leave report.html out.")
@json_option
def command(
    file: Path,
    output: Path | None,
    dry_run: bool,
    start: str,
    only: str,
    engine: str | None,
    workers: int | None,
    ray_address: str | None,
    no_report: bool,
    as_json: bool,
) -> None:
    """Run the project FILE: documents in, an aligned and measured bitext out.

    What is finished is kept by content, so the same command after a stop, a crash or a change
    runs only what has to run. Whoever does the work, and however many, the results are the same bytes.
    """
    from polyalign.pipeline.project import read_project
    from polyalign.pipeline.run import dry_run as plan_run
    from polyalign.pipeline.run import run

    project = read_project(file, output, {"engine": engine, "workers": workers, "ray_address": ray_address})
    if dry_run:
        plan = plan_run(project, start=start, only=only)
        if as_json:
            print_json([{"step": step, "unit": unit, "reason": reason} for step, unit, reason in plan])
        else:
            print_table(("step", "for", "what happens"), plan)
        return
    began = time.perf_counter()
    folder = run(project, start=start, only=only)
    made = {"output": str(folder), "scores": str(folder / "scores.json")}
    if not no_report:
        from polyalign.report.build import write_report

        made["report"] = str(write_report(folder))
    console.print(
        f"done in {time.perf_counter() - began:.1f} s: {made.get('report', folder)}", markup=False, soft_wrap=True
    )
    if as_json:
        print_json(made)
