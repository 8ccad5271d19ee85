"""JSON lines as records: an object a line, fields by dotted path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.progress import note

Record = dict[str, Any]
_HALF = re.compile("[\ud800-\udfff]")


def records(path: Path) -> Iterator[tuple[int, Record]]:
    r"""The objects of a JSON lines file with the number of the line each is on.

    Half a surrogate pair (``"\ud83d"`` alone, which is no character) becomes U+FFFD and is counted in a note.

    Raises:
        DataError: The file cannot be read, or a line is not a JSON object.
    """
    halves = 0
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            detail = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
            raise DataError(
                f"{path} line {number}: found broken JSON ({detail}), expected one object a line; check that line"
            ) from None
        if not isinstance(record, dict):
            raise DataError(
                f"{path} line {number}: found {kind(record)}, expected an object such as "
                '{"src": "...", "tgt": "..."}; write one object a line'
            )
        if "\\ud" in line or "\\uD" in line:
            record, more = _whole(record)
            halves += more
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
