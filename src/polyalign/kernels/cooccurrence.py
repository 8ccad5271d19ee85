"""Word pairs that occur together: numbering them, finding them again, summing over them.

A *cell* is a (source word, target word) position in one sentence pair; the cells of a block are
stored row by row, one row a source word, so `rows[p]:rows[p + 1]` are the cells of source token p,
and its sentence's target words start at `first[p]`. An *entry* is a distinct pair of word types; the
entries of source type e are `starts[e]:starts[e + 1]`, sorted by target type.

Every kernel gives each source type to one shard, so no two threads ever write to one place and
sums are taken in one order whatever the number of threads.
"""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, F64, I32, I64, kernel, prange

SHARDS = 16


@kernel(parallel=True)
def count_entries(order: I64, groups: I64, first: I64, widths: I64, tgt: I32, n_tgt: int) -> I64:
    """How many distinct target types each group of equal source tokens occurs with.

    Args:
        order: Source token positions sorted by type, shape (s,).
        groups: Where each type begins in `order`, and its end, shape (g + 1,).
        first: Where the target sentence of each source token starts, shape (s,).
        widths: And how long it is, shape (s,).
        tgt: Target tokens.
        n_tgt: Number of target types.

    Returns:
        Shape (g,).
    """
    n = len(groups) - 1
    counts = np.zeros(n, np.int64)
    for shard in prange(SHARDS):
        if shard < n:
            seen = np.full(n_tgt, -1, np.int64)
            for g in range(shard, n, SHARDS):
                for k in range(groups[g], groups[g + 1]):
                    p = order[k]
                    for c in range(first[p], first[p] + widths[p]):
                        if seen[tgt[c]] != g:
                            seen[tgt[c]] = g
                            counts[g] += 1
    return counts


@kernel(parallel=True)
def fill_entries(order: I64, groups: I64, first: I64, widths: I64, tgt: I32, n_tgt: int, starts: I64) -> I32:
    """The target types that `count_entries` counted, sorted within each group.

    Args:
        order: As there; so are the next five.
        groups: As there.
        first: As there.
        widths: As there.
        tgt: As there.
        n_tgt: As there.
        starts: Where each group's entries begin, and the end, shape (g + 1,).

    Returns:
        Shape (starts[-1],).
    """
    n = len(groups) - 1
    out = np.empty(starts[-1], np.int32)
    for shard in prange(SHARDS):
        if shard < n:
            seen = np.full(n_tgt, -1, np.int64)
            for g in range(shard, n, SHARDS):
                at = starts[g]
                for k in range(groups[g], groups[g + 1]):
                    p = order[k]
                    for c in range(first[p], first[p] + widths[p]):
                        if seen[tgt[c]] != g:
                            seen[tgt[c]] = g
                            out[at] = tgt[c]
                            at += 1
                out[starts[g] : at] = np.sort(out[starts[g] : at])
    return out


@kernel(parallel=True)
def locate(
    order: I64, groups: I64, src: I32, rows: I64, first: I64, tgt: I32, starts: I64, entries: I32, n_tgt: int
) -> I32:
    """The entry of every cell, -1 where the pair of types has none.

    Args:
        order: Source token positions sorted by type, shape (s,).
        groups: Where each type begins in `order`, and the end.
        src: Source tokens, shape (s,); types beyond the table are unknown words.
        rows: Where each source token's cells begin, and the end, shape (s + 1,).
        first: Where its target sentence starts, shape (s,).
        tgt: Target tokens; types from `n_tgt` on are unknown words.
        starts: Where each source type's entries begin, and the end.
        entries: Their target types.
        n_tgt: Number of target types.

    Returns:
        Shape (rows[-1],).
    """
    n = len(groups) - 1
    ids = np.empty(rows[-1], np.int32)
    for shard in prange(SHARDS):
        if shard < n:
            slot = np.full(n_tgt + 1, -1, np.int32)
            for g in range(shard, n, SHARDS):
                e = src[order[groups[g]]]
                a, b = (starts[e], starts[e + 1]) if e < len(starts) - 1 else (0, 0)
                for k in range(a, b):
                    slot[entries[k]] = k
                for k in range(groups[g], groups[g + 1]):
                    p = order[k]
                    shift = first[p] - rows[p]
                    for c in range(rows[p], rows[p + 1]):
                        ids[c] = slot[min(tgt[shift + c], n_tgt)]
                for k in range(a, b):
                    slot[entries[k]] = -1
    return ids


