"""A method's dataclass as its schema: checked against JSON or TOML, shown as help.

The border is here; the methods themselves import nothing for it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from polyalign.core.errors import ConfigError, did_you_mean
from polyalign.core.files import PathText
from polyalign.core.registry import Row, load


@dataclasses.dataclass(frozen=True, slots=True)
class Param:
    """One hyper-parameter: its name, type, default (or `dataclasses.MISSING`), description, and whether it is a path."""

    name: str
    type: Any
    default: Any
    help: str
    is_path: bool = False

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is dataclasses.MISSING


def params_of(cls: type[Any]) -> list[Param]:
    """The parameters of a method's class, described by the ``Args`` of its docstring and of those it inherits from."""
    hints = get_type_hints(cls)
    paths = {name for name, hint in get_type_hints(cls, include_extras=True).items() if hint == PathText}
    described: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        described |= describe_args(vars(base).get("__doc__") or "")
    out = []
    for f in dataclasses.fields(cls):
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        out.append(Param(f.name, hints[f.name], default, described.get(f.name, ""), f.name in paths))
    return out


def describe_args(docstring: str) -> dict[str, str]:
    r"""The entries of a Google-style ``Args`` section, each on one line.

    Example:
        >>> describe_args("X.\n\nArgs:\n    a: First\n        more.\n    b: Second.\n\nReturns:\n    c: d")
        {'a': 'First more.', 'b': 'Second.'}
    """
    section = re.search(r"^[ ]*Args:\n(.*?)(?:\n[ ]*\n|\Z)", docstring + "\n\n", re.S | re.M)
    out: dict[str, str] = {}
    if section is None:
        return out
    lines = section[1].split("\n")
    indent = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
    name = ""
    for line in lines:
        entry = re.match(rf" {{{indent}}}(\w+): (.*)", line)
        if entry:
            name = entry[1]
            out[name] = entry[2].strip()
        elif name:
            out[name] = f"{out[name]} {line.strip()}".strip()
    return out


@lru_cache(maxsize=256)
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def check(row: Row, params: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Build a method from parameters, or say everything that is wrong with them.

    Args:
        row: The method's row.
        params: Parameters by name, as JSON or TOML gives them; ``preset`` names a preset to start from.

    Returns:
        The method (None when there are errors) and the errors.
    """
    given = dict(params)
    errors: list[str] = []
    preset = given.pop("preset", None)
    if preset is not None:
        if preset not in row.presets:
            known = ", ".join(row.presets) or "none"
            return None, [
                f"{row.id} has no preset {preset!r} (it has: {known}){did_you_mean(str(preset), row.presets)}"
            ]
        given = {**row.presets[preset], **given}
    cls = load(row)
    fields = params_of(cls)
    known_names = [p.name for p in fields]
    for name in [n for n in given if n not in known_names]:
        errors.append(f"{row.id} takes no parameter '{name}'{did_you_mean(name, known_names)}")
        del given[name]
    for p in fields:
        if p.required and p.name not in given:
            errors.append(f"{row.id} needs the parameter '{p.name}'" + (f": {p.help}" if p.help else ""))
    if any(p.required and p.name not in given for p in fields):
        return None, errors
    method: Any = None
    try:
        # Through JSON in strict mode: lax mode would turn "3" into 3, Python mode refuse a list for a tuple.
        method = _adapter(cast(Any, cls)).validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        for e in error.errors(include_url=False):
            at = ".".join(str(x) for x in e["loc"])
            message = e["msg"].removeprefix("Value error, ")
            errors.append(f"{row.id}: {at} = {e['input']!r}: {message}" if at else f"{row.id}: {message}")
    except TypeError as error:
        errors.append(f"{row.id}: {error}")
    return (None if errors else method), errors


def build(row: Row, params: Mapping[str, Any] | None = None, *, where: str = "") -> Any:
    """Build a method from parameters.

    Raises:
        ConfigError: Any parameter that is unknown, missing or of the wrong type; all of them in one message.
    """
    method, errors = check(row, params or {})
    if errors:
        raise ConfigError((f"{where}: " if where else "") + "; ".join(errors))
    return method


def to_dict(method: Any) -> dict[str, Any]:
    """A method's parameters as plain values."""
    return dict(_adapter(cast(Any, type(method))).dump_python(method, mode="json"))


def non_default(method: Any) -> dict[str, Any]:
    """The parameters that differ from their defaults, for signatures."""
    values = to_dict(method)
    defaults = {p.name: p.default for p in params_of(type(method))}
    return {k: v for k, v in values.items() if defaults[k] is dataclasses.MISSING or getattr(method, k) != defaults[k]}
