"""Rows drawn at random, without regard to what pieces are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.jit import F32
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence
from polyalign.models.vocabulary.rows.method import matrices_of


@dataclass(frozen=True, slots=True)
class Random:
    """Draw the rows of new pieces at random, as before a training.

    normal draws each number from ``N(0, sigma^2)``; per-dimension from ``N(mu_j, sigma_j^2)`` with mean and standard deviation
    of that dimension over all old rows. Here to compare with: random rows make a model worse than it was, in all its
    languages, because the head finds some of them probable.

    Args:
        kind: normal or per-dimension.
        sigma: Standard deviation for normal.
        seed: Of what is drawn.

    Raises:
        ValueError: A negative sigma or seed.

    Complexity: O(v d).

    References: hewitt2021initializing
    """

    kind: Literal["normal", "per-dimension"] = "normal"
    sigma: float = 0.02
    seed: int = 1

    def __post_init__(self) -> None:
        if self.sigma < 0:
            raise ValueError(f"sigma must not be negative, found {self.sigma}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, found {self.seed}")

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary; as of `Mixture.fit`, but without any evidence."""
        out = []
        for k, matrix in enumerate(matrices_of(base)):
            drawn = generator(self.seed, f"random {k}").standard_normal((len(change.new), matrix.shape[1]))
            if self.kind == "normal":
                rows = drawn * self.sigma
            else:
                rows = drawn * matrix.std(axis=0, dtype=np.float64) + matrix.mean(axis=0, dtype=np.float64)
            out.append(change.placed(matrix, np.asarray(rows, np.float32)))
        return out
