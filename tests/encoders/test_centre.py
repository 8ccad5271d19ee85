from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.space import unit
from polyalign.encoders import centre as module
from polyalign.encoders.centre import centre


def planted(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two languages that say the same, each with an offset as large as what is said."""
    rng = np.random.default_rng(seed)
    said = unit(rng.normal(size=(n, 16)).astype(np.float32))
    offsets = 3 * unit(rng.normal(size=(2, 16)).astype(np.float32))
    return unit(said + offsets[0]), unit(said + offsets[1])


def test_planted_offsets_are_removed():
    a, b = planted(2000)
    x, y = centre(a, b)
    raw, centred = (a * b).sum(axis=1).mean(), (x * y).sum(axis=1).mean()
    assert raw < 0.6
    assert centred > 0.75
    x, y = centre(a, b, prior=0)
    assert (x * y).sum(axis=1).mean() > 0.9
    assert np.abs(x.mean(axis=0)).max() < 0.01


def test_the_mean_is_drawn_towards_that_of_all():
    a, b = planted(10)[0], planted(40, 1)[1]
    m = a.mean(axis=0, dtype=np.float64), b.mean(axis=0, dtype=np.float64)
    common = (m[0] + m[1]) / 2
    x, y = centre(a, b, prior=30)
    np.testing.assert_allclose(x, unit(a - (10 * m[0] + 30 * common) / 40), atol=1e-6)
    np.testing.assert_allclose(y, unit(b - (40 * m[1] + 30 * common) / 70), atol=1e-6)


def test_rows_of_zeros_stay_and_count_for_nothing():
    a, b = planted(50)
    with_zeros = np.insert(a, [0, 7, 50], 0, axis=0)
    x, y = centre(a, b)
    x0, y0 = centre(with_zeros, b)
    assert not x0[[0, 8, 52]].any()
    np.testing.assert_allclose(x0[x0.any(axis=1)], x, atol=1e-6)
    np.testing.assert_allclose(y0, y, atol=1e-6)


def test_empty_sides():
    a, _ = planted(5)
    empty = np.zeros((0, 16), np.float32)
    x, y, z = centre(a, empty, np.zeros((2, 16), np.float32), prior=0)
    assert (x.shape, y.shape, z.tolist()) == ((5, 16), (0, 16), np.zeros((2, 16)).tolist())
    assert centre() == []
    assert centre(empty)[0].shape == (0, 16)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_float32_comes_out_and_what_comes_in_stays(dtype):
    a, b = (x.astype(dtype) for x in planted(20))
    before = a.copy()
    x, _ = centre(a, b)
    assert x.dtype == np.float32
    assert np.array_equal(a, before)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    a, b = planted(101)
    whole = centre(a, b)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert all(np.array_equal(x, y) for x, y in zip(whole, centre(a, b), strict=True))


@pytest.mark.parametrize("prior", [-1.0, float("nan")])
def test_a_prior_below_zero(prior):
    with pytest.raises(ValueError, match="expected 0 or more"):
        centre(np.ones((1, 2), np.float32), prior=prior)
