"""Sentence alignment against gold beads: strict and lax precision, recall and F1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.beads import IndexBead
from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class SentenceAlignment:
    """Precision, recall and F1 of sentence alignments, counted as vecalign's scorer counts.

    A predicted bead is strictly right if it is a gold bead, and laxly right if some source and some target
    sentence of it stand together in one gold bead; one with an empty side is right only as a gold bead.
    Precision is over all predicted beads. Recall is the same count with the sides swapped over gold beads
    without an empty side. Sums are over all documents, and the value is strict F1.

    Args:
        samples: Bootstrap resamples for the 95% interval; documents are resampled if there are at least
            ten, else gold beads with the predicted beads that begin in them.
        seed: Of the resampling.

    References: thompson2019vecalign, efron1979bootstrap

    Example:
        >>> gold = [((0,), (0,)), ((1,), (1, 2))]
        >>> hyp = [((0,), (0,)), ((1,), (1,)), ((), (2,))]
        >>> score = SentenceAlignment(samples=0).score([hyp], [gold])
        >>> round(score.value, 3), score.parts["lax_recall"]
        (0.4, 1.0)
    """

    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(self, hyp: Sequence[Sequence[IndexBead]], gold: Sequence[Sequence[IndexBead]]) -> Score:
        """Score predicted against gold beads, a list for each document.

        Raises:
            DataError: The numbers of documents differ.
        """
        if len(hyp) != len(gold):
            raise DataError(
                f"evaluate/sentences: found {len(hyp)} predicted and {len(gold)} gold documents, expected equally many; score the same documents on both sides"
            )
        documents = [_units(list(h), list(g)) for h, g in zip(hyp, gold, strict=True)]
        by_document = len(documents) >= 10
        if by_document:
            items = np.stack([units.sum(axis=0) for units in documents])
        else:
            items = np.concatenate([np.zeros((0, 6)), *documents])
        sums = items.sum(axis=0)
        values = _values(sums)
        names = ("strict_precision", "strict_recall", "strict_f1", "lax_precision", "lax_recall", "lax_f1")
        parts = dict(zip(names, (float(x) for x in values), strict=True))
        counts = {"predicted": sums[0], "gold": sums[3], "documents": len(documents)}
        unit = "document" if by_document else "bead"
        return Score.of(
            "strict F1",
            items,
            lambda s: _values(s)[..., 2],
            signature(metric="sentences", counts="vecalign", unit=unit, samples=self.samples, seed=self.seed),
            samples=self.samples,
            seed=self.seed,
            parts={**parts, **{k: int(v) for k, v in counts.items()}},
        )


def _units(hyp: list[IndexBead], gold: list[IndexBead]) -> F64:
    """Counts of one document: predicted, strictly and laxly right, gold, strictly and laxly found.

    One row a gold bead, with the predicted beads that begin in it, and a last one for the others.
    """
    items = np.zeros((len(gold) + 1, 6))
    home: dict[tuple[int, int], int] = {}  # (side, sentence) -> first gold bead that holds it
    for row, bead in enumerate(gold):
        for side in (0, 1):
            for sentence in bead[side]:
                home.setdefault((side, sentence), row)
    gold_set, hyp_set = set(gold), set(hyp)
    gold_links, hyp_links = _links(gold), _links(hyp)
    for src, tgt in hyp:
        begins = (0, src[0]) if src else (1, tgt[0]) if tgt else (2, 0)
        strict = (src, tgt) in gold_set
        together = any(not gold_links[i].isdisjoint(tgt) for i in src)
        items[home.get(begins, len(gold)), :3] += 1, strict, strict or together
    for row, (src, tgt) in enumerate(gold):
        if src and tgt:
            strict = (src, tgt) in hyp_set
            items[row, 3:] = 1, strict, any(not hyp_links[i].isdisjoint(tgt) for i in src)
    return items


def _links(beads: list[IndexBead]) -> defaultdict[int, set[int]]:
    links: defaultdict[int, set[int]] = defaultdict(set)
    for src, tgt in beads:
        for i in src:
            links[i].update(tgt)
    return links


def _values(sums: F64) -> F64:
    """Precision, recall and F1, strict then lax, from sums of shape (..., 6); 0 where nothing was predicted."""
    out = np.empty((*sums.shape[:-1], 6))
    for k in (0, 1):
        p = sums[..., 1 + k] / np.maximum(sums[..., 0], 1)
        r = sums[..., 4 + k] / np.maximum(sums[..., 3], 1)
        out[..., 3 * k], out[..., 3 * k + 1] = p, r
        out[..., 3 * k + 2] = 2 * p * r / np.where(p + r > 0, p + r, 1)
    return out
