"""Text for the sampler: encoded in a stream, and seen through granularities (full forms, prefixes)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, U64, kernel
from polyalign.core.ragged import Ragged
from polyalign.core.rng import GOLDEN, mix

#: Sentence pairs whose tokens are strings at the same time.
BATCH = 8192
#: Words of one sentence, which are counted in 16 bits.
MOST_WORDS = 65_535
#: A granularity pays if it leaves at most this share of the types there were.
_MERGES = 0.9
_NAME = re.compile(r"full|prefix-[1-9]\d*")


def check_granularity(name: str) -> None:
    """Refuse a name that is no granularity.

    Raises:
        ValueError: Neither ``full`` nor ``prefix-N``.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"granularities must be 'auto', 'full' or 'prefix-N' such as 'prefix-5', got {name!r}")


def cut(word: str, granularity: str) -> str:
    """A word as a granularity sees it.

    Example:
        >>> cut("haeuser", "full"), cut("haeuser", "prefix-4")
        ('haeuser', 'haeu')
    """
    return word if granularity == "full" else word[: int(granularity[7:])]


def choose_granularities(pairs: int, words: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """What ``auto`` stands for: full forms, prefixes of 5, and of 4 below 20,000 sentence pairs.

    A prefix is left out when it merges fewer than a tenth of the types, as in languages written
    without spaces, where it would only repeat the full forms.

    Args:
        pairs: Number of sentence pairs.
        words: The types of either side.
    """
    names = ("prefix-5", "prefix-4") if pairs < 20_000 else ("prefix-5",)
    sides = [list(w) for w in words]
    before = sum(map(len, sides))
    kept = ["full"]
    for name in names:
        if sum(len({cut(w, name) for w in side}) for side in sides) <= _MERGES * before:
            kept.append(name)
    return tuple(kept)


def encode(bitext: Bitext, side: Side, *, lowercase: bool, known: Mapping[str, int]) -> tuple[Ragged, list[str]]:
    """One side as numbers of words.

    Args:
        bitext: Sentence pairs.
        side: Which side.
        lowercase: Whether case is dropped.
        known: Numbers of the words that have one, 0 being kept for NULL.

    Returns:
        The sentences, and the words that were not known in order of appearance, numbered on from the known ones.

    Raises:
        DataError: A sentence has more than 65,535 words.
    """
    raw: dict[str, int] = {}
    fresh: dict[str, int] = {}
    values, lengths = array("i"), array("q")
    for start in range(0, len(bitext), BATCH):
        for row, sentence in enumerate(Bitext(bitext.table.slice(start, BATCH)).tokens(side), start):
            if len(sentence) > MOST_WORDS:
                raise DataError(
                    f"words.align/gibbs: the {side} sentence of row {row} has {len(sentence):,} words, expected at most "
                    f"{MOST_WORDS:,}; split it, or remove it with a filter on length"
                )
            lengths.append(len(sentence))
            for token in sentence:
                if (id := raw.get(token)) is None:
                    word = token.lower() if lowercase else token
                    id = known.get(word)
                    if id is None:
                        id = fresh.setdefault(word, len(known) + len(fresh))
                    raw[token] = id
                values.append(id)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.frombuffer(lengths, np.int64) if lengths else np.zeros(0, np.int64), out=offsets[1:])
    return Ragged(np.frombuffer(values, np.int32) if values else np.zeros(0, np.int32), offsets), list(fresh)


@dataclass(frozen=True, slots=True)
class Units:
    """One side's words as a granularity sees them.

    Args:
        names: The units, NULL first.
        index: Their numbers.
        of: Unit of each word, shape (words,).
        share: Relative frequency of each unit and, last, of an unknown one; add-one smoothed.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    of: I32
    share: F32

    @classmethod
    def build(cls, words: Sequence[str], frequency: I64, granularity: str) -> Units:
        """The units of words.

        Args:
            words: The words, NULL first.
            frequency: How often each occurs.
            granularity: How they are seen.
        """
        index: dict[str, int] = {}
        of = np.fromiter((index.setdefault(cut(w, granularity), len(index)) for w in words), np.int32, len(words))
        counts = np.bincount(of, frequency, len(index) + 1) + 1.0
        return cls(tuple(index), index, of, (counts / counts.sum()).astype(np.float32))

    def see(self, words: I32, fresh: Sequence[str], granularity: str) -> I32:
        """Words as units; `fresh` are those numbered on from the known, and an unknown unit is ``len(names)``."""
        if not fresh:
            return self.of[words]
        more = [self.index.get(cut(w, granularity), len(self.index)) for w in fresh]
        return np.concatenate([self.of, np.asarray(more, np.int32)])[words]


def keys(src: Ragged, tgt: Ragged, src_known: int, tgt_known: int) -> I64:
    """A number for the content of each sentence pair, the same in any bitext.

    Args:
        src: Source sentences.
        tgt: Target sentences.
        src_known: Words from this number on count as one and the same.
        tgt_known: Likewise.
    """
    return _keys(src.offsets, src.values, tgt.offsets, tgt.values, src_known, tgt_known).view(np.int64)


@kernel()
def _keys(src_offsets: I64, src: I32, tgt_offsets: I64, tgt: I32, src_known: int, tgt_known: int) -> U64:
    out = np.empty(len(src_offsets) - 1, np.uint64)
    for k in range(len(out)):
        key = np.uint64(src_offsets[k + 1] - src_offsets[k])
        for x in range(src_offsets[k], src_offsets[k + 1]):
            key = mix(np.uint64(key * GOLDEN + np.uint64(min(src[x], src_known))))
        for y in range(tgt_offsets[k], tgt_offsets[k + 1]):
            key = mix(np.uint64(key * GOLDEN + np.uint64(min(tgt[y], tgt_known))))
        out[k] = key
    return out
