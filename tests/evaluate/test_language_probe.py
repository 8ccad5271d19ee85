"""The language probe and neutrality: planted languages told, neutral vectors not, and centring's gain measured fairly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.space import unit
from polyalign.evaluate import language_probe
from polyalign.evaluate.language_probe import LanguageProbe
from polyalign.evaluate.neutrality import Neutrality, clusters, family_v_measure, v_measure

LANGS = ["deu_Latn", "eng_Latn", "fin_Latn", "tur_Latn"]


def vectors(n=60, d=16, *, languages=3, noise=0.3, mark=0.0, seed=0):
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    return {
        lang: (meaning + noise * rng.normal(size=(n, d)) + mark * rng.normal(size=d)).astype(np.float32)
        for lang in LANGS[:languages]
    }


# -- the probe


@pytest.mark.parametrize("probe", ["centroid", "logistic"])
def test_a_planted_language_is_told_and_neutral_vectors_are_not(probe):
    if probe == "logistic":
        pytest.importorskip("sklearn")
    method = LanguageProbe(probe)
    told, neutral = method.score(vectors(mark=2.0)), method.score(vectors(mark=0.0, noise=0.5))
    assert told.value > 0.97
    assert abs(neutral.value - neutral.parts["chance"]) < 0.12
    assert neutral.ci[0] < neutral.value < neutral.ci[1]
    assert told.parts["chance"] == pytest.approx(1 / 3)


def test_the_nearest_mean_is_that_of_the_other_folds():
    x = vectors(12, mark=0.4)
    method = LanguageProbe(folds=4)
    told = method.told(np.stack([unit(v) for v in x.values()]))
    fold = np.arange(12) % 4
    fold = fold[np.random.default_rng([1, *b"folds"]).permutation(12)]
    for a, lang in enumerate(x):
        for i in range(12):
            means = [unit(v)[fold != fold[i]].mean(axis=0) for v in x.values()]
            distances = [np.linalg.norm(unit(x[lang])[i] - m) for m in means]
            assert told[a, i] == (int(np.argmin(distances)) == a)


def test_what_sentences_are_about_gives_nothing_away():
    # A probe that saw a sentence's translations would tell the languages of sentences that are alike in all.
    x = vectors(40, noise=0.0)
    assert LanguageProbe().score(x).value == pytest.approx(1 / 3)


def test_the_logistic_probe_needs_scikit_learn(monkeypatch):
    monkeypatch.setattr(language_probe, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[gold\]"):
        LanguageProbe("logistic").score(vectors(10))


@pytest.mark.parametrize("settings", [{"folds": 1}, {"regularization": 0.0}, {"samples": -1}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        LanguageProbe(**settings)


@pytest.mark.parametrize(("method", "least"), [(LanguageProbe(), 5), (Neutrality(), 10)])
def test_vectors_that_do_not_go_together(method, least):
    x = vectors(20)
    for bad in ({}, {"deu_Latn": x["deu_Latn"]}, {**x, "eng_Latn": x["eng_Latn"][:9]}, vectors(least - 1)):
        with pytest.raises(DataError, match=f"two languages at least and in each as many sentences, {least} at least"):
            method.score(bad)
    x["deu_Latn"][0] = np.inf
    with pytest.raises(DataError, match="not finite"):
        method.score(x)


# -- neutrality


def test_centring_makes_planted_languages_neutral():
    score = Neutrality().score(vectors(120, mark=2.0))
    p = score.parts
    assert p["probe_before"] > 0.97
    assert p["v_before"] > 0.9
    assert abs(p["probe_after"] - p["chance"]) < 0.15
    assert p["v_after"] < 0.1
    assert p["retrieval_after"] > 0.95
    assert score.value == pytest.approx(p["retrieval_after"] - p["retrieval_before"])
    assert score.ci[0] <= score.value <= score.ci[1]


def test_centring_does_not_help_where_there_is_nothing_to_take_out():
    score = Neutrality().score(vectors(120, mark=0.0, noise=0.6))
    assert score.value < 0.05
    assert score.parts["v_before"] < 0.1


def test_retrieval_is_over_all_pairs_and_directions():
    x = vectors(20, mark=0.5, noise=1.0)
    score = Neutrality().score(x)
    order = np.random.default_rng([1, *b"halves"]).permutation(20)
    known, asked = order[:10], np.sort(order[10:])
    rates = []
    for shift in (False, True):
        sides = [unit(unit(v)[asked] - (unit(v)[known].mean(axis=0) if shift else 0)) for v in x.values()]
        hits = [
            np.mean((a @ b.T).argmax(axis=1) == np.arange(10)) for a in sides for b in sides if a is not b
        ]  # fmt: skip
        rates.append(np.mean(hits))
    assert (score.parts["retrieval_before"], score.parts["retrieval_after"]) == pytest.approx(tuple(rates))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_v_measure_is_that_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, found = np.array(pairs, np.int64).T
    assert v_measure(labels, found) == pytest.approx(metrics.v_measure_score(labels, found), abs=1e-9)


def test_clusters_find_planted_ones_and_repeat_themselves():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 30)
    x = unit((rng.normal(size=(3, 8))[labels] + 0.1 * rng.normal(size=(90, 8))).astype(np.float32))
    found = clusters(x, 3, seed=1)
    assert v_measure(labels, found) == pytest.approx(1)
    np.testing.assert_array_equal(found, clusters(x, 3, seed=1))
    assert set(clusters(np.ones((5, 2), np.float32), 2, seed=1)) <= {0, 1}


def test_families_that_are_planted_are_found():
    rng = np.random.default_rng(0)
    families = {"deu_Latn": "Germanic", "eng_Latn": "Germanic", "fra_Latn": "Romance", "ita_Latn": "Romance"}
    of_family = {f: 3 * rng.normal(size=12) for f in families.values()}
    x = {
        lang: (of_family[f] + rng.normal(size=12) * 0.5 + rng.normal(size=(30, 12))).astype(np.float32)
        for lang, f in families.items()
    }
    assert family_v_measure(x, families) == pytest.approx(1)
    with pytest.raises(DataError, match="without a family: ita_Latn"):
        family_v_measure(x, {k: v for k, v in families.items() if k != "ita_Latn"})
    with pytest.raises(DataError, match="three languages at least"):
        family_v_measure(dict(list(x.items())[:2]), families)


@pytest.mark.parametrize("settings", [{"folds": 1}, {"samples": -1}])
def test_settings_of_neutrality_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Neutrality(**settings)
