"""Which words vouch for which: identical ones, cognates, a dictionary's and learnt translations.

References: brown1993mathematics
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import F64, I32, I64
from polyalign.core.ragged import offsets
from polyalign.kernels.evidence import Clues
from polyalign.sentences.tokens import tokens

#: Kinds of evidence, and how much of a text each explains before anything is known; chance first.
IDENTICAL, COGNATE, DICTIONARY, LEARNT = range(4)
START = np.array([0.87, 0.04, 0.04, 0.05, 0.0])
#: A number is taken to be no rarer than this, so that line numbers and dates do not rule the alignment.
_NUMBER = 1e-3
#: Stems shared by more word pairs than this say little and cost much.
_CROWDED = 200

#: Words, words of the other side, how much more probable the latter make the former, kind.
Entries = tuple[I64, I64, F64, int]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """For each word of one side the words of the other that make it more probable, v words in all.

    Args:
        at: First match of each word, shape (v + 1,).
        word: The matching word of the other side, shape (k,).
        kind: Kind of evidence.
        ratio: ``P(word | other) / P(word)``.
        weights: Share of the text explained by chance and by each kind, shape (5,), sum 1.
    """

    at: I64
    word: I32
    kind: I32
    ratio: F64
    weights: F64

    @classmethod
    def build(cls, width: int, entries: Sequence[Entries], weights: F64) -> Matches:
        """From entries in any order; `width` is the number of words."""
        word = np.concatenate([e[0] for e in entries])
        other = np.concatenate([e[1] for e in entries])
        ratio = np.concatenate([e[2] for e in entries])
        kind = np.repeat([e[3] for e in entries], [len(e[0]) for e in entries])
        order = np.lexsort((kind, other, word))
        at = np.searchsorted(word[order], np.arange(width + 1)).astype(np.int64)
        return cls(at, other[order].astype(np.int32), kind[order].astype(np.int32), ratio[order], weights)

    def clues(self) -> Clues:
        """Matches that can tell, with their ratios times the weight of their kind."""
        ratio = self.ratio * self.weights[self.kind + 1]
        keep = ratio >= 2.0  # in a sentence of twenty words that is a gain of a tenth
        at = offsets(keep)[self.at]
        return Clues(at, self.word[keep], ratio[keep], self.weights[:1])


def fixed_entries(words: Sequence[str], probs: tuple[F64, F64], letters: int, dictionary: str) -> list[list[Entries]]:
    """Evidence that is there before any alignment, for source words and for target words.

    Args:
        words: All words, by id.
        probs: Unigram probability of each word on either side; 0 where it does not occur.
        letters: Length of the stems that cognates share, 0 for none.
        dictionary: Path of a dictionary, or "".

    Raises:
        DataError: The dictionary is not readable, or a line of it is not an entry.
    """
    number = np.array([w[:1].isdigit() for w in words], np.bool_)
    same = np.flatnonzero((probs[0] > 0) & (probs[1] > 0))
    cognates = _cognates(words, probs, letters) if letters else np.zeros((0, 4))
    known = _dictionary(dictionary, {w: k for k, w in enumerate(words)}) if dictionary else np.zeros((0, 3))
    known = known[(probs[0][known[:, 0].astype(np.int64)] > 0) & (probs[1][known[:, 1].astype(np.int64)] > 0)]
    out: list[list[Entries]] = []
    for side in (0, 1):
        floor = np.where(number[same], _NUMBER, 0.0)
        here, there = known[:, side].astype(np.int64), known[:, 1 - side].astype(np.int64)
        choices = np.bincount(there, minlength=len(words))[there]  # translations of the other word
        out.append(
            [
                (same, same, 1.0 / np.maximum(probs[side][same], floor), IDENTICAL),
                (cognates[:, side].astype(np.int64), cognates[:, 1 - side].astype(np.int64), 1.0 / cognates[:, 2 + side], COGNATE),
                (here, there, known[:, 2] / (choices * probs[side][here]), DICTIONARY),
            ]
        )  # fmt: skip
    return out


def stem(word: str, letters: int) -> str:
    """What cognates share: the first letters without accents; empty for short words and numbers.

    Example:
        >>> stem("h\u00e9ros\u00efques", 4), stem("die", 4), stem("1956", 4)
        ('hero', '', '')
    """
    if len(word) < letters or word[0].isdigit():
        return ""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return word[:letters] if len(word) >= letters else ""


def _cognates(words: Sequence[str], probs: tuple[F64, F64], letters: int) -> F64:
    """Pairs of words with one stem: source id, target id, probability of the stem on either side."""
    groups: dict[str, tuple[list[int], list[int]]] = {}
    for k, word in enumerate(words):
        if key := stem(word, letters):
            group = groups.setdefault(key, ([], []))
            for side in (0, 1):
                if probs[side][k] > 0:
                    group[side].append(k)
    rows: list[tuple[float, float, float, float]] = []
    for src, tgt in groups.values():
        if 0 < len(src) * len(tgt) <= _CROWDED:
            p, q = float(probs[0][src].sum()), float(probs[1][tgt].sum())
            rows += [(s, t, p, q) for s in src for t in tgt]
    return np.array(rows, np.float64).reshape(-1, 4)


def _dictionary(path: str, ids: dict[str, int]) -> F64:
    """Pairs of words of a dictionary that occur in the texts: source id, target id, share of the phrase."""
    rows: list[tuple[float, float, float]] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        src, tab, tgt = line.partition("\t")
        if not tab:
            tgt, tab, src = line.partition(" @ ")
        if not tab:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected 'source<TAB>target' or hunalign's 'target @ source'"
            )
        pair = [[ids[w] for w in tokens(x) if w in ids] for x in (src, tgt)]
        rows += [(s, t, 1.0 / max(len(pair[0]), len(pair[1]))) for s in pair[0] for t in pair[1]]
    return np.array(sorted(set(rows)), np.float64).reshape(-1, 3)
