"""ANC, CKA and SVCCA: their definitions by hand, what changes them and what does not, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from polyalign.core.errors import DataError
from polyalign.evaluate.anc import ANC
from polyalign.evaluate.cka import CKA
from polyalign.evaluate.svcca import SVCCA

ALL = [ANC, CKA, SVCCA]


def pair(n, d, *, noise=1.0, seed=0, shared=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) if shared is None else rng.normal(size=(n, shared)) @ rng.normal(size=(shared, d))
    return x.astype(np.float32), (x + noise * rng.normal(size=(n, d))).astype(np.float32)


def rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0].astype(np.float32)


# -- ANC


def test_anc_is_the_mean_of_pearson_correlations():
    x, y = pair(40, 7)
    y[:, 3] *= -1
    r = [pearsonr(a, b)[0] for a, b in zip(x.T, y.T, strict=True)]
    assert ANC().score(x, y).value == pytest.approx(np.mean(r), abs=1e-6)
    assert ANC(absolute=True).score(x, y).value == pytest.approx(np.mean(np.abs(r)), abs=1e-6)


def test_anc_sees_a_rotation_and_no_scale():
    x, _ = pair(200, 20)
    assert ANC().score(x, 3 * x + 5).value == pytest.approx(1)
    assert abs(ANC().score(x, x @ rotation(20)).value) < 0.3


def test_anc_of_neurons_that_never_change():
    x, y = pair(20, 4)
    x[:, 1] = 1e6
    score = ANC().score(x, y)
    assert score.parts["constant"] == 1
    assert score.value == pytest.approx(np.sum([pearsonr(x[:, k], y[:, k])[0] for k in (0, 2, 3)]) / 4)


# -- CKA


def centred_gram(x):
    n = len(x)
    h = np.eye(n) - 1 / n
    return h @ (x.astype(np.float64) @ x.astype(np.float64).T) @ h


def hsic_without_bias(k, m):
    """The estimator as its paper has it, of Gram matrices without their diagonals."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    first = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * one @ k @ m @ one
    return first / (n * (n - 3))


@pytest.mark.parametrize(("n", "d"), [(5, 30), (40, 6), (40, 200)])
def test_cka_is_as_defined(n, d):
    x, y = pair(n, d, shared=3)
    grams = [v.astype(np.float64) @ v.astype(np.float64).T for v in (x, y)]
    both, a, b = (hsic_without_bias(*p) for p in (grams, [grams[0]] * 2, [grams[1]] * 2))
    assert CKA().score(x, y).value == pytest.approx(both / np.sqrt(a * b), abs=1e-6)
    k, m = centred_gram(x), centred_gram(y)
    biased = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert CKA(biased=True).score(x, y).value == pytest.approx(biased, abs=1e-6)
    left, right = (v.astype(np.float64) - v.mean(axis=0) for v in (x, y))
    norm = np.linalg.norm
    assert biased == pytest.approx(norm(right.T @ left) ** 2 / norm(left.T @ left) / norm(right.T @ right), abs=1e-6)


def test_cka_of_few_sentences_is_only_biased_if_asked_for():
    values = [(CKA(samples=0).score(*p).value, CKA(biased=True, samples=0).score(*p).value) for p in
              ([v[::-1] if k else v for k, v in enumerate(pair(50, 300, seed=s))] for s in range(20))]  # fmt: skip
    assert abs(np.mean([v[0] for v in values])) < 0.03
    assert min(v[1] for v in values) > 0.7


@pytest.mark.parametrize("biased", [True, False])
def test_cka_sees_neither_rotation_nor_scale_nor_shift(biased):
    x, y = pair(60, 10)
    plain = CKA(biased=biased, samples=0).score(x, y).value
    assert CKA(biased=biased, samples=0).score(7 * x @ rotation(10) + 3, y).value == pytest.approx(plain, abs=1e-5)
    assert CKA(biased=biased, samples=0).score(x, x @ rotation(10)).value == pytest.approx(1, abs=1e-5)


