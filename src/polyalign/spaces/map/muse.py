"""MUSE's refinement: dictionary and rotation in turn, and a measure of maps that needs no dictionary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32
from polyalign.core.progress import track
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps
from polyalign.encoders.margin import mean_cosine
from polyalign.encoders.neighbours import Near, nearest_both
from polyalign.spaces.map.procrustes import Procrustes, rotation

#: Translations that CSLS chooses from, as a multiple of its neighbours.
CHOICES = 2


@dataclass(frozen=True, slots=True)
class Muse:
    """Refine a map: words that choose each other as translations make a dictionary, the dictionary a better rotation.

    Begins with the rotation from the seeds (`fit`) or with any map (`refine`). Each round translates by CSLS in both
    directions, keeps pairs that chose each other and of which both words are frequent, and solves Procrustes for them. Of all
    rotations on the way, the first among them, the one with the best unsupervised criterion is returned: the mean cosine of
    the most frequent source words to their translations by CSLS, which needs no dictionary.

    **Differs:** no adversarial start: it is the unstable part, needs a GPU, and vecmap with initialization unsupervised or
    wasserstein do its work; refine what they give.

    Args:
        rounds: Dictionaries made.
        max_rank: Only words among that many most frequent of their language get into a dictionary, 0 for all.
        mutual: Whether a pair must choose each other; else every source word's translation counts.
        neighbours: Nearest words that the means of CSLS are taken over.
        judged: Most frequent source words that the criterion looks at.
        vocabulary: Most frequent words of each side that are compared, 0 for all.
        normalize: Steps both spaces are taken through before the rotation from seeds: unit, center.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(n m d) a round.

    References: conneau2018word

    Example:
        >>> random = np.random.default_rng(1)
        >>> x, turn = random.normal(size=(60, 5)), np.linalg.qr(random.normal(size=(5, 5)))[0]
        >>> words = tuple(map(str, range(60)))
        >>> few = np.array([[k, k] for k in range(4)])
        >>> maps = Muse().fit(Space(words, x), Space(words, x @ turn), few)
        >>> bool((maps.src.vectors(x) * maps.tgt.vectors(x @ turn)).sum(axis=1).min() > 0.999)
        True
    """

    rounds: int = 5
    max_rank: int = 15_000
    mutual: bool = True
    neighbours: int = 10
    judged: int = 10_000
    vocabulary: int = 200_000
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("neighbours", "judged"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("rounds", "max_rank", "vocabulary"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Rotate by the seeds, then refine.

        Args:
            src: Source space, most frequent words first.
            tgt: Target space, likewise.
            seeds: Rows of words known to translate each other, shape (m, 2).

        Raises:
            ConfigError: There are no seeds.
            DataError: The seeds are no rows of these spaces.
        """
        return self.refine(src, tgt, Procrustes(self.normalize).fit(src, tgt, seeds))

    def refine(self, src: Space, tgt: Space, start: MapPair) -> MapPair:
        """A better map than one that is there already, whichever method made it.

        Args:
            src: Source space, most frequent words first.
            tgt: Target space, likewise.
            start: The map to begin with.

        Raises:
            DataError: The map is of other spaces.
        """
        cut = self.vocabulary or max(len(src.words), len(tgt.words))
        x, y = start.src.vectors(src.vectors[:cut]), start.tgt.vectors(tgt.vectors[:cut])
        turn = np.asarray(start.src.matrix @ self.rotation(x, y), np.float32)
        return MapPair(Map(turn, start.src.mean, start.src.normalize), start.tgt)

    def rotation(self, x: F32, y: F32) -> F32:
        """What brings mapped source vectors closer to mapped target vectors, shape (d, d)."""
        best = turn = np.eye(x.shape[1], dtype=np.float32)
        highest = -np.inf
        with track("refine", total=self.rounds, unit="rounds") as progress:
            for number in range(self.rounds + 1):
                near = nearest_both(x @ turn, y, CHOICES * self.neighbours)
                forward, backward = chosen(near, self.neighbours)
                height = _criterion(near[0], forward, self.judged)
                if height > highest:
                    highest, best = height, turn
                if number == self.rounds:
                    break
                rows = np.arange(len(x))
                kept = np.flatnonzero(backward[forward] == rows) if self.mutual else rows
                if self.max_rank:
                    kept = kept[(kept < self.max_rank) & (forward[kept] < self.max_rank)]
                if len(kept) == 0:
                    break
                turn = rotation(x[kept].T @ y[forward[kept]])
                progress.advance()
        return best


def chosen(near: tuple[Near, Near], neighbours: int) -> tuple[I32, I32]:
    """The translation by CSLS of every source word and of every target word, among their nearest.

    Args:
        near: Nearest targets of each source word, and nearest sources of each target word.
        neighbours: k of CSLS.
    """
    crowd = [mean_cosine(cosines[:, :neighbours]) for cosines, _ in near]
    return _best(near[0], crowd[1]), _best(near[1], crowd[0])


def _best(near: Near, crowd: F64) -> I32:
    at = (near[0] - crowd[near[1]] / 2).argmax(axis=1)
    return np.asarray(near[1][np.arange(len(at)), at], np.int32)


def criterion(src: F32, tgt: F32, *, words: int = 10_000, neighbours: int = 10) -> float:
    """How good a map is as far as one can tell without a dictionary: to choose between maps of the same two spaces.

    Args:
        src: Mapped source vectors, most frequent words first, unit rows, shape (n, d).
        tgt: Mapped target vectors, shape (m, d).
        words: How many source words are looked at.
        neighbours: k of CSLS.

    Returns:
        The mean cosine of source words to their translations by CSLS.

    Raises:
        DataError: A space is empty.

    References: conneau2018word

    Example:
        >>> x = np.eye(4, dtype=np.float32)
        >>> criterion(x, x[::-1]), round(criterion(x, (x + 1) / np.sqrt(7, dtype=np.float32)), 2)
        (1.0, 0.76)
    """
    if not (len(src) and len(tgt)):
        raise DataError(
            f"spaces: found {len(src)} source and {len(tgt)} target words, expected some; give other spaces"
        )
    near = nearest_both(src, tgt, CHOICES * neighbours)
    return _criterion(near[0], chosen(near, neighbours)[0], words)


def _criterion(near: Near, chosen: I32, words: int) -> float:
    at = (near[1][:words] == chosen[:words, None]).argmax(axis=1)
    cosines = np.take_along_axis(near[0][:words], at[:, None], axis=1)
    return float(cosines.mean(dtype=np.float64))
