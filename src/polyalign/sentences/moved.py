"""Blocks that correspond but stand in another place: found among what an alignment in order leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.beads import Beads, IndexBead
from polyalign.core.jit import F32, F64, I64, Mask
from polyalign.encoders.neighbours import nearest

#: Why a sentence has no counterpart, if no block was found for it.
ALONE = "no counterpart"
#: Neighbours that count for a margin, and sentences of the other side they are looked for among.
NEAR, AMONG = 4, 1024
#: Counterparts considered for a sentence; sentences that a block may skip at a time, and what skipping one costs.
CHOICES, GAP, SKIP = 3, 4, 0.03
#: How much better than the best block of the reversed target a block must be.
SURE = 1.3
#: How close a block's sentences must be on average, as a share of what is usual in order.
SHARE = 0.5
#: Beads of one sentence a side from which it is known what is usual; those closer than this share of it are believed.
ENOUGH, WEAK = 5, 0.35
#: Sentences that a block's ends may reach beyond what is matched one to one.
REACH = 2
#: Pairs of sentences compared at a time.
BLOCK = 1 << 14
#: First and one past the last.
Span = tuple[int, int]
#: Aligns the sentences of some spans with those of others in order, as if each two were documents of their own.
Inside = Callable[[Sequence[tuple[Span, Span]]], Sequence[Beads]]


@dataclass(frozen=True, slots=True)
class Moved:
    """A block out of order.

    Args:
        src: Its source sentences, first and one past the last.
        tgt: Its target sentences.
        beads: The beads inside, in order, each with its score. Sentences of the block that are in none have no
            counterpart.
        score: Sum of the margins of its sentences that are matched one to one.
    """

    src: Span
    tgt: Span
    beads: tuple[tuple[IndexBead, float], ...]
    score: float


def find_moved(src: F32, tgt: F32, beads: Beads, *, inside: Inside | None = None, least: float = 3.0) -> list[Moved]:
    """Blocks of sentences that have no counterpart in order, and have one out of order.

    Sentences have none if their bead has an empty side, or holds no two that are at all close: an aligner that has lost
    the counterpart of a block shares it out among its neighbours.

    Sentences are matched by the margin ``cos(x, y) - (h(x) + h(y)) / 2``, h the mean cosine to the nearest sentences of
    the other side. A block is a chain of matches that rises on both sides and skips few sentences; it is believed if it
    has enough sentences, is close enough by what the beads in order show, and outdoes every chain found when the
    target is read backwards, where what is found is chance.

    Args:
        src: Centred unit vectors of the source sentences, shape (n, d).
        tgt: Of the target sentences, shape (m, d).
        beads: The alignment in order.
        inside: Aligns the blocks inside, all in one call; if there is none, a block's beads are its matches of one
            sentence a side, their scores what their margins are of a usual one, at most 1.
        least: What a block's margins must add up to, in sentences as close as the usual bead in order; two sentences at
            least, and three if there are too few beads to know what is usual.

    Returns:
        Blocks by their first source sentence; no sentence is in two.

    Complexity: O((u v + 1024 (n + m)) d) for u source and v target sentences without a counterpart.
    """
    if not len(src) or not len(tgt):
        return []
    hubs = _hubs(src, tgt), _hubs(tgt, src)
    close = _closeness(src, tgt, beads, hubs)
    single = (beads.src_end - beads.src_start == 1) & (beads.tgt_end - beads.tgt_start == 1)
    near = close[0][beads.src_start[single]]
    usual = max(0.0, float(np.median(near))) if len(near) >= ENOUGH else 0.0
    free = [c < max(WEAK * usual, 1e-9) for c in close]
    order = _order(beads, ~free[0])
    places = [np.flatnonzero(f) for f in free]
    if min(map(len, places)) < 2:
        return []
    i, j, margin = _matches(src, tgt, places, hubs)
    chance = max((total for _, total in _chains(i, len(tgt) - 1 - j, margin)), default=0.0)
    taken = [np.zeros(len(f), np.bool_) for f in free]
    spans: list[tuple[Span, Span]] = []
    chains: list[tuple[I64, I64, F64, float]] = []
    for chain, total in _chains(i, j, margin):
        worth = max(SURE * chance, least * usual, SHARE * usual * len(chain))
        if len(chain) < (2 if usual > 0 else 3) or total < worth:
            continue
        rows, columns = i[chain], j[chain]
        if taken[0][rows].any() or taken[1][columns].any() or _in_order(rows, columns, order):
            continue
        spans.append((_reach(rows, free[0] & ~taken[0]), _reach(columns, free[1] & ~taken[1])))
        for (a, b), gone in zip(spans[-1], taken, strict=True):
            gone[a:b] = True
        chains.append((rows, columns, margin[chain], float(total)))
    aligned = inside(spans) if inside is not None and spans else [None] * len(spans)
    found = []
    for span, (rows, columns, near, total), block in zip(spans, chains, aligned, strict=True):
        pairs = _one_to_one(rows, columns, near, usual) if block is None else _shifted(block, span)
        if pairs:
            (a, b), (c, d) = ((min(x[s][0] for x, _ in pairs), max(x[s][-1] for x, _ in pairs) + 1) for s in (0, 1))
            found.append(Moved((a, b), (c, d), pairs, total))
    return sorted(found, key=lambda block: block.src)


def explain(beads: Beads, blocks: Sequence[Moved], *, align: bool = False) -> Beads:
    """The alignment with a reason for every sentence that has no counterpart.

    Args:
        beads: The alignment in order.
        blocks: What `find_moved` found in it.
        align: Whether the beads of the blocks are to be given as moved beads; else the reasons say where to look,
            "moved: target 201-220", sentences counted from 0 and the last one included.

    Returns:
        The same beads, cut where blocks begin and end: what a block leaves of a bead with two sides stays one if it is
        in one piece.
    """
    moved = tuple(pair for block in blocks for pair in block.beads) if align else ()
    places = [sorted(((b.src, b.tgt) if side == 0 else (b.tgt, b.src)) for b in blocks) for side in (0, 1)]
    cuts, scores, reasons = [(0, 0)], [], []

    def alone(side: int, parts: list[tuple[int, Span | None]], score: float) -> None:
        for end, there in parts:
            cuts.append((end, cuts[-1][1]) if side == 0 else (cuts[-1][0], end))
            scores.append(score)
            other = ("target", "source")[side]
            reasons.append(ALONE if there is None or align else f"moved: {other} {there[0]}-{there[1] - 1}")

    for (src, tgt), score in zip(beads.to_indices(), beads.score.tolist(), strict=True):
        parts = [list(_parts(s[0], s[-1] + 1, places[side])) if s else [] for side, s in enumerate((src, tgt))]
        left = [[k for k, (_, there) in enumerate(p) if there is None] for p in parts]
        if len(left[0]) == len(left[1]) == 1:
            # What blocks leave of a bead stays a bead if it is in one piece.
            (i,), (j,) = left
            alone(0, parts[0][:i], 0.0)
            alone(1, parts[1][:j], 0.0)
            cuts.append((parts[0][i][0], parts[1][j][0]))
            scores.append(score)
            reasons.append("")
            alone(0, parts[0][i + 1 :], 0.0)
            alone(1, parts[1][j + 1 :], 0.0)
        else:
            for side in (0, 1):
                alone(side, parts[side], 0.0 if src and tgt else score)
    return replace(Beads.from_cuts(cuts, scores, reasons=reasons), moved=moved)


def _parts(a: int, b: int, blocks: list[tuple[Span, Span]]) -> Iterator[tuple[int, Span | None]]:
    """A run of sentences cut at the borders of blocks: the ends of the pieces, and where their blocks are over there."""
    for own, other in blocks:
        first, last = max(a, own[0]), min(b, own[1])
        if first < last:
            if a < first:
                yield first, None
            yield last, other
            a = last
    if a < b:
        yield b, None


def _order(beads: Beads, sure: Mask) -> tuple[I64, I64]:
    """How many beads with a sentence that is sure of its counterpart begin up to each sentence."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(sure)])
    before = np.cumsum(sums[beads.src_end] > sums[beads.src_start])
    return np.repeat(before, beads.src_end - beads.src_start), np.repeat(before, beads.tgt_end - beads.tgt_start)


