"""JSON lines as records: an object a line, fields by dotted path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polyalign.core.progress import note
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, numbered_lines

Record = dict[str, Any]
#: No record of texts is nested deeper, and what walks through one calls itself at every level.
_DEPTH = 100
_HALF = re.compile("[\ud800-\udfff]")


def records(path: Path, rejects: Rejects = STRICT) -> Iterator[tuple[int, Record]]:
    r"""The objects of a JSON lines file with the number of the line each is on.

    Half a surrogate pair (``"\ud83d"`` alone, which is no character) becomes U+FFFD and is counted in a note.

    Args:
        path: The file, ``-`` for standard input.
        rejects: Takes the lines that are no JSON object; by default one is an error.

    Raises:
        DataError: The file cannot be read, or a line is not a JSON object and nobody takes it.
    """
    halves = 0
    for number, line in numbered_lines(path, rejects):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if line.count("{") + line.count("[") > _DEPTH and (depth := _depth(record)) > _DEPTH:
                raise ValueError(f"it is nested {depth} deep, more than {_DEPTH}")
            if "\\ud" in line or "\\uD" in line:
                record, more = _whole(record)
                halves += more
        except (ValueError, RecursionError) as error:
            detail = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
            reason = f"found broken JSON ({detail}), expected one object a line; check that line"
            rejects.broken(Rejected(str(path), f"line {number}", reason, line))
            continue
        if not isinstance(record, dict):
            reason = (
                f"found {kind(record)}, expected an object such as "
                '{"src": "...", "tgt": "..."}; write one object a line'
            )
            rejects.broken(Rejected(str(path), f"line {number}", reason, line))
            continue
        yield number, record
    if halves:
        note(f"{path}: {halves} halves of surrogate pairs are no characters and became U+FFFD")


def get(record: Mapping[str, Any], field: str) -> Any:
    """The value at a dotted path, or None; a key that holds the dots itself comes first.

    Example:
        >>> get({"translation": {"de": "Haus"}}, "translation.de"), get({"a.b": 1}, "a.b"), get({}, "x")
        ('Haus', 1, None)
    """
    if field in record:
        return record[field]
    value: Any = record
    for key in field.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def kind(value: Any) -> str:
    """A JSON value's type in words.

    Example:
        >>> kind(None), kind([1]), kind("x")
        ('nothing', 'a list', 'text')
    """
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names[type(value)]


def fields(record: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted paths of everything in a record, for messages."""
    out: list[str] = []
    for key, value in record.items():
        out += fields(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [prefix + key]
    return out


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [
        v for x in level if isinstance(x, (dict, list)) for v in (x.values() if isinstance(x, dict) else x)
    ]:
        depth += 1
    return depth


def _whole(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        return _HALF.subn("\ufffd", value)
    if isinstance(value, list):
        parts = [_whole(v) for v in value]
        return [v for v, _ in parts], sum(n for _, n in parts)
    if isinstance(value, dict):
        pairs = [(_whole(k), _whole(v)) for k, v in value.items()]
        return {k[0]: v[0] for k, v in pairs}, sum(k[1] + v[1] for k, v in pairs)
    return value, 0
