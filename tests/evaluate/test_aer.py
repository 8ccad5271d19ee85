"""AER: the formula, its edges, the bootstrap, and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.evaluate.aer import AER

links = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)


def reference(hyp, sure, possible):
    both = [(h, s, s | p) for h, s, p in zip(hyp, sure, possible, strict=True)]
    total = sum(len(h) + len(s) for h, s, _ in both)
    return 1 - sum(len(h & s) + len(h & p) for h, s, p in both) / total


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(links, links, links), min_size=1, max_size=5))
def test_equals_the_formula_on_sets(rows):
    hyp, sure, possible = zip(*rows, strict=True)
    if not any(hyp) and not any(sure):
        return
    score = AER(samples=0).score(Links.from_pairs(hyp), Links.from_pairs(sure, possible))
    assert score.value == pytest.approx(reference(hyp, sure, possible))
    assert 0 <= score.value <= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(links, min_size=1, max_size=5))
def test_gold_against_itself_is_perfect(rows):
    gold = Links.from_pairs([*rows, {(0, 0)}])
    score = AER(samples=10).score(gold, gold)
    assert (score.value, score.ci, score.parts["f1"]) == (0.0, (0.0, 0.0), 1.0)


def test_parts():
    gold = Links.from_pairs([[(0, 0), (1, 1), (2, 2)]], possible=[[(1, 2)]])
    score = AER(samples=0).score(Links.from_pairs([[(0, 0), (1, 2), (3, 3)]]), gold)
    assert score.parts == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(4 / 9),
        "links": 3,
        "sure": 3,
        "possible": 4,
        "hits_sure": 1,
        "hits_possible": 2,
    }
    assert score.value == pytest.approx(1 - 3 / 6)
    assert score.signature.startswith("metric:aer|pairs:1|samples:0|seed:1|version:")


def test_without_possible_links_it_is_one_minus_f1():
    gold, hyp = Links.from_pairs([[(0, 0), (1, 1)], []]), Links.from_pairs([[(0, 0)], [(1, 0)]])
    score = AER(samples=0).score(hyp, gold)
    assert score.value == pytest.approx(1 - score.parts["f1"])


def test_no_links_at_all_on_one_side():
    some, none = Links.from_pairs([[(0, 0)]]), Links.from_pairs([[]])
    assert AER(samples=0).score(none, some).value == 1
    assert AER(samples=0).score(some, none).value == 1


def test_interval_holds_the_value_repeats_and_moves_with_the_seed():
    random = np.random.default_rng(0)
    gold = Links.from_pairs([[(i, i) for i in range(6)] for _ in range(60)])
    hyp = Links.from_pairs([[(i, i) for i in range(6) if random.random() < 0.7] for _ in range(60)])
    score, again, other = (AER(seed=s).score(hyp, gold) for s in (1, 1, 2))
    assert score.ci[0] < score.value < score.ci[1]
    assert score.ci == again.ci != other.ci


def test_different_numbers_of_pairs_are_refused():
    with pytest.raises(DataError, match=r"found 2 sentence pairs to score and 1 gold.*empty lines"):
        AER().score(Links.from_pairs([[], []]), Links.from_pairs([[]]))


def test_nothing_to_score_is_refused():
    with pytest.raises(DataError, match="found no link in 1 sentence pairs"):
        AER().score(Links.from_pairs([[]]), Links.from_pairs([[]]))


def test_negative_samples_are_refused():
    with pytest.raises(ValueError, match="samples must not be negative, found -1"):
        AER(samples=-1)


@pytest.mark.data
@pytest.mark.parametrize(("name", "aer"), [("enfr", 0.0407), ("roen", 0.2075)])
def test_published_numbers(data, name, aer):
    folder = data / f"wa-awesome-{name}"
    hyp = Links.from_pharaoh((folder / f"{name}.awesome-align.out").read_text(encoding="utf-8").splitlines())
    gold = Links.from_pharaoh((folder / f"{name}.gold").read_text(encoding="utf-8").splitlines(), one_based=True)
    assert AER(samples=0).score(hyp, gold).value == pytest.approx(aer, abs=5e-5)
