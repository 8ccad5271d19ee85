"""Learning merges of byte-pair encoding: the most frequent pair of neighbours becomes one symbol, again and again.

Counts of pairs are kept up to date where a merge changes them, and every pair knows its occurrences, so that a merge costs what
it changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polyalign.core.jit import I32, I64, U64, Mask, kernel
from polyalign.core.rng import mix

_SHIFT = np.int64(32)
_LOW = np.int64(0xFFFFFFFF)
#: Of the polynomial hashes of texts.
BASE = np.uint64(0x9E3779B97F4A7C15)


class Symbols(NamedTuple):
    """What is known of each symbol, with room for the new ones.

    Args:
        hash: Of its text.
        power: The hash's base to the power of the text's length.
        length: What it counts towards the longest symbol.
        first: Whether it may only begin a symbol.
        alone: Whether it is part of no other symbol.
    """

    hash: U64
    power: U64
    length: I32
    first: Mask
    alone: Mask


class _State(NamedTuple):
    symbol: I32
    left: I32
    right: I32
    weight: I64
    slot: I32  # of the pair that begins at a position, -1 for none
    before: I32  # the occurrence before it in the list of that pair
    after: I32
    keys: I64  # of the pairs: first << 32 | second, -1 for a free slot
    total: I64
    head: I32
    touched: I32
    mark: I32


class _Known(NamedTuple):
    keys: I64
    rank: I64
    result: I32


@kernel()
def text_hashes(values: I32, offsets: I64) -> tuple[U64, U64]:
    """Polynomial hashes of texts, which those of their concatenation follow from, and the powers that takes."""
    n = len(offsets) - 1
    hashes, powers = np.zeros(n, np.uint64), np.ones(n, np.uint64)
    for i in range(n):
        for k in range(offsets[i], offsets[i + 1]):
            hashes[i] = hashes[i] * BASE + mix(np.uint64(values[k]))
            powers[i] *= BASE
    return hashes, powers


@kernel()
def _find(keys: I64, key: int) -> int:
    """Where a key is, or the free slot where it would be."""
    last = len(keys) - 1
    at = np.int64(mix(np.uint64(key))) & last
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & last
    return int(at)


@kernel()
def find_text(hashes: U64, ids: I32, text: np.uint64) -> int:
    """Where the hash of a text is in an open table, or the free place (of id -1) where it would be."""
    last = len(ids) - 1
    at = np.int64(mix(text)) & last
    while ids[at] != -1 and hashes[at] != text:
        at = (at + 1) & last
    return int(at)


@kernel()
def table_size(n: int) -> int:
    """A size for a table of n keys: a power of two that leaves a third free at least."""
    size = 16
    while 2 * size < 3 * n:
        size *= 2
    return size


@kernel()
def _unlink(s: _State, at: int) -> None:
    slot = s.slot[at]
    if slot < 0:
        return
    s.total[slot] -= s.weight[at]
    before, after = s.before[at], s.after[at]
    if before >= 0:
        s.after[before] = after
    else:
        s.head[slot] = after
    if after >= 0:
        s.before[after] = before
    s.slot[at] = -1


@kernel()
def _link(s: _State, known: I64, symbols: Symbols, at: int, longest: int) -> int:
    """Count the pair that begins at a position, if it may become a symbol or is one already; its slot, or -1."""
    right = s.right[at]
    if right < 0:
        return -1
    a, b = s.symbol[at], s.symbol[right]
    key = int((np.int64(a) << _SHIFT) | np.int64(b))
    barred = symbols.alone[a] or symbols.alone[b] or symbols.first[b] or symbols.length[a] + symbols.length[b] > longest
    if barred and known[_find(known, key)] == -1:
        return -1
    slot = _find(s.keys, key)
    s.keys[slot] = key
    s.total[slot] += s.weight[at]
    head = s.head[slot]
    s.before[at], s.after[at], s.slot[at] = -1, head, slot
    if head >= 0:
        s.before[head] = at
    s.head[slot] = at
    return slot


@kernel()
def _merge(
    s: _State, known: I64, symbols: Symbols, slot: int, result: int, stamp: int, found: int, longest: int
) -> int:
    """Replace all occurrences of a pair; returns how many slots have been touched since the stamp."""
    a, b = s.keys[slot] >> _SHIFT, s.keys[slot] & _LOW
    total, at = 0, s.head[slot]
    while at >= 0:
        total += 1
        at = s.after[at]
    places = np.empty(total, np.int32)
    at = s.head[slot]
    for k in range(total):
        places[k] = at
        at = s.after[at]
    if a == b:
        places.sort()  # In a run of one symbol the pairs are taken from the left.
    for at in places:
        right = s.right[at]
        if s.symbol[at] != a or right < 0 or s.symbol[right] != b:
            continue
        left, beyond = s.left[at], s.right[right]
        _unlink(s, int(at))
        _unlink(s, int(right))
        if left >= 0:
            _unlink(s, left)
        s.symbol[at], s.symbol[right] = result, -1
        s.right[at] = beyond
        if beyond >= 0:
            s.left[beyond] = at
        for place in (left, at):
            new = _link(s, known, symbols, int(place), longest) if place >= 0 else -1
            if new >= 0 and s.mark[new] != stamp:
                s.mark[new] = stamp
                s.touched[found] = new
                found += 1
    return found


@kernel()
def _push(heap: I64, size: int, count: int, key: int) -> int:
    """Put a pair on the heap: the most frequent first, among equals the one with the lowest key."""
    at = size
    while at > 0:
        up = (at - 1) // 2
        if heap[up, 0] > count or (heap[up, 0] == count and heap[up, 1] <= key):
            break
        heap[at] = heap[up]
        at = up
    heap[at, 0], heap[at, 1] = count, key
    return size + 1


@kernel()
def _pop(heap: I64, size: int) -> int:
    """Take the first pair off the heap, which has to be read before."""
    size -= 1
    count, key = heap[size, 0], heap[size, 1]
    at = 0
    while 2 * at + 1 < size:
        down = 2 * at + 1
        other = down + 1
        if other < size and (
            heap[other, 0] > heap[down, 0] or (heap[other, 0] == heap[down, 0] and heap[other, 1] < heap[down, 1])
        ):
            down = other
        if count > heap[down, 0] or (count == heap[down, 0] and key < heap[down, 1]):
            break
        heap[at] = heap[down]
        at = down
    heap[at, 0], heap[at, 1] = count, key
    return size


@kernel()
def _start(ids: I32, offsets: I64, counts: I64) -> _State:
    n = len(ids)
    size = table_size(3 * n)
    none = np.full(n, -1, np.int32)
    s = _State(
        ids.copy(), none, none.copy(), np.zeros(n, np.int64), none.copy(), none.copy(), none.copy(),
        np.full(size, -1, np.int64), np.zeros(size, np.int64), np.full(size, -1, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32),
    )  # fmt: skip
    for w in range(len(counts)):
        for i in range(offsets[w], offsets[w + 1]):
            s.left[i] = i - 1 if i > offsets[w] else -1
            s.right[i] = i + 1 if i + 1 < offsets[w + 1] else -1
            s.weight[i] = counts[w]
    return s


@kernel()
def _known(merges: I64, results: I32, room: int) -> _Known:
    """A table of merges by their pairs, the first of each."""
    size = table_size(room)
    out = _Known(np.full(size, -1, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int32))
    for k in range(len(merges)):
        at = _find(out.keys, merges[k])
        if out.keys[at] == -1:
            out.keys[at], out.rank[at], out.result[at] = merges[k], k, results[k]
    return out


@kernel()
def _follow(s: _State, known: _Known, symbols: Symbols, stamp: int, found: int, longest: int) -> int:
    """Apply the known merges of pairs that have just come about, the earliest first."""
    while True:
        best = -1
        for k in range(found):
            slot = s.touched[k]
            if s.total[slot] > 0:
                at = _find(known.keys, s.keys[slot])
                if known.keys[at] != -1 and (best < 0 or known.rank[at] < known.rank[best]):
                    best = at
        if best < 0:
            return found
        slot = _find(s.keys, known.keys[best])
        found = _merge(s, known.keys, symbols, slot, known.result[best], stamp, found, longest)


@kernel()
def _name(symbols: Symbols, texts: U64, ids: I32, a: int, b: int, new: int) -> int:
    """The symbol that a pair becomes: one that is written so already, else the new one."""
    text = symbols.hash[a] * symbols.power[b] + symbols.hash[b]
    at = find_text(texts, ids, text)
    if ids[at] == -1:
        texts[at], ids[at] = text, new
        symbols.hash[new], symbols.power[new] = text, symbols.power[a] * symbols.power[b]
        symbols.length[new] = symbols.length[a] + symbols.length[b]
        symbols.first[new], symbols.alone[new] = symbols.first[a], False
    return int(ids[at])


@kernel()
def learn_merges(
    ids: I32, offsets: I64, counts: I64, symbols: Symbols, merges: I64, results: I32, size: int, wanted: int, minimum: int, longest: int
) -> I64:  # fmt: skip
    """Continue byte-pair encoding from words that are segmented already.

    A pair whose text is a symbol already becomes that symbol; the merges that this makes possible follow at once, the earliest
    first, as they do when text is segmented with these merges.

    Args:
        ids: Symbols of the words, end to end.
        offsets: Where each word begins, shape (words + 1,).
        counts: How often it occurs.
        symbols: Of each symbol, with room for the wanted ones from `size` on.
        merges: Merges there are, in their order, as ``first << 32 | second``.
        results: Their symbols.
        size: How many symbols there are.
        wanted: How many to learn.
        minimum: Least count of a pair.
        longest: Greatest length of a symbol.

    Returns:
        The new merges in their order, shape (k, 4): first, second, result and count of the pair.
    """
    out = np.empty((4 * wanted, 4), np.int64)
    known = _known(merges, results, len(merges) + len(out))
    text_ids = np.full(table_size(size + wanted), -1, np.int32)
    texts = np.zeros(len(text_ids), np.uint64)
    for k in range(size):
        at = find_text(texts, text_ids, symbols.hash[k])
        texts[at], text_ids[at] = symbols.hash[k], k
    s = _start(ids, offsets, counts)
    heap = np.empty((3 * len(ids) + 16, 2), np.int64)
    on, made, new = 0, 0, size
    for i in range(len(ids) - 1, -1, -1):
        _link(s, known.keys, symbols, i, longest)
    for slot in range(len(s.keys)):
        if s.total[slot] >= minimum:
            on = _push(heap, on, s.total[slot], s.keys[slot])
    while on > 0 and made < len(out) and new < size + wanted:
        count, key = heap[0, 0], heap[0, 1]
        on = _pop(heap, on)
        slot = _find(s.keys, key)
        if s.total[slot] != count:
            if s.total[slot] >= minimum:
                on = _push(heap, on, s.total[slot], key)
            continue
        a, b = int(key >> _SHIFT), int(key & _LOW)
        place = _find(known.keys, key)
        if known.keys[place] != -1:
            continue
        result = _name(symbols, texts, text_ids, a, b, new)
        if result < new and symbols.alone[result]:
            continue
        out[made, 0], out[made, 1], out[made, 2], out[made, 3] = a, b, result, count
        known.keys[place], known.rank[place], known.result[place] = key, len(merges) + made, result
        made += 1
        found = _merge(s, known.keys, symbols, slot, result, made, 0, longest)
        if result < new:
            found = _follow(s, known, symbols, made, found, longest)
        else:
            new += 1
        for k in range(found):
            slot = s.touched[k]
            if s.total[slot] >= minimum:
                on = _push(heap, on, s.total[slot], s.keys[slot])
    return out[:made]
