"""What a checked project is: steps in order, and who does them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core import registry
from polyalign.pipeline.engine import Settings
from polyalign.pipeline.job import Job
from polyalign.pipeline.tasks import Task

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan.

    Args:
        id: Its name in the project file.
        row: Its method's row.
        task: What its task takes and gives.
        method: The method, built and checked.
        inputs: Ids of the steps it reads.
        pairs: The language pairs it runs for; empty for a step over all languages.
        options: What it says beside the method's parameters.
    """

    id: str
    row: registry.Row
    task: Task
    method: Any
    inputs: tuple[str, ...]
    pairs: tuple[Pair, ...]
    options: Mapping[str, Any]

    @property
    def units(self) -> tuple[Pair | None, ...]:
        """What it runs for: its pairs, or once for all languages (None)."""
        return self.pairs if self.task.per_pair else (None,)

    def job(self, project: Project, pair: Pair | None, inputs: tuple[Path, ...], out: Path) -> Job:
        """The work of this step for one pair, or for all languages."""
        return Job(project.languages, pair, inputs, self.options, out, self.row.id, project.new)


@dataclass(frozen=True, slots=True)
class Project:
    """A checked project.

    Args:
        file: The project file.
        name: What the report is headed with.
        output: The run folder.
        languages: Canonical tags.
        pairs: The language pairs that pairwise steps run for.
        new: The language that a model is taught; empty where none is.
        papers: Keys of the papers that the project as a whole follows.
        seed: Of every random choice.
        threads: Threads of parallel kernels; 0 is all.
        engine: Who does the work.
        steps: In the order of the file.
    """

    file: Path
    name: str
    output: Path
    languages: tuple[str, ...]
    pairs: tuple[Pair, ...]
    new: str
    papers: tuple[str, ...]
    seed: int
    threads: int
    engine: Settings
    steps: tuple[Step, ...]


def unit_name(pair: Pair | None) -> str:
    """How a pair is written in file names; ``all`` where there is none."""
    return "all" if pair is None else "-".join(pair)
