"""Methods that a step names in tables of its own (``objectives = [{ use = "code-switch", lexicon = "rm.tsv" }]``): the files in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from polyalign.core import params, registry
from polyalign.core.errors import PolyalignError
from polyalign.core.files import PathText

#: Parameters that are a table, or tables, of a method each, and the task that it is of.
TABLES = {"objectives": "models.objective", "weights": "models.weights", "script": "models.script"}
#: Parameters that are a model's folder, or its name.
MODELS = ("encoder", "model", "donor", "guide")


def placed(values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Parameters whose tables have their paths taken from a folder.

    Args:
        values: Parameters by name, those that are no tables among them, which stay.
        base: The folder.
    """
    # A name of a model that is no path is one on the hub.
    return _changed(
        values, lambda key, path: path if key in MODELS and not (base / path).exists() else str(base / path)
    )


def files_in(method: Any) -> list[Path]:
    """The files that the tables of a method name, other than models."""
    return [Path(path) for key, path in _named(method) if key not in MODELS]


def models_in(method: Any) -> dict[str, str]:
    """What tells the models apart that the tables of a method name: to read gigabytes for every plan would take minutes."""
    from polyalign.encoders.model_files import identity

    return {key: identity(path) for key, path in _named(method) if key in MODELS and Path(path).exists()}


def _named(method: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def note(key: str, path: str) -> str:
        found.append((key, path))
        return path

    _changed(params.to_dict(method), note)
    return found


def _changed(values: Mapping[str, Any], change: Callable[[str, str], str]) -> dict[str, Any]:
    return {key: _within(value, TABLES[key], change) if key in TABLES else value for key, value in values.items()}


def _within(value: Any, task: str, change: Callable[[str, str], str]) -> Any:
    """A table with its paths changed, or each of several; what is no table of a method is left to be told of later."""
    if isinstance(value, list):
        return [_within(x, task, change) for x in value]
    if not isinstance(value, dict):
        return value
    try:
        cls = registry.load(registry.find(str(value.get("use")), task=task))
    except PolyalignError:
        return value
    hints = get_type_hints(cls, include_extras=True)
    paths = [name for name, hint in hints.items() if hint == PathText or PathText in get_args(hint)]
    named = {key: change(key, value[key]) for key in paths if isinstance(value.get(key), str) and value[key]}
    return _changed(value, change) | named
