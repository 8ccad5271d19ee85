"""VecMap: whitened, re-weighted maps, and dictionaries that teach themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32, F64, I32
from polyalign.core.space import NORMALIZE, Map, MapPair, Space, check_steps, normalized
from polyalign.spaces import seeds as known
from polyalign.spaces.map.vecmap_learn import Learning, Pairs, unsupervised


@dataclass(frozen=True, slots=True)
class VecMap:
    """Map both spaces into one in which the directions that translations share weigh most.

    With X, Y the normalised vectors of the dictionary's words: whiten, ``X (X'X)^-1/2``; rotate by the singular vectors of
    the whitened ``X'Y = U S V'``; re-weight by ``S^reweight``; de-whiten by each side's own covariance. Self-learning first
    makes the dictionary: rotate by it, translate every word of both sides by CSLS, begin again; similarities are dropped at
    random, ever fewer, so as not to be caught in a bad solution. Presets: supervised, semi_supervised, identical,
    unsupervised.

    **Differs:** dropped similarities are never chosen (VecMap makes them 0, greater than negative ones), and are dropped
    among the nearest words only; the covariances are shrunk, without which (``shrinkage=0``) the map is worse than a rotation
    where seeds are few; whitening leaves out directions that no word of the dictionary has.

    Args:
        initialization: The dictionary to begin with: the seeds given, words or numerals written the same on both sides, or
            none, words being matched by their similarities within their own language.
        self_learning: Whether to make the dictionary better before the map is fitted to it.
        normalize: Steps both spaces are taken through first: unit scales words to length 1, center subtracts the mean.
        whiten: Whether to whiten.
        reweight: The power of the singular values that both sides are multiplied by; 0 for none.
        dewhiten: Whether to de-whiten.
        shrinkage: Share of the covariance, before whitening, that is taken from one that is the same in all directions;
            helps where seeds are few.
        dimensions: Strongest shared directions kept, before de-whitening; 0 for all.
        vocabulary: Most frequent words of each side that self-learning looks at, 0 for all.
        start_words: Most frequent words of each side that an unsupervised dictionary begins with.
        neighbours: Nearest words that the means of CSLS are taken over.
        keep: Share of the similarities that are kept at first; 1 drops none.
        growth: What that share is multiplied by when there is no gain.
        patience: Iterations without gain after which it is.
        threshold: The least gain of the mean cosine of words to their nearest translation that counts as one.
        seed: Of what is dropped.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(m d^2 + d^3) for m seeds; an iteration of self-learning O(n^2 d) for n words a side.

    References: artetxe2018generalizing, artetxe2018robust

    Example:
        >>> random = np.random.default_rng(1)
        >>> x, turn = random.normal(size=(50, 5)), np.linalg.qr(random.normal(size=(5, 5)))[0]
        >>> words = tuple(map(str, range(50)))
        >>> maps = VecMap(initialization="identical").fit(Space(words, x), Space(words, x @ turn))
        >>> bool((maps.src.vectors(x) * maps.tgt.vectors(x @ turn)).sum(axis=1).min() > 0.999)
        True
    """

    initialization: Literal["seeds", "identical", "numerals", "unsupervised"] = "seeds"
    self_learning: bool = False
    normalize: tuple[str, ...] = NORMALIZE
    whiten: bool = True
    reweight: float = 0.5
    dewhiten: bool = True
    shrinkage: float = 0.3
    dimensions: int = 0
    vocabulary: int = 20_000
    start_words: int = 4000
    neighbours: int = 10
    keep: float = 0.1
    growth: float = 2.0
    patience: int = 50
    threshold: float = 1e-6
    seed: int = 1

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        for name in ("start_words", "neighbours", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("reweight", "dimensions", "vocabulary", "threshold"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be above 0 and at most 1, found {self.keep}")
        if not self.growth > 1:
            raise ValueError(f"growth must be above 1, found {self.growth}")
        if not 0 <= self.shrinkage <= 1:
            raise ValueError(f"shrinkage must be from 0 to 1, found {self.shrinkage}")
        if self.dewhiten and not self.whiten:
            raise ValueError("dewhiten needs whiten; set dewhiten to false as well")

    def fit(self, src: Space, tgt: Space, seeds: I32 | None = None) -> MapPair:
        """Learn both maps.

        Args:
            src: Source space, most frequent words first.
            tgt: Target space, likewise, of the same dimension.
            seeds: Rows of words known to translate each other, shape (m, 2); only for the initialization seeds.

        Returns:
            The maps of the two spaces.

        Raises:
            ConfigError: There are no seeds, or no words that are written the same; seeds are given and not to be used; or
                spaces of different dimension are to learn without them.
            DataError: The seeds are no rows of these spaces.
        """
        x, src_mean = normalized(src.vectors, self.normalize)
        y, tgt_mean = normalized(tgt.vectors, self.normalize)
        src_rows, tgt_rows = self.dictionary(src, tgt, x, y, seeds)
        matrices = self.matrices(x[src_rows], y[tgt_rows])
        return MapPair(Map(matrices[0], src_mean, self.normalize), Map(matrices[1], tgt_mean, self.normalize))

    def dictionary(self, src: Space, tgt: Space, x: F32, y: F32, seeds: I32 | None) -> Pairs:
        """Rows of the words that the maps are fitted to; arguments as of `fit`, x and y normalised."""
        cut_x, cut_y = (side[: self.vocabulary or len(side)] for side in (x, y))
        if self.initialization == "unsupervised":
            self._without(seeds)
            pairs = unsupervised(cut_x, cut_y, self.start_words, self.neighbours, self.normalize)
        else:
            pairs = self._begin(src, tgt, seeds)
        if not self.self_learning:
            return pairs
        inside = (pairs[0] < len(cut_x)) & (pairs[1] < len(cut_y))
        if not inside.any():
            raise ConfigError(
                f"spaces.map/vecmap: found no pair to begin with among the {self.vocabulary:,} most frequent words of both "
                "sides, expected some; raise vocabulary"
            )
        learning = Learning(self.neighbours, self.keep, self.growth, self.patience, self.threshold, self.seed)
        return learning.learn(cut_x, cut_y, (pairs[0][inside], pairs[1][inside]))

    def matrices(self, x: F32, y: F32) -> tuple[F32, F32]:
        """The matrices of the two maps, fitted to normalised vectors of the dictionary's words, shape (m, d)."""
        down_x, up_x = self._white(np.asarray(x, np.float64))
        down_y, up_y = self._white(np.asarray(y, np.float64))
        u, s, vt = np.linalg.svd(down_x @ (x.T @ y) @ down_y, full_matrices=False)
        d = self.dimensions or len(s)
        u, s, v = u[:, :d], s[:d] ** self.reweight, vt[:d].T
        a, b = down_x @ u * s, down_y @ v * s
        if self.dewhiten:
            a, b = a @ (u.T @ up_x @ u), b @ (v.T @ up_y @ v)
        return np.asarray(a, np.float32), np.asarray(b, np.float32)

    def _white(self, x: F64) -> tuple[F64, F64]:
        """What whitens a side and what takes it back: its covariance to the power -1/2 and 1/2, or nothing."""
        if not self.whiten:
            return np.eye(x.shape[1]), np.eye(x.shape[1])
        values, vectors = np.linalg.eigh(x.T @ x)
        values = (1 - self.shrinkage) * np.maximum(values, 0) + self.shrinkage * values.mean()
        # Directions without variance are left out; what is there of them is rounding.
        root = np.sqrt(np.where(values > values.max() * 1e-10, values, 0))
        inverse = np.where(root > 0, 1 / np.where(root > 0, root, 1), 0)
        return vectors * inverse @ vectors.T, vectors * root @ vectors.T

    def _begin(self, src: Space, tgt: Space, seeds: I32 | None) -> Pairs:
        if self.initialization == "seeds":
            return known.checked(src, tgt, seeds, "spaces.map/vecmap")
        self._without(seeds)
        words = (known.identical if self.initialization == "identical" else known.numerals)(src, tgt)
        if len(words) == 0:
            raise ConfigError(
                f"spaces.map/vecmap: found no {self.initialization} words in {len(src.words)} source and {len(tgt.words)} "
                "target words, expected some to begin with; give seeds, or set initialization to unsupervised"
            )
        return words[:, 0], words[:, 1]

    def _without(self, seeds: I32 | None) -> None:
        if seeds is not None:
            raise ConfigError(
                f"spaces.map/vecmap: found seeds, and initialization {self.initialization}, which uses none; leave them out, "
                "or set initialization to seeds"
            )
