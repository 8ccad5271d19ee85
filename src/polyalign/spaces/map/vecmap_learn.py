"""Self-learning: a dictionary from the map and the map from the dictionary, in turn, and a dictionary to begin with.

References: artetxe2018robust
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, F64, I32, Mask
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.core.space import normalized
from polyalign.encoders.margin import mean_cosine
from polyalign.encoders.neighbours import Near, nearest_both
from polyalign.spaces.map.procrustes import rotation

#: Source and target rows of a dictionary's entries.
Pairs = tuple[I32, I32]

#: Share of words that may find all of their candidates dropped, and get no translation in that iteration.
UNLUCKY = 0.01


@dataclass(frozen=True, slots=True)
class Learning:
    """How a dictionary is made better.

    Args:
        neighbours: k of CSLS.
        keep: Share of similarities that are kept at first.
        growth: What the share is multiplied by when nothing gets better.
        patience: Iterations without gain before that.
        threshold: The least gain of the mean best cosine that counts.
        seed: Of what is dropped.
    """

    neighbours: int
    keep: float
    growth: float
    patience: int
    threshold: float
    seed: int

    def learn(self, x: F32, y: F32, pairs: Pairs) -> Pairs:
        """Alternate between map and dictionary until nothing gets better with all similarities kept.

        Args:
            x: Normalised source vectors, shape (n, d).
            y: Normalised target vectors, shape (m, d).
            pairs: The dictionary to begin with.

        Returns:
            The dictionary: the translation of every source word, then that of every target word, so that those who
            choose each other count twice.

        Complexity: O(n m d) for an iteration, one product that serves both directions.
        """
        keep, best, since, iteration = self.keep, -np.inf, 0, 0
        with track("map", unit="iterations") as progress:
            while True:
                found, gain = self.step(x, y, pairs, keep, iteration)
                since += 1
                if gain >= best + self.threshold:
                    best, since = gain, 0
                elif since > self.patience:
                    if keep >= 1:
                        return found
                    keep, since = min(1.0, keep * self.growth), 0
                pairs, iteration = found, iteration + 1
                progress.advance()

    def step(self, x: F32, y: F32, pairs: Pairs, keep: float, iteration: int) -> tuple[Pairs, float]:
        """Rotate by a dictionary and make the next one; it, and the mean cosine of all words to their nearest translation.

        Args:
            x: Normalised source vectors.
            y: Normalised target vectors.
            pairs: The dictionary.
            keep: Share of similarities that are kept.
            iteration: Number of the step, which what is dropped depends on.
        """
        turned = x @ rotation(x[pairs[0]].T @ y[pairs[1]])
        near = nearest_both(turned, y, self.candidates(keep))
        gain = sum(float(cosines[:, 0].mean(dtype=np.float64)) for cosines, _ in near) / 2
        if keep >= 1:
            return induce(near, self.neighbours), gain
        random = generator(self.seed, f"vecmap {iteration}")
        kept = [np.asarray(random.random(cosines.shape, np.float32) < keep, np.bool_) for cosines, _ in near]
        return induce(near, self.neighbours, (kept[0], kept[1])), gain

    def candidates(self, keep: float) -> int:
        """How many of the nearest words must be known for one of them to be kept, all but always."""
        needed = 0 if keep >= 1 else int(np.ceil(np.log(UNLUCKY) / np.log1p(-keep)))
        return max(2 * self.neighbours, needed)


def induce(near: tuple[Near, Near], neighbours: int, kept: tuple[Mask, Mask] | None = None) -> Pairs:
    """Translate every source word and every target word by CSLS.

    Args:
        near: Nearest targets of each source word, and nearest sources of each target word.
        neighbours: k of CSLS.
        kept: Which of those may be chosen; a word of which none may gets no translation.
    """
    means = [mean_cosine(c[:, :neighbours]) for c, _ in near]
    (a, b), (d, c) = (_best(near[i], means[1 - i], None if kept is None else kept[i]) for i in (0, 1))
    return np.concatenate([a, c]), np.concatenate([b, d])


def _best(near: Near, crowd: F64, kept: Mask | None) -> Pairs:
    """Rows with a choice, and what they choose."""
    scores = near[0] - (crowd[near[1]] / 2).astype(np.float32)
    if kept is not None:
        scores = np.where(kept, scores, -np.inf)
    at = scores.argmax(axis=1)
    rows = np.arange(len(at))
    some = np.isfinite(scores[rows, at])
    return rows[some].astype(np.int32), near[1][rows, at][some]


def unsupervised(x: F32, y: F32, words: int, neighbours: int, steps: Sequence[str]) -> Pairs:
    """A dictionary from nothing: words whose similarities to the words of their own language are distributed alike.

    Of the most frequent words of each side, the similarities of every word, ``sqrt(XX')``, sorted, are its vector; the
    nearest by CSLS of the other side its translation.

    Args:
        x: Normalised source vectors, most frequent words first, shape (n, d).
        y: Normalised target vectors, shape (m, d).
        words: How many words.
        neighbours: k of CSLS.
        steps: Steps of normalisation.

    Complexity: O(w^3) for w words.
    """
    n = min(words, len(x), len(y))
    sides = []
    for side in (x[:n], y[:n]):
        u, s, _ = np.linalg.svd(side, full_matrices=False)
        similar = np.asarray((u * s) @ u.T, np.float32)
        similar.sort(axis=1)
        sides.append(normalized(similar, steps)[0])
    return induce(nearest_both(sides[0], sides[1], max(2 * neighbours, 1)), neighbours)
