"""Mining F1: the counts, the threshold of development pairs, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.evaluate.mining import MiningF1, Scored, best_threshold

pairs = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(
    st.lists(st.tuples(pairs, st.sampled_from([0.1, 0.2, 0.5, 0.9])), max_size=12),
    st.sets(pairs, min_size=1, max_size=8),
    st.sampled_from([None, 0.15, 0.5]),
)
def test_equals_sets(scored, gold, threshold):
    hyp = Scored([p for p, _ in scored], [s for _, s in scored])
    kept = {p for p, s in scored if threshold is None or s >= threshold}
    score = MiningF1(threshold=threshold, samples=0).score(hyp, sorted(gold))
    hits = len(kept & gold)
    assert (score.parts["hits"], score.parts["mined"], score.parts["gold"]) == (hits, len(kept), len(gold))
    assert score.parts["precision"] == (pytest.approx(hits / len(kept)) if kept else 0)
    assert score.parts["recall"] == pytest.approx(hits / len(gold))
    assert score.value == pytest.approx(2 * hits / (len(kept) + len(gold)))


@given(
    st.lists(st.tuples(pairs, st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=1, max_size=12),
    st.sets(pairs, max_size=8),
)
def test_no_threshold_is_better_than_the_best(scored, gold):
    gold = gold | {scored[0][0]}
    hyp = Scored([p for p, _ in scored], [s for _, s in scored])

    def f1(threshold):
        return MiningF1(threshold=threshold, samples=0).score(hyp, gold).value

    best = best_threshold(hyp, gold)
    assert f1(best) >= max(f1(t) for t in (0.0, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9)) - 1e-12


def test_the_threshold_lies_between_two_scores():
    hyp = Scored(["ax", "by", "cz"], [0.9, 0.6, 0.2])
    assert best_threshold(hyp, ["ax", "by"]) == pytest.approx(0.4)
    assert best_threshold(hyp, ["ax", "by", "cz"]) == pytest.approx(0.2)
    assert best_threshold(Scored(["ax", "by", "cz"], [0.9, 0.2, 0.2]), ["ax", "cz"]) == pytest.approx(0.2)


def test_dev_pairs_choose_the_threshold():
    dev = Scored([("a", "x"), ("b", "y")], [0.8, 0.4]), [("a", "x")]
    hyp = Scored([("c", "z"), ("d", "w")], [0.7, 0.5])
    score = MiningF1(samples=0).score(hyp, [("c", "z")], dev=dev)
    assert score.parts["threshold"] == pytest.approx(0.6)
    assert score.value == 1
    assert "threshold:dev" in score.signature
    assert "threshold:given" in MiningF1(threshold=0.1, samples=0).score(hyp, [("c", "z")]).signature
    assert "threshold" not in MiningF1(samples=0).score(hyp, [("c", "z")]).parts


def test_interval():
    hyp = Scored([(i, i) for i in range(80)], [1.0] * 80)
    score = MiningF1().score(hyp, [(i, i) for i in range(40, 120)])
    assert score.value == pytest.approx(0.5)
    assert score.ci[0] < 0.5 < score.ci[1]
    assert score.n == 120


def test_what_is_refused():
    hyp = Scored([("a", "x")], [1.0])
    with pytest.raises(DataError, match="found no gold pair"):
        MiningF1().score(hyp, [])
    with pytest.raises(DataError, match="a threshold and development pairs"):
        MiningF1(threshold=0.5).score(hyp, [("a", "x")], dev=(hyp, [("a", "x")]))
    with pytest.raises(DataError, match="found none of 1 gold pairs among 1 development pairs"):
        MiningF1().score(hyp, [("a", "x")], dev=(hyp, [("b", "x")]))
    with pytest.raises(ValueError, match="samples must not be negative"):
        MiningF1(samples=-1)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        MiningF1().score(Scored([("a", "x")], []), [("a", "x")])
