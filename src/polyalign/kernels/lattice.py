"""The lattice of bead alignments: nodes are pairs of cuts, edges are beads.

Node (i, j) means that the first i source and j target sentences are done; row i of a band holds the
nodes ``low[i] <= j <= high[i]``, both bounds rising. ``rows[i]`` is the flat index of its first node.
Edges are stored at the node they end in, one a bead type, as log scores.
"""

from __future__ import annotations

import math

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel

#: Log probability below which a hypothesis no longer counts.
_NEGLIGIBLE = -18.0
#: Probability below which a node is taken to lie on no path.
_UNREACHED = 1e-8


@kernel()
def row_offsets(low: I32, high: I32) -> I64:
    """Flat index of each row's first node, one entry more than rows: the last is the number of nodes."""
    rows = np.zeros(len(low) + 1, np.int64)
    for i in range(len(low)):
        rows[i + 1] = rows[i] + high[i] - low[i] + 1
    return rows


@kernel()
def straight_band(cuts: I32, n: int, m: int, half_width: int, low: I32, high: I32) -> None:
    """Fill the band around a chain of cuts, straight between them, `half_width` nodes to each side.

    Args:
        cuts: Rising (source, target) cuts, (0, 0) first and (n, m) last, shape (k, 2).
        n: Source sentences.
        m: Target sentences.
        half_width: Nodes kept on each side of the chain.
        low: Result, first node of each row, shape (n + 1,).
        high: Result, last node of each row.
    """
    for i in range(n + 1):
        low[i], high[i] = m, 0
    for k in range(len(cuts) - 1):
        i0, j0, i1, j1 = cuts[k, 0], cuts[k, 1], cuts[k + 1, 0], cuts[k + 1, 1]
        # Between far cuts nobody knows where the path goes: the band widens by the gap's surplus.
        slack = half_width + min(abs((i1 - i0) - (j1 - j0)), 2 * half_width)
        for i in range(i0, i1 + 1):
            at = j0 if i1 == i0 else j0 + (j1 - j0) * (i - i0) // (i1 - i0)
            # Up to where the next row begins, so that the band hangs together however steep it is.
            until = j1 if i1 == i0 else min(j1, j0 + (j1 - j0) * (i + 1 - i0) // (i1 - i0))
            low[i] = min(low[i], max(0, at - slack))
            high[i] = max(high[i], min(m, until + slack))
    low[0], high[n] = 0, m
    for i in range(n - 1, -1, -1):
        low[i] = min(low[i], low[i + 1])
    for i in range(1, n + 1):
        high[i] = max(high[i], high[i - 1])


@kernel()
def posteriors(low: I32, high: I32, rows: I64, da: I32, db: I32, edges: F32) -> float:
    """Replace log scores by each bead's probability under all paths (forward-backward).

    With edge scores s(e), ``P(e) = sum of exp s(path) over paths through e / sum over all paths``.

    Args:
        low: Band, see above.
        high: Band.
        rows: Flat index of each row's first node.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        edges: Log scores in, probabilities out, shape (nodes, t); -inf where an edge is forbidden, in and out.

    Returns:
        The log of the sum over all paths.
    """
    forward = _forward(low, high, rows, da, db, edges)
    n = len(low) - 1
    occupied = np.zeros(rows[n + 1])  # probability that the path goes through the node
    occupied[-1] = 1.0
    for i in range(n, -1, -1):
        for j in range(high[i], low[i] - 1, -1):
            here = rows[i] + j - low[i]
            for t in range(len(da)):
                if edges[here, t] == -np.inf:
                    continue
                p, q = i - da[t], j - db[t]
                share = 0.0
                if occupied[here] > _UNREACHED and p >= 0 and low[p] <= q <= high[p]:
                    before = rows[p] + q - low[p]
                    x = forward[before] + edges[here, t] - forward[here]
                    if x > _NEGLIGIBLE:
                        share = occupied[here] * math.exp(x)
                        occupied[before] += share
                edges[here, t] = share
    return float(forward[-1])


@kernel()
def _forward(low: I32, high: I32, rows: I64, da: I32, db: I32, edges: F32) -> F64:
    """Log of the sum over all paths from the start to each node."""
    n, types = len(low) - 1, len(da)
    forward = np.full(rows[n + 1], -np.inf)
    forward[0] = 0.0
    for i in range(n + 1):
        for j in range(low[i], high[i] + 1):
            here = rows[i] + j - low[i]
            best = forward[here]
            for t in range(types):
                p, q = i - da[t], j - db[t]
                if p >= 0 and low[p] <= q <= high[p]:
                    best = max(best, forward[rows[p] + q - low[p]] + edges[here, t])
            if best == -np.inf or here == 0:
                continue
            total = 0.0
            for t in range(types):
                p, q = i - da[t], j - db[t]
                if p >= 0 and low[p] <= q <= high[p]:
                    x = forward[rows[p] + q - low[p]] + edges[here, t] - best
                    if x > _NEGLIGIBLE:
                        total += math.exp(x)
            forward[here] = best + math.log(total)
    return forward


@kernel()
def best_path(low: I32, high: I32, rows: I64, da: I32, db: I32, gains: F32, out: I32, score: F32) -> int:
    """The path of highest total gain; among equals the bead type listed first, seen from the end.

    Args:
        low: Band, see above.
        high: Band.
        rows: Flat index of each row's first node.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        gains: Gain of each edge, shape (nodes, t); -inf where there is none.
        out: Result, (source, target) cut that ends each bead, in order, shape (>= n + m, 2).
        score: Result, each bead's gain.

    Returns:
        The number of beads.
    """
    n, types = len(low) - 1, len(da)
    m = high[n]
    value = np.full(rows[n + 1], -np.inf)
    back = np.zeros(rows[n + 1], np.uint8)
    value[0] = 0.0
    for i in range(n + 1):
        for j in range(low[i], high[i] + 1):
            here = rows[i] + j - low[i]
            best = value[here]
            for t in range(types):
                p, q = i - da[t], j - db[t]
                if p >= 0 and low[p] <= q <= high[p]:
                    x = value[rows[p] + q - low[p]] + gains[here, t]
                    if x > best:
                        best, back[here] = x, t
            value[here] = best
    if value[rows[n + 1] - 1] == -np.inf:
        return 0
    count = 0
    i, j = n, m
    while i > 0 or j > 0:
        here = rows[i] + j - low[i]
        t = back[here]
        out[count, 0], out[count, 1], score[count] = i, j, gains[here, t]
        i, j, count = i - da[t], j - db[t], count + 1
    for k in range(count // 2):
        o = count - 1 - k
        for side in range(2):
            out[k, side], out[o, side] = out[o, side], out[k, side]
        score[k], score[o] = score[o], score[k]
    return count
