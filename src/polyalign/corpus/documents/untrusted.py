"""Files from strangers: opened within limits, named by their first bytes."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.corpus.safe_xml import parse_xml

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Below this many bytes nothing is a bomb, whatever its ratio.
HARMLESS = 1 << 20
_SIGNATURES = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a file of old Microsoft Office"),
    (b"{\\rtf", "an RTF file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
    (b"WARC/", "a WARC file"),
)


def looks_like(data: bytes) -> str:
    """What a file's first bytes say it is.

    Example:
        >>> looks_like(b"%PDF-1.7"), looks_like(b""), looks_like(b"<!DOCTYPE HTML>")
        ('a PDF file', 'an empty file', 'an HTML page')
    """
    if not data.strip():
        return "an empty file" if not data else "nothing but white space"
    for start, name in _SIGNATURES:
        if data.startswith(start):
            return name
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if head.startswith(b"<?xml") or head.startswith(b"<"):
        return "XML"
    return "binary data" if b"\x00" in head else "text"


def wrong(name: str, data: bytes, expected: str) -> DataError:
    """The error of a file that is not what its name says."""
    found = looks_like(data)
    # An Office file with a password is a file of the old kind that holds the new one.
    if found == "a file of old Microsoft Office" and "EncryptedPackage".encode("utf-16-le") in data:
        return DataError(
            f"{name}: found a document encrypted with a password, expected {expected}; save it without one"
        )
    hint = "it holds no document" if found.startswith(("an empty", "nothing")) else "give it the suffix of what it is"
    if found == "a file of old Microsoft Office":
        hint = "save it in the new format (.docx)"
    return DataError(f"{name}: found {found}, expected {expected}; {hint}")


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than so many bytes.

    Args:
        file: The stream.
        limit: How many bytes it may hold.
        name: The file, for the error message.
    """

    def __init__(self, file: BinaryIO, limit: int, name: str) -> None:
        self._file, self._limit, self._name, self._done = file, limit, name, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer.

        Raises:
            DataError: The stream holds more than it may.
        """
        view = memoryview(buffer)
        data = self._file.read(len(view))
        self._done += len(data)
        if self._done > self._limit:
            raise DataError(
                f"{self._name}: found more than {self._limit} bytes unpacked, expected at most that many (a bomb, or a "
                "very large document); split it, or raise max_bytes or max_ratio"
            )
        view[: len(data)] = data
        return len(data)


@dataclass(slots=True)
class Package:
    """The members of a ZIP archive, read within limits and never written anywhere.

    Args:
        archive: The open archive.
        name: The file, for error messages.
        max_bytes: How many bytes all that is read may have, unpacked.
        max_ratio: How many times as large as it is stored a member may be, unpacked.
    """

    archive: zipfile.ZipFile
    name: str
    max_bytes: int
    max_ratio: int
    _members: dict[str, zipfile.ZipInfo] = field(init=False)
    _read: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._members = {info.filename: info for info in self.archive.infolist()}

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def read(self, member: str) -> bytes:
        """A member's bytes.

        Raises:
            DataError: It is missing, damaged, encrypted or larger than the limits.
        """
        info = self._members.get(member)
        if info is None:
            raise DataError(
                f"{self.name}: found no {member!r} inside, expected one; the file is damaged or another format"
            )
        if info.flag_bits & 1:
            raise DataError(f"{self.name}: {member!r} is encrypted with a password; save the document without one")
        limit = min(self.max_bytes - self._read, max(HARMLESS, self.max_ratio * info.compress_size))
        try:
            with self.archive.open(info) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError) as error:
            raise DataError(
                f"{self.name}: {member!r} inside cannot be unpacked ({error}); the file is damaged"
            ) from None
        if len(data) > limit:
            raise DataError(
                f"{self.name}: {member!r} unpacks to more than {limit} bytes ({info.compress_size} are stored), expected "
                "at most that many (a bomb, or a very large document); raise max_bytes or max_ratio if you trust it"
            )
        self._read += len(data)
        return data

    def xml(self, member: str) -> etree._Element:
        """A member's XML. Raises as `read` and `parse_xml`."""
        return parse_xml(self.read(member), f"{self.name}: {member}")


def open_package(data: bytes, name: str, *, expected: str, max_bytes: int, max_ratio: int) -> Package:
    """A ZIP archive as the documents are that are made of one.

    Raises:
        DataError: It is none, or a damaged one.
    """
    if not data.startswith(b"PK"):
        raise wrong(name, data, expected)
    try:
        return Package(zipfile.ZipFile(io.BytesIO(data)), name, max_bytes, max_ratio)
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise DataError(
            f"{name}: found a damaged ZIP archive ({error}), expected {expected}; get the file anew"
        ) from None
