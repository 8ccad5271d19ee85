"""Documents from EPUB books."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar
from urllib.parse import unquote

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.corpus.documents.decoding import text_of
from polyalign.corpus.documents.html_blocks import parse_xhtml, walk
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Blocks, Item, Reject, Text
from polyalign.corpus.documents.untrusted import Package, open_package

_PAGES = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")


@dataclass(frozen=True, slots=True)
class Epub(Reader):
    """Documents from EPUB 2 and 3: the chapters in the order of reading, each file and id a mark.

    A mark is ``text/ch1.xhtml`` where a file of the book begins and ``text/ch1.xhtml#id`` where an element with that
    id does. Blocks are as in HTML; the navigation page is left out. Language and title are the book's own.
    A chapter that is missing or broken is rejected, the others are kept; nothing outside the archive is ever read.

    Complexity:
        O(bytes) time; memory about ten times the largest chapter, and the book's text.

    References:
        epub33
    """

    endings: ClassVar[tuple[str, ...]] = (".epub",)

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The book's text. Raises as `reader.Reader.extract`."""
        data = file.read()
        package = open_package(data, name, expected="an EPUB book", max_bytes=self.max_bytes, max_ratio=self.max_ratio)
        if "META-INF/container.xml" not in package:
            raise DataError(
                f"{name}: found a ZIP archive without META-INF/container.xml, expected an EPUB book; check its format"
            )
        root = package.xml("META-INF/container.xml").find(".//{*}rootfile")
        where = root.get("full-path", "") if root is not None else ""
        book = package.xml(where)
        secret = _encrypted(package)
        blocks = Blocks()
        chapters = 0
        for href in _spine(book):
            member = posixpath.normpath(posixpath.join(posixpath.dirname(where), unquote(href)))
            if member in secret:
                raise DataError(
                    f"{name}: found chapters encrypted by a copy protection (DRM), expected a free EPUB book"
                )
            try:
                blocks.mark(href)
                page = parse_xhtml(text_of(package.read(member), f"{name}: {member}"), f"{name}: {member}")
            except DataError as error:
                yield Reject(href, str(error))
                continue
            body = next(page.iter("{*}body"), page)
            walk(body, blocks, prefix=href)
            chapters += 1
        text, marks = blocks.taken()
        if not text:
            raise DataError(
                f"{name}: found a book without text ({chapters} chapters could be read), expected one; it may be of images"
            )
        yield Text(text, marks, _first(book, "language"), _first(book, "title"))


def _spine(book: etree._Element) -> Iterator[str]:
    """The book's pages in reading order, as its manifest names them."""
    items = {item.get("id"): item for item in book.iter("{*}item")}
    for reference in book.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or "nav" in item.get("properties", "").split():
            continue
        if item.get("media-type", "") in _PAGES and item.get("href"):
            yield item.get("href", "").partition("#")[0]


def _encrypted(package: Package) -> set[str]:
    if "META-INF/encryption.xml" not in package:
        return set()
    references = package.xml("META-INF/encryption.xml").iter("{*}CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}


def _first(book: etree._Element, name: str) -> str:
    found = next(book.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}"), None)
    return " ".join((found.text or "").split()) if found is not None else ""
