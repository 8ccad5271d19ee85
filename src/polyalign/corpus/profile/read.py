"""Any corpus as runs of what a profile counts: a bitext of any format, documents, or the lines of a text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from polyalign.core import params, registry
from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines, suffixes
from polyalign.core.langs import UNKNOWN, normalise
from polyalign.core.progress import track
from polyalign.corpus.formats import FORMATS, SUFFIXES
from polyalign.corpus.profile.profile import Profile
from polyalign.corpus.records import get, records
from polyalign.corpus.rows import batches
from polyalign.corpus.stream import stream_bitext

#: What a corpus can be made of.
KINDS = ("pairs", "documents", "lines")
#: Files that may hold pairs as well as documents: their columns tell.
_EITHER = ("jsonl", "parquet", "arrow")
_TEXTS = ("", ".txt", ".text", ".snt", ".sen", ".lst", ".md", ".log")
_RUN = 16_384


def profile_of(
    paths: list[str],
    *,
    format: str | None = None,
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
    lang: str = UNKNOWN,
    sample: int = 10_000,
    seed: int = 1,
    run: int = _RUN,
) -> Profile:
    """Read corpora of one kind and count what is in them.

    Args:
        paths: Bitexts, folders or files of documents, or text files of one text a line; ``-`` is standard input.
        format: One of `formats.FORMATS`, ``documents`` or ``lines``; by default names and columns say.
        pair: The languages of bitexts that do not name them.
        lang: The language of lines and documents that name none.
        sample: Rows of each language pair, or language, to be looked at closely.
        seed: Of their choice.
        run: Rows in memory at a time.

    Raises:
        ConfigError: A format is not known.
        DataError: A file cannot be read, or the files are not of one kind.
    """
    kinds = {path: kind_of(path, format) for path in paths}
    if len(set(kinds.values())) > 1:
        first, other = (
            next(p for p, k in kinds.items() if k == kind) for kind in list(dict.fromkeys(kinds.values()))[:2]
        )
        raise DataError(
            f"{first} holds {kinds[first]} and {other} holds {kinds[other]}, expected corpora of one kind; profile them one by one"
        )
    profile = Profile(next(iter(kinds.values())), sample, seed)
    for path in paths:
        with track(f"reading {path}", unit=profile.kind) as progress:
            for rows in _read(profile, path, format, pair, lang, run):
                progress.advance(rows)
    return profile


def kind_of(path: str, format: str | None = None) -> str:
    """What a corpus is made of: ``pairs``, ``documents`` or ``lines``.

    Raises:
        ConfigError: The format is not known.
        DataError: The path is not there.
    """
    if format in KINDS[1:]:
        return str(format)
    if format is not None and format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}; known are {', '.join((*FORMATS, *KINDS[1:]))}")
    if format is not None and format not in _EITHER:
        return "pairs"
    if path != "-" and not Path(path).exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    if Path(path).is_dir():
        return "documents"
    suffix = suffixes(path)[0]
    name = format or SUFFIXES.get(suffix)
    if name in _EITHER:
        columns = _columns(path, name)
        return "documents" if "text" in columns and not {"src", "tgt"} <= columns else "pairs"
    if name is not None:
        return "pairs"
    return "lines" if path == "-" or suffix in _TEXTS else "documents"


def _columns(path: str, name: str) -> set[str]:
    if path == "-":
        return {"src", "tgt"}
    if name == "jsonl":
        record = next((record for _, record in records(Path(path))), {})
        return set(record)
    if suffixes(path)[1]:
        return {"src", "tgt"}
    try:
        return set(pq.read_schema(path).names if name == "parquet" else _arrow(path).schema.names)
    except (pa.ArrowException, OSError):
        return {"src", "tgt"}  # Its reader says what is wrong.


def _arrow(path: str) -> Any:
    return pa.ipc.open_file(pa.memory_map(path))


def _read(profile: Profile, path: str, format: str | None, pair: tuple[str, str], lang: str, run: int) -> Iterator[int]:
    """Count one corpus, run by run; yields the rows of each."""
    if profile.kind == "pairs":
        for bitext in stream_bitext(path, format=format, pair=pair, pairs=run):
            profile.add_bitext(bitext, path)
            yield len(bitext)
        return
    if profile.kind == "lines":
        first = 1
        for lines in batches(read_lines(path), run):
            profile.add_lines(lines, lang, path, first)
            first += len(lines)
            yield len(lines)
        return
    for table in _documents(path, run):
        known = pa.array([lang if tag in (None, UNKNOWN) else tag for tag in table["lang"].to_pylist()], pa.string())
        profile.add_documents(table.set_column(table.column_names.index("lang"), "lang", known))
        yield table.num_rows


def _documents(path: str, run: int) -> Iterator[pa.Table]:
    """Documents of a folder or file, some at a time."""
    name = SUFFIXES.get(suffixes(path)[0])
    if not Path(path).is_dir() and name == "jsonl":
        found = records(Path(path))
        while batch := list(islice(found, 256)):
            yield _table([(str(get(r, "id") or get(r, "doc") or n), str(get(r, "lang") or UNKNOWN), get(r, "text"), str(get(r, "source") or f"{Path(path).name}:{n}")) for n, r in batch], path)  # fmt: skip
        return
    if not Path(path).is_dir() and name in _EITHER:
        source: Any = pq.ParquetFile(path).iter_batches(1024) if name == "parquet" else _batches(_arrow(path))
        for part in source:
            table = pa.Table.from_batches([part])
            absent = {"doc": "", "lang": UNKNOWN, "source": Path(path).name}
            for column, value in absent.items():
                if column not in table.column_names:
                    table = table.append_column(column, pa.array([value] * table.num_rows, pa.string()))
            yield table.select(DOCUMENTS.names).cast(DOCUMENTS)
        return
    # What cannot be read is told by the reader.
    for table, _ in params.build(registry.find("corpus.documents/files"), {"path": path}, where=path).runs():
        yield table.select(DOCUMENTS.names)


def _batches(file: Any) -> Iterator[pa.RecordBatch]:
    for number in range(file.num_record_batches):
        yield file.get_batch(number)


def _table(rows: list[tuple[str, str, Any, str]], path: str) -> pa.Table:
    for name, _, text, source in rows:
        if not isinstance(text, str):
            raise DataError(f"{path}: record {name} ({source}): no text in field 'text', expected a document's text")
    doc, tags, texts, sources = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {"doc": doc, "lang": [normalise(t) for t in tags], "text": texts, "source": sources}, schema=DOCUMENTS
    )
