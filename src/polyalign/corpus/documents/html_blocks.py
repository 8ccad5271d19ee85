"""HTML and XHTML as trees, and their blocks and ids as text and marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.corpus.documents.texts import Blocks
from polyalign.corpus.safe_xml import parse_xml

#: Elements that are a block, or hold some.
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup option p pre section "
    "summary table tbody td tfoot th thead tr ul".split()
)
#: Never text; of ruby the readings, which would stand inside the words they are readings of.
SILENT = frozenset(
    "script style head template svg noscript iframe object embed audio video canvas map select textarea input button "
    "datalist rp rt frameset noframes".split()
)
_ENTITY = re.compile(r"&([a-zA-Z][a-zA-Z0-9]{1,30});")
_DECLARATION = re.compile(r"^\s*<\?xml[^<>]{0,200}\?>")
_XML = frozenset(("amp", "lt", "gt", "quot", "apos"))


def parse_html(text: str, name: str) -> etree._Element:
    """The root of a page, however broken.

    Raises:
        DataError: There is no element in it, or it is nested more than 2,000 deep (the rest would be lost).
    """
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    # HTML has no NUL; the parser would take it for the end.
    data = text.replace("\x00", "\ufffd").encode("utf-8", "replace")
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DataError(f"{name}: found no element of HTML ({error}), expected a page; check its format") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise DataError(
            f"{name}: found elements nested more than 2,000 deep, expected a page that a person wrote; the rest would be lost"
        )
    if root is None:
        raise DataError(f"{name}: found no element of HTML, expected a page; check its format")
    # What stands behind </html> comes as a second root.
    for more in list(root.itersiblings()):
        root.append(more)
    return root


def walk(
    root: etree._Element,
    blocks: Blocks,
    *,
    left_out: Callable[[etree._Element, str], bool] = lambda element, tag: False,
    prefix: str = "",
) -> None:
    """Add the text under an element, block by block.

    Args:
        root: The element; namespaces are ignored.
        blocks: What the text is added to.
        left_out: Whether an element, of that name, is left out with all that is in it.
        prefix: What stands before ``#id`` in the marks.
    """
    verbatim = 0
    add = blocks.flow
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):
            if event == "end" and element is not root and element.tail:
                add(element.tail)
            continue
        tag = tag.rpartition("}")[2].lower()
        if event == "start":
            named = element.get("id") or (element.get("name") if tag == "a" else None)
            if tag in BLOCKS:
                blocks.end()
            if tag in SILENT or (element is not root and left_out(element, tag)):
                walker.skip_subtree()
                continue
            if named:
                blocks.mark(f"{prefix}#{named}")
            if tag == "br":
                blocks.line()
            elif tag == "pre":
                verbatim += 1
                add = blocks.add
            if element.text:
                add(element.text)
            continue
        if tag == "pre":
            verbatim -= 1
            add = blocks.add if verbatim else blocks.flow
        if tag in BLOCKS:
            blocks.end()
        if element.tail and element is not root:
            add(element.tail)
    blocks.end()


def parse_xhtml(text: str, name: str) -> etree._Element:
    """The root of a page of XHTML; one that is no XML is read as HTML. Raises as `parse_html`."""
    named = _ENTITY.sub(lambda found: html5.get(found[1] + ";", found[0]) if found[1] not in _XML else found[0], text)
    try:
        return parse_xml(_DECLARATION.sub("", named, count=1).encode("utf-8", "replace"), name)
    except DataError:
        # The parser of HTML knows no declared entities, so nothing can be hidden in them.
        return parse_html(text, name)
