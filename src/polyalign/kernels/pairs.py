"""Pairs of types by number: an open-addressing map from (src, tgt) to a running id.

`slots` holds ids, -1 where free, and has a power of two of them, at most half of them used; id k is
the pair ``src[k], tgt[k]``.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I32, I64, U16, kernel
from polyalign.core.rng import GOLDEN

_S32 = np.uint64(32)


@kernel()
def _home(src: int, tgt: int, mask: np.uint64) -> np.uint64:
    key = np.uint64(((np.uint64(src) << _S32) | np.uint64(tgt)) * GOLDEN)
    return np.uint64((key >> _S32) & mask)


@kernel()
def find(src: int, tgt: int, slots: I32, pair_src: I32, pair_tgt: I32) -> int:
    """The id of a pair, -1 for none."""
    mask = np.uint64(len(slots) - 1)
    at = _home(src, tgt, mask)
    while slots[at] >= 0:
        if pair_src[slots[at]] == src and pair_tgt[slots[at]] == tgt:
            return int(slots[at])
        at = np.uint64((at + np.uint64(1)) & mask)
    return -1


@kernel()
def _insert(src: int, tgt: int, slots: I32, pair_src: I32, pair_tgt: I32, used: int) -> int:
    mask = np.uint64(len(slots) - 1)
    at = _home(src, tgt, mask)
    while slots[at] >= 0:
        if pair_src[slots[at]] == src and pair_tgt[slots[at]] == tgt:
            return int(slots[at])
        at = np.uint64((at + np.uint64(1)) & mask)
    slots[at] = used
    pair_src[used], pair_tgt[used] = src, tgt
    return used


@kernel()
def rehash(slots: I32, pair_src: I32, pair_tgt: I32, used: int) -> None:
    """Fill empty slots with the first `used` pairs, which are distinct."""
    mask = np.uint64(len(slots) - 1)
    for k in range(used):
        at = _home(pair_src[k], pair_tgt[k], mask)
        while slots[at] >= 0:
            at = np.uint64((at + np.uint64(1)) & mask)
        slots[at] = k


@kernel()
def number(src: I32, tgt: I32, slots: I32, pair_src: I32, pair_tgt: I32, used: int, ids: I32) -> int:
    """Give pairs their ids, new ones in order of appearance; slots and arrays must have room.

    Returns:
        How many pairs there are now.
    """
    for k in range(len(src)):
        ids[k] = _insert(src[k], tgt[k], slots, pair_src, pair_tgt, used)
        used = max(used, ids[k] + 1)
    return used


@kernel()
def find_cells(
    cells: I64,
    cell_src: U16,
    cell_tgt: U16,
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
    slots: I32,
    pair_src: I32,
    pair_tgt: I32,
) -> I32:
    """The id of each cell's pair of types; one past the last id for a pair that has none."""
    ids = np.empty(len(cell_src), np.int32)
    for k in range(len(cells) - 1):
        for x in range(cells[k], cells[k + 1]):
            s, t = src[src_offsets[k] + cell_src[x]], tgt[tgt_offsets[k] + cell_tgt[x]]
            pair = find(s, t, slots, pair_src, pair_tgt)
            ids[x] = pair if pair >= 0 else len(pair_src)
    return ids


@kernel()
def types_of_cells(
    first: int,
    last: int,
    counts: I64,
    cell_src: U16,
    cell_tgt: U16,
    src_offsets: I64,
    tgt_offsets: I64,
    src: I32,
    tgt: I32,
) -> tuple[I32, I32]:
    """The source and target type of each cell of pairs ``first`` to ``last``, whose cells the arrays hold."""
    s, t = np.empty(len(cell_src), np.int32), np.empty(len(cell_src), np.int32)
    at = 0
    for k in range(first, last):
        for _ in range(counts[k]):
            s[at], t[at] = src[src_offsets[k] + cell_src[at]], tgt[tgt_offsets[k] + cell_tgt[at]]
            at += 1
    return s, t
