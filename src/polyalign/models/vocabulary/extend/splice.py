"""Vocabulary extension by a second tokenizer, whose pieces are spliced in below the base's merges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from polyalign.core.errors import DataError
from polyalign.core.jit import I64
from polyalign.core.progress import note
from polyalign.models.vocabulary.extend.bpe import check, with_merges
from polyalign.models.vocabulary.extend.words import lettered, stretches, whole
from polyalign.models.vocabulary.pieces import BYTE, Pieces, byte_characters, pieces_of, rebuilt
from polyalign.models.vocabulary.reachable import unreachable


@dataclass(frozen=True, slots=True)
class Splice:
    """Extend a BPE tokenizer by the pieces of a second one, trained on the new language alone.

    The second tokenizer is trained from bytes or characters. Its merges cannot just stand below the base's: text that the base
    has begun to merge otherwise never comes to them, and the piece is dead. So each of its pieces that the base lacks is
    segmented with all merges so far, and merges that put those parts together, from the left, are inserted, with what
    pieces they need in between. A piece that is dead all the same is dropped, with its merges, and said.

    **Differs:** splicing as it is usually done takes the second tokenizer's own merges. `models.extend/bpe` learns
    from the base's segmentation instead and needs fewer pieces for as much; this is for pieces that another tokenizer decides.

    Args:
        pieces: How many pieces to add, those in between included; fewer if the second tokenizer has no more, which is said.
        minimum_count: Least count of a pair in training the second tokenizer.
        longest: Most characters of a piece, its space included.
        size: How many times as many pieces the second tokenizer has, of which those that the base lacks are taken in
            order.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(text), and O(k n) for k pieces of n parts.

    References: sennrich2016neural
    """

    pieces: int = 2000
    minimum_count: int = 10
    longest: int = 24
    size: float = 3.0

    def __post_init__(self) -> None:
        for name in ("pieces", "minimum_count", "size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.longest < 2:
            raise ValueError(f"longest must be at least 2, got {self.longest}")

    def fit(self, tokenizer: Any, texts: Iterable[str]) -> Any:
        """Train the second tokenizer on texts and splice its pieces in.

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
                "models.extend/splice: found no word in the texts, expected some; check that the text is not empty"
            )
        wanted = [t for t in self._second(base, found, counts) if t not in base.content["model"]["vocab"]]
        added, pairs = self._spliced(base, wanted)
        out = pieces_of(rebuilt(tokenizer, with_merges(base, added, pairs)))
        gone: set[str] = set()
        while dead := unreachable(out, range(len(base.texts), len(out.texts))):
            # What is made of a dead piece is dead too, or is made in another way.
            gone |= {out.texts[i] for i in dead}
            added = [t for t in added if t not in gone]
            pairs = [(a, b) for a, b in pairs if not {a, b, a + b} & gone]
            out = pieces_of(rebuilt(tokenizer, with_merges(base, added, pairs)))
        if gone or len(added) < self.pieces:
            note(
                f"models.extend/splice: {len(added):,} new pieces of the {self.pieces:,} asked for; {len(gone):,} could never be used and "
                "were dropped"
            )
        return out.tokenizer

    def _second(self, base: Pieces, found: list[str], counts: I64) -> list[str]:
        """The pieces of a tokenizer trained on the stretches alone, with the base's pre-tokenizer, in order of its merges."""
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        backend = Tokenizer.from_str(json.dumps({**base.content, "truncation": None, "padding": None, "added_tokens": [], "model": {
            "type": "BPE", "vocab": {}, "merges": []}, "post_processor": None}))  # fmt: skip
        if base.style == "sentencepiece":
            backend.normalizer = None
            backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        backend.model = models.BPE()
        alphabet = list(byte_characters()) if base.style == "byte-level" else sorted(set("".join(found)))
        trainer = trainers.BpeTrainer(
            vocab_size=len(alphabet) + int(self.size * self.pieces), min_frequency=self.minimum_count, show_progress=False, special_tokens=[],
            initial_alphabet=alphabet if base.style == "byte-level" else [],
        )  # fmt: skip
        normalizer = whole(base).normalizer if base.style == "sentencepiece" else None
        lines = (" " + (t if normalizer is None else normalizer.normalize_str(t)) for t in found)
        # As often as it occurs: the trainer counts texts itself.
        backend.train_from_iterator((t for t, n in zip(lines, counts.tolist(), strict=True) for _ in range(n)), trainer)
        learnt = json.loads(backend.to_str())["model"]
        order = dict.fromkeys(a + b for a, b in learnt["merges"])
        decoder = base.tokenizer.backend_tokenizer.decoder
        shown = [(t, decoder.decode([t]) if base.style == "byte-level" else t.replace(base.space, " ")) for t in order]
        return [
            t
            for t, s in shown
            if len(s) <= self.longest and lettered(s.strip().replace("\ufffd", "")) and not BYTE.fullmatch(t)
        ]

    def _spliced(self, base: Pieces, wanted: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
        """The pieces to add and the merges that make them."""
        backend = base.tokenizer.backend_tokenizer.model
        ranks: dict[tuple[str, str], int] = {}
        added: dict[str, None] = {}
        vocabulary = base.content["model"]["vocab"]
        for text in wanted:
            tokens = [t.value for t in backend.tokenize(text)]
            if "".join(tokens) != text:
                continue  # Bytes of a character that the base lacks.
            symbols = _merged(tokens, ranks)
            through = ["".join(symbols[: k + 1]) for k in range(1, len(symbols))]
            new = [t for t in through if t not in vocabulary and t not in added]
            if len(added) + len(new) > self.pieces:
                continue
            for k, joined in enumerate(through):
                ranks.setdefault((joined[: -len(symbols[k + 1])], symbols[k + 1]), len(ranks))
                if joined not in vocabulary:
                    added.setdefault(joined)
            if len(added) == self.pieces:
                break
        return list(added), list(ranks)


def _merged(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Symbols after the merges, the earliest first."""
    while True:
        found = [(ranks[pair], k) for k, pair in enumerate(zip(symbols, symbols[1:], strict=False)) if pair in ranks]
        if not found:
            return symbols
        k = min(found)[1]
        symbols = [*symbols[:k], symbols[k] + symbols[k + 1], *symbols[k + 2 :]]
