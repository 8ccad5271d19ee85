"""The pairs type, margins, neighbours, and the choice among candidates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.document import Document
from polyalign.core.documentpairs import Alone, DocumentPairs
from polyalign.documents.candidates import Candidates, choose, neighbours_both


def documents(n, letter="d"):
    return [Document.from_lines(["x"], id=f"{letter}{k}") for k in range(n)]


def table(values):
    """Every cell of a table that is not None as a candidate."""
    cells = [(i, j, v) for i, row in enumerate(values) for j, v in enumerate(row) if v is not None]
    src, tgt, value = (np.asarray([c[k] for c in cells]) for k in range(3))
    return Candidates.build(
        src.astype(np.int64), tgt.astype(np.int64), (len(values), len(values[0])), value.astype(float)
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (([0], [0, 1], [1.0]), "one length"),
        (([1, 0], [0, 1], [1.0, 1.0]), "must rise"),
        (([0, 1], [0, 0], [1.0, 1.0]), "each target document must be there once"),
        (([1], [0], [1.0]), "each source document must be there once"),
        (([0], [0], [1.0], (Alone(0, "x"),)), "each source document must be there once"),
    ],
)
def test_pairs_refuse_what_is_no_alignment(fields, message):
    with pytest.raises(ValueError, match=message):
        DocumentPairs(*fields)


def test_pairs_are_read_only():
    pairs = DocumentPairs([0], [1], [0.5], (), (Alone(0, "empty"),))
    with pytest.raises(ValueError, match="read-only"):
        pairs.src[0] = 3
    assert pairs.src.dtype == pairs.tgt.dtype == np.int32
    assert pairs.score.dtype == np.float32


cells = st.one_of(st.none(), st.floats(-5, 5).map(lambda x: round(x, 3)))


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_optimal_is_the_greatest_sum_of_all_one_to_one_choices(n, m, draw):
    values = draw.draw(st.lists(st.lists(cells, min_size=m, max_size=m), min_size=n, max_size=n))
    if all(v is None for row in values for v in row):
        return
    pairs = choose(table(values), documents(n), documents(m), min_score=0.5, assign="optimal")
    best = 0.0
    for chosen in permutations([*range(m), *[None] * n], n):
        best = max(best, sum(max(0.0, values[i][j] or 0.0) for i, j in enumerate(chosen) if j is not None))
    assert sum(values[i][j] for i, j in pairs.as_dict().items()) == pytest.approx(best, abs=1e-5)
    assert all(values[i][j] >= 0 for i, j in pairs.as_dict().items())


def test_greedy_takes_the_best_pair_first():
    candidates = table([[3.0, 2.5], [2.8, None]])
    args = (candidates, documents(2), documents(2))
    assert choose(*args, min_score=0.5, assign="greedy").as_dict() == {0: 0}
    assert choose(*args, min_score=0.5, assign="optimal").as_dict() == {0: 1, 1: 0}


def test_what_is_left_alone_says_why():
    src = [*documents(3, "s"), Document.from_lines([], id="nothing")]
    pairs = choose(table([[3.0], [1.0], [-1.0], [None]]), src, documents(1, "t"), min_score=0.5, assign="optimal")
    assert pairs.as_dict() == {0: 0}
    assert pairs.score.tolist() == pytest.approx([1 / (1 + np.exp(-3))])
    assert [a.reason for a in pairs.src_alone] == [
        "the likeliest, t0, scores 0.73 but goes with another",
        "the likeliest, t0, scores 0.27, less than 0.5",
        "it is empty",
    ]
    none = choose(
        Candidates.build(np.zeros(0, np.int64), np.zeros(0, np.int64), (1, 0)),
        documents(1),
        [],
        min_score=0.5,
        assign="optimal",
    )
    assert none.src_alone[0].reason == "the other side has no documents"
    far = choose(table([[None, 1.0], [None, None]]), documents(2), documents(2), min_score=0.5, assign="optimal")
    assert far.src_alone[0].reason == "nothing on the other side is like it"


@pytest.mark.parametrize("assign", ["optimal", "greedy"])
def test_a_minimum_of_zero_takes_anything_and_of_one_only_the_certain(assign):
    candidates = table([[-50.0, -3.0], [-3.0, 30.0]])
    args = (candidates, documents(2), documents(2))
    assert len(choose(*args, min_score=0.0, assign=assign)) == 2
    assert choose(*args, min_score=1.0, assign=assign).as_dict() == {1: 1}


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.data())
def test_margin_is_what_a_loop_says(n, m, k, draw):
    values = draw.draw(st.lists(st.lists(cells, min_size=m, max_size=m), min_size=n, max_size=n))
    if all(v is None for row in values for v in row):
        return
    candidates = table(values)
    for i, j, v, found in zip(candidates.src, candidates.tgt, candidates.value, candidates.margin(k), strict=True):
        row = sorted((x for c, x in enumerate(values[i]) if c != j and x is not None), reverse=True)[:k]
        column = sorted((values[r][j] for r in range(n) if r != i and values[r][j] is not None), reverse=True)[:k]
        expected = v - (np.mean(row) if row else 0) / 2 - (np.mean(column) if column else 0) / 2
        assert found == pytest.approx(expected, abs=1e-9)


def test_of_pairs_in_both_the_first_are_kept():
    first, second = table([[1.0, None], [None, 2.0]]), table([[5.0, 6.0], [None, None]])
    both = first.joined(second)
    assert list(zip(both.src.tolist(), both.tgt.tolist(), both.value.tolist(), strict=True)) == [
        (0, 0, 1.0),
        (0, 1, 6.0),
        (1, 1, 2.0),
    ]
    assert both.keys().tolist() == [0, 1, 3]


def test_lead_and_level():
    # The best of both their documents are the cells of 5 and 2, in the middle 3.5.
    found = table([[5.0, 1.0], [1.0, 2.0]])
    assert found.contrast()[:, 1].tolist() == [4.0, -4.0, -4.0, 1.0]
    assert found.contrast()[:, 2].tolist() == [1.5, -2.5, -2.5, -1.5]


def test_neighbours_leave_out_empty_documents():
    src = np.array([[1, 0], [0, 0], [0, 1]], np.float32)
    found = neighbours_both(src, src[[2, 1, 0]], 1)
    assert list(zip(found.src.tolist(), found.tgt.tolist(), strict=True)) == [(0, 2), (2, 0)]
    assert found.value.tolist() == [1.0, 1.0]
    assert len(neighbours_both(src, src[:0], 3)) == 0
