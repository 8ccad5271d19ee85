"""The tail of the hypergeometric distribution: how surprising a co-occurrence is."""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F64, I64, kernel, prange


@kernel()
def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@kernel(parallel=True)
def log_tail(both: I64, of_src: I64, of_tgt: I64, total: int) -> F64:
    """Logarithm of P(X >= both) if `of_src` and `of_tgt` of `total` sentence pairs were drawn independently.

    Args:
        both: Sentence pairs with both words, shape (n,).
        of_src: Sentence pairs with the source word, shape (n,).
        of_tgt: Sentence pairs with the target word, shape (n,).
        total: All sentence pairs.

    Returns:
        Shape (n,); the one-sided Fisher exact test, natural logarithm.
    """
    out = np.empty(len(both))
    for i in prange(len(both)):
        k, a, b = both[i], of_src[i], of_tgt[i]
        first = _log_choose(a, k) + _log_choose(total - a, b - k) - _log_choose(total, b)
        # Terms relative to the first; rescaled when they grow, as they do below the mean.
        total_sum, term, shift = 1.0, 1.0, 0.0
        for x in range(k, min(a, b)):
            ratio = (a - x) / (x + 1.0) * ((b - x) / (total - a - b + x + 1.0))
            term *= ratio
            total_sum += term
            if term > 1e250:
                shift += math.log(total_sum)
                term /= total_sum
                total_sum = 1.0
            if ratio < 1 and term < 1e-17 * total_sum:
                break
        out[i] = min(0.0, first + math.log(total_sum) + shift)
    return out
