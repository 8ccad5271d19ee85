"""Writers of files of static vectors, and any such file as a space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import open_output, suffixes
from polyalign.core.space import Space
from polyalign.encoders.word_vectors import BLOCK, Words, read_vectors

#: What the name of a file of vectors may end with; a name without an ending is a folder.
SUFFIXES = (".vec", ".txt", ".bin")


def read_space(path: str | Path) -> Space:
    """The words and vectors of a file or folder, in its order; of a word that is there twice, the first.

    Args:
        path: Text of word2vec or fastText (.vec, .txt), word2vec's binary form (.bin), also packed, or a saved space.

    Raises:
        DataError: It is of no such kind, or broken, or has vectors of tokens, not of words.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    held = read_vectors(path)
    if not isinstance(held, Words):
        raise DataError(f"{path}: found a model with vectors of tokens, expected vectors of words; give a .vec file")
    rows = np.fromiter(held.rows.values(), np.int64, len(held.rows))
    return Space(tuple(held.rows), held.vectors if len(rows) == len(held.vectors) else held.vectors[rows])


def write_space(space: Space, path: str | Path) -> None:
    """Write words and vectors, in the form that the name says.

    Args:
        space: What to write.
        path: ``.vec`` or ``.txt``: text, numbers of words and dimensions first, as word2vec and fastText have it, six digits;
            ``.bin``: word2vec's binary form, exact; either packed by a further ``.gz``, ``.xz``, ``.zst`` or ``.bz2``.
            Without an ending: a folder with words.txt and vectors.npy, exact, the fastest to read.

    Raises:
        ConfigError: The name ends with something else.
        DataError: A word is empty or has white space in it, which these files have no room for; or the file cannot be
            written.
    """
    suffix, packed = suffixes(path)
    if suffix not in SUFFIXES and (suffix or packed):
        raise ConfigError(
            f"{path}: found the ending {suffix + packed}, expected {', '.join(SUFFIXES)} or none for a folder"
        )
    _check(space, path)
    if not suffix:
        space.save(Path(path))
        return
    with open_output(path) as file:
        file.write(f"{len(space.words)} {space.vectors.shape[1]}\n".encode())
        for block in (_records if suffix == ".bin" else _lines)(space):
            file.write(block)


def _check(space: Space, path: str | Path) -> None:
    for row, word in enumerate(space.words):
        if not word or len(word.split()) != 1 or word != word.strip():
            raise DataError(
                f"{path}: word {row + 1:,} is {word[:40]!r}, expected a word without white space; leave it out, or join its "
                "parts with _"
            )


def _lines(space: Space) -> Iterator[bytes]:
    shape = " ".join(["%.6g"] * space.vectors.shape[1])
    for start in range(0, len(space.words), BLOCK):
        rows = space.vectors[start : start + BLOCK].tolist()
        words = space.words[start : start + BLOCK]
        yield "".join(f"{word} {shape % tuple(row)}\n" for word, row in zip(words, rows, strict=True)).encode()


def _records(space: Space) -> Iterator[bytes]:
    for word, row in zip(space.words, space.vectors, strict=True):
        yield word.encode() + b" " + row.astype("<f4").tobytes() + b"\n"
