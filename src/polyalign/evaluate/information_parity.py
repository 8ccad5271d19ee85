"""Information parity: how much harder a language model finds a language than the pivot, saying the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples, ratio

if TYPE_CHECKING:
    from polyalign.encoders.likelihood import Likelihood


@dataclass(frozen=True, slots=True)
class InformationParity:
    """Measure how much of a model's grip on the pivot language it has on another, on sentences that translate each other.

    The mean over pairs of ``-ln p(pivot sentence) / -ln p(its translation)``, each sentence read alone. Translations say the
    same, so what takes more nats is what the model knows less of. 1 is as good as the pivot; lower is worse.

    **Differs:** from the package of the paper in batching, and in cutting off no sentence; the numbers are the same.

    Args:
        samples: Resamples of the bootstrap over pairs; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: tsvetkov2024information, efron1979bootstrap

    Example:
        >>> score = InformationParity(samples=0).score(np.array([20.0, 40.0]), np.array([10.0, 10.0]))
        >>> score.value, round(score.parts["of_sums"], 3)
        (0.375, 0.333)
    """

    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def measure(self, model: Likelihood, texts: Sequence[str], pivot: Sequence[str]) -> Score:
        """Have a model read both sides, and score them; see `score`."""
        return self.score(model.nats(texts), model.nats(pivot))

    def score(self, nats: F64, pivot: F64) -> Score:
        """Score what a model makes of translations.

        Args:
            nats: ``-ln p`` of each sentence, shape (n,), as `Likelihood.nats` gives it.
            pivot: Of its translation in the pivot language, shape (n,).

        Returns:
            The mean ratio with a 95 % interval; its parts are the ratio of the sums, in which long sentences weigh more, and
            the nats of a sentence on either side.

        Raises:
            DataError: Different numbers of sentences, none, or one without a token.

        Complexity: O(samples * n).
        """
        if nats.shape != pivot.shape or nats.ndim != 1 or len(nats) == 0:
            raise DataError(
                f"evaluate/information-parity: found numbers of shapes {nats.shape} and {pivot.shape}, expected as many, at least "
                "one; sentence i has to translate sentence i of the pivot"
            )
        for side, values in (("the sentences", nats), ("the pivot", pivot)):
            if len(bad := np.flatnonzero(~(values > 0))):
                raise DataError(
                    f"evaluate/information-parity: sentence {bad[0] + 1} of {side} has {values[bad[0]]} nats, expected more than 0; "
                    "delete empty sentences on both sides"
                )
        items = np.stack([np.ones(len(nats)), pivot / nats, pivot, nats], axis=1)
        return Score.of(
            "information parity",
            items,
            ratio(1, 0),
            signature(metric="information-parity", samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
            parts={
                "of_sums": float(pivot.sum() / nats.sum()),
                "nats": float(nats.mean()),
                "pivot_nats": float(pivot.mean()),
            },
        )
