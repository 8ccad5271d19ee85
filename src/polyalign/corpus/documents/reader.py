"""Documents from files of one format or many: which files, in which language, and what could not be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, cast

import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.core.files import PathText, open_binary, suffixes
from polyalign.core.langs import UNKNOWN, short
from polyalign.core.progress import note, track
from polyalign.corpus.documents.names import hidden, language, layout_of, some, stem_of, tagged
from polyalign.corpus.documents.texts import MARKED_DOCUMENTS, REJECTS, Item, Reject, Remark, valid
from polyalign.corpus.documents.untrusted import HARMLESS, Bounded
from polyalign.corpus.paths import locate

_RUN_ROWS = 4096
_RUN_CHARACTERS = 1 << 25
_REMARKS = 5
#: Files that cannot be read that are named in notes, before they are only counted.
_REJECTS = 3


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    source: str  # its path in the folder
    doc: str
    lang: str


@dataclass(frozen=True, slots=True)
class Reader(ABC):
    """Documents from files: a format says what is in one file, this which files and what they are called.

    Args:
        path: A file, or a folder with any folders in it; hidden files are ignored.
        layout: Where the language stands: at the end of the name (``suffix``: ``law/12.de.docx`` and
            ``law/12_deu_Latn.pdf`` are versions of ``law/12``) or as the first folder (``folders``: ``de/law/12.docx``);
            ``auto`` is the one that finds more. Where the name says none, the file itself may; else it is ``und``.
        max_bytes: The largest a document may be, unpacked, in bytes; a larger one is rejected.
        max_ratio: How many times its packed size a file may have unpacked, where that is more than 1 MiB.
    """

    #: Endings of the format's files; compressions may follow.
    endings: ClassVar[tuple[str, ...]] = ()

    path: PathText
    layout: Literal["auto", "suffix", "folders"] = "auto"
    max_bytes: int = 268_435_456
    max_ratio: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.max_bytes < 1 << 31:
            raise ValueError(f"max_bytes must be between 1 and {(1 << 31) - 1}, got {self.max_bytes}")
        if self.max_ratio < 1:
            raise ValueError(f"max_ratio must be at least 1, got {self.max_ratio}")

    @abstractmethod
    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The texts in one file.

        Args:
            file: The unpacked file from its start; it need not be seekable.
            name: Its name, for its format and for error messages.

        Returns:
            Its texts, parts of it that could not be read, and remarks.

        Raises:
            DataError: The file cannot be read.
            MissingExtraError: The library that reads the format is not installed.
        """

    def takes(self, path: Path) -> bool:
        """Whether a file has the ending of a format that is read here."""
        return suffixes(path)[0] in self.endings

    def inputs(self, langs: tuple[str, ...] = ()) -> list[Path]:
        """The files that `read` would read, in its order.

        Raises:
            DataError: There is no such file or folder, or no file of a known format in it.
        """
        return [file.path for file in self._find(langs)]

    def read(self, langs: tuple[str, ...] = ()) -> pa.Table:
        """Read the documents there are in those languages; what cannot be read is named in notes.

        Args:
            langs: Canonical tags; none for any language, also the unknown one.

        Returns:
            A table of `texts.MARKED_DOCUMENTS`, by file name.

        Raises:
            DataError: There is no such file or folder, or no file of a known format in it; or `path` is one file that
                cannot be read.
            MissingExtraError: The library that reads a format is not installed.
        """
        return self.read_all(langs)[0]

    def read_all(self, langs: tuple[str, ...] = ()) -> tuple[pa.Table, pa.Table]:
        """As `read`, and the table of `texts.REJECTS`."""
        parts = list(self.runs(langs))
        documents = pa.concat_tables([MARKED_DOCUMENTS.empty_table(), *(documents for documents, _ in parts)])
        rejects = pa.concat_tables([REJECTS.empty_table(), *(rejects for _, rejects in parts)])
        return documents, rejects

    def runs(self, langs: tuple[str, ...] = (), *, tell: bool = True) -> Iterator[tuple[pa.Table, pa.Table]]:
        """As `read_all`, some documents at a time: up to 4,096, or about 32 million characters.

        Args:
            langs: As for `read`.
            tell: Whether what is left out, files of other formats and what cannot be read, is named in notes.

        Complexity:
            O(bytes) time; memory for a run, the largest file and 8 bytes (and a Python set's share) for each document.
        """
        files = self._find(langs, tell=tell)
        alone = not locate(self.path).is_dir()
        for path in {suffixes(file.path)[0]: file.path for file in files}.values():
            self.ready(path)
        return self._runs(files, _Run(self.path, langs, tell), alone)

    def _runs(self, files: list[_File], run: _Run, alone: bool) -> Iterator[tuple[pa.Table, pa.Table]]:
        with track(f"reading {self.path}", total=len(files), unit="files") as progress:
            for file in files:
                try:
                    for item in self._items(file):
                        run.take(file, item)
                        if run.full():
                            yield run.tables()
                except DataError as error:
                    if alone:
                        raise
                    run.reject(file, "", str(error))
                progress.advance()
        yield run.tables()
        run.tell()

    def _items(self, file: _File) -> Iterator[Item]:
        with open_binary(file.path) as raw:
            limit = self.max_bytes if self.bounded(file.path) else 1 << 62
            if suffixes(file.path)[1]:
                limit = min(limit, max(HARMLESS, self.max_ratio * file.path.stat().st_size))
            with BufferedReader(Bounded(raw, limit, str(file.path)), 1 << 18) as bounded:
                yield from self.extract(cast(BinaryIO, bounded), str(file.path))

    def ready(self, path: Path) -> None:  # noqa: B027 (most formats need nothing)
        """See that what a file's format needs is there, before any file is read.

        Raises:
            MissingExtraError: The library that reads the format is not installed.
        """

    def bounded(self, path: Path) -> bool:
        """Whether `max_bytes` is of the whole file, not of each of the many documents in it."""
        return True

    def _find(self, langs: tuple[str, ...], *, tell: bool = False) -> list[_File]:
        root = locate(self.path)
        every = [root]
        if root.is_dir():
            every = [p for p in sorted(root.rglob("*")) if not hidden(p.relative_to(root)) and p.is_file()]
        paths = [p for p in every if self.takes(p)]
        if not paths:
            found = "no file" if root.is_dir() else "a file not"
            raise DataError(f"{root}: found {found} ending in {', '.join(self.endings)}; check the path and the format")
        files = self._placed(root if root.is_dir() else root.parent, paths, langs)
        wanted = [file for file in files if not langs or file.lang in (*langs, UNKNOWN)]
        if tell and len(every) > len(paths):
            strange = [p.relative_to(root).as_posix() for p in every if not self.takes(p)]
            note(f"{self.path}: {some(strange)} left out, of no format that is read here")
        if tell and len(files) > len(wanted):
            _tell_others(self.path, Counter(file.lang for file in files if file.lang not in (*langs, UNKNOWN)))
        return wanted

    def _placed(self, root: Path, paths: list[Path], langs: tuple[str, ...]) -> list[_File]:
        relative = [p.relative_to(root) for p in paths]
        layout = self.layout if self.layout != "auto" else layout_of(relative, langs)
        places = [tagged(path, layout) for path in relative]
        # Three letters are a rare language by mere chance (new, old, car): they need a sibling, or to be asked for.
        versions: dict[str, set[str]] = {}
        for place in places:
            if place:
                versions.setdefault(place[0], set()).add(language(place[1]) or UNKNOWN)
        files = []
        for path, relation, place in zip(paths, relative, places, strict=True):
            doc, lang = (relation.parent / stem_of(relation)).as_posix(), UNKNOWN
            if place:
                known = language(place[1]) or UNKNOWN
                common = len(place[1]) != 3 or len(short(known)) == 2
                if common or known in langs or len(versions[place[0]]) > 1 or self.layout != "auto":
                    doc, lang = place[0], known
            # Names of other systems may be no UTF-8.
            files.append(_File(path, valid(relation.as_posix()), valid(doc), lang))
        return files


