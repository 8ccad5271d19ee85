"""Score by how far a text can be packed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F32
from polyalign.corpus.score.texts import share


@dataclass(frozen=True, slots=True)
class Compression:
    """The size of a text when packed over its size in UTF-8: low for text that repeats itself, high for gibberish.

    Packing adds some bytes, so texts of a sentence or less have values around 1 and beyond; compare texts of like length.
    NaN for an empty text.

    Args:
        method: The packer.
        level: How hard it tries.

    Raises:
        ValueError: A level that the packer has not.

    Complexity:
        O(bytes) time.

    Example:
        >>> a, b = Compression().texts(pa.array(["ha" * 500, "Ein Satz, wie er sein soll."], pa.large_string()), "und")
        >>> bool(a < 0.1 < b)
        True
    """

    method: Literal["zlib", "zstd"] = "zlib"
    level: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.level <= (9 if self.method == "zlib" else 22):
            raise ValueError(f"level must be from 1 to {9 if self.method == 'zlib' else 22}, not {self.level}")

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        raws = [text.encode() for text in texts.fill_null("").to_pylist()]
        if self.method == "zlib":
            packed = [len(zlib.compress(raw, self.level)) for raw in raws]
        else:
            codec = pa.Codec("zstd", compression_level=self.level)
            packed = [codec.compress(raw).size if raw else 0 for raw in raws]
        sizes = np.array([len(raw) for raw in raws], np.int64)
        return share(np.array(packed, np.int64), sizes)
