"""Documents from OpenDocument text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.core.files import suffixes
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Blocks, Item, Text
from polyalign.corpus.documents.untrusted import open_package, wrong
from polyalign.corpus.safe_xml import parse_xml

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_BLOCKS = {_TEXT + name for name in ("p", "h")}
#: What is no text of the document: deleted text, comments, forms, readings of ruby, indices' templates.
_SILENT = {
    _TEXT + "tracked-changes", _OFFICE + "annotation", _OFFICE + "forms", _TEXT + "ruby-text", _TEXT + "sequence-decls",
    _TEXT + "note-citation", _TEXT + "variable-decls", _TEXT + "user-field-decls", _OFFICE + "binary-data",
    "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}title", "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}desc",
}  # fmt: skip
_MARKS = {_TEXT + name for name in ("bookmark", "bookmark-start", "reference-mark", "reference-mark-start")}
_MOST_SPACES = 1000


@dataclass(frozen=True, slots=True)
class Odt(Reader):
    """Documents from OpenDocument text (``.odt``, ``.ott``, flat ``.fodt``): paragraphs, headings, items and cells are blocks.

    Text boxes are blocks behind the paragraph they hang on; footnotes and endnotes stand at the end, in order, each with a mark such as
    ``note 1``; bookmarks are marks. Comments, deleted text, headers and footers are left out. The language is that of
    the document's metadata or, without one, of its default style.

    Complexity:
        O(bytes) time; memory about ten times the document's XML.

    References:
        opendocument
    """

    endings: ClassVar[tuple[str, ...]] = (".odt", ".ott", ".fodt")

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The document's text. Raises as `reader.Reader.extract`."""
        data = file.read()
        if suffixes(name)[0] == ".fodt":
            if not data.lstrip().removeprefix(b"\xef\xbb\xbf").startswith(b"<"):
                raise wrong(name, data, "flat OpenDocument text (XML)")
            content = meta = styles = parse_xml(data, name)
        else:
            package = open_package(
                data, name, expected="OpenDocument text", max_bytes=self.max_bytes, max_ratio=self.max_ratio
            )
            if "META-INF/manifest.xml" in package and b"encryption-data" in package.read("META-INF/manifest.xml"):
                raise DataError(
                    f"{name}: found a document encrypted with a password, expected OpenDocument text; save it without one"
                )
            content = package.xml("content.xml")
            meta = package.xml("meta.xml") if "meta.xml" in package else content
            styles = package.xml("styles.xml") if "styles.xml" in package else content
        body = content.find(f"{_OFFICE}body/{_OFFICE}text")
        if body is None:
            raise DataError(
                f"{name}: found an OpenDocument file that is no text (a table or slides?), expected text; save it as .odt"
            )
        text, marks = _text(body)
        if not text:
            raise DataError(f"{name}: found a document without text, expected some; it may be of images")
        title = next(meta.iter("{http://purl.org/dc/elements/1.1/}title"), None)
        yield Text(text, marks, _language(meta, styles), (title.text or "").strip() if title is not None else "")


def _text(body: etree._Element) -> tuple[str, tuple[tuple[int, str], ...]]:
    blocks = Blocks()
    aside: list[tuple[str, etree._Element]] = []  # notes, in order
    _walk(body, blocks, aside)
    # A note may hold notes; they come behind it.
    number = 0
    while number < len(aside):
        mark, note = aside[number]
        blocks.mark(mark)
        _walk(note, blocks, aside)
        number += 1
    return blocks.taken()


def _walk(root: etree._Element, blocks: Blocks, aside: list[tuple[str, etree._Element]]) -> None:
    boxes: list[etree._Element] = []
    depth = 0  # of paragraphs: 0 outside any, where there is only layout
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "end":
            if tag in _BLOCKS:
                depth -= 1
                blocks.end()
            if depth and element is not root and element.tail:
                blocks.flow(element.tail)
            if not depth and tag in _BLOCKS:
                waiting, boxes = boxes, []
                for box in waiting:
                    _walk(box, blocks, aside)
            continue
        if not isinstance(tag, str) or tag in _SILENT:
            walker.skip_subtree()
        elif tag == _TEXT + "note" and element is not root:
            note = element.find(_TEXT + "note-body")
            if note is not None:
                aside.append((f"note {len(aside) + 1}", note))
            walker.skip_subtree()
        elif depth and tag.endswith("}text-box"):
            boxes.append(element)
            walker.skip_subtree()
        else:
            if tag in _BLOCKS:
                depth += 1
                blocks.end()
            if depth:
                _inline(element, tag, blocks)


def _inline(element: etree._Element, tag: str, blocks: Blocks) -> None:
    if tag == _TEXT + "s":
        count = element.get(_TEXT + "c", "1")
        blocks.add(" " * min(int(count) if count.isdecimal() and len(count) < 9 else 1, _MOST_SPACES))
    elif tag == _TEXT + "tab":
        blocks.add("\t")
    elif tag == _TEXT + "line-break":
        blocks.line()
    elif tag in _MARKS:
        blocks.mark("#" + (element.get(_TEXT + "name") or ""))
    if element.text:
        blocks.flow(element.text)


def _language(meta: etree._Element, styles: etree._Element) -> str:
    named = next(meta.iter("{http://purl.org/dc/elements/1.1/}language"), None)
    if named is not None and (named.text or "").strip():
        return (named.text or "").strip()
    for style in styles.iter(_STYLE + "default-style"):
        if style.get(_STYLE + "family") == "paragraph":
            for properties in style.iter(_STYLE + "text-properties"):
                tag, country = properties.get(_FO + "language", ""), properties.get(_FO + "country", "")
                if tag not in ("", "none", "zxx"):
                    return f"{tag}-{country}" if len(country) == 2 else tag
    return ""
