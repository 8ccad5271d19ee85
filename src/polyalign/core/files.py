"""Files: opened whatever their compression, read as strict UTF-8, written whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import pyarrow as pa

from polyalign.core.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: A parameter that names a file or folder; in a project file it is taken from the project's folder.
PathText = Annotated[str, "path"]
COMPRESSIONS = (".gz", ".xz", ".zst", ".bz2")
_BLOCK = 1 << 20  # bytes of lines decoded at once
_BROKEN = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, OSError, pa.ArrowException)


def suffixes(path: str | Path) -> tuple[str, str]:
    """A path's format suffix and its compression suffix, lower-cased, either may be empty.

    Example:
        >>> suffixes("a.b.tsv.zst"), suffixes("x.tmx"), suffixes("-")
        (('.tsv', '.zst'), ('.tmx', ''), ('', ''))
    """
    name = Path(path).name.lower()
    packed = next((c for c in COMPRESSIONS if name.endswith(c)), "")
    return Path(name[: len(name) - len(packed)]).suffix, packed


class _Raw(io.RawIOBase):
    """An Arrow stream as a raw file: the standard library cannot buffer the lines of one itself."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data: bytes = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


@contextmanager
def open_binary(path: str | Path) -> Iterator[BinaryIO]:
    """Open for reading; ``-`` is standard input; .gz, .xz, .zst and .bz2 are unpacked on the way.

    Raises:
        DataError: The file is missing, a folder, not readable, or damaged.
    """
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file")
    packed = suffixes(path)[1]
    try:
        if packed and path.is_file() and path.stat().st_size == 0:
            raise EOFError("it is empty")
        if packed == ".zst":
            with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
                yield cast(BinaryIO, io.BufferedReader(_Raw(stream), 1 << 18))
            return
        openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
        with openers.get(packed, open)(path, "rb") as file:
            yield file
    except FileNotFoundError:
        hint = "" if path.is_absolute() else f" (it is taken from the folder you are in: {Path.cwd().name}/)"
        raise DataError(f"{path}: no such file; check the path{hint}") from None
    except PermissionError:
        raise DataError(f"{path}: not readable; check its permissions") from None
    except _BROKEN as error:
        raise DataError(
            f"{path}: cannot be read as {packed.lstrip('.') or 'a file'} ({error}); the file is damaged, cut off or not what its name says"
        ) from None


def read_bytes(path: str | Path) -> bytes:
    """A file's unpacked content.

    Raises:
        DataError: As `open_binary`.
    """
    with open_binary(path) as file:
        return file.read()


def read_lines(path: str | Path, *, ends: bool = False) -> Iterator[str]:
    """A text file's lines; only LF and CR LF end a line, a BOM is dropped.

    Args:
        path: The file, ``-`` for standard input.
        ends: Whether the lines keep their ends.

    Raises:
        DataError: As `open_binary`; or bytes that are not UTF-8 text, with the line they are in.
    """
    with open_binary(path) as file:
        # Not str.splitlines and not universal newlines: U+2028, U+0085 or a lone CR inside a
        # sentence would shift every line behind it.
        number = 0
        while raws := file.readlines(_BLOCK):
            text = _decode_block(raws, path, number)
            number += len(raws)
            *lines, last = text.split("\n")
            if ends:
                lines = [line + "\n" for line in lines]
            elif "\r" in text:
                lines, last = [line.removesuffix("\r") for line in lines], last.removesuffix("\r")
            yield from lines
            if last:
                yield last


def read_text(path: str | Path) -> str:
    """A whole text file, line ends as LF and without a BOM.

    Raises:
        DataError: As `read_lines`.
    """
    return "\n".join(read_lines(path))


def _decode_block(raws: list[bytes], path: str | Path, before: int) -> str:
    """Several lines at once, which is much faster; one by one only to find the line that is wrong."""
    block = b"".join(raws)
    if b"\x00" not in block:
        try:
            return block.decode("utf-8" if before else "utf-8-sig")
        except UnicodeDecodeError:
            pass
    return "".join(decode(raw, path, number) for number, raw in enumerate(raws, before + 1))


