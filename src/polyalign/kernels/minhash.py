"""MinHash signatures of texts, cut into bands; clusters of rows that share a band; similarity of candidates."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I64, U8, U32, U64, Mask, kernel, prange
from polyalign.core.rng import GOLDEN, mix
from polyalign.kernels.folding import CHUNK, characters_of, fold, longest, ngrams_of, words_of

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel()
def _signature(ngrams: U64, multiply: U64, add: U64, out: U32) -> None:
    # h_k(x) = the upper half of a_k x + b_k of the lower half of x: multiply-add-shift hashing of 32-bit values.
    out[:] = np.uint32(0xFFFFFFFF)
    for x in ngrams:
        low = x & _LOW
        for k in range(len(out)):
            out[k] = min(out[k], np.uint32((multiply[k] * low + add[k]) >> _32))


@kernel(parallel=True)
def band_keys(
    data: U8, offsets: I64, table: U32, ngram: int, words: bool, short: bool, multiply: U64, add: U64, bands: int
) -> tuple[U64, Mask]:
    """A key for each band of each text's MinHash signature; texts that share a band have one key there.

    Args:
        data: The texts end to end, UTF-8.
        offsets: Where each begins, and the end, shape (n + 1,).
        table: What each code point folds to.
        ngram: Units in an n-gram.
        words: Whether units are words rather than characters.
        short: Whether a text of fewer units is one n-gram.
        multiply: Factor of each hash function, shape (k,).
        add: Summand of each, shape (k,).
        bands: Into how many bands the k hashes are cut.

    Returns:
        The keys, shape (n, bands), and which texts have an n-gram.

    Complexity: O(n-grams k).
    """
    n, size = len(offsets) - 1, len(multiply) // bands
    keys, has = np.zeros((n, bands), np.uint64), np.zeros(n, np.bool_)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        first, last = chunk * CHUNK, min(n, chunk * CHUNK + CHUNK)
        room = longest(offsets, first, last) + 1
        points, units = np.empty(room, np.uint32), np.empty(room, np.uint64)
        signature = np.empty(len(multiply), np.uint32)
        for i in range(first, last):
            count = fold(data, offsets[i], offsets[i + 1], table, points)
            count = words_of(points, count, units) if words else characters_of(points, count, units)
            count = ngrams_of(units, count, ngram, short)
            if count == 0:
                continue
            has[i] = True
            _signature(units[:count], multiply, add, signature)
            for band in range(bands):
                h = GOLDEN
                for k in range(band * size, band * size + size):
                    h = mix(h ^ np.uint64(signature[k])) + GOLDEN
                keys[i, band] = h
    return keys, has


@kernel()
def root(parent: I64, x: int) -> int:
    """The least row of the cluster that a row is in."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@kernel()
def join_equal(keys: U64, rows: I64, parent: I64) -> None:
    """Join the rows of equal keys; keys sorted. The root of a cluster is its least row, whatever the order."""
    for k in range(1, len(keys)):
        if keys[k] == keys[k - 1]:
            a, b = root(parent, rows[k - 1]), root(parent, rows[k])
            parent[max(a, b)] = min(a, b)


@kernel()
def roots(parent: I64) -> None:
    """Point every row to the root of its cluster."""
    for x in range(len(parent)):
        parent[x] = root(parent, x)


@kernel()
def jaccard(a: U64, b: U64) -> float:
    """Share of the elements of two sorted sets that is in both: ``|A & B| / |A | B|``."""
    i, j, both = 0, 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            both += 1
            i += 1
            j += 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    union = len(a) + len(b) - both
    return both / union if union > 0 else 0.0


@kernel()
def edit_similarity(a: U64, b: U64, least: float) -> float:
    """``1 - distance / max(|a|, |b|)`` by Levenshtein's distance; 0 as soon as it must be below `least`."""
    n, m = len(a), len(b)
    longer = max(n, m)
    if longer == 0:
        return 0.0
    most = int((1.0 - least) * longer + 1e-9)
    if abs(n - m) > most:
        return 0.0
    row = np.arange(m + 1)
    far = longer + 1
    for i in range(1, n + 1):
        # A cell further than `most` from the diagonal is on no path that is short enough.
        low, high = max(1, i - most), min(m, i + most)
        diagonal, best = row[low - 1], far
        row[low - 1] = i if low == 1 else far
        for j in range(low, high + 1):
            above = row[j] if j < i + most else far
            cost = min(diagonal + (a[i - 1] != b[j - 1]), above + 1, row[j - 1] + 1)
            diagonal = above
            row[j] = cost
            best = min(best, cost)
        if min(best, row[low - 1]) > most:
            return 0.0
    return 1.0 - row[m] / longer if row[m] <= most else 0.0


