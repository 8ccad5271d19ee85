"""Joining two sets of links a sentence pair, by the heuristics of Och & Ney and Koehn et al."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U8, Mask, kernel, prange

INTERSECT, UNITE, GROW, FINAL, FINAL_AND = range(5)
_FORWARD, _BACKWARD, _BOTH = 1, 2, 3


@kernel()
def _merge(
    f_src: I32,
    f_tgt: I32,
    f_prob: F32,
    b_src: I32,
    b_tgt: I32,
    b_prob: F32,
    src: I32,
    tgt: I32,
    prob: F32,
    sides: U8,
) -> int:
    # Both inputs are sorted by (src, tgt), so the union is one walk along them.
    a, b, n = 0, 0, 0
    while a < len(f_src) or b < len(b_src):
        take_f = b == len(b_src) or (
            a < len(f_src) and (f_src[a] < b_src[b] or (f_src[a] == b_src[b] and f_tgt[a] <= b_tgt[b]))
        )
        take_b = a == len(f_src) or (
            b < len(b_src) and (b_src[b] < f_src[a] or (b_src[b] == f_src[a] and b_tgt[b] <= f_tgt[a]))
        )
        src[n], tgt[n] = (f_src[a], f_tgt[a]) if take_f else (b_src[b], b_tgt[b])
        total = np.float32(0)
        if take_f:
            sides[n] |= _FORWARD
            total += f_prob[a]
            a += 1
        if take_b:
            sides[n] |= _BACKWARD
            total += b_prob[b]
            b += 1
        prob[n] = total * np.float32(0.5)
        n += 1
    return n


@kernel()
def _grow(src: I32, tgt: I32, sides: U8, heuristic: int, keep: Mask) -> None:
    rows, cols = 0, 0
    for k in range(len(src)):
        rows, cols = max(rows, src[k]), max(cols, tgt[k])
    grid = np.zeros((rows + 3, cols + 3), np.bool_)  # a spare cell on every side: no bounds to check
    src_used, tgt_used = np.zeros(rows + 1, np.bool_), np.zeros(cols + 1, np.bool_)
    for k in range(len(src)):
        if sides[k] == _BOTH:
            i, j = src[k], tgt[k]
            keep[k] = grid[i + 1, j + 1] = src_used[i] = tgt_used[j] = True
    grew = True
    while grew:
        grew = False
        for k in range(len(src)):
            i, j = src[k], tgt[k]
            if keep[k] or (src_used[i] and tgt_used[j]):
                continue
            if grid[i : i + 3, j : j + 3].any():
                keep[k] = grid[i + 1, j + 1] = src_used[i] = tgt_used[j] = grew = True
    if heuristic == GROW:
        return
    for side in (_FORWARD, _BACKWARD):
        for k in range(len(src)):
            i, j = src[k], tgt[k]
            busy = (src_used[i] or tgt_used[j]) if heuristic == FINAL_AND else (src_used[i] and tgt_used[j])
            if sides[k] & side and not keep[k] and not busy:
                keep[k] = src_used[i] = tgt_used[j] = True


@kernel(parallel=True)
def symmetrise(
    at: I64,
    f_offsets: I64,
    f_src: I32,
    f_tgt: I32,
    f_prob: F32,
    b_offsets: I64,
    b_src: I32,
    b_tgt: I32,
    b_prob: F32,
    heuristic: int,
) -> tuple[I32, I32, F32, Mask]:
    """Merge and filter the links of every sentence pair.

    Args:
        at: Where each pair's part of the output begins, and the end, shape (n + 1,).
        f_offsets: Where each pair's forward links begin, and the end.
        f_src: Their source words.
        f_tgt: Their target words.
        f_prob: Their probabilities.
        b_offsets: The same for backward links, as the next three.
        b_src: Their source words.
        b_tgt: Their target words.
        b_prob: Their probabilities.
        heuristic: INTERSECT, UNITE, GROW, FINAL or FINAL_AND.

    Returns:
        Source and target word, mean probability, and whether it is kept, of each place in the output.
    """
    size = at[-1]
    src, tgt, prob = np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.float32)
    sides, keep = np.zeros(size, np.uint8), np.zeros(size, np.bool_)
    for p in prange(len(at) - 1):
        a, f0, f1, b0, b1 = at[p], f_offsets[p], f_offsets[p + 1], b_offsets[p], b_offsets[p + 1]
        end = a + _merge(
            f_src[f0:f1],
            f_tgt[f0:f1],
            f_prob[f0:f1],
            b_src[b0:b1],
            b_tgt[b0:b1],
            b_prob[b0:b1],
            src[a:],
            tgt[a:],
            prob[a:],
            sides[a:],
        )
        if heuristic == INTERSECT or heuristic == UNITE:
            for k in range(a, end):
                keep[k] = heuristic == UNITE or sides[k] == _BOTH
        else:
            _grow(src[a:end], tgt[a:end], sides[a:end], heuristic, keep[a:end])
    return src, tgt, prob, keep
