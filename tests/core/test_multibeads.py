"""Joint alignments: what they may be, their views, and their forms on disk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.multibeads import MultiBeads

LANGS = ("deu_Latn", "roh_Latn", "ita_Latn")


@st.composite
def joint(draw):
    """Any joint alignment: in each unit every language goes on, stays in its sentence or pauses."""
    moves = draw(st.lists(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=3, max_size=3), max_size=12))
    members, done, within = [], [0, 0, 0], [False] * 3
    for row in moves:
        unit = []
        for k, move in enumerate(row):
            if move == 0:
                unit.append(done[k])
                done[k], within[k] = done[k] + 1, True
            elif move == 1 and within[k]:
                unit.append(done[k] - 1)
            else:
                unit.append(-1)
                within[k] = False
        if max(unit) >= 0:
            members.append(unit)
        else:
            within = [False] * 3
    rng = np.random.default_rng(len(members))
    return MultiBeads.from_units(LANGS, np.array(members, np.int32).reshape(-1, 3), rng.random(len(members)))


def links(beads):
    return {(i, j) for src, tgt in beads.to_indices() for i in src for j in tgt}


@given(joint())
def test_a_view_is_a_partition_in_order_of_both_documents(m):
    for a, b in ((0, 1), (2, 0), (1, 2)):
        beads = m.project(LANGS[a], LANGS[b])
        sides = list(zip(*beads.to_indices(), strict=True)) or [(), ()]
        assert [i for run in sides[0] for i in run] == list(range(m.cuts[-1, a]))
        assert [j for run in sides[1] for j in run] == list(range(m.cuts[-1, b]))


@given(joint())
def test_a_view_holds_what_shares_a_unit_and_no_more_than_it_must(m):
    """Brute force: the finest beads of two languages are the connected runs of sentences that share a unit."""
    units = [
        [set(range(c, d + i)) for c, d, i in zip(*rows, strict=True)]
        for rows in zip(m.cuts[:-1].tolist(), m.cuts[1:].tolist(), m.inside[1:].tolist(), strict=True)
    ]
    expected = []
    for unit in units:
        src, tgt = unit[0], unit[2]
        if not src and not tgt:
            continue
        if expected and (expected[-1][0] & src or expected[-1][1] & tgt):
            expected[-1] = (expected[-1][0] | src, expected[-1][1] | tgt)
        else:
            expected.append((src, tgt))
    assert [(set(s), set(t)) for s, t in m.project(LANGS[0], LANGS[2]).to_indices()] == expected


@given(joint())
def test_the_views_of_whole_segments_never_contradict(m):
    whole = m.select(LANGS)
    assert not whole.inside.any()
    ab, bc, ac = (links(whole.project(*p)) for p in (LANGS[:2], LANGS[1:], (LANGS[0], LANGS[2])))
    through = {(i, k) for i, j in ab for j2, k in bc if j == j2}
    assert through <= ac
    # And what they lack is only where the language between has no text at all.
    silent = ~whole.has_text()[:, 1]
    lone = {
        (i, k)
        for s in np.flatnonzero(silent)
        for i in range(whole.cuts[s, 0], whole.cuts[s + 1, 0])
        for k in range(whole.cuts[s, 2], whole.cuts[s + 1, 2])
    }
    assert ac - through == lone
    # Finer views stay within the segments.
    assert links(m.project(LANGS[0], LANGS[2])) <= ac


@given(joint())
def test_it_comes_back_from_a_table(m):
    back = MultiBeads.from_table(m.to_table())
    assert back.langs == m.langs
    assert back.cuts.tolist() == m.cuts.tolist()
    assert back.inside.tolist() == m.inside.tolist()
    assert back.score.tolist() == m.score.tolist()


def test_scores_of_a_view_are_means():
    m = MultiBeads.from_units(LANGS, [[0, 0, 0], [1, 0, 1], [-1, 1, -1], [2, -1, -1]], [1.0, 0.5, 0.25, 0.125])
    assert m.ways().tolist() == [3, 3, 1, 1]
    assert m.project("deu_Latn", "roh_Latn").score.tolist() == [0.75, 0.25, 0.125]
    assert m.project("deu_Latn", "ita_Latn").to_indices() == [((0,), (0,)), ((1,), (1,)), ((2,), ())]
    assert m.select(LANGS).score.tolist() == [0.75, 0.25, 0.125]
    assert m.select(["ita_Latn"]).cuts.tolist() == [[0], [1], [2]]


def test_a_ladder_marks_cuts_inside_a_sentence():
    m = MultiBeads.from_units(LANGS[:2], [[0, 0], [1, 0]], [1.0, 0.5])
    assert m.to_lines() == ["deu_Latn\troh_Latn\tscore", "0\t0\t", "1\t0+\t1.0000", "2\t1\t0.5000"]


def test_nothing_at_all():
    m = MultiBeads(LANGS, np.zeros((1, 3)), np.zeros(0))
    assert (len(m), len(m.project(*LANGS[:2])), len(m.select(LANGS)), m.ways().tolist()) == (0, 0, 0, [])
    assert len(MultiBeads.from_table(m.to_table())) == 0


@pytest.mark.parametrize(
    ("cuts", "score", "inside", "message"),
    [
        ([[0, 0]], [1], None, "shape"),
        ([[0, 1], [1, 1]], [1], None, "rise"),
        ([[0, 0], [1, 1], [0, 2]], [1, 1], None, "rise"),
        ([[0, 0], [0, 0]], [1], None, "rise"),
        ([[0, 0], [1, 1]], [1], [[False, False], [True, False]], "inside"),
        ([[0, 0], [1, 1]], [1], [[False, False]], "inside"),
    ],
)
def test_it_refuses_what_is_no_alignment(cuts, score, inside, message):
    extra = [] if inside is None else [np.array(inside)]
    with pytest.raises(ValueError, match=message):
        MultiBeads(("a", "b"), np.array(cuts), np.array(score), *extra)


def test_it_refuses_a_language_twice_and_one_it_lacks():
    with pytest.raises(ValueError, match="different"):
        MultiBeads(("a", "a"), np.zeros((1, 2)), np.zeros(0))
    with pytest.raises(DataError, match="no language 'x'"):
        MultiBeads(("a", "b"), np.zeros((1, 2)), np.zeros(0)).project("a", "x")


def test_it_refuses_a_table_with_gaps():
    table = MultiBeads(("a", "b"), [[0, 0], [1, 1], [2, 3]], [1, 1]).to_table()
    with pytest.raises(DataError, match="row 1: a is sentences 5 to 2"):
        MultiBeads.from_table(table.set_column(1, "start.a", [[0, 5]]))
    with pytest.raises(DataError, match=r"end\.b missing"):
        MultiBeads.from_table(table.drop_columns(["end.b"]))
    with pytest.raises(DataError, match=r"start\.LANGUAGE missing"):
        MultiBeads.from_table(table.select(["score"]))
