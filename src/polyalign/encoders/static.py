"""Static vectors: words or tokens looked up and averaged, with no transformer at run time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
import regex

from polyalign.core.files import PathText
from polyalign.core.jit import F32, I32, I64, frozen
from polyalign.core.progress import Track, note
from polyalign.encoders.encoder import Encoder, Tokens, clean
from polyalign.encoders.model_files import identity, locate
from polyalign.encoders.word_vectors import Subwords, Words, read_vectors
from polyalign.kernels.gather import weighted_mean

_WORD = regex.compile(r"[\p{L}\p{N}\p{M}_]+(?:['’\-][\p{L}\p{N}\p{M}_]+)*|[^\s\p{L}\p{N}\p{M}_]")
_PART = regex.compile(r"[\p{L}\p{N}\p{M}_]+")
#: Scripts that put no spaces between words: a run of them is taken apart into the longest words there are.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
#: Letters of the longest word looked for in such a run.
_LONGEST = 8


@dataclass(frozen=True, slots=True)
class Static(Encoder):
    """Encode with static vectors of words or tokens, averaged: thousands of sentences a second, no transformer.

    A sentence's vector is ``1/n sum_t w_t x_t`` over the n tokens that have one. Rare words say more of a sentence, so a
    word of probability p weighs ``w = a / (a + p)`` (SIF). Its probability is taken from its rank, files being sorted by
    frequency: ``p_r`` proportional to ``1 / (r + 2)``, r from 0, as Zipf has it. Words that are unknown are left out; of
    texts without a known word, whose vectors are zeros, the number is told.

    Runs of scripts without spaces between words are taken apart greedily into the longest known words.

    **Differs:** from SIF in its paper, no principal component is removed: centring per language does about that.

    Args:
        model: A file of word2vec or fastText (.vec, .txt, or word2vec's binary .bin; also packed), the folder of a saved
            space (words.txt, vectors.npy), or of a model2vec model, or that model's name on the Hugging Face hub.
        lowercase: Look words up in lower case only; else as they are, and in lower case those that are not there so.
        weighting: sif weighs words by their rank, mean all alike. A model2vec model brings weights of its own.
        sif: The constant a; the smaller, the less frequent words weigh.

    Raises:
        ValueError: The constant is not above 0.

    References: arora2017simple, mikolov2013efficient, bojanowski2017enriching, minishlab2024model2vec
    """

    model: PathText
    lowercase: bool = False
    weighting: Literal["sif", "mean"] = "sif"
    sif: float = 1e-3

    def __post_init__(self) -> None:
        if not self.sif > 0:
            raise ValueError(f"sif = {self.sif}: a constant above 0, such as 0.001")

    @property
    def key(self) -> str:
        """The file with its size and time, and every setting."""
        return f"static {identity(self.model)} {self.lowercase} {self.weighting} {self.sif}"

    @property
    def dim(self) -> int:
        """As many as the file's vectors have."""
        return int(self._table().vectors.shape[1])

    @property
    def cached(self) -> bool:
        """No: looking words up is as fast as looking texts up."""
        return False

    def vectors(self, texts: Sequence[str]) -> F32:
        """Weighted means of the vectors of known words, shape (n, d)."""
        table = self._table()
        ids, offsets, _ = table.find(texts)
        return weighted_mean(table.vectors, table.weights, ids, offsets)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The weighted vector of each known word or token, and where it is in its text."""
        table = self._table()
        ids, offsets, spans = table.find(texts, spans=True)
        return Tokens(table.vectors[ids] * table.weights[ids, None], offsets, spans)

    def encode_within(self, texts: Sequence[str], progress: Track) -> F32:
        """As any encoder does; and the texts of which no word is known are told."""
        # Zero-argument super() knows nothing of classes with slots.
        out = Encoder.encode_within(self, texts, progress)
        none = sum(bool(texts[i].strip()) for i in np.flatnonzero(~out.any(axis=1)).tolist())
        if none:
            note(f"{self.model}: {none:,} of {len(texts):,} texts have no word that it knows; their vectors are zeros")
        return out

    def _table(self) -> Table:
        return _loaded(self, identity(self.model))


class Table:
    """Vectors and weights of types, and which types a text has.

    Args:
        held: What was read.
        weights: One a row of words; those of a model2vec model are its own.
        lowercase: Whether words are looked up in lower case only.
    """

    def __init__(self, held: Words | Subwords, weights: F32, *, lowercase: bool) -> None:
        self.held, self.lowercase = held, lowercase
        self.weights: F32 = frozen(weights, np.float32)
        self.vectors: F32 = frozen(held.vectors, np.float32)
        self._rows = _Rows(self)

    def find(self, texts: Sequence[str], *, spans: bool = False) -> tuple[I32, I64, I32]:
        """Types of all tokens of all texts, the first token of each text and the end, and the tokens' spans if asked."""
        ids: list[int] = []
        places: list[tuple[int, int]] = []
        offsets = np.zeros(len(texts) + 1, np.int64)
        if isinstance(self.held, Words) and not spans:
            # The way most texts go; twice as fast as with spans.
            for i, text in enumerate(texts, 1):
                for word in _WORD.findall(text):
                    ids += self._rows[word]
                offsets[i] = len(ids)
            return np.array(ids, np.int32), offsets, np.zeros((0, 2), np.int32)
        found = self._subwords(texts, self.held) if isinstance(self.held, Subwords) else self._words(texts)
        for i, (some, where) in enumerate(found, 1):
            ids += some
            places += where
            offsets[i] = len(ids)
        return np.array(ids, np.int32), offsets, np.array(places, np.int32).reshape(-1, 2)

    def _subwords(self, texts: Sequence[str], held: Subwords) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
        plain = [clean(t) for t in texts]
        low = [t.lower() for t in plain] if self.lowercase else plain
        for coded in held.tokenizer.encode_batch(low, add_special_tokens=False):
            if held.unknown not in coded.ids:
                yield coded.ids, coded.offsets
            else:
                kept = [k for k, x in enumerate(coded.ids) if x != held.unknown]
                yield [coded.ids[k] for k in kept], [coded.offsets[k] for k in kept]

    def _words(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
        for text in texts:
            found = [
                (row, m.start() + a, m.start() + b) for m in _WORD.finditer(text) for row, a, b in self._look(m[0])
            ]
            yield [row for row, _, _ in found], [(a, b) for _, a, b in found]

    def _look(self, word: str) -> list[tuple[int, int, int]]:
        """The rows that a word or its parts have, and where in it."""
        row = self._row(word)
        if row >= 0:
            return [(row, 0, len(word))]
        if _UNSPACED.search(word):
            return list(self._pieces(word))
        # A compound with hyphens or apostrophes that is not known as one.
        each = [(self._row(p[0]), p.start(), p.end()) for p in _PART.finditer(word)]
        return [x for x in each if x[0] >= 0]

    def _row(self, word: str) -> int:
        held = cast(Words, self.held)
        row = -1 if self.lowercase else held.rows.get(word, -1)
        return row if row >= 0 else held.rows.get(word.lower(), -1)

    def _pieces(self, word: str) -> Iterator[tuple[int, int, int]]:
        at = 0
        while at < len(word):
            row, end = -1, at + 1
            for stop in range(min(len(word), at + _LONGEST), at, -1):
                if (row := self._row(word[at:stop])) >= 0:
                    end = stop
                    yield row, at, end
                    break
            at = end


class _Rows(dict[str, list[int]]):
    """The rows of each word that was looked up, found once."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table

    def __missing__(self, word: str) -> list[int]:
        if len(self) > 1_000_000:
            self.clear()
        rows = self[word] = [row for row, _, _ in self.table._look(word)]
        return rows


@lru_cache(maxsize=2)
def _loaded(encoder: Static, same: str) -> Table:
    """The vectors; ``same`` changes with the file."""
    held = read_vectors(locate(encoder.model))
    if isinstance(held, Subwords):
        # One row a token, so that what is looked up is the tokenizer's id.
        whole = np.array_equal(held.rows, np.arange(len(held.vectors)))
        vectors = held.vectors if whole else held.vectors[held.rows]
        held = Subwords(held.tokenizer, vectors, held.rows, held.weights, held.unknown)
        return Table(held, held.weights, lowercase=encoder.lowercase)
    p = 1 / np.arange(2, len(held.vectors) + 2)
    weights = encoder.sif / (encoder.sif + p / p.sum()) if encoder.weighting == "sif" else np.ones(len(p))
    return Table(held, np.asarray(weights, np.float32), lowercase=encoder.lowercase)
