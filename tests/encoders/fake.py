"""An encoder whose vectors are made up, but always the same for a text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from polyalign.core.jit import F32
from polyalign.encoders.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Fake(Encoder):
    name: str = "fake"
    width: int = 8
    calls: list[list[str]] = field(default_factory=list, compare=False)

    @property
    def key(self) -> str:
        return self.name

    @property
    def dim(self) -> int:
        return self.width

    def vectors(self, texts: Sequence[str]) -> F32:
        self.calls.append(list(texts))
        seeds = (int.from_bytes(hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest()[:8], "big") for t in texts)
        return np.array([np.random.default_rng(s).normal(size=self.width) for s in seeds], np.float32)
