"""Vocabulary extension of a unigram tokenizer: expectation-maximisation over base pieces and candidates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F64, I32, I64
from polyalign.core.progress import note
from polyalign.core.ragged import offsets
from polyalign.kernels.merges import Symbols, learn_merges, text_hashes
from polyalign.kernels.unigram import Lattice, best_scores, expected_counts, piece_table
from polyalign.models.vocabulary.extend.words import lettered, stretches
from polyalign.models.vocabulary.pieces import SPACE, Pieces, pieces_of, rebuilt

_SPACES = re.compile(rf"[\s{SPACE}]+")
#: What an unknown character costs beyond the least probable piece, as in SentencePiece.
_UNKNOWN = 10.0


@dataclass(frozen=True, slots=True)
class Unigram:
    """Extend a unigram tokenizer (XLM-R, T5, e5) by pieces that make the new language's text more probable.

    A text's segmentation is the one with the highest ``sum_i log p(piece_i)``. The base's log probabilities stay as they are.
    Candidates are the pieces that byte-pair encoding makes of the text; theirs are learnt by expectation-maximisation over
    all segmentations into base pieces and candidates, on one scale with the base's: ``log p = log(share c / N)``, where c is
    how often the piece is expected in the text and N how many pieces the text has, as if the text were that share of what the
    base was trained on. Then those go without which the text loses least,
    ``c (log p(piece) - max over other segmentations of it)``, a part at a time, until as many are left as asked for. A piece
    that is less probable than its best other segmentation is one the tokenizer would never make; there is none.

    **Differs:** the paper learns all pieces, from all frequent substrings, and their probabilities by maximum likelihood.

    Args:
        pieces: How many pieces to add; fewer if the text has no more, which is said.
        minimum_count: Least count of a candidate.
        longest: Most characters of a piece, its space included.
        share: Of the new language in what the pieces' probabilities are said of; the lower, the less text of other
            languages changes, and the fewer long pieces are used.
        candidates: How many times as many candidates as pieces.
        iterations: Of expectation-maximisation before each time that candidates go.
        shrink: Share of the candidates that is kept each time.
        digits: Whether new pieces may have digits.
        punctuation: Whether new pieces may have punctuation and symbols.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(letters of the distinct words * longest) an iteration.

    References: kudo2018subword, sennrich2016neural
    """

    pieces: int = 2000
    minimum_count: int = 10
    longest: int = 16
    share: float = 0.1
    candidates: float = 3.0
    iterations: int = 2
    shrink: float = 0.75
    digits: bool = False
    punctuation: bool = False

    def __post_init__(self) -> None:
        for name in ("pieces", "minimum_count", "candidates", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.longest < 2:
            raise ValueError(f"longest must be at least 2, got {self.longest}")
        for name in ("share", "shrink"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")

    def fit(self, tokenizer: Any, texts: Iterable[str]) -> Any:
        """Learn pieces from texts.

        Args:
            tokenizer: The base, a fast Unigram tokenizer of transformers; it stays as it is.
            texts: Text of the new language.

        Returns:
            A tokenizer whose first pieces are the base's, with their ids.

        Raises:
            ConfigError: The tokenizer is of another kind.
            DataError: No word in the texts.
        """
        base = pieces_of(tokenizer)
        if base.model != "Unigram":
            name = tokenizer.name_or_path or "tokenizer"
            raise ConfigError(
                f"{name}: its model is {base.model}, expected Unigram; use models.extend/bpe for BPE, else models.extend/added"
            )
        words = _words(base, *stretches(texts))
        if not words:
            raise DataError(
                "models.extend/unigram: found no word in the texts, expected some; check that the text is not empty"
            )
        known = {text for text in base.texts if text}
        found = [t for t in self._candidates(words) if t not in known]
        kept, scores = self._chosen(base, words, found)
        if len(kept) < self.pieces:
            note(
                f"models.extend/unigram: {len(kept):,} new pieces of the {self.pieces:,} asked for; no other is probable enough"
            )
        return rebuilt(tokenizer, _with_pieces(base, kept, scores))

    def _candidates(self, words: dict[str, int]) -> list[str]:
        """Pieces that byte-pair encoding makes of the words' characters, and the characters that occur often enough."""
        texts, counts = list(words), np.asarray(list(words.values()), np.int64)
        values, starts = _letters(texts)
        letters, ids = np.unique(values, return_inverse=True)
        total = np.zeros(len(letters), np.int64)
        np.add.at(total, ids, np.repeat(counts, np.diff(starts)))
        characters = [chr(c) for c in letters]
        joins = [c == SPACE or lettered(c) or (self.digits if c.isnumeric() else self.punctuation) for c in characters]
        wanted, size = int(self.candidates * self.pieces), len(letters)
        hashes, powers = text_hashes(letters.astype(np.int32), np.arange(size + 1, dtype=np.int64))
        more = np.zeros(wanted, np.uint64)
        symbols = Symbols(
            np.append(hashes, more), np.append(powers, more), np.ones(size + wanted, np.int32),
            np.asarray([c == SPACE for c in characters] + [False] * wanted), ~np.asarray(joins + [False] * wanted),
        )  # fmt: skip
        none = np.zeros(0, np.int64), np.zeros(0, np.int32)
        learnt = learn_merges(
            ids.astype(np.int32), starts, counts, symbols, *none, size, wanted, self.minimum_count, self.longest
        )
        out = list(characters)
        for a, b, result, _ in learnt.tolist():
            if result == len(out):
                out.append(out[a] + out[b])
        frequent = (total >= self.minimum_count) & np.asarray(joins)
        return [c for c, keep in zip(characters, frequent, strict=True) if keep] + out[size:]

    def _chosen(self, base: Pieces, words: dict[str, int], found: list[str]) -> tuple[list[str], F64]:
        """The candidates that are kept and their log probabilities."""
        vocabulary = base.content["model"]["vocab"]
        size = len(vocabulary)
        values, starts = _letters(list(words))
        counts = np.asarray(list(words.values()), np.int64)
        texts, own = _letters(found)
        hashes = np.append(text_hashes(*_letters([t for t, _ in vocabulary]))[0], text_hashes(texts, own)[0])
        longest = max(self.longest, *(len(t) for t, _ in vocabulary))
        base_scores = np.asarray([s for _, s in vocabulary], np.float64)
        base_scores[base.added[:size]] = -np.inf
        least = float(base_scores[np.isfinite(base_scores)].min())
        scores = np.append(base_scores, np.full(len(found), np.log(self.share / max(1, len(found)))))
        lattice = Lattice(*piece_table(hashes), scores, least - _UNKNOWN, longest)
        alive = np.arange(len(found))
        while True:
            for _ in range(self.iterations):
                expected = expected_counts(values, starts, counts, lattice)
                new = self.share * expected[size:] / expected.sum()
                with np.errstate(divide="ignore"):
                    lattice.scores[size:] = np.where(expected[size:] > 0.5, np.log(new), -np.inf)
            alone = best_scores(texts, own, np.arange(size, size + len(found), dtype=np.int32), lattice)
            gain = np.where(np.isfinite(lattice.scores[size:]), lattice.scores[size:] - alone, -np.inf)
            living = alive[gain[alive] > 0]
            limit = max(self.pieces, int(self.shrink * len(living)))
            ranked = living[np.argsort(-expected[size:][living] * gain[living], kind="stable")]
            settled = len(living) == len(alive) <= self.pieces
            alive = np.sort(ranked[:limit])
            if settled or not len(alive):
                return [found[i] for i in alive], lattice.scores[size:][alive]
            gone = np.ones(len(found), np.bool_)
            gone[alive] = False
            lattice.scores[size:][gone] = -np.inf


