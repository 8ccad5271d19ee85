"""Documents from a folder of files of any formats."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from polyalign.core.files import suffixes
from polyalign.corpus.documents.html import Content
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Item
from polyalign.corpus.documents.txt import Encoded

#: Where the reader of each ending is; one is imported when the first file of its format is met.
FORMATS = {
    **dict.fromkeys((".txt",), "txt:Txt"),
    **dict.fromkeys((".docx", ".docm", ".dotx"), "docx:Docx"),
    **dict.fromkeys((".odt", ".ott", ".fodt"), "odt:Odt"),
    **dict.fromkeys((".pdf",), "pdf:Pdf"),
    **dict.fromkeys((".epub",), "epub:Epub"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".shtml"), "html:Html"),
    **dict.fromkeys((".srt", ".vtt", ".ass", ".ssa"), "subtitles:Subtitles"),
    **dict.fromkeys((".conllu",), "conllu:Conllu"),
    **dict.fromkeys((".warc", ".arc"), "warc:Warc"),
}


@dataclass(frozen=True, slots=True)
class Files(Encoded):
    """Documents from files of any formats: DOCX, ODT, PDF, EPUB, HTML, subtitles, CoNLL-U, WARC and plain text.

    The ending says the format, also of packed files (``.gz``, ``.xz``, ``.zst``, ``.bz2``); each is read as the method
    of its name does it. Files of different formats may be the versions of one document: ``a.de.docx`` and
    ``a.en.pdf`` are both ``a``. What cannot be read is in the table of rejects with the reason and stops nothing; but a
    single file that is named by `path` raises an error.

    Args:
        content: What is kept of HTML pages, in files and in WARC.

    Complexity:
        O(bytes) time; memory for the largest file and a run of documents.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (path / "a.de.txt").write_text("Haus", encoding="utf-8")
        >>> _ = (path / "a.rm.html").write_text("<p>Chasa</p>", encoding="utf-8")
        >>> Files(str(path)).read(("deu_Latn", "roh_Latn")).select(["doc", "lang", "text"]).to_pylist()[1]
        {'doc': 'a', 'lang': 'roh_Latn', 'text': 'Chasa'}
    """

    endings: ClassVar[tuple[str, ...]] = tuple(FORMATS)

    content: Content = "rules"

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The texts in one file. Raises as `reader.Reader.extract`."""
        return self._format(Path(name)).extract(file, name)

    def ready(self, path: Path) -> None:
        """As `reader.Reader.ready`."""
        self._format(path).ready(path)

    def bounded(self, path: Path) -> bool:
        """As the file's format has it."""
        return self._format(path).bounded(path)

    def _format(self, path: Path) -> Reader:
        cls = _class(FORMATS[suffixes(path)[0]])
        options: dict[str, Any] = {"content": self.content} if "content" in cls.__slots__ else {}
        if issubclass(cls, Encoded):
            options["encoding"] = self.encoding
        return cls(self.path, self.layout, self.max_bytes, self.max_ratio, **options)


@cache
def _class(target: str) -> type[Reader]:
    module, name = target.split(":")
    found: type[Reader] = getattr(importlib.import_module(f"polyalign.corpus.documents.{module}"), name)
    return found
