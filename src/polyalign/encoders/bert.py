"""The forward pass of a BERT encoder in numpy, for texts of any lengths at once and without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, I64
from polyalign.kernels.bert import add_norm, attention, gelu


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer norm.

    Args:
        weight: Shape (d,).
        shift: Shape (d,).
    """

    weight: F32
    shift: F32


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer's weights, as they are multiplied from the right.

    Args:
        qkv: Queries, keys and values side by side, shape (d, 3 d); queries already divided by the root of a head's size.
        query_bias: Likewise divided, shape (d,). There is none for keys, whose bias adds the same to all scores of a
            query, nor for values, whose bias comes through unchanged and is part of ``joined_bias``.
        joined: The heads brought together, shape (d, d).
        joined_bias: Shape (d,).
        joined_norm: After the first residual.
        inner: Shape (d, f).
        inner_bias: Shape (f,).
        outer: Shape (f, d).
        outer_bias: Shape (d,).
        outer_norm: After the second residual.
    """

    qkv: F32
    query_bias: F32
    joined: F32
    joined_bias: F32
    joined_norm: Norm
    inner: F32
    inner_bias: F32
    outer: F32
    outer_bias: F32
    outer_norm: Norm


@dataclass(frozen=True, slots=True, eq=False)
class Bert:
    """A BERT encoder (post-norm, GELU) without its table of words.

    Args:
        positions: Position and type embeddings, shape (longest, d).
        norm: Of the embeddings.
        layers: From the lowest.
        heads: Of attention.
        epsilon: Of the layer norms.

    References: devlin2019bert
    """

    positions: F32
    norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float

    def hidden(self, words: F32, offsets: I64, layers: Sequence[int]) -> Iterator[F32]:
        """Hidden states of some layers; those above the last are not run.

        Args:
            words: Word embeddings of the tokens of n texts, shape (t, d); overwritten.
            offsets: First token of each text, shape (n + 1,); no text longer than ``positions``.
            layers: Rising; 0 for the embeddings.

        Yields:
            Of each layer, shape (t, d); overwritten by the next.

        Complexity: O(t d (d + f) + sum n_i^2 d) a layer.
        """
        tokens, d = words.shape
        lengths = np.diff(offsets)
        x, places = words, np.arange(tokens) - np.repeat(offsets[:-1], lengths)
        norm = self.norm
        add_norm(x, self.positions[places], np.zeros(d, np.float32), norm.weight, norm.shift, self.epsilon)
        if 0 in layers:
            yield x
        if max(layers) == 0:
            return
        qkv, context, joined = (np.empty((tokens, k * d), np.float32) for k in (3, 1, 1))
        inner = np.empty((tokens, self.layers[0].inner.shape[1]), np.float32)
        for depth, w in enumerate(self.layers[: max(layers)], 1):
            np.matmul(x, w.qkv, out=qkv)
            qkv[:, :d] += w.query_bias
            attention(qkv, offsets, self.heads, context)
            np.matmul(context, w.joined, out=joined)
            add_norm(x, joined, w.joined_bias, w.joined_norm.weight, w.joined_norm.shift, self.epsilon)
            np.matmul(x, w.inner, out=inner)
            gelu(inner, w.inner_bias)
            np.matmul(inner, w.outer, out=joined)
            add_norm(x, joined, w.outer_bias, w.outer_norm.weight, w.outer_norm.shift, self.epsilon)
            if depth in layers:
                yield x
