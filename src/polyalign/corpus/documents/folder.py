"""Documents from a folder of text files: the language is in the file's name or its folder's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_text, suffixes
from polyalign.core.progress import note, track
from polyalign.corpus.documents.names import Layout, hidden, layout_of, place_of, some
from polyalign.corpus.paths import locate
from polyalign.corpus.rows import batches


@dataclass(frozen=True, slots=True)
class Folder:
    """Documents from a folder of text files, the versions of one named alike.

    In the layout ``suffix`` the language ends the name (``law/12.deu_Latn.txt``, ``law/12.de.txt``,
    ``law/12_de.txt``: document ``law/12``); in ``folders`` it is the first folder (``de/law/12.txt``). Tags
    may have any spelling that names a language. Files are UTF-8 text ending in ``.txt``, also
    packed (``.txt.gz``, ``.txt.xz``, ``.txt.zst``, ``.txt.bz2``). Other files and other languages are
    left out and named in a note; hidden files are ignored. An empty file is an empty document.

    Args:
        path: The folder.
        layout: Where the language stands; ``auto`` is the one that finds more documents in the languages asked for.

    Complexity:
        O(bytes) time; memory for the texts only.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> for lang, text in (("de", "Haus"), ("rm", "Chasa")):
        ...     _ = (path / f"a.{lang}.txt").write_text(text, encoding="utf-8")
        >>> Folder(str(path)).read(("deu_Latn", "roh_Latn")).select(["doc", "lang", "text"]).to_pylist()[1]
        {'doc': 'a', 'lang': 'roh_Latn', 'text': 'Chasa'}
    """

    path: PathText
    layout: Literal["auto", "suffix", "folders"] = "auto"

    def inputs(self, langs: tuple[str, ...]) -> list[Path]:
        """The files that `read` would read, in its order.

        Raises:
            DataError: As `read`, but for what is inside the files.
        """
        return [path for _, _, path in self._find(langs)]

    def read(self, langs: tuple[str, ...]) -> pa.Table:
        """Read the documents there are in those languages.

        Returns:
            A table of `core.document.DOCUMENTS`, by document name, languages in the order given.

        Raises:
            DataError: The folder is missing or has no such document, a name has no language, two files are the
                same document, or a file is not UTF-8 text.
        """
        root = locate(self.path)
        found = self._find(langs)
        parts: list[pa.Table] = [DOCUMENTS.empty_table()]
        with track(f"reading {self.path}", total=len(found), unit="documents") as progress:
            for batch in batches(found, 1024):
                doc, lang, paths = zip(*batch, strict=True)
                sources = [p.relative_to(root).as_posix() for p in paths]
                texts = [read_text(p) for p in paths]
                parts.append(pa.table({"doc": doc, "lang": lang, "text": texts, "source": sources}, schema=DOCUMENTS))
                progress.advance(len(batch))
        return pa.concat_tables(parts)

    def _find(self, langs: tuple[str, ...]) -> list[tuple[str, str, Path]]:
        root = locate(self.path)
        if not root.is_dir():
            raise DataError(f"{self.path}: found a file, expected a folder of text files; name its folder")
        files = [p for p in sorted(root.rglob("*")) if p.is_file() and not hidden(p.relative_to(root))]
        texts = [p for p in files if suffixes(p)[0] == ".txt"]
        relative = [p.relative_to(root) for p in texts]
        layout: Layout = self.layout if self.layout != "auto" else layout_of(relative, langs)
        placed = [(p, place_of(p.relative_to(root), layout)) for p in texts]
        unknown = [p.relative_to(root).as_posix() for p, place in placed if place is None]
        if unknown:
            expected = "name.de.txt" if layout == "suffix" else "de/name.txt"
            raise DataError(
                f"{self.path}: found {some(unknown)} with no language that is known, expected names such as {expected} "
                f"(layout {layout}); rename or remove them, or choose the other layout"
            )
        found: dict[tuple[str, int], Path] = {}
        others: Counter[str] = Counter()
        for path, place in placed:
            doc, lang = place or ("", "")
            if lang not in langs:
                others[lang] += 1
                continue
            twin = found.setdefault((doc, langs.index(lang)), path)
            if twin != path:
                raise DataError(
                    f"{self.path}: found {twin.relative_to(root)} and {path.relative_to(root)}, expected one file "
                    f"for document {doc!r} in {lang}; remove one"
                )
        self._tell(langs, found, others, [p.relative_to(root).as_posix() for p in files if suffixes(p)[0] != ".txt"])
        return [(doc, langs[at], found[doc, at]) for doc, at in sorted(found)]

    def _tell(
        self, langs: tuple[str, ...], found: dict[tuple[str, int], Path], others: Counter[str], strange: list[str]
    ) -> None:
        there = ", ".join(f"{n} in {lang}" for lang, n in sorted(others.items()))
        if not found:
            raise DataError(
                f"{self.path}: found no document in {', '.join(langs)} ({there or 'no .txt file at all'}), "
                "expected files such as name.de.txt or de/name.txt; check the path and the languages"
            )
        if others:
            note(f"{self.path}: documents in other languages left out: {there}")
        if strange:
            note(f"{self.path}: {some(strange)} left out, not .txt")
        for at, lang in enumerate(langs):
            if not any(where == at for _, where in found):
                note(f"{self.path}: no document in {lang}")
