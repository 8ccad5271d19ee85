"""Documents from WARC, the format of web archives."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.corpus.documents.html import Content, page
from polyalign.corpus.documents.main_content import library
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Item, Reject, Remark
from polyalign.corpus.documents.untrusted import looks_like, wrong

_HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Warc(Reader):
    """Documents from WARC and ARC files: the HTML pages that were answered with 200, named by their address.

    A page is read as `corpus.documents/html` does it; its encoding and language may also be those of the HTTP
    headers. Records of other kinds are left out and counted in a note; a page that cannot be read is rejected under its
    address. A file may be of any size: a record at a time is in memory.

    Args:
        content: What of a page is kept; on the open web trafilatura tells the content best.

    Complexity:
        O(bytes) time, with trafilatura about 1 MB of HTML a second; memory for one page.

    References:
        iso28500, barbaresi2021trafilatura
    """

    endings: ClassVar[tuple[str, ...]] = (".warc", ".arc")

    content: Content = "trafilatura"

    def ready(self, path: Path) -> None:
        """As `reader.Reader.ready`."""
        _library()
        if self.content == "trafilatura":
            library()

    def bounded(self, path: Path) -> bool:
        """Each page is, not the file."""
        return False

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The pages. Raises as `reader.Reader.extract`."""
        iterator, problems = _library()
        start = file.peek(1024)[:1024] if isinstance(file, io.BufferedReader) else b"WARC/"
        if looks_like(start) != "a WARC file" and not start.startswith(b"filedesc:"):
            raise wrong(name, start, "a WARC file")
        records = iterator(file)
        number = others = faults = 0
        while True:
            number += 1
            try:
                with redirect_stderr(io.StringIO()):  # the library prints its warnings
                    record = next(records, None)
            except problems as error:
                # What follows a record of wrong length cannot be found.
                yield Reject(f"record {number}", f"found a damaged record ({error}); the rest of the file was not read")
                break
            if records.err_count > faults:
                faults = records.err_count
                yield Reject(f"record {number - 1}", "does not end where its length says; what follows it was not read")
            if record is None:
                break
            length = record.rec_headers.get_header("Content-Length") or record.rec_headers.get_header("length") or ""
            if not length.isdecimal():
                yield Reject(f"record {number}", f"found a length of {length[:40]!r}, expected a number of bytes")
                continue
            if not _is_page(record):
                others += 1
                continue
            address = record.rec_headers.get_header("WARC-Target-URI") or f"record {number}"
            try:
                yield from self._page(record, address.strip("<>"))
            except DataError as error:
                yield Reject(address, str(error))
            except problems as error:
                yield Reject(address, f"found a damaged record ({error})")
        if others:
            yield Remark(f"{others} records that are no page answered with 200 left out")
        if number == 1:
            raise DataError(f"{name}: found no record, expected a WARC file; the file is damaged")

    def _page(self, record: Any, address: str) -> Iterator[Item]:
        body = record.content_stream().read(self.max_bytes + 1)
        if len(body) > self.max_bytes:
            raise DataError(
                f"{address}: found a page of more than {self.max_bytes} bytes, expected at most that many; raise max_bytes"
            )
        if getattr(record.raw_stream, "limit", 0) > 0 and not record.raw_stream.read(1):
            raise DataError(f"{address}: found fewer bytes than the record's length says; the file is cut off")
        headers = record.http_headers
        kind = headers.get_header("Content-Type", "")
        charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
        spoken = (headers.get_header("Content-Language", "") or "").partition(",")[0].strip()
        for item in page(body, address, content=self.content, charset=charset):
            if isinstance(item, Remark):
                yield Remark(f"{address}: {item.message}")
            else:
                yield replace(item, lang=item.lang or spoken, address=address)


def _is_page(record: Any) -> bool:
    headers = record.http_headers
    if record.rec_type != "response" or headers is None or headers.get_statuscode() != "200":
        return False
    return (headers.get_header("Content-Type", "") or "").partition(";")[0].strip().lower() in _HTML


def _library() -> tuple[Any, tuple[type[Exception], ...]]:
    """What iterates over records, and the errors that it and the streams under it raise on broken ones."""
    try:
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError as error:
        raise MissingExtraError(
            f"corpus.documents/warc needs warcio ({error}); install with: pip install 'polyalign[formats]'"
        ) from error
    return ArchiveIterator, (
        ArchiveLoadFailed,
        ValueError,
        KeyError,
        AttributeError,
        IndexError,
        TypeError,
        OverflowError,
        EOFError,
    )
