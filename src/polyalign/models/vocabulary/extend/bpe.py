"""Vocabulary extension by continuing byte-pair encoding from the base segmentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import I32, I64
from polyalign.core.progress import note
from polyalign.core.ragged import offsets
from polyalign.kernels.merges import Symbols, learn_merges, text_hashes
from polyalign.models.vocabulary.extend.words import joins, new_characters, stretches, words_of
from polyalign.models.vocabulary.pieces import Pieces, byte_characters, pieces_of, rebuilt


@dataclass(frozen=True, slots=True)
class BPE:
    """Extend a BPE tokenizer by learning further merges from where its own end.

    Every word of the text is segmented by the base tokenizer; then, again and again, the pair of neighbouring pieces with the
    highest count, ``sum over words of count(word) [pair in word]``, becomes a piece. The new merges stand after the base's, so
    that text is first segmented as before and only then further: each new piece is one that the tokenizer does make, and text
    of the base languages stays as it was but for what happens to have a new piece in it.

    Byte-level tokenizers (GPT-2, Llama 3, SmolLM2) and those of SentencePiece's kind with single bytes for what they do not
    know (Llama 2, Gemma) are extended alike; the latter first get the characters they lack. No merge crosses what the base's
    pre-tokenizer parts, nor a space.

    **Differs:** the paper learns from characters, this from the pieces of another vocabulary. A pair whose text is a piece
    already becomes that piece, which takes a merge and no new piece; the base's merges that this makes possible follow at
    once, as they do in the finished tokenizer.

    Args:
        pieces: How many pieces to add; fewer if the text has no more, which is said.
        minimum_count: Least count of a pair, or of a character.
        longest: Most characters of a piece, its space included.
        digits: Whether new pieces may have digits.
        punctuation: Whether new pieces may have punctuation and symbols.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(text) to count words, then O(k log k) in the pieces of the distinct words.

    References: sennrich2016neural, gage1994new
    """

    pieces: int = 2000
    minimum_count: int = 10
    longest: int = 24
    digits: bool = False
    punctuation: bool = False

    def __post_init__(self) -> None:
        for name in ("pieces", "minimum_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.longest < 2:
            raise ValueError(f"longest must be at least 2, got {self.longest}")

    def fit(self, tokenizer: Any, texts: Iterable[str]) -> Any:
        """Learn pieces from texts.

        Args:
            tokenizer: The base, a fast BPE tokenizer of transformers; it stays as it is.
            texts: Text of the new language.

        Returns:
            A tokenizer whose first pieces are the base's, with their ids.

        Raises:
            ConfigError: The tokenizer is of another kind.
            DataError: No word in the texts.
        """
        base = pieces_of(tokenizer)
        check(base)
        found, counts = stretches(texts)
        if not any(found):
            raise DataError(
                "models.extend/bpe: found no word in the texts, expected some; check that the text is not empty"
            )
        characters = new_characters(base, found, counts, self.minimum_count, punctuation=self.punctuation)[
            : self.pieces
        ]
        if characters:
            base = pieces_of(rebuilt(tokenizer, with_merges(base, characters, [])))
        words = words_of(base, found, counts)
        wanted = self.pieces - len(characters)
        size = len(base.texts)
        learnt = learn_merges(
            words.ids, words.offsets, words.counts, self._symbols(base, wanted), *_merges(base), size, wanted, self.minimum_count, self.longest,
        ) if wanted else np.zeros((0, 4), np.int64)  # fmt: skip
        texts_of, pairs = list(base.texts), []
        for a, b, result, _ in learnt.tolist():
            text = texts_of[a] + texts_of[b]
            if result == len(texts_of):
                texts_of.append(text)
            if texts_of[result] != text:
                raise DataError(
                    f"models.extend/bpe: two pieces have one hash, {text!r} and {texts_of[result]!r}; leave one of them out of the text"
                )
            pairs.append((texts_of[a], texts_of[b]))
        said = len(characters) + len(texts_of) - size
        if said < self.pieces:
            note(
                f"models.extend/bpe: {said:,} new pieces of the {self.pieces:,} asked for; no other pair occurs {self.minimum_count} times"
            )
        return rebuilt(tokenizer, with_merges(base, texts_of[size:], pairs))

    def _symbols(self, base: Pieces, wanted: int) -> Symbols:
        size = len(base.texts)
        room = size + wanted
        values = np.frombuffer("".join(base.texts).encode("utf-32-le"), np.int32)
        starts = offsets([len(t) for t in base.texts])
        hashes, powers = text_hashes(values, starts)
        # Of characters that are written as several bytes, their first counts.
        inside = [c for b, c in enumerate(byte_characters()) if b & 0xC0 == 0x80 and base.style == "byte-level"]
        letters = np.append(0, np.cumsum(~np.isin(values, [ord(c) for c in inside])))
        out = Symbols(
            np.zeros(room, np.uint64),
            np.ones(room, np.uint64),
            np.zeros(room, np.int32),
            np.zeros(room, np.bool_),
            np.ones(room, np.bool_),
        )
        out.hash[:size], out.power[:size] = hashes, powers
        out.length[:size] = letters[starts[1:]] - letters[starts[:-1]]
        out.first[:size] = [t[:1] == base.space for t in base.texts]
        out.alone[:size] = ~joins(base, digits=self.digits, punctuation=self.punctuation)
        return out


def check(base: Pieces) -> None:
    """Refuse a tokenizer whose merges cannot be continued.

    Raises:
        ConfigError: It is no BPE, or one with marks inside words, or with dropout.
    """
    model = base.content["model"]
    name = base.tokenizer.name_or_path or "tokenizer"
    if base.model != "BPE":
        raise ConfigError(
            f"{name}: its model is {base.model}, expected BPE; use models.extend/unigram for Unigram, else models.extend/added"
        )
    odd = [k for k in ("continuing_subword_prefix", "end_of_word_suffix", "dropout") if model.get(k)]
    if odd:
        raise ConfigError(
            f"{name}: its model has {odd[0]} = {model[odd[0]]!r}, expected none; its merges cannot be continued"
        )


def _merges(base: Pieces) -> tuple[I64, I32]:
    vocabulary = base.content["model"]["vocab"]
    pairs = [(vocabulary[a], vocabulary[b], vocabulary[a + b]) for a, b in base.content["model"]["merges"]]
    table = np.asarray(pairs, np.int64).reshape(-1, 3)
    return table[:, 0] << 32 | table[:, 1], table[:, 2].astype(np.int32)


def with_merges(base: Pieces, texts: list[str], pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The base's tokenizer.json with new pieces, numbered from its last on, and merges after its own."""
    model = base.content["model"]
    vocabulary = {**model["vocab"], **{t: len(base.texts) + k for k, t in enumerate(texts)}}
    merges = [*model["merges"], *([a, b] for a, b in pairs)]
    return {**base.content, "model": {**model, "vocab": vocabulary, "merges": merges}}
