"""Rows drawn from a normal distribution with the mean and the covariance of the old rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence
from polyalign.models.vocabulary.rows.factors import gram
from polyalign.models.vocabulary.rows.method import matrices_of


@dataclass(frozen=True, slots=True)
class Multivariate:
    """Draw the rows of new pieces from a normal distribution about the mean of all old rows.

    ``e ~ N(mu, scale Sigma)``, mu and Sigma being mean and covariance of the old rows. With the scale 1 new rows are spread
    as old ones are; with a small one they are all but the mean, which tells new pieces apart by almost nothing. What
    transformers does of itself as a vocabulary grows is the preset transformers, with 1e-9; the code that came with CW2V has
    1e-5, the preset vocab-adaptation.

    Args:
        scale: What the covariance is multiplied by.
        seed: Of what is drawn.

    Raises:
        ValueError: A negative scale or seed.

    Complexity: O(v d^2 + d^3).

    References: hewitt2021initializing, mundra2024empirical, wolf2020transformers
    """

    scale: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise ValueError(f"scale must not be negative, found {self.scale}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, found {self.seed}")

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary; as of `Mixture.fit`, but without any evidence."""
        out = []
        for k, matrix in enumerate(matrices_of(base)):
            mean = matrix.mean(axis=0, dtype=np.float64)
            values, directions = np.linalg.eigh(gram(matrix, mean) / len(matrix))
            drawn = generator(self.seed, f"multivariate {k}").standard_normal((len(change.new), len(values)))
            spread = drawn * np.sqrt(self.scale * np.maximum(values, 0))
            out.append(change.placed(matrix, np.asarray(mean + spread @ directions.T, np.float32)))
        return out
