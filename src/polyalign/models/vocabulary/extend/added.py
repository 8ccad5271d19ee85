"""Tokens added outside a tokenizer's model."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from polyalign.core.errors import DataError
from polyalign.core.progress import note
from polyalign.models.vocabulary.extend.words import lettered, stretches
from polyalign.models.vocabulary.pieces import pieces_of


@dataclass(frozen=True, slots=True)
class Added:
    """Add whole tokens outside the model, as transformers' ``add_tokens`` does: right for special tokens, wrong for words.

    Text is searched for added tokens before anything else, so that one is found inside longer words too (``and`` in
    ``band``), the word falls apart around it, and the space before it is a piece of its own. For a language use
    `models.extend/bpe` or `models.extend/unigram`; this is here for marks such as those of a chat, and to be compared with.

    Args:
        tokens: The tokens to add, such as ``["<|roh|>"]``; if there are none, the words of the text that cost most.
        pieces: How many words; fewer if the text has no more, which is said.
        minimum_count: Least count of a word.
        special: Whether they are special tokens, that decoding may skip.

    Raises:
        ValueError: A parameter out of range, or an empty token.

    References: rust2021how
    """

    tokens: tuple[str, ...] = ()
    pieces: int = 2000
    minimum_count: int = 10
    special: bool = False

    def __post_init__(self) -> None:
        for name in ("pieces", "minimum_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if "" in self.tokens:
            raise ValueError("tokens has an empty one; leave it out")

    def fit(self, tokenizer: Any, texts: Iterable[str] = ()) -> Any:
        """Add tokens.

        Args:
            tokenizer: The base, a fast tokenizer of transformers; it stays as it is.
            texts: Text of the new language, if words are to be found.

        Returns:
            A tokenizer whose first pieces are the base's, with their ids.

        Raises:
            DataError: No token to add.
        """
        wanted = list(self.tokens) or self._words(tokenizer, texts)
        if not wanted:
            raise DataError(
                f"models.extend/added: found no word that occurs {self.minimum_count} times and is several pieces, expected some; "
                "name tokens or give more text"
            )
        out = copy.deepcopy(tokenizer)
        count = out.add_tokens(wanted, special_tokens=self.special)
        asked = len(self.tokens) or self.pieces
        if count < asked:
            note(
                f"models.extend/added: {count:,} new tokens of the {asked:,} asked for; others are there already or do not occur often enough"
            )
        return out

    def _words(self, tokenizer: Any, texts: Iterable[str]) -> list[str]:
        found, counts = stretches(texts)
        base = pieces_of(tokenizer)
        cost: dict[str, int] = {}
        for word, count in zip(found, counts.tolist(), strict=True):
            if word and count >= self.minimum_count and lettered(word):
                cost[word] = count * (len(base.segment(b" " + word.encode())) - 1)
        ranked = sorted((w for w, c in cost.items() if c > 0), key=lambda w: (-cost[w], w))
        return ranked[: self.pieces]
