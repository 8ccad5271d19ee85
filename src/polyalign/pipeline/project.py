"""A project file, read and checked whole: every error at once, before the first step runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyalign.core import langs, registry
from polyalign.core.errors import ConfigError, did_you_mean
from polyalign.core.files import read_text
from polyalign.pipeline.check import Checker, pairs_of
from polyalign.pipeline.engine import Settings
from polyalign.pipeline.plan import Project, Step

_ENGINE_KEYS: dict[str, type | tuple[type, ...]] = {"engine": str, "workers": int, "ray_address": str}
_PROJECT_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "output": str,
    "languages": list,
    "pairs": (str, list),
    "new": str,
    "papers": list,
    "seed": int,
    "threads": int,
    **_ENGINE_KEYS,
}


def read_project(
    file: Path,
    output: Path | None = None,
    engine: Mapping[str, Any] | None = None,
    *,
    smoke: bool = False,
    model: str = "",
) -> Project:
    """Read a project file and check all of it.

    Args:
        file: TOML; paths in it are taken from its folder.
        output: A run folder to use instead of the file's.
        engine: Settings of the engine to use instead of the file's, unless they are None.
        smoke: Whether the parameters of its table ``[smoke]`` replace those of the steps named there, so that it is done
            in minutes; the run folder is then one of its own.
        model: A model to read in place of those that the file's ``models.read`` steps name.

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
        if key not in ("project", "step", "smoke"):
            errors.append(
                f"unknown table [{key}]{did_you_mean(key, ['project', 'step', 'smoke'])}; a project has [project] and [[step]]"
            )
    for key, value in head.items():
        if key not in _PROJECT_KEYS:
            errors.append(f"[project] takes no '{key}'{did_you_mean(key, _PROJECT_KEYS)}")
        elif not _fits(key, value):
            errors.append(f"[project] {key} = {value!r}: wrong type")
    languages = _languages(head, errors)
    pairs = pairs_of(head.get("pairs", "all"), languages, "[project]", errors)
    new = _new(head.get("new", ""), languages, errors)
    papers = tuple(map(str, head.get("papers", [])))
    known = registry.bibliography()
    errors += [
        f"[project] papers: no entry for {p!r} in the bibliography{did_you_mean(p, known)}"
        for p in papers
        if p not in known
    ]
    seed = head.get("seed", 1)
    threads = head.get("threads", 0)
    given = {name: head[name] for name in _ENGINE_KEYS if _fits(name, head.get(name))}
    settings = Settings(**{**given, **{k: v for k, v in (engine or {}).items() if v is not None}})
    errors += [f"[project] {e}" for e in settings.errors()]
    steps: list[Step] = []
    broken: set[str] = set()
    raw_steps = data.get("step", [])
    if not isinstance(raw_steps, list) or not raw_steps or not all(isinstance(s, dict) for s in raw_steps):
        errors.append('no steps; a project needs at least one [[step]] with use = "..."')
        raw_steps = []
    raw_steps = _changed(raw_steps, data.get("smoke", {}), smoke, model, errors)
    for number, raw in enumerate(raw_steps, 1):
        step = Checker(file.parent, number, raw, languages, pairs, new, seed, steps, broken, errors).check()
        if step is not None:
            steps.append(step)
    if errors:
        raise ConfigError("\n".join(f"{file}: {e}" for e in errors))
    where = output or file.parent / (head.get("output", f"runs/{file.stem}") + "-smoke" * smoke)
    name = head.get("name", file.stem)
    return Project(file, name, where, languages, pairs, new, papers, seed, threads, settings, tuple(steps))


def _fits(key: str, value: Any) -> bool:
    return isinstance(value, _PROJECT_KEYS[key]) and not isinstance(value, bool)


def _new(tag: Any, languages: tuple[str, ...], errors: list[str]) -> str:
    """The language that is taught, one of the project's."""
    if not tag or not isinstance(tag, str):
        return ""
    try:
        found = langs.normalise(tag)
    except ConfigError as error:
        errors.append(f"[project] new: {error}")
        return ""
    if languages and found not in languages:
        errors.append(f"[project] new = {tag!r}: not among the project's languages ({', '.join(languages)})")
    return found


def _changed(
    steps: list[dict[str, Any]], table: Any, smoke: bool, model: str, errors: list[str]
) -> list[dict[str, Any]]:
    """The steps with what a trial changes of them, and with another model."""
    if not isinstance(table, dict) or not all(isinstance(change, dict) for change in table.values()):
        errors.append("[smoke]: expected a table a step, written [smoke.ID]")
        return steps
    ids = [str(step.get("id", "")) for step in steps]
    for id in table:
        if id not in ids:
            errors.append(f"[smoke.{id}]: no step has that id{did_you_mean(id, ids)}")
    out = [step | table.get(id, {}) if smoke else step for id, step in zip(ids, steps, strict=True)]
    readers = [str(step.get("use", "")).startswith("models.read/") for step in out]
    if model and not any(readers):
        errors.append(f"--model {model}: the project reads no model (models.read/pretrained)")
    # As it was typed: a path is taken from where one stands, not from the project's folder.
    given = str(Path(model).absolute()) if Path(model).exists() else model
    return [step | {"model": given} if model and reads else step for step, reads in zip(out, readers, strict=True)]


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
