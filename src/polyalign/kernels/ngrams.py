"""N-grams of symbols as hashes, and a table that finds their probabilities.

The hash of an n-gram is built from its last symbol backwards, so that the hash of its ending of n - 1 symbols is one step
before it, and the hash of its history is one symbol to the left.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, U64, kernel
from polyalign.core.rng import mix

_STEP = np.uint64(0x9E3779B97F4A7C15)


@kernel()
def extend(hashes: U64, symbols: I32, order: int) -> U64:
    """The hash of the n-gram that ends at each symbol, from that of its ending, shape (t,).

    Args:
        hashes: Of the endings of `order` - 1 symbols, shape (t,); zeros for order 1.
        symbols: All texts' symbols end to end, shape (t,).
        order: Symbols of an n-gram; where there are not as many, those before the first count as symbol 0.
    """
    out = np.empty(len(symbols), np.uint64)
    for t in range(len(symbols)):
        symbol = symbols[t - order + 1] if t >= order - 1 else 0
        out[t] = mix(np.uint64(hashes[t] * _STEP) ^ np.uint64(symbol + 1))
    return out


@kernel()
def key_of(ngram: np.uint64, order: int, history: bool) -> np.uint64:
    """Where an n-gram's probability is found in the table, or the weight it leaves to shorter ones as a history."""
    key = mix(ngram + np.uint64(2 * order + (1 if history else 0)) * _STEP)
    return key if key else np.uint64(1)


@kernel()
def keys_of(ngrams: U64, order: int, history: bool) -> U64:
    """`key_of` of each."""
    out = np.empty(len(ngrams), np.uint64)
    for i in range(len(ngrams)):
        out[i] = key_of(ngrams[i], order, history)
    return out


@kernel()
def build_table(keys: U64, values: F32) -> tuple[U64, F32]:
    """A hash table of open places, at most two thirds full; 0 is no key."""
    size = 16
    while 2 * size < 3 * len(keys):
        size *= 2
    table, held = np.zeros(size, np.uint64), np.zeros(size, np.float32)
    mask = size - 1
    for i in range(len(keys)):
        at = np.int64(keys[i] & np.uint64(mask))
        while table[at]:
            at = (at + 1) & mask
        table[at], held[at] = keys[i], values[i]
    return table, held


@kernel()
def _find(table: U64, key: np.uint64) -> int:
    mask = len(table) - 1
    at = np.int64(key & np.uint64(mask))
    while table[at] and table[at] != key:
        at = (at + 1) & mask
    return int(at) if table[at] else -1


@kernel()
def text_log_probs(symbols: I32, first: I64, order: int, table: U64, held: F32, unseen: float) -> F64:
    """The sum of log2 probabilities of each text's symbols and of its end, shape (n,).

    Args:
        symbols: Symbols of all texts end to end; 0 begins a text, 1 ends it, 2 is unknown.
        first: Where each text's begin, and the end, shape (n + 1,).
        order: Longest n-gram.
        table: Keys, as `build_table` places them.
        held: log2 probabilities and weights.
        unseen: log2 probability of a symbol at order 0.
    """
    out = np.zeros(len(first) - 1)
    ngrams, before = np.empty(order + 1, np.uint64), np.empty(order + 1, np.uint64)
    for i in range(len(out)):
        a, b = first[i], first[i + 1]
        before[0] = np.uint64(0)
        for k in range(1, order + 1):
            before[k] = mix(np.uint64(before[k - 1] * _STEP) ^ np.uint64(1))
        for t in range(a, b + 1):
            ngrams[0] = np.uint64(0)
            for k in range(1, order + 1):
                at = t - k + 1
                symbol = 0 if at < a else 1 if at == b else symbols[at]
                ngrams[k] = mix(np.uint64(ngrams[k - 1] * _STEP) ^ np.uint64(symbol + 1))
            total, known = 0.0, False
            for k in range(order, 0, -1):
                place = _find(table, key_of(ngrams[k], k, False))
                if place >= 0:
                    total, known = total + held[place], True
                    break
                place = _find(table, key_of(before[k - 1], k, True))
                if place >= 0:
                    total += held[place]
            out[i] += total if known else total + unseen
            ngrams, before = before, ngrams
    return out
