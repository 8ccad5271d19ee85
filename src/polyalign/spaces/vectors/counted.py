"""A corpus as numbers: its words, most frequent first, and its sentences."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I32, I64
from polyalign.core.ragged import Ragged, offsets


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The frequent words of a corpus.

    Args:
        words: Most frequent first, ties in code-point order.
        counts: How often each occurs, shape (v,).
        text: The sentences as ranks of words, rare words left out.
    """

    words: tuple[str, ...]
    counts: I64
    text: Ragged


def count(sentences: Iterable[Sequence[str]], *, min_count: int, max_words: int, where: str) -> Counted:
    """Read a corpus once.

    Args:
        sentences: The words of each.
        min_count: Occurrences a word needs.
        max_words: How many words are kept at most, the most frequent; 0 for all.
        where: Who asks, for messages.

    Raises:
        DataError: No word is frequent enough.

    Example:
        >>> c = count([["a", "b", "a"], ["c", "a", "b"]], min_count=2, max_words=0, where="x")
        >>> c.words, c.counts.tolist(), [s.tolist() for s in c.text]
        (('a', 'b'), [3, 2], [[0, 1, 0], [0, 1]])
    """
    first: dict[str, int] = {}
    ids, lengths = array("i"), array("q")
    for sentence in sentences:
        ids.extend([first.setdefault(w, len(first)) for w in sentence])
        lengths.append(len(sentence))
    tokens: I32 = np.frombuffer(ids, np.int32) if ids else np.zeros(0, np.int32)
    seen = list(first)
    frequency = np.bincount(tokens, minlength=len(seen))
    order = sorted(np.flatnonzero(frequency >= min_count).tolist(), key=lambda k: (-frequency[k], seen[k]))
    order = order[: max_words or None]
    if not order:
        most = f"the most frequent of {len(seen):,} words occurs {frequency.max():,} times" if seen else "no word"
        raise DataError(
            f"{where}: found {most}, expected one that occurs min_count = {min_count} times; give more text or lower min_count"
        )
    rank = np.full(len(seen), -1, np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    ranks = rank[tokens]
    kept = offsets(ranks >= 0)[offsets(np.frombuffer(lengths, np.int64))]
    return Counted(tuple(seen[k] for k in order), frequency[order], Ragged(ranks[ranks >= 0], kept))
