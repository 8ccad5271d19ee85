"""Predict what is masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyalign.core.jit import I32
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, masked_only
from polyalign.models.training.packing import SKIP, Packs, Row


@dataclass(frozen=True, slots=True)
class MLM:
    """Predict tokens that are masked, from all others, in documents packed one after the other.

    Of the tokens ``share`` are predicted, ``-mean log p(t_k | the masked row)``; of those ``masked`` are replaced by the
    mask, ``random`` by a token drawn from the vocabulary without its marks, and the rest are left as they are.

    Args:
        share: Share of the tokens that are predicted.
        masked: Share of those that become the mask.
        random: Share of those that become another token.

    Raises:
        ValueError: Shares that are not between 0 and 1.

    References: devlin2019bert
    """

    takes: ClassVar[Takes] = "documents"

    share: float = 0.15
    masked: float = 0.8
    random: float = 0.1

    def __post_init__(self) -> None:
        check_masking(self.share, self.masked, self.random)

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Pack the documents.

        Raises:
            ConfigError: The model is no masked one.
            DataError: No documents.
        """
        masked_only(made, "mlm")
        packs = Packs.read(made, data, batch=batch, length=length, seed=seed)
        hide = Hide.of(made, self.share, self.masked, self.random)

        def rows(step: int) -> Sequence[Row]:
            random = generator(seed, f"mask {step}")
            return [hide(row, random) for row, _ in packs.rows(step)]

        return Rows(made, rows)


def check_masking(share: float, masked: float, random: float) -> None:
    """Refuse shares that are none.

    Raises:
        ValueError: They are not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, got {share}")
    if masked < 0 or random < 0 or masked + random > 1:
        raise ValueError(f"masked and random must be at least 0 and together at most 1, got {masked} and {random}")


@dataclass(frozen=True, slots=True, eq=False)
class Hide:
    """Hides tokens of rows.

    Args:
        mask: The token that hides others.
        pieces: The tokens that are no marks.
        share: Share of the tokens that are predicted, one a row at least.
        masked: Share of those that become the mask.
        random: Share of those that become another token.
    """

    mask: int
    pieces: I32
    share: float
    masked: float
    random: float

    @classmethod
    def of(cls, made: LanguageModel, share: float, masked: float, random: float) -> Hide:
        """With the mask and the pieces of a model's tokenizer."""
        tokenizer = made.tokenizer
        pieces = np.setdiff1d(np.arange(len(tokenizer), dtype=np.int32), tokenizer.all_special_ids).astype(np.int32)
        return cls(int(tokenizer.mask_token_id), pieces, share, masked, random)

    def __call__(self, row: I32, random: np.random.Generator) -> Row:
        """A row with some tokens hidden, and what they were."""
        ordinary = np.isin(row, self.pieces)
        drawn = random.random(len(row))
        at = ordinary & (drawn < self.share)
        if ordinary.any() and not at.any():
            at[np.argmin(np.where(ordinary, drawn, 2.0))] = True
        how = random.random(len(row))
        ids = np.where(at & (how < self.masked), self.mask, row)
        other = self.pieces[random.integers(0, len(self.pieces), len(row))]
        ids = np.where(at & (how >= self.masked) & (how < self.masked + self.random), other, ids)
        return ids.astype(np.int32), np.where(at, row, SKIP).astype(np.int32)
