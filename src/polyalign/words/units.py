"""How an aligner sees words: whole, cut short, or in the pieces of a subword tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, U16
from polyalign.core.ragged import Ragged, gather, offsets
from polyalign.kernels.pool import pool
from polyalign.words import subwords

#: Units of one sentence, which are counted in 16 bits.
MOST_UNITS = 65_535
_CUT = re.compile(r"full|(prefix|suffix)-([1-9]\d*)")
_SUBWORDS = re.compile(r"(bpe|unigram)-([1-9]\d*)|tokenizer:(.+)")


def check_granularity(name: str) -> None:
    """Refuse a name that is no granularity.

    Raises:
        ValueError: None of ``full``, ``prefix-N``, ``suffix-N``, ``bpe-N``, ``unigram-N`` and ``tokenizer:PATH``.
    """
    if _CUT.fullmatch(name) is None and not has_pieces(name):
        raise ValueError(
            "granularities must be 'full', 'prefix-N' such as 'prefix-5', 'suffix-N', 'bpe-N' or 'unigram-N' "
            f"such as 'bpe-2000', or 'tokenizer:PATH', got {name!r}"
        )


def has_pieces(granularity: str) -> bool:
    """Whether words have several units: those of a subword tokenizer.

    Example:
        >>> has_pieces("bpe-2000"), has_pieces("prefix-5")
        (True, False)
    """
    return _SUBWORDS.fullmatch(granularity) is not None


def cut(word: str, granularity: str) -> str:
    """A word as a granularity of one unit a word sees it.

    Example:
        >>> cut("haeuser", "full"), cut("haeuser", "prefix-4"), cut("haeuser", "suffix-3")
        ('haeuser', 'haeu', 'ser')
    """
    if granularity == "full":
        return word
    kind, _, length = granularity.partition("-")
    return word[: int(length)] if kind == "prefix" else word[-int(length) :]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One side of a bitext in units.

    Args:
        text: The units of every sentence.
        owner: Position in its sentence of the word that each unit is a piece of, shape (units,); None where units
            are words.
    """

    text: Ragged
    owner: U16 | None


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """One side's words as a granularity sees them.

    Args:
        granularity: Which.
        names: The units, NULL first; a piece that continues a word is marked by ``##`` before it.
        index: Their numbers.
        pieces: The units of each word.
        share: Relative frequency of each unit and, last, of an unknown one; add-one smoothed.
        tokenizer: The subword tokenizer as the text of a ``tokenizer.json``; empty where words have one unit.
    """

    granularity: str
    names: tuple[str, ...]
    index: dict[str, int]
    pieces: Ragged
    share: F32
    tokenizer: str = ""

    @classmethod
    def build(cls, words: Sequence[str], frequency: I64, granularity: str, tokenizer: str = "") -> Units:
        """The units of words.

        A subword tokenizer is trained on the words as often as they occur, or read, unless one is given. The same
        words give the same tokenizer. Each word is tokenized by itself, once; one that the tokenizer cannot spell
        is a unit of its own.

        Args:
            words: The words, NULL first.
            frequency: How often each occurs.
            granularity: How they are seen.
            tokenizer: That of units built before, to see words as these do.

        Raises:
            MissingExtraError: For subwords, if the library that trains and applies them is not installed.
            DataError: A tokenizer that cannot be read.
        """
        index = {"": 0}
        if not has_pieces(granularity):
            of = [index.setdefault(cut(w, granularity), len(index)) for w in words]
            pieces = Ragged(np.asarray(of, np.int32), np.arange(len(of) + 1))
        else:
            tokenizer = tokenizer or _tokenizer(words, frequency, granularity)
            split = [[""], *subwords.split(tokenizer, words[1:])]
            pieces = Ragged.from_lists([[index.setdefault(name, len(index)) for name in names] for names in split])
        counts = np.bincount(pieces.values, np.repeat(frequency, pieces.lengths), len(index) + 1) + 1.0
        return cls(granularity, tuple(index), index, pieces, (counts / counts.sum()).astype(np.float32), tokenizer)

    def split(self, words: Sequence[str]) -> list[list[int]]:
        """The units of any words; an unknown unit is ``len(names)``."""
        if not self.tokenizer:
            names = [[cut(w, self.granularity)] for w in words]
        else:
            names = subwords.split(self.tokenizer, words)
        return [[self.index.get(name, len(self.names)) for name in word] for word in names]

    def see(self, text: Ragged, fresh: Sequence[str] = ()) -> View:
        """Sentences in units instead of words.

        Args:
            text: Words of every sentence, numbered as in `build`.
            fresh: Words numbered on from those; a unit that none of the words in `build` had is ``len(names)``.

        Raises:
            DataError: A sentence has more than 65,535 units.

        Complexity:
            O(units of the text), however many words there are.
        """
        if self.granularity == "full" and not fresh:
            # The words themselves, numbered alike: nothing to copy.
            return View(text, None)
        n = len(self.pieces)
        if not fresh:
            values, lengths = _pick(self.pieces, text.values)
        else:
            known = text.values < n
            more = Ragged.from_lists(self.split(fresh))
            parts = _pick(self.pieces, text.values[known]), _pick(more, text.values[~known] - n)
            lengths = np.empty(len(text.values), np.int64)
            lengths[known], lengths[~known] = parts[0][1], parts[1][1]
            of_known = np.repeat(known, lengths)
            values = np.empty(len(of_known), np.int32)
            values[of_known], values[~of_known] = parts[0][0], parts[1][0]
        if not self.tokenizer:
            return View(Ragged(values, text.offsets), None)
        ends = offsets(lengths)[text.offsets]
        longest = int(np.diff(ends).max(initial=0))
        if longest > MOST_UNITS:
            raise DataError(
                f"words.align: the sentence of row {int(np.diff(ends).argmax())} has {longest:,} units of granularity "
                f"{self.granularity}, expected at most {MOST_UNITS:,}; split it, or remove it with a filter on length"
            )
        place = np.arange(len(text.values)) - np.repeat(text.offsets[:-1], text.lengths)
        return View(Ragged(values, ends), np.repeat(place.astype(np.uint16), lengths))


