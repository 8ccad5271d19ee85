"""Which texts hold n-grams of a set."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U8, U32, U64, Mask, kernel, prange
from polyalign.kernels.folding import CHUNK, fold, longest, ngram_hash, words_of


@kernel()
def _place(grams: U64, maybe: Mask, h: np.uint64) -> int:
    # A look at one byte answers for nearly all; the rest are searched for.
    if not maybe[h & np.uint64(len(maybe) - 1)]:
        return -1
    at = int(np.searchsorted(grams, h))
    return at if at < len(grams) and grams[at] == h else -1


@kernel(parallel=True)
def held_ngrams(
    data: U8, offsets: I64, table: U32, grams: U64, maybe: Mask, lengths: I64, ngram: int, shortest: int
) -> tuple[I32, F32]:
    """Look for n-grams of words in texts.

    Args:
        data: The texts end to end, UTF-8.
        offsets: Where each begins, and the end, shape (n + 1,).
        table: What each code point folds to.
        grams: Hashes of the n-grams of the set, sorted.
        maybe: For the low bits of a hash, whether any n-gram of the set has them; its length is a power of two.
        lengths: The lengths below `ngram` that n-grams of the set have: whole texts.
        ngram: Words of all its other n-grams.
        shortest: Whole texts of fewer words count only if they are the whole of a text.

    Returns:
        The first n-gram of the set that was found in each text, -1 for none, shape (n,); the share of its n-grams that are in
        the set, 1 if it holds a whole text.

    Complexity: O(bytes + words * lengths).
    """
    n = len(offsets) - 1
    found, share = np.full(n, -1, np.int32), np.zeros(n, np.float32)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        first, last = chunk * CHUNK, min(n, chunk * CHUNK + CHUNK)
        room = longest(offsets, first, last) + 1
        points, units = np.empty(room, np.uint32), np.empty(room, np.uint64)
        for i in range(first, last):
            count = words_of(points, fold(data, offsets[i], offsets[i + 1], table, points), units)
            for size in lengths:
                if found[i] < 0 and (size == count or (shortest <= size < count)):
                    for k in range(count - size + 1):
                        at = _place(grams, maybe, ngram_hash(units, k, size))
                        if at >= 0:
                            found[i], share[i] = at, 1.0
                            break
            held = 0
            if found[i] < 0 and count >= ngram:
                for k in range(count - ngram + 1):
                    at = _place(grams, maybe, ngram_hash(units, k, ngram))
                    if at >= 0:
                        found[i] = at if held == 0 else found[i]
                        held += 1
                share[i] = held / (count - ngram + 1)
    return found, share
