"""Language neutrality: vectors of sentences without what they say of the language they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F32, F64
from polyalign.core.space import Map
from polyalign.spaces.map.procrustes import rotation

#: What all of these take their vectors through: length 1, then less the mean of their language.
STEPS = ("unit", "center")


@dataclass(frozen=True, slots=True)
class Centre:
    """Subtract from each language's vectors their mean; needs no parallel text.

    **Differs:** means are not drawn towards each other, as `polyalign.encoders.centre` does for short texts.

    References: libovicky2020language

    Example:
        >>> x = np.array([[1, 0.5], [1, -0.5]], np.float32)
        >>> Centre().fit({"deu_Latn": x, "eng_Latn": -x})["deu_Latn"].vectors(x).round(2).tolist()
        [[0.0, 1.0], [0.0, -1.0]]
    """

    def fit(self, vectors: Mapping[str, F32]) -> dict[str, Map]:
        """Learn one map a language.

        Args:
            vectors: Of sentences of each language, any sentences, shape (n_l, d).

        Raises:
            DataError: A language has no vectors, or they differ in dimension.

        Complexity: O(n d).
        """
        means = _means(vectors, "spaces.neutral/centre")
        return {lang: Map.normalizing(mean, STEPS) for lang, mean in means.items()}


@dataclass(frozen=True, slots=True)
class Projection:
    """Project each language onto a pivot with a linear map fitted to parallel sentences.

    With X, Y the centred vectors of sentences and of their translations in the pivot language: least squares,
    ``W = (X'X + ridge n / d I)^-1 X'Y``, or the orthogonal W of Procrustes, which keeps angles.

    Args:
        pivot: The language that the others are projected onto.
        kind: least-squares, or orthogonal for few sentences.
        ridge: What is added to the diagonal, as a multiple of its mean; keeps least squares from following noise where
            there are few sentences.

    Raises:
        ValueError: The ridge is negative.

    References: libovicky2020language

    Example:
        >>> y, turn = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[1, 2, 0]]
        >>> maps = Projection(pivot="eng_Latn", kind="orthogonal").fit({"eng_Latn": y, "deu_Latn": y @ turn})
        >>> bool(np.allclose(maps["deu_Latn"].vectors(y @ turn), maps["eng_Latn"].vectors(y), atol=1e-5))
        True
    """

    pivot: str = "eng_Latn"
    kind: Literal["least-squares", "orthogonal"] = "least-squares"
    ridge: float = 0.1

    def __post_init__(self) -> None:
        if not self.ridge >= 0:
            raise ValueError(f"ridge must not be negative, found {self.ridge}")

    def fit(self, vectors: Mapping[str, F32]) -> dict[str, Map]:
        """Learn one map a language; that of the pivot only centres.

        Args:
            vectors: Of parallel sentences: row i of each language translates row i of the others, shape (n, d).

        Raises:
            ConfigError: There are no vectors of the pivot.
            DataError: As `Centre.fit`, or the languages have different numbers of sentences.

        Complexity: O(n d^2 + d^3) a language.
        """
        if self.pivot not in vectors:
            raise ConfigError(
                f"spaces.neutral/projection: no vectors of {self.pivot}, found {', '.join(vectors) or 'none'}; name the pivot "
                "as one of them"
            )
        sizes = {lang: len(x) for lang, x in vectors.items()}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{n} of {lang}" for lang, n in sizes.items())
            raise DataError(f"spaces.neutral/projection: found {found}, expected as many; rows translate each other")
        centred = Centre().fit(vectors)
        y = centred[self.pivot].vectors(vectors[self.pivot])
        out = dict(centred)
        for lang in vectors:
            if lang != self.pivot:
                x = centred[lang].vectors(vectors[lang])
                out[lang] = Map(self._fitted(x, y), centred[lang].mean, (*STEPS, "unit"))
        return out

    def _fitted(self, x: F32, y: F32) -> F32:
        if self.kind == "orthogonal":
            return rotation(x.T @ y)
        gram = (x.T @ x).astype(np.float64)
        gram += np.eye(len(gram)) * max(self.ridge * float(np.trace(gram)) / len(gram), 1e-9)
        return np.asarray(np.linalg.solve(gram, (x.T @ y).astype(np.float64)), np.float32)


@dataclass(frozen=True, slots=True)
class Directions:
    """Remove the directions in which the means of languages differ.

    The means of L languages lie in a space of L - 1 dimensions. Its leading directions V, by singular value
    decomposition of the means less their own mean, are taken out: ``x (I - V V')``. Where all are, languages have one mean.

    **Differs:** Xie et al. leave a part that the means share out of the decomposition, which their own mean comes close to.

    Args:
        directions: How many, 0 for all L - 1.

    Raises:
        ValueError: The number is negative.

    References: xie2022discovering, libovicky2020language

    Example:
        >>> x = np.array([[1, 0, 0.1], [0, 1, 0.1]], np.float32)
        >>> y = x * np.float32([1, 1, -1])
        >>> maps = Directions().fit({"deu_Latn": x, "eng_Latn": y})
        >>> bool(np.allclose(maps["deu_Latn"].vectors(x), maps["eng_Latn"].vectors(y)))
        True
    """

    directions: int = 0

    def __post_init__(self) -> None:
        if self.directions < 0:
            raise ValueError(f"directions must not be negative, found {self.directions}")

    def fit(self, vectors: Mapping[str, F32]) -> dict[str, Map]:
        """Learn one map for all languages; that of any serves a language that was not there.

        Args:
            vectors: Of sentences of each language, any sentences, shape (n_l, d).

        Raises:
            DataError: As `Centre.fit`; or only one language.

        Complexity: O(n d + L^2 d).
        """
        means = _means(vectors, "spaces.neutral/directions")
        if len(means) < 2:
            raise DataError(
                "spaces.neutral/directions: found one language, expected two or more; give vectors of others"
            )
        stacked = np.stack(list(means.values())).astype(np.float64)
        _, s, axes = np.linalg.svd(stacked - stacked.mean(axis=0), full_matrices=False)
        rank = int(np.count_nonzero(s > s[0] * 1e-6)) if s[0] > 0 else 0
        gone = axes[: min(self.directions or rank, rank)]
        one = Map(_without(gone, stacked.shape[1]), np.zeros(stacked.shape[1], np.float32), ("unit",))
        return dict.fromkeys(means, one)


@dataclass(frozen=True, slots=True)
class AllButTheTop:
    """Subtract from each language's vectors their mean and their leading principal components.

    What all vectors of a language share tells none of them from another: their mean, and the few directions along which they
    vary most, V: ``(x - mean) (I - V V')``.

    **Differs:** Yang et al. remove components without subtracting the mean, which is then the first of them.

    Args:
        components: How many; the paper takes a hundredth of the dimensions for words. 0 is centring.

    Raises:
        ValueError: The number is negative.

    References: mu2018allbutthetop, yang2021simple

    Example:
        >>> x = np.array([[3, 1, 0], [-3, 1, 0], [0, -1, 0.2], [0, -1, -0.2]], np.float32)
        >>> bool(abs(AllButTheTop(components=1).fit({"deu_Latn": x})["deu_Latn"].vectors(x)[:, 0]).max() < 0.01)
        True
    """

    components: int = 2

    def __post_init__(self) -> None:
        if self.components < 0:
            raise ValueError(f"components must not be negative, found {self.components}")

    def fit(self, vectors: Mapping[str, F32]) -> dict[str, Map]:
        """Learn one map a language.

        Args:
            vectors: Of sentences of each language, any sentences, shape (n_l, d).

        Raises:
            DataError: As `Centre.fit`.

        Complexity: O(n d^2 + d^3) a language.
        """
        out = {}
        for lang, mean in _means(vectors, "spaces.neutral/all-but-the-top").items():
            y = _unit64(vectors[lang]) - mean
            _, axes = np.linalg.eigh(y.T @ y)
            out[lang] = Map(_without(axes[:, ::-1].T[: self.components], len(mean)), mean, STEPS)
        return out


def _means(vectors: Mapping[str, F32], where: str) -> dict[str, F32]:
    shapes = {lang: x.shape for lang, x in vectors.items()}
    if not shapes or not all(len(s) == 2 and s[0] for s in shapes.values()) or len({s[1] for s in shapes.values()}) > 1:
        raise DataError(f"{where}: found vectors of shapes {shapes}, expected rows in every language, of one length")
    if bad := [lang for lang, x in vectors.items() if not np.isfinite(x).all()]:
        raise DataError(f"{where}: found a vector of {bad[0]} that is not finite; check what it was made from")
    return {lang: _unit64(x).mean(axis=0).astype(np.float32) for lang, x in vectors.items()}


def _unit64(x: F32) -> F64:
    """Rows of length 1; those of zeros, which stand for nothing, left out."""
    some: F64 = np.asarray(x[x.any(axis=1)], np.float64)
    return some / np.linalg.norm(some, axis=1, keepdims=True) if len(some) else np.zeros((1, x.shape[1]))


def _without(axes: F64, d: int) -> F32:
    return np.asarray(np.eye(d) - axes.T @ axes, np.float32)
