"""Documents from Word's DOCX."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Blocks, Item, Text
from polyalign.corpus.documents.untrusted import Package, open_package
from polyalign.corpus.safe_xml import parse_xml

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
#: The namespaces of the strict variant, and what the usual one has in their place.
_STRICT = (b"http://purl.oclc.org/ooxml/wordprocessingml/main", _W[1:-1].encode())
_NOTES = {_W + "footnoteReference": "footnotes", _W + "endnoteReference": "endnotes"}
#: Deleted and moved-away text, the codes of fields, properties, and the older twin of a drawing.
_SILENT = {
    _W + name
    for name in (
        "del",
        "moveFrom",
        "instrText",
        "delText",
        "rPr",
        "pPr",
        "tblPr",
        "tcPr",
        "trPr",
        "sectPr",
        "sdtPr",
        "rt",
    )
}
_SILENT |= {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
_CHARACTERS = {"tab": "\t", "noBreakHyphen": "\u2011", "softHyphen": "\u00ad", "ptab": "\t", "br": "\n", "cr": "\n"}
_EAST = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff]")
_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


@dataclass(frozen=True, slots=True)
class Docx(Reader):
    """Documents from DOCX: paragraphs, headings, list items and table cells are blocks, in reading order.

    Text boxes are blocks behind the paragraph they hang on; footnotes and endnotes stand at the end, in the order of
    their references, each with a mark such as ``footnote 1``; bookmarks are marks ``#name``. Text that is inserted by
    a tracked change is text, deleted text is none. Headers, footers, comments and the codes of fields are left out.
    The language is that of the metadata, else the one set for most of the letters.

    **Differs:** from python-docx, whose paragraphs lack tracked insertions, content controls, fields and smart tags,
    and which has no footnotes and no text boxes; and which unpacks archives of any size.

    Complexity:
        O(bytes) time; memory about ten times the document's XML.

    References:
        ecma376
    """

    endings: ClassVar[tuple[str, ...]] = (".docx", ".docm", ".dotx")

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The document's text. Raises as `reader.Reader.extract`."""
        package = open_package(
            file.read(), name, expected="a DOCX document", max_bytes=self.max_bytes, max_ratio=self.max_ratio
        )
        where = _related(package, "", "officeDocument") or "word/document.xml"
        if where not in package:
            raise DataError(f"{name}: found a ZIP archive without {where}, expected a DOCX document; check its format")
        root = _xml(package, where)
        body = root.find(_W + "body")
        if body is None:
            raise DataError(
                f"{name}: found an Office file that is no text (a table or slides?), expected a DOCX document"
            )
        reading = _Reading(Blocks(), Counter(), {})
        reading.walk(body)
        notes = {kind: _notes(package, where, kind) for kind in ("footnotes", "endnotes")}
        done = 0
        while done < len(reading.asked):  # a note may refer to further notes
            for (kind, at), number in list(reading.asked.items())[done:]:
                done += 1
                if at in notes[kind]:
                    reading.blocks.mark(f"{kind[:-1]} {number}")
                    reading.walk(notes[kind][at])
        text, marks = reading.blocks.taken()
        if not text:
            raise DataError(f"{name}: found a document without text, expected some; it may be of images")
        lang, title = _metadata(package, reading.letters, where)
        yield Text(text, marks, lang, title)


@dataclass(slots=True)
class _Reading:
    """A document on the way into blocks.

    Args:
        blocks: Its text so far.
        letters: How many characters have which language set; empty for the document's default, by kind of script.
        asked: The notes referred to, by kind and id, numbered in order.
    """

    blocks: Blocks
    letters: Counter[tuple[str, str]]
    asked: dict[tuple[str, str], int]

    def walk(self, root: etree._Element) -> None:
        """Add the text under an element."""
        boxes: list[etree._Element] = []
        depth = 0
        tags: etree._Element | None = None  # the languages of the run under way
        walker = etree.iterwalk(root, events=("start", "end"))
        for event, element in walker:
            tag = element.tag
            if event == "end":
                if tag == _W + "p":
                    depth -= 1
                    self.blocks.end()
                    if not depth:
                        waiting, boxes = boxes, []
                        for box in waiting:
                            self.walk(box)
                continue
            if not isinstance(tag, str) or tag in _SILENT:
                walker.skip_subtree()
            elif tag == _W + "txbxContent" and element is not root:
                boxes.append(element)
                walker.skip_subtree()
            elif tag == _W + "p":
                depth += 1
                self.blocks.end()
            elif tag == _W + "r":
                tags = element.find(f"{_W}rPr/{_W}lang")
            elif tag == _W + "t" and element.text:
                self.blocks.add(element.text)
                self._count(element.text, tags)
            elif tag == _W + "bookmarkStart":
                if (name := element.get(_W + "name") or "_GoBack") != "_GoBack":  # where the writer last was
                    self.blocks.mark("#" + name)
            elif tag in _NOTES:
                self.asked.setdefault((_NOTES[tag], element.get(_W + "id") or ""), len(self.asked) + 1)
            else:
                self._character(element, tag)

    def _character(self, element: etree._Element, tag: str) -> None:
        name = tag.removeprefix(_W)
        if name == "sym":
            code = element.get(_W + "char") or ""
            self.blocks.add(chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{1,4}", code) else "\ufffd")
        elif name in _CHARACTERS:
            self.blocks.add(_CHARACTERS[name])

    def _count(self, text: str, tags: etree._Element | None) -> None:
        kind = "eastAsia" if _EAST.search(text) else "bidi" if _RIGHT.search(text) else "val"
        self.letters[kind, (tags.get(_W + kind) or "") if tags is not None else ""] += len(text)


def _xml(package: Package, member: str) -> etree._Element:
    return parse_xml(package.read(member).replace(*_STRICT), f"{package.name}: {member}")


def _related(package: Package, part: str, kind: str) -> str | None:
    """The member that a part of the package is related to in some way."""
    folder, file = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", file + ".rels")
    if relations not in package:
        return None
    for relation in package.xml(relations).iter("{*}Relationship"):
        if relation.get("Type", "").rpartition("/")[2] == kind and relation.get("TargetMode") != "External":
            return posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
    return None


def _notes(package: Package, where: str, kind: str) -> dict[str, etree._Element]:
    member = _related(package, where, kind)
    if member is None or member not in package:
        return {}
    # Separators are notes too, of a type.
    return {note.get(_W + "id") or "": note for note in _xml(package, member) if not note.get(_W + "type")}


def _metadata(package: Package, letters: Counter[tuple[str, str]], where: str) -> tuple[str, str]:
    """Language and title."""
    lang = title = ""
    if "docProps/core.xml" in package:
        core = package.xml("docProps/core.xml")
        found = {name: core.find("{http://purl.org/dc/elements/1.1/}" + name) for name in ("language", "title")}
        lang, title = ((e.text or "").strip() if e is not None else "" for e in found.values())
    if lang:
        return lang, title
    member = _related(package, where, "styles")
    default = None
    if member is not None and member in package:
        default = _xml(package, member).find(f"{_W}docDefaults/{_W}rPrDefault/{_W}rPr/{_W}lang")
    counted: Counter[str] = Counter()
    for (kind, tag), count in letters.items():
        counted[tag or (default.get(_W + kind) or "" if default is not None else "")] += count
    return (counted.most_common(1)[0][0] if counted else ""), title
