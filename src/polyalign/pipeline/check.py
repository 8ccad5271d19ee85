"""One step of a project file, checked against those before it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, PolyalignError, did_you_mean
from polyalign.pipeline.job import Job, Kind
from polyalign.pipeline.plan import Pair, Step, unit_name
from polyalign.pipeline.tables import MODELS, placed
from polyalign.pipeline.tasks import EITHER, TASKS, Task, variants_of

_STEP_KEYS = ("id", "use", "in", "pairs")


def pairs_of(given: Any, languages: tuple[str, ...], where: str, errors: list[str]) -> tuple[Pair, ...]:
    """The pairs that a project file names, or all; what is wrong goes to `errors`."""
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


class Checker:
    """Checks one [[step]] table against those before it, collecting every error."""

    def __init__(
        self,
        base: Path,
        number: int,
        raw: Mapping[str, Any],
        languages: tuple[str, ...],
        pairs: tuple[Pair, ...],
        new: str,
        seed: int,
        earlier: list[Step],
        broken: set[str],
        errors: list[str],
    ) -> None:
        self.base, self.raw, self.languages, self.pairs, self.new, self.seed = base, raw, languages, pairs, new, seed
        self.earlier, self.broken, self.errors = earlier, broken, errors
        self.id = str(raw.get("id", "")) or str(raw.get("use", "")).replace("/", ".")
        self.where = f"step {number}" + (f" '{self.id}'" if self.id else "")

    def say(self, message: str) -> None:
        """Note an error."""
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
        variants = variants_of(row.id)
        if not variants:
            self.say(f"{row.id} cannot be a step of a project; tasks that can: {', '.join((*TASKS, *EITHER))}")
            return None
        task = self._variant(variants)
        options, given = self._options(task)
        method, wrong = params.check(row, self._parameters(row, given))
        # An encoder of the house: whether it can run is known now, and not only after the steps before.
        encoder = registry.rows().get(f"encode/{getattr(method, 'encoder', '').split(':')[0]}")
        wanted = getattr(method, "vectors", "") != "never"
        if encoder is not None and wanted and (lack := registry.missing(encoder)):
            wrong = [lack]
        for message in wrong:
            self.say(message)
        if len(variants) > 1 and self.broken and self.raw.get("in") in (None, *self.broken):
            # What its input would have given is not known, nor what it gives itself.
            self.broken.add(self.id)
            return None
        if task.teaches and not self.new:
            self.say('which language is new to the model? Say it at the top: [project] new = "rm"')
        inputs = self._inputs(task)
        pairs = self._step_pairs(task, inputs)
        return Step(self.id, row, task, method, tuple(s.id for s in inputs), pairs, options)

    def _variant(self, variants: tuple[Task, ...]) -> Task:
        """The task for the kind of its input: the one named, or the last that is any of theirs."""
        names = self.raw.get("in")
        name = names[0] if isinstance(names, list) and names else names
        for step in reversed(self.earlier):
            for task in variants:
                # Links come with their bitext, but only if they are named.
                gives = "bitext" if step.task.gives == "links" and name else step.task.gives
                if task.takes[:1] == (gives,) and name in (None, step.id):
                    return task
        return variants[0]

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
        """The step's parameters, with paths taken from the project's folder, those in tables too, and the project's seed."""
        fields = {p.name: p for p in params.params_of(registry.load(row))}
        out = placed(given, self.base)
        for key, value in out.items():
            if key in fields and fields[key].is_path and isinstance(value, str) and value:
                out[key] = str(self.base / value)
            elif key in MODELS and isinstance(value, str) and (self.base / value.rsplit(":", 1)[0]).exists():
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
            return self._last_of(task)
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
        kinds = self._kinds(task, out)
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

    def _last_of(self, task: Task) -> list[Step]:
        """The last step that gives each kind, where a step does not say which."""
        if task.also:
            # The last documents there are may be those that are held out.
            self.say(
                f"takes {', '.join(task.takes)} and any of {', '.join(task.also)}; say which steps they come from with "
                'in = ["...", "..."]'
            )
            return []
        found = [next((s for s in reversed(self.earlier) if s.task.gives == kind), None) for kind in task.takes]
        for kind, step in zip(task.takes, found, strict=True):
            if step is None and not self.broken:
                self.say(f'needs {kind}, and no earlier step gives any; say where they come from with in = "..."')
        return [s for s in found if s is not None]

    def _kinds(self, task: Task, inputs: list[Step]) -> tuple[Kind, ...]:
        """What each input has to be."""
        more = inputs[len(task.takes) :]
        if task.joins:
            return task.takes + task.takes[-1:] * len(more)
        if not task.also:
            return task.takes
        for step in more:
            if step.task.gives not in task.also:
                self.say(
                    f"takes {', '.join(task.also)} after {', '.join(task.takes)}, but '{step.id}' ({step.row.id}) gives "
                    f"{step.task.gives}"
                )
        return (*task.takes, *(step.task.gives for step in more))

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
        wanted = pairs_of(self.raw["pairs"], self.languages, self.where, self.errors)
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
                for path in step.task.files(
                    step.method, Job(self.languages, pair, (), step.options, Path(), step.row.id, self.new)
                ):
                    if not path.exists():
                        self.say(f"{path}: no such file or folder")
            except PolyalignError as error:
                self.say(str(error))
