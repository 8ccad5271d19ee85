"""Run a project: each step for each language pair, kept by content, taken up where it stopped."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from polyalign.core import params
from polyalign.core.errors import ConfigError, DataError, PolyalignError
from polyalign.core.files import digest
from polyalign.core.jit import set_threads
from polyalign.core.progress import Events, console, event_log
from polyalign.core.spread import spreading
from polyalign.core.store import Artefact, Store
from polyalign.pipeline.engine import opened
from polyalign.pipeline.plan import Pair, Project, Step, unit_name
from polyalign.pipeline.publish import publish
from polyalign.pipeline.shards import shards_folder


def run(project: Project, *, start: str = "", only: str = "") -> Path:
    """Run a project's steps and publish their results.

    Args:
        project: A checked project.
        start: Make this step and all after it anew, whatever is stored.
        only: Run this step alone; what it needs must be stored.

    Returns:
        The run folder: ``bitext/``, ``links/``, ``lexicon/``, ``models/``, ``scores.json``, ``run.json``,
        ``events.jsonl``, and the store in ``work/``.

    Raises:
        PolyalignError: A step failed, or another run uses the folder; what was finished is kept.
    """
    _check_step(project, start)
    _check_step(project, only)
    with _folder(project.output):
        set_threads(project.threads)
        with event_log(project.output / "events.jsonl") as events:
            events.emit("run", project=project.name, pairs=[unit_name(p) for p in project.pairs])
            with opened(project.engine, project.threads, events) as engine, spreading(engine):
                made = _Runner(project, events, start, only).run()
            publish(project, made)
            events.emit("done")
    return project.output


def dry_run(project: Project, *, start: str = "", only: str = "") -> list[tuple[str, str, str]]:
    """What `run` would do and why, without doing it: step, unit, what happens."""
    _check_step(project, start)
    _check_step(project, only)
    plan: list[tuple[str, str, str]] = []
    store, made, forced = Store(project.output / "work"), dict[tuple[str, str], Artefact](), False
    for step in project.steps:
        forced = forced or step.id == start
        for pair in step.units:
            unit = unit_name(pair)
            waiting = list(dict.fromkeys(i for i, u in _reads(project, step, pair) if (i, u) not in made))
            if only and step.id != only:
                reason = "left out by --only"
            elif forced:
                reason = "run: --from"
            elif waiting:
                reason = "run: after " + ", ".join(waiting)
            else:
                reason = ""
            if not waiting:
                recipe = _recipe(project, step, pair, made)
                found = store.find(step.id, unit, recipe)
                if found is not None and not (forced or step.id == only):
                    made[step.id, unit] = found
                    reason = reason or "stored"
                elif not reason:
                    reason = "run: " + store.why_missing(step.id, unit, recipe)
            plan.append((step.id, unit, reason))
    return plan


class _Runner:
    """One pass over the steps of a project."""

    def __init__(self, project: Project, events: Events, start: str, only: str) -> None:
        self.project, self.events, self.start, self.only = project, events, start, only
        self.store = Store(project.output / "work")
        self.made: dict[tuple[str, str], Artefact] = {}

    def run(self) -> dict[tuple[str, str], Artefact]:
        forced = False
        for step in self.project.steps:
            forced = forced or step.id == self.start
            for pair in step.units:
                self._unit(step, pair, anew=forced or step.id == self.only)
        return self.made

    def _unit(self, step: Step, pair: Pair | None, *, anew: bool) -> None:
        unit = unit_name(pair)
        if self.only and step.id != self.only and not self._inputs_made(step, pair):
            return
        recipe = _recipe(self.project, step, pair, self.made)
        found = None if anew else self.store.find(step.id, unit, recipe)
        if found is None and self.only and step.id != self.only:
            return
        if found is None:
            found = self._make(step, pair, unit, recipe)
        else:
            self._tell(step, unit, "[dim]stored[/dim]", "")
            self.events.emit("stored", step=step.id, unit=unit)
        self.made[step.id, unit] = found

    def _inputs_made(self, step: Step, pair: Pair | None) -> bool:
        return all(read in self.made for read in _reads(self.project, step, pair))

    def _make(self, step: Step, pair: Pair | None, unit: str, recipe: dict[str, Any]) -> Artefact:
        if not self._inputs_made(step, pair):
            raise ConfigError(f"--only {step.id}: what it needs is not stored; run the project once without --only")
        self.events.emit("start", step=step.id, unit=unit, method=step.row.id)
        began, counts = time.perf_counter(), dict[str, Any]()
        _reset_peak()
        inputs = tuple(self.made[read].folder for read in _reads(self.project, step, pair))
        try:
            with self.store.create(step.id, unit, recipe, counts) as out:
                counts.update(step.task.run(step.method, step.job(self.project, pair, inputs, out)))
        except PolyalignError as error:
            self.events.emit("failed", step=step.id, unit=unit, message=str(error))
            raise type(error)(f"{self.project.file.name} step '{step.id}' ({unit}): {error}") from None
        # Also those that an earlier run left that was to make something else.
        for folder in out.parent.glob(f"{unit}-*{shards_folder(out).suffix}"):
            shutil.rmtree(folder, ignore_errors=True)
        seconds, peak = time.perf_counter() - began, _peak_mb()
        self.events.emit(
            "finished",
            step=step.id,
            unit=unit,
            method=step.row.id,
            seconds=round(seconds, 3),
            peak_mb=peak,
            counts=counts,
        )
        self._tell(step, unit, _told(counts), f"{seconds:.1f} s, {peak:.0f} MB")
        return self.store.load(step.id, unit, recipe)

    def _tell(self, step: Step, unit: str, what: str, cost: str) -> None:
        """One line of a table: step, unit, what came of it, what it cost."""
        steps = max(len(s.id) for s in self.project.steps)
        units = max(len(unit_name(p)) for p in self.project.pairs)
        console.print(
            f"{step.id:<{steps}}  [dim]{unit:<{units}}[/dim]  {what:<34}[dim]{cost:>18}[/dim]".rstrip(), soft_wrap=True
        )


def _step(project: Project, id: str) -> Step:
    return next(s for s in project.steps if s.id == id)


def _reads(project: Project, step: Step, pair: Pair | None) -> list[tuple[str, str]]:
    """The results that a step for a pair reads: of an input by pairs that pair's, if it has one, or for no pair all."""
    out = []
    for id in step.inputs:
        source = _step(project, id)
        units = [p for p in source.units if p == pair] if source.task.per_pair and pair is not None else source.units
        out += [(id, unit_name(unit)) for unit in units]
    return out


