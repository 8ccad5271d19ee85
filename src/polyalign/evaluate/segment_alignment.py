"""Translation quality without a reference: how much of each side is linked by a word aligner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I32, I64, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import offsets
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples

_SRC, _HYP, _SRC_LINKED, _HYP_LINKED = range(4)


@dataclass(frozen=True, slots=True)
class SegmentAlignment:
    """Measure translations by the share of their content that word links tie to the source (or to a reference).

    With content words S of the source and H of the translation, those with a letter or digit in them, and links of an
    aligner: ``recall = |linked S| / |S|``, what of the source is said; ``precision = |linked H| / |H|``, what of the
    translation is in the source; the value is their harmonic mean F, over the sums of all segments. A segment is left
    behind if F is below ``threshold``: not translated, or not this sentence's translation.

    **Differs:** it is this house's own definition, not a published metric. It sees omissions, additions, text left
    untranslated by an aligner that links translations only, and shifted lines; it does not see word order, grammar, or a
    wrong word that the aligner links all the same. Numbers depend on the aligner and on the language pair: compare
    systems on the same source with the same aligner, and with what human translations get.

    Args:
        min_probability: Least probability of a link, where links have one.
        threshold: F below which a segment counts as left behind.
        samples: Resamples of the bootstrap over segments; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A probability or threshold outside 0 to 1, or a negative number of samples.

    References: efron1979bootstrap

    Example:
        >>> links = Links.from_pairs([[(0, 0), (1, 1)]])
        >>> score = SegmentAlignment(samples=0).score([["das", "alte", "Haus", "."]], [["the", "old"]], links)
        >>> score.value, round(score.parts["recall"], 3), score.parts["precision"]
        (0.8, 0.667, 1.0)
    """

    min_probability: float = 0.0
    threshold: float = 0.3
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("min_probability", "threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, found {getattr(self, name)}")
        check_samples(self.samples)

    def score(self, src: Sequence[Sequence[str]], hyp: Sequence[Sequence[str]], links: Links) -> Score:
        """Score translations by their links.

        Args:
            src: Words of each source segment (or reference), n of them.
            hyp: Words of its translation.
            links: Links from the one to the other, of n pairs.

        Returns:
            F with a 95 % interval; its parts are precision, recall, the share of segments left behind and the counts. Segments
            without content on either side count for nothing.

        Raises:
            DataError: Different numbers of segments, links outside a segment, or no content.

        Complexity: O(words + links + samples * n).
        """
        if not len(src) == len(hyp) == len(links):
            raise DataError(
                f"evaluate/segment-alignment: found {len(src)} source segments, {len(hyp)} translations and links of {len(links)} "
                "pairs, expected as many; keep the empty lines"
            )
        links = links if links.prob is None else links.surer(self.min_probability)
        owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))
        columns = [
            _counts(side, owner, at, name)
            for side, at, name in ((src, links.src, "source"), (hyp, links.tgt, "translation"))
        ]
        items = np.stack([columns[0][0], columns[1][0], columns[0][1], columns[1][1]], axis=1)
        sums = items.sum(axis=0)
        if sums[_SRC] + sums[_HYP] == 0:
            raise DataError(
                f"evaluate/segment-alignment: found no word with a letter or digit in {len(src)} segments, expected some; check "
                "that the files are text"
            )
        each = _f(items)
        there = items[:, _SRC] + items[:, _HYP] > 0
        return Score.of(
            "segment alignment",
            items,
            _f,
            signature(
                metric="segment-alignment",
                min_probability=self.min_probability,
                threshold=self.threshold,
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "precision": float(sums[_HYP_LINKED] / sums[_HYP]) if sums[_HYP] else 0.0,
                "recall": float(sums[_SRC_LINKED] / sums[_SRC]) if sums[_SRC] else 0.0,
                "left_behind": float((each[there] < self.threshold).mean()),
                "src_words": int(sums[_SRC]),
                "hyp_words": int(sums[_HYP]),
            },
        )


def _counts(side: Sequence[Sequence[str]], owner: I64, at: I32, name: str) -> tuple[F64, F64]:
    """Content words of each segment, and how many of them have a link."""
    lengths = np.array([len(words) for words in side], np.int64)
    starts = offsets(lengths)
    if len(bad := np.flatnonzero(at >= lengths[owner])):
        segment = int(owner[bad[0]])
        raise DataError(
            f"evaluate/segment-alignment: segment {segment + 1}: found a link to word {int(at[bad[0]])} of the {name}, expected "
            f"less than its {lengths[segment]} words; the links are of another text or of words split otherwise"
        )
    content: Mask = np.array([any(c.isalnum() for c in w) for words in side for w in words], np.bool_)
    linked: Mask = np.zeros(len(content), np.bool_)
    linked[starts[owner] + at] = True
    segment_of = np.repeat(np.arange(len(side)), lengths)
    counted = [np.bincount(segment_of[some], minlength=len(side)) for some in (content, content & linked)]
    return counted[0].astype(np.float64), counted[1].astype(np.float64)


def _f(sums: F64) -> F64:
    """``2 P R / (P + R)``; 0 where nothing is linked."""
    src, hyp = (np.maximum(sums[..., k], 1) for k in (_SRC, _HYP))
    recall, precision = sums[..., _SRC_LINKED] / src, sums[..., _HYP_LINKED] / hyp
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-12), np.float64)
