"""Bytes as text: UTF-8 and UTF-16 by their marks, an encoding that is named, and a guess for the error message."""

from __future__ import annotations

import codecs
import re

from polyalign.core.errors import DataError
from polyalign.corpus.documents.untrusted import looks_like

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: What Python calls the encodings of text; its others (zlib, idna, unicode_escape) are no business of a stranger's file.
_TEXT = re.compile(
    r"utf-?8(-sig)?|utf-?(16|32)(-?[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|big5(hkscs)?|gb2312|gbk|gb18030|hz"
    r"|shift_jis(_2004|x0213)?|euc_(jp|kr|jis_2004|jisx0213)|iso2022_(jp|kr)(_\w+)?|johab|tis-620|kz1048|ptcp154"
)
#: What the web means by the names of narrower sets.
_WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}


def encoding_named(name: str) -> str | None:
    """The encoding that a name means, or None where it is none of text.

    Example:
        >>> encoding_named("Latin-1"), encoding_named("UTF8"), encoding_named("zlib")
        ('cp1252', 'utf-8', None)
    """
    try:
        found = codecs.lookup(name.strip().lower()).name
    except (LookupError, ValueError):
        return None
    return _WIDER.get(found, found) if _TEXT.fullmatch(found) else None


def text_of(data: bytes, name: str, encoding: str = "") -> str:
    r"""A file's text, with line ends as LF and without a byte order mark.

    Args:
        data: Its bytes.
        name: Its name, for the error message.
        encoding: The encoding of files that are neither UTF-8 nor UTF-16 with its mark; empty refuses them.

    Raises:
        DataError: It is binary, or in another encoding; the message names the likeliest.

    Example:
        >>> text_of("\ufeffTür\r\n".encode("utf-16-le"), "a.txt")
        'Tür\n'
    """
    for mark, known in _BOMS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], known, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            return _decoded(data, encoding, name)
        found = _likely(data, error.start)
        raise DataError(
            f"{name}: found byte 0x{data[error.start]:02x} at byte {error.start + 1}, expected UTF-8 text; the file is "
            f"likely {found}: convert it (iconv -f {found} -t UTF-8) or name its encoding"
        ) from None
    if "\x00" in text:
        if encoding:
            return _decoded(data, encoding, name)
        even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
        kind = "UTF-16LE" if odd > 4 * even else "UTF-16BE" if even > 4 * odd else ""
        if kind:
            raise DataError(
                f"{name}: found {kind} text without its mark, expected UTF-8; convert it (iconv -f {kind} -t UTF-8) or name its encoding"
            )
        raise DataError(f"{name}: found {looks_like(data)} (a NUL byte), expected text; it is not a text file")
    return _lines(text)


def _decoded(data: bytes, encoding: str, name: str) -> str:
    try:
        return _lines(data.decode(encoding).removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: found bytes at byte {error.start + 1} that are no {encoding}, expected {encoding} text; the file "
            "is damaged or in another encoding"
        ) from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n") if "\r" in text else text


def _likely(data: bytes, at: int) -> str:
    """The likeliest encoding of bytes that are not UTF-8; looks at some around the first that shows it."""
    sample = data[max(0, at - 1000) : at + 4000]
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "ISO-8859-1"
    best = from_bytes(sample).best()
    return best.encoding if best is not None else "ISO-8859-1"
