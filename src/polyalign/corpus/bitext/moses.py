"""Sentence pairs from line-aligned files, one a language, as Moses has them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, line_arrays, text_lines
from polyalign.corpus.rows import Columns, Source, batches, collect, column_type

#: What a word is, by the value of `tokens`.
_WORDS = {"spaces": re.compile(r"[^ ]+"), "whitespace": re.compile(r"\S+")}


@dataclass(frozen=True, slots=True)
class Moses:
    r"""Sentence pairs from two files whose lines correspond, one a language.

    Further line-aligned files may hold gold links, ids and document names. With `numbered` every
    line of both texts (and of the links) starts with an id and a TAB, and the ids must agree.

    **Differs:** from tools that read with universal newlines in that only LF and CR LF end a line,
    so that a U+2028 or a lone CR inside a sentence does not shift the lines behind it.

    Args:
        src: The source file, such as ``corpus.{src}``; ``{src}`` and ``{tgt}`` stand for the languages.
        tgt: The target file.
        links: File of gold links in Pharaoh format, kept as they are in the column ``links``.
        ids_path: File of row ids, if the lines are not numbered.
        docs_path: File with the document each line belongs to, kept in the column ``doc``.
        numbered: Whether each line starts with an id and a TAB.
        tokens: How the words are marked; ``spaces``: by ASCII spaces; ``whitespace``: by any Unicode white
            space; ``none``: the text is not tokenised.
        prefix: Put before every id, so that several files can be joined.

    Raises:
        ValueError: Both `ids_path` and `numbered` are given.

    Complexity:
        O(bytes) time; memory for the bitext only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> for lang, text in (("de", "Haus\n"), ("en", "house\n")):
        ...     _ = (path / f"x.{lang}").write_text(text, encoding="utf-8")
        >>> Moses(f"{path}/x.{{src}}", f"{path}/x.{{tgt}}", prefix="x").read(("deu_Latn", "eng_Latn")).ids
        ['x0']
    """

    src: PathText
    tgt: PathText
    links: PathText = ""
    ids_path: PathText = ""
    docs_path: PathText = ""
    numbered: bool = False
    tokens: Literal["none", "spaces", "whitespace"] = "none"
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.ids_path and self.numbered:
            raise ValueError("ids come from a file or from the lines themselves: give ids_path or numbered, not both")

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The files that `read` would read.

        Raises:
            DataError: One does not exist.
        """
        return list(self._files(pair).values())

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN), rejects: Rejects = STRICT) -> Bitext:
        """Read the pairs; `pair` names the languages.

        Raises:
            DataError: A file cannot be read, they differ in length, or ids do not agree.
        """
        return collect(self.source(pair, rejects))

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs."""
        files = self._files(pair)
        return Source(self._chunks(files, rejects), pair, str(files["src"]))

    def _files(self, pair: tuple[str, str]) -> dict[str, Path]:
        given = {"src": self.src, "tgt": self.tgt, "links": self.links, "id": self.ids_path, "doc": self.docs_path}
        return {name: locate(path, pair) for name, path in given.items() if path}

    def _chunks(self, files: Mapping[str, Path], rejects: Rejects) -> Iterator[Columns | pa.Table]:
        if not (self.numbered or self.prefix or self.tokens in _WORDS):
            yield from _tables(files, rejects)
            return
        names, done = list(files), 0
        rows: Iterator[tuple[str, ...]] = (row for _, row in _in_step(files, rejects))
        if self.numbered:
            rows = _numbered(files, rejects)
        for batch in batches(rows):
            columns: dict[str, Sequence[Any]] = dict(
                zip([*names, "id"] if self.numbered else names, zip(*batch, strict=True), strict=True)
            )
            if self.prefix:
                ids = columns.get("id") or tuple(str(i) for i in range(done, done + len(batch)))
                columns["id"] = tuple(self.prefix + name for name in ids)
            if (word := _WORDS.get(self.tokens)) is not None:
                for side in ("src", "tgt"):
                    columns[f"{side}_spans"] = [[x for m in word.finditer(t) for x in m.span()] for t in columns[side]]
            done += len(batch)
            yield columns


def _tables(files: Mapping[str, Path], rejects: Rejects) -> Iterator[pa.Table]:
    """The files' lines side by side as `_in_step` gives them, in tables of about a MiB."""
    streams = [line_arrays(path) for path in files.values()]
    waiting = [pa.array([], pa.large_string())] * len(files)
    bad: list[deque[Rejected]] = [deque() for _ in files]
    count = 0
    while True:
        for k, stream in enumerate(streams):
            if not len(waiting[k]):
                waiting[k], rejected = next(((a, r) for a, r in stream if len(a)), (waiting[k], []))
                bad[k].extend(rejected)
        rows = min(map(len, waiting))
        if rows == 0:
            break
        lines, waiting = [a.slice(0, rows) for a in waiting], [a.slice(rows) for a in waiting]
        table = pa.table({name: a.cast(column_type(name)) for name, a in zip(files, lines, strict=True)})
        for row in sorted({row for a in lines if a.null_count for row in np.flatnonzero(a.is_null()).tolist()}):
            found = [bad[k].popleft() if not a[row].is_valid else a[row].as_py() for k, a in enumerate(lines)]
            _reject(found, rejects)
        count += rows
        yield table.drop_null() if any(a.null_count for a in lines) else table
    if any(map(len, waiting)):
        left = [len(a) + sum(len(b) for b, _ in s) for a, s in zip(waiting, streams, strict=True)]
        raise _unequal(files, [count + n for n in left])


