"""XLIFF, the exchange format of localisation tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from lxml import etree

from polyalign.core.files import open_output
from polyalign.core.progress import note
from polyalign.corpus.write.cells import Pairs, Replaced, Runs, as_text
from polyalign.corpus.write.tmx import INVALID, SPANS, bcp47

_OLD = "urn:oasis:names:tc:xliff:document:1.2"
_NEW = "urn:oasis:names:tc:xliff:document:2.0"
_METADATA = "urn:oasis:names:tc:xliff:metadata:2.0"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
#: Columns that the format has a place for; the others go where it lets anybody put what they like.
_OWN = ("id", "src", "tgt", "note", "state", "approved")
_UNSAID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Xliff:
    """An XLIFF file, version 1.2 or 2.0: one unit a pair.

    The columns ``note``, ``state`` and ``approved`` (1.2 only) go to the places of that name. Every other column
    becomes a ``context`` of the unit (1.2) or its metadata (2.0), save the offsets of tokens, which a note names;
    ``corpus.bitext/xliff`` makes columns of them again. In 2.0 ids become ``u1``, ``u2``, ... where they are no XML
    names, and are kept as metadata. Characters that XML cannot hold are written as ``cp`` in the texts of 2.0; elsewhere
    they become U+FFFD, and a note counts them.

    Args:
        version: The version of the format.
        original: What the texts are from, the ``original`` of the file; tools show it, and ``corpus.bitext/xliff`` reads it as ``doc``.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    References:
        xliff12, xliff21

    Example:
        >>> import tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> path = Path(tempfile.mkdtemp()) / "x.xlf"
        >>> Xliff().write(Bitext.build(["Haus"], ["chasa"], langs=("deu_Latn", "roh_Latn")), path)
        >>> "<source>Haus</source><target>chasa</target>" in path.read_text(encoding="utf-8")
        True
    """

    suffix: ClassVar[str] = ".xlf"
    version: Literal["1.2", "2.0"] = "1.2"
    original: str = ""

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written.
        """
        runs = Runs(pairs, path.name)
        left: dict[str, None] = {}
        clean = Replaced([(INVALID, "\ufffd")], what="not allowed in XML", where=path.name)
        src, tgt = (bcp47(tag) for tag in runs.langs)
        old = self.version == "1.2"
        about = {"original": _clean_text(self.original, clean)}
        if old:
            root, frame, unit = {"version": "1.2"}, "body", _old_unit
            about |= {"source-language": src, "target-language": tgt, "datatype": "plaintext"}
            space = _OLD
        else:
            root, frame, unit = {"version": "2.0", "srcLang": src, "trgLang": tgt}, "", _new_unit
            about |= {"id": "f1"}
            space = _NEW
        with open_output(path) as file:
            with etree.xmlfile(file, encoding="utf-8") as xml:
                xml.write_declaration()
                with xml.element(f"{{{space}}}xliff", root, nsmap={None: space}), xml.element("file", about):
                    if frame:
                        with xml.element(frame):
                            self._body(xml, runs, clean, unit, left)
                    else:
                        self._body(xml, runs, clean, unit, left)
            file.write(b"\n")
        if left:
            note(f"{path.name}: the format has no place for {', '.join(left)}; left out")
        clean.tell()

    def _body(
        self,
        xml: Any,
        runs: Runs,
        clean: Replaced,
        unit: Callable[[int, Row, Sequence[str]], etree._Element],
        left: dict[str, None],
    ) -> None:
        xml.write("\n")
        done = 0
        for part in runs.chunks():
            unplaced = [*SPANS, *(["approved"] if unit is _new_unit else [])]
            left |= dict.fromkeys(c for c in unplaced if c in part.column_names)
            names = [c for c in part.column_names if c not in unplaced]
            raw = ("src", "tgt") if unit is _new_unit else ()
            for number, row in enumerate(_rows(part, names, clean, raw), done + 1):
                xml.write(unit(number, row, [c for c in names if c not in _OWN]))
            done += part.num_rows


def _clean_text(text: str, clean: Replaced) -> str:
    """A text of one's own without what the format cannot hold."""
    return str(clean(pa.chunked_array([pa.array([text], pa.large_string())]))[0].as_py())


def _rows(part: pa.Table, names: Sequence[str], clean: Replaced, raw: Sequence[str]) -> Iterator[Row]:
    columns = [as_text(part[name]) for name in names]
    texts = [c if name in raw else clean(c) for name, c in zip(names, columns, strict=True)]
    for row in zip(*(c.to_pylist() for c in texts), strict=True):
        yield dict(zip(names, row, strict=True))


# Units have no namespace of their own here: in the file they are inside the outermost element, and so in its.


def _old_unit(number: int, row: Row, others: Sequence[str]) -> etree._Element:
    unit = etree.Element("trans-unit", {"id": row["id"], _SPACE: "preserve"})
    unit.tail = "\n"
    if row.get("approved") in ("yes", "no"):
        unit.set("approved", row["approved"])
    etree.SubElement(unit, "source").text = row["src"]
    target = etree.SubElement(unit, "target")
    target.text = row["tgt"]
    if row.get("state"):
        target.set("state", row["state"])
    there = [name for name in others if row[name]]
    if there:
        group = etree.SubElement(unit, "context-group", {"name": "polyalign", "purpose": "information"})
        for name in there:
            etree.SubElement(group, "context", {"context-type": f"x-{name}"}).text = row[name]
    if row.get("note"):
        etree.SubElement(unit, "note").text = row["note"]
    return unit


def _new_unit(number: int, row: Row, others: Sequence[str]) -> etree._Element:
    named = _is_name(row["id"])
    unit = etree.Element("unit", {"id": row["id"] if named else f"u{number}", _SPACE: "preserve"})
    unit.tail = "\n"
    there = {name: row[name] for name in others if row[name]} | ({} if named else {"id": row["id"]})
    if there:
        group = etree.SubElement(
            etree.SubElement(unit, f"{{{_METADATA}}}metadata", nsmap={"mda": _METADATA}),
            f"{{{_METADATA}}}metaGroup",
            {"category": "polyalign"},
        )
        for name, value in there.items():
            etree.SubElement(group, f"{{{_METADATA}}}meta", {"type": name}).text = value
    if row.get("note"):
        etree.SubElement(etree.SubElement(unit, "notes"), "note").text = row["note"]
    segment = etree.SubElement(unit, "segment")
    state = row.get("state")
    if state in ("initial", "translated", "reviewed", "final"):
        segment.set("state", state)
    elif state:
        segment.set("state", "translated")
        segment.set("subState", state if ":" in state else f"polyalign:{state}")
    for name, side in (("source", "src"), ("target", "tgt")):
        _put(etree.SubElement(segment, name), row[side])
    return unit


def _is_name(text: str) -> bool:
    """Whether a text is an NMTOKEN, as the ids of version 2 must be."""
    return bool(text) and text.isascii() and all(c.isalnum() or c in "._-:" for c in text)


def _put(side: etree._Element, text: str) -> None:
    """A text with ``cp`` for the characters that XML cannot hold."""
    start = 0
    last: etree._Element | None = None
    for match in _UNSAID.finditer(text):
        before = text[start : match.start()]
        if last is None:
            side.text = before
        else:
            last.tail = before
        last = etree.SubElement(side, "cp", {"hex": f"{ord(match[0]):04X}"})
        start = match.end()
    if last is None:
        side.text = text
    else:
        last.tail = text[start:]
