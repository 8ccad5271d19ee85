"""Maps fitted to seeds: planted rotations come back, and what cannot be fitted is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import Map, MapPair, Space, normalized
from polyalign.spaces.map.procrustes import Procrustes, rotation
from polyalign.spaces.map.rcsls import RCSLS
from polyalign.spaces.map.ridge import STRENGTHS, Ridge
from polyalign.spaces.map.vecmap import VecMap
from polyalign.spaces.retrieve.csls import CSLS
from polyalign.spaces.seeds import identical, known, numerals, read_lexicon

METHODS = [Procrustes(), Ridge(), Ridge(orthogonal=0.5), RCSLS(iterations=3), VecMap()]


def planted(n=300, d=20, noise=0.0, seed=1):
    """A space, the same turned, and which row is which."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, d)) * np.linspace(2, 0.5, d)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    y = x @ turn + noise * random.normal(size=(n, d))
    order = random.permutation(n)
    src = Space(tuple(f"s{i}" for i in range(n)), x)
    tgt = Space(tuple(f"t{i}" for i in range(n)), y[order])
    return src, tgt, np.stack([order, np.arange(n)], axis=1).astype(np.int32), turn


def precision(maps, src, tgt, pairs):
    x, y = maps(src, tgt)
    return float((CSLS().retrieve(x.vectors, y.vectors, 1, rows=pairs[:, 0])[1][:, 0] == pairs[:, 1]).mean())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_planted_rotation_is_recovered_from_a_third_of_the_words(method):
    src, tgt, pairs, _ = planted(noise=0.05)
    before = src.vectors.tobytes(), tgt.vectors.tobytes()
    maps = method.fit(src, tgt, pairs[:100])
    assert precision(maps, src, tgt, pairs[100:]) == 1
    assert (src.vectors.tobytes(), tgt.vectors.tobytes()) == before
    again = method.fit(src, tgt, pairs[:100])
    assert again.src.matrix.tobytes() == maps.src.matrix.tobytes()


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("dims", [(20, 12), (12, 20)])
def test_spaces_of_different_dimension_can_be_mapped(method, dims):
    src, tgt, pairs, _ = planted(d=20)
    # The last directions are faint, so that leaving them out leaves most of a word.
    u, s, _ = np.linalg.svd(src.vectors, full_matrices=False)
    v = u * s
    a, b = (
        Space(src.words, v[:, : dims[0]]),
        Space(tgt.words, (v @ rotation(np.eye(20)[::-1]))[pairs[:, 0]][:, ::-1][:, : dims[1]]),
    )
    maps = method.fit(a, b, pairs)
    assert maps.src.matrix.shape[0] == dims[0]
    assert maps.tgt.matrix.shape[0] == dims[1]
    assert precision(maps, a, b, pairs) > 0.8


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_fewer_seeds_than_dimensions_one_seed_and_words_without_a_vector_give_finite_maps(method):
    src, tgt, pairs, _ = planted(n=60)
    vectors = src.vectors.copy()
    vectors[[0, 5]] = 0
    src = Space(src.words, vectors)
    for few in (pairs[:7], pairs[:1], np.repeat(pairs[:1], 9, axis=0)):
        x, y = method.fit(src, tgt, few)(src, tgt)
        assert np.isfinite(x.vectors).all()
        assert (x.vectors[[0, 5]] == 0).all()
        assert len(y.words) == 60


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_method_that_needs_seeds_says_how_to_get_them(method):
    src, tgt, pairs, _ = planted(n=20)
    name = type(method).__name__.lower()
    for none in (None, pairs[:0]):
        with pytest.raises(ConfigError, match=f"spaces.map/{name}: found no seeds.*give a lexicon"):
            method.fit(src, tgt, none)
    for wrong in (pairs + 20, -pairs - 1, pairs[:, :1]):
        with pytest.raises(DataError, match=f"spaces.map/{name}: found seeds of shape.*pairs of rows"):
            method.fit(src, tgt, wrong)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.integers(1, 6), st.integers(1, 6))
