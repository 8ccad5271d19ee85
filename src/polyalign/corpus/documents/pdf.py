"""Documents from PDF files that hold text."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.corpus.documents.lines import Line, join, without_running
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Item, Reject, Remark, Text
from polyalign.corpus.documents.untrusted import wrong


@dataclass(frozen=True, slots=True)
class Pdf(Reader):
    """Documents from PDF: lines joined to paragraphs, running headers and footers dropped, pages as marks.

    A paragraph ends at a wider gap, another size of letters, an indented line, or a short line that ends a sentence;
    it goes on over the end of a column or page. A word divided at a line's end is joined, its hyphen kept where the
    document has the word with one elsewhere. A mark ``page 3`` names where a page begins, counted from 1. Lines that
    occur, but for their digits, at the top or bottom of two pages in five (and three at least) are dropped and counted
    in a note. A page that cannot be read is rejected, the others are kept.

    A file that needs a password is refused, and so is one without text: scanned images, which need OCR first.

    Args:
        running: Whether running headers and footers are kept.

    Complexity:
        Some 20 to 100 pages a second; memory for one file.
    """

    endings: ClassVar[tuple[str, ...]] = (".pdf",)

    running: bool = False

    def ready(self, path: Path) -> None:
        """As `reader.Reader.ready`."""
        _library()

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The file's text. Raises as `reader.Reader.extract`."""
        data = file.read()
        # Some programs write a few bytes before the header.
        if b"%PDF-" not in data[:1024]:
            raise wrong(name, data, "a PDF file")
        with _quiet():
            yield from self._extract(data, name)

    def _extract(self, data: bytes, name: str) -> Iterator[Item]:
        reader, count = _open(data, name)
        pages: list[list[Line]] = []
        broken = images = 0
        for number in range(count):
            try:
                page = reader.pages[number]
                pages.append(_lines(page))
                images += not pages[-1] and "/XObject" in (page.get("/Resources") or {})
            except Exception as error:  # whatever a parser meets in bytes from strangers
                pages.append([])
                broken += 1
                yield Reject(f"page {number + 1}", f"the page is damaged ({_short(error)})")
        if not any(pages):
            if broken:
                raise DataError(
                    f"{name}: found a PDF file none of whose {count} pages could be read; the file is damaged"
                )
            kind = "pages of images (scanned?)" if images else "empty pages"
            raise DataError(
                f"{name}: found no text in the {count} pages, but {kind}, expected text; run OCR first (for example ocrmypdf)"
            )
        dropped = 0
        if not self.running:
            pages, dropped = without_running(pages)
        text, marks = join(pages)
        if not text:
            raise DataError(
                f"{name}: found nothing but running headers and footers, expected text; keep them with running"
            )
        if dropped:
            yield Remark(f"{dropped} running header and footer lines dropped")
        lang, title = _metadata(reader)
        yield Text(text, marks, lang, title)


def _open(data: bytes, name: str) -> tuple[Any, int]:
    pypdf = _library()
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(
                f"{name}: found a PDF file encrypted with a password, expected a free one; save it without the password"
            )
        return reader, len(reader.pages)
    except DataError:
        raise
    except pypdf.errors.DependencyError as error:
        raise DataError(
            f"{name}: found a PDF file whose encryption needs a package that is not installed ({_short(error)})"
        ) from None
    except Exception as error:  # whatever a parser meets in bytes from strangers
        raise DataError(
            f"{name}: found a damaged PDF file ({_short(error)}); get it anew, or repair it (for example with qpdf)"
        ) from None


def _lines(page: Any) -> list[Line]:
    """A page's lines as its content gives them."""
    lines: list[Line] = []
    parts: list[str] = []
    at: tuple[float, float, float] | None = None

    def visit(text: str, space: list[float], matrix: list[float], font: Any, size: float) -> None:
        nonlocal at
        for i, piece in enumerate(text.split("\n")):
            if i:
                flush()
            if piece:
                if at is None and piece.strip():
                    x, y = matrix[4], matrix[5]
                    scale = abs(matrix[3] * space[3]) or abs(matrix[1] * space[1]) or 1.0
                    at = (
                        x * space[0] + y * space[2] + space[4],
                        x * space[1] + y * space[3] + space[5],
                        float(size) * scale,
                    )
                parts.append(piece)

    def flush() -> None:
        nonlocal at
        text = " ".join("".join(parts).split(" ")).strip()
        if text:
            lines.append(Line(text, *(at or (0.0, 0.0, 0.0))))
        parts.clear()
        at = None

    page.extract_text(visitor_text=visit)
    flush()
    return lines


def _metadata(reader: Any) -> tuple[str, str]:
    """Language and title."""
    found = {"lang": "", "title": ""}
    try:
        found["lang"] = " ".join(str(reader.root_object.get("/Lang") or "").split())
        found["title"] = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
    except Exception:  # broken metadata is no reason to refuse a text
        return found["lang"], found["title"]
    return found["lang"], found["title"]


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:200].rstrip(": ")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's remarks on every broken object."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _library() -> Any:
    try:
        import pypdf
    except ImportError as error:
        raise MissingExtraError(
            f"corpus.documents/pdf needs pypdf ({error}); install with: pip install 'polyalign[formats]'"
        ) from error
    return pypdf
