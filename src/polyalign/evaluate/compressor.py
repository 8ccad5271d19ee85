"""How many bytes a compressor needs for a text once it has seen another: the yardstick of language models."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F64
from polyalign.core.progress import track

Compressor: TypeAlias = Literal["ppmd", "lzma"]
#: Memory of the model in bytes; a text that needs more would make it start anew.
_LEAST, _MOST = 1 << 24, 1 << 30


def compressed(texts: Sequence[str], train: str, *, compressor: Compressor, order: int) -> F64:
    """Bytes that each text adds to a training text when both are compressed together, shape (n,).

    ``|c(train + text)| - |c(train)|``: each text stands alone behind the training text, and what a compressor writes at the
    beginning and end of a file falls out.

    Args:
        texts: n texts.
        train: What the compressor has seen before each; may be empty.
        compressor: PPMd (variant H) of the given order, or the standard library's LZMA2, which predicts far worse.
        order: Characters of context, in bytes, that PPMd looks at.

    Raises:
        MissingExtraError: PPMd's library is not installed.

    Complexity: O(n (train + text)).
    """
    before = train.encode("utf-8", "replace")
    size = _sizer(compressor, order, len(before))
    alone, out = size(before), np.zeros(len(texts))
    with track(f"compress ({compressor})", total=len(texts), unit="windows") as progress:
        for i, text in enumerate(texts):
            out[i] = size(before + text.encode("utf-8", "replace")) - alone
            progress.advance()
    return out


def _sizer(compressor: Compressor, order: int, length: int) -> Callable[[bytes], int]:
    if compressor == "lzma":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": min(_MOST, max(_LEAST, 2 * length))}]
        return lambda data: len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))
    try:
        from pyppmd import Ppmd7Encoder
    except ImportError:
        raise MissingExtraError(
            "evaluate/bits-per-byte: the compressor ppmd needs pyppmd; install with: pip install 'polyalign[metrics]', "
            "or take compressor=lzma, which the standard library has"
        ) from None
    memory = min(_MOST, max(_LEAST, 32 * length))

    def size(data: bytes) -> int:
        encoder = Ppmd7Encoder(order, memory)
        return len(encoder.encode(data)) + len(encoder.flush())

    return size
