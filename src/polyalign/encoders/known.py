"""Whether an encoder knows two languages, told from documents alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from polyalign.core.jit import F32, I64
from polyalign.encoders.centre import centre
from polyalign.encoders.neighbours import nearest

#: Sentences a side that are looked at.
SAMPLE = 2000
#: Consecutive sentences taken together from a long document.
STRETCH = 250
#: Difference of relative position up to which two sentences stand at the same place, and in sentences at least.
WINDOW, AT_LEAST = 0.05, 1.5
#: Sentences of a long document, where a large part may be missing on one side: there a sentence is in place if one before
#: or after it, at most so many away here and there, has its neighbour in the same order.
LONG, HERE, THERE = 100, 5, 8
#: Random orders that show what chance does to a single document.
ORDERS = 10
#: Share of sentences, above chance, that find their counterpart from which an encoder knows both languages.
THRESHOLD = 0.35
#: Sentences below which nothing is decided, and standard errors that the share must be away from the threshold.
FEWEST, ERRORS = 20, 2.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the documents say about an encoder.

    Args:
        rate: Share of sentences that are mutual neighbours of one at the same place in the document's other version.
        chance: The same for versions of different documents, or in random order where there is one document.
        sentences: How many were looked at, of the side with fewer.
    """

    rate: float
    chance: float
    sentences: int

    @property
    def share(self) -> float:
        """Share of sentences that find their counterpart, chance left out: ``(rate - chance) / (1 - chance)``."""
        return (self.rate - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    @property
    def undecided(self) -> bool:
        """Whether there are too few sentences to tell."""
        if self.sentences < FEWEST:
            return True
        error = np.sqrt(max(self.rate * (1 - self.rate), 1 / self.sentences) / self.sentences) / max(
            1 - self.chance, 0.1
        )
        return bool(abs(self.share - THRESHOLD) < ERRORS * error)

    @property
    def knows(self) -> bool:
        """Whether the encoder knows both languages, as far as one can tell; true if undecided."""
        return self.undecided or self.share >= THRESHOLD

    def warning(self, src: str, tgt: str) -> str:
        """What to tell the user if the encoder does not know the languages.

        Example:
            >>> print(Knowledge(0.1, 0.08, 900).warning("deu_Latn", "vai_Vaii"))
            the encoder does not seem to know deu_Latn or vai_Vaii: 10% of 900 sentences find their counterpart, 8% would by chance
        """
        return (
            f"the encoder does not seem to know {src} or {tgt}: {self.rate:.0%} of {self.sentences} sentences find "
            f"their counterpart, {self.chance:.0%} would by chance"
        )


def knows(src: F32, tgt: F32, src_docs: I64, tgt_docs: I64) -> Knowledge:
    """Test without any gold whether an encoder knows both languages of some document pairs.

    Sentences that are each other's nearest in a document pair mostly stand at the same place in it if the encoder knows what they mean, and anywhere if not. Names, numbers and
    titles keep some in place whatever the language, hence the comparison with pairs of different documents.

    Args:
        src: Unit vectors of all source sentences, centred or not, shape (n, d).
        tgt: Of all target sentences, shape (m, d).
        src_docs: First sentence of each document, shape (documents + 1,).
        tgt_docs: Likewise, the same documents.

    Returns:
        The rates; up to about 2,000 sentences of documents spread over the batch are looked at.

    Complexity: O(2000 l d) for documents of l sentences.

    Example:
        >>> both = np.eye(40, dtype=np.float32)
        >>> result = knows(both, both, np.array([0, 20, 40]), np.array([0, 20, 40]))
        >>> result.rate, result.knows, result.undecided
        (1.0, True, False)
    """
    src, tgt = centre(src, tgt)
    lengths = np.minimum(np.diff(src_docs), np.diff(tgt_docs))
    there = np.flatnonzero(lengths > 0)
    # Documents spread over the batch, so many that they have enough sentences.
    order = there[np.argsort((np.arange(len(there)) * 0.6180339887498949) % 1, kind="stable")]
    enough = int(np.searchsorted(np.cumsum(lengths[order]), SAMPLE)) + 1
    docs = order[:enough]
    if len(docs) == 0:
        return Knowledge(0.0, 0.0, 0)
    pairs = [(d, d) for d in docs] + (
        [(a, b) for a, b in zip(docs, np.roll(docs, 1), strict=True)] if len(docs) > 1 else []
    )
    found = [_mutual(src[src_docs[a] : src_docs[a + 1]], tgt[tgt_docs[b] : tgt_docs[b + 1]]) for a, b in pairs]
    hits = [_in_place(pair) for pair in found]
    sizes = [pair.could for pair in found]
    same, rest = sum(sizes[: len(docs)]), sizes[len(docs) :]
    if rest:
        chance = sum(hits[len(docs) :]) / sum(rest)
    else:
        draw = np.random.default_rng(1)
        only = found[0]
        chance = (
            sum(_in_place(only._replace(there=draw.permutation(only.there))) for _ in range(ORDERS)) / ORDERS / same
        )
    return Knowledge(float(sum(hits[: len(docs)]) / same), float(chance), round(same))


class _Mutual(NamedTuple):
    """Sentences of a document pair that are each other's nearest, and the sizes of the two; how many there could be."""

    here: I64
    there: I64
    n: int
    m: int
    could: float


def _mutual(x: F32, y: F32) -> _Mutual:
    n, m = len(x), len(y)
    rows = np.arange(n)
    if n > SAMPLE:
        starts = np.linspace(0, n - STRETCH, SAMPLE // STRETCH).astype(np.int64)
        rows = np.unique(starts[:, None] + np.arange(STRETCH))
    there = nearest(x[rows], y, 1)[1][:, 0].astype(np.int64)
    back = nearest(y[there], x, 1)[1][:, 0]
    mutual = (back == rows) & np.any(x[rows], axis=1) & np.any(y[there], axis=1)
    return _Mutual(rows[mutual], there[mutual], n, m, len(rows) * min(1.0, m / n))


def _in_place(pair: _Mutual) -> int:
    """How many of them stand at the same place."""
    if min(pair.n, pair.m) < LONG:
        apart = np.abs((pair.here + 0.5) / pair.n - (pair.there + 0.5) / pair.m)
        return int(np.count_nonzero(apart <= max(WINDOW, AT_LEAST / max(pair.n, pair.m))))
    here, there = np.diff(pair.here), np.diff(pair.there)
    follows = (here <= HERE) & (there >= 1) & (there <= THERE)
    return int(np.count_nonzero(np.append(follows, False) | np.append(False, follows)))
