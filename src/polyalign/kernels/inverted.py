"""Inner products of sparse rows: the greatest of each row over an inverted index, and those of chosen pairs."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, kernel, prange

#: Rows that share one array of sums.
_BLOCK = 256


@kernel(parallel=True)
def most_similar(
    starts: I64, columns: I32, values: F64, index_starts: I64, index_rows: I32, index_values: F64, others: int, k: int
) -> tuple[F64, I32]:
    """The k other rows with the greatest inner product with each row.

    Args:
        starts: First item of each row, shape (n + 1,).
        columns: The column of each item.
        values: The value of each item.
        index_starts: First item of each column of the other rows, shape (columns + 1,).
        index_rows: The other row of each item of a column.
        index_values: Its value there.
        others: How many other rows there are.
        k: How many of them to find.

    Returns:
        Inner products, greatest first, and rows, both of shape (n, k); ties by row; row -1 where no more share a column.

    Complexity:
        O(sum over columns of items times items of the other side), memory for `others` sums a block of rows.
    """
    n = len(starts) - 1
    value, row = np.zeros((n, k)), np.full((n, k), -1, np.int32)
    for block in prange((n + _BLOCK - 1) // _BLOCK):
        sums = np.zeros(others)
        seen = np.zeros(others, np.bool_)
        met = np.empty(others, np.int32)
        for i in range(block * _BLOCK, min(n, (block + 1) * _BLOCK)):
            count = 0
            for a in range(starts[i], starts[i + 1]):
                for b in range(index_starts[columns[a]], index_starts[columns[a] + 1]):
                    other = index_rows[b]
                    if not seen[other]:
                        seen[other] = True
                        met[count] = other
                        count += 1
                    sums[other] += values[a] * index_values[b]
            kept = 0
            for m in range(count):
                other = met[m]
                v = sums[other]
                sums[other] = 0.0
                seen[other] = False
                if kept == k and (v < value[i, k - 1] or (v == value[i, k - 1] and other > row[i, k - 1])):
                    continue
                at = min(kept, k - 1)
                kept = at + 1
                while at > 0 and (value[i, at - 1] < v or (value[i, at - 1] == v and row[i, at - 1] > other)):
                    value[i, at], row[i, at] = value[i, at - 1], row[i, at - 1]
                    at -= 1
                value[i, at], row[i, at] = v, other
    return value, row


@kernel(parallel=True)
def inner(
    src_starts: I64,
    src_columns: I32,
    src_values: F64,
    tgt_starts: I64,
    tgt_columns: I32,
    tgt_values: F64,
    src: I64,
    tgt: I64,
) -> F64:
    """The inner product of the rows of each pair, shape (c,); columns rise within a row.

    Args:
        src_starts: First item of each source row, shape (n + 1,).
        src_columns: The column of each item.
        src_values: The value of each item.
        tgt_starts: First item of each target row, shape (m + 1,).
        tgt_columns: The column of each item.
        tgt_values: The value of each item.
        src: Source row of each pair, shape (c,).
        tgt: Target row of each pair, shape (c,).
    """
    out = np.zeros(len(src))
    for pair in prange(len(src)):
        a, a_end = src_starts[src[pair]], src_starts[src[pair] + 1]
        b, b_end = tgt_starts[tgt[pair]], tgt_starts[tgt[pair] + 1]
        total = 0.0
        while a < a_end and b < b_end:
            if src_columns[a] < tgt_columns[b]:
                a += 1
            elif src_columns[a] > tgt_columns[b]:
                b += 1
            else:
                total += src_values[a] * tgt_values[b]
                a += 1
                b += 1
        out[pair] = total
    return out
