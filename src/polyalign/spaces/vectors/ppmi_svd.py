"""Vectors by counting: positive pointwise mutual information, factored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.jit import F32, F64
from polyalign.core.progress import note, track
from polyalign.core.ragged import Ragged
from polyalign.core.rng import generator
from polyalign.core.space import Space
from polyalign.spaces.vectors.counted import count

#: Tokens whose neighbours are counted at a time.
BLOCK = 1 << 21
#: Directions looked for beyond those wanted, and rounds that sharpen them.
SPARE, ROUNDS = 30, 5


@dataclass(frozen=True, slots=True)
class PpmiSvd:
    """Train word vectors by factoring the positive pointwise mutual information of words and their neighbours.

    With n(w, c) the weighted number of times that c stands within the window around w,
    ``M(w, c) = max(0, log n(w, c) n(.)_s / (n(w) n(c)^s) - log shift)``, where s smooths the counts of contexts. The best
    approximation of M with d dimensions is ``U S V'``; a word's vector is its row of ``U S^eigenvalue_weight``. Nothing is
    drawn at random that the seed, which is fixed, does not determine: the same text gives the same vectors.

    **Differs:** from Levy et al., the singular vectors come from a randomised range finder with power iterations, exact for
    the leading ones and close for the last; rare words are dropped before windows are laid, as word2vec does; frequent
    words are not subsampled.

    Args:
        dimensions: Of a vector; fewer if there are fewer words.
        window: Words on either side that count as neighbours.
        decay: What a neighbour at distance i of a window of w counts: linear (w - i + 1) / w, harmonic 1 / i, flat 1.
        smoothing: The power s to which counts of contexts are raised; 1 is none.
        shift: Subtracted as log shift, what word2vec calls the number of negative samples; 1 is none.
        eigenvalue_weight: The power of the singular values.
        min_count: Occurrences a word needs.
        max_words: Most frequent words that get a vector, 0 for all.

    Raises:
        ValueError: A parameter out of range.

    References: levy2015improving, halko2011finding

    Example:
        >>> text = [["red", "apple"], ["red", "cherry"], ["blue", "sky"], ["blue", "sea"]] * 5
        >>> space = PpmiSvd(dimensions=3).fit(text)
        >>> x = dict(zip(space.words, space.vectors, strict=True))
        >>> bool(x["apple"] @ x["cherry"] > x["apple"] @ x["sea"])
        True
    """

    dimensions: int = 300
    window: int = 10
    decay: Literal["linear", "harmonic", "flat"] = "linear"
    smoothing: float = 0.75
    shift: float = 1.0
    eigenvalue_weight: float = 1.0
    min_count: int = 5
    max_words: int = 0

    def __post_init__(self) -> None:
        for name in ("dimensions", "window", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.max_words < 0:
            raise ValueError(f"max_words must not be negative, got {self.max_words}")
        if not 0 < self.smoothing <= 1:
            raise ValueError(f"smoothing must be above 0 and at most 1, got {self.smoothing}")
        if not self.shift > 0:
            raise ValueError(f"shift must be above 0, got {self.shift}")
        if not 0 <= self.eigenvalue_weight <= 1:
            raise ValueError(f"eigenvalue_weight must be from 0 to 1, got {self.eigenvalue_weight}")

    def fit(self, sentences: Iterable[Sequence[str]]) -> Space:
        """Vectors of a corpus's words.

        Args:
            sentences: The words of each sentence, or of each line; windows do not cross their ends. Read once.

        Returns:
            The words, most frequent first, and their vectors, not scaled to length 1. A word without neighbours has a
            vector of zeros.

        Raises:
            DataError: No word is frequent enough.

        Complexity: O(tokens window) for counting; O(cells d) for factoring, cells being pairs of words that are neighbours.
        """
        corpus = count(sentences, min_count=self.min_count, max_words=self.max_words, where="spaces.vectors/ppmi-svd")
        neighbours = self._neighbours(corpus.text, len(corpus.words))
        dimensions = min(self.dimensions, len(corpus.words))
        if dimensions < self.dimensions:
            note(f"ppmi-svd: {dimensions} words, so vectors have {dimensions} dimensions instead of {self.dimensions}")
        u, s = leading(self.ppmi(neighbours), dimensions)
        return Space(corpus.words, np.asarray(u * s**self.eigenvalue_weight, np.float32))

    def _neighbours(self, text: Ragged, words: int) -> Any:
        from scipy.sparse import csr_array

        total = csr_array((words, words), dtype=np.float32)
        ids = text.values
        owner = np.repeat(np.arange(len(text), dtype=np.int32), text.lengths)
        with track("count neighbours", total=len(ids), unit="words") as progress:
            for a in range(0, len(ids), BLOCK):
                rows, columns, weights = [], [], []
                for i in range(1, self.window + 1):
                    here = slice(a, max(a, min(a + BLOCK, len(ids) - i)))
                    there = slice(here.start + i, here.stop + i)
                    same = owner[here] == owner[there]
                    rows.append(ids[here][same])
                    columns.append(ids[there][same])
                    weights.append(np.full(len(rows[-1]), self._weight(i), np.float32))
                cells = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
                total = total + csr_array(cells, shape=(words, words))
                progress.advance(min(BLOCK, len(ids) - a))
        return (total + total.T).tocsr()

    def _weight(self, distance: int) -> float:
        if self.decay == "flat":
            return 1.0
        return 1 / distance if self.decay == "harmonic" else (self.window - distance + 1) / self.window

    def ppmi(self, neighbours: Any) -> Any:
        """Positive pointwise mutual information of weighted counts, both sparse and of shape (v, v)."""
        of_word: F64 = np.asarray(neighbours.sum(axis=1, dtype=np.float64)).ravel()
        of_context = of_word**self.smoothing
        out = neighbours.copy()
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = np.log(of_context.sum()) - np.log(of_word) - np.log(self.shift)
            columns = np.log(of_context)
        values = np.log(out.data) + np.repeat(rows, np.diff(out.indptr)) - columns[out.indices]
        out.data = np.maximum(values, 0).astype(np.float32)
        out.eliminate_zeros()
        return out


def leading(matrix: Any, dimensions: int) -> tuple[F32, F32]:
    """The leading left singular vectors and values of a sparse matrix.

    Args:
        matrix: Shape (n, m).
        dimensions: How many; at most min(n, m).

    Returns:
        Vectors, shape (n, dimensions), the greatest entry of each being positive, and values, falling.

    Complexity: O(cells d + n d^2).

    References: halko2011finding
    """
    from scipy.linalg import qr, svd

    width = min(dimensions + SPARE, *matrix.shape)
    transposed = matrix.T.tocsr()
    if width == min(matrix.shape):
        start = matrix.toarray()
    else:
        start = matrix @ generator(1, "ppmi-svd").standard_normal((matrix.shape[1], width), np.float32)
    basis = qr(start, mode="economic", check_finite=False)[0]
    for _ in range(ROUNDS):
        basis = qr(matrix @ (transposed @ basis), mode="economic", check_finite=False)[0]
    u, s, _ = svd((transposed @ basis).T, full_matrices=False, check_finite=False)
    u = (basis @ u)[:, :dimensions]
    signs = np.sign(np.take_along_axis(u, np.abs(u).argmax(axis=0)[None], axis=0))
    return np.asarray(u * signs, np.float32), np.asarray(s[:dimensions], np.float32)