def _closeness(src: F32, tgt: F32, beads: Beads, hubs: tuple[F32, F32]) -> tuple[F64, F64]:
    """The margin of each sentence and the nearest on the other side of its bead; -1 if that is empty."""
    wide, high = beads.tgt_end - beads.tgt_start, beads.src_end - beads.src_start
    cells = wide.astype(np.int64) * high
    bead = np.repeat(np.arange(len(beads)), cells)
    k = np.arange(len(bead)) - np.repeat(np.cumsum(cells) - cells, cells)
    i, j = beads.src_start[bead] + k // wide[bead], beads.tgt_start[bead] + k % wide[bead]
    margin = _margins(src, tgt, i, j, hubs)
    out = np.full(len(src), -1.0), np.full(len(tgt), -1.0)
    np.maximum.at(out[0], i, margin)
    np.maximum.at(out[1], j, margin)
    return out


def _margins(src: F32, tgt: F32, i: I64, j: I64, hubs: tuple[F32, F32]) -> F64:
    starts = range(0, len(i), BLOCK)
    cos = [np.einsum("nd,nd->n", src[i[k : k + BLOCK]], tgt[j[k : k + BLOCK]]) for k in starts]
    return np.asarray(np.concatenate([np.zeros(0, np.float32), *cos]) - (hubs[0][i] + hubs[1][j]) / 2, np.float64)


