"""What a BERT encoder does between its matrix products: attention, GELU, residual with layer norm.

The tokens of many texts stand one after the other, without padding. Single precision; a token's row is computed by one
thread and in one order, so the number of threads changes no byte.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, kernel, prange

_0, _1, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_EXPONENT, _EXPONENT_AND_HALF = np.float32(127), np.float32(127.5)
#: A power of two that is as good as zero.
_LEAST = np.float32(-120)
_LOG2_E = np.float32(1 / np.log(2))
# 2 ** f for |f| <= 1/2, by its Taylor series in f ln 2: 1e-7.
_P1, _P2, _P3, _P4, _P5, _P6 = (np.float32(np.log(2) ** k / f) for k, f in enumerate((1, 2, 6, 24, 120, 720), start=1))
# erf(x) for x >= 0, Abramowitz and Stegun 7.1.28: 3e-7. No exponential, so that it runs in vector registers.
_E1, _E2, _E3, _E4, _E5, _E6 = (
    np.float32(c) for c in (0.0705230784, 0.0422820123, 0.0092705272, 0.0001520143, 0.0002765672, 0.0000430638)
)
#: Products are summed eight at a time: one load and one store of the sum for all of them.
_STEP = 8
_ROOT_HALF = np.float32(np.sqrt(0.5))
_ERF_IS_1 = np.float32(6)


@kernel(parallel=True, fastmath=True)
def attention(qkv: F32, offsets: I64, heads: int, out: F32) -> None:
    """Softmax attention of every token to the tokens of its own text, ``softmax(q k') v``, by head.

    Not by BLAS, which starts all its threads for each of very many small products.

    Args:
        qkv: Queries (scaled, with their bias), keys and values side by side, shape (t, 3 d); d / heads a multiple of 8.
        offsets: First token of each text, shape (n + 1,).
        heads: How many the d dimensions are cut into.
        out: Set, shape (t, d).
    """
    dim = out.shape[1]
    size = dim // heads
    for job in prange((len(offsets) - 1) * heads):
        text = job // heads
        start, end, first = offsets[text], offsets[text + 1], (job - text * heads) * size
        _attend(
            qkv[start:end, first : first + size],
            qkv[start:end, dim + first : dim + first + size],
            qkv[start:end, 2 * dim + first : 2 * dim + first + size],
            out[start:end, first : first + size],
        )


@kernel(fastmath=True)
def _attend(queries: F32, keys: F32, values: F32, out: F32) -> None:
    n, size = out.shape
    padded = (n + _STEP - 1) // _STEP * _STEP
    k, v = np.zeros((size, padded), np.float32), np.zeros((padded, size), np.float32)
    for e in range(size):
        for j in range(n):
            k[e, j] = keys[j, e]
    for j in range(n):
        for e in range(size):
            v[j, e] = values[j, e]
    scores, total = np.zeros(padded, np.float32), np.zeros(size, np.float32)
    bits = np.zeros(padded, np.int32)
    powers = bits.view(np.float32)
    for i in range(n):
        for j in range(padded):
            scores[j] = _0
        for e in range(0, size, _STEP):
            q0, q1, q2, q3 = queries[i, e], queries[i, e + 1], queries[i, e + 2], queries[i, e + 3]
            q4, q5, q6, q7 = queries[i, e + 4], queries[i, e + 5], queries[i, e + 6], queries[i, e + 7]
            for j in range(padded):
                low = q0 * k[e, j] + q1 * k[e + 1, j] + q2 * k[e + 2, j] + q3 * k[e + 3, j]
                high = q4 * k[e + 4, j] + q5 * k[e + 5, j] + q6 * k[e + 6, j] + q7 * k[e + 7, j]
                scores[j] += low + high
        scale = _exponentials(scores, n, bits, powers)
        for e in range(size):
            total[e] = _0
        for j in range(0, padded, _STEP):
            p0, p1, p2, p3 = scores[j], scores[j + 1], scores[j + 2], scores[j + 3]
            p4, p5, p6, p7 = scores[j + 4], scores[j + 5], scores[j + 6], scores[j + 7]
            for e in range(size):
                low = p0 * v[j, e] + p1 * v[j + 1, e] + p2 * v[j + 2, e] + p3 * v[j + 3, e]
                high = p4 * v[j + 4, e] + p5 * v[j + 5, e] + p6 * v[j + 6, e] + p7 * v[j + 7, e]
                total[e] += low + high
        for e in range(size):
            out[i, e] = total[e] * scale


@kernel(fastmath=True)
def _exponentials(scores: F32, n: int, bits: I32, powers: F32) -> np.float32:
    """``exp(s - max s)`` of the first n scores, zeros for the rest; returns one over their sum."""
    most = scores[0]
    for j in range(1, n):
        most = max(most, scores[j])
    for j in range(len(scores)):
        # exp(x) = 2 ** whole * 2 ** f, the first made by writing its exponent, which is kept with 127 added.
        x = max((scores[j] - most) * _LOG2_E, _LEAST)
        whole = np.int32(x + _EXPONENT_AND_HALF)
        f = x - (np.float32(whole) - _EXPONENT)
        scores[j] = _1 + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * (_P5 + f * _P6)))))
        bits[j] = whole << np.int32(23)
    for j in range(len(scores)):
        scores[j] *= powers[j]
    for j in range(n, len(scores)):
        scores[j] = _0
    total = _0
    for j in range(len(scores)):
        total += scores[j]
    return _1 / total


@kernel(parallel=True, fastmath=True)
def gelu(x: F32, bias: F32) -> None:
    """``x = y (1 + erf(y / sqrt 2)) / 2`` with ``y = x + bias``, in place; off by less than 1e-6.

    Args:
        x: Shape (t, f).
        bias: Shape (f,).
    """
    for i in prange(x.shape[0]):
        row = x[i]
        for j in range(len(bias)):
            y = row[j] + bias[j]
            a = min(abs(y) * _ROOT_HALF, _ERF_IS_1)
            p = _1 + a * (_E1 + a * (_E2 + a * (_E3 + a * (_E4 + a * (_E5 + a * _E6)))))
            p *= p
            p *= p
            p *= p
            p *= p
            # Half of erfc: what is lost for y > 0, all that is left for y < 0.
            tail = _HALF / p
            row[j] = y * (_1 - tail if y > _0 else tail)


@kernel(parallel=True, fastmath=True)
def add_norm(x: F32, y: F32, bias: F32, weight: F32, shift: F32, epsilon: float) -> None:
    """``x = weight (z - mean z) / sqrt(var z + epsilon) + shift`` with ``z = x + y + bias``, by row, in place.

    Args:
        x: Shape (t, d).
        y: Shape (t, d).
        bias: Shape (d,).
        weight: Shape (d,).
        shift: Shape (d,).
        epsilon: Keeps a constant row finite.
    """
    d = np.float32(len(bias))
    for i in prange(x.shape[0]):
        row, add = x[i], y[i]
        mean = _0
        for j in range(len(bias)):
            row[j] += add[j] + bias[j]
            mean += row[j]
        mean /= d
        variance = _0
        for j in range(len(bias)):
            row[j] -= mean
            variance += row[j] * row[j]
        scale = _1 / np.sqrt(variance / d + np.float32(epsilon))
        for j in range(len(bias)):
            row[j] = row[j] * scale * weight[j] + shift[j]
