"""Documents from a Hugging Face dataset: its folder, or its name on the hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN, normalise
from polyalign.core.progress import note, track
from polyalign.corpus.bitext.columns import Columns, column_at
from polyalign.corpus.bitext.delimited import Csv, Tsv
from polyalign.corpus.cards import Split, dataset_folder, find_split
from polyalign.corpus.records import get, records
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, as_json
from polyalign.corpus.rows import unique


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents from a Hugging Face dataset, a folder or a name on the hub, one split of it.

    A row is one text in the language that its column `lang` names, or in `language` where all are in one; with
    `fields` it is a document in several languages, one column each. Files, splits and names on the hub are as in
    ``corpus.bitext/dataset``. A text that is null is no document; rows in other languages are left out. A note counts
    both. An id that occurs again in one language gets ``#2`` (and a note).

    Args:
        path: The dataset's folder, or ``owner/name`` on the Hugging Face hub.
        text: The column of the text; a dotted path reaches into objects.
        lang: The column of its language, in any spelling.
        language: The language of all texts; `lang` is not looked at then.
        fields: The text column of each language, such as ``deu_Latn = "de"``, instead of `text`.
        id: The column of the document's name; rows without it, or all where it is empty, are numbered from 0.
        split: The split to read.
        config: The configuration of a dataset that has several; empty is its default or only one.
        revision: Branch, tag or commit of a dataset on the hub; empty is its main branch.

    Raises:
        ValueError: A language is no language tag, or one comes twice.

    Complexity:
        O(bytes) time; memory for the texts, in `stream` for one run of them.

    References:
        lhoest2021datasets

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (path / "train.jsonl").write_text('{"id": "a", "text": "Chasa.", "lang": "rm"}', encoding="utf-8")
        >>> Dataset(str(path)).read(("roh_Latn",)).to_pylist()
        [{'doc': 'a', 'lang': 'roh_Latn', 'text': 'Chasa.', 'source': 'train.jsonl:0'}]
    """

    path: PathText
    text: str = "text"
    lang: str = "lang"
    language: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    id: str = "id"
    split: str = "train"
    config: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        try:
            tags = [normalise(tag) for tag in (*self.fields, *([self.language] if self.language else []))]
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if len(set(tags)) < len(tags):
            raise ValueError(f"fields and language must name each language once, not {', '.join(tags)}")

    def inputs(self, langs: tuple[str, ...]) -> list[Path]:
        """The files that `read` would read.

        Raises:
            DataError: There is no such dataset or split.
        """
        return list(self._split().files)

    def read(self, langs: tuple[str, ...]) -> pa.Table:
        """Read the documents there are in those languages.

        Returns:
            A table of `core.document.DOCUMENTS`, in the order of the files and their rows, languages in the order given.

        Raises:
            ConfigError: No field is named for a language.
            DataError: There is no such dataset, split or column, a file cannot be read, or a text is none.
        """
        with track(f"reading {self.path}", unit="documents") as progress:
            parts = [DOCUMENTS.empty_table()]
            for part in self.stream(langs):
                parts.append(part)
                progress.advance(part.num_rows)
        table = pa.concat_tables(parts)
        names = [f"{doc}\x00{lang}" for doc, lang in zip(*(table[c].to_pylist() for c in ("doc", "lang")), strict=True)]
        if len(set(names)) < len(names):
            # A name is one document's, in whatever languages.
            fresh = {lang: iter(unique(self._docs(table, lang), str(self.path))) for lang in langs}
            table = table.set_column(0, "doc", pa.array([next(fresh[lang]) for lang in table["lang"].to_pylist()]))
        for lang in langs:
            if lang not in table["lang"].unique().to_pylist():
                note(f"{self.path}: no document in {lang}")
        return table

    def stream(self, langs: tuple[str, ...], rows: int = 65_536, rejects: Rejects = STRICT) -> Iterator[pa.Table]:
        """The documents some at a time, their names as they are; arguments and errors as `read`.

        Args:
            langs: The languages wanted.
            rows: How many documents a table has; the last has fewer.
            rejects: Takes the rows whose text or language is none; by default one is an error.

        Raises:
            ValueError: Tables of no rows.
        """
        if rows < 1:
            raise ValueError(f"rows must be at least 1, got {rows}")
        wanted = {normalise(tag): name for tag, name in self.fields.items()}
        absent = [lang for lang in langs if wanted and lang not in wanted]
        if absent:
            raise ConfigError(
                f"{self.path}: no field is named for {', '.join(absent)}; fields has {', '.join(wanted)}; add it there"
            )
        return self._tables(langs, wanted, rows, rejects)

    def _tables(
        self, langs: tuple[str, ...], wanted: dict[str, str], rows: int, rejects: Rejects
    ) -> Iterator[pa.Table]:
        split = self._split()
        waiting: list[tuple[str, str, str, str]] = []
        left: Counter[str] = Counter()
        count = 0
        for path in split.files:
            for number, record in enumerate(_records(split, path, self._named(), rejects)):
                name = get(record, self.id) if self.id else None
                name = str(count) if name is None else str(name)
                count += 1
                for lang, text in self._texts(record, langs, wanted, f"{path.name}:{number}", rejects):
                    if lang in langs and text is not None:
                        waiting.append((name, lang, text, f"{path.name}:{number}"))
                    else:
                        left["null" if text is None else lang] += 1
                if len(waiting) >= rows:
                    yield _table(waiting[:rows])
                    waiting = waiting[rows:]
        while waiting:
            yield _table(waiting[:rows])
            waiting = waiting[rows:]
        if left:
            there = ", ".join(f"{n} {'without text' if what == 'null' else f'in {what}'}" for what, n in left.items())
            note(f"{self.path}: left out {there}")

    def _texts(
        self, record: dict[str, Any], langs: tuple[str, ...], wanted: dict[str, str], at: str, rejects: Rejects
    ) -> list[tuple[str, str | None]]:
        out: list[tuple[str, str | None]] = []
        tag = self.language or get(record, self.lang) if not wanted else ""
        if not wanted and not (isinstance(tag, str) and _known(tag)):
            reason = f"found {tag!r} as its language, expected a language tag in column {self.lang!r}; name it with lang or language"
            rejects.broken(Rejected(str(self.path), at, reason, as_json(record)))
            return []
        for lang in langs if wanted else [_known(str(tag))]:
            column = wanted.get(lang, self.text)
            text = get(record, column)
            if text is not None and not isinstance(text, str):
                reason = f"found {type(text).__name__} in column {column!r}, expected text"
                rejects.broken(Rejected(str(self.path), at, reason, as_json(record)))
                return []
            out.append((lang, text))
        return out

    def _named(self) -> list[str]:
        """The columns that must be there."""
        if self.fields:
            return list(self.fields.values())
        return [self.text] if self.language else [self.text, self.lang]

    def _split(self) -> Split:
        return find_split(dataset_folder(self.path, revision=self.revision), name=self.split, config=self.config)

    def _docs(self, table: pa.Table, lang: str) -> list[str]:
        return [d for d, own in zip(table["doc"].to_pylist(), table["lang"].to_pylist(), strict=True) if own == lang]


