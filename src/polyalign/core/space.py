"""Space and Map: words or sentences as vectors, and a linear map from one space to another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_lines, write_lines, write_text
from polyalign.core.jit import F32, frozen


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
    """A linear map between spaces that brings its own normalisation.

    Args:
        matrix: Shape (d, d); a row vector x is mapped to ``x @ matrix``.
        mean: Subtracted first, shape (d,).
        unit: Whether vectors are scaled to length 1 before and after.
    """

    matrix: F32
    mean: F32
    unit: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen(self.matrix, np.float32))
        object.__setattr__(self, "mean", frozen(self.mean, np.float32))

    def __call__(self, space: Space) -> Space:
        """The space mapped, names unchanged."""
        x = np.asarray(space.vectors - self.mean, np.float32)
        y = np.asarray((unit(x) if self.unit else x) @ self.matrix, np.float32)
        return Space(space.words, unit(y) if self.unit else y)

    def save(self, folder: Path) -> None:
        """Write ``matrix.npy``, ``mean.npy`` and ``map.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in (("matrix", self.matrix), ("mean", self.mean)):
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        write_text(folder / "map.json", json.dumps({"unit": self.unit}))

    @classmethod
    def load(cls, folder: Path) -> Map:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        try:
            unit = bool(json.loads((folder / "map.json").read_text(encoding="utf-8"))["unit"])
            return cls(np.load(folder / "matrix.npy"), np.load(folder / "mean.npy"), unit)
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise DataError(f"{folder}: not a saved map ({error})") from None


def unit(x: F32) -> F32:
    """Rows scaled to length 1; rows of zeros stay."""
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm == 0, 1, norm), np.float32)
