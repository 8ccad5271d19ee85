"""What a model makes of texts, kept on disk a language at a time: vectors of every layer, and likelihoods."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import DataError
from polyalign.core.files import open_output
from polyalign.core.jit import F32, F64
from polyalign.core.progress import note
from polyalign.encoders.cache import cache_folder
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.layers import Pooling, pooled_layers

if TYPE_CHECKING:
    from polyalign.encoders.likelihood import Likelihood

Rows: TypeAlias = npt.NDArray[Any]
#: Raised when the vectors change other than by the model.
VERSION = 1


def states_of(encoder: Encoder, texts: Sequence[str], pooling: Pooling, *, drop_sink: bool = True) -> list[F32]:
    """Pooled hidden states of texts in every layer, computed only if they are not in the cache.

    A killed run thus goes on with the language it was at, and other metrics of the same texts need no model.

    Args:
        encoder: The model.
        texts: n texts.
        pooling: What is made of the states of a text.
        drop_sink: Whether states ten times as long as the median of their text are left out.

    Returns:
        Of each layer, the embeddings first, shape (n, d).
    """
    made = _kept(
        _place("layers", encoder.key, pooling, drop_sink, texts=texts) if encoder.cached else None,
        lambda: np.stack(pooled_layers(encoder, texts, [pooling], drop_sink=drop_sink).vectors[pooling]),
        lambda x: x.dtype == np.float32 and x.ndim == 3 and x.shape[1] == len(texts),
    )
    return list(made)


def nats_of(model: Likelihood, texts: Sequence[str], *, label: str) -> F64:
    """``-ln p`` of each text, shape (n,), read only if it is not in the cache."""
    return _kept(
        _place("nats", model.key, texts=texts),
        lambda: model.nats(texts, label=label),
        lambda x: x.dtype == np.float64 and x.shape == (len(texts),),
    )


def _kept(path: Path | None, make: Callable[[], Rows], sound: Callable[[Rows], bool]) -> Rows:
    if path is not None:
        with contextlib.suppress(OSError, ValueError, EOFError):
            found: Rows = np.load(path, mmap_mode="r", allow_pickle=False)
            if sound(found):
                return found
    rows = make()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_output(path) as file:
                np.save(file, rows)
        except (OSError, DataError) as error:
            note(f"{path}: what a model made of the texts cannot be kept ({error}); it will be computed again")
    return rows


def _place(kind: str, *settings: object, texts: Sequence[str]) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    digest = hashlib.blake2b(repr((VERSION, *settings)).encode(), digest_size=16)
    for text in texts:
        digest.update(len(text).to_bytes(8, "big") + text.encode("utf-8", "surrogatepass"))
    return folder / kind / f"{digest.hexdigest()}.npy"