@kernel(parallel=True)
def sum_counts(
    order: I64, groups: I64, src: I32, starts: I64, rows: I64, ids: I32, at: I64, forward: F32, backward: F32
) -> tuple[I32, F64]:
    """Every cell's posteriors summed over the cells of one entry.

    Args:
        order: Source token positions sorted by type.
        groups: Where each type begins in `order`, and the end.
        src: Source tokens.
        starts: Where each source type's entries begin, and the end.
        rows: Where each source token's cells begin, and the end.
        ids: Entry of each cell, none of them -1.
        at: Where the sums of each group begin, and the end: as many as `count_entries` counted.
        forward: Posterior of each cell, target words choosing.
        backward: Posterior of each cell, source words choosing.

    Returns:
        The entries that have cells, group by group as they are met, and their sums, shape (n, 2).
    """
    n = len(groups) - 1
    met, sums = np.empty(at[-1], np.int32), np.zeros((at[-1], 2))
    for shard in prange(SHARDS):
        widest = 0
        for g in range(shard, n, SHARDS):
            e = src[order[groups[g]]]
            widest = max(widest, starts[e + 1] - starts[e])
        slot = np.full(widest, -1, np.int32)
        for g in range(shard, n, SHARDS):
            base, end = starts[src[order[groups[g]]]], at[g]
            for k in range(groups[g], groups[g + 1]):
                p = order[k]
                for c in range(rows[p], rows[p + 1]):
                    s = slot[ids[c] - base]
                    if s < 0:
                        s = end
                        slot[ids[c] - base] = s
                        met[s] = ids[c]
                        end += 1
                    sums[s, 0] += forward[c]
                    sums[s, 1] += backward[c]
            for s in range(at[g], end):
                slot[met[s] - base] = -1
    return met, sums


@kernel()
def add_sums(met: I32, sums: F64, counts: F64) -> None:
    """Add what `sum_counts` gave to the counts of all entries, shape (entries, 2)."""
    for k in range(len(met)):
        counts[met[k], 0] += sums[k, 0]
        counts[met[k], 1] += sums[k, 1]


@kernel()
def digamma(x: float) -> float:
    """The derivative of log gamma for x > 0: six steps of the recurrence below 6, then the asymptotic series."""
    out = 0.0
    if x < 6.0:
        # 1 / x + ... + 1 / (x + 5), which is P' / P for P = x (x + 1) ... (x + 5) = y (y + 4) (y + 6): one division.
        y = x * (x + 5.0)
        out -= (2.0 * x + 5.0) * ((3.0 * y + 20.0) * y + 24.0) / (y * (y + 4.0) * (y + 6.0))
        x += 6.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132)))))
    return float(out + np.log(x) - 0.5 / x - series)


@kernel(parallel=True)
def normalise(counts: F64, starts: I64, entries: I32, tgt_totals: F64, alpha: float) -> None:
    """Turn expected counts into probabilities of both directions, in place.

    With a Dirichlet prior that is exp(E[log t]) under the variational posterior, exp(digamma(c + alpha) -
    digamma(sum (c + alpha))); without one, the maximum c / sum c.

    Args:
        counts: Shape (entries, 2); becomes t(tgt | src) and t(src | tgt).
        starts: Where each source type's entries begin, and the end.
        entries: Their target types.
        tgt_totals: Sum of ``counts[:, 1] + alpha`` over each target type's entries.
        alpha: Dirichlet prior of each entry, 0 for the maximum-likelihood estimate.
    """
    n = len(starts) - 1
    of_tgt = np.zeros(len(tgt_totals))
    for f in range(len(tgt_totals)):
        if tgt_totals[f] > 0:
            of_tgt[f] = digamma(tgt_totals[f]) if alpha > 0 else 1.0 / tgt_totals[f]
    for shard in prange(SHARDS):
        for e in range(shard, n, SHARDS):
            total = 0.0
            for k in range(starts[e], starts[e + 1]):
                total += counts[k, 0] + alpha
            if alpha > 0:
                of_src = digamma(total) if total > 0 else 0.0
                for k in range(starts[e], starts[e + 1]):
                    counts[k, 0] = np.exp(digamma(counts[k, 0] + alpha) - of_src)
                    counts[k, 1] = np.exp(digamma(counts[k, 1] + alpha) - of_tgt[entries[k]])
            else:
                of_src = 1.0 / total if total > 0 else 0.0
                for k in range(starts[e], starts[e + 1]):
                    counts[k, 0] *= of_src
                    counts[k, 1] *= of_tgt[entries[k]]
