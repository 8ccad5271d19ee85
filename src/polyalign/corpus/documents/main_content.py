"""The main content of a page of the open web, as trafilatura sees it."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from polyalign.core.errors import MissingExtraError
from polyalign.corpus.documents.html_blocks import BLOCKS, SILENT

_NUMBER = re.compile("⸢([0-9]{1,9})⸣")
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


def keep_content(root: etree._Element) -> None:
    """Empty every block of a page that trafilatura does not take for content.

    The library gives back words, not ids. So each block's text is given a number before, and the numbers that are
    found in what comes back tell which blocks of the tree are content. Headings inside the content are kept as well:
    a text that lost some of them in one language and others in the next could not be aligned by its structure.

    Raises:
        MissingExtraError: trafilatura is not installed.
    """
    extract = library()
    blocks = _text_nodes(root)
    for number, block in enumerate(blocks):
        element, where = block[0]
        setattr(element, where, f"⸢{number}⸣ {getattr(element, where)}")
    page = etree.tostring(root, encoding="unicode", method="html")
    kept = {int(number) for number in _NUMBER.findall(extract(page, include_comments=False, include_tables=True) or "")}
    first, last = min(kept, default=0), max(kept, default=-1)
    for number, block in enumerate(blocks):
        element, where = block[0]
        setattr(element, where, getattr(element, where).partition("⸣ ")[2])
        heading = first - 1 <= number <= last and any(_heading(element, where) for element, where in block)
        if number not in kept and not heading:
            for element, where in block:
                setattr(element, where, None)


def _text_nodes(root: etree._Element) -> list[list[tuple[etree._Element, str]]]:
    """The places of each block's text in the tree: elements, and whether inside (`text`) or behind (`tail`) them."""
    blocks: list[list[tuple[etree._Element, str]]] = []
    fresh = True
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        if not isinstance(element.tag, str):
            continue
        fresh = fresh or element.tag in BLOCKS
        if event == "start" and element.tag in SILENT:
            walker.skip_subtree()
            continue
        where = "text" if event == "start" else "tail"
        text = getattr(element, where)
        if text and text.strip():
            if fresh:
                blocks.append([])
            blocks[-1].append((element, where))
            fresh = False
    return blocks


def _heading(element: etree._Element, where: str) -> bool:
    """Whether a piece of text is in a heading."""
    inside: Any = element if where == "text" else element.getparent()
    while inside is not None and inside.tag not in BLOCKS:
        inside = inside.getparent()
    return inside is not None and inside.tag in _HEADINGS


def library() -> Any:
    """What extracts the main content.

    Raises:
        MissingExtraError: trafilatura is not installed.
    """
    try:
        from trafilatura import extract
    except ImportError as error:
        raise MissingExtraError(
            f"content = 'trafilatura' needs trafilatura ({error}); install with: pip install 'polyalign[formats]'"
        ) from error
    return extract
