"""Texts as arrays: decoded once, whoever asks, and counted once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, U64, Mask
from polyalign.core.ragged import offsets
from polyalign.core.scripts import SCRIPTS, members
from polyalign.kernels import characters
from polyalign.kernels.word_runs import words

#: A run of a corpus: sentence pairs, or a table of documents.
Run: TypeAlias = Bitext | pa.Table
_EAST = frozenset({"Hani", "Hira", "Kana", "Hang", "Bopo"})
#: Scripts written without spaces: each letter counts as a word.
_NO_SPACES = frozenset({"Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Bopo", "Tibt"})


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of n texts.

    Args:
        hashes: A number for what each word is, shape (w,).
        starts: Where each begins among the code points of all texts.
        ends: Where it ends.
        first: Which words are a text's, shape (n + 1,).
    """

    hashes: U64
    starts: I64
    ends: I64
    first: I64

    @property
    def counts(self) -> I64:
        """Words of each text, shape (n,)."""
        return np.diff(self.first)

    @property
    def lengths(self) -> I32:
        """Characters of each word, shape (w,)."""
        return (self.ends - self.starts).astype(np.int32)


class Texts:
    """n texts as code points and their kinds; what costs time is computed when it is first asked for.

    Args:
        array: The texts; null is the empty text.
    """

    def __init__(self, array: pa.LargeStringArray) -> None:
        array = array.fill_null("") if array.null_count else array
        _, starts, data = array.buffers()
        n, first = len(array), array.offset
        at = np.frombuffer(starts, np.int64)[first : first + n + 1] if n else np.zeros(1, np.int64)
        raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
        self.array = array
        self.bytes: I64 = np.diff(at)
        self.offsets: I64 = offsets(np.asarray(pc.utf8_length(array).to_numpy(zero_copy_only=False)))
        self.points, self.kinds = characters.decode(raw, at, self.offsets, characters.kinds())

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def profile(self) -> I32:
        """What `kernels.characters.profile` counts, shape (n, 16)."""
        joined = np.array([False, *(s in _EAST for s in SCRIPTS)])
        return characters.profile(self.points, self.kinds, self.offsets, characters.legacy_bytes(), joined)

    @cached_property
    def marks(self) -> I32:
        """Punctuation by kind, shape (n, 13)."""
        return characters.mark_counts(self.kinds, self.offsets)

    @cached_property
    def tokens(self) -> Words:
        """What stands between white space, as it is."""
        return self._words(False)

    @cached_property
    def words(self) -> Words:
        """Runs of letters, marks and digits, lower-cased; where there are no spaces, each letter."""
        return self._words(True)

    def letters_in(self, script: str) -> I32:
        """Letters of each text that a tag's script is written with, shape (n,)."""
        wanted = np.array([False, *(s in members(script) for s in SCRIPTS)])
        return characters.letters_in(self.kinds, self.offsets, wanted)

    def _words(self, letters: bool) -> Words:
        alone = np.array([0, *(s in _NO_SPACES for s in SCRIPTS)], np.uint32)
        return Words(*words(self.points, self.kinds, self.offsets, characters.lower(), alone, letters))


_recent = threading.local()


def decoded(array: pa.LargeStringArray) -> Texts:
    """The texts of an array, the same object for the two arrays that this thread asked for last."""
    held: list[Texts] = getattr(_recent, "held", [])
    key = _key(array)
    for texts in held:
        if _key(texts.array) == key:
            return texts
    texts = Texts(array)
    if texts.array is array:
        _recent.held = [*held[-1:], texts]
    return texts


def _key(array: pa.LargeStringArray) -> tuple[Any, ...]:
    # The array is held with its texts, so that no other comes to lie at its address.
    return len(array), array.offset, *(b.address if b is not None else 0 for b in array.buffers())


def forget() -> None:
    """Let go of the texts that this thread holds."""
    _recent.held = []


def column(table: pa.Table, name: str) -> pa.LargeStringArray:
    """A column of text as one array."""
    found = table[name].cast(pa.large_string())
    return found.chunk(0) if found.num_chunks == 1 else pa.concat_arrays(found.chunks or [pa.array([], found.type)])


def side(bitext: Bitext, name: Side) -> Texts:
    """One side of a bitext."""
    return decoded(column(bitext.table, name))


def sides(run: Run) -> Iterator[tuple[str, pa.LargeStringArray]]:
    """The texts of a run by language: the two sides of a bitext, the languages of documents as they come."""
    if isinstance(run, Bitext):
        yield run.langs[0], column(run.table, "src")
        yield run.langs[1], column(run.table, "tgt")
        return
    texts = column(run, "text")
    for lang, rows in by_language(run):
        yield lang, texts if len(rows) == len(texts) else texts.take(pa.array(rows))


def by_language(table: pa.Table) -> list[tuple[str, I64]]:
    """The languages of a table of documents and their rows, in order of their first.

    Raises:
        DataError: It has no text.
    """
    if "text" not in table.column_names:
        raise DataError(
            f"documents: found the columns {', '.join(table.column_names)}, expected text (and lang); a bitext has src and tgt"
        )
    if "lang" not in table.column_names:
        return [("und", np.arange(table.num_rows))]
    codes = pc.fill_null(table["lang"].cast(pa.string()), "und").combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    index = codes.indices.to_numpy()
    return [(lang, np.flatnonzero(index == i)) for i, lang in enumerate(codes.dictionary.to_pylist())]


def share(part: npt.ArrayLike, whole: npt.ArrayLike) -> F32:
    """One divided by the other; NaN where there is nothing to divide."""
    below = np.asarray(whole, np.float64)
    out = np.full(below.shape, np.nan)
    np.divide(np.asarray(part, np.float64), below, out=out, where=below > 0)
    return out.astype(np.float32)


def within(values: npt.ArrayLike, least: float, most: float) -> F32:
    """1 for values between two bounds, below by how many times they are missed: ``min(v / least, most / v, 1)``."""
    v = np.asarray(values, np.float64)
    low = v / least if least > 0 else np.ones_like(v)
    high = np.divide(most, v, out=np.ones_like(v), where=v > 0)
    return np.minimum(np.minimum(low, high), 1.0).astype(np.float32)


def where_any(values: F32, some: Mask) -> F32:
    """The values, NaN where there is nothing to tell them from."""
    return np.where(some, values, np.float32(np.nan)).astype(np.float32)
