"""Sentence pairs from PO, the catalogues of GNU gettext."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note
from polyalign.corpus.bitext.plural import plural_form
from polyalign.corpus.entries import Entry, entries
from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejected, Rejects
from polyalign.corpus.rows import Columns, FileReader, Source, batches
from polyalign.corpus.tags import canonical, means

Key = tuple[str | None, str, int]


@dataclass(frozen=True, slots=True)
class Po(FileReader):
    r"""Sentence pairs from a PO file: a message and its translation a pair, or two translations of one message.

    The message is the source and its translation the target; where the file's header says that it translates into the
    source language, the other way round. With `src_path` two catalogues are joined by message and context: the
    source is the first one's translation, the target the second's. The header is no pair. Untranslated, fuzzy and
    obsolete entries are left out and counted in a note.

    Of a message with plural forms there is a pair for each: the form for one thing with the singular, the others with
    the plural (by the header's formula). The context is kept as ``context``, comments as ``note``, places in the
    program as ``reference``. Placeholders such as ``%s`` stay as they are. The encoding is the one the header names.

    Args:
        src_path: A second catalogue, whose translations are the source side; ``{src}`` stands for the language.
        fuzzy: Whether entries marked as fuzzy are pairs as well.
        obsolete: Whether entries that the program no longer has (``#~``) are pairs as well.

    Complexity:
        O(bytes) time; memory for the bitext only, with `src_path` for its catalogue.

    References:
        gettext

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "rm.po"
        >>> _ = path.write_text('msgctxt "menu"\nmsgid "Open %s"\nmsgstr "Avrir %s"\n', encoding="utf-8")
        >>> Po(str(path)).read(("eng_Latn", "roh_Latn")).table.select(["src", "tgt", "context"]).to_pylist()
        [{'src': 'Open %s', 'tgt': 'Avrir %s', 'context': 'menu'}]
    """

    src_path: PathText = ""
    fuzzy: bool = False
    obsolete: bool = False

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The files that `read` would read.

        Raises:
            DataError: One does not exist.
        """
        return [locate(path, pair) for path in (self.src_path, self.path) if path]

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: A file cannot be read or is no PO, or an entry is broken.
        """
        path = locate(self.path, pair)
        if self.src_path:
            rows = self._joined(locate(self.src_path, pair), path, rejects)
        else:
            rows = self._rows(path, rejects, pair)
        return Source(_chunks(rows), pair, str(path))

    def _rows(self, path: Path, rejects: Rejects, pair: tuple[str, str]) -> Iterator[dict[str, str | None]]:
        catalogue = _Catalogue(path, self, rejects)
        for entry, (_, src, _), tgt in catalogue.messages():
            turned = pair[0] != UNKNOWN and means(catalogue.lang, pair[0]) and not means(catalogue.lang, pair[1])
            sides = (tgt, src) if turned else (src, tgt)
            yield {"src": sides[0], "tgt": sides[1], **_about(entry)}

    def _joined(self, first: Path, second: Path, rejects: Rejects) -> Iterator[dict[str, str | None]]:
        known = {key: (entry, text) for entry, key, text in _Catalogue(first, self, rejects).messages()}
        lone = 0
        for entry, key, tgt in _Catalogue(second, self, rejects).messages():
            found = known.pop(key, None)
            if found is not None:
                yield {"src": found[1], "tgt": tgt, **_about(entry)}
                continue
            lone += 1
            reason = f"found a message without a translation in {first}, expected it in both catalogues"
            rejects.left_out(Rejected(str(second), f"line {entry.line}", reason, "\n".join(entry.raw)))
        for entry, _ in known.values():
            reason = f"found a message without a translation in {second}, expected it in both catalogues"
            rejects.left_out(Rejected(str(first), f"line {entry.line}", reason, "\n".join(entry.raw)))
        if lone or known:
            note(f"{second}: {lone} messages are not in {first}, {len(known)} of that are not here; left out")


def _chunks(rows: Iterable[dict[str, str | None]]) -> Iterator[Columns]:
    for batch in batches(rows):
        names = dict.fromkeys(name for row in batch for name, value in row.items() if value is not None)
        yield {name: [row.get(name) for row in batch] for name in ("src", "tgt", *names)}


def _about(entry: Entry) -> dict[str, str | None]:
    return {
        "context": entry.fields.get("msgctxt"),
        "note": "\n".join(entry.notes) or None,
        "reference": " ".join(entry.places) or None,
    }


class _Catalogue:
    """A file's messages; its language and plural formula are known once the header has gone by."""

    def __init__(self, path: Path, wanted: Po, rejects: Rejects) -> None:
        self.lang, self.one = "", 0
        self._path, self._wanted, self._rejects = path, wanted, rejects

    def messages(self) -> Iterator[tuple[Entry, Key, str]]:
        """Every translated form: its entry, its key (context, message, number of the form), its text."""
        left: Counter[str] = Counter()
        for entry in entries(self._path, self._rejects):
            if entry.wrong:
                self._reject(entry, entry.wrong, broken=True)
                continue
            fields = entry.fields
            if fields["msgid"] == "" and "msgctxt" not in fields:
                self._header(entry)
                continue
            why = self._left_out(entry)
            forms = [(int(name[7:-1]), text) for name, text in fields.items() if name.startswith("msgstr[")]
            texts = sorted(forms) if forms else [(-1, fields.get("msgstr", ""))]
            if not why and not all(text for _, text in texts):
                why = "untranslated"
            if why:
                left[why] += 1
                self._reject(entry, f"the entry is {why}")
                continue
            for form, text in texts:
                singular = form in (-1, self.one)
                message = fields["msgid"] if singular else fields.get("msgid_plural", fields["msgid"])
                yield entry, (fields.get("msgctxt"), message, form), text
        if left:
            note(f"{self._path}: left out " + ", ".join(f"{count} {why} entries" for why, count in left.items()))

    def _left_out(self, entry: Entry) -> str:
        if entry.obsolete and not self._wanted.obsolete:
            return "obsolete"
        return "fuzzy" if "fuzzy" in entry.flags and not self._wanted.fuzzy else ""

    def _header(self, entry: Entry) -> None:
        text = entry.fields.get("msgstr", "")
        says = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in text.split("\n"))}
        self.lang = says.get("language", "")
        self.lang = self.lang if canonical(self.lang) else ""
        formula = re.search(r"plural\s*=\s*([^;]+)", says.get("plural-forms", "").partition(";")[2])
        if formula:
            try:
                self.one = plural_form(formula[1], 1)
            except ValueError as error:
                self._reject(entry, str(error), broken=True)

    def _reject(self, entry: Entry, reason: str, *, broken: bool = False) -> None:
        put = self._rejects.broken if broken else self._rejects.left_out
        put(Rejected(str(self._path), f"line {entry.line}", reason, "\n".join(entry.raw)))