def decode(raw: bytes, path: str | Path, line: int) -> str:
    """One line's bytes as text; a BOM before line 1 is dropped.

    Raises:
        DataError: Not UTF-8, or a NUL byte, which UTF-16 and binary files have and text has not.
    """
    convert = "convert it, for example: iconv -f {} -t UTF-8"
    try:
        if b"\x00" not in raw:
            return raw.decode("utf-8-sig" if line == 1 else "utf-8")
        found, hint = "binary data (a NUL byte)", "it is not a text file"
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        hint = convert.format("ISO-8859-1") + ", if that is its encoding"
    # Without a BOM, UTF-16 shows by the NUL in the first character of a line, or in the line end before.
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in (raw[:1], raw[1:2]):
        found, hint = "UTF-16 text", convert.format("UTF-16")
    raise DataError(f"{path} line {line}: found {found}, expected UTF-8 text; {hint}")


@contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open for writing, packed as the suffix says; appears under its name only when complete.

    ``-`` is standard output; a device or a pipe is written to as it is. On any error nothing is
    left and what was there before stays.

    Raises:
        DataError: The folder is missing or not writable, or the disk is full.
    """
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(path)
    regular = path.is_file() or path.is_dir() or not path.exists()
    part = path.with_name(f".{path.name}.{os.getpid()}.part") if regular else path
    try:
        with open(part, "wb") as raw:
            packed = suffixes(path)[1]
            if packed == ".zst":
                with pa.CompressedOutputStream(pa.PythonFile(raw, mode="w"), "zstd") as stream:
                    yield cast(BinaryIO, stream)
            elif packed == ".gz":
                # No name and no time in the header: the same content gives the same bytes.
                with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packer:
                    yield cast(BinaryIO, packer)
            elif packed in (".xz", ".bz2"):
                opener = lzma.open if packed == ".xz" else bz2.open
                with opener(raw, "wb") as packer2:
                    yield cast(BinaryIO, packer2)
            else:
                yield raw
        if regular:
            with open(part, "rb+") as raw:
                os.fsync(raw.fileno())
            os.replace(part, path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another place, nothing was left behind"
        ) from None
    finally:
        if regular:
            part.unlink(missing_ok=True)


def check_free(folder: Path) -> None:
    """Refuse a folder that has something in it, ahead of the work whose result it is for.

    Raises:
        DataError: It is there already and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there already, expected a name that is free or an empty folder; choose another")


@contextmanager
def whole_folder(folder: Path, what: str, *, advice: str = "free space or name another folder") -> Iterator[Path]:
    """A folder to write files to that gets its name when all are there, or is gone.

    Args:
        folder: Its name; nothing may be there but an empty folder.
        what: What is written, for messages: ``the model``.
        advice: What to do where it cannot be.

    Raises:
        DataError: It is there already and not empty, or cannot be written; what is there stays.
    """
    check_free(folder)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        yield part
        if folder.is_dir():
            folder.rmdir()
        os.replace(part, folder)
    except DataError:
        raise
    except Exception as error:
        # Libraries that write models have errors of their own.
        plain = error.strerror if isinstance(error, OSError) else None
        said = plain or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{folder}: {what} cannot be written ({said}); {advice}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all.

    Raises:
        DataError: As `open_output`.
    """
    with open_output(path) as file:
        file.write(text.encode("utf-8"))


def write_lines(path: str | Path, lines: Iterator[str] | list[str]) -> None:
    """Write lines, each ended by LF.

    Raises:
        DataError: As `open_output`.
    """
    with open_output(path) as file:
        for line in lines:
            file.write(line.encode("utf-8") + b"\n")


def digest(path: str | Path) -> str:
    """Hash of a file's bytes, or of a folder's file names and bytes.

    Raises:
        DataError: It is missing or not readable.
    """
    path = Path(path)
    if path.is_dir():
        entries = [(p.relative_to(path).as_posix(), digest(p)) for p in sorted(path.rglob("*")) if p.is_file()]
        return hashlib.blake2b(repr(entries).encode(), digest_size=16).hexdigest()
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
