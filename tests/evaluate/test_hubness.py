"""Hubness against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.evaluate.hubness import Hubness


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(7, 12))
def test_it_is_the_skewness_of_the_counts(answers, size):
    score = Hubness(samples=0).score(np.array(answers)[:, None], size)
    counts = np.array([answers.count(i) for i in range(size)], float)
    around = counts - counts.mean()
    expected = (around**3).mean() / counts.std() ** 3
    assert score.value == pytest.approx(expected, abs=1e-9)
    assert score.parts["antihubs"] == pytest.approx(sum(c == 0 for c in counts) / size)
    assert score.parts["largest"] == max(counts) / len(answers)
    assert counts[int(score.parts["hub"])] == max(counts)


def test_all_alike_have_none_and_a_hub_has_much():
    assert Hubness().score(np.arange(50)[:, None], 50).value == 0
    hub = Hubness().score(np.stack([np.zeros(50, int), np.maximum(np.arange(50), 1)], axis=1), 50)
    assert hub.value > 6
    assert (hub.parts["largest"], hub.parts["hub"], hub.parts["k"]) == (1.0, 0, 2)
    assert hub.ci[0] <= hub.value <= hub.ci[1]
    assert "k:2" in hub.signature


def test_what_is_no_list_of_answers_is_refused():
    for answers in (np.zeros((0, 1), int), np.array([[5]]), np.array([[-1]]), np.array([[0.5]]), np.array([1])):
        with pytest.raises(DataError, match=r"evaluate/hubness: found answers of shape.*expected rows below 5"):
            Hubness().score(answers, 5)
    with pytest.raises(ValueError, match="samples must not be negative"):
        Hubness(samples=-1)