class _Run:
    """Documents and rejects on their way into tables."""

    def __init__(self, where: str, langs: tuple[str, ...], names_rejects: bool) -> None:
        self._where, self._langs, self._names_rejects = where, langs, names_rejects
        self._seen: set[int] = set()
        self._others: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()  # of the names that occur again
        self._renamed = 0
        self._remarks = self._rejected = 0
        self._example = ""
        self._documents: list[dict[str, Any]] = []
        self._rejects: list[dict[str, str]] = []
        self._characters = 0

    def take(self, file: _File, item: Item) -> None:
        if isinstance(item, Reject):
            self.reject(file, item.at, item.reason)
            return
        if isinstance(item, Remark):
            self._remarks += 1
            if self._remarks <= _REMARKS:
                note(f"{file.source}: {item.message}")
            return
        lang = file.lang if file.lang != UNKNOWN else _declared(item.lang)
        if self._langs and lang not in self._langs:
            self._others[lang] += 1
            return
        part, address = valid(item.part), valid(item.address)
        name = address or (f"{file.doc}/{part}" if part else file.doc)
        source = address or (f"{file.source}#{part}" if part else file.source)
        self._documents.append(
            {
                "doc": self._unique(name, lang, suffixes(file.path)[0]),
                "lang": lang,
                "text": item.text,
                "source": source,
                "title": valid(item.title) or None,
                "marks": [{"start": start, "name": mark} for start, mark in item.marks],
            }
        )
        self._characters += len(item.text)

    def reject(self, file: _File, at: str, reason: str) -> None:
        row = {"source": file.source, "at": valid(at), "reason": valid(reason).removeprefix(f"{file.path}: ")}
        self._rejects.append(row)
        self._rejected += 1
        if self._names_rejects and self._rejected <= _REJECTS:
            note(f"{self._where}: {row['source']}{' ' + row['at'] if row['at'] else ''} left out: {row['reason']}")

    def full(self) -> bool:
        return len(self._documents) + len(self._rejects) >= _RUN_ROWS or self._characters >= _RUN_CHARACTERS

    def tables(self) -> tuple[pa.Table, pa.Table]:
        made = (
            pa.Table.from_pylist(self._documents, schema=MARKED_DOCUMENTS),
            pa.Table.from_pylist(self._rejects, schema=REJECTS),
        )
        self._documents, self._rejects, self._characters = [], [], 0
        return made

    def tell(self) -> None:
        where = self._where
        if self._names_rejects and self._rejected > _REJECTS:
            note(f"{where}: {self._rejected} files or parts of files left out in all")
        if self._remarks > _REMARKS:
            note(f"{where}: {self._remarks - _REMARKS} more such remarks")
        _tell_others(where, self._others)
        if self._renamed:
            note(f"{where}: {self._renamed} names of documents occur again in their language ({self._example})")

    def _unique(self, name: str, lang: str, ending: str) -> str:
        """A name that no other document in the language has: with its format's ending, then #2, #3, ..."""
        fresh = name
        if hash((fresh, lang)) in self._seen:
            fresh = name + ending
        while hash((fresh, lang)) in self._seen:
            self._counts[name + ending, lang] += 1
            fresh = f"{name}{ending}#{self._counts[name + ending, lang] + 1}"
        self._seen.add(hash((fresh, lang)))
        if fresh != name:
            self._renamed += 1
            self._example = self._example or f"{name} is now {fresh}"
        return fresh


def _declared(tag: str) -> str:
    """A declared language; none, several and no language are the unknown one."""
    found = language(tag.strip()) if tag.strip() else None
    return found if found and found.split("_")[0] not in ("mul", "mis", "zxx") else UNKNOWN


def _tell_others(where: str, others: Counter[str]) -> None:
    if others:
        there = ", ".join(f"{n} in {lang}" for lang, n in sorted(others.items()))
        note(f"{where}: documents in other languages left out: {there}")