def _words(base: Pieces, found: list[str], counts: I64) -> dict[str, int]:
    """The words of stretches between spaces as the tokenizer normalises them, with the mark of a space before each."""
    normalizer = base.tokenizer.backend_tokenizer.normalizer
    words: dict[str, int] = {}
    for text, count in zip(found, counts.tolist(), strict=True):
        for word in _SPACES.split(normalizer.normalize_str(text) if normalizer is not None else text):
            if word:
                words[SPACE + word] = words.get(SPACE + word, 0) + count
    return words


def _letters(texts: list[str]) -> tuple[I32, I64]:
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.int32), offsets(
        [len(t) for t in texts]
    )


def _with_pieces(base: Pieces, texts: list[str], scores: F64) -> dict[str, Any]:
    """The base's tokenizer.json with new pieces, numbered from its last on."""
    model = base.content["model"]
    vocabulary = [list(entry) for entry in model["vocab"]]
    least = min(score for _, score in vocabulary)
    # Tokens outside the model may have numbers beyond its own; they keep them.
    vocabulary += [[text, least] for text in base.texts[len(vocabulary) :]]
    vocabulary += [[text, float(score)] for text, score in zip(texts, scores, strict=True)]
    return {**base.content, "model": {**model, "vocab": vocabulary}}
