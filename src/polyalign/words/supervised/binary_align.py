"""BinaryAlign: for each word, yes or no to every piece of the other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polyalign.core.jit import F32, I64
from polyalign.words.supervised.method import FromGold


@dataclass(frozen=True, slots=True)
class BinaryAlign(FromGold):
    """Link words by a transformer trained on gold links to say yes or no to each piece, one question a word.

    The word i of one side is marked and read with the other side. A piece k is linked with it with probability
    ``sigmoid(w h_k + b + a z_ij)``, h being the states of the upper layers and z what similarity alone says of the word j
    the piece is of; trained by binary cross entropy. A word's probability is the greatest of its pieces'; both sides are
    marked in turn, and a link's probability is the mean of both.

    **Differs:** the paper reads the whole pair through all layers of mDeBERTa with the marked word between two special
    tokens. Here the lower layers (`shared`) read each sentence once, the mark is a vector added to the states of the word's
    pieces, only `context` pieces of its own sentence are read with it, and training begins from similarity: with few
    sentences that is better by far, and some twenty times cheaper. `shared = 0`, `layers` as many as there are,
    `context = none` and `prior = false` are nearest to the paper. Possible links are taught neither as links nor as none.

    Args:
        threshold: As of the paper.

    Complexity: I + J forward passes through `layers` layers for a sentence pair of I and J words.

    References: latouche2024binaryalign
    """

    outputs: ClassVar[int] = 1

    def loss(self, pieces: Any, none: Any, batch: Any) -> Any:
        """Binary cross entropy of the pieces of words of which it is known whether they are linked."""
        import torch

        known = batch.asked & (batch.answer >= 0)
        return torch.nn.functional.binary_cross_entropy_with_logits(
            pieces[..., 0][known], batch.answer[known], reduction="sum"
        ) / known.sum().clamp(min=1)

    def decide(self, pieces: F32, none: F32, words: I64) -> F32:
        """The greatest probability of each word's pieces."""
        starts = np.flatnonzero(np.diff(words, prepend=-1))
        best = np.maximum.reduceat(pieces[:, 0], starts)
        return np.asarray(1 / (1 + np.exp(-best.astype(np.float64))), np.float32)
