"""Vectors of the words of a text, from the vectors an encoder gives its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.jit import F32, I32, I64
from polyalign.core.ragged import offsets
from polyalign.encoders.encoder import Encoder, Tokens

#: What is compared: words, or the pieces that the encoder splits them into.
Level = Literal["word", "subword"]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of one side of n sentence pairs, of words or of pieces of words.

    Args:
        rows: One vector a word, or a piece, shape (t, d); zeros for a word that the encoder has no piece of.
        offsets: First row of each sentence, shape (n + 1,).
        word: Which word of its sentence a row is of, shape (t,); rising within a sentence.
        words: How many words each sentence has, shape (n,).
    """

    rows: F32
    offsets: I64
    word: I32
    words: I32

    def __len__(self) -> int:
        return len(self.words)


def word_vectors(
    encoder: Encoder, bitext: Bitext, side: Side, level: Level = "word", layers: Sequence[int] | None = None
) -> list[Vectors]:
    """The vectors of one side's words, in some layers of an encoder.

    A text is read as it stands if the bitext knows where its words are, else its words with a space between them. A
    word's vector is the mean over its pieces; a piece that reaches into several words belongs to each.

    Args:
        encoder: An encoder with vectors of tokens.
        bitext: n sentence pairs.
        side: Which side.
        level: ``subword`` for one row a piece of a word.
        layers: Which layers; None for the encoder's own.

    Returns:
        The vectors in each layer, or in the one.
    """
    texts, starts, ends, counts = word_places(bitext, side)
    tokens = [encoder.tokens(texts)] if layers is None else encoder.tokens_at(texts, layers)
    piece, word = word_pieces(tokens[0], texts, starts, ends, counts)
    first = offsets(counts)
    sentence = np.searchsorted(first, word, "right") - 1
    if level == "subword":
        bounds = np.searchsorted(sentence, np.arange(len(texts) + 1))
        inner = (word - first[sentence]).astype(np.int32)
        return [Vectors(t.vectors[piece], bounds.astype(np.int64), inner, counts.astype(np.int32)) for t in tokens]
    inner = (np.arange(first[-1]) - np.repeat(first[:-1], counts)).astype(np.int32)
    total = np.bincount(word, minlength=int(first[-1]))
    begin = np.concatenate([[0], np.cumsum(total)])[:-1]
    some = total > 0
    out = []
    for t in tokens:
        rows = np.zeros((len(total), t.vectors.shape[1]), np.float32)
        if some.any():
            rows[some] = np.add.reduceat(t.vectors[piece], begin[some], axis=0) / total[some, None]
        out.append(Vectors(rows, first, inner, counts.astype(np.int32)))
    return out


def word_places(bitext: Bitext, side: Side) -> tuple[list[str], I64, I64, I64]:
    """The texts, where the words of all begin and end in them, and how many each has."""
    texts = bitext.column(side)
    if f"{side}_spans" in bitext.table.column_names:
        spans = bitext.column(f"{side}_spans")
        flat = np.array([x for s in spans for x in s], np.int64).reshape(-1, 2)
        return texts, flat[:, 0], flat[:, 1], np.array([len(s) // 2 for s in spans], np.int64)
    words = bitext.tokens(side)
    counts = np.array([len(w) for w in words], np.int64)
    lengths = np.array([len(x) for w in words for x in w], np.int64)
    ends = np.cumsum(lengths + 1) - 1
    # Each sentence begins at 0 again.
    bounds = offsets(counts)
    base = np.concatenate([[0], ends + 1])[bounds[:-1]]
    ends = ends - np.repeat(base, counts)
    return [" ".join(w) for w in words], ends - lengths, ends, counts


def word_pieces(tokens: Tokens, texts: Sequence[str], starts: I64, ends: I64, counts: I64) -> tuple[I64, I64]:
    """Which pieces are of which words, words counted through all sentences; by word, then by piece."""
    # All sentences on one line, one character apart.
    base = offsets([len(t) + 1 for t in texts])[:-1]
    of_words, of_pieces = np.repeat(base, counts), np.repeat(base, np.diff(tokens.offsets))
    first = np.searchsorted(ends + of_words, tokens.spans[:, 0] + of_pieces, "right")
    last = np.searchsorted(starts + of_words, tokens.spans[:, 1] + of_pieces, "left")
    many = np.maximum(last - first, 0)
    piece = np.repeat(np.arange(len(many)), many)
    word = np.repeat(first, many) + np.arange(len(piece)) - np.repeat(offsets(many)[:-1], many)
    return piece, word
