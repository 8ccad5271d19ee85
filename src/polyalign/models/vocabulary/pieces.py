"""The pieces of a tokenizer: what each stands for as bytes, and how the tokenizer would segment any bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import Mask

#: How pieces are written: bytes as printable characters (GPT-2); text with U+2581 for a space (SentencePiece); with ## inside
#: a word (WordPiece); or just as they are.
Style = Literal["byte-level", "sentencepiece", "wordpiece", "plain"]
#: SentencePiece's mark of a space.
SPACE = "\u2581"
_LARGE = 10_000
#: A piece of SentencePiece's kind for a single byte.
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@lru_cache(maxsize=1)
def byte_characters() -> str:
    """The 256 characters that byte-level tokenizers write bytes as, by byte.

    Example:
        >>> byte_characters()[ord("a")], byte_characters()[ord(" ")]
        ('a', 'Ġ')
    """
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [b for b in range(256) if b not in shown]
    return "".join(chr(b if b in shown else 256 + hidden.index(b)) for b in range(256))


@lru_cache(maxsize=1)
def _bytes_by_character() -> dict[str, int]:
    return {c: b for b, c in enumerate(byte_characters())}


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A fast tokenizer of transformers, read as its pieces.

    Args:
        tokenizer: The tokenizer.
        content: Its tokenizer.json.
        texts: How each piece is written, by id; empty for an id that no piece has.
        added: Which pieces stand outside the model (special tokens and kin), which text is searched for first, shape (v,).
        style: How pieces are written.
    """

    tokenizer: Any
    content: dict[str, Any]
    texts: tuple[str, ...]
    added: Mask
    style: Style

    @property
    def model(self) -> str:
        """What segments: ``BPE``, ``Unigram``, ``WordPiece`` or ``WordLevel``."""
        return str(self.content["model"]["type"])

    @property
    def space(self) -> str:
        """How a space at the beginning of a piece is written."""
        return {"byte-level": byte_characters()[32], "sentencepiece": SPACE}.get(self.style, " ")

    @property
    def special(self) -> Mask:
        """Which pieces are special tokens, that decoding may skip, shape (v,)."""
        out = np.zeros(len(self.texts), np.bool_)
        out[[t["id"] for t in self.content["added_tokens"] if t["special"]]] = True
        return out

    def is_byte(self, piece: int) -> bool:
        """Whether a piece is one of those for single bytes of what no other piece has."""
        return BYTE.fullmatch(self.texts[piece]) is not None

    def as_bytes(self, piece: int) -> bytes:
        """What a piece stands for; a part of a character is some of its bytes.

        The mark of a space is a space. A WordPiece that begins a word has the space before it.
        """
        text = self.texts[piece]
        if self.added[piece]:
            return text.encode()
        if self.style == "byte-level":
            table = _bytes_by_character()
            return bytes(table[c] for c in text) if all(c in table for c in text) else text.encode()
        if self.style == "sentencepiece":
            byte = BYTE.fullmatch(text)
            return bytes([int(byte[1], 16)]) if byte else text.replace(SPACE, " ").encode()
        if self.style == "wordpiece":
            return text[2:].encode() if text.startswith("##") else b" " + text.encode()
        return text.encode()

    def written(self, content: bytes) -> str | None:
        """How a piece of these bytes would be written; None if it cannot be, which is so of parts of characters."""
        if self.style == "byte-level":
            table = byte_characters()
            return "".join(table[b] for b in content)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return None
        if self.style == "sentencepiece":
            return text.replace(" ", SPACE)
        if self.style == "wordpiece":
            return text[1:] if text.startswith(" ") else "##" + text
        return text

    def segment(self, content: bytes) -> list[int]:
        """The pieces that the tokenizer's model makes of bytes, as if they were all of a pre-token.

        Bytes that are no whole characters become the pieces of single bytes if there are any, else the unknown one.
        """
        if self.style == "byte-level":
            return self._ids(self.written(content) or "")
        out: list[int] = []
        for run in re.split(r"([\udc80-\udcff]+)", content.decode(errors="surrogateescape")):
            if run and "\udc80" <= run[0] <= "\udcff":
                for byte in run.encode(errors="surrogateescape"):
                    found = self.tokenizer.backend_tokenizer.token_to_id(f"<0x{byte:02X}>")
                    out += [found] if found is not None else self._unknown()
            elif run:
                out += self._run(run)
        return out

    def _run(self, text: str) -> list[int]:
        if self.style != "wordpiece":
            return self._ids(text.replace(" ", SPACE) if self.style == "sentencepiece" else text)
        out: list[int] = []
        for k, word in enumerate(text.split(" ")):
            at = 0
            while at < len(word):
                prefix = "##" if at or not k else ""
                ends = range(len(word), at, -1)
                vocabulary = self.content["model"]["vocab"]
                end = next((e for e in ends if prefix + word[at:e] in vocabulary), 0)
                out += [vocabulary[prefix + word[at:end]]] if end else self._unknown()
                at = end or len(word)
        return out

    def _ids(self, text: str) -> list[int]:
        return [t.id for t in self.tokenizer.backend_tokenizer.model.tokenize(text)] if text else []

    def _unknown(self) -> list[int]:
        return [] if self.tokenizer.unk_token_id is None else [int(self.tokenizer.unk_token_id)]


