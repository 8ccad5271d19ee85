"""Texts as arrays: decoded once, and what is asked of them counted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.cld2_many import Answers, detect_many
from polyalign.core.jit import I32, I64, U64
from polyalign.core.ragged import offsets
from polyalign.core.scripts import SCRIPTS, members
from polyalign.kernels import characters, contents
from polyalign.kernels.word_runs import words

_EAST = frozenset({"Hani", "Hira", "Kana", "Hang", "Bopo"})


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


class Decoded:
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
        self._answers: dict[bool, Answers] = {}
        self.points, self.kinds = characters.decode(raw, at, self.offsets, characters.kinds())

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def profile(self) -> I32:
        """What `kernels.contents.profile` counts, shape (n, 16)."""
        joined = np.array([False, *(s in _EAST for s in SCRIPTS)])
        return contents.profile(self.points, self.kinds, self.offsets, characters.legacy_bytes(), joined)

    @cached_property
    def marks(self) -> I32:
        """Punctuation by kind, shape (n, 13)."""
        return contents.mark_counts(self.kinds, self.offsets)

    @cached_property
    def tokens(self) -> Words:
        """What stands between white space, as it is."""
        return self._words(False)

    @cached_property
    def words(self) -> Words:
        """Runs of letters, marks and digits, lower-cased; where there are no spaces, each letter."""
        return self._words(True)

    def languages(self, best_effort: bool) -> Answers:
        """What CLD2 says of each text, with or without its guesses."""
        if best_effort not in self._answers:
            self._answers[best_effort] = detect_many(self.array, best_effort=best_effort)
        return self._answers[best_effort]

    def letters_in(self, script: str) -> I32:
        """Letters of each text that a tag's script is written with, shape (n,)."""
        wanted = np.array([False, *(s in members(script) for s in SCRIPTS)])
        return contents.letters_in(self.kinds, self.offsets, wanted)

    def _words(self, letters: bool) -> Words:
        return Words(*words(self.points, self.kinds, self.offsets, characters.lower(), letters))
