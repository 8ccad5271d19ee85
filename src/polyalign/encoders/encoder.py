"""What every encoder is: texts in, one vector a text or a token out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import ConfigError
from polyalign.core.files import open_output
from polyalign.core.jit import F32, I32, I64, U64
from polyalign.core.progress import Track, track
from polyalign.core.space import unit
from polyalign.core.spread import spread
from polyalign.encoders.cache import hashes, open_cache, write_header

#: Texts between two writes to the cache: what a killed run loses at most.
CHUNK = 1024
#: Texts in memory at a time where vectors go to a file.
BLOCK = 1 << 16
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Vectors of the tokens of n texts.

    Args:
        vectors: One row a token, shape (t, d); not scaled to length 1.
        offsets: First token of each text, shape (n + 1,).
        spans: Where a token begins and ends in its text, in code points, shape (t, 2). Tokens that stand for no text,
            such as the marks at the start and end of a sentence, are left out.
    """

    vectors: F32
    offsets: I64
    spans: I32


class Encoder(ABC):
    """Text to vectors; its subclasses are the methods of ``encode``, frozen dataclasses of their settings."""

    __slots__ = ()

    @property
    @abstractmethod
    def key(self) -> str:
        """What the vectors depend on besides the text: weights, layer, pooling, prefix; the cache goes by it."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimensions of a vector."""

    @property
    def depth(self) -> int:
        """How many layers there are to choose from; 0 for an encoder without."""
        return 0

    @property
    def cached(self) -> bool:
        """Whether vectors are worth keeping on disk: yes, unless computing them is as fast as finding them there."""
        return True

    @abstractmethod
    def vectors(self, texts: Sequence[str]) -> F32:
        """Compute one vector a text, shape (n, d); of texts that are all different, about equally long and not empty.

        Texts longer than the model's window are read in windows; none is cut.
        """

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """One vector a token.

        Raises:
            ConfigError: The encoder knows whole sentences only.
        """
        raise ConfigError(f"{self.key}: has vectors of sentences only; choose an encoder that has vectors of tokens")

    def tokens_at(self, texts: Sequence[str], layers: Sequence[int]) -> list[Tokens]:
        """One vector a token, in each of several layers, 0 being the embeddings.

        Raises:
            ConfigError: The encoder has no layers, or knows whole sentences only.
        """
        if not hasattr(self, "layer"):
            raise ConfigError(f"{self.key}: has no layers to choose from; leave the layer out, or choose a transformer")
        changed: Any = self
        return [replace(changed, layer=layer).tokens(texts) for layer in layers]

    def encode(self, texts: Sequence[str], *, label: str = "encode") -> F32:
        """One unit vector a text, each different text computed once, and not at all if it is in the cache.

        Args:
            texts: n texts; an empty one gets a vector of zeros.
            label: What the progress bar says.

        Returns:
            Shape (n, d), with the precision of float16, so that vectors are the same whether they come from the cache
            or not. Numpy and torch round differently by batch and by number of threads, which this mostly hides.

        Raises:
            ConfigError: The model gives values that are not finite.
        """
        with track(label, total=len(texts), unit="texts") as progress:
            return self.encode_within(texts, progress)

    def encode_to(self, path: str | Path, texts: Iterable[str], *, label: str = "encode") -> int:
        """Write one unit vector a text to a ``.npy`` file of float16, in memory for 65,536 texts.

        What is in the cache is not computed again, so the same call goes on where one that was stopped had got to. The
        file appears when it is complete; open it with ``numpy.load(path, mmap_mode="r")``.

        Args:
            path: The file.
            texts: Any number of texts.
            label: What the progress bar says.

        Returns:
            How many texts there were.

        Raises:
            ConfigError: As `encode`.
            DataError: The file cannot be written.
        """
        rest, n = iter(texts), 0
        total = len(texts) if isinstance(texts, Sequence) else None
        with open_output(path) as file, track(label, total=total, unit="texts") as progress:
            write_header(file, (0, self.dim))
            while some := list(islice(rest, BLOCK)):
                file.write(self.encode_within(some, progress).astype(np.float16).data)
                n += len(some)
            # Numpy leaves room in the header for the number of rows to grow.
            file.seek(0)
            write_header(file, (n, self.dim))
        return n

    def encode_within(self, texts: Sequence[str], progress: Track) -> F32:
        """As `encode`, in the progress of someone else's work."""
        out = np.zeros((len(texts), self.dim), np.float32)
        keys = hashes(texts)
        first, copies = _distinct(keys, np.array([bool(t.strip()) for t in texts], np.bool_))
        cache = open_cache(self.key, self.dim) if self.cached and len(first) else None
        missing = first
        if cache is not None:
            found = np.zeros(len(first), np.bool_)
            for at, rows in cache.find(keys[first]):
                out[first[at]], found[at] = rows, True
            missing = first[~found]
        progress.advance(len(texts) - len(missing))
        # Longest first: what needs most memory fails at once, and the time left is not guessed too low.
        missing = missing[np.argsort([-len(texts[i]) for i in missing], kind="stable")]
        chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
        # What is not worth keeping is not worth sending to other processes, and one chunk not the loading of a model there.
        by = spread if self.cached and len(chunks) > 1 else map
        for chunk, rows in zip(chunks, by(self._rounded, ([texts[i] for i in c] for c in chunks)), strict=True):
            if cache is not None:
                cache.add(keys[chunk], rows)
            out[chunk] = rows
            progress.advance(len(chunk))
        for again, original in copies:
            out[again] = out[original]
        return out

    def _rounded(self, texts: Sequence[str]) -> npt.NDArray[np.float16]:
        rows = unit(self.vectors(texts)).astype(np.float16)
        if len(bad := np.flatnonzero(~np.isfinite(rows).all(axis=1))):
            raise ConfigError(
                f"{self.key}: the vector of {texts[bad[0]][:40]!r} is not finite, expected numbers; "
                "if the model runs in float16 or bfloat16, use dtype=float32, else its weights are damaged"
            )
        return rows


def _distinct(keys: U64, some: npt.NDArray[np.bool_]) -> tuple[I64, Iterator[tuple[I64, I64]]]:
    """Where each different text is first, in order; and where they are again, and what those repeat, in blocks."""
    at = np.flatnonzero(some)
    at = at[np.lexsort((keys[at, 1], keys[at, 0]))]
    new = np.ones(len(at), np.bool_)
    new[1:] = (keys[at[1:]] != keys[at[:-1]]).any(axis=1)
    # A sort that keeps the order of equal texts: the first of a group is the first of all.
    originals = at[new]
    repeats = at[~new], originals[(np.cumsum(new) - 1)[~new]]
    blocks = ((repeats[0][i : i + CHUNK], repeats[1][i : i + CHUNK]) for i in range(0, len(repeats[0]), CHUNK))
    return np.sort(originals), blocks


def clean(text: str) -> str:
    """The text without lone surrogates, which tokenizers refuse; as long as before."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