@lru_cache(maxsize=4096)
def _known(tag: str) -> str:
    try:
        return normalise(tag) if tag else UNKNOWN
    except ConfigError:
        return ""


def _table(rows: list[tuple[str, str, str, str]]) -> pa.Table:
    return pa.table(dict(zip(DOCUMENTS.names, zip(*rows, strict=True), strict=True)), schema=DOCUMENTS)


def _records(split: Split, path: Path, named: list[str], rejects: Rejects) -> Iterator[dict[str, Any]]:
    """The rows of a file as objects; it must have the columns named."""
    if split.kind == "jsonl":
        for number, (_, record) in enumerate(records(path, rejects)):
            if number == 0:
                _check(named, [name for name in named if get(record, name) is not None], list(record), path)
            yield record
        return
    if split.kind in ("csv", "tsv"):
        reader = Csv(str(path)) if split.kind == "csv" else Tsv(str(path))
        rows = reader.rows(path, rejects)
        header = next(rows, (0, []))[1]
        _check(named, header, header, path)
        for number, row in rows:
            if len(row) == len(header):
                yield dict(zip(header, row, strict=True))
            elif row:
                reason = f"found {len(row)} columns, expected {len(header)}"
                rejects.broken(Rejected(str(path), f"line {number}", reason, as_json(row)))
        return
    table = Columns(str(path))
    there = table.names()
    _check(named, [n for n in named if n in there], there, path)
    for part in table.tables():
        keep = {name: column_at(part, name) for name in part.column_names}
        yield from pa.table(keep).to_pylist()


def _check(named: list[str], found: list[str], there: list[str], path: Path) -> None:
    absent = [name for name in named if name not in found]
    if absent:
        raise DataError(
            f"{path}: found the columns {', '.join(there) or 'none'}, expected {', '.join(absent)}; name the columns with "
            "text, lang (or language) or fields"
        )
