"""LAReQA: equals a ranking by hand, tells strong alignment from weak, and shows where the bias is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.space import unit
from polyalign.evaluate import lareqa
from polyalign.evaluate.lareqa import LAReQA

LANGS = ["deu_Latn", "eng_Latn", "fin_Latn", "tur_Latn"]


def vectors(languages, n, d=8, *, noise=0.5, mark=0.0, seed=0):
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    out = {}
    for lang in LANGS[:languages]:
        of_language = np.zeros(d)
        of_language[:] = mark * rng.normal(size=d)
        out[lang] = (meaning + noise * rng.normal(size=(n, d)) + of_language).astype(np.float32)
    return out


def by_hand(queries, candidates=None, answers=None):
    """Every query's whole ranking, one after the other."""
    same = candidates is None
    held = queries if same else candidates
    n = len(next(iter(queries.values())))
    right = range(n) if answers is None else answers
    whole, others, strong, own_share = [], [], [], []
    for a in queries:
        for i in range(n):
            q = unit(queries[a])[i].astype(np.float64)
            pool = [
                (float(q @ unit(held[b])[j].astype(np.float64)), j == right[i], b)
                for b in held
                for j in range(len(held[b]))
                if not (same and b == a and j == i)
            ]
            ranked = sorted(pool, key=lambda x: -x[0])

            def precision(items):
                hits = [k + 1 for k, (_, good, _) in enumerate(items) if good]
                return np.mean([(m + 1) / k for m, k in enumerate(hits)])

            whole.append(precision(ranked))
            others.append(precision([x for x in ranked if x[2] != a]))
            worst = min(s for s, good, b in pool if good and b != a)
            strong.append(all(s < worst for s, good, b in pool if not good and b == a))
            wanted = sum(good for _, good, _ in pool)
            own_share.append(np.mean([b == a for _, _, b in ranked[:wanted]]))
    return [float(np.mean(x)) for x in (whole, others, strong, own_share)]


@given(st.integers(2, 4), st.integers(2, 7), st.floats(0.1, 2), st.floats(0, 3), st.integers(0, 999))
def test_it_is_a_ranking_by_hand(languages, n, noise, mark, seed):
    x = vectors(languages, n, noise=noise, mark=mark, seed=seed)
    score = LAReQA(samples=0).score(x)
    found = [score.parts[k] for k in ("map", "map_of_other_languages", "strong", "own_share")]
    assert found == pytest.approx(by_hand(x))
    assert score.value == pytest.approx(found[0])
    assert score.parts["drop"] == pytest.approx(found[1] - found[0])


@given(st.integers(2, 3), st.integers(2, 6), st.integers(2, 6), st.integers(0, 999))
def test_questions_with_answers_of_their_own(languages, n, m, seed):
    x, y = vectors(languages, n, seed=seed), vectors(languages, m, seed=seed + 1)
    answers = np.random.default_rng(seed).integers(0, m, n)
    score = LAReQA(samples=0).score(x, y, answers)
    found = [score.parts[k] for k in ("map", "map_of_other_languages", "strong", "own_share")]
    assert found == pytest.approx(by_hand(x, y, answers))


def test_blocks_change_nothing(monkeypatch):
    x = vectors(3, 20, mark=1.0)
    whole = LAReQA().score(x)
    monkeypatch.setattr(lareqa, "BLOCK", 3)
    again = LAReQA().score(x)
    np.testing.assert_allclose(again.items, whole.items)
    assert again.ci == whole.ci


def test_weak_alignment_is_told_from_strong_and_centring_makes_it_strong():
    weak = vectors(3, 60, d=32, noise=0.3, mark=3.0)
    plain, centred = LAReQA().score(weak), LAReQA(centre=True).score(weak)
    # Nearest in each other language, and behind the whole of its own.
    assert plain.parts["strong"] < 0.2
    assert plain.parts["drop"] > 0.2
    assert centred.parts["strong"] > 0.95
    assert centred.value > 0.95
    assert plain.ci[0] <= plain.value <= plain.ci[1]


def test_the_bias_matrix():
    x = vectors(3, 60, d=32, noise=0.3, mark=3.0)
    bias = LAReQA().bias(x)
    assert bias.shape == (3, 3)
    np.testing.assert_allclose(bias.sum(axis=1), 1)
    assert np.diag(bias).mean() == pytest.approx(LAReQA().score(x).parts["own_share"])
    assert np.diag(bias).min() > 0.6
    np.testing.assert_allclose(LAReQA(centre=True).bias(x), (1 - np.eye(3)) / 2, atol=0.05)


def test_what_the_share_would_be_by_chance():
    x = vectors(4, 50, noise=1e3, seed=5)
    parts = LAReQA().score(x).parts
    assert parts["fair_share"] == pytest.approx(49 / 199)
    assert parts["own_share"] == pytest.approx(parts["fair_share"], abs=0.06)


def test_ties_count_against_it():
    x = {lang: np.ones((5, 3), np.float32) for lang in LANGS[:2]}
    assert LAReQA().score(x).value == pytest.approx(1 / 9)
    assert LAReQA().score(x).parts["strong"] == 0


def test_vectors_that_do_not_go_together():
    x = vectors(2, 4)
    short = {**x, "eng_Latn": x["eng_Latn"][:3]}
    for bad in ({}, {"deu_Latn": x["deu_Latn"]}, short, {k: v[:1] for k, v in x.items()}):
        with pytest.raises(DataError, match="expected the same languages, two at least"):
            LAReQA().score(bad)
    with pytest.raises(DataError, match="expected the same languages"):
        LAReQA().score(x, vectors(3, 4))
    for answers in (np.array([0, 1, 2, 4]), np.array([0, 1])):
        with pytest.raises(DataError, match="expected the row of a candidate for each query"):
            LAReQA().bias(x, x, answers)
    with pytest.raises(DataError, match="and candidates to go with them"):
        LAReQA().score(x, answers=np.arange(4))
    x["deu_Latn"][0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        LAReQA().score(x)


def test_a_negative_number_of_samples():
    with pytest.raises(ValueError, match="samples"):
        LAReQA(samples=-1)
