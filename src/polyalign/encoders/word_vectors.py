"""Readers of files of static vectors: word2vec and fastText as text and binary, saved spaces, model2vec folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import open_binary, read_lines, suffixes
from polyalign.core.jit import F32, I32
from polyalign.core.space import Space
from polyalign.encoders.model_files import read_json, read_tensors

#: Lines parsed at once.
BLOCK = 2048
#: What a model in fastText's own binary form begins with.
_FASTTEXT = (793712314).to_bytes(4, "little")


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Vectors of words, frequent ones first as far as the file keeps to the custom.

    Args:
        rows: The row of each word; of a word that is there twice, the first.
        vectors: Shape (v, d).
    """

    rows: dict[str, int]
    vectors: F32


@dataclass(frozen=True, slots=True, eq=False)
class Subwords:
    """Vectors of the tokens of a tokenizer, as model2vec saves them.

    Args:
        tokenizer: Of the tokenizers library.
        vectors: Shape (v, d).
        rows: The row of each token's id, shape (ids,).
        weights: What each token's vector is multiplied by, shape (ids,).
        unknown: The id that stands for what has none, -1 if there is no such id.
    """

    tokenizer: Any
    vectors: F32
    rows: I32
    weights: F32
    unknown: int


def read_vectors(path: Path) -> Words | Subwords:
    """Static vectors of a file or folder, whichever kind it is.

    Raises:
        DataError: It is of no such kind, or broken.
    """
    if path.is_dir():
        if (path / "words.txt").is_file() and (path / "vectors.npy").is_file():
            space = Space.load(path)
            return _words(list(space.words), space.vectors)
        if (path / "tokenizer.json").is_file() or (path / "0_StaticEmbedding").is_dir():
            return _model2vec(path)
        raise DataError(
            f"{path}: found neither words.txt and vectors.npy nor tokenizer.json and model.safetensors, expected a saved "
            "space or a model2vec folder"
        )
    if suffixes(path)[0] == ".bin":
        return _binary(path)
    return _text(path)


def _words(words: list[str], vectors: F32) -> Words:
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, row)
    return Words(rows, vectors)


def _text(path: Path) -> Words:
    lines = enumerate(read_lines(path), 1)
    words: list[str] = []
    blocks: list[F32] = []
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path}: is empty, expected a word and its vector on each line")
    head = first[1].split()
    stated = int(head[0]) if len(head) == 2 and all(x.isdigit() for x in head) else None
    dim = int(head[1]) if stated is not None else len(head) - 1
    if dim < 1:
        raise DataError(
            f"{path} line 1: found {first[1][:40]!r}, expected the numbers of words and of dimensions, or a word and its vector"
        )
    rest = lines if stated is not None else _chained(first, lines)
    while some := list(islice(rest, BLOCK)):
        # Some words of web crawls have spaces in them, so a line is read from its end.
        parts = [line.rstrip().rsplit(" ", dim) for _, line in some]
        block = _numbers(parts, dim)
        if block is None:
            for (number, line), part in zip(some, parts, strict=True):
                if _numbers([part], dim) is None:
                    raise DataError(
                        f"{path} line {number}: found {line[:40]!r}, expected a word and {dim} finite numbers"
                    )
            raise DataError(f"{path}: cannot be read as vectors of {dim} numbers")
        words += [p[0] for p in parts]
        blocks.append(block)
    if stated is not None and stated != len(words):
        raise DataError(
            f"{path}: found {len(words):,} words, but its first line says {stated:,}; the file is cut off, or that line is wrong"
        )
    return _words(words, np.concatenate(blocks) if blocks else np.zeros((0, dim), np.float32))


