"""Mined pairs against gold pairs: precision, recall and F1, as BUCC counts them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples


class Scored(NamedTuple):
    """Pairs of anything that names a sentence, and the score of each."""

    pairs: Sequence[tuple[Hashable, Hashable]]
    scores: Sequence[float]


@dataclass(frozen=True, slots=True)
class MiningF1:
    """Measure mined sentence pairs against the translations that are known to be there.

    Of the pairs with a score at or above the threshold, precision is the share that is gold and recall the share of
    gold that is among them. The value is F1. The threshold is the given one, else the one that is best for F1 on the
    development pairs (half way to the next lower score), else every pair counts.

    Args:
        threshold: Least score.
        samples: Resamples of the bootstrap over pairs, gold or mined; 0 for no interval.
        seed: Of the resampling.

    References: zweigenbaum2017overview, efron1979bootstrap

    Example:
        >>> hyp = Scored([("a", "x"), ("b", "y"), ("c", "x")], [0.9, 0.8, 0.1])
        >>> MiningF1(threshold=0.5, samples=0).score(hyp, [("a", "x"), ("c", "z")]).parts["recall"]
        0.5
    """

    threshold: float | None = None
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(
        self,
        hyp: Scored,
        gold: Collection[tuple[Hashable, Hashable]],
        *,
        dev: tuple[Scored, Collection[tuple[Hashable, Hashable]]] | None = None,
    ) -> Score:
        """Score mined pairs.

        Args:
            hyp: The mined pairs; of a pair that is there twice the better score counts.
            gold: The true pairs.
            dev: Mined and true pairs of other data, to choose the threshold on.

        Raises:
            DataError: No gold pair; or a threshold is given and development pairs as well.
        """
        wanted = set(gold)
        if not wanted:
            raise DataError("evaluate/mining: found no gold pair, expected at least one; check the file of gold pairs")
        if self.threshold is not None and dev is not None:
            raise DataError(
                "evaluate/mining: found a threshold and development pairs, expected one of the two; leave one out"
            )
        chosen = self.threshold if dev is None else best_threshold(*dev)
        kept = {pair for pair, score in _unique(hyp).items() if chosen is None or score >= chosen}
        # Mined ones in the order they come, then the gold ones that were not found, in theirs.
        order = dict.fromkeys([*(p for p in hyp.pairs if p in kept), *gold])
        items = np.array([(p in kept and p in wanted, p in kept, p in wanted) for p in order], np.float64)
        hits, mined, true = (float(x) for x in items.sum(axis=0))
        parts: dict[str, float] = {
            "precision": hits / mined if mined else 0.0,
            "recall": hits / true,
            "f1": float(_f1(items.sum(axis=0))),
        }
        if chosen is not None:
            parts["threshold"] = float(chosen)
        parts |= {"mined": int(mined), "gold": int(true), "hits": int(hits)}
        origin = "all" if chosen is None else "given" if dev is None else "dev"
        return Score.of(
            "mining F1",
            items,
            _f1,
            signature(metric="mining", threshold=origin, samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
            parts=parts,
        )


def best_threshold(hyp: Scored, gold: Collection[tuple[Hashable, Hashable]]) -> float:
    """The threshold with the best F1, half way between the last score above it and the next; the higher of equals.

    Raises:
        DataError: No pair that was mined is gold, so that no threshold is better than another.
    """
    unique, wanted = _unique(hyp), set(gold)
    pairs = sorted(unique, key=lambda p: -unique[p])
    right = np.array([p in wanted for p in pairs], np.float64)
    if not right.any():
        raise DataError(
            f"evaluate/mining: found none of {len(wanted)} gold pairs among {len(pairs)} development pairs; "
            "check that both name sentences the same way"
        )
    scores = np.array([unique[p] for p in pairs])
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(pairs) + 1) + len(wanted))
    # A threshold lies between two scores, never among equal ones.
    last = np.append(scores[:-1] > scores[1:], True)
    at = int(np.argmax(np.where(last, f1, -1)))
    return float((scores[at] + scores[at + 1]) / 2) if at + 1 < len(scores) else float(scores[at])


def _unique(hyp: Scored) -> dict[tuple[Hashable, Hashable], float]:
    out: dict[Any, float] = {}
    for pair, score in zip(hyp.pairs, hyp.scores, strict=True):
        out[pair] = max(score, out.get(pair, -np.inf))
    return out


def _f1(sums: F64) -> F64:
    total = sums[..., 1] + sums[..., 2]
    return np.asarray(2 * sums[..., 0] / np.where(total > 0, total, 1), np.float64)
