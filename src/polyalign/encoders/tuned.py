"""An encoder with a linear head, learned from sentence pairs without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import PathText, open_output, write_text
from polyalign.core.jit import F32, F64
from polyalign.core.progress import Track
from polyalign.core.space import unit
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.model_files import identity, locate, read_json
from polyalign.encoders.named import named_encoder

HEAD, MATRIX = "head.json", "head.npy"


def head(src: F32, tgt: F32, *, shrink: float = 0.6) -> F32:
    """The linear map after which the cosine of two sentences says best whether they are one pair.

    A sentence's vector is taken for ``z + e``, what the pair says plus what the sentence adds, both Gaussian. With
    ``W`` the covariance of e, half that of ``src - tgt``, vectors are scaled by ``W^-1/2``; along each axis of what is
    left the pairs' own variance is l, and the log odds that two vectors share z have the cross term
    ``l / (2 l + 1) x y``, by whose root the axis is scaled (probabilistic linear discriminant analysis).

    **Differs:** the terms of either vector alone are left to the cosine and the margin; W is drawn towards a multiple of
    the identity. Both languages have one map, so that it serves as an encoder without knowing a text's language.

    Args:
        src: Centred unit vectors of the source sentences of n pairs, shape (n, d).
        tgt: Of their target sentences.
        shrink: Share of the identity in W, above 0 to 1.

    Returns:
        Shape (d, d), to be multiplied from the right, ``x @ head``; the identity if no pair differs in its vectors.

    Complexity: O(n d^2 + d^3).

    References: ioffe2006probabilistic
    """
    x, y = np.asarray(src, np.float64), np.asarray(tgt, np.float64)
    d = x.shape[1]
    apart = x - y
    noise = apart.T @ apart / (2 * max(len(x), 1))
    scale = float(np.trace(noise)) / d
    if not scale > 0:
        return np.eye(d, dtype=np.float32)
    white = _power((1 - shrink) * noise + shrink * scale * np.eye(d), -0.5)
    middle = (x + y) / 2 @ white
    total, axes = np.linalg.eigh(middle.T @ middle / len(x))
    # Of a middle, half is the noise of its two sentences.
    own = np.maximum(total - 0.5, 0)
    return np.asarray(white @ (axes * np.sqrt(own / (2 * own + 1))) @ axes.T, np.float32)


def _power(symmetric: F64, power: float) -> F64:
    values, axes = np.linalg.eigh(symmetric)
    return np.asarray((axes * values**power) @ axes.T, np.float64)


def mapped(vectors: F32, mean: F32, matrix: F32) -> F32:
    """Unit vectors after a head; rows of zeros stay."""
    return unit(np.where(vectors.any(axis=1, keepdims=True), vectors - mean, 0).astype(np.float32) @ matrix)


@dataclass(frozen=True, slots=True)
class Tuned(Encoder):
    """Encode with another encoder and a linear head that was learned from mined pairs.

    A vector is ``(x - m) A`` of the other encoder's unit vector x, m being the mean over the texts that it was tuned on.
    ``sentences.mine/criss`` with ``save`` makes the folder.

    Args:
        model: Folder of the head.

    References: ioffe2006probabilistic
    """

    model: PathText

    @property
    def key(self) -> str:
        """The other encoder's, and a hash of the head."""
        held = self._held()
        return f"tuned {held.digest} {held.encoder.key}"

    @property
    def dim(self) -> int:
        """As many as the other encoder's."""
        return int(self._held().matrix.shape[1])

    @property
    def cached(self) -> bool:
        """No: the other encoder's vectors are."""
        return False

    def vectors(self, texts: Sequence[str]) -> F32:
        """The other encoder's unit vectors through the head, shape (n, d)."""
        held = self._held()
        return mapped(unit(held.encoder.vectors(texts)), held.mean, held.matrix)

    def encode_within(self, texts: Sequence[str], progress: Track) -> F32:
        """The other encoder's vectors, from its cache if they are there, through the head."""
        held = self._held()
        rows = mapped(held.encoder.encode_within(texts, progress), held.mean, held.matrix)
        return rows.astype(np.float16).astype(np.float32)

    def _held(self) -> _Held:
        return _read(self.model, identity(self.model))


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    encoder: Encoder
    mean: F32
    matrix: F32
    digest: str


@lru_cache(maxsize=4)
def _read(model: str, same: str) -> _Held:
    folder = locate(model)
    said = read_json(folder / HEAD)
    try:
        array = np.load(folder / MATRIX, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder / MATRIX}: cannot be read as an array ({error}); save the head again") from None
    name = said.get("encoder") if isinstance(said, dict) else None
    if not isinstance(name, str):
        raise DataError(f"{folder / HEAD}: found no name of an encoder, expected one; save the head again")
    encoder = named_encoder(name)
    if array.shape != (encoder.dim + 1, encoder.dim):
        raise DataError(
            f"{folder / MATRIX}: found an array of shape {array.shape}, expected {(encoder.dim + 1, encoder.dim)} for "
            f"vectors of {name}; save the head again"
        )
    rows = np.ascontiguousarray(array, np.float32)
    return _Held(encoder, rows[0], rows[1:], hashlib.blake2b(rows.tobytes(), digest_size=12).hexdigest())


def write_head(folder: Path, encoder: str, mean: F32, matrix: F32, more: Mapping[str, Any]) -> None:
    """Write a head as a folder that `Tuned` reads.

    Args:
        folder: Where; made if need be.
        encoder: Name of the encoder whose vectors it takes.
        mean: What is subtracted first, shape (d,).
        matrix: What is multiplied with then, shape (d, d).
        more: What else to note of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_output(folder / MATRIX) as file:
        np.save(file, np.concatenate([mean[None], matrix]).astype(np.float32))
    write_text(folder / HEAD, json.dumps({"encoder": encoder, **more}, indent=2) + "\n")
