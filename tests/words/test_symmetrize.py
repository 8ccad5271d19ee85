"""Symmetrisation: the kernel against sets, and the properties every heuristic has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.words.symmetrize import (
    GrowDiag,
    GrowDiagFinal,
    GrowDiagFinalAnd,
    Intersection,
    Posterior,
    Product,
    Union,
    learned_threshold,
)

METHODS = {
    "intersection": Intersection(),
    "union": Union(),
    "grow-diag": GrowDiag(),
    "grow-diag-final": GrowDiagFinal(),
    "grow-diag-final-and": GrowDiagFinalAnd(),
}
pair = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14)
corpus = st.lists(st.tuples(pair, pair), max_size=5)


def reference(forward, backward, name):
    """The heuristics as one would write them on sets."""
    union = sorted(forward | backward)
    kept = set(forward & backward)
    if name == "intersection":
        return kept
    if name == "union":
        return set(union)

    def free_src(i):
        return all(i != a for a, _ in kept)

    def free_tgt(j):
        return all(j != b for _, b in kept)

    grew = True
    while grew:
        grew = False
        for i, j in union:
            near = any(max(abs(i - a), abs(j - b)) == 1 for a, b in kept)
            if (i, j) not in kept and near and (free_src(i) or free_tgt(j)):
                kept.add((i, j))
                grew = True
    if name == "grow-diag":
        return kept
    for side in (forward, backward):
        for i, j in sorted(side):
            ok = (free_src(i) and free_tgt(j)) if name.endswith("and") else (free_src(i) or free_tgt(j))
            if (i, j) not in kept and ok:
                kept.add((i, j))
    return kept


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=150, deadline=None)
@given(corpus)
def test_equals_the_set_reference(name, pairs):
    forward, backward = Links.from_pairs([f for f, _ in pairs]), Links.from_pairs([b for _, b in pairs])
    out = METHODS[name](forward, backward)
    assert out.to_pairs() == [reference(f, b, name) for f, b in pairs]


@settings(max_examples=60, deadline=None)
@given(corpus)
def test_every_result_lies_between_intersection_and_union(pairs):
    forward, backward = Links.from_pairs([f for f, _ in pairs]), Links.from_pairs([b for _, b in pairs])
    results = {name: METHODS[name](forward, backward).to_pairs() for name in METHODS}
    for k in range(len(pairs)):
        got = {name: links[k] for name, links in results.items()}
        assert all(got["intersection"] <= kept <= got["union"] for kept in got.values())
        assert got["grow-diag"] <= got["grow-diag-final-and"]
        assert got["grow-diag"] <= got["grow-diag-final"]


def test_chain_of_neighbours_grows_to_its_end():
    forward = Links.from_pairs([[(0, 0), (1, 1), (2, 2), (3, 3)]])
    backward = Links.from_pairs([[(0, 0), (5, 5)]])
    assert GrowDiag()(forward, backward).to_pharaoh() == ["0-0 1-1 2-2 3-3"]
    assert GrowDiagFinal()(forward, backward).to_pharaoh() == ["0-0 1-1 2-2 3-3 5-5"]


def test_final_prefers_forward_links():
    forward, backward = Links.from_pairs([[(0, 0), (4, 4)]]), Links.from_pairs([[(0, 0), (4, 6)]])
    assert GrowDiagFinalAnd()(forward, backward).to_pharaoh() == ["0-0 4-4"]
    assert GrowDiagFinalAnd()(backward, forward).to_pharaoh() == ["0-0 4-6"]


def test_probability_is_the_mean_and_a_missing_direction_counts_nothing():
    forward = Links(np.array([0, 2]), np.array([0, 1]), np.array([0, 1]), np.array([0.8, 0.6]))
    backward = Links(np.array([0, 1]), np.array([0]), np.array([0]), np.array([0.4]))
    out = Union()(forward, backward)
    assert out.prob is not None
    assert out.prob.tolist() == pytest.approx([0.6, 0.3])
    assert Union()(forward, Links.from_pairs([[(0, 0)]])).prob is None


def test_no_pairs_and_empty_pairs():
    assert len(GrowDiag()(Links.from_pairs([]), Links.from_pairs([]))) == 0
    assert GrowDiagFinalAnd()(Links.from_pairs([[], []]), Links.from_pairs([[], [(0, 1)]])).to_pharaoh() == ["", "0-1"]


def test_a_pair_of_five_thousand_words():
    diagonal = [(i, i) for i in range(5000)]
    forward, backward = Links.from_pairs([diagonal]), Links.from_pairs([diagonal[::2]])
    assert GrowDiag()(forward, backward).to_pairs() == [set(diagonal)]


def test_inputs_are_left_as_they_were():
    forward, backward = Links.from_pairs([[(0, 0), (1, 0)]]), Links.from_pairs([[(0, 0)]])
    before = [a.copy() for a in (forward.src, forward.tgt, backward.src, backward.tgt)]
    GrowDiagFinal()(forward, backward)
    after = (forward.src, forward.tgt, backward.src, backward.tgt)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_different_numbers_of_pairs_are_refused():
    with pytest.raises(DataError, match=r"2 sentence pairs forward and 1 backward.*empty"):
        Union()(Links.from_pairs([[], []]), Links.from_pairs([[]]))


likely = st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 99), max_size=14)


def with_probabilities(sentences):
    return Links.from_pharaoh([" ".join(f"{i}-{j}:0.{p:02}" for (i, j), p in s.items()) for s in sentences])


def means(forward, backward, *, product):
    """The joint probability of every cell that either direction has."""
    out = {}
    for cell in {**forward, **backward}:
        f, b = forward.get(cell, 0) / 100, backward.get(cell, 0) / 100
        out[cell] = math.sqrt(f * b) if product else (f + b) / 2
    return out


@pytest.mark.parametrize("product", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.3012, None])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(likely, likely), max_size=5))
def test_probabilities_are_joined_and_thresholded(product, threshold, pairs):
    method = (Product if product else Posterior)(threshold)
    out = method(with_probabilities([f for f, _ in pairs]), with_probabilities([b for _, b in pairs]))
    expected = [means(f, b, product=product) for f, b in pairs]
    if threshold is None:
        threshold = learned_threshold([np.asarray([p for cells in expected for p in cells.values()], np.float32)])
    assert out.prob is not None
    got = [{c: p for c, p in zip(out.pairs(k), out.take([k]).prob.tolist(), strict=True)} for k in range(len(out))]
    for cells, kept in zip(expected, got, strict=True):
        # What lies on the threshold itself may fall to either side by rounding.
        assert {c for c, p in cells.items() if p > threshold + 1e-6} <= set(kept)
        assert set(kept) <= {c for c, p in cells.items() if p > threshold - 1e-6}
        assert all(p == pytest.approx(cells[c], abs=1e-6) for c, p in kept.items())


@pytest.mark.parametrize("method", [Posterior(0.3), Product(0.3)])
def test_a_direction_without_any_link(method):
    some, none = with_probabilities([{(0, 0): 90}, {}]), Links.from_pairs([[], []])
    expected = ["0-0", ""] if isinstance(method, Posterior) else ["", ""]
    assert method(some, none).to_pharaoh() == method(none, some).to_pharaoh() == expected
    assert method(none, none).to_pharaoh() == ["", ""]


@pytest.mark.parametrize("method", [Posterior(), Product()])
def test_links_without_probabilities_cannot_be_averaged(method):
    good, bad = with_probabilities([{(0, 0): 90}]), Links.from_pairs([[(0, 0)]])
    with pytest.raises(DataError, match=r"found backward links without a probability.*grow-diag-final-and"):
        method(good, bad)
    with pytest.raises(DataError, match="found forward links without a probability"):
        method(bad, good)
    with pytest.raises(DataError, match="2 sentence pairs forward and 1 backward"):
        method(with_probabilities([{}, {}]), with_probabilities([{}]))


@pytest.mark.parametrize("method", [Posterior, Product])
def test_a_threshold_is_a_probability(method):
    for threshold in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold must be at least 0 and below 1"):
            method(threshold)
