"""The registry: every method as one row of data. Listing it imports no method.

Each level lists its rows in its ``__init__.py`` under ``METHODS``; other packages add theirs by
an entry point of the group ``polyalign.methods`` that names such a list.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyalign.core.errors import ConfigError, MissingExtraError, UnknownMethodError, did_you_mean

LEVELS = ("encoders", "text", "corpus", "documents", "sentences", "words", "spaces", "models", "evaluate")


@dataclass(frozen=True, slots=True)
class Row:
    """One method.

    Args:
        id: ``task/name``, such as ``words.align/hmm``.
        target: ``module:Class``.
        papers: Keys in ``references.bib``.
        extra: The optional dependency group it needs, or nothing.
        needs: The modules of that extra that it imports.
        version: Raised when its output changes, so that stored results are made anew.
        presets: Parameter sets by name, named after papers.
    """

    id: str
    target: str
    papers: tuple[str, ...] = ()
    extra: str = ""
    needs: tuple[str, ...] = ()
    version: int = 1
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The part before the slash."""
        return self.id.split("/")[0]

    @property
    def name(self) -> str:
        """The part after the slash."""
        return self.id.split("/")[1]


@lru_cache(maxsize=1)
def rows() -> dict[str, Row]:
    """Every registered row by id, the house's own first.

    Raises:
        ConfigError: Two packages register one id.
    """
    lists = [importlib.import_module(f"polyalign.{level}").METHODS for level in LEVELS]
    lists += [point.load() for point in sorted(entry_points(group="polyalign.methods"), key=lambda p: p.name)]
    table: dict[str, Row] = {}
    for row in (row for rows in lists for row in rows):
        if row.id in table:
            raise ConfigError(
                f"method {row.id}: registered twice, by {table[row.id].target} and {row.target}; uninstall one package"
            )
        table[row.id] = row
    return table


def tasks() -> list[str]:
    """The tasks there are methods for, in the order data flows."""
    return list(dict.fromkeys(row.task for row in rows().values()))


def find(method: str, *, task: str = "") -> Row:
    """The row of an id, or of a bare name within a task.

    Raises:
        UnknownMethodError: No such method; names the nearest one and how to list them.
    """
    table = rows()
    full = f"{task}/{method}" if task and "/" not in method else method
    if full in table and (not task or table[full].task == task):
        return table[full]
    known = [row.name for row in table.values() if row.task == task] if task and "/" not in method else list(table)
    where = f"{task} method" if task else "method"
    raise UnknownMethodError(
        f"unknown {where} '{method}'{did_you_mean(method, known)}; `polyalign methods{' ' + task if task else ''}` lists them"
    )


def missing(row: Row) -> str:
    """What to install before the method can run, or the empty string."""
    absent = [m for m in row.needs if find_spec(m) is None]
    return f"{row.id} needs {', '.join(absent)}; install with: pip install 'polyalign[{row.extra}]'" if absent else ""


def load(row: Row) -> type[Any]:
    """The method's class.

    Raises:
        MissingExtraError: Its optional dependencies are not installed.
    """
    if lack := missing(row):
        raise MissingExtraError(lack)
    module, name = row.target.split(":")
    cls: type[Any] = getattr(importlib.import_module(module), name)
    return cls


def docstring(row: Row) -> str:
    """The method's docstring, read from its source without importing it."""
    module, name = row.target.split(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return ast.get_docstring(node) or ""
    return ""


def summary(row: Row) -> str:
    """The first sentence of its docstring."""
    return docstring(row).split("\n\n")[0].replace("\n", " ")


@lru_cache(maxsize=1)
def bibliography() -> dict[str, str]:
    """BibTeX entries by key, from the package's ``references.bib``."""
    text = (Path(__file__).parent.parent / "references.bib").read_text(encoding="utf-8")
    entries: dict[str, str] = {}
    for chunk in text.split("\n@")[0:]:
        entry = chunk.strip() if chunk.startswith("@") else "@" + chunk.strip()
        if "{" in entry:
            entries[entry.split("{", 1)[1].split(",", 1)[0].strip()] = entry
    return entries
