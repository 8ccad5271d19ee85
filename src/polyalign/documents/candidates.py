"""Candidate pairs with their evidence, and the choice among them: one-to-one, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from polyalign.core.document import Document
from polyalign.core.documentpairs import Alone, DocumentPairs
from polyalign.core.jit import F32, F64, I32, I64
from polyalign.encoders.neighbours import nearest_both

Assign = Literal["optimal", "greedy"]
#: Log-odds beyond which nothing is told apart; keeps one sure pair from outweighing several good ones.
MOST = 20.0
#: Documents connected by good pairs up to which the best choice is looked for.
_LARGE = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of documents that may go together, by source and then target document.

    Args:
        src: Source document of each, shape (c,).
        tgt: Target document of each, shape (c,).
        value: Evidence for each, higher is better; in the end log-odds, shape (c,).
        shape: How many source and target documents there are.
    """

    src: I64
    tgt: I64
    value: F64
    shape: tuple[int, int]

    @classmethod
    def build(cls, src: I64 | I32, tgt: I64 | I32, shape: tuple[int, int], value: F64 | None = None) -> Candidates:
        """From pairs in any order, each kept once."""
        key, first = np.unique(np.asarray(src, np.int64) * max(1, shape[1]) + tgt, return_index=True)
        values = np.zeros(len(key)) if value is None else np.asarray(value, np.float64)[first]
        return cls(key // max(1, shape[1]), key % max(1, shape[1]), values, shape)

    def __len__(self) -> int:
        return len(self.src)

    def valued(self, value: F64) -> Candidates:
        """The same pairs with other evidence."""
        return replace(self, value=np.asarray(value, np.float64))

    def keys(self) -> I64:
        """A number for each pair, rising, shape (c,)."""
        return self.src * max(1, self.shape[1]) + self.tgt

    def joined(self, other: Candidates) -> Candidates:
        """These pairs and others of the same documents; of pairs in both, these."""
        ends = np.concatenate([self.src, other.src]), np.concatenate([self.tgt, other.tgt])
        return Candidates.build(*ends, self.shape, np.concatenate([self.value, other.value]))

    def margin(self, neighbours: int = 4) -> F64:
        """How much each value exceeds those of the next best pairs of its two documents, shape (c,).

        ``v - (a + b) / 2``, a and b being the means of up to `neighbours` greatest values of the source document's and the
        target document's other pairs; 0 where there are none.
        """
        return self.value - (self._others(self.src, neighbours) + self._others(self.tgt, neighbours)) / 2

    def contrast(self) -> F64:
        """How each pair stands against others, shape (c, 3): `margin`, lead and level.

        The lead is how much its value exceeds that of the best other pair of either document, 0 or less where it is not the
        best of both; the level how much it exceeds the median of the pairs that are. The lead tells who is meant where many
        are nearly as good, the margin whether anyone is, the level a document on the same matter from the same document.
        """
        lead = self.value - np.maximum(self._others(self.src, 1), self._others(self.tgt, 1))
        best = self.value[lead > 0]
        return np.stack([self.margin(), lead, self.value - (np.median(best) if len(best) else 0.0)], axis=1)

    def _others(self, document: I64, k: int) -> F64:
        order = np.lexsort((-self.value, document))
        of, value = document[order], self.value[order]
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        sizes = np.diff(np.append(starts, len(of)))
        place = np.arange(len(of)) - np.repeat(starts, sizes)
        sums = np.concatenate([np.zeros(1), np.cumsum(value)])
        first, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
        # Those before it among the greatest, itself left out: the first k, or the first k + 1 without it.
        end = first + np.minimum(size, np.where(place < k, k + 1, k))
        total = sums[end] - sums[first] - np.where(place < k, value, 0)
        count = end - first - (place < k)
        out = np.empty(len(of))
        out[order] = np.divide(total, count, out=np.zeros(len(of)), where=count > 0)
        return out


def logit(features: F64, weights: Sequence[float]) -> F64:
    """A constant and a weighted sum of features, shape (c,)."""
    return np.asarray(weights[0] + features @ np.asarray(weights[1:]), np.float64)


def check_choice(candidates: int, min_score: float) -> None:
    """Refuse parameters that every method has.

    Raises:
        ValueError: One is out of range.
    """
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, found {candidates}")
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score must be from 0 to 1, found {min_score}")


def neighbours_both(src: F32, tgt: F32, k: int) -> Candidates:
    """The k nearest of each source vector and of each target vector, with their cosines; rows of zeros have none."""
    shape = (len(src), len(tgt))
    here = [np.flatnonzero(np.any(x, axis=1)) for x in (src, tgt)]
    if not (len(here[0]) and len(here[1])):
        return Candidates.build(np.zeros(0, np.int64), np.zeros(0, np.int64), shape)
    a, b = (np.ascontiguousarray(x[h]) for x, h in zip((src, tgt), here, strict=True))
    (forward, at), (backward, back) = nearest_both(a, b, k)
    left = np.concatenate([np.repeat(here[0], at.shape[1]), here[0][back.ravel()]])
    right = np.concatenate([here[1][at.ravel()], np.repeat(here[1], back.shape[1])])
    return Candidates.build(left, right, shape, np.concatenate([forward.ravel(), backward.ravel()]).astype(np.float64))


def choose(
    candidates: Candidates, src: Sequence[Document], tgt: Sequence[Document], *, min_score: float, assign: Assign
) -> DocumentPairs:
    """Pair documents one-to-one, as `match` does, and say of the others why not.

    Args:
        candidates: Pairs with log-odds as their value.
        src: The source documents.
        tgt: The target documents.
        min_score: The least probability of a pair.
        assign: How.
    """
    chosen = match(candidates, min_score=min_score, assign=assign)
    score = 1 / (1 + np.exp(-np.clip(candidates.value, -MOST, MOST)))
    ends = candidates.src[chosen], candidates.tgt[chosen]
    return DocumentPairs(
        ends[0].astype(np.int32),
        ends[1].astype(np.int32),
        score[chosen].astype(np.float32),
        _alone(src, tgt, candidates.src, candidates.tgt, score, ends[0], min_score),
        _alone(tgt, src, candidates.tgt, candidates.src, score, ends[1], min_score),
    )


def match(candidates: Candidates, *, min_score: float, assign: Assign) -> I64:
    """The candidates of a one-to-one choice, rising.

    ``optimal`` maximises the sum of log-odds above those of `min_score`; ``greedy`` takes the best pair left, again and
    again. Documents that good pairs do not connect are matched apart; more than 5,000 documents that are connected are
    matched greedily in either case.

    Args:
        candidates: Pairs with log-odds as their value.
        min_score: The least probability of a pair.
        assign: Which.

    Complexity: O(c log c), and up to the cube of 5,000 where so many are connected.
    """
    least = np.log(min_score) - np.log1p(-min_score) if 0 < min_score < 1 else (-MOST if min_score <= 0 else MOST)
    value = np.clip(candidates.value, -MOST, MOST)
    good = np.flatnonzero(value >= least)
    src, tgt, gain = candidates.src[good], candidates.tgt[good], value[good] - least
    if assign == "greedy":
        return good[_greedy(src, tgt, gain)]
    n, m = candidates.shape
    graph = sparse.coo_array((np.ones(len(good)), (src, n + tgt)), shape=(n + m, n + m))
    part = csgraph.connected_components(graph, directed=False)[1]
    documents = np.bincount(part)[part[src]]
    taken = [np.flatnonzero(documents == 2)]
    large = np.flatnonzero(documents > _LARGE)
    taken.append(large[_greedy(src[large], tgt[large], gain[large])])
    small = np.flatnonzero((documents > 2) & (documents <= _LARGE))
    small = small[np.argsort(part[src[small]], kind="stable")]
    for some in np.split(small, np.flatnonzero(np.diff(part[src[small]])) + 1):
        taken.append(some[_optimal(src[some], tgt[some], gain[some])])
    return good[np.sort(np.concatenate(taken))]


def _optimal(src: I64, tgt: I64, gain: F64) -> I64:
    if not len(src):
        return np.zeros(0, np.int64)
    rows, i = np.unique(src, return_inverse=True)
    columns, j = np.unique(tgt, return_inverse=True)
    n, m = len(rows), len(columns)
    # Every row can also take a column of its own, which stands for none. Equal costs in every row cancel out, so they are
    # made positive: the solver takes a zero for no edge.
    most = gain.max() + 1.0
    costs = np.concatenate([most - gain, np.full(n, most + 1e-9)])
    ends = np.concatenate([i, np.arange(n)]), np.concatenate([j, m + np.arange(n)])
    matched, partner = csgraph.min_weight_full_bipartite_matching(sparse.csr_array((costs, ends), shape=(n, m + n)))
    real = partner < m
    return np.searchsorted(i * m + j, np.sort(matched[real].astype(np.int64) * m + partner[real]))


def _greedy(src: I64, tgt: I64, gain: F64) -> I64:
    used: tuple[set[int], set[int]] = (set(), set())
    taken: list[int] = []
    order = np.argsort(-gain, kind="stable")
    for k, i, j in zip(order.tolist(), src[order].tolist(), tgt[order].tolist(), strict=True):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            taken.append(k)
    return np.sort(np.asarray(taken, np.int64))


def _alone(
    own: Sequence[Document],
    other: Sequence[Document],
    mine: I64,
    theirs: I64,
    score: F64,
    paired: I64,
    min_score: float,
) -> tuple[Alone, ...]:
    """The documents of a side that are in no pair, each with the reason."""
    best = np.full(len(own), -1, np.int64)
    order = np.argsort(score, kind="stable")
    best[mine[order]] = order  # the last, so the best, stays
    out: list[Alone] = []
    for i in np.delete(np.arange(len(own)), paired).tolist():
        k = best[i]
        if not len(own[i]):
            reason = "it is empty"
        elif not len(other):
            reason = "the other side has no documents"
        elif k < 0:
            reason = "nothing on the other side is like it"
        else:
            name = f"the likeliest, {other[theirs[k]].id}, scores {score[k]:.2f}"
            reason = f"{name}, less than {min_score:g}" if score[k] < min_score else f"{name} but goes with another"
        out.append(Alone(i, reason))
    return tuple(out)