def _in_order(rows: I64, columns: I64, order: tuple[I64, I64]) -> bool:
    # Nothing aligned lies between: the aligner left it alone, but not for its place.
    return bool(order[0][rows[0]] == order[1][columns[0]])


def _hubs(x: F32, y: F32) -> F32:
    some = y[np.unique(np.linspace(0, len(y) - 1, min(AMONG, len(y))).astype(np.int64))]
    return np.asarray(nearest(x, some, NEAR)[0].mean(axis=1), np.float32)


def _matches(src: F32, tgt: F32, places: list[I64], hubs: tuple[F32, F32]) -> tuple[I64, I64, F64]:
    """Pairs of sentences that are among each other's nearest by margin, in order of source, then target."""
    keys = []
    for k, (x, y) in enumerate(((src, tgt), (tgt, src))):
        own, other = places[k], places[1 - k]
        # The own hub does not change which is nearest; the other's rides along as one more dimension.
        queries = np.concatenate([x[own], np.ones((len(own), 1), np.float32)], axis=1)
        vectors = np.concatenate([y[other], -hubs[1 - k][other][:, None] / 2], axis=1)
        _, at = nearest(queries, vectors, CHOICES)
        pair = np.repeat(own, at.shape[1]), other[at.ravel()]
        keys.append(pair[k] * len(tgt) + pair[1 - k])
    both = np.intersect1d(keys[0], keys[1])
    i, j = both // len(tgt), both % len(tgt)
    margin = _margins(src, tgt, i, j, hubs)
    keep = margin > 0
    return i[keep], j[keep], margin[keep]


def _chains(i: I64, j: I64, margin: F64) -> list[tuple[I64, float]]:
    """Rising chains of matches, best first, no match in two."""
    order = np.lexsort((j, i))
    rows, columns, gain = i[order].tolist(), j[order].tolist(), margin[order].tolist()
    best, back = list(gain), [-1] * len(rows)
    first = 0
    for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
        while rows[first] < row - GAP:
            first += 1
        for p in range(first, k):
            down, right = row - rows[p], column - columns[p]
            if down < 1 or not 1 <= right <= GAP:
                continue
            total = best[p] + gain[k] - SKIP * (down + right - 2)
            if total > best[k]:
                best[k], back[k] = total, p
    used = np.zeros(len(rows), np.bool_)
    out = []
    for k in np.argsort(-np.asarray(best), kind="stable").tolist():
        chain, at = [], k
        while at >= 0 and not used[at]:
            chain.append(at)
            used[at] = True
            at = back[at]
        if chain:
            out.append((order[np.asarray(chain[::-1])], best[k] - (best[at] if at >= 0 else 0.0)))
    return sorted(out, key=lambda pair: -pair[1])


def _reach(path: I64, free: Mask) -> Span:
    """The ends of a path, each a little further if what is there is free."""
    a, b = int(path[0]), int(path[-1]) + 1
    for _ in range(REACH):
        if a > 0 and free[a - 1]:
            a -= 1
        if b < len(free) and free[b]:
            b += 1
    return a, b


def _one_to_one(rows: I64, columns: I64, margin: F64, usual: float) -> tuple[tuple[IndexBead, float], ...]:
    scores = np.minimum(1, margin / max(usual, 1e-6))
    return tuple((((i,), (j,)), s) for i, j, s in zip(rows.tolist(), columns.tolist(), scores.tolist(), strict=True))


def _shifted(beads: Beads, span: tuple[Span, Span]) -> tuple[tuple[IndexBead, float], ...]:
    """Beads with two sides of a block that begins there."""
    a, c = span[0][0], span[1][0]
    pairs = zip(beads.to_indices(), beads.score.tolist(), strict=True)
    return tuple(((tuple(a + i for i in s), tuple(c + j for j in t)), score) for (s, t), score in pairs if s and t)
