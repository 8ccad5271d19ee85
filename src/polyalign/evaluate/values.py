"""Numbers by language from files: what a metric wrote, what a benchmark gave, features of languages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.core.files import read_lines, read_text, suffixes
from polyalign.core.jit import F64
from polyalign.core.langs import normalise
from polyalign.evaluate.model.parallel import language_of

_MISSING = ("", "-", "--", "nan", "NaN", "NA")


def read_values(path: str, *, metric: str = "", model: str = "") -> dict[str, float]:
    """A number for each language.

    Args:
        path: ``.json``: an object of numbers, or of scores with a ``value``, by language; or what ``polyalign evaluate model``
            or another metric writes with ``--json``, by file. Else lines of a language and a number between tabs, a line of headings or not.
        metric: Of which metric, where the file has several.
        model: Of which model, where the file has several.

    Returns:
        Numbers by language, in canonical tags where the name is a language's or says one, as a file's may.

    Raises:
        DataError: The file is missing or no such table.
        ConfigError: It has several metrics or models and none is named, or not the one named.
    """
    if suffixes(path)[0] != ".json":
        names, rows = read_features(path)
        column = names.index(_one(metric, names, path, "metric", "column"))
        return {lang: float(row[column]) for lang, row in rows.items()}
    try:
        found: Any = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); expected an object with a number for each language") from None
    if isinstance(found, dict) and "models" in found:
        models = {str(m["model"]): m for m in found["models"]}
        metrics = models[_one(model, list(models), path, "model", "model")]["metrics"]
        found = metrics[_one(metric, list(metrics), path, "metric", "metric")]
    if not isinstance(found, dict):
        raise DataError(f"{path}: found a {type(found).__name__}, expected an object with a number for each language")
    several = [v for v in found.values() if isinstance(v, dict) and "value" not in v]
    if several and len(several) == len(found):
        name = _one(metric, list(several[0]), path, "metric", "metric")
        found = {key: scores.get(name) for key, scores in found.items()}
    return {_key(lang): _number(value, f"{path}: {lang}") for lang, value in found.items()}


def read_features(path: str) -> tuple[list[str], dict[str, F64]]:
    """A table: names of the columns, and their numbers for each language.

    Args:
        path: Lines of a language and numbers between tabs. If the first has no number it holds the columns' names. An empty
            field, ``-``, ``--`` and ``NA`` are not known.

    Returns:
        The names, ``1`` and so on without a line of them, and numbers by language, shape (columns,), not a number where not known.

    Raises:
        DataError: The file is missing, no such table, or names a language twice.
    """
    names: list[str] = []
    rows: dict[str, F64] = {}
    for number, line in enumerate(read_lines(path), 1):
        lang, *fields = line.split("\t")
        if not line.strip():
            continue
        if not names:
            named = not any(_is_number(f) for f in fields)
            names = fields if named else [str(i) for i in range(1, len(fields) + 1)]
            if named and fields:
                continue
        if not fields or len(fields) != len(names):
            raise DataError(
                f"{path} line {number}: found {len(fields)} numbers, expected {len(names) or 'some'}; a line is a language and "
                "its numbers, between tabs"
            )
        values = [np.nan if f.strip() in _MISSING else _number(f, f"{path} line {number}") for f in fields]
        if _key(lang) in rows:
            raise DataError(f"{path} line {number}: found {lang} again, expected each language once")
        rows[_key(lang)] = np.array(values, np.float64)
    if not rows:
        raise DataError(f"{path}: found no language, expected lines of a language and its numbers, between tabs")
    return names, rows


def in_common(first: Mapping[str, Any], *others: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The languages that all tables have, in the order of the first, and those that only some have.

    Example:
        >>> in_common({"a": 1, "b": 2}, {"b": 3, "c": 4})
        (['b'], ['a', 'c'])
    """
    both = [k for k in first if all(k in other for other in others)]
    every = dict.fromkeys(k for table in (first, *others) for k in table)
    return both, [k for k in every if k not in both]


def _key(name: str) -> str:
    try:
        return normalise(name)
    except ConfigError:
        found = language_of(Path(name).name)
        return found[0] if found else name.strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: Any, where: str) -> float:
    value = value.get("value") if isinstance(value, dict) else value
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not _is_number(str(value)):
        raise DataError(f"{where}: found {value!r}, expected a number")
    return float(value)


def _one(asked: str, there: list[str], path: str, flag: str, what: str) -> str:
    if asked in there or (not asked and len(there) == 1):
        return asked or there[0]
    hint = did_you_mean(asked, there) if asked else ""
    raise ConfigError(
        f"{path}: {flag} {asked!r}: found {what}s {', '.join(there)}; name one of them{hint}"
        if asked
        else f"{path}: found {len(there)} {what}s ({', '.join(there)}), expected one; say which {flag} is meant"
    )
