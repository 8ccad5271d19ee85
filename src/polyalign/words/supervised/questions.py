"""Questions to a sentence pair: one word of a side is marked, and the other side is asked for its counterparts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, I64, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import gather
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.torch_run import overlapping, owners
from polyalign.words.similarity.neutral import Neutral
from polyalign.words.similarity.vectors import Vectors, word_vectors

#: How far below 0 a prior goes: of words that are nothing to each other, it says no more than that.
FLOOR = -12.0


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A question as far as it is read at once.

    Args:
        pair: Sentence pair.
        side: Side of the marked word: 0 source, 1 target.
        word: The marked word.
        own: First piece of the word's own side that is read, and the one after the last.
        other: Likewise of the other side.
        mine: Which pieces of the other side take their answer from this window, shape (m,).
    """

    pair: int
    side: int
    word: int
    own: tuple[int, int]
    other: tuple[int, int]
    mine: Mask

    @property
    def size(self) -> int:
        """Pieces."""
        return self.own[1] - self.own[0] + self.other[1] - self.other[0]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows side by side: the other side's pieces, then the marked word with what is read around it.

    Args:
        states: What the encoder says of each piece, shape (b, t, d).
        there: Which are pieces, not padding, shape (b, t).
        marked: Which are of the marked word.
        asked: Which are of the other side.
        first: Which of those a word begins with.
        last: Which a word ends with.
        prior: How probable each is by similarity alone, as log odds, or 0.
        answer: 1 for pieces of words that are linked with the marked one, 0 for others, -1 for what is not known.
    """

    states: F32
    there: Mask
    marked: Mask
    asked: Mask
    first: Mask
    last: Mask
    prior: F32
    answer: F32


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """n sentence pairs as an encoder reads them, each side for itself.

    Args:
        sides: Pieces of the source and of the target sentences.
        neutral: What is taken out of vectors before words are compared; None for no prior.
        temperature: What cosines are divided by.
    """

    sides: tuple[Vectors, Vectors]
    neutral: Neutral | None
    temperature: float

    @classmethod
    def of(cls, encoder: Encoder, bitext: Bitext, neutral: Neutral | None, temperature: float) -> Reading:
        """Read a bitext."""
        src, tgt = (word_vectors(encoder, bitext, side, "subword")[0] for side in ("src", "tgt"))  # type: Vectors, Vectors
        return cls((src, tgt), neutral, temperature)

    def __len__(self) -> int:
        return len(self.sides[0])

    def take(self, rows: I64) -> Reading:
        """Some of the sentence pairs, in that order."""
        src, tgt = (_take(v, rows) for v in self.sides)
        return Reading((src, tgt), self.neutral, self.temperature)

    def windows(self, pair: int, size: int, context: int | None) -> list[Window]:
        """All questions about a sentence pair, in as many windows as they need.

        Args:
            pair: Which.
            size: Most pieces of a window.
            context: Pieces that are read before and after the marked word; None for its whole sentence.
        """
        out = []
        for side in (0, 1):
            words = self.words(pair, side)
            other = len(self.words(pair, 1 - side))
            starts = np.flatnonzero(np.diff(words, prepend=-1))
            if not other or not len(words):
                continue
            for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(words)], strict=True):
                own = _around(start, end, len(words), context, max(size // 2, size - other))
                bounds = overlapping(other, size - own[1] + own[0])
                owner = owners(other, bounds, causal=False)
                word = int(words[start])
                out += [Window(pair, side, word, own, (a, b), owner[a:b] == w) for w, (a, b) in enumerate(bounds)]
        return out

    def words(self, pair: int, side: int) -> I64:
        """Which word each piece of a sentence is of, shape (t,)."""
        v = self.sides[side]
        return v.word[v.offsets[pair] : v.offsets[pair + 1]].astype(np.int64)

    def prior(self, pair: int) -> F32:
        """How probable each link is by similarity alone, as log odds.

        With f and b the softmax of ``cos / temperature`` over the source and over the target words, the log of
        ``2 sqrt(f b)``: 0 where their geometric mean is 1/2.

        Returns:
            Shape (n, m), n and m being the words; 0 everywhere where there is no prior.
        """
        n, m = (int(v.words[pair]) for v in self.sides)
        if self.neutral is None:
            return np.zeros((n, m), np.float32)
        x, y = (self._rows(pair, side) for side in (0, 1))
        z = x @ y.T / np.float32(self.temperature)
        z -= z.max(initial=0)
        log = z * 2
        with np.errstate(divide="ignore"):
            log -= np.log(np.exp(z).sum(axis=0, keepdims=True))
            log -= np.log(np.exp(z).sum(axis=1, keepdims=True))
        return np.asarray(np.maximum(log / 2 + np.log(2), FLOOR), np.float32)

    def _rows(self, pair: int, side: int) -> F32:
        """Unit vectors of words, made neutral of their language."""
        v = self.sides[side]
        words = self.words(pair, side)
        rows = np.zeros((int(v.words[pair]), v.rows.shape[1]), np.float32)
        if not len(words):
            return rows
        starts = np.flatnonzero(np.diff(words, prepend=-1))
        sums = np.add.reduceat(v.rows[v.offsets[pair] : v.offsets[pair + 1]], starts, axis=0)
        assert self.neutral is not None
        rows[words[starts]] = self.neutral(
            (sums / np.diff(starts, append=len(words))[:, None]).astype(np.float32), side
        )
        return rows

    def batch(self, windows: Sequence[Window], priors: dict[int, F32], answers: dict[int, F32] | None = None) -> Batch:
        """Windows as arrays.

        Args:
            windows: Which.
            priors: `prior` of each sentence pair.
            answers: Of each sentence pair, shape (n, m): as `Batch.answer`.
        """
        shape = len(windows), max(w.size for w in windows)
        states = np.zeros((*shape, self.sides[0].rows.shape[1]), np.float32)
        there, marked, asked, first, last = (np.zeros(shape, np.bool_) for _ in range(5))
        prior, answer = np.zeros(shape, np.float32), np.full(shape, -1, np.float32)
        for k, w in enumerate(windows):
            own, other = self.sides[w.side], self.sides[1 - w.side]
            a, b = (int(v.offsets[w.pair]) for v in (own, other))
            m = w.other[1] - w.other[0]
            states[k, :m] = other.rows[b + w.other[0] : b + w.other[1]]
            states[k, m : w.size] = own.rows[a + w.own[0] : a + w.own[1]]
            there[k, : w.size] = asked[k, :m] = True
            marked[k, m : w.size] = own.word[a + w.own[0] : a + w.own[1]] == w.word
            words = other.word[b + w.other[0] : b + w.other[1]]
            edge = np.flatnonzero(np.diff(words))
            first[k, [0, *edge + 1]] = last[k, [*edge, m - 1]] = True
            prior[k, :m] = (priors[w.pair] if w.side == 0 else priors[w.pair].T)[w.word][words]
            if answers is not None:
                answer[k, :m] = (answers[w.pair] if w.side == 0 else answers[w.pair].T)[w.word][words]
        return Batch(states, there, marked, asked, first, last, prior, answer)


def answers_of(reading: Reading, links: Links, least: float) -> dict[int, F32]:
    """What is known of the words of each sentence pair: 1 linked, 0 not, -1 not known, shape (n, m).

    Args:
        reading: The sentence pairs.
        links: Of each. Possible links, and those whose probability is below `least`, are neither links nor none.
        least: Least probability.
    """
    sure = np.ones(len(links.src), np.bool_) if links.sure is None else links.sure.copy()
    if links.prob is not None:
        sure &= links.prob >= np.float32(least)
    out = {}
    for k in range(len(reading)):
        at = slice(int(links.offsets[k]), int(links.offsets[k + 1]))
        known = np.zeros([int(v.words[k]) for v in reading.sides], np.float32)
        known[links.src[at], links.tgt[at]] = np.where(sure[at], 1, -1)
        out[k] = known
    return out


def _take(v: Vectors, rows: I64) -> Vectors:
    at, begin = gather(v.offsets, rows)
    return Vectors(v.rows[at], begin, v.word[at], v.words[rows])


def _around(start: int, end: int, pieces: int, context: int | None, room: int) -> tuple[int, int]:
    """What is read of the marked word's side; of a word of more pieces than there is room, those in the middle."""
    if end - start >= room:
        start = (start + end - room) // 2
        return start, start + room
    a, b = (0, pieces) if context is None else (max(0, start - context), min(pieces, end + context))
    if b - a <= room:
        return a, b
    a = min(max(a, (start + end - room) // 2), b - room)
    return a, a + room
