"""Alignment error rate of word links against a gold standard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I64, Mask
from polyalign.core.links import Links
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples

_COLUMNS = ("links", "sure", "hits_sure", "hits_possible")


@dataclass(frozen=True, slots=True)
class AER:
    """Measure word links against gold that tells sure links from possible ones.

    With links A, sure gold S and possible gold P (which holds S): ``precision = |A & P| / |A|``,
    ``recall = |A & S| / |S|``, ``AER = 1 - (|A & S| + |A & P|) / (|A| + |S|)``; lower is better. Counts are summed over
    all sentence pairs. F1 is that of precision and recall as above; with sure gold only AER = 1 - F1.

    Args:
        samples: Resamples of the bootstrap over sentence pairs; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: och2003systematic, efron1979bootstrap

    Example:
        >>> gold = Links.from_pairs([[(0, 0), (1, 1)]], possible=[[(1, 2)]])
        >>> round(AER().score(Links.from_pairs([[(0, 0), (1, 2)]]), gold).value, 3)
        0.25
    """

    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, hyp: Links, gold: Links) -> Score:
        """Score links against gold links.

        Args:
            hyp: The links to measure; marks of sure and possible in it are ignored.
            gold: The reference; without marks every link is sure.

        Returns:
            The rate with a 95 % interval; its parts are precision, recall, f1 and the counts.

        Raises:
            DataError: Different numbers of sentence pairs, or not a single link on either side.

        Complexity:
            O(links log links + samples * pairs).
        """
        if len(hyp) != len(gold):
            raise DataError(
                f"evaluate/aer: found {len(hyp)} sentence pairs to score and {len(gold)} gold ones, expected as many; "
                "keep the empty lines, a pair without links is one too"
            )
        items = _statistics(hyp, gold)
        links, sure, hits_sure, hits_possible = (int(x) for x in items.sum(axis=0))
        if links + sure == 0:
            raise DataError(
                f"evaluate/aer: found no link in {len(gold)} sentence pairs, neither to score nor sure gold ones; "
                "check that the files are alignments"
            )
        precision = hits_possible / links if links else 0.0
        recall = hits_sure / sure if sure else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return Score.of(
            "AER",
            items,
            _rate,
            signature(metric="aer", pairs=len(items), samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
            parts={
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "links": links,
                "sure": sure,
                "possible": len(gold.src),
                "hits_sure": hits_sure,
                "hits_possible": hits_possible,
            },
        )


def _statistics(hyp: Links, gold: Links) -> F64:
    # One number a link, in an order both sides share: its pair, source and target position.
    width = np.int64(1 + max((int(a.max()) for a in (hyp.src, hyp.tgt, gold.src, gold.tgt) if len(a)), default=0))
    owner, gold_owner = _owner(hyp), _owner(gold)
    mine = (owner * width + hyp.src) * width + hyp.tgt
    theirs = (gold_owner * width + gold.src) * width + gold.tgt
    sure: Mask = np.ones(len(theirs), np.bool_) if gold.sure is None else gold.sure
    possible_hit, sure_hit = np.isin(mine, theirs), np.isin(mine, theirs[sure])
    n = len(gold)
    columns = (owner, gold_owner[sure], owner[sure_hit], owner[possible_hit])
    return np.stack([np.bincount(c, minlength=n) for c in columns], axis=1).astype(np.float64)


def _owner(links: Links) -> I64:
    return np.repeat(np.arange(len(links), dtype=np.int64), np.diff(links.offsets))


def _rate(sums: F64) -> F64:
    links, sure, hits_sure, hits_possible = (sums[..., k] for k in range(len(_COLUMNS)))
    total = links + sure
    rate: F64 = 1 - (hits_sure + hits_possible) / np.where(total > 0, total, np.nan)
    return rate
