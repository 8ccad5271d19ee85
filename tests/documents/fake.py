"""An encoder that knows a planted language, and collections of documents in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.document import Document
from polyalign.encoders.encoder import Encoder

DIM = 256
LETTERS = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True, slots=True)
class Fake(Encoder):
    """A word's vector is drawn by its letters but the first; a language adds a vector of its own."""

    @property
    def key(self) -> str:
        return "fake"

    @property
    def dim(self) -> int:
        return DIM

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        words = text.split()
        own = np.random.default_rng(ord(words[0][0])).normal(size=DIM)
        return sum((np.random.default_rng(list(w[1:].encode())).normal(size=DIM) for w in words), own).astype(
            np.float32
        )


def word(number):
    """A word of three letters and no digit."""
    return "".join(LETTERS[number // 20**k % 20] for k in range(3))


def collection(n, seed=0, *, letter, draw_order=None, size=(4, 12), digits=False):
    """n documents of words such as `abcd`; with one seed the same documents, in the language of the letter."""
    draw = np.random.default_rng(seed)
    documents = []
    for k in range(n):
        lines = []
        for _ in range(int(draw.integers(*size))):
            words = [word(int(w)) for w in draw.integers(0, 4000, int(draw.integers(3, 9)))]
            year = f" {int(draw.integers(1000, 9999))}" if digits else ""
            lines.append(" ".join(f"{letter}{w}" for w in words) + year)
        documents.append(Document.from_lines(lines, id=f"{letter}{k}"))
    order = range(n) if draw_order is None else draw_order
    return [documents[k] for k in order]