def pieces_of(tokenizer: Any) -> Pieces:
    """Read the pieces of a fast tokenizer of transformers.

    Raises:
        ConfigError: Its model is of no kind that has pieces.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    model = content["model"]
    if model.get("type") not in ("BPE", "Unigram", "WordPiece", "WordLevel"):
        raise ConfigError(
            f"{tokenizer.name_or_path or 'tokenizer'}: its model is {model.get('type')!r}, expected BPE, Unigram, WordPiece or WordLevel; "
            "its pieces cannot be changed"
        )
    vocabulary = model["vocab"]
    named = vocabulary.items() if isinstance(vocabulary, dict) else ((t, i) for i, (t, _) in enumerate(vocabulary))
    table = dict([(i, t) for t, i in named] + [(t["id"], t["content"]) for t in content["added_tokens"]])
    texts = [""] * (max(table, default=-1) + 1)
    for piece, text in table.items():
        texts[piece] = text
    added = np.zeros(len(texts), np.bool_)
    added[[t["id"] for t in content["added_tokens"]]] = True
    return Pieces(tokenizer, content, tuple(texts), added, style_of(content))


def style_of(content: dict[str, Any]) -> Style:
    """How the pieces of a tokenizer.json are written."""
    types = {str(p.get("type")) for part in ("normalizer", "pre_tokenizer", "decoder") for p in parts(content[part])}
    if "ByteLevel" in types:
        return "byte-level"
    if content["model"]["type"] == "WordPiece":
        return "wordpiece"
    replaced = [
        p.get("content") for p in parts(content["normalizer"]) + parts(content["decoder"]) if p["type"] == "Replace"
    ]
    marked = [p.get("pattern", {}).get("String") for p in parts(content["decoder"]) if p["type"] == "Replace"]
    return "sentencepiece" if "Metaspace" in types or SPACE in replaced + marked else "plain"


def parts(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps that a normalizer, pre-tokenizer or decoder of a tokenizer.json is a sequence of."""
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    inner = next(step[k] for k in ("normalizers", "pretokenizers", "decoders", "processors") if k in step)
    return [p for s in inner for p in parts(s)]


def rebuilt(tokenizer: Any, content: dict[str, Any]) -> Any:
    """A tokenizer with another tokenizer.json, and the special tokens, chat template and settings of this one.

    Args:
        tokenizer: A fast tokenizer of transformers; it stays as it is.
        content: The new tokenizer.json, which has the special tokens too.

    Raises:
        ConfigError: The content is none that the tokenizers library reads.
    """
    from tokenizers import Tokenizer

    try:
        backend = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    except Exception as error:  # The library raises nothing narrower.
        raise ConfigError(
            f"{tokenizer.name_or_path or 'tokenizer'}: the changed tokenizer cannot be read ({error}); "
            "expected merges of pieces that are there, and each piece once"
        ) from None
    # Not the old tables, which are large and which only the constructor reads.
    tables = {id(v): v for v in vars(tokenizer).values() if isinstance(v, (dict, list)) and len(v) > _LARGE}
    return copy.deepcopy(tokenizer, {id(tokenizer._tokenizer): backend, **tables})


def inside(tokenizer: Any, words: Sequence[str]) -> list[str]:
    """Words as a tokenizer is to be given them so that it writes them as it does inside a text, after a space."""
    # Of tokenizers that put the space there themselves another one would be a piece of its own.
    own = "".join(tokenizer.tokenize("a"))[:1] in (SPACE, byte_characters()[32])
    return list(words) if own else [" " + word for word in words]


def segmented(tokenizer: Any, words: Sequence[str]) -> list[list[int]]:
    """The pieces of words as they stand inside a text."""
    return list(tokenizer(inside(tokenizer, words), add_special_tokens=False)["input_ids"]) if words else []
