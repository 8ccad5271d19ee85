"""Text as bytes in which morphemes have short codes."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex

from polyalign.core.errors import DataError

#: What stands before a small letter that was a capital; no other byte of this value is left.
CAPITAL = 0x41
#: The bytes that a code begins with, those of the other capitals, and those it goes on with, as in UTF-8.
FIRST, NEXT = range(0x42, 0x5B), range(0x80, 0xC0)
#: The file that transformers' tokenizer reads.
FILE = "byte_maps.json"
_WORD = regex.compile(r"(?:[^\P{L}A-Z]|\p{M})+")


@dataclass(frozen=True, slots=True, eq=False)
class ByteCode:
    """Text as bytes, and back: capitals marked, morphemes by their codes, all else as in UTF-8.

    Args:
        codes: The bytes of each morpheme.

    Raises:
        ValueError: A code that is not a byte of a capital and then bytes from 0x80 to 0xBF, or that another begins with.
    """

    codes: Mapping[str, bytes]
    _cache: dict[str, bytes]
    _morphemes: dict[bytes, str]
    _longest: int

    def __init__(self, codes: Mapping[str, bytes]) -> None:
        sizes: dict[int, set[int]] = {}
        for code in codes.values():
            if len(code) < 2 or code[0] not in FIRST or not all(b in NEXT for b in code[1:]):
                raise ValueError(f"{code!r} is no code: expected a byte from 0x42 to 0x5A and bytes from 0x80 to 0xBF")
            sizes.setdefault(code[0], set()).add(len(code))
        if len(set(codes.values())) < len(codes) or any(len(x) > 1 for x in sizes.values()):
            raise ValueError("two codes are the same, or one begins with the other")
        for name, value in {
            "codes": dict(codes),
            "_cache": {},
            "_morphemes": {code: text for text, code in codes.items()},
            "_longest": max(map(len, codes), default=1),
        }.items():
            object.__setattr__(self, name, value)

    def encode(self, text: str) -> bytes:
        """The bytes of a text, from left to right the longest morpheme that there is.

        Raises:
            DataError: Half a character, which no bytes stand for.
        """
        try:
            return b"".join(self._encoded(text.translate(lowered())))
        except UnicodeEncodeError as error:
            raise DataError(
                f"myte: found half a character, {text[error.start]!r}, expected whole text; normalise it first"
            ) from None

    def _encoded(self, text: str) -> Iterator[bytes]:
        at = 0
        for found in _WORD.finditer(text):
            yield text[at : found.start()].encode()
            word = found[0]
            if word not in self._cache:
                self._cache[word] = self._word(word)
            yield self._cache[word]
            at = found.end()
        yield text[at:].encode()

    def _word(self, word: str) -> bytes:
        out, at = b"", 0
        while at < len(word):
            ends = range(min(len(word), at + self._longest), at, -1)
            end = next((e for e in ends if word[at:e] in self.codes), at + 1)
            out += self.codes.get(word[at:end]) or word[at:end].encode()
            at = end
        return out

    def decode(self, data: bytes) -> str:
        """The text of bytes that `encode` made; what no text stands for becomes U+FFFD."""
        sizes = {code[0]: len(code) for code in self._morphemes}
        out, at = bytearray(), 0
        while at < len(data):
            code = data[at : at + sizes.get(data[at], 1)]
            out += self._morphemes[code].encode() if code in self._morphemes else code
            at += len(code)
        text = out.decode(errors="replace")
        return str(regex.sub("A(.)", lambda m: _raised().get(m[1], m[0]), text, flags=regex.DOTALL))

    def maps(self) -> dict[str, dict[str, str]]:
        """What transformers' ``MyT5Tokenizer`` reads as ``byte_maps.json``."""
        return {
            "decompose_map": {_hex(chr(c).encode()): _hex(low.encode()) for c, low in lowered().items()},
            "merge_map": {_hex(text.encode()): _hex(code) for text, code in self.codes.items()},
        }

    def tokenizer(self) -> Any:
        """The same code as a tokenizer of transformers, whose ids are the bytes and a few marks.

        Raises:
            ImportError: Transformers is not installed.
        """
        from transformers import MyT5Tokenizer

        make: Any = MyT5Tokenizer
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            path.write_text(json.dumps(self.maps()), encoding="utf-8")
            return make(str(path))

    def save(self, folder: Path) -> None:
        """Write the code where transformers' ``MyT5Tokenizer.from_pretrained`` finds it.

        Raises:
            DataError: The folder cannot be written.
        """
        part = folder / f".{FILE}.{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            settings = {"tokenizer_class": "MyT5Tokenizer"}
            (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            part.write_text(json.dumps(self.maps(), indent=1), encoding="utf-8")
            os.replace(part, folder / FILE)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise DataError(
                f"{folder}: cannot be written ({error.strerror}); free space or name another folder"
            ) from error

    @classmethod
    def load(cls, folder: Path) -> ByteCode:
        """Read what `save` wrote.

        Raises:
            DataError: Nothing is there, or no such code.
        """
        path = folder / FILE
        try:
            merged = json.loads(path.read_text(encoding="utf-8"))["merge_map"]
            return cls({bytes.fromhex(text).decode(): bytes.fromhex(code) for text, code in merged.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: holds no code of bytes ({error}), expected one that was saved here; make it anew"
            ) from None


@lru_cache(maxsize=1)
def lowered() -> dict[int, str]:
    """What ``str.translate`` makes of capitals: the mark and the small letter; only of those that are one letter either way."""
    capitals = (chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    pairs = ((c, c.lower()) for c in capitals if c.lower() != c)
    return {ord(c): chr(CAPITAL) + low for c, low in pairs if len(low) == 1 and low.upper() == c}


@lru_cache(maxsize=1)
def _raised() -> dict[str, str]:
    return {low[1]: chr(c) for c, low in lowered().items()}


def _hex(data: bytes) -> str:
    return data.hex(" ")
