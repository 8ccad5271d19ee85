"""Sentence alignment scores against counts by hand."""

from __future__ import annotations

import pytest

from polyalign.core.errors import DataError
from polyalign.evaluate.sentences import SentenceAlignment

GOLD = [((0,), (0,)), ((1, 2), (1,)), ((), (2,)), ((3,), (3, 4)), ((4,), ())]


def test_gold_against_itself_is_perfect():
    score = SentenceAlignment(samples=50).score([GOLD], [GOLD])
    assert score.value == 1.0
    assert score.ci == (1.0, 1.0)
    assert score.parts["lax_f1"] == 1.0
    assert score.parts["gold"] == 3  # nulls do not count for recall
    assert score.parts["predicted"] == 5


def test_counts_by_hand():
    hyp = [((0,), (0,)), ((1,), (1,)), ((2,), ()), ((), (2,)), ((3,), (3,)), ((4,), (4,))]
    p = SentenceAlignment(samples=0).score([hyp], [GOLD]).parts
    # Strictly right: 0-0 and the null of target 2, of six. Laxly also 1-1 and 3-3.
    assert p["strict_precision"] == pytest.approx(2 / 6)
    assert p["lax_precision"] == pytest.approx(4 / 6)
    # Gold beads with two sides: 0-0 is found; the other two are touched.
    assert p["strict_recall"] == pytest.approx(1 / 3)
    assert p["lax_recall"] == 1.0
    assert p["strict_f1"] == pytest.approx(2 * (2 / 6) * (1 / 3) / (2 / 6 + 1 / 3))


def test_a_null_that_gold_does_not_have_costs_precision_only():
    gold = [((0,), (0,))]
    p = SentenceAlignment(samples=0).score([[((0,), (0,)), ((1,), ())]], [gold]).parts
    assert (p["strict_precision"], p["strict_recall"]) == (0.5, 1.0)
    assert p["lax_precision"] == 0.5


def test_documents_are_summed_not_averaged():
    hyp = [[((0,), (0,))], [((0,), (1,)), ((1,), (0,)), ((2,), (2,))]]
    gold = [[((0,), (0,))], [((0,), (0,)), ((1,), (1,)), ((2,), (3,))]]
    assert SentenceAlignment(samples=0).score(hyp, gold).parts["strict_precision"] == 0.25


def test_gold_may_skip_repeat_and_cross():
    gold = [((0,), (5,)), ((5,), (0,)), ((0,), (7,))]
    p = SentenceAlignment(samples=0).score([[((5,), (0,)), ((0,), (7, 8)), ((3,), (3,))]], [gold]).parts
    assert p["strict_precision"] == pytest.approx(1 / 3)
    assert p["lax_precision"] == pytest.approx(2 / 3)
    assert p["lax_recall"] == pytest.approx(2 / 3)


def test_value_is_the_aggregate_of_the_items_and_the_interval_holds_it():
    hyp = [[((i,), (i,)) if i % 3 else ((i,), (i + 1,)) for i in range(60)]]
    gold = [[((i,), (i,)) for i in range(60)]]
    score = SentenceAlignment().score(hyp, gold)
    assert score.value == pytest.approx(2 / 3)
    assert score.items.sum(axis=0).tolist() == [60, 40, 40, 60, 40, 40]
    assert score.ci[0] < score.value < score.ci[1]
    assert "unit:bead" in score.signature
    assert SentenceAlignment().score(hyp, gold).ci == score.ci
    assert SentenceAlignment(seed=2).score(hyp, gold).ci != score.ci


def test_many_documents_are_resampled_whole():
    score = SentenceAlignment(samples=20).score([GOLD] * 12, [GOLD] * 12)
    assert score.n == 12
    assert "unit:document" in score.signature


def test_nothing_predicted_scores_zero():
    assert SentenceAlignment(samples=10).score([[]], [GOLD]).value == 0.0
    assert SentenceAlignment(samples=10).score([], []).value == 0.0


def test_errors():
    with pytest.raises(DataError, match="found 1 predicted and 2 gold documents"):
        SentenceAlignment().score([GOLD], [GOLD, GOLD])
    with pytest.raises(ValueError, match="samples must not be negative"):
        SentenceAlignment(samples=-1)
