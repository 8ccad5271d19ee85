"""Words as numbers: how every aligner reads a bitext."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import I32, I64, U64, kernel
from polyalign.core.ragged import Ragged
from polyalign.core.rng import GOLDEN, mix
from polyalign.words.spelling import Digits, Punctuation, normal

#: Sentence pairs whose tokens are strings at the same time.
BATCH = 2048
#: Words of one sentence, which are counted in 16 bits.
MOST_WORDS = 65_535


@dataclass(frozen=True, slots=True)
class Reading:
    """Which words count as the same.

    Args:
        lowercase: Case is dropped.
        digits: As they are, in ASCII, or all as 0.
        punctuation: As it is, or in ASCII.
    """

    lowercase: bool = True
    digits: Digits = "keep"
    punctuation: Punctuation = "keep"

    def __call__(self, word: str) -> str:
        """A word as it is counted."""
        return normal(word, lowercase=self.lowercase, digits=self.digits, punctuation=self.punctuation)


def encode(
    bitext: Bitext, side: Side, reading: Reading, *, known: Mapping[str, int], first: int = 0
) -> tuple[Ragged, list[str]]:
    """One side as numbers of words.

    Args:
        bitext: Sentence pairs.
        side: Which side.
        reading: Which words count as the same.
        known: Numbers of the words that have one, 0 being kept for NULL.
        first: Row of the first sentence pair, for error messages.

    Returns:
        The sentences, and the words that were not known in order of appearance, numbered on from the known ones.

    Raises:
        DataError: A sentence has more than 65,535 words.
    """
    raw: dict[str, int] = {}
    fresh: dict[str, int] = {}
    values, lengths = array("i"), array("q")
    for start in range(0, len(bitext), BATCH):
        for row, sentence in enumerate(Bitext(bitext.table.slice(start, BATCH)).tokens(side), first + start):
            if len(sentence) > MOST_WORDS:
                raise DataError(
                    f"words.align: the {side} sentence of row {row} has {len(sentence):,} words, expected at most "
                    f"{MOST_WORDS:,}; split it, or remove it with a filter on length"
                )
            lengths.append(len(sentence))
            for token in sentence:
                if (id := raw.get(token)) is None:
                    word = reading(token)
                    id = known.get(word)
                    if id is None:
                        id = fresh.setdefault(word, len(known) + len(fresh))
                    raw[token] = id
                values.append(id)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.frombuffer(lengths, np.int64) if lengths else np.zeros(0, np.int64), out=offsets[1:])
    return Ragged(np.frombuffer(values, np.int32) if values else np.zeros(0, np.int32), offsets), list(fresh)


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
