"""XML from strangers: no entities, nothing outside the file, bounded memory."""

from __future__ import annotations

from typing import Any, cast

from lxml import etree

from polyalign.core.errors import DataError

#: How a parser of lxml is to read what nobody vouches for.
SAFE: dict[str, Any] = {
    "resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False, "remove_comments": True,
    "remove_pis": True,
}  # fmt: skip


def parse_xml(data: bytes, name: str) -> etree._Element:
    """The root of an XML document that declares no entities; nothing outside it is read.

    Raises:
        DataError: Broken XML, XML nested deeper than 256 or with a text of more than 10 MB, or entities.
    """
    try:
        root = etree.fromstring(data, etree.XMLParser(**SAFE))
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        message = str(error).replace("\n", " ")
        raise DataError(
            f"{name}: found broken XML ({message}); the file is damaged, or not what its name says"
        ) from None
    refuse_entities(root, name)
    return cast(etree._Element, root)


def refuse_entities(element: etree._Element, name: str) -> None:
    """Look at what the document of an element declares.

    Raises:
        DataError: It declares entities.
    """
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and list(declared.iterentities()):  # type: ignore[attr-defined]
        raise DataError(
            f"{name}: found XML entities declared in the file, expected none (they can be made to fill the memory or "
            "to read other files); write the characters themselves and remove the declarations"
        )
