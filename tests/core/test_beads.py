"""Beads with reasons and with blocks out of order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.beads import MOVED, Beads, parse_vecalign


def test_rows_without_more_are_the_beads():
    beads = Beads.from_cuts([(0, 0), (1, 1), (2, 1), (2, 3)], [0.5, 0, 1])
    assert beads.rows() == [((0,), (0,), 0.5, ""), ((1,), (), 0.0, ""), ((), (1, 2), 1.0, "")]
    assert Beads.from_cuts([(0, 0)]).rows() == []


def test_a_moved_block_takes_the_place_of_what_it_takes():
    reasons = ["", "no counterpart", "", "moved: source 2-3"]
    beads = Beads.from_cuts([(0, 0), (1, 1), (5, 1), (6, 2), (6, 5)], [1, 0, 1, 0], reasons=reasons)
    beads = replace(beads, moved=((((2,), (2,)), 0.75), (((3,), (3, 4)), 0.25)))
    assert beads.rows() == [
        ((0,), (0,), 1.0, ""),
        ((1,), (), 0.0, "no counterpart"),
        ((2,), (2,), 0.75, MOVED),
        ((3,), (3, 4), 0.25, MOVED),
        ((4,), (), 0.0, "no counterpart"),
        ((5,), (1,), 1.0, ""),
    ]
    assert beads.types() == {"1-1": 3, "1-0": 2, "1-2": 1}
    lines = beads.to_vecalign()
    assert lines[3] == "[3]:[3, 4]:0.2500"
    assert parse_vecalign(lines, "x") == [(s, t) for s, t, _, _ in beads.rows()]
    assert len(beads.to_indices()) == len(beads) == len(beads.score) == 4


@st.composite
def moved_beads(draw):
    """Random beads, and some of their lonely sentences in moved beads, consecutive on each side."""
    steps = draw(st.lists(st.sampled_from([(1, 1), (1, 0), (0, 1), (2, 1), (3, 0), (0, 4)]), max_size=12))
    cuts = np.concatenate([np.zeros((1, 2), int), np.cumsum(np.asarray(steps, int).reshape(-1, 2), axis=0)])
    beads = Beads.from_cuts(
        [tuple(c) for c in cuts], np.arange(len(steps)), reasons=[str(k) for k in range(len(steps))]
    )
    lonely = [[k for bead in beads.to_indices() if not bead[1 - side] for k in bead[side]] for side in (0, 1)]
    order = draw(st.permutations(lonely[1]))
    count = draw(st.integers(0, min(map(len, lonely))))
    wide = draw(st.booleans())
    src = draw(st.permutations(lonely[0]))[:count]
    pairs = [((i,), (j,)) for i, j in zip(src, order, strict=False)]
    if wide and len(pairs) > 1:
        pairs = [((pairs[0][0] + pairs[1][0]), pairs[0][1]), *pairs[2:]]
    return replace(beads, moved=tuple((p, 0.5) for p in pairs))


@given(moved_beads())
def test_nothing_is_lost_or_doubled(beads):
    rows = beads.rows()
    for side, ends in ((0, beads.src_end), (1, beads.tgt_end)):
        assert sorted(k for row in rows for k in row[side]) == list(range(int(ends[-1]) if len(ends) else 0))
    assert sum(row[3] == MOVED for row in rows) == len(beads.moved)
    kept = [row[:2] for row in rows if row[3] != MOVED and row[0] and row[1]]
    assert kept == [bead for bead in beads.to_indices() if bead[0] and bead[1]]
    assert sum(beads.types().values()) == len(rows) == len(beads.to_vecalign())


def test_what_is_refused():
    beads = Beads.from_cuts([(0, 0), (1, 1), (2, 1), (2, 2)])
    with pytest.raises(ValueError, match="one reason for each of 3 beads, found 1"):
        replace(beads, reasons=("x",))
    with pytest.raises(ValueError, match="only sentences of beads with an empty side"):
        replace(beads, moved=((((0,), (1,)), 1.0),))
    with pytest.raises(ValueError, match="only sentences of beads with an empty side"):
        replace(beads, moved=((((1,), (7,)), 1.0),))
    with pytest.raises(ValueError, match="only sentences of beads with an empty side"):
        replace(beads, moved=((((-1,), (1,)), 1.0),))
    with pytest.raises(ValueError, match="sentences on both sides"):
        replace(beads, moved=((((1,), ()), 1.0),))
    with pytest.raises(ValueError, match="in two moved beads"):
        replace(beads, moved=((((1,), (1,)), 1.0), (((1,), (1,)), 1.0)))
