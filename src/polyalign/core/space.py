"""Space, Map and MapPair: words or sentences as vectors, and linear maps from one space to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_lines, write_lines, write_text
from polyalign.core.jit import F32, frozen

#: How vectors are normalised before they are mapped, unless said otherwise.
NORMALIZE = ("unit", "center", "unit")


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Named vectors.

    Args:
        words: The n names, each once.
        vectors: One row each, shape (n, d), finite.

    Raises:
        ValueError: Numbers of names and rows differ, or a value is not finite.
    """

    words: tuple[str, ...]
    vectors: F32

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", frozen(self.vectors, np.float32))
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words):
            raise ValueError(
                f"Space: {len(self.words)} names and vectors of shape {self.vectors.shape}; expected one row a name"
            )
        if not np.isfinite(self.vectors).all():
            raise ValueError("Space: every value must be finite")

    def save(self, folder: Path) -> None:
        """Write ``words.txt`` and ``vectors.npy``."""
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(folder / "words.txt", list(self.words))
        with open_output(folder / "vectors.npy") as file:
            np.save(file, self.vectors)

    @classmethod
    def load(cls, folder: Path) -> Space:
        """Read what `save` wrote; the vectors stay on disk until used.

        Raises:
            DataError: A file is missing or the two do not fit.
        """
        words = tuple(read_lines(folder / "words.txt"))
        try:
            return cls(words, np.load(folder / "vectors.npy", mmap_mode="r"))
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{folder}: not a saved space ({error})") from None


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A linear map from one space into another that brings its own normalisation.

    A row x is taken through the steps of ``normalize``, multiplied, ``y = x @ matrix``, and scaled to length 1.

    Args:
        matrix: Shape (d_in, d_out).
        mean: What ``center`` subtracts, shape (d_in,).
        normalize: Steps before the product, in order: ``unit`` scales rows to length 1, ``center`` subtracts the mean.

    Raises:
        ValueError: The shapes do not fit, a value is not finite, or a step is unknown or centres twice.
    """

    matrix: F32
    mean: F32
    normalize: tuple[str, ...] = NORMALIZE

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen(self.matrix, np.float32))
        object.__setattr__(self, "mean", frozen(self.mean, np.float32))
        check_steps(self.normalize)
        if self.matrix.ndim != 2 or self.mean.shape != self.matrix.shape[:1]:
            raise ValueError(
                f"Map: matrix of shape {self.matrix.shape} and mean of shape {self.mean.shape}; expected (d_in, d_out) and (d_in,)"
            )
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.mean).all()):
            raise ValueError("Map: every value must be finite")

    def __call__(self, space: Space) -> Space:
        """The space mapped, names unchanged."""
        return Space(space.words, self.vectors(space.vectors))

    def vectors(self, x: F32) -> F32:
        """Rows mapped, shape (n, d_out), each of length 1 (or 0).

        Raises:
            DataError: The rows have not the length that the map takes.
        """
        if x.ndim != 2 or x.shape[1] != len(self.matrix):
            raise DataError(
                f"map: found vectors of shape {x.shape}, expected (n, {len(self.matrix)}); it was fitted to another space"
            )
        return unit(normalized(x, self.normalize, self.mean)[0] @ self.matrix)

    @classmethod
    def normalizing(cls, mean: F32, normalize: tuple[str, ...]) -> Map:
        """The map that only normalises."""
        return cls(np.eye(len(mean), dtype=np.float32), mean, normalize)

    @property
    def deviation(self) -> float:
        """How far the matrix W is from a scaled rotation: ``min_c ||W'W - c I|| / ||W'W||``, 0 for one, below 1."""
        gram = self.matrix.T.astype(np.float64) @ self.matrix
        norm = float(np.linalg.norm(gram))
        return float(np.linalg.norm(gram - np.eye(len(gram)) * np.trace(gram) / len(gram))) / norm if norm else 0.0

    def save(self, folder: Path) -> None:
        """Write ``matrix.npy``, ``mean.npy`` and ``map.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in (("matrix", self.matrix), ("mean", self.mean)):
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        write_text(folder / "map.json", json.dumps({"normalize": self.normalize}))

    @classmethod
    def load(cls, folder: Path) -> Map:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        try:
            steps = tuple(json.loads((folder / "map.json").read_text(encoding="utf-8"))["normalize"])
            return cls(np.load(folder / "matrix.npy"), np.load(folder / "mean.npy"), steps)
        except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
            raise DataError(f"{folder}: not a saved map ({error})") from None


@dataclass(frozen=True, slots=True, eq=False)
class MapPair:
    """Two maps, of a source and a target space, into one space in which translations are near each other.

    Args:
        src: Maps the source space.
        tgt: Maps the target space.

    Raises:
        ValueError: They do not lead into spaces of one dimension.
    """

    src: Map
    tgt: Map

    def __post_init__(self) -> None:
        dims = self.src.matrix.shape[1], self.tgt.matrix.shape[1]
        if dims[0] != dims[1]:
            raise ValueError(f"MapPair: maps into spaces of {dims[0]} and {dims[1]} dimensions; expected as many")

    def __call__(self, src: Space, tgt: Space) -> tuple[Space, Space]:
        """Both spaces mapped."""
        return self.src(src), self.tgt(tgt)

    def save(self, folder: Path) -> None:
        """Write the two maps to the folders ``src`` and ``tgt``."""
        self.src.save(folder / "src")
        self.tgt.save(folder / "tgt")

    @classmethod
    def load(cls, folder: Path) -> MapPair:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged, or the two maps are not of one pair.
        """
        try:
            return cls(Map.load(folder / "src"), Map.load(folder / "tgt"))
        except ValueError as error:
            raise DataError(f"{folder}: not a saved pair of maps ({error})") from None


def check_steps(steps: Sequence[str]) -> None:
    """Refuse steps of normalisation that a `Map` cannot repeat.

    Raises:
        ValueError: A step is unknown, or there is more than one ``center``.
    """
    for step in steps:
        if step not in ("unit", "center"):
            raise ValueError(f"normalize: found the step {step!r}, expected unit or center")
    if list(steps).count("center") > 1:
        raise ValueError("normalize: found center more than once; a map keeps one mean")


def normalized(x: F32, steps: Sequence[str], mean: F32 | None = None) -> tuple[F32, F32]:
    """Rows taken through steps of normalisation, and the mean that was subtracted (zeros if none was).

    Rows of zeros, words that have no vector, stay and count for nothing.

    Args:
        x: Shape (n, d).
        steps: ``unit`` scales rows to length 1, ``center`` subtracts the mean.
        mean: What to subtract, shape (d,); by default the mean of the rows at that step.

    Example:
        >>> y, mean = normalized(np.array([[2, 0], [0, 4]], np.float32), ("unit", "center"))
        >>> y.tolist(), mean.tolist()
        ([[0.5, -0.5], [-0.5, 0.5]], [0.5, 0.5])
    """
    x = np.asarray(x, np.float32)
    there = x.any(axis=1, keepdims=True)
    used = np.zeros(x.shape[1], np.float32)
    for step in steps:
        if step == "unit":
            x = unit(x)
        else:
            # In float64: a million terms of float32 would lose three digits.
            total = x.sum(axis=0, dtype=np.float64) / max(int(there.sum()), 1) if mean is None else mean
            used = np.asarray(total, np.float32)
            x = np.where(there, x - used, np.float32(0))
    return x, used


def unit(x: F32) -> F32:
    """Rows scaled to length 1; rows of zeros stay."""
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm == 0, 1, norm), np.float32)
