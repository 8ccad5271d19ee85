"""Static vectors out of a contextual encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from polyalign.core.jit import F64, I32, I64, Mask
from polyalign.core.progress import track
from polyalign.core.ragged import Ragged
from polyalign.core.space import Space
from polyalign.encoders.encoder import Encoder, Tokens
from polyalign.encoders.named import named_encoder
from polyalign.spaces.vectors.counted import count

#: Sentences whose tokens are computed at a time.
BLOCK = 256


@dataclass(frozen=True, slots=True)
class Extract:
    """Take static word vectors out of an encoder: the mean of a word's vectors in the sentences it is in.

    In a sentence a word's vector is the mean of those of its tokens. Sentences are read in order until every word has as
    many contexts as asked for; a sentence none of whose words lacks one is passed over. With no contexts a word is
    encoded alone, as if it were a sentence.

    **Differs:** Bommasani et al. try several poolings; here the mean of both kinds, their best.

    Args:
        encoder: Its name, as `polyalign methods encode` lists them, with settings: `e5:layer=7`.
        contexts: Occurrences that a word's vector is the mean of, at most; 0 encodes the word alone.
        min_count: Occurrences a word needs.
        max_words: Most frequent words that get a vector, 0 for all.
        joiner: What stands between the words of a sentence when the encoder reads it; nothing for Chinese or Thai.

    Raises:
        ValueError: A parameter out of range.

    References: bommasani2020interpreting
    """

    encoder: str = "e5"
    contexts: int = 10
    min_count: int = 5
    max_words: int = 0
    joiner: str = " "

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ValueError(f"min_count must be at least 1, found {self.min_count}")
        for name in ("contexts", "max_words"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")

    def fit(self, sentences: Iterable[Sequence[str]]) -> Space:
        """Vectors of a corpus's words.

        Args:
            sentences: The words of each sentence. Read once, kept as numbers. A list of words, each a sentence of its own,
                with contexts and min_count to match, gives vectors of just these.

        Returns:
            The words, most frequent first, and their vectors.

        Raises:
            ConfigError: No such encoder, or with contexts one that has no vectors of tokens.
            DataError: No word is frequent enough.
            MissingExtraError: What the encoder needs is not installed.

        Complexity: the encoder's, for at most words x contexts sentences.
        """
        encoder = named_encoder(self.encoder)
        text = [list(s) for s in sentences]
        corpus = count(text, min_count=self.min_count, max_words=self.max_words, where="spaces.vectors/extract")
        if self.contexts == 0:
            return Space(corpus.words, encoder.encode(corpus.words, label="extract"))
        rank = {word: row for row, word in enumerate(corpus.words)}
        ids = Ragged.from_lists([[rank.get(w, -1) for w in s] for s in text])
        return Space(corpus.words, np.asarray(self._means(encoder, text, ids, len(corpus.words)), np.float32))

    def _means(self, encoder: Encoder, text: list[list[str]], ids: Ragged, words: int) -> F64:
        sums, seen = np.zeros((words, encoder.dim)), np.zeros(words, np.int64)
        chosen = self.chosen(ids, words)
        with track("extract", total=len(text), unit="sentences") as progress:
            while some := list(islice(chosen, BLOCK)):
                block = [text[k] for k in some]
                tokens = encoder.tokens([self.joiner.join(s) for s in block])
                owner, starts, ends = self._spans(block)
                rows = ids.take(np.asarray(some, np.int64)).values
                vectors, there = word_vectors(tokens, owner, starts, ends)
                there &= rows >= 0
                # Occurrences beyond those asked for count as well where a sentence is read anyway.
                np.add.at(sums, rows[there], vectors[there])
                seen += np.bincount(rows[there], minlength=words)
                progress.advance(some[-1] + 1 - progress.done)
        return sums / np.maximum(seen, 1)[:, None]

    def chosen(self, ids: Ragged, words: int) -> Iterator[int]:
        """The sentences that are read."""
        seen = np.zeros(words, np.int64)
        for number, sentence in enumerate(ids):
            known = sentence[sentence >= 0]
            if len(known) and (seen[known] < self.contexts).any():
                np.add.at(seen, known, 1)
                yield number

    def _spans(self, block: list[list[str]]) -> tuple[I64, I64, I64]:
        lengths = [np.array([len(w) for w in s], np.int64) for s in block]
        ends = [np.cumsum(x + len(self.joiner)) - len(self.joiner) for x in lengths]
        starts = [e - x for e, x in zip(ends, lengths, strict=True)]
        owner = np.repeat(np.arange(len(block)), [len(s) for s in block])
        return owner, np.concatenate(starts), np.concatenate(ends)


def word_vectors(tokens: Tokens, owner: I64, starts: I64 | I32, ends: I64 | I32) -> tuple[F64, Mask]:
    """Vectors of words as means of those of the tokens that overlap them.

    Args:
        tokens: Of n texts.
        owner: The text of each word, shape (w,); words may be in any order.
        starts: Where each word begins in its text, in code points.
        ends: Where it ends.

    Returns:
        Shape (w, d), and which words have a token; a token that reaches over two words counts for both.

    Complexity: O(t d + w d).

    Example:
        >>> places = np.array([[0, 2], [2, 3], [4, 6]], np.int32)
        >>> tokens = Tokens(np.array([[1], [3], [5]], np.float32), np.array([0, 3]), places)
        >>> word_vectors(tokens, np.zeros(2, np.int64), np.array([0, 4]), np.array([3, 6]))[0].tolist()
        [[2.0], [5.0]]
    """
    text = np.repeat(np.arange(len(tokens.offsets) - 1), np.diff(tokens.offsets))
    # One number line for all texts, on which words and tokens lie in order.
    room = max(int(ends.max(initial=0)), int(tokens.spans.max(initial=0))) + 1
    begin, end = text * room + tokens.spans[:, 0], text * room + tokens.spans[:, 1]
    first = np.searchsorted(end, owner * room + starts, "right")
    last = np.searchsorted(begin, owner * room + ends, "left")
    counts = np.maximum(last - first, 0)
    sums = np.zeros((len(tokens.vectors) + 1, tokens.vectors.shape[1]))
    np.cumsum(tokens.vectors, axis=0, dtype=np.float64, out=sums[1:])
    there = counts > 0
    means = np.zeros((len(owner), sums.shape[1]))
    means[there] = (sums[last[there]] - sums[first[there]]) / counts[there, None]
    return means, there
