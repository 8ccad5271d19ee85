"""Put a run's results where people look for them.

bitext/<pair>.parquet   and whatever the corpus.write steps made
links/<pair>.pharaoh    a line a sentence pair; <pair>.tokens are the words it counts
lexicon/<pair>.tsv
proof.json              of a language that was taught
models/<step>           the models that were made, ready to be loaded
scores.json, run.json
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from polyalign import __version__
from polyalign.core import params
from polyalign.core.files import write_lines, write_text
from polyalign.core.store import MANIFEST, Artefact
from polyalign.pipeline.artefacts import MODEL, lexicon_lines, read_links
from polyalign.pipeline.plan import Project, Step, unit_name


def publish(project: Project, made: Mapping[tuple[str, str], Artefact]) -> None:
    """Copy or render what the steps made into the run folder.

    Args:
        project: The project.
        made: The result of each (step id, unit) that there is one for.
    """
    out = project.output
    scores: list[dict[str, Any]] = []
    record: list[dict[str, Any]] = []
    for step in project.steps:
        for unit in map(unit_name, step.units):
            artefact = made.get((step.id, unit))
            if artefact is None:
                continue
            record.append(_entry(step, unit, artefact, out))
            match step.task.gives:
                case "bitext" if not _only_joined(project, step):
                    _copy(artefact.folder / "bitext.parquet", out / "bitext" / f"{unit}.parquet")
                case "file":
                    for path in sorted(p for p in artefact.folder.iterdir() if p.name != MANIFEST):
                        _copy(path, out / ("bitext" if step.task.per_pair else "documents") / path.name)
                case "links":
                    _links(artefact, out / "links", unit)
                case "lexicon":
                    (out / "lexicon").mkdir(exist_ok=True)
                    write_lines(
                        out / "lexicon" / f"{unit}.tsv",
                        lexicon_lines(pq.read_table(artefact.folder / "lexicon.parquet")),
                    )
                case "score":
                    score = json.loads((artefact.folder / "score.json").read_text(encoding="utf-8"))
                    scores.append({"step": step.id, "pair": unit, **score})
                case "proof":
                    _copy(artefact.folder / "proof.json", out / f"{step.id}.json")
                case "model" if (artefact.folder / MODEL).is_dir():
                    _link(artefact.folder / MODEL, out / "models" / step.id)
                case _:
                    pass
    write_text(out / "scores.json", json.dumps(scores, indent=1) + "\n")
    run = {
        "name": project.name,
        "file": project.file.name,
        "version": __version__,
        "languages": list(project.languages),
        "pairs": [unit_name(p) for p in project.pairs],
        **({"new": project.new} if project.new else {}),
        **({"papers": list(project.papers)} if project.papers else {}),
        "seed": project.seed,
        "steps": record,
    }
    write_text(out / "run.json", json.dumps(run, indent=1, ensure_ascii=False) + "\n")


def _entry(step: Step, unit: str, artefact: Artefact, out: Path) -> dict[str, Any]:
    return {
        "step": step.id,
        "unit": unit,
        "method": step.row.id,
        "papers": list(step.row.papers),
        "gives": step.task.gives,
        "params": params.non_default(step.method),
        "folder": artefact.folder.relative_to(out).as_posix(),
        "counts": dict(artefact.counts),
    }


def _only_joined(project: Project, step: Step) -> bool:
    """Whether a bitext is joined to another or scored against (a gold standard), not the corpus itself."""
    return any(step.id in other.inputs[1:] for other in project.steps)


def _links(artefact: Artefact, folder: Path, unit: str) -> None:
    bitext, links = read_links(artefact.folder)
    n = int(artefact.counts["corpus"])
    folder.mkdir(exist_ok=True)
    write_lines(folder / f"{unit}.pharaoh", links.take(range(n)).to_pharaoh())
    tokens = zip(bitext.tokens("src")[:n], bitext.tokens("tgt")[:n], strict=True)
    write_lines(folder / f"{unit}.tokens", [f"{' '.join(s)} ||| {' '.join(t)}" for s, t in tokens])


def _link(source: Path, target: Path) -> None:
    """The files of a folder under a second name, for a model is too large to be there twice; copied where that cannot be."""
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(source, part, copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    if source.is_dir():
        # A folder of shards cannot take another's place in one step.
        shutil.copytree(source, part, dirs_exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
    else:
        shutil.copyfile(source, part)
    os.replace(part, target)
