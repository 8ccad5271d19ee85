"""Retrieval: equals a search by hand, knows perfect and hopeless vectors, and says how it was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.space import unit
from polyalign.evaluate.retrieval import Retrieval


def vectors(n, d=16, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def by_hand(x, y, margin, k, candidates):
    cos = (x @ y.T).astype(np.float64)
    m_x = [np.sort(row)[::-1][:k].mean() for row in cos]
    m_y = [np.sort(column)[::-1][:k].mean() for column in cos.T]
    right = 0
    for i, row in enumerate(cos):
        best, at = -np.inf, -1
        for j in np.argsort(-row, kind="stable")[:candidates]:
            base = (m_x[i] + m_y[j]) / 2
            score = {"absolute": row[j], "distance": row[j] - base, "ratio": row[j] / max(base, 0.01)}[margin]
            if score > best:
                best, at = score, j
        right += at == i
    return right / len(x)


@given(
    st.integers(1, 20),
    st.sampled_from(["absolute", "ratio", "distance"]),
    st.integers(1, 5),
    st.integers(1, 8),
    st.integers(0, 99),
)
def test_equals_a_search_by_hand(n, margin, k, candidates, seed):
    x = vectors(n, 4, seed)
    y = unit(x + 0.4 * vectors(n, 4, seed + 1))
    score = Retrieval(margin=margin, neighbours=k, candidates=candidates, centre=False, samples=0).score(x, y)
    assert score.parts["src_accuracy"] == pytest.approx(by_hand(x, y, margin, k, candidates))
    assert score.parts["tgt_accuracy"] == pytest.approx(by_hand(y, x, margin, k, candidates))
    assert score.value == pytest.approx(1 - score.parts["accuracy"])
    assert score.parts["src_error"] + score.parts["src_accuracy"] == pytest.approx(1)


def test_perfect_and_hopeless():
    x = vectors(50)
    assert Retrieval().score(x, x).value == 0
    assert Retrieval().score(x, x).ci == (0, 0)
    assert Retrieval().score(x, np.roll(x, 1, axis=0)).value == 1


def test_centring_takes_away_what_a_language_adds():
    x = vectors(600, 24)
    # A hub: one target vector lies where the whole target language was moved to.
    y = unit(x + 3 * vectors(1, 24, 9) + 0.5 * vectors(600, 24, 5))
    raw, centred = (Retrieval(margin="absolute", centre=c, samples=0).score(x, y).value for c in (False, True))
    assert centred < 0.6 * raw


def test_length_of_vectors_is_nothing():
    x, y = vectors(30), unit(vectors(30) + 0.7 * vectors(30, seed=3))
    stretched = x * np.linspace(1, 5, 30, dtype=np.float32)[:, None]
    assert Retrieval().score(stretched, y).items.tolist() == Retrieval().score(x, y).items.tolist()


def test_interval_signature_and_items():
    x, y = vectors(200, 6), unit(vectors(200, 6) + 0.8 * vectors(200, 6, 4))
    score = Retrieval().score(x, y)
    assert score.ci[0] < score.value < score.ci[1]
    assert score.n == 200
    assert score.items.shape == (200, 3)
    assert score.signature.startswith("metric:retrieval|margin:distance|neighbours:4|candidates:16|centre:True|")
    assert score.value == pytest.approx(1 - score.items[:, 1:].mean())


@pytest.mark.parametrize(("n", "m"), [(0, 0), (3, 2)])
def test_other_numbers_of_rows_are_refused(n, m):
    with pytest.raises(DataError, match=r"evaluate/retrieval: found vectors of shapes .* line i of one language"):
        Retrieval().score(vectors(n), vectors(m))


@pytest.mark.parametrize("settings", [{"neighbours": 0}, {"candidates": 0}, {"samples": -1}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        Retrieval(**settings)
