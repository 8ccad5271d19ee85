"""Sentence pairs from JSON lines: one object a pair."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.corpus.paths import locate, pick
from polyalign.corpus.records import Record, fields, get, kind, records
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, as_json
from polyalign.corpus.rows import Columns, FileReader, Source, batches, column_type

_INT32 = range(-(1 << 31), 1 << 31)


@dataclass(frozen=True, slots=True)
class JsonLines(FileReader):
    r"""Sentence pairs from a JSON lines file: one object a pair.

    A side may be a text or a list of words; words are joined by spaces and their spans kept, so
    that links keep their meaning. Every other field is kept under its name: ``score.*`` as numbers,
    ``src_spans`` and ``tgt_spans`` as lists, other text as it is, anything else as JSON text.

    Args:
        src: Source field; a dotted path such as ``translation.{src}`` reaches into objects.
        tgt: Target field, likewise.
        id: Field of row ids; rows without it get their number.
        links_field: Field of gold links, as Pharaoh text or as a list of [source, target]; kept as ``links``.

    Complexity:
        O(bytes) time; memory for the bitext only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.jsonl"
        >>> _ = path.write_text('{"translation": {"de": "Haus", "en": "house"}}\n', encoding="utf-8")
        >>> reader = JsonLines(str(path), src="translation.{src}", tgt="translation.{tgt}")
        >>> reader.read(("deu_Latn", "eng_Latn")).tgt
        ['house']
    """

    src: str = "src"
    tgt: str = "tgt"
    id: str = "id"
    links_field: str = "links"

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file cannot be read, a line is no JSON object, or a field is missing or of another kind.
        """
        path = locate(self.path, pair)
        return Source(self._chunks(path, pair, rejects), pair, str(path))

    def _chunks(self, path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[Columns]:
        for batch in batches(self._rows(path, pair, rejects)):
            names = dict.fromkeys(name for row in batch for name in row)
            yield {name: [row.get(name) for row in batch] for name in names}

    def _rows(self, path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[Record]:
        sides: dict[str, str] = {}
        for number, record in records(path, rejects):
            where = f"{path} line {number}"
            try:
                if not sides:
                    sides = {side: _find(record, getattr(self, side), pair, where) for side in ("src", "tgt")}
                row = self._row(record, sides, where)
            except DataError as error:
                rejects.broken(Rejected.of(error, path, f"line {number}", as_json(record)))
                continue
            yield row

    def _row(self, record: Record, sides: Mapping[str, str], where: str) -> Record:
        row: Record = {}
        for side, field in sides.items():
            row[side], spans = _text(record, field, where)
            if spans is not None:
                row[f"{side}_spans"] = spans
        used = {*sides.values(), self.id, self.links_field, *(field.split(".")[0] for field in sides.values())}
        name, links = get(record, self.id), get(record, self.links_field)
        row["id"] = name if name is None or isinstance(name, str) else json.dumps(name, ensure_ascii=False)
        if links is not None:
            row["links"] = _links(links, self.links_field, where)
        for key, value in record.items():
            if key not in used:
                row[key if key not in row else f"{key}#2"] = _other(key, value, where)
        return row


def _find(record: Record, field: str, pair: tuple[str, str], where: str) -> str:
    """The field meant; only the first line is asked, for the file has one form."""
    found = pick(field, pair, lambda name: get(record, name) is not None, where=f"field {field!r}")
    if found is None:
        raise DataError(
            f"{where}: found the fields {', '.join(fields(record))}, expected {field!r}; name the fields with src and tgt"
        )
    return found


def _text(record: Record, field: str, where: str) -> tuple[str, list[int] | None]:
    value = get(record, field)
    if isinstance(value, str):
        return value, None
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        spans: list[int] = []
        at = 0
        for word in value:
            spans += [at, at + len(word)]
            at += len(word) + 1
        return " ".join(value), spans
    raise DataError(
        f"{where}: found {kind(value)} in field {field!r}, expected text or a list of words; remove or correct that line"
    )


def _links(value: Any, field: str, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(
        isinstance(link, list) and len(link) == 2 and all(type(i) is int for i in link) for link in value
    ):
        return " ".join(f"{i}-{j}" for i, j in value)
    raise DataError(
        f"{where}: found {kind(value)} in field {field!r}, expected links such as '0-0 1-2' or [[0, 0], [1, 2]]"
    )


def _other(key: str, value: Any, where: str) -> Any:
    if value is None:
        return None
    type_of, expected = column_type(key), ""
    if pa.types.is_floating(type_of):
        expected = "" if type(value) is float or (type(value) is int and abs(value) < 10**300) else "a number"
    elif pa.types.is_integer(type_of):
        expected = "" if _whole(value) else "a whole number below 2**31"
    elif pa.types.is_list(type_of):
        expected = "" if isinstance(value, list) and all(map(_whole, value)) else "a list of whole numbers"
    elif not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if expected:
        raise DataError(f"{where}: found {kind(value)} in field {key!r}, expected {expected}; correct that line")
    return value


def _whole(value: Any) -> bool:
    return type(value) is int and value in _INT32