# -- SVCCA


def test_svcca_is_as_defined():
    x, y = pair(80, 6, noise=0.5)
    bases = [np.linalg.svd(v.astype(np.float64) - v.mean(axis=0), full_matrices=False)[0] for v in (x, y)]
    expected = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()
    score = SVCCA(variance=1.0).score(x, y)
    assert score.value == pytest.approx(expected, abs=1e-6)
    assert score.parts == {"src_directions": 6, "tgt_directions": 6}


def test_svcca_sees_no_linear_map():
    x, _ = pair(100, 8)
    mixed = x @ np.random.default_rng(1).normal(size=(8, 12)).astype(np.float32) + 4
    assert SVCCA(variance=1.0).score(x, mixed).value == pytest.approx(1, abs=1e-5)


def test_svcca_takes_as_many_directions_as_hold_the_variance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32) * np.array([100, 10, 0.1], np.float32)
    assert SVCCA().score(x, x).parts["src_directions"] == 1 + (100**2 / (100**2 + 10**2) < 0.99)
    assert SVCCA(variance=0.9).score(x, x).parts["src_directions"] == 1
    assert SVCCA(variance=1.0, directions=2).score(x, x).parts["tgt_directions"] == 2


def test_svcca_refuses_what_would_be_perfect_whatever_it_is():
    x, y = pair(20, 50)
    with pytest.raises(DataError, match=r"found 20 sentences and \d+ \+ \d+ directions"):
        SVCCA().score(x, y)
    assert SVCCA(directions=4).score(x, y).value < 1


# -- all


@pytest.mark.parametrize("method", [ANC(), ANC(absolute=True), CKA(), CKA(biased=True), SVCCA()])
def test_the_value_is_that_of_the_items(method):
    x, y = pair(100, 10, shared=4)
    score = method.score(x, y)
    sums = score.items.sum(axis=0)
    value = sums[1] / sums[0] if score.items.shape[1] == 2 else sums[0] / np.sqrt(sums[1] * sums[2])
    assert score.value == pytest.approx(value)
    assert score.ci[0] < score.value < score.ci[1]
    assert "sentences:100" in score.signature


@pytest.mark.parametrize("method", [ANC(samples=300), CKA(samples=300), SVCCA(variance=1.0, samples=300)])
def test_the_interval_is_about_as_wide_as_values_of_other_samples_spread(method):
    scores = [method.score(*pair(150, 4, seed=s)) for s in range(60)]
    spread = np.std([s.value for s in scores])
    said = np.mean([s.ci[1] - s.ci[0] for s in scores]) / (2 * 1.96)
    assert 0.75 < said / spread < 1.35


@pytest.mark.parametrize("cls", ALL)
def test_sentences_that_do_not_go_together(cls):
    x, y = pair(10, 3)
    for a, b in ((x, y[:9]), (x[:2], y[:2]), (x[:0], y[:0]), (x[:, :0], y[:, :0]), (x[:, 0], y[:, 0])):
        with pytest.raises(DataError, match=f"evaluate/{cls.__name__.lower()}: found vectors of shapes"):
            cls().score(a, b)


@pytest.mark.parametrize("cls", ALL)
def test_values_that_are_not_finite(cls):
    x, y = pair(20, 3)
    x[4, 1] = np.inf
    with pytest.raises(DataError, match="not finite"):
        cls().score(x, y)


@pytest.mark.parametrize("cls", [CKA, SVCCA])
def test_vectors_that_are_all_alike(cls):
    x, y = pair(20, 3)
    with pytest.raises(DataError, match="vectors are all the same"):
        cls().score(np.ones_like(x), y)


@pytest.mark.parametrize("cls", ALL)
def test_a_negative_number_of_samples(cls):
    with pytest.raises(ValueError, match="samples"):
        cls(samples=-1)


@pytest.mark.parametrize("settings", [{"variance": 0.0}, {"variance": 1.1}, {"directions": 0}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        SVCCA(**settings)
