"""Documents from JSON lines: one object a document, one field a language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText
from polyalign.core.langs import normalise
from polyalign.core.progress import note, track
from polyalign.corpus.paths import locate
from polyalign.corpus.records import fields as paths_in
from polyalign.corpus.records import get, kind, records
from polyalign.corpus.rows import batches, unique


@dataclass(frozen=True, slots=True)
class JsonLines:
    r"""Documents from a JSON lines file: one object a document, one field a language.

    A field that is null or missing means that the document does not exist in that language; an
    empty text is kept. An id that occurs again gets ``#2`` (and a note).

    Args:
        path: The file, ``-`` for standard input.
        fields: The field of each language, such as ``deu_Latn = "de"``; a dotted path reaches into objects.
        id: The field of the document's name; empty numbers them from 0.

    Raises:
        ValueError: No field is named, or a key is no language tag, or one language comes twice.

    Complexity:
        O(bytes) time; memory for the texts only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.jsonl"
        >>> _ = path.write_text('{"id": 7, "de": "Haus", "rm": "Chasa"}\n', encoding="utf-8")
        >>> JsonLines(str(path), {"de": "de", "rm": "rm"}).read(("roh_Latn",)).to_pylist()
        [{'doc': '7', 'lang': 'roh_Latn', 'text': 'Chasa', 'source': 'x.jsonl:1'}]
    """

    path: PathText
    fields: dict[str, str]
    id: str = "id"

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError('fields must name the field of each language, such as {"deu_Latn": "de"}')
        try:
            tags = [normalise(tag) for tag in self.fields]
        except ConfigError as error:
            raise ValueError(f"fields: {error}") from None
        if len(set(tags)) < len(tags):
            raise ValueError(f"fields must name each language once, not {', '.join(self.fields)}")

    def inputs(self, langs: tuple[str, ...]) -> list[Path]:
        """The file that `read` would read.

        Raises:
            ConfigError: No field is named for a language.
            DataError: It does not exist.
        """
        self._wanted(langs)
        return [locate(self.path)]

    def read(self, langs: tuple[str, ...]) -> pa.Table:
        """Read the documents there are in those languages.

        Returns:
            A table of `core.document.DOCUMENTS`, documents in the file's order, languages in the order given.

        Raises:
            ConfigError: No field is named for a language.
            DataError: The file cannot be read, or a field holds something else than text.
        """
        wanted = self._wanted(langs)
        path = locate(self.path)
        names: list[str] = []
        counts: list[int] = []
        parts: list[pa.Table] = []
        with track(f"reading {path}", unit="documents") as progress:
            for batch in batches(self._documents(path, wanted, names, counts), 4096):
                rows = list(chain.from_iterable(batch))
                columns = zip(_TEXTS.names, zip(*rows, strict=True), strict=True) if rows else ()
                parts.append(pa.table(dict(columns), schema=_TEXTS) if rows else _TEXTS.empty_table())
                progress.advance(len(batch))
        docs = chain.from_iterable([n] * c for n, c in zip(unique(names, str(path)), counts, strict=True))
        for lang in langs:
            if not any(lang in part["lang"].unique().to_pylist() for part in parts):
                note(f"{path}: no document has the field {wanted[lang]!r}, so there is none in {lang}")
        table = pa.concat_tables([_TEXTS.empty_table(), *parts])
        return table.add_column(0, "doc", pa.array(list(docs), pa.string())).cast(DOCUMENTS)

    def _wanted(self, langs: tuple[str, ...]) -> dict[str, str]:
        """The field of each language."""
        by_tag = {normalise(tag): field for tag, field in self.fields.items()}
        absent = [lang for lang in langs if lang not in by_tag]
        if absent:
            raise ConfigError(
                f"{self.path}: no field is named for {', '.join(absent)}; fields has {', '.join(by_tag)}; add it there"
            )
        return {lang: by_tag[lang] for lang in langs}

    def _documents(
        self, path: Path, wanted: dict[str, str], names: list[str], counts: list[int]
    ) -> Iterator[list[tuple[str, str, str]]]:
        for number, record in records(path):
            name = str(len(names)) if not self.id else get(record, self.id)
            if not isinstance(name, (str, int)) or isinstance(name, bool):
                raise DataError(
                    f"{path} line {number}: found {kind(name)} in field {self.id!r}, expected the document's id; "
                    f'this line has {", ".join(paths_in(record))}; name its field with id, or number them with id = ""'
                )
            texts = [(lang, get(record, field)) for lang, field in wanted.items()]
            for lang, text in texts:
                if text is not None and not isinstance(text, str):
                    raise DataError(
                        f"{path} line {number}: found {kind(text)} in field {wanted[lang]!r}, expected the text in {lang} or null"
                    )
            rows = [(lang, text, f"{path.name}:{number}") for lang, text in texts if text is not None]
            names.append(str(name))
            counts.append(len(rows))
            yield rows


_TEXTS = pa.schema([field for field in DOCUMENTS if field.name != "doc"])
