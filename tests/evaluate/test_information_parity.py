"""Information parity: the mean of ratios, 1 against itself, and what is no pair refused."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.errors import DataError
from polyalign.evaluate.information_parity import InformationParity


def test_equals_the_mean_of_ratios():
    rng = np.random.default_rng(1)
    nats, pivot = rng.uniform(10, 90, 50), rng.uniform(10, 40, 50)
    score = InformationParity().score(nats, pivot)
    assert score.value == pytest.approx(np.mean([p / n for p, n in zip(pivot, nats, strict=True)]))
    assert score.parts["of_sums"] == pytest.approx(pivot.sum() / nats.sum())
    assert (score.parts["nats"], score.parts["pivot_nats"]) == pytest.approx((nats.mean(), pivot.mean()))
    assert score.ci[0] < score.value < score.ci[1]
    assert score.signature.startswith("metric:information-parity|samples:1000|seed:1|")


def test_the_pivot_itself_has_parity():
    nats = np.array([3.0, 80.0])
    assert InformationParity().score(nats, nats).value == 1
    assert InformationParity().score(nats, nats).ci == (1, 1)


def test_a_model_reads_both_sides():
    class Letters:
        def nats(self, texts):
            return np.array([float(len(t)) for t in texts])

    assert InformationParity(samples=0).measure(Letters(), ["abcd", "ab"], ["ab", "ab"]).value == 0.75


@pytest.mark.parametrize(("n", "m"), [(2, 3), (0, 0)])
def test_other_numbers_of_sentences_are_refused(n, m):
    with pytest.raises(DataError, match="expected as many, at least one"):
        InformationParity().score(np.ones(n), np.ones(m))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_sentences_without_nats_are_refused(bad):
    with pytest.raises(DataError, match="sentence 2 of the sentences has"):
        InformationParity().score(np.array([1, bad]), np.ones(2))
    with pytest.raises(DataError, match="sentence 1 of the pivot has"):
        InformationParity().score(np.ones(2), np.array([bad, 1]))


def test_a_negative_number_of_samples():
    with pytest.raises(ValueError, match="samples must not be negative"):
        InformationParity(samples=-1)
