"""Sentence pairs from a Hugging Face dataset: its folder, or its name on the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.bitext.columns import Columns as Tables
from polyalign.corpus.bitext.delimited import Csv, Tsv
from polyalign.corpus.bitext.jsonl import JsonLines
from polyalign.corpus.cards import Split, dataset_folder, find_split
from polyalign.corpus.paths import expand, spellings
from polyalign.corpus.records import fields, records
from polyalign.corpus.rejects import STRICT, Rejects
from polyalign.corpus.rows import Columns, FileReader, Source


@dataclass(frozen=True, slots=True)
class Dataset(FileReader):
    """Sentence pairs from a Hugging Face dataset, a folder or a name on the hub, one split of it.

    Its files are Parquet, Arrow, JSON lines, CSV or TSV, packed or not; which belong to the split is what the card
    says, else the words ``train``, ``validation`` or ``test`` in their names and folders, and everything is
    ``train`` where there are none. Further columns are kept as the reader of such files keeps them. No code of a
    dataset is run, and a card that names files outside of the folder is refused.

    Args:
        src: Source column; a dotted path such as ``translation.{src}`` reaches into objects. Empty takes the
            first there is of ``src``, ``source``, ``translation.{src}`` and the language's tags.
        tgt: Target column, likewise.
        id: Column of row ids; rows without it get their number.
        split: The split to read.
        config: The configuration of a dataset that has several; empty is its default or only one.
        revision: Branch, tag or commit of a dataset on the hub; empty is its main branch.

    Complexity:
        O(bytes) time; memory for the bitext only.

    References:
        lhoest2021datasets

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (path / "test.jsonl").write_text('{"translation": {"de": "Haus", "rm": "chasa"}}', encoding="utf-8")
        >>> Dataset(str(path), split="test").read(("deu_Latn", "roh_Latn")).tgt
        ['chasa']
    """

    src: str = ""
    tgt: str = ""
    id: str = "id"
    split: str = "train"
    config: str = ""
    revision: str = ""

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The files that `read` would read.

        Raises:
            DataError: There is no such dataset or split.
        """
        return list(self._split(pair).files)

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: There is no such dataset, split or column, or a file cannot be read.
            MissingExtraError: A dataset by its name or with a card, and the extra for it is not installed.
        """
        split = self._split(pair)
        columns = self._columns(split, pair)
        sources = [_reader(split.kind, path, self.id, columns).source(pair, rejects) for path in split.files[:1]]
        langs = sources[0].langs

        def chunks() -> Iterator[Columns | pa.Table]:
            yield from sources.pop().tables()
            for path in split.files[1:]:
                yield from _reader(split.kind, path, self.id, columns).source(pair, rejects).tables()

        return Source(chunks(), langs, f"{self.path} {split.name}")

    def _split(self, pair: tuple[str, str]) -> Split:
        names = expand(self.path, pair, where=f"path {self.path!r}")
        path = next((name for name in names if Path(name).exists()), names[0])
        return find_split(dataset_folder(path, revision=self.revision), name=self.split, config=self.config)

    def _columns(self, split: Split, pair: tuple[str, str]) -> tuple[str, str]:
        """The columns of the two sides; those of CSV and TSV that are not named are left to their reader."""
        if (self.src and self.tgt) or split.kind in ("csv", "tsv"):
            return self.src, self.tgt
        there = _names(split)
        out: list[str] = []
        for given, names, side, tag in zip(
            (self.src, self.tgt), (("src", "source"), ("tgt", "target")), ("{src}", "{tgt}"), pair, strict=True
        ):
            tags = [] if tag == UNKNOWN else [f"translation.{side}", side]
            usual = [*names, *chain.from_iterable(expand(t, pair) for t in tags)]
            found = given or next((name for name in usual if name in there), None)
            if found is None:
                known = " or ".join(spellings(tag)) or "the language, which is not given"
                raise DataError(
                    f"{split.files[0]}: found the columns {', '.join(there) or 'none'}, expected {', '.join(names)} or "
                    f"{known}; name it with {side.strip('{}')}"
                )
            out.append(found)
        return out[0], out[1]


def _names(split: Split) -> Sequence[str]:
    """The columns that the split's first file has, dotted where they are objects."""
    path = split.files[0]
    if split.kind == "jsonl":
        return fields(next(records(path, Rejects(lambda rejected: None)), (0, {}))[1])
    return Tables(str(path)).names()


def _reader(kind: str, path: Path, id: str, columns: tuple[str, str]) -> Any:
    if kind == "jsonl":
        return JsonLines(str(path), *columns, id=id)
    if kind in ("csv", "tsv"):
        reader = Csv if kind == "csv" else Tsv
        return reader(str(path), *columns, id="" if id == "id" else id)
    return Tables(str(path), *columns, id=id)
