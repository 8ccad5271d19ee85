"""Cells of word pieces taken together to cells of words, and cells that a constraint rules out."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I32, I64, U16, Mask, kernel


@kernel()
def pool(
    cells: I64,
    cell_src: U16,
    cell_tgt: U16,
    p: U16,
    src_offsets: I64,
    src_owner: U16,
    tgt_offsets: I64,
    tgt_owner: U16,
) -> tuple[I64, U16, U16, U16]:
    """Posteriors of cells of words: a piece's posteriors for pieces of one word added, and averaged over pieces.

    Args:
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        cell_src: Source piece of each cell, sorted by (src, tgt) in each pair, shape (c,).
        cell_tgt: Target piece.
        p: Forward and backward posterior, shape (2, c).
        src_offsets: Where each source sentence's pieces begin, and the end.
        src_owner: The word of each piece, never falling in a sentence.
        tgt_offsets: The same of target sentences.
        tgt_owner: See above.

    Returns:
        Offsets, positions and posteriors of cells of words, rounded down, sorted likewise.
    """
    offsets = np.zeros(len(cells), np.int64)
    out_src, out_tgt = np.empty(len(cell_src), np.uint16), np.empty(len(cell_src), np.uint16)
    out_p = np.empty((2, len(cell_src)), np.uint16)
    at = 0
    for k in range(len(cells) - 1):
        a, b, c, d = src_offsets[k], src_offsets[k + 1], tgt_offsets[k], tgt_offsets[k + 1]
        n = np.int64(src_owner[b - 1]) + 1 if b > a else 0
        m = np.int64(tgt_owner[d - 1]) + 1 if d > c else 0
        src_pieces, tgt_pieces = np.zeros(n, np.int64), np.zeros(m, np.int64)
        for x in range(a, b):
            src_pieces[src_owner[x]] += 1
        for x in range(c, d):
            tgt_pieces[tgt_owner[x]] += 1
        sums, seen, words = np.zeros((2, m), np.int64), np.zeros(m, np.bool_), np.empty(m, np.int64)
        x = cells[k]
        while x < cells[k + 1]:
            # The cells of one source word, whose pieces are neighbours.
            i, used = src_owner[a + cell_src[x]], 0
            while x < cells[k + 1] and src_owner[a + cell_src[x]] == i:
                j = tgt_owner[c + cell_tgt[x]]
                if not seen[j]:
                    seen[j], words[used] = True, j
                    used += 1
                sums[0, j] += p[0, x]
                sums[1, j] += p[1, x]
                x += 1
            words[:used].sort()
            for j in words[:used]:
                out_src[at], out_tgt[at] = i, j
                out_p[0, at], out_p[1, at] = sums[0, j] // tgt_pieces[j], sums[1, j] // src_pieces[i]
                sums[0, j], sums[1, j], seen[j] = 0, 0, False
                at += 1
        offsets[k + 1] = at
    return offsets, out_src[:at].copy(), out_tgt[:at].copy(), out_p[:, :at].copy()


@kernel()
def constrain(cells: I64, cell_src: U16, cell_tgt: U16, cell_id: I32, only: Mask) -> Mask:
    """Which cells constraints leave: not those in the row or column of a constrained cell that are none themselves.

    Args:
        cells: Where each pair's cells begin, and the end, shape (n + 1,).
        cell_src: Source position of each cell, shape (c,).
        cell_tgt: Target position.
        cell_id: Its pair of types.
        only: Whether each pair of types is to be linked to nothing else.

    Returns:
        Whether each cell is kept, shape (c,).
    """
    keep = np.ones(len(cell_src), np.bool_)
    for k in range(len(cells) - 1):
        rows, columns = 0, 0
        for x in range(cells[k], cells[k + 1]):
            if only[cell_id[x]]:
                rows, columns = max(rows, cell_src[x] + 1), max(columns, cell_tgt[x] + 1)
        if rows == 0:
            continue
        of_src, of_tgt = np.zeros(rows, np.bool_), np.zeros(columns, np.bool_)
        for x in range(cells[k], cells[k + 1]):
            if only[cell_id[x]]:
                of_src[cell_src[x]] = of_tgt[cell_tgt[x]] = True
        for x in range(cells[k], cells[k + 1]):
            taken = (cell_src[x] < rows and of_src[cell_src[x]]) or (cell_tgt[x] < columns and of_tgt[cell_tgt[x]])
            keep[x] = only[cell_id[x]] or not taken
    return keep
