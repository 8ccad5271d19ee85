"""Vocab: strings to int32 and back; id 0 is the NULL word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from polyalign.core.ragged import Ragged, offsets

NULL = 0


@dataclass(frozen=True, slots=True)
class Vocab:
    """The distinct strings of a corpus, most frequent first, ties in code-point order.

    Args:
        words: Every string once; ``words[0]`` is the NULL word, written ``""``.

    Raises:
        ValueError: The first word is not NULL, or a word occurs twice.

    Example:
        >>> v, ids = Vocab.build([["b", "a", "b"], []])
        >>> v.words, [r.tolist() for r in ids]
        (('', 'b', 'a'), [[1, 2, 1], []])
    """

    words: tuple[str, ...]
    index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {w: i for i, w in enumerate(self.words)})
        if not self.words or self.words[0] != "" or len(self.index) != len(self.words):
            raise ValueError("Vocab: words must be distinct and start with the NULL word ''")

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]]) -> tuple[Vocab, Ragged]:
        """Count the words of tokenised sentences and encode the sentences.

        Args:
            sentences: Lists of non-empty tokens.

        Returns:
            The vocabulary and the sentences as ids, same order.
        """
        first: dict[str, int] = {}
        sentences = list(sentences)
        lengths = np.fromiter((len(s) for s in sentences), np.int64, len(sentences))
        raw = np.fromiter((first.setdefault(w, len(first)) for s in sentences for w in s), np.int32, int(lengths.sum()))
        counts = np.bincount(raw, minlength=len(first))
        seen = list(first)
        order = sorted(range(len(seen)), key=lambda i: (-counts[i], seen[i]))
        rank = np.empty(len(seen), np.int32)
        rank[order] = np.arange(1, len(seen) + 1, dtype=np.int32)
        return cls(("", *(seen[i] for i in order))), Ragged(rank[raw], offsets(lengths))

    def encode(self, sentences: Iterable[Sequence[str]]) -> Ragged:
        """Sentences as ids; a word that is not in the vocabulary becomes ``len(self)``."""
        get, unknown = self.index.get, len(self)
        return Ragged.from_lists([[get(w, unknown) for w in s] for s in sentences])
