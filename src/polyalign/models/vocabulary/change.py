"""What a new tokenizer keeps of an old one, and what its new pieces are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.jit import F32, I32, frozen
from polyalign.core.ragged import Ragged
from polyalign.models.vocabulary.pieces import Pieces, pieces_of


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """From an old tokenizer to a new one.

    Args:
        tokenizer: The new tokenizer.
        kept: Old id of each new id, -1 where it stands for something else or for nothing, shape (v',).
        new: Ids of the new tokenizer's pieces that the old one lacks, ascending, shape (k,).
        pieces: What each of those stands for; bytes that are a part of a character are surrogate escapes.
        constituents: Old ids of the pieces that the old tokenizer makes of it; empty if it makes none.

    Raises:
        ValueError: Other numbers of texts or of constituents than of new pieces.
    """

    tokenizer: Any
    kept: I32
    new: I32
    pieces: tuple[str, ...]
    constituents: Ragged

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", frozen(self.kept, np.int32))
        object.__setattr__(self, "new", frozen(self.new, np.int32))
        if not len(self.new) == len(self.pieces) == len(self.constituents):
            raise ValueError(
                f"Change: {len(self.new)} new pieces, {len(self.pieces)} texts and {len(self.constituents)} rows of "
                "constituents; expected as many of each"
            )

    @classmethod
    def between(cls, old: Any, new: Any) -> Change:
        """Compare two fast tokenizers of transformers.

        A piece is kept if the old tokenizer writes it the same. Tokenizers that write their pieces in different ways
        (byte-level, SentencePiece) are compared by the bytes that pieces stand for.

        Raises:
            ConfigError: A tokenizer without pieces.

        Complexity: O(v + v' + letters of new pieces).
        """
        before, after = pieces_of(old), pieces_of(new)
        kept = _kept(before, after)
        there = np.array([bool(text) for text in after.texts], np.bool_)
        fresh = np.flatnonzero(there & (kept < 0)).tolist()
        contents = [after.as_bytes(piece) for piece in fresh]
        return cls(
            new,
            kept,
            np.array(fresh, np.int32),
            tuple(x.decode(errors="surrogateescape") for x in contents),
            Ragged.from_lists([before.segment(x) for x in contents]),
        )

    def placed(self, old: F32, fresh: F32) -> F32:
        """The rows of the new vocabulary: old ones where they are kept, fresh ones for new pieces, else the old ones' mean.

        Args:
            old: Rows of the old vocabulary, shape (v, d).
            fresh: Rows of the new pieces, shape (k, d).

        Returns:
            Shape (v', d).
        """
        out = np.tile(old.mean(axis=0, dtype=np.float64).astype(np.float32), (len(self.kept), 1))
        there = self.kept >= 0
        out[there] = old[self.kept[there]]
        out[self.new] = fresh
        return out


def shared(old: Any, new: Any) -> I32:
    """The id that an old tokenizer has for each piece of a new one, -1 where it has none, shape (v',)."""
    return _kept(pieces_of(old), pieces_of(new))


def _kept(before: Pieces, after: Pieces) -> I32:
    same = before.style == after.style
    there: dict[str | bytes, int] = {}
    for piece, text in enumerate(before.texts):
        if text:
            # Of a byte that is there both as a letter and by its number either will do; the first is taken.
            there.setdefault(_name(before, piece, same), piece)
    found = (there.get(_name(after, piece, same), -1) if text else -1 for piece, text in enumerate(after.texts))
    return np.fromiter(found, np.int32, len(after.texts))


def _name(pieces: Pieces, piece: int, same: bool) -> str | bytes:
    return pieces.texts[piece] if same else pieces.as_bytes(piece)
