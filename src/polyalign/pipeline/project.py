"""A project file, read and checked whole: every error at once, before the first step runs."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, PolyalignError, did_you_mean
from polyalign.core.files import read_text
from polyalign.pipeline.job import Job
from polyalign.pipeline.tasks import TASKS, Task, task_of

Pair = tuple[str, str]
_PROJECT_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "output": str,
    "languages": list,
    "pairs": (str, list),
    "seed": int,
    "threads": int,
}
_STEP_KEYS = ("id", "use", "in", "pairs")


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
        return Job(project.languages, pair, inputs, self.options, out)


@dataclass(frozen=True, slots=True)
class Project:
    """A checked project.

    Args:
        file: The project file.
        name: What the report is headed with.
        output: The run folder.
        languages: Canonical tags.
        pairs: The language pairs that pairwise steps run for.
        seed: Of every random choice.
        threads: Threads of parallel kernels; 0 is all.
        steps: In the order of the file.
    """

    file: Path
    name: str
    output: Path
    languages: tuple[str, ...]
    pairs: tuple[Pair, ...]
    seed: int
    threads: int
    steps: tuple[Step, ...]


def unit_name(pair: Pair | None) -> str:
    """How a pair is written in file names; ``all`` where there is none."""
    return "all" if pair is None else "-".join(pair)


def read_project(file: Path, output: Path | None = None) -> Project:
    """Read a project file and check all of it.

    Args:
        file: TOML; paths in it are taken from its folder.
        output: A run folder to use instead of the file's.

    Raises:
        ConfigError: Anything in it that cannot be run; every error found, one a line.
        DataError: The file is missing or not UTF-8.
    """
    try:
        data = tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    errors: list[str] = []
    head = data.get("project", {})
    if not isinstance(head, dict):
        raise ConfigError(f"{file}: 'project' must be a table, written [project]")
    for key in data:
        if key not in ("project", "step"):
            errors.append(
                f"unknown table [{key}]{did_you_mean(key, ['project', 'step'])}; a project has [project] and [[step]]"
            )
    for key, value in head.items():
        if key not in _PROJECT_KEYS:
            errors.append(f"[project] takes no '{key}'{did_you_mean(key, _PROJECT_KEYS)}")
        elif not isinstance(value, _PROJECT_KEYS[key]) or isinstance(value, bool):
            errors.append(f"[project] {key} = {value!r}: wrong type")
    languages = _languages(head, errors)
    pairs = _pairs(head.get("pairs", "all"), languages, "[project]", errors)
    seed = head.get("seed", 1)
    threads = head.get("threads", 0)
    steps: list[Step] = []
    broken: set[str] = set()
    raw_steps = data.get("step", [])
    if not isinstance(raw_steps, list) or not raw_steps or not all(isinstance(s, dict) for s in raw_steps):
        errors.append('no steps; a project needs at least one [[step]] with use = "..."')
        raw_steps = []
    for number, raw in enumerate(raw_steps, 1):
        step = _Checker(file.parent, number, raw, languages, pairs, seed, steps, broken, errors).check()
        if step is not None:
            steps.append(step)
    if errors:
        raise ConfigError("\n".join(f"{file}: {e}" for e in errors))
    where = output or file.parent / head.get("output", f"runs/{file.stem}")
    return Project(file, head.get("name", file.stem), where, languages, pairs, seed, threads, tuple(steps))


def _languages(head: Mapping[str, Any], errors: list[str]) -> tuple[str, ...]:
    given = head.get("languages", [])
    if not isinstance(given, list) or len(given) < 2:
        errors.append('[project] languages: expected two or more, such as languages = ["de", "rm"]')
        return ()
    out: list[str] = []
    for tag in given:
        try:
            out.append(langs.normalise(str(tag)))
        except ConfigError as error:
            errors.append(f"[project] {error}")
    if len(set(out)) != len(out):
        errors.append("[project] languages: one is given twice")
    return tuple(out)


def _pairs(given: Any, languages: tuple[str, ...], where: str, errors: list[str]) -> tuple[Pair, ...]:
    if given == "all":
        return tuple(itertools.combinations(languages, 2))
    if not isinstance(given, list) or not given:
        errors.append(f'{where} pairs = {given!r}: expected "all" or a list such as ["de-rm", "de-it"]')
        return ()
    out: list[Pair] = []
    for text in given:
        try:
            pair = langs.parse_pair(str(text))
        except ConfigError as error:
            errors.append(f"{where} {error}")
            continue
        strange = [lang for lang in pair if lang not in languages]
        if languages and strange:
            errors.append(
                f"{where} pair {text!r}: {strange[0]} is not among the project's languages ({', '.join(languages)})"
            )
        out.append(pair)
    return tuple(out)


class _Checker:
    """Checks one [[step]] table against those before it, collecting every error."""

    def __init__(
        self,
        base: Path,
        number: int,
        raw: Mapping[str, Any],
        languages: tuple[str, ...],
        pairs: tuple[Pair, ...],
        seed: int,
        earlier: list[Step],
        broken: set[str],
        errors: list[str],
    ) -> None:
        self.base, self.raw, self.languages, self.pairs, self.seed = base, raw, languages, pairs, seed
        self.earlier, self.broken, self.errors = earlier, broken, errors
        self.id = str(raw.get("id", "")) or str(raw.get("use", "")).replace("/", ".")
        self.where = f"step {number}" + (f" '{self.id}'" if self.id else "")

    def say(self, message: str) -> None:
        self.errors.append(f"{self.where}: {message}")

    def check(self) -> Step | None:
        """The step, or None when anything is wrong with it."""
        before = len(self.errors)
        step = self._step()
        if step is not None and len(self.errors) == before:
            self._files(step)
        if len(self.errors) == before:
            return step
        # Steps that build on this one are not told off for it.
        self.broken.add(self.id)
        return None

    def _step(self) -> Step | None:
        use = self.raw.get("use")
        if not isinstance(use, str):
            self.say('no method; say which with use = "task/name" (`polyalign methods` lists them)')
            return None
        if not re.fullmatch(r"[\w-][\w.-]*", self.id):
            self.say("an id is made of letters, digits, '.', '_' and '-', and does not start with a dot")
        if any(s.id == self.id for s in self.earlier):
            self.say("this id is taken by an earlier step; give the step an id of its own")
        try:
            row = registry.find(use)
        except PolyalignError as error:
            self.say(str(error))
            return None
        if lack := registry.missing(row):
            self.say(lack)
            return None
        task = task_of(row.id)
        if task is None:
            self.say(f"{row.id} cannot be a step of a project; tasks that can: {', '.join(TASKS)}")
            return None
        options, given = self._options(task)
        method, wrong = params.check(row, self._parameters(row, given))
        # An encoder of the house: whether it can run is known now, and not only after the steps before.
        encoder = registry.rows().get(f"encode/{getattr(method, 'encoder', '').split(':')[0]}")
        wanted = getattr(method, "vectors", "") != "never"
        if encoder is not None and wanted and (lack := registry.missing(encoder)):
            wrong = [lack]
        for message in wrong:
            self.say(message)
        inputs = self._inputs(task)
        pairs = self._step_pairs(task, inputs)
        return Step(self.id, row, task, method, tuple(s.id for s in inputs), pairs, options)

    def _options(self, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
        options, given = {}, {}
        for key, value in self.raw.items():
            if key in task.options:
                options[key] = str(self.base / str(value))
            elif key not in _STEP_KEYS:
                given[key] = value
        for key in task.options:
            if key not in options:
                self.say(f"needs '{key}'")
        return options, given

    def _parameters(self, row: registry.Row, given: dict[str, Any]) -> dict[str, Any]:
        """The step's parameters, with paths taken from the project's folder and the project's seed."""
        fields = {p.name: p for p in params.params_of(registry.load(row))}
        out = dict(given)
        for key, value in out.items():
            if key in fields and fields[key].is_path and isinstance(value, str) and value:
                out[key] = str(self.base / value)
            elif key == "encoder" and isinstance(value, str) and (self.base / value.rsplit(":", 1)[0]).exists():
                out[key] = str(self.base / value)
        if "seed" in fields and "seed" not in out:
            out["seed"] = self.seed
        return out

    def _inputs(self, task: Task) -> list[Step]:
        names = self.raw.get("in")
        if not task.takes:
            if names is not None:
                self.say("takes no input, it reads from outside; remove 'in'")
            return []
        if names is None:
            found = [next((s for s in reversed(self.earlier) if s.task.gives == kind), None) for kind in task.takes]
            for kind, step in zip(task.takes, found, strict=True):
                if step is None and not self.broken:
                    self.say(f'needs {kind}, and no earlier step gives any; say where they come from with in = "..."')
            return [s for s in found if s is not None]
        listed = [names] if isinstance(names, str) else names
        if not isinstance(listed, list) or not listed:
            self.say(f"in = {names!r}: expected a step's id or a list of ids")
            return []
        known = {s.id: s for s in self.earlier}
        out = []
        for name in map(str, listed):
            if name in self.broken:
                continue
            if name not in known:
                self.say(f"in = {name!r}: no earlier step has that id{did_you_mean(name, known)}")
            else:
                out.append(known[name])
        if len(out) < len(listed):
            return []  # One of them is wrong, and has been told.
        kinds = task.takes + task.takes[-1:] * (len(out) - len(task.takes)) if task.joins else task.takes
        if len(out) != len(kinds):
            self.say(
                f"takes {len(task.takes)} input{'s' if len(task.takes) > 1 else ''} ({', '.join(task.takes)}), found {len(out)}"
            )
            return []
        for step, kind in zip(out, kinds, strict=True):
            # Links come with their bitext, and with a score for it.
            if step.task.gives != kind and (step.task.gives, kind) != ("links", "bitext"):
                self.say(f"takes {kind}, but '{step.id}' ({step.row.id}) gives {step.task.gives}")
        return out

    def _step_pairs(self, task: Task, inputs: list[Step]) -> tuple[Pair, ...]:
        if not task.per_pair:
            if "pairs" in self.raw:
                self.say("runs over all languages at once; remove 'pairs'")
            return ()
        # A joined input may be there for some pairs only (a gold standard, say); every other one must be.
        needed = inputs[:1] if task.joins else inputs
        available = [p for p in self.pairs if all(not s.task.per_pair or p in s.pairs for s in needed)]
        if "pairs" not in self.raw:
            return tuple(available)
        wanted = _pairs(self.raw["pairs"], self.languages, self.where, self.errors)
        for pair in wanted:
            if pair not in self.pairs:
                self.say(
                    f"pair {unit_name(pair)} is not among the project's pairs ({', '.join(map(unit_name, self.pairs))})"
                )
            elif pair not in available:
                self.say(f"pair {unit_name(pair)}: an input has no result for it")
        return wanted

    def _files(self, step: Step) -> None:
        """Every file that the step will read must be there now, not an hour from now."""
        for pair in step.units:
            try:
                for path in step.task.files(step.method, Job(self.languages, pair, (), step.options, Path())):
                    if not path.exists():
                        self.say(f"{path}: no such file or folder")
            except PolyalignError as error:
                self.say(str(error))
