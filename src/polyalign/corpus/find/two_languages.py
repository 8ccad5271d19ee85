"""Which of two languages a few words are in, learnt from the text around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import regex

from polyalign.core.cld2 import GUESS, detect, tag_of
from polyalign.core.jit import F32
from polyalign.core.langs import UNKNOWN
from polyalign.core.scripts import script_of

#: Letters from which the detector's answer is taken as it is, and from which a text is one to learn from.
LONG = 60
_BINS, _LENGTHS = 1 << 18, (1, 2, 3, 4)
#: Share of the log odds of n-grams that counts, for those of one word are not independent.
_DISCOUNT = 0.25
#: Letters of each language below which nothing is learnt.
_ENOUGH = 2000
_WORD = regex.compile(r"[\p{L}\p{M}]+")


@dataclass(frozen=True, slots=True, eq=False)
class TwoLanguages:
    """Tells two languages apart, in texts of any length.

    Args:
        pair: The languages.
        odds: Log odds of the first language by hashed n-gram; None if there was too little to learn from.
    """

    pair: tuple[str, str]
    odds: F32 | None

    @classmethod
    def learn(cls, texts: Iterable[str], pair: tuple[str, str]) -> TwoLanguages:
        """From texts of which some are in the one language and some in the other, by what CLD2 says of long ones.

        Naive Bayes over the letters' n-grams, one to four long, in bins; add-one smoothed.
        """
        counts, letters = np.zeros((2, _BINS)), [0, 0]
        for text in texts:
            lang = identified(text)[0] if len(text) >= LONG else UNKNOWN
            if lang in pair:
                side = pair.index(lang)
                letters[side] += len(text)
                np.add.at(counts[side], list(_bins(text)), 1)
        if min(letters) < _ENOUGH:
            return cls(pair, None)
        logs = np.log(counts + 1) - np.log(counts.sum(axis=1, keepdims=True) + _BINS)
        # What neither language has says nothing.
        return cls(pair, np.where(counts.sum(axis=0) > 0, logs[0] - logs[1], 0).astype(np.float32))

    def side(self, text: str) -> tuple[int, float]:
        """Which language a text is in.

        Returns:
            0 or 1, and how sure that is, in [0, 1]; -1 and 0 for neither.
        """
        if not _WORD.search(text):
            return -1, 0.0
        lang, confidence = identified(text)
        if len(text) >= LONG or self.odds is None:
            return (self.pair.index(lang), confidence) if lang in self.pair else (-1, 0.0)
        if confidence > 0.9 and lang not in (*self.pair, UNKNOWN):
            return -1, 0.0  # It is surely a third.
        bins = list(_bins(text))
        total = _DISCOUNT * float(self.odds[bins].sum())
        if lang in self.pair:
            total += 2 * confidence * (1 if lang == self.pair[0] else -1)
        sure = math.tanh(abs(total) / 2)
        return (0 if total > 0 else 1, sure) if sure > 0 else (-1, 0.0)


def identified(text: str) -> tuple[str, float]:
    """What CLD2 takes a text for, and the share of it that is; half as sure where it calls its answer unreliable."""
    code, share, reliable = detect(text)
    return (tag_of(code, script_of(text)), share * (1.0 if reliable else GUESS)) if code else (UNKNOWN, 0.0)


def _bins(text: str) -> Iterator[int]:
    for word in _WORD.findall(text.lower()):
        edged = f" {word} "
        for n in _LENGTHS:
            for k in range(len(edged) - n + 1):
                yield crc32(edged[k : k + n].encode("utf-8", "surrogatepass")) % _BINS
