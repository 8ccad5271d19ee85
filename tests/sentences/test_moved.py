"""Moved blocks: planted ones found, none seen where there is none, and every sentence accounted for."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.beads import Beads
from polyalign.core.space import unit
from polyalign.sentences.moved import ALONE, explain, find_moved


def planted(n, *, start=0, size=0, to=0, seed=0, noise=0.8):
    """Vectors of a text and of its translation with a block moved, and beads that know the rest."""
    draw = np.random.default_rng(seed)
    src = unit(draw.normal(size=(n, 64)).astype(np.float32))
    tgt = unit(src + unit(draw.normal(size=(n, 64)).astype(np.float32)) * np.float32(noise))
    rest = [k for k in range(n) if not start <= k < start + size]
    order = rest[:to] + list(range(start, start + size)) + rest[to:]
    tgt = tgt[order]
    cuts = [(0, 0)]
    for k in rest:
        j = order.index(k)
        while cuts[-1][0] < k:
            cuts.append((cuts[-1][0] + 1, cuts[-1][1]))
        while cuts[-1][1] < j:
            cuts.append((cuts[-1][0], cuts[-1][1] + 1))
        cuts.append((k + 1, j + 1))
    while cuts[-1][0] < n:
        cuts.append((cuts[-1][0] + 1, cuts[-1][1]))
    while cuts[-1][1] < n:
        cuts.append((cuts[-1][0], cuts[-1][1] + 1))
    return src, tgt, Beads.from_cuts(cuts), order


@pytest.mark.parametrize(("start", "size", "to"), [(10, 12, 60), (50, 20, 0), (0, 8, 30), (60, 6, 20)])
def test_a_planted_block_is_found(start, size, to):
    src, tgt, beads, order = planted(80, start=start, size=size, to=to)
    blocks = find_moved(src, tgt, beads)
    assert [(b.src, b.tgt) for b in blocks] == [((start, start + size), (to, to + size))]
    assert [bead for bead, _ in blocks[0].beads] == [((k,), (order.index(k),)) for k in range(start, start + size)]
    assert all(0 < score <= 1 for _, score in blocks[0].beads)
    reported = explain(beads, blocks)
    rows = reported.rows()
    assert [r[3] for r in rows if r[0] == (start,)] == [f"moved: target {to}-{to + size - 1}"]
    assert [r[3] for r in rows if r[1] == (to,)] == [f"moved: source {start}-{start + size - 1}"]
    aligned = explain(beads, blocks, align=True)
    assert aligned.types() == {"1-1": 80}
    assert aligned.moved == blocks[0].beads


def test_a_block_that_the_aligner_shared_out_is_found():
    src, tgt, _, order = planted(60, start=10, size=10, to=50)
    # Every sentence has a bead: those of the block and those at the target's end are in beads of their neighbours.
    cuts = [(k, k) for k in range(10)] + [(14, 10), (21, 11)] + [(k, k - 10) for k in range(22, 60)] + [(60, 60)]
    beads = Beads.from_cuts(cuts)
    blocks = find_moved(src, tgt, beads)
    assert [(b.src, b.tgt) for b in blocks] == [((10, 20), (50, 60))]
    out = explain(beads, blocks, align=True)
    for side in (0, 1):
        assert sorted(k for row in out.rows() for k in row[side]) == list(range(60))
    assert {(r[0], r[1]) for r in out.rows()} == {((k,), (order.index(k),)) for k in range(60)}


@pytest.mark.parametrize("seed", range(5))
def test_none_is_seen_where_there_is_none(seed):
    src, tgt, beads, _ = planted(80, seed=seed)
    assert find_moved(src, tgt, beads) == []
    draw = np.random.default_rng(seed)
    apart = Beads.from_cuts([(0, 0), (80, 0), (80, 80)])
    assert find_moved(src, unit(draw.normal(size=(80, 64)).astype(np.float32)), apart) == []


def test_what_is_in_order_has_not_moved():
    src, tgt, beads, _ = planted(60)
    split = [*((k, k) for k in range(21)), (40, 20), (40, 40), *((k, k) for k in range(41, 61))]
    blocks = find_moved(src, tgt, Beads.from_cuts(split))
    assert blocks == []
    assert [r for r in explain(Beads.from_cuts(split), blocks).rows() if r[3]] == [
        (tuple(range(20, 40)), (), 0.0, ALONE),
        ((), tuple(range(20, 40)), 0.0, ALONE),
    ]
    assert set(explain(beads, []).reasons) == {""}


def test_the_aligner_aligns_inside():
    src, tgt, beads, _ = planted(80, start=10, size=12, to=60)
    seen = []

    def inside(spans):
        seen.extend(spans)
        return [Beads.from_cuts([(0, 0), (2, 1), (b - a, d - c)], [0.25, 0]) for (a, b), (c, d) in spans]

    blocks = find_moved(src, tgt, beads, inside=inside)
    assert seen == [((10, 22), (60, 72))]
    assert blocks[0].beads[0] == (((10, 11), (60,)), 0.25)
    nothing = find_moved(src, tgt, beads, inside=lambda s: [Beads.from_cuts([(0, 0), (12, 0), (12, 12)])])
    assert nothing == []


def test_edge_cases():
    none, one = np.zeros((0, 8), np.float32), np.eye(1, 8, dtype=np.float32)
    assert find_moved(none, none, Beads.from_cuts([(0, 0)])) == []
    assert find_moved(one, none, Beads.from_cuts([(0, 0), (1, 0)])) == []
    assert find_moved(one, one, Beads.from_cuts([(0, 0), (1, 0), (1, 1)])) == []
    zeros = np.zeros((9, 8), np.float32)
    assert find_moved(zeros, zeros, Beads.from_cuts([(0, 0), (9, 0), (9, 9)])) == []
    assert explain(Beads.from_cuts([(0, 0)]), []).rows() == []