def _recipe(project: Project, step: Step, pair: Pair | None, made: dict[tuple[str, str], Artefact]) -> dict[str, Any]:
    """What a unit's result depends on, and nothing else."""
    values = params.to_dict(step.method)
    read = [r for r in _reads(project, step, pair) if r in made]
    several = Counter(i for i, _ in read)
    inputs = {i if several[i] == 1 else f"{i} {unit}": made[i, unit].digest for i, unit in read}
    job = step.job(project, pair, (), Path())
    # Files are named by their order, not their place: a moved project keeps its results.
    for number, path in enumerate(step.task.files(step.method, job)):
        inputs[f"file {number + 1}"] = digest(path)
    inputs |= step.task.marks(step.method, job)
    return {
        "method": step.row.id,
        "version": step.row.version,
        "params": _without_folder(values, project)
        | _without_folder(dict(step.options), project)
        | ({"new": project.new} if step.task.teaches else {}),
        "inputs": inputs,
        "languages": list(pair if pair is not None else project.languages),
    }


def _without_folder(values: Any, project: Project) -> Any:
    base = str(project.file.parent) + os.sep
    match values:
        case dict():
            return {k: _without_folder(v, project) for k, v in values.items()}
        case list() | tuple():
            return [_without_folder(v, project) for v in values]
        case str():
            return values.removeprefix(base)
    return values


@contextmanager
def _folder(output: Path) -> Iterator[None]:
    """The run folder, held by one run at a time."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with FileLock(output / ".lock", timeout=0):
            _sweep(output)
            yield
    except Timeout:
        raise DataError(
            f"{output}: another run is using this folder; wait for it to end, or choose another folder with --output"
        ) from None
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise DataError(
            f"{output}: cannot be used as run folder ({error.strerror}); choose another with --output"
        ) from None


def _sweep(output: Path) -> None:
    """Remove what a killed run had half written, and nothing that is not the run's own."""
    ours = [*(output / "work").rglob("*.part")]
    for folder in (output, output / "bitext", output / "links", output / "lexicon", output / "models"):
        ours += folder.glob(".*.part")
    for part in ours:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _check_step(project: Project, id: str) -> None:
    if id and all(s.id != id for s in project.steps):
        raise ConfigError(f"{project.file}: no step '{id}'; its steps are {', '.join(s.id for s in project.steps)}")


def _told(counts: dict[str, Any]) -> str:
    if "value" in counts:
        return f"{counts['value']:.4f} on {counts['in']:,}"
    parts = [f"{counts['in']:,} ->" if "in" in counts else "", f"{counts['out']:,}"]
    if dropped := sum(counts.get("dropped", {}).values()):
        parts.append(f"({dropped:,} dropped)")
    return " ".join(p for p in parts if p)


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # Elsewhere than on Linux the peak is that of the whole run so far.


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)
    except (OSError, IndexError):
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
