"""Sentence pairs as one text, with some of it hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data
from polyalign.models.training.objectives.rows import masked_only
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Batch, Reader

#: Side of a position that is padding.
NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Joined(Batch):
    """Pairs as one text each, ``before x after y after``.

    Args:
        side: 0 for the source with the marks around it, 1 for the target and the mark after it, -1 for padding, shape
            (b, t).
    """

    side: Any

    def where(self, side: int) -> Any:
        """Which positions are tokens of a side's text, marks aside, shape (b, t)."""
        return (self.side == side) & (self.own > 0)

    def hidden(self, which: Any, token: int) -> Joined:
        """With a token instead of those at some positions, shape (b, t)."""
        return replace(self, tokens=self.tokens.masked_fill(which, token))


def joined(reader: Reader, src: Sequence[Sequence[int]], tgt: Sequence[Sequence[int]]) -> Joined:
    """Join the tokens of some sentences with those of their translations."""
    import torch

    before, after = reader.before, reader.after
    rows = [[*x, *after, *y] for x, y in zip(src, tgt, strict=True)]
    batch = reader.batch(rows)
    side = torch.full_like(batch.tokens, NONE)
    own = batch.own.clone()
    for k, (x, y) in enumerate(zip(src, tgt, strict=True)):
        middle = len(before) + len(x)
        own[k, middle : middle + len(after)] = 0
        side[k, : middle + len(after)] = 0
        side[k, middle + len(after) : middle + 2 * len(after) + len(y)] = 1
    return Joined(batch.tokens, batch.mask, own, side)


@dataclass(frozen=True, slots=True, eq=False)
class JoinedPairs:
    """Sentence pairs as one text each, for any step, of a model that can be shown them with some of it hidden.

    Args:
        reader: What reads them.
        pairs: The pairs.
        room: Most tokens of either sentence.
        token: The token that hides others.
    """

    reader: Reader
    pairs: Pairs
    room: int
    token: int

    @classmethod
    def read(
        cls, made: LanguageModel, data: Data, name: str, *, batch: int, length: int, seed: int, layer: int | None = None
    ) -> JoinedPairs:
        """The pairs of all bitexts, whose states of a layer are wanted.

        Raises:
            ConfigError: The model is a causal one, has no mask token or no such layer, or there is no room for two sentences.
            DataError: Fewer than two pairs with text on both sides.
        """
        token = mask_token(made, name)
        reader = Reader.of(made, length, name, layer=layer)
        return cls(reader, Pairs.read(data, batch=batch, seed=seed, name=name), room_of(reader), token)

    def __call__(self, step: int) -> Joined:
        """The pairs of a step."""
        sides = ([x for x, _ in self.reader.placed(side, room=self.room)] for side in self.pairs.texts(step))
        return joined(self.reader, *sides)


def room_of(reader: Reader) -> int:
    """Most tokens of either sentence of a pair that is read as one text.

    Raises:
        ConfigError: None.
    """
    room = (reader.length - len(reader.before) - 2 * len(reader.after)) // 2
    if room < 1:
        raise ConfigError(
            f"{reader.name}: length = {reader.length} leaves no room for two sentences with their marks, expected more; raise length"
        )
    return room


def mask_token(made: LanguageModel, objective: str) -> int:
    """The token that hides others.

    Raises:
        ConfigError: The model is no masked one, or its tokenizer has no mask.
    """
    masked_only(made, objective)
    return int(made.tokenizer.mask_token_id)


def chosen(where: Any, share: float, random: np.random.Generator) -> Any:
    """Some positions of each row, by chance, one at least where there is one, shape (b, t).

    Args:
        where: Positions to choose from, shape (b, t).
        share: Share of them.
        random: Chance.
    """
    import torch

    there = where.cpu().numpy()
    out = there & (random.random(there.shape) < share)
    for k in np.flatnonzero(there.any(axis=1) & ~out.any(axis=1)):
        out[k, random.choice(np.flatnonzero(there[k]))] = True
    return torch.from_numpy(out).to(where.device)


def check_share(share: float) -> None:
    """Refuse what is no share.

    Raises:
        ValueError: It is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