def _chained(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def _numbers(parts: list[list[str]], dim: int) -> F32 | None:
    if any(len(p) != dim + 1 for p in parts):
        return None
    try:
        block = np.array([p[1:] for p in parts], dtype=np.float32)
    except ValueError:
        return None
    return block if np.isfinite(block).all() else None


def _binary(path: Path) -> Words:
    with open_binary(path) as file:
        if file.read(4) == _FASTTEXT:
            raise DataError(
                f"{path}: found a model in fastText's own binary form, expected word2vec's; save its vectors as text, from "
                "Python: for w in model.words: print(w, *model[w])"
            )
    with open_binary(path) as file:
        head = file.readline(80).split()
        if len(head) != 2 or not all(x.isdigit() for x in head) or int(head[1]) < 1:
            raise DataError(
                f"{path} line 1: expected the numbers of words and of dimensions, as in word2vec's binary form; "
                "name a text file .vec or .txt"
            )
        count, dim = int(head[0]), int(head[1])
        words: list[str] = []
        blocks: list[F32] = []
        while len(words) < count:
            some, block = _records(file, path, len(words), min(BLOCK, count - len(words)), dim)
            words += some
            blocks.append(block)
    return _words(words, np.concatenate(blocks) if blocks else np.zeros((0, dim), np.float32))


def _records(file: BinaryIO, path: Path, before: int, n: int, dim: int) -> tuple[list[str], F32]:
    words, vectors = [], bytearray()
    for number in range(before + 1, before + n + 1):
        raw = bytearray()
        while (byte := file.read(1)) not in (b" ", b""):
            # Some writers end a record with a line end, others do not.
            if byte != b"\n" or raw:
                raw += byte
            if len(raw) > 4096:
                raise DataError(
                    f"{path}: word {number:,} has more than 4,096 bytes; this is not word2vec's binary form"
                )
        vector = file.read(4 * dim)
        if len(vector) < 4 * dim:
            raise DataError(f"{path}: ends in word {number:,}, but its first line says more; the file is cut off")
        try:
            words.append(raw.decode("utf-8"))
        except UnicodeDecodeError:
            raise DataError(
                f"{path}: word {number:,} is {bytes(raw)[:40]!r}, expected UTF-8; its vectors may be of another size than its first line says"
            ) from None
        vectors += vector
    block = np.frombuffer(vectors, "<f4").reshape(n, dim).astype(np.float32)
    if len(bad := np.flatnonzero(~np.isfinite(block).all(axis=1))):
        raise DataError(f"{path}: the vector of word {before + int(bad[0]) + 1:,} is not finite; the file is damaged")
    return words, block


def _model2vec(folder: Path) -> Subwords:
    from tokenizers import Tokenizer

    inner = folder / "0_StaticEmbedding" if (folder / "0_StaticEmbedding").is_dir() else folder
    tensors = read_tensors(inner / "model.safetensors")
    vectors = next((tensors[k] for k in ("embeddings", "embedding.weight") if k in tensors), None)
    if vectors is None or vectors.ndim != 2:
        raise DataError(f"{inner / 'model.safetensors'}: found no table 'embeddings', expected a model2vec model")
    try:
        tokenizer = Tokenizer.from_file(str(inner / "tokenizer.json"))
    except Exception as error:
        raise DataError(f"{inner / 'tokenizer.json'}: cannot be read ({error}); fetch the model again") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    ids = tokenizer.get_vocab_size()
    rows = np.asarray(tensors.get("mapping", np.arange(len(vectors))), np.int32)
    weights = np.asarray(tensors.get("weights", np.ones(len(rows))), np.float32)
    if len(rows) < ids or len(weights) < ids or rows.min(initial=0) < 0 or rows.max(initial=0) >= len(vectors):
        raise DataError(
            f"{inner}: {ids:,} tokens in tokenizer.json but {len(rows):,} places and {len(vectors):,} vectors in "
            "model.safetensors; the two files are not of one model"
        )
    model = read_json(inner / "tokenizer.json")["model"]
    unknown = model.get("unk_id")
    if unknown is None and model.get("unk_token") is not None:
        unknown = tokenizer.token_to_id(model["unk_token"])
    return Subwords(tokenizer, np.asarray(vectors, np.float32), rows, weights, -1 if unknown is None else int(unknown))
