"""The units of XML formats of translation, as a stream of bounded memory, and the text in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Generator
from pathlib import Path

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.core.files import open_binary
from polyalign.corpus.rejects import Rejected
from polyalign.corpus.safe_xml import SAFE, refuse_entities

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_RUN = re.compile(" {2,}")


def elements(
    path: Path, *, root: str, format: str, wanted: Collection[str], starts: Collection[str] = ()
) -> Generator[tuple[str, etree._Element], None, None]:
    """The elements of some names one after the other, each forgotten once the next is asked for.

    Args:
        path: The file, ``-`` for standard input.
        root: The name of the outermost element.
        format: What the file should be, for messages.
        wanted: Local names of the elements that are given whole and then forgotten.
        starts: Local names of elements that are given when they begin, with nothing but their attributes.

    Yields:
        ``start`` or ``end``, and the element.

    Raises:
        DataError: The file is broken XML, has another root or declares entities.
    """
    with open_binary(path) as file:
        context = etree.iterparse(
            file,
            events=("start", "end"),
            tag=tuple(f"{{*}}{name}" for name in {root, *wanted, *starts}),
            **SAFE,
        )
        started = False
        try:
            for event, element in context:
                if not started:
                    _check_root(element, path, root, format)
                    started = True
                name = etree.QName(element).localname
                if event == "start" and name in starts:
                    yield event, element
                elif event == "end" and name in wanted:
                    yield event, element
                    _forget(element)
        except etree.XMLSyntaxError as error:
            # What is raised may be a mere consequence ("no element found"); the log has the cause.
            log = list(context.error_log)
            message, line = (log[0].message, log[0].line) if log else (error.msg, error.lineno)
            raise DataError(
                f"{path} line {line or 1}: found broken XML ({' '.join(str(message).split())}), expected {format}; the file is cut off, damaged or not XML"
            ) from None
        if not started:
            raise DataError(f"{path}: found XML whose root is not <{root}>, expected {format}; check its format")


def _forget(element: etree._Element) -> None:
    """Free an element and all that was read before it beside it, and beside the groups that it is in."""
    element.clear()
    while True:
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]
        if parent is None or etree.QName(parent).localname != "group":
            return
        element = parent


def _check_root(element: etree._Element, path: Path, root: str, format: str) -> None:
    found = etree.QName(element.getroottree().getroot()).localname
    if found != root:
        raise DataError(f"{path}: found XML whose root is <{found}>, expected <{root}>; check its format")
    refuse_entities(element, str(path))


def rejected(unit: etree._Element, path: Path, reason: str) -> Rejected:
    """A unit that did not become a pair."""
    text = etree.tostring(unit, encoding="unicode", with_tail=False)
    return Rejected(str(path), f"line {unit.sourceline or 1}", reason, text)


def text_of(
    element: etree._Element | None, path: Path, codes: Collection[str], character: Callable[[etree._Element], str]
) -> str:
    """An element's text without inline codes; inside a code only sub-flows are text, with spaces around.

    Args:
        element: A segment, or None for no text.
        path: The file, for messages.
        codes: Local names of the elements that hold a format's own codes; others hold text.
        character: What an empty element stands for, mostly nothing.

    Raises:
        DataError: An entity that the file does not declare.
    """
    if element is None or len(element) == 0:
        return (element.text or "") if element is not None else ""
    text = _inline(element, path, codes, character, code=False)
    return _RUN.sub(" ", text).strip() if element.find(".//{*}sub") is not None else text


def _inline(
    node: etree._Element,
    path: Path,
    codes: Collection[str],
    character: Callable[[etree._Element], str],
    *,
    code: bool,
) -> str:
    parts = ["" if code else node.text or ""]
    for child in node:
        if not isinstance(child.tag, str):
            raise DataError(
                f"{path} line {child.sourceline or 1}: found {child.text!r}, an entity that the file does not declare; "
                "write the character itself"
            )
        name = etree.QName(child).localname
        inner = _inline(child, path, codes, character, code=name in codes or (code and name != "sub"))
        parts += [" ", inner, " "] if name == "sub" else ["" if code else character(child), inner]
        parts.append("" if code else child.tail or "")
    return "".join(parts)
