"""Documents from plain text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from polyalign.corpus.documents.decoding import encoding_named, text_of
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Item, Text
from polyalign.corpus.documents.untrusted import wrong


@dataclass(frozen=True, slots=True)
class Encoded(Reader):
    """Documents from files of text, whose encoding has to be known.

    Args:
        encoding: The encoding of files that are neither UTF-8 nor UTF-16 with a byte order mark, such as
            ``windows-1251``; empty rejects them and says which they likely are.

    Raises:
        ValueError: The encoding is not known.
    """

    encoding: str = ""

    def __post_init__(self) -> None:
        Reader.__post_init__(self)
        if self.encoding and encoding_named(self.encoding) is None:
            raise ValueError(
                f"encoding must be the name of an encoding of text, such as windows-1251, got {self.encoding!r}"
            )

    def text_of(self, file: BinaryIO, name: str) -> str:
        """A file's text. Raises as `decoding.text_of`, or if the file is empty."""
        data = file.read()
        if not data.strip():
            raise wrong(name, data, "text")
        return text_of(data, name, encoding_named(self.encoding) or "" if self.encoding else "")


@dataclass(frozen=True, slots=True)
class Txt(Encoded):
    r"""Documents from plain text files: UTF-8, or UTF-16 with its byte order mark.

    The text is kept as it is, but for the line ends (LF) and the mark; blocks are what empty lines separate.

    Complexity:
        O(bytes) time; memory for one file and one run.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.de.txt"
        >>> _ = path.write_bytes("Tür\r\n".encode("utf-16"))
        >>> Txt(str(path)).read().select(["doc", "lang", "text"]).to_pylist()
        [{'doc': 'a', 'lang': 'deu_Latn', 'text': 'Tür\n'}]
    """

    endings: ClassVar[tuple[str, ...]] = (".txt",)

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The file's text. Raises as `reader.Reader.extract`."""
        yield Text(self.text_of(file, name))