@kernel(parallel=True)
def _counts(data: U8, offsets: I64, table: U32, words: bool) -> tuple[U64, I64]:
    n = len(offsets) - 1
    # A text has no more units than bytes.
    out, counts = np.empty(len(data), np.uint64), np.zeros(n, np.int64)
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        first, last = chunk * CHUNK, min(n, chunk * CHUNK + CHUNK)
        points = np.empty(longest(offsets, first, last) + 1, np.uint32)
        for i in range(first, last):
            count = fold(data, offsets[i], offsets[i + 1], table, points)
            here = out[offsets[i] : offsets[i + 1]]
            counts[i] = words_of(points, count, here) if words else characters_of(points, count, here)
    return out, counts


@kernel()
def _packed(values: U64, offsets: I64, counts: I64) -> tuple[U64, I64]:
    starts = np.zeros(len(counts) + 1, np.int64)
    for i in range(len(counts)):
        starts[i + 1] = starts[i] + counts[i]
    out = np.empty(starts[len(counts)], np.uint64)
    for i in range(len(counts)):
        out[starts[i] : starts[i + 1]] = values[offsets[i] : offsets[i] + counts[i]]
    return out, starts


def unit_hashes(data: U8, offsets: I64, table: U32, words: bool) -> tuple[U64, I64]:
    """The words or characters of each text, hashed, in their order.

    Returns:
        The hashes of all texts end to end, and where each text's begin, shape (n + 1,).
    """
    units, counts = _counts(data, offsets, table, words)
    return _packed(units, offsets, counts)


@kernel()
def sorted_ngrams(units: U64, starts: I64, n: int) -> tuple[U64, I64]:
    """The distinct n-grams of each text, sorted; a text of fewer units is one n-gram.

    Returns:
        The hashes of all texts end to end, and where each text's begin, shape (n + 1,).
    """
    counts = np.zeros(len(starts) - 1, np.int64)
    for i in range(len(counts)):
        here = units[starts[i] : starts[i + 1]]
        count = ngrams_of(here, len(here), n, True)
        here[:count] = np.sort(here[:count])
        for k in range(count):
            if k == 0 or here[k] != here[counts[i] - 1]:
                here[counts[i]] = here[k]
                counts[i] += 1
    return _packed(units, starts, counts)


@kernel()
def join_forest(parent: I64, other: I64) -> None:
    """Join in one forest the rows that are together in another."""
    for x in range(len(parent)):
        a, b = root(parent, x), root(parent, root(other, x))
        parent[max(a, b)] = min(a, b)


@kernel()
def join_verified(
    keys: U64, rows: I64, parent: I64, at: I64, units: U64, starts: I64, edit: bool, threshold: float, most: int
) -> tuple[int, int]:
    """Join rows of equal keys if they are as alike as they must be.

    A row is compared with the rows before it of its bucket that are not in its cluster yet, the nearest first.

    Args:
        keys: Sorted, rows of one key rising.
        rows: The row of each key.
        parent: Of each row in the forest of clusters; updated.
        at: Where a row's units are, shape (rows of the corpus,); -1 for none.
        units: Sorted n-gram hashes, or characters in their order.
        starts: Where each text's begin, and the end.
        edit: Whether to compare by edits, else by Jaccard.
        threshold: The least similarity.
        most: Comparisons of a row within a bucket at most.

    Returns:
        Comparisons made, and rows for which there would have been more.
    """
    compared, cut, begin = 0, 0, 0
    for k in range(1, len(keys)):
        if keys[k] != keys[k - 1]:
            begin = k
            continue
        a, tried = at[rows[k]], 0
        for j in range(k - 1, begin - 1, -1):
            if root(parent, rows[j]) == root(parent, rows[k]):
                continue
            if tried == most:
                cut += 1
                break
            tried += 1
            b = at[rows[j]]
            x, y = units[starts[a] : starts[a + 1]], units[starts[b] : starts[b + 1]]
            alike = edit_similarity(x, y, threshold) if edit else jaccard(x, y)
            if alike >= threshold:
                p, q = root(parent, rows[j]), root(parent, rows[k])
                parent[max(p, q)] = min(p, q)
        compared += tried
    return compared, cut
