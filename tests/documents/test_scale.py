"""What makes large collections possible gives what the plain way gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from polyalign.core.document import Document
from polyalign.documents import candidates
from polyalign.documents.candidates import Candidates, match
from polyalign.documents.structure import Shapes
from polyalign.documents.terms import Terms, cosines, similar_both
from tests.documents.fake import collection


def rows(draw, n, columns, density):
    # Whole numbers, so that ties are ties in any order of adding up.
    return sparse.csr_array((draw.random((n, columns)) < density) * draw.integers(1, 4, (n, columns)).astype(float))


@given(st.integers(1, 600), st.integers(1, 7), st.integers(1, 5), st.integers(0, 99))
def test_most_similar_are_those_of_the_whole_table(n, m, k, seed):
    draw = np.random.default_rng(seed)
    src, tgt = rows(draw, n, 9, 0.3), rows(draw, m, 9, 0.3)
    table = (src @ tgt.T).toarray()
    expected = set()
    for flip in (False, True):
        for i, values in enumerate(table.T if flip else table):
            best = [int(j) for j in np.argsort(-values, kind="stable")[:k] if values[j] > 0]
            expected |= {(j, i) if flip else (i, j) for j in best}
    found = similar_both(src, tgt, k)
    assert set(zip(found.src.tolist(), found.tgt.tolist(), strict=True)) == expected
    assert found.value.tolist() == table[found.src, found.tgt].tolist()
    every = Candidates.build(*np.divmod(np.arange(n * m), m), (n, m))
    assert cosines((src, tgt), every).tolist() == table.ravel().tolist()


def test_some_documents_are_as_if_there_were_no_others():
    side = [*collection(9, 3, letter="a", digits=True), Document.from_lines([], id="e")]
    chosen = np.asarray([7, 9, 0, 4])
    some, alone = Terms.of(side).at(chosen), Terms.of([side[k] for k in chosen])
    names = {word: k for k, word in enumerate(some.words)}
    order = [names[word] for word in alone.words]
    for kind in (Terms.counts, Terms.counts_first):
        assert kind(some).toarray()[:, order].tolist() == kind(alone).toarray().tolist()
        assert kind(some).sum() == kind(alone).sum()
    assert [d.id for d in some.documents] == ["a7", "e", "a0", "a4"]
    assert alone.counts_first().sum(axis=1).tolist()[0] == len(side[7].sentences[0].split())


def test_the_course_of_a_text_is_where_its_runs_end():
    documents = [
        Document("a", ("xx", "y" * 7, "z", "u" * 10), np.asarray([0, 0, 3, 3])),
        Document("e", (), np.zeros(0, np.int32)),
        Document("blank", ("",), np.zeros(1, np.int32)),
        Document("b", ("xyz",), np.asarray([5])),
    ]
    shapes = Shapes.of(*[Terms.of(documents)] * 2)
    at = (np.arange(16) + 0.5) / 16
    assert shapes.course[0][0, 0] == pytest.approx(np.interp(at, [0, 0.5, 1], [0, 0.45, 1]))
    assert shapes.course[0][0, 1] == pytest.approx(np.interp(at, [0, 0.25, 0.5, 0.75, 1], [0, 0.1, 0.45, 0.5, 1]))
    assert shapes.course[0][3] == pytest.approx(np.stack([at, at]))
    assert not shapes.course[0][1:3].any()
    assert np.exp(shapes.sizes[0][0]) == pytest.approx([20, 4, 2])
    assert np.isnan(shapes.sizes[0][1]).all()


def test_too_many_connected_documents_are_matched_greedily(monkeypatch):
    pairs = [(0, 0, 3.0), (0, 1, 2.5), (1, 0, 2.8), (2, 2, 1.0), (3, 3, 3.0), (3, 4, 2.5), (4, 3, 2.8)]
    src, tgt, value = (np.asarray([p[k] for p in pairs]) for k in range(3))
    found = Candidates.build(src.astype(np.int64), tgt.astype(np.int64), (5, 5), value)
    assert match(found, min_score=0.5, assign="optimal").tolist() == [1, 2, 3, 5, 6]
    monkeypatch.setattr(candidates, "_LARGE", 3)
    assert match(found, min_score=0.5, assign="optimal").tolist() == [0, 3, 4]
    assert match(found, min_score=0.5, assign="greedy").tolist() == [0, 3, 4]
    assert len(match(found, min_score=0.99, assign="optimal")) == 0
