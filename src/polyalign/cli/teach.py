"""``polyalign teach``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.progress import console
from polyalign.recipes import FOLDER, RECIPES, file_of


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("project")
@click.option("--smoke", is_flag=True, help="With the smaller numbers of the file's smoke table, in minutes, to see that all of it runs.")  # fmt: skip
@click.option("--model", default="", metavar="MODEL", help="Another model to begin with: a folder, a .gguf file, or a name on the Hugging Face hub.")  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Run folder, instead of the one the file names.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and run nothing.")
@click.option("--from", "start", metavar="STEP", default="", help="Make this step and all after it anew.")
@json_option
def command(
    project: str, smoke: bool, model: str, output: Path | None, dry_run: bool, start: str, as_json: bool
) -> None:
    """Teach a language model a language, and prove it: run PROJECT, a project file or the name of a recipe.

    The proof, before and after, is a page (proof.html), proof.json, and the table that is printed. What is finished is kept
    by content, so the same command after a stop or a change runs only what has to run. `polyalign cp` lists the recipes;
    one that was copied can be changed.
    """
    from polyalign.pipeline.project import read_project
    from polyalign.pipeline.run import dry_run as plan_run
    from polyalign.pipeline.run import run

    file = _file(project)
    if output is None and file.resolve().parent == FOLDER:
        # The package is no place to write to.
        output = Path("runs") / f"{file.stem}{'-smoke' * smoke}"
    read = read_project(file, output, smoke=smoke, model=model)
    if not read.new:
        raise ConfigError(f'{file}: no language is taught; say which at the top: [project] new = "rm"')
    if dry_run:
        plan = plan_run(read, start=start)
        if as_json:
            print_json([{"step": step, "unit": unit, "reason": reason} for step, unit, reason in plan])
        else:
            print_table(("step", "for", "what happens"), plan)
        return
    began = time.perf_counter()
    folder = run(read, start=start)
    from polyalign.report.build import write_proofs

    told = write_proofs(folder)
    if as_json:
        print_json({"output": str(folder), "proofs": told})
    else:
        for proof in told.values():
            show(proof)
    pages = ", ".join(str(folder / f"{id}.html") for id in told) or str(folder)
    console.print(f"done in {time.perf_counter() - began:.1f} s: {pages}", markup=False, soft_wrap=True)


def _file(project: str) -> Path:
    """The project file that is meant: one that is there, or a recipe's."""
    path = Path(project)
    if path.is_file():
        return path
    if project in RECIPES:
        return file_of(project)
    raise DataError(
        f"{project}: neither a file nor a recipe, expected a project file or one of {', '.join(RECIPES)}; check the name"
    )


def show(told: dict[str, Any]) -> None:
    """Print a proof: every measure before and after, and the verdict."""
    from polyalign.report.model_charts import name_of

    names = [model["name"] for model in told["models"]]
    rows: list[tuple[str, ...]] = []
    for lang, held in told["bits_per_byte"].items():
        yard = held["compressor"]
        rows.append(("bits per byte", name_of(lang), *_cells(held), f"{yard['name']} {yard['value']:.3f}"))
    for lang, held in told["tokenizer"].items():
        rows.append(("bytes a token", name_of(lang), *(f"{c['value']:.2f}" for c in held["bytes_per_token"]), ""))
    for pair in told["alignment"]:
        what = f"{name_of(pair['src'])} - {name_of(pair['tgt'])}"
        rows += [
            (title, what, *_cells(pair[key]), "") for title, key in (("MEXA", "mexa"), ("xsim error", "retrieval"))
        ]
    for way in told["translation"]:
        what = f"{name_of(way['src'])} to {name_of(way['tgt'])}"
        rows.append(("chrF", what, *_cells(way, 1), f"untranslated {way['copied']['value']:.1f}"))
    rows.append(("parameters", "", *(f"{model['parameters']:,}" for model in told["models"]), ""))
    for what in ("reading", "writing"):
        if all(what in model for model in told["models"]):
            speeds = (f"{model[what]['bytes_per_second']:,.0f}" for model in told["models"])
            rows.append((f"bytes a second, {what}", name_of(told["new"]), *speeds, ""))
    print_table(("measure", "of", *names, "beside"), rows)
    for sentence in told["notes"]:
        console.print(sentence, markup=False, soft_wrap=True)
    console.print(f"Did it help? {told['verdict']['helped']}", markup=False, soft_wrap=True)


def _cells(held: dict[str, Any], places: int = 3) -> list[str]:
    return [
        f"{cell['value']:.{places}f}" + (f" ({change['value']:+.{places}f})" if change else "")
        for cell, change in zip(held["cells"], held["changes"], strict=True)
    ]
