"""Optimal transport: the words of one sentence carried to those of the other at the least cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F32, F64
from polyalign.words.similarity.method import BySimilarity

#: Change of the plan at which a solver ends.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Transport(BySimilarity):
    """Link words by optimal transport, in which a word may stay where it is: for text where much has no counterpart.

    The cost of a word pair is ``C = 1 - S``, S being ``(cos + 1) / 2`` stretched to 0 to 1 over the sentence pair. The
    plan P >= 0 is the one with the least ``sum P C``, less ``regularization`` times its entropy, that

    - balanced: carries all of one sentence to all of the other, each word of a side having an equal share;
    - partial: carries ``mass`` times as much as the shorter sentence has words, at most 1 from and to a word;
    - unbalanced: carries what pays: ``mass`` times the Kullback-Leibler divergence of what leaves or reaches a word from
      1 is added to the cost.

    A word pair is linked whose entry of P, stretched to 0 to 1 in turn, exceeds `limit`. A link's probabilities are the
    shares of either word that it carries; what is not carried, or by no link, is NULL's.

    **Differs:** from OTAlign by encoding the sentences one by one, by equal masses only (it also tries lengths of
    vectors), and by one set of defaults for all text, where it tunes `mass` and `limit` on each data set. The solvers
    are POT's.

    Args:
        kind: Carry all, a share, or what pays.
        regularization: Weight of the plan's entropy, which spreads it: 0.01 or more, or 0 for none.
        mass: For partial the share that is carried, for unbalanced what it costs not to: above 0 and below 1, higher for
            more links.
        limit: What a stretched entry of the plan has to exceed, at least 0 and below 1.

    Raises:
        ValueError: A parameter out of range.

    Complexity: Encoding, and O(n m) a step of a regularised plan; of others O((n + m)^3) at worst.

    References: arase2023unbalanced, flamary2021pot
    """

    kind: Literal["balanced", "partial", "unbalanced"] = "unbalanced"
    regularization: float = 0.05
    mass: float = 0.5
    limit: float = 0.35

    def __post_init__(self) -> None:
        BySimilarity.__post_init__(self)
        if self.kind not in ("balanced", "partial", "unbalanced"):
            raise ValueError(f"kind must be 'balanced', 'partial' or 'unbalanced', got {self.kind!r}")
        if not (self.regularization == 0 or self.regularization >= 0.01):
            raise ValueError(f"regularization must be 0, or 0.01 or more, got {self.regularization}")
        if not 0 < self.mass < 1:
            raise ValueError(f"mass must be above 0 and below 1, got {self.mass}")
        if not 0 <= self.limit < 1:
            raise ValueError(f"limit must be at least 0 and below 1, got {self.limit}")

    def decide(self, cosine: F32) -> F32:
        """What share of a word is carried where the plan is above the limit, shape (2, n, m).

        Raises:
            MissingExtraError: POT is not installed.
        """
        n, m = cosine.shape
        plan = self.plan(1 - _stretched(cosine.astype(np.float64)))
        if self.kind == "balanced":
            shares = np.stack([plan * m, plan * n])
        else:
            shares = np.stack([plan, plan])
        return np.asarray(np.minimum(shares, 1) * (_stretched(plan) > self.limit), np.float32)

    def plan(self, cost: F64) -> F64:
        """How much of each word is carried to each, shape (n, m).

        Args:
            cost: From 0 to 1, shape (n, m).

        Raises:
            MissingExtraError: POT is not installed.
        """
        ot = _solvers()
        eps = self.regularization
        a, b = (np.ones(k) for k in cost.shape)
        plan: Any
        if self.kind == "balanced":
            a, b = a / len(a), b / len(b)
            plan = ot.sinkhorn(a, b, cost, eps, warn=False) if eps else ot.emd(a, b, cost)
        elif self.kind == "partial":
            carried = self.mass * min(cost.shape)
            if eps:
                plan = ot.partial.entropic_partial_wasserstein(a, b, cost, eps, carried, stopThr=TOLERANCE)
            else:
                plan = ot.partial.partial_wasserstein(a, b, cost, carried)
        elif eps:
            plan = ot.unbalanced.sinkhorn_unbalanced(a, b, cost, eps, self.mass, stopThr=TOLERANCE)
        else:
            plan = ot.unbalanced.mm_unbalanced(a, b, cost, self.mass, stopThr=TOLERANCE)
        return np.asarray(plan, np.float64)


def _stretched(values: F64) -> F64:
    """From 0, the least, to 1, the greatest; 1 if all are equal."""
    least, most = values.min(), values.max()
    return (values - least) / (most - least) if most > least else np.ones_like(values)


def _solvers() -> Any:
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError(
            f"words.align/transport needs POT ({error}); install with: pip install 'polyalign[transport]'"
        ) from error
    return ot