def _pick(pieces: Ragged, words: I32) -> tuple[I32, I64]:
    # The units of words end to end, and how many each has.
    if len(pieces.values) == len(pieces):
        return pieces.values[words], np.ones(len(words), np.int64)
    at, begin = gather(pieces.offsets, words.astype(np.int64))
    return pieces.values[at], np.diff(begin)


def _tokenizer(words: Sequence[str], frequency: I64, granularity: str) -> str:
    match = _SUBWORDS.fullmatch(granularity)
    assert match is not None, "has_pieces was asked before"
    kind, size, path = match.groups()
    return subwords.read(path) if path else subwords.train(words[1:], frequency[1:], kind=kind, size=int(size))


def to_words(cells: I64, src: U16, tgt: U16, p: U16, src_view: View, tgt_view: View) -> tuple[I64, U16, U16, U16]:
    """Posteriors between units as posteriors between words.

    With f a piece of target word j and e a piece of source word i,

        forward(i, j) = mean over f of sum over e of forward(e, f)
        backward(i, j) = mean over e of sum over f of backward(e, f)

    so that what the posteriors of a word add up to stays at most what those of its pieces do.

    Args:
        cells: Where each sentence pair's cells begin, and the end, shape (n + 1,).
        src: Source unit's position of each cell, sorted by (src, tgt) in each sentence pair, shape (c,).
        tgt: Target unit's position.
        p: Forward and backward posterior in fixed point, shape (2, c).
        src_view: The source sentences that the positions are in.
        tgt_view: The target sentences.

    Returns:
        The same of words, sorted likewise.
    """
    if src_view.owner is None and tgt_view.owner is None:
        return cells, src, tgt, p
    sides = (src_view.text.offsets, _owner(src_view)), (tgt_view.text.offsets, _owner(tgt_view))
    return pool(cells, src, tgt, p, *sides[0], *sides[1])


def _owner(view: View) -> U16:
    if view.owner is not None:
        return view.owner
    starts = np.repeat(view.text.offsets[:-1], view.text.lengths)
    return (np.arange(len(view.text.values)) - starts).astype(np.uint16)
