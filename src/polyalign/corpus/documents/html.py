"""Documents from HTML: blocks, ids, and the main content without what surrounds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.corpus.documents.decoding import encoding_named, text_of
from polyalign.corpus.documents.html_blocks import parse_html, walk
from polyalign.corpus.documents.main_content import keep_content, library
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Blocks, Item, Remark, Text
from polyalign.corpus.documents.untrusted import looks_like, wrong

_AROUND = frozenset("nav footer aside form menu".split())
_ROLES = frozenset("navigation banner contentinfo complementary search menu menubar dialog alert".split())
#: Words in classes and ids of what surrounds the content.
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navheader|navfooter|navigation|menu|sidebar|footer|breadcrumbs?|cookies?|banner|popup|modal"
    r"|advert\w*|ads|promo|share|sharing|social|newsletter|subscribe|related|comments?|pagination|pager|skip-link)(?:$|[\s_-])",
    re.I,
)
_DECLARED = re.compile(
    rb"""<meta[^<>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]{1,40})|<\?xml[^<>]{0,100}?encoding=["']([\w:.-]{1,40})""",
    re.I,
)
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
Content = Literal["rules", "trafilatura", "all"]


@dataclass(frozen=True, slots=True)
class Html(Reader):
    r"""Documents from HTML pages: the main content in blocks, its ids as marks.

    Paragraphs, headings, list items, cells and the like are blocks; ``<br>`` is a line break, ``<pre>`` keeps its own.
    A mark ``#id`` names where an element with that id (or ``<a name>``) starts. The language is that of the name, of
    ``lang`` or of ``Content-Language``; the encoding that of the mark, the page itself, else UTF-8.

    What is the main content: with ``rules`` all but the elements whose name, role, class or id say that they surround
    it (``nav``, ``footer``, ``aside``, ``role="banner"``, ``class="sidebar"``...) or are hidden, and a single ``main``
    is the whole; ``trafilatura`` keeps the blocks that this library takes for content, ten times slower and better
    on pages of the open web; ``all`` keeps everything that is text.

    Args:
        content: What of the page is kept.

    Complexity:
        O(bytes) time; memory about ten times a page.

    References:
        barbaresi2021trafilatura

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.html"
        >>> _ = path.write_text('<html lang="rm"><nav>Menu</nav><h1 id="x">La chasa</h1><p>Ina<br>porta.', encoding="utf-8")
        >>> Html(str(path)).read().select(["lang", "text", "marks"]).to_pylist()
        [{'lang': 'roh_Latn', 'text': 'La chasa\n\nIna\nporta.', 'marks': [{'start': 0, 'name': '#x'}]}]
    """

    endings: ClassVar[tuple[str, ...]] = (".html", ".htm", ".xhtml", ".shtml")

    content: Content = "rules"

    def ready(self, path: Path) -> None:
        """As `reader.Reader.ready`."""
        if self.content == "trafilatura":
            library()

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The page's text. Raises as `reader.Reader.extract`."""
        yield from page(file.read(), name, content=self.content)


def page(data: bytes, name: str, *, content: Content = "rules", charset: str = "") -> Iterator[Text | Remark]:
    """The text of one page, and a remark on bytes that were replaced.

    Args:
        data: Its bytes.
        name: Its name or address, for error messages.
        content: What of it is kept.
        charset: The encoding that the server declared.

    Raises:
        DataError: It is empty, no HTML, nested too deeply or without text.
        MissingExtraError: trafilatura is wanted and not installed.
    """
    if not data.strip() or looks_like(data) not in ("text", "an HTML page", "XML", "binary data"):
        raise wrong(name, data, "an HTML page")
    text, replaced = _decoded(data, name, charset)
    root = parse_html(text, name)
    lang = root.get("lang") or root.get(_XML_LANG) or ""
    title = ""
    for element in root.iter("title", "meta", "body"):
        if element.tag == "title" and not title:
            title = " ".join(str(element.xpath("string()")).split())
        elif element.tag == "meta" and (element.get("http-equiv") or "").lower() == "content-language":
            lang = lang or (element.get("content") or "").split(",")[0]
        elif element.tag == "body":
            lang = lang or element.get("lang") or ""
            break
    blocks = Blocks()
    start = root
    if content == "trafilatura":
        keep_content(root)
    elif content == "rules":
        mains = [*root.iter("main"), *root.iterfind(".//*[@role='main']")]
        start = mains[0] if len({id(main) for main in mains}) == 1 else root
    if content == "rules":
        walk(start, blocks, left_out=_surrounds)
    else:
        walk(start, blocks)
    whole, marks = blocks.taken()
    if not whole:
        raise DataError(
            f"{name}: found a page without text, expected some; it may be made by scripts, or all of it navigation"
        )
    if replaced:
        yield Remark(replaced)
    yield Text(whole, marks, lang, title)


def _surrounds(element: etree._Element, tag: str) -> bool:
    if tag in _AROUND:
        # A form around the whole page, as ASP.NET makes one, surrounds nothing.
        return tag != "form" or element.find(".//p") is None
    if tag == "header":
        parent = element.getparent()
        if parent is not None and parent.tag == "body":
            return True
    if not element.attrib:
        return False
    if element.get("role", "").lower() in _ROLES or element.get("aria-hidden") == "true" or "hidden" in element.attrib:
        return True
    if "display:none" in element.get("style", "").replace(" ", "").lower():
        return True
    if tag in ("div", "ul", "ol", "table", "section", "header", "p", "span"):
        names = f"{element.get('class', '')} {element.get('id', '')}"
        return bool(names.strip()) and _FURNITURE.search(names) is not None
    return False


def _decoded(data: bytes, name: str, charset: str) -> tuple[str, str]:
    """A page's text and a remark on bytes that are none: the web is full of single wrong ones."""
    found = _DECLARED.search(data[:4096])
    declared = charset or ((found[1] or found[2]).decode("ascii", "ignore") if found else "")
    encoding = encoding_named(declared) if declared else None
    if (
        encoding is None
        or encoding.startswith("utf-16")
        or data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
    ):
        # A page that could be read to find "utf-16" in it is not in UTF-16.
        encoding = "utf-8"
    try:
        if encoding.startswith(("iso2022", "hz")):  # of ASCII bytes, as UTF-8 may be
            return text_of(data.decode(encoding, "replace").encode("utf-8"), name), ""
        return text_of(data, name), ""
    except DataError:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise
        text = data.decode(encoding, "replace")
        wrong_ones = text.count("\ufffd") + text.count("\x00")
        if wrong_ones * 1000 > len(text):
            raise
        return text.replace(
            "\r\n", "\n"
        ), f"{wrong_ones} bytes that are no {encoding} became U+FFFD" if wrong_ones else ""