def test_a_rotation_has_orthonormal_rows_or_columns_and_fits_best(seed, rows, columns):
    random = np.random.default_rng(seed)
    cross = random.normal(size=(rows, columns))
    w = rotation(cross).astype(np.float64)
    gram = w @ w.T if rows <= columns else w.T @ w
    np.testing.assert_allclose(gram, np.eye(min(rows, columns)), atol=1e-5)
    for other in range(5):
        q = np.linalg.qr(np.random.default_rng(other).normal(size=(max(rows, columns),) * 2))[0][:rows, :columns]
        assert (w * cross).sum() >= (q * cross).sum() - 1e-5 or min(rows, columns) < max(rows, columns)


def test_procrustes_finds_the_turn_itself():
    src, tgt, pairs, turn = planted()
    found = Procrustes(normalize=("unit",)).fit(src, tgt, pairs[:50]).src
    np.testing.assert_allclose(found.matrix, turn, atol=1e-5)
    assert found.deviation < 1e-5


def test_ridge_is_least_squares_and_between_it_and_a_rotation():
    src, tgt, pairs, _ = planted(noise=0.5)
    x, _ = normalized(src.vectors, ("unit",))
    y, _ = normalized(tgt.vectors, ("unit",))
    x, y = x[pairs[:, 0]], y[pairs[:, 1]]
    least = np.linalg.lstsq(x, y, rcond=None)[0]
    maps = Ridge(ridge=0.0, normalize=("unit",)).fit(src, tgt, pairs)
    np.testing.assert_allclose(
        maps.src.matrix / np.linalg.norm(maps.src.matrix), least / np.linalg.norm(least), atol=1e-5
    )
    with_ridge = np.linalg.solve(x.T @ x + 0.1 * np.trace(x.T @ x) / 20 * np.eye(20), x.T @ y)
    maps = Ridge(ridge=0.1, normalize=("unit",)).fit(src, tgt, pairs)
    np.testing.assert_allclose(
        maps.src.matrix / np.linalg.norm(maps.src.matrix), with_ridge / np.linalg.norm(with_ridge), atol=1e-5
    )
    turned = Procrustes(normalize=("unit",)).fit(src, tgt, pairs).src.matrix
    np.testing.assert_allclose(
        Ridge(orthogonal=1.0, normalize=("unit",)).fit(src, tgt, pairs).src.matrix, turned, atol=1e-5
    )
    deviations = [Ridge(ridge=0.1, orthogonal=a).fit(src, tgt, pairs).src.deviation for a in (0.0, 0.5, 1.0)]
    assert deviations[0] > deviations[1] > deviations[2]


def test_the_strength_of_a_ridge_grows_with_noise():
    found = []
    for noise in (0.0, 3.0):
        src, tgt, pairs, _ = planted(n=60, noise=noise)
        found.append(Ridge().strength(src.vectors[pairs[:, 0]].astype(float), tgt.vectors[pairs[:, 1]].astype(float)))
    assert found[0] < found[1]
    assert set(found) <= set(STRENGTHS)
    assert Ridge().strength(np.ones((1, 3)), np.ones((1, 3))) == 1


def slow_rcsls(matrix, x, y, all_x, all_y, k):
    """The loss as it is written."""
    loss = 0.0
    for a, b in zip(x, y, strict=True):
        near = sorted((float(a @ matrix @ z) for z in all_y), reverse=True)[:k]
        back = sorted((float(z @ matrix @ b) for z in all_x), reverse=True)[:k]
        loss += -2 * float(a @ matrix @ b) + np.mean(near) + np.mean(back)
    return loss / len(x)


def test_the_loss_of_rcsls_and_its_gradient():
    random = np.random.default_rng(1)
    x, y, all_x, all_y = (random.normal(size=(n, 4)).astype(np.float32) for n in (5, 5, 12, 15))
    matrix = random.normal(size=(4, 4)).astype(np.float32)
    method = RCSLS(neighbours=3)
    loss, slope = method.loss(matrix, x, y, all_x, all_y)
    assert loss == pytest.approx(slow_rcsls(matrix, x, y, all_x, all_y, 3), abs=1e-5)
    for i, j in ((0, 0), (2, 3)):
        nudged = matrix.astype(np.float64).copy()
        nudged[i, j] += 1e-5
        numeric = (
            slow_rcsls(nudged, x, y, all_x, all_y, 3) - slow_rcsls(matrix.astype(np.float64), x, y, all_x, all_y, 3)
        ) / 1e-5
        assert slope[i, j] == pytest.approx(numeric, abs=1e-3)


