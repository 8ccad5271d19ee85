"""The greatest values of the rows and columns of a matrix that is seen a block at a time.

A value is looked at only if one of the `CHUNK` it is among is greater than the least of a list; most are not, and that is
found out by comparisons the compiler does many of at once.
"""

from __future__ import annotations

from polyalign.core.jit import F32, I32, kernel, prange

#: Values compared before any of them is looked at.
CHUNK = 32
#: Rows, or columns, in the care of one thread.
STRIP = 256


@kernel()
def _insert(value: float, place: int, values: F32, places: I32) -> None:
    """Put a value into a sorted list in place of its last; after equal ones."""
    at = len(values) - 1
    while at > 0 and values[at - 1] < value:
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, place


@kernel(parallel=True)
def row_greatest(block: F32, first: int, values: F32, places: I32) -> None:
    """Note the greatest values of each row, greatest first; of equal ones those that were seen first.

    Args:
        block: Some columns, shape (n, m).
        first: Which column of the matrix their first is.
        values: Greatest of each row so far, shape (n, k), at first -inf; updated.
        places: Their columns; updated.

    Complexity: O(n m), as few values enter a list.
    """
    n, last = len(block), values.shape[1] - 1
    for strip in prange((n + STRIP - 1) // STRIP):
        for i in range(strip * STRIP, min(strip * STRIP + STRIP, n)):
            least = values[i, last]
            for a in range(0, block.shape[1], CHUNK):
                chunk = block[i, a : a + CHUNK]
                some = 0
                for c in range(len(chunk)):
                    some |= chunk[c] > least
                if some:
                    for c in range(len(chunk)):
                        if chunk[c] > least:
                            _insert(chunk[c], first + a + c, values[i], places[i])
                            least = values[i, last]


@kernel(parallel=True)
def column_greatest(block: F32, first: int, values: F32, places: I32) -> None:
    """Note the greatest values of each column, as `row_greatest` does those of rows.

    Args:
        block: Some rows, shape (n, m).
        first: Which row of the matrix their first is.
        values: Greatest of each column so far, shape (m, k), at first -inf; updated.
        places: Their rows; updated.

    Complexity: O(n m), as few values enter a list.
    """
    m, last = block.shape[1], values.shape[1] - 1
    for strip in prange((m + STRIP - 1) // STRIP):
        begin, end = strip * STRIP, min(strip * STRIP + STRIP, m)
        least = values[begin:end, last].copy()
        for i in range(len(block)):
            for a in range(begin, end, CHUNK):
                chunk, floor = block[i, a : min(a + CHUNK, end)], least[a - begin : a - begin + CHUNK]
                some = 0
                for c in range(len(chunk)):
                    some |= chunk[c] > floor[c]
                if some:
                    for c in range(len(chunk)):
                        if chunk[c] > floor[c]:
                            _insert(chunk[c], first + i, values[a + c], places[a + c])
                            floor[c] = values[a + c, last]
