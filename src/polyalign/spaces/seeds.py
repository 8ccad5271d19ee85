"""Seeds: pairs of words that are known to translate each other, as rows of two spaces."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import I32
from polyalign.core.space import Space


def rows_of(space: Space) -> dict[str, int]:
    """The row of each word."""
    return {word: row for row, word in enumerate(space.words)}


def identical(src: Space, tgt: Space, *, least: int = 1) -> I32:
    """Words written the same in both spaces; for languages in one script these alone may be enough.

    Args:
        src: Source space.
        tgt: Target space.
        least: Fewest characters of such a word.

    Returns:
        Rows of the two spaces, shape (m, 2), in the order of the source.

    Example:
        >>> space = lambda *words: Space(words, np.eye(len(words), dtype=np.float32))
        >>> identical(space("Haus", "Hotel", "3"), space("3", "hotel", "Hotel")).tolist()
        [[1, 2], [2, 0]]
    """
    tgt_rows = rows_of(tgt)
    return _pairs((row, tgt_rows[w]) for row, w in enumerate(src.words) if len(w) >= least and w in tgt_rows)


def numerals(src: Space, tgt: Space) -> I32:
    """Numbers written the same in both spaces; for languages in different scripts.

    Returns:
        Rows of the two spaces, shape (m, 2).
    """
    tgt_rows = rows_of(tgt)
    return _pairs(
        (row, tgt_rows[w]) for row, w in enumerate(src.words) if w in tgt_rows and w.replace(".", "").isdecimal()
    )


def known(src: Space, tgt: Space, pairs: Iterable[tuple[str, str]]) -> I32:
    """Pairs of words of which both have a vector; of a pair that is there twice, the first.

    Args:
        src: Source space.
        tgt: Target space.
        pairs: Source and target word.

    Returns:
        Rows of the two spaces, shape (m, 2).
    """
    src_rows, tgt_rows = rows_of(src), rows_of(tgt)
    unique = dict.fromkeys((a, b) for a, b in pairs if a in src_rows and b in tgt_rows)
    return _pairs((src_rows[a], tgt_rows[b]) for a, b in unique)


def read_lexicon(path: str | Path) -> list[tuple[str, str]]:
    """Pairs of words from a file with a source and a target word on each line, parted by a tab or else by spaces.

    Further columns are passed over; so is a first line of names that begin with ``src``.

    Raises:
        DataError: A line has no two words.
    """
    pairs = []
    for number, line in enumerate(read_lines(path), 1):
        parts = [p.strip() for p in (line.split("\t") if "\t" in line else line.split())]
        if not line.strip() or (number == 1 and parts[0] == "src"):
            continue
        if len(parts) < 2 or not parts[0] or not parts[1]:
            raise DataError(
                f"{path} line {number}: found {line[:40]!r}, expected a source word, a tab and a target word"
            )
        pairs.append((parts[0], parts[1]))
    return pairs


def checked(src: Space, tgt: Space, seeds: I32 | None, method: str) -> tuple[I32, I32]:
    """The seeds' rows of the source and of the target, for a method that cannot do without.

    Raises:
        ConfigError: There are none.
        DataError: They are no pairs of rows of the two spaces.
    """
    if seeds is None or len(seeds) == 0:
        raise ConfigError(
            f"{method}: found no seeds, expected pairs of words known to translate each other; give a lexicon, take words "
            "written the same in both languages, or use spaces.map/vecmap with initialization unsupervised"
        )
    seeds = np.asarray(seeds, np.int32)
    sizes = len(src.words), len(tgt.words)
    if seeds.ndim != 2 or seeds.shape[1] != 2 or seeds.min() < 0 or (seeds.max(axis=0) >= sizes).any():
        raise DataError(
            f"{method}: found seeds of shape {seeds.shape} between {seeds.min()} and {seeds.max()}, expected pairs of rows "
            f"of spaces with {sizes[0]} and {sizes[1]} words; make them from these very spaces"
        )
    return seeds[:, 0], seeds[:, 1]


def _pairs(pairs: Iterable[tuple[int, int]]) -> I32:
    return np.array(list(pairs), np.int32).reshape(-1, 2)
