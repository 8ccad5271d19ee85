"""What makes vectors of sentences neutral to language, on languages that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import Map, unit
from polyalign.spaces.map.neutral import AllButTheTop, Centre, Directions, Projection


@pytest.fixture
def languages():
    """200 sentences in three languages: their meaning in 12 dimensions, each language's own shift, and some noise."""
    random = np.random.default_rng(1)
    meaning = random.normal(size=(200, 12))
    shifts = {"deu_Latn": 3.0, "eng_Latn": -2.0, "jpn_Jpan": 4.0}
    return {
        lang: (meaning + s * random.normal(size=12) + 0.1 * random.normal(size=(200, 12))).astype(np.float32)
        for lang, s in shifts.items()
    }


def found(x, y):
    return float(((x @ y.T).argmax(axis=1) == np.arange(len(x))).mean())


def mapped(method, vectors):
    maps = method.fit(vectors)
    assert list(maps) == list(vectors)
    return {lang: maps[lang].vectors(x) for lang, x in vectors.items()}


METHODS = [
    Centre(),
    Projection(),
    Projection(kind="orthogonal"),
    Projection(pivot="deu_Latn", ridge=0),
    Directions(),
    AllButTheTop(components=0),
]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_translations_find_each_other_when_the_shift_is_gone(languages, method):
    before = found(unit(languages["deu_Latn"]), unit(languages["jpn_Jpan"]))
    after = mapped(method, languages)
    assert before < 0.5
    assert found(after["deu_Latn"], after["jpn_Jpan"]) > 0.95
    assert all(abs(np.linalg.norm(x, axis=1) - 1).max() < 1e-5 for x in after.values())


def test_centred_means_are_zero_and_inputs_stay(languages):
    copies = {lang: x.copy() for lang, x in languages.items()}
    for lang, map_ in Centre().fit(languages).items():
        x = unit(languages[lang]) - map_.mean
        assert abs(x.mean(axis=0)).max() < 1e-5
        np.testing.assert_array_equal(languages[lang], copies[lang])


def test_a_rotation_is_undone(languages):
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))[0].astype(np.float32)
    x = languages["eng_Latn"]
    for kind in ("orthogonal", "least-squares"):
        maps = Projection(kind=kind, ridge=0).fit({"eng_Latn": x, "deu_Latn": x @ turn})
        np.testing.assert_allclose(maps["deu_Latn"].vectors(x @ turn), maps["eng_Latn"].vectors(x), atol=1e-3)
    orthogonal = Projection(kind="orthogonal").fit({"eng_Latn": x, "deu_Latn": x @ turn})["deu_Latn"].matrix
    np.testing.assert_allclose(orthogonal.T @ orthogonal, np.eye(12), atol=1e-5)


def test_least_squares_with_fewer_sentences_than_dimensions_is_finite():
    few = np.random.default_rng(1).normal(size=(3, 12)).astype(np.float32)
    maps = Projection(ridge=0).fit({"eng_Latn": few, "deu_Latn": few[::-1]})
    assert np.isfinite(maps["deu_Latn"].matrix).all()


def test_language_directions_are_those_of_the_means(languages):
    maps = Directions().fit(languages)
    matrix = maps["deu_Latn"].matrix
    assert np.linalg.matrix_rank(matrix, tol=1e-4) == 12 - 2
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-5)
    means = [(unit(x) @ matrix).mean(axis=0) for x in languages.values()]
    np.testing.assert_allclose(means[0], means[1], atol=1e-5)
    np.testing.assert_allclose(means[0], means[2], atol=1e-5)
    one = Directions(directions=1).fit(languages)["deu_Latn"].matrix
    assert np.linalg.matrix_rank(one, tol=1e-4) == 11


def test_languages_with_one_mean_keep_every_direction():
    x = np.eye(4, dtype=np.float32)
    maps = Directions().fit({"deu_Latn": x, "eng_Latn": x})
    np.testing.assert_allclose(maps["eng_Latn"].matrix, np.eye(4))


def test_the_top_is_what_varies_most(languages):
    x = languages["deu_Latn"] * np.array([20] + [1] * 11, np.float32)
    maps = AllButTheTop(components=1).fit({"deu_Latn": x})
    left = (unit(x) - maps["deu_Latn"].mean) @ maps["deu_Latn"].matrix
    centred = unit(x) - unit(x).mean(axis=0)
    top = np.linalg.svd(centred, full_matrices=False)[2][0]
    assert abs(left @ top).max() < 1e-3


def test_rows_of_zeros_count_for_nothing(languages):
    with_zeros = {lang: np.concatenate([x, np.zeros((50, 12), np.float32)]) for lang, x in languages.items()}
    for method in (Centre(), Directions(), AllButTheTop()):
        a, b = method.fit(languages)["eng_Latn"], method.fit(with_zeros)["eng_Latn"]
        np.testing.assert_allclose(a.mean, b.mean, atol=1e-6)
        np.testing.assert_allclose(a.matrix, b.matrix, atol=1e-4)


def test_maps_are_saved(languages, tmp_path):
    made = Projection().fit(languages)["deu_Latn"]
    made.save(tmp_path / "map")
    x = languages["deu_Latn"]
    np.testing.assert_array_equal(Map.load(tmp_path / "map").vectors(x), made.vectors(x))


def test_what_cannot_be_fitted_is_refused(languages):
    x = languages["eng_Latn"]
    with pytest.raises(ConfigError, match="no vectors of eng_Latn, found deu_Latn; name the pivot"):
        Projection().fit({"deu_Latn": x})
    with pytest.raises(DataError, match="found 200 of eng_Latn, 199 of deu_Latn, expected as many"):
        Projection().fit({"eng_Latn": x, "deu_Latn": x[1:]})
    with pytest.raises(DataError, match="found one language, expected two"):
        Directions().fit({"eng_Latn": x})
    for vectors in ({}, {"eng_Latn": x[:0]}, {"eng_Latn": x, "deu_Latn": x[:, 1:]}):
        for method in (Centre(), Directions(), AllButTheTop()):
            with pytest.raises(DataError, match="expected rows in every language, of one length"):
                method.fit(vectors)
    with pytest.raises(DataError, match="a vector of deu_Latn that is not finite"):
        Centre().fit({"deu_Latn": np.full((2, 3), np.nan, np.float32)})
    with pytest.raises(ValueError, match="ridge must not be negative, found -1"):
        Projection(ridge=-1)
    with pytest.raises(ValueError, match="directions must not be negative"):
        Directions(directions=-1)
    with pytest.raises(ValueError, match="components must not be negative"):
        AllButTheTop(components=-1)