def _reject(row: Sequence[str | Rejected], rejects: Rejects) -> None:
    bad = next(line for line in row if isinstance(line, Rejected))
    record = "\t".join(line if isinstance(line, str) else line.record for line in row)
    rejects.broken(Rejected(bad.source, bad.at, bad.reason, record))


def _unequal(files: Mapping[str, Path], counts: Sequence[int]) -> DataError:
    found = ", ".join(f"{n} lines in {path}" for n, path in zip(counts, files.values(), strict=True))
    return DataError(f"{files['src']}: found {found}, expected equal numbers; the files do not belong together")


def _in_step(files: Mapping[str, Path], rejects: Rejects) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The files' lines side by side with their number; where one is no text the others go with it."""
    streams = [text_lines(path) for path in files.values()]
    count = 0
    for row in zip_longest(*streams):
        if None in row:
            counts = [count + (line is not None) + sum(1 for _ in s) for line, s in zip(row, streams, strict=True)]
            raise _unequal(files, counts)
        count += 1
        texts = tuple(line for line in row if isinstance(line, str))
        if len(texts) == len(row):
            yield count, texts
        else:
            _reject([line for line in row if line is not None], rejects)


def _numbered(files: Mapping[str, Path], rejects: Rejects) -> Iterator[tuple[str, ...]]:
    """The files' lines side by side, the id that starts them at the end of the row."""
    parts = [name in ("src", "tgt", "links") for name in files]
    for number, row in _in_step(files, rejects):
        ids: set[str] = set()
        texts: list[str] = []
        bad: Rejected | None = None
        for line, has_id, path in zip(row, parts, files.values(), strict=True):
            name, tab, text = line.partition("\t") if has_id else ("", "\t", line)
            if not tab and bad is None:
                reason = (
                    f"found {line[:40]!r}, expected an id, a TAB and the text; leave numbered out if lines have no ids"
                )
                bad = Rejected(str(path), f"line {number}", reason, "\t".join(row))
            texts.append(text)
            ids |= {name} if has_id else set()
        if bad is None and len(ids) > 1:
            reason = (
                f"found the ids {', '.join(sorted(ids))} side by side, expected the same "
                "in each file; the lines do not correspond"
            )
            bad = Rejected(str(files["src"]), f"line {number}", reason, "\t".join(row))
        if bad is None:
            yield (*texts, *ids)
        else:
            rejects.broken(bad)
