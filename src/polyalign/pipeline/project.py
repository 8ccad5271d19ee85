"""A project file, read and checked whole: every error at once, before the first step runs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyalign.core import langs
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
    "seed": int,
    "threads": int,
    **_ENGINE_KEYS,
}


def read_project(file: Path, output: Path | None = None, engine: Mapping[str, Any] | None = None) -> Project:
    """Read a project file and check all of it.

    Args:
        file: TOML; paths in it are taken from its folder.
        output: A run folder to use instead of the file's.
        engine: Settings of the engine to use instead of the file's, unless they are None.

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
        elif not _fits(key, value):
            errors.append(f"[project] {key} = {value!r}: wrong type")
    languages = _languages(head, errors)
    pairs = pairs_of(head.get("pairs", "all"), languages, "[project]", errors)
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
    for number, raw in enumerate(raw_steps, 1):
        step = Checker(file.parent, number, raw, languages, pairs, seed, steps, broken, errors).check()
        if step is not None:
            steps.append(step)
    if errors:
        raise ConfigError("\n".join(f"{file}: {e}" for e in errors))
    where = output or file.parent / head.get("output", f"runs/{file.stem}")
    return Project(file, head.get("name", file.stem), where, languages, pairs, seed, threads, settings, tuple(steps))


def _fits(key: str, value: Any) -> bool:
    return isinstance(value, _PROJECT_KEYS[key]) and not isinstance(value, bool)


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