def test_rcsls_lowers_its_loss_and_keeps_to_the_spectral_ball():
    src, tgt, pairs, _ = planted(noise=1.0)
    x, y = (normalized(s.vectors, ("unit", "center", "unit"))[0] for s in (src, tgt))
    losses = []
    for iterations in (0, 5):
        matrix = RCSLS(iterations=iterations, constraint="spectral").fit(src, tgt, pairs).src.matrix
        losses.append(RCSLS().loss(matrix, x[pairs[:, 0]], y[pairs[:, 1]], x, y)[0])
        assert np.linalg.norm(matrix, 2) <= 1 + 1e-5
    assert losses[1] < losses[0]
    free = RCSLS(iterations=5).fit(src, tgt, pairs).src.matrix
    assert np.linalg.norm(free, 2) > 1.1


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (Procrustes, {"normalize": ("scale",)}, "the step 'scale'"),
        (Procrustes, {"normalize": ("center", "unit", "center")}, "center more than once"),
        (Ridge, {"ridge": -1.0}, "ridge must not be negative"),
        (Ridge, {"orthogonal": 1.5}, "orthogonal must be from 0 to 1"),
        (Ridge, {"folds": 1}, "folds must be at least 2"),
        (RCSLS, {"iterations": -1}, "iterations must not be negative"),
        (RCSLS, {"neighbours": 0}, "neighbours must be at least 1"),
        (RCSLS, {"learning_rate": 0.0}, "learning_rate must be above 0"),
        (RCSLS, {"growth": 0.5}, "growth must be at least 1"),
    ],
)
def test_parameters_out_of_range_are_refused(cls, given, message):
    with pytest.raises(ValueError, match=message):
        cls(**given)


def test_a_pair_of_maps_is_saved_and_loaded(tmp_path):
    src, tgt, pairs, _ = planted(n=40)
    maps = Procrustes().fit(src, tgt, pairs)
    maps.save(tmp_path)
    again = MapPair.load(tmp_path)
    assert again.src.normalize == ("unit", "center", "unit")
    assert again(src, tgt)[0].vectors.tobytes() == maps(src, tgt)[0].vectors.tobytes()
    Map(np.ones((20, 3)), np.zeros(20)).save(tmp_path / "src")
    with pytest.raises(DataError, match="not a saved pair of maps"):
        MapPair.load(tmp_path)


def test_seeds_from_spelling_numerals_and_a_lexicon(tmp_path):
    src = Space(("Haus", "1997", "Hotel", "3.5", "²"), np.eye(5))
    tgt = Space(("Hotel", "hotel", "3.5", "1997"), np.eye(4))
    assert identical(src, tgt).tolist() == [[1, 3], [2, 0], [3, 2]]
    assert identical(src, tgt, least=4).tolist() == [[1, 3], [2, 0]]
    assert numerals(src, tgt).tolist() == [[1, 3], [3, 2]]
    assert identical(Space(("a",), np.eye(1)), tgt).shape == (0, 2)
    path = tmp_path / "lexicon.tsv"
    path.write_bytes("\ufeffsrc\ttgt\tcount\r\nHaus\thotel\t5\r\n\r\nHaus\thotel\t4\r\nkein Wort\tx\r\n".encode())
    assert read_lexicon(path) == [("Haus", "hotel"), ("Haus", "hotel"), ("kein Wort", "x")]
    assert known(src, tgt, read_lexicon(path)).tolist() == [[0, 1]]
    path.write_text("Haus hotel\nHotel\n")
    with pytest.raises(DataError, match="line 2: found 'Hotel', expected a source word, a tab and a target word"):
        read_lexicon(path)
