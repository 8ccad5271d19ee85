"""Bitext mining: sentences of two collections that are translations of each other, found by the margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32, I64, Mask
from polyalign.core.store import Store
from polyalign.encoders.margin import best, mean_cosine
from polyalign.encoders.named import named_encoder
from polyalign.encoders.neighbours import Near
from polyalign.encoders.shards import Shards, centred, encoded, neighbours, shards

Pairs = tuple[I32, I32, F64]


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """Sentence pairs, best first.

    Args:
        src: Row of each pair's source sentence, (n,); of a sentence that occurs more than once the first.
        tgt: Row of its target sentence.
        score: Margin.
        threshold: The least margin that was asked for or found.
        counts: Rows and pairs that are not here, by reason: empty rows and repeated ones of either side, texts that are
            the same on both sides (copies) and pairs below the threshold.
    """

    src: I64
    tgt: I64
    score: F32
    threshold: float
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.src)


@dataclass(frozen=True, slots=True)
class Margin:
    """Mine pairs that are nearer to each other than to their other neighbours.

    Every sentence is encoded once; its candidates are its nearest neighbours on the other side, and a pair is
    scored by the margin of its cosine over ``b = (m(x) + m(y)) / 2``, where m is the mean cosine of a sentence to its k
    neighbours: ``cos / b`` (ratio), ``cos - b`` (distance), ``cos`` (absolute).

    Without a threshold one is found from the data. Pairs are taken apart: each of their sentences gets the best partner
    it would have if its own were not there, which is wrong by construction. The margins of these say how many of the
    pairs that were found are chance, and the threshold is the lowest at which that is no more than ``error`` of them;
    this is done twice, the second time with the pairs above the first threshold. It is an estimate, not a bound. True
    pairs with a low margin count as chance, so most often fewer are wrong: at the default of 20 %, 0 to 6 % in trials on
    Tatoeba with all sentences translated and 7 to 12 % with half, at an F1 one to two points below that of the best
    threshold. Where few are translated it can miss on either side: with a tenth, 5 to 19 %, in one small set 46 %, and
    F1 nine points below; on made-up vectors in tight topics 25 %. With a few hundred known pairs choose a threshold on
    them instead (`evaluate mining --dev`).

    **Differs:** vectors are centred by language and the margin is a distance, which is better with encoders whose
    cosines are all high; ``centre=False, margin="ratio"`` is the paper's. Rows of the same text are one sentence, since
    repeated ones would take each other's place among the neighbours, and a sentence that stands untranslated on both
    sides is no neighbour of its copy. A partner is chosen from more neighbours than the means are taken over
    (``candidates=4`` is the paper's).

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:layer=7`.
        margin: What a cosine is measured by.
        neighbours: Nearest neighbours that the means are taken over.
        candidates: Nearest neighbours that a partner is chosen from.
        select: Each source sentence's best partner (forward), each target sentence's (backward), pairs that are both
            (intersection), or both kinds from the best down with each sentence once (max).
        centre: Whether to subtract each language's mean vector.
        threshold: Least margin; none for one from the data.
        error: Share of wrong pairs aimed at, for a threshold from the data.
        copies: Whether a sentence may be paired with the same text.
        index: Whether neighbours are searched exactly, or by an index that may miss some; auto is exact up to 200,000
            sentences a side.

    References: artetxe2019margin, schwenk2021wikimatrix, storey2002direct, elias2007target

    Example:
        >>> vectors = np.eye(4, dtype=np.float32)
        >>> found = Margin(centre=False, threshold=0.5).mine(list("abcd"), list("zyxw"), vectors=(vectors, vectors[::-1]))
        >>> found.src.tolist(), found.tgt.tolist()
        ([0, 1, 2, 3], [3, 2, 1, 0])
    """

    encoder: str = "e5"
    margin: Literal["ratio", "distance", "absolute"] = "distance"
    neighbours: int = 4
    candidates: int = 16
    select: Literal["forward", "backward", "intersection", "max"] = "max"
    centre: bool = True
    threshold: float | None = None
    error: float = 0.2
    copies: bool = False
    index: Literal["auto", "exact", "approximate"] = "auto"

    def __post_init__(self) -> None:
        for name in ("neighbours", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if not 0 < self.error < 1:
            raise ValueError(f"error must be between 0 and 1, found {self.error}")

    def mine(
        self,
        src: Sequence[str],
        tgt: Sequence[str],
        *,
        vectors: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None,
        work: Path | None = None,
    ) -> Mined:
        """Mine one collection of source and one of target sentences.

        Args:
            src: Source sentences, in any order; space around them is none of theirs.
            tgt: Target sentences.
            vectors: A vector for each sentence of either side, which may be memory-mapped; by default they are encoded.
            work: A folder to keep shards of vectors and neighbours in, so that a killed run can go on; and memory holds
                two shards, the neighbours and the texts.

        Returns:
            The pairs; under max and intersection each sentence at most once.

        Raises:
            DataError: Other numbers of vectors than of sentences, or a vector of zeros.

        Complexity: O(n m d) with exact search, else about O((n + m) sqrt(n + m) d).
        """
        texts = [_distinct(side) for side in (src, tgt)]
        rows = [np.fromiter(t.values(), np.int64, len(t)) for t in texts]
        counts = {}
        for name, side, distinct in zip(("src", "tgt"), (src, tgt), texts, strict=True):
            counts[f"{name}_empty"] = sum(not t.strip() for t in side)
            counts[f"{name}_repeated"] = len(side) - counts[f"{name}_empty"] - len(distinct)
        place = {text: i for i, text in enumerate(texts[1])}
        twin = np.array([place.get(t, -1) for t in texts[0]], np.int32)
        counts["copies"] = 0 if self.copies else int((twin >= 0).sum())
        store = Store(work) if work is not None else None
        sides = [
            self._shards(name, list(distinct), some, len(side), given, store)
            for name, distinct, some, side, given in zip(
                ("src", "tgt"), texts, rows, (src, tgt), vectors or (None, None), strict=True
            )
        ]
        if sides[0].dim != sides[1].dim:
            raise DataError(
                f"sentences.mine/margin: found vectors of {sides[0].dim} and of {sides[1].dim} dimensions, expected as "
                "many on both sides; encode both with one encoder"
            )
        if self.centre:
            sides = centred(sides)
        # Two more than are needed: a copy and a partner may have to be left out.
        near = neighbours(sides[0], sides[1], max(self.neighbours, self.candidates) + 2, search=self.index, store=store)
        if not self.copies:
            back = np.full(len(rows[1]), -1, np.int32)
            back[twin[twin >= 0]] = np.flatnonzero(twin >= 0)
            near = _without(near[0], twin), _without(near[1], back)
        chosen = self._select(near)
        threshold = self._threshold(near, chosen[2]) if self.threshold is None else self.threshold
        keep = chosen[2] >= threshold
        counts["below_threshold"] = int((~keep).sum())
        return Mined(
            rows[0][chosen[0][keep]], rows[1][chosen[1][keep]], chosen[2][keep].astype(np.float32), threshold, counts
        )

    def _shards(
        self, name: str, texts: list[str], rows: I64, n: int, given: npt.NDArray[Any] | None, store: Store | None
    ) -> Shards:
        """Vectors of the distinct texts of one side, which are its given rows of n."""
        where = f"{name} vectors"
        if given is None:
            encoder = named_encoder(self.encoder)
            return shards(encoded(encoder, texts, store, side=name), len(texts), encoder.dim, where=where)
        if given.ndim != 2 or len(given) != n:
            raise DataError(
                f"sentences.mine/margin: found {where} of shape {given.shape} for {n} sentences, expected one row for "
                "each; encode the same lines"
            )
        return shards(lambda some: given[rows[some]], len(rows), given.shape[1], where=where)

    def _candidates(self, near: tuple[Near, Near]) -> tuple[Pairs, Pairs]:
        """Each source sentence's best partner, and each target sentence's."""
        means = [mean_cosine(c[:, : self.neighbours]) for c, _ in near]
        out = []
        for here, there in ((0, 1), (1, 0)):
            if near[here][0].shape[1] == 0:
                out.append((np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0)))
                continue
            rows, score = best(near[here], means[here], means[there], self.margin, self.candidates)
            some = np.isfinite(score)
            out.append((np.flatnonzero(some).astype(np.int32), rows[some], score[some]))
        return out[0], (out[1][1], out[1][0], out[1][2])

    def _threshold(self, near: tuple[Near, Near], scores: F64) -> float:
        """The threshold from the data: once with every pair's partners taken apart, then with those that are sure."""
        pairs = _greedy(self._candidates(near), len(near[0][0]), len(near[1][0]))
        threshold = -np.inf
        for _ in range(2):
            sure = _take(pairs, pairs[2] >= threshold)
            partners = np.full(len(near[0][0]), -1, np.int32), np.full(len(near[1][0]), -1, np.int32)
            partners[0][sure[0]], partners[1][sure[1]] = sure[1], sure[0]
            null = self._select((_without(near[0], partners[0]), _without(near[1], partners[1])))
            parted = (partners[0][null[0]] >= 0) | (partners[1][null[1]] >= 0)
            threshold = threshold_of(scores, null[2][parted], self.error)
        return threshold

    def _select(self, near: tuple[Near, Near]) -> Pairs:
        """The pairs of the rule, best first; ties by row."""
        forward, backward = self._candidates(near)
        if self.select == "forward":
            return _sorted(forward)
        if self.select == "backward":
            return _sorted(backward)
        if self.select == "intersection":
            mutual = _keys(forward, len(near[1][0]))
            return _sorted(_take(forward, np.isin(mutual, _keys(backward, len(near[1][0])))))
        return _greedy((forward, backward), len(near[0][0]), len(near[1][0]))


def threshold_of(scores: F64, null: F64, error: float) -> float:
    """The lowest score at which no more than a share of the pairs are expected to be chance.

    Of n pairs there are expected ``p n P(null >= t)`` chance pairs at or above t, where ``p`` is the share that are
    chance: twice the share that lie below the null's median, at most 1 (Storey).

    Args:
        scores: Of the pairs, highest first.
        null: Of pairs that are wrong, highest first.
        error: The share.

    Returns:
        The threshold; just above the highest score if even that is too likely chance.
    """
    if len(scores) == 0:
        return 0.0
    if len(null) == 0:
        return float(np.nextafter(scores[0], np.inf))
    chance = min(1.0, 2 * float((scores < np.median(null)).mean()))
    tail = np.searchsorted(-null, -scores, side="right") / len(null)
    wrong = chance * len(scores) * tail / np.arange(1, len(scores) + 1)
    fine = np.flatnonzero(wrong <= error)
    return float(scores[fine[-1]]) if len(fine) else float(np.nextafter(scores[0], np.inf))


def _distinct(texts: Sequence[str]) -> dict[str, int]:
    """Texts that are not empty, and the first row of each."""
    out: dict[str, int] = {}
    for row, text in enumerate(texts):
        if stripped := text.strip():
            out.setdefault(stripped, row)
    return out


def _without(near: Near, who: I32) -> Near:
    """Neighbours but one of each, (n,); -1 leaves out none."""
    cosines = np.where(near[1] == who[:, None], np.float32(-np.inf), near[0])
    order = np.argsort(-cosines, axis=1, kind="stable")
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(near[1], order, axis=1)


def _greedy(candidates: tuple[Pairs, Pairs], n: int, m: int) -> Pairs:
    """From the best pair down, each sentence once."""
    a, b = candidates
    ordered = _sorted((np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]), np.concatenate([a[2], b[2]])))
    keep: Mask = np.zeros(len(ordered[0]), np.bool_)
    src_free, tgt_free = bytearray(b"\1") * n, bytearray(b"\1") * m
    for at, (i, j) in enumerate(zip(ordered[0].tolist(), ordered[1].tolist(), strict=True)):
        if src_free[i] and tgt_free[j]:
            keep[at] = True
            src_free[i] = tgt_free[j] = 0
    return _take(ordered, keep)


def _sorted(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs[1], pairs[0], -pairs[2]))
    return pairs[0][order], pairs[1][order], pairs[2][order]


def _take(pairs: Pairs, keep: Mask) -> Pairs:
    return pairs[0][keep], pairs[1][keep], pairs[2][keep]


def _keys(pairs: Pairs, m: int) -> I64:
    return np.asarray(pairs[0].astype(np.int64) * m + pairs[1], np.int64)
