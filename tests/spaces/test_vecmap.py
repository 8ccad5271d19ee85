"""VecMap: its map against the formula, and self-learning on planted spaces."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError
from polyalign.core.jit import set_threads
from polyalign.core.space import Space, normalized
from polyalign.encoders.neighbours import nearest_both
from polyalign.spaces.map.vecmap import VecMap
from polyalign.spaces.map.vecmap_learn import Learning, induce, unsupervised
from polyalign.spaces.retrieve.csls import CSLS

FAST = {"keep": 0.5, "patience": 3}


def spaces(n=400, d=15, noise=0.1, shared=0, seed=1):
    """A space with topics, as words have, and the same turned; the first words are written the same."""
    random = np.random.default_rng(seed)
    topics = random.normal(size=(40, d)) * np.linspace(2, 0.5, d)
    x = topics[random.integers(0, 40, n)] + 0.6 * random.normal(size=(n, d))
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    y = x @ turn + noise * random.normal(size=(n, d))
    order = np.argsort(np.arange(n) + random.uniform(-9, 9, n))  # nearly as frequent
    words = np.array([f"w{i}" if i < shared else f"t{i}" for i in range(n)])
    src = Space(tuple(f"w{i}" if i < shared else f"s{i}" for i in range(n)), x)
    return src, Space(tuple(words[order]), y[order]), np.stack([order, np.arange(n)], axis=1).astype(np.int32)


def precision(maps, src, tgt, pairs):
    x, y = maps(src, tgt)
    return float((CSLS().retrieve(x.vectors, y.vectors, 1, rows=pairs[:, 0])[1][:, 0] == pairs[:, 1]).mean())


def slow_map(x, y, power):
    """The steps as the paper gives them, without shrinkage."""

    def half(c, sign):
        values, vectors = np.linalg.eigh(c)
        return vectors @ np.diag(values ** (sign / 2)) @ vectors.T

    a, b = half(x.T @ x, -1), half(y.T @ y, -1)
    u, s, vt = np.linalg.svd((x @ a).T @ (y @ b))
    v = vt.T
    left = x @ a @ u @ np.diag(s**power) @ u.T @ half(x.T @ x, 1) @ u
    right = y @ b @ v @ np.diag(s**power) @ v.T @ half(y.T @ y, 1) @ v
    return left, right


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_map_is_the_formula(power):
    src, tgt, pairs = spaces(noise=0.5)
    x, y = (normalized(s.vectors, ("unit", "center", "unit"))[0] for s in (src, tgt))
    x, y = x[pairs[:, 0]].astype(float), y[pairs[:, 1]].astype(float)
    left, right = slow_map(x, y, power)
    a, b = VecMap(shrinkage=0, reweight=power).matrices(x, y)
    np.testing.assert_allclose((x @ a) @ (y @ b).T, left @ right.T, atol=1e-4)


def test_without_its_steps_it_is_procrustes():
    src, tgt, pairs = spaces(noise=0.5)
    plain = VecMap(whiten=False, dewhiten=False, reweight=0).fit(src, tgt, pairs)
    turned = registry.load(registry.find("spaces.map/procrustes"))().fit(src, tgt, pairs)
    x, y = plain(src, tgt)
    u, v = turned(src, tgt)
    np.testing.assert_allclose(x.vectors @ y.vectors.T, u.vectors @ v.vectors.T, atol=1e-5)
    assert VecMap(dimensions=4).fit(src, tgt, pairs)(src, tgt)[0].vectors.shape == (400, 4)


@pytest.mark.parametrize("preset", ["semi_supervised", "identical", "unsupervised"])
def test_presets_learn_a_planted_dictionary(preset):
    src, tgt, pairs = spaces(noise=0.02, shared=25)
    method = params.build(registry.find("spaces.map/vecmap"), {"preset": preset, **FAST})
    before = src.vectors.tobytes()
    maps = method.fit(src, tgt, pairs[:25] if preset == "semi_supervised" else None)
    assert precision(maps, src, tgt, pairs) > 0.95
    assert src.vectors.tobytes() == before


def test_self_learning_makes_a_small_dictionary_better():
    src, tgt, pairs = spaces(noise=0.5)
    few = pairs[:8]
    once, learned = VecMap(), VecMap(self_learning=True, **FAST)
    assert (
        precision(learned.fit(src, tgt, few), src, tgt, pairs)
        > precision(once.fit(src, tgt, few), src, tgt, pairs) + 0.1
    )


def test_any_number_of_threads_and_any_time_give_the_same():
    src, tgt, pairs = spaces(noise=0.2)
    results = []
    for threads in (1, 0, 0):
        set_threads(threads)
        results.append(VecMap(self_learning=True, **FAST).fit(src, tgt, pairs[:40]).src.matrix.tobytes())
    set_threads(0)
    assert results[0] == results[1] == results[2]
    other = VecMap(self_learning=True, seed=2, keep=0.1, patience=1)
    assert other.dictionary(src, tgt, src.vectors, tgt.vectors, pairs[:40])[0].dtype == np.int32


def slow_induce(x, y, k):
    cos = (x @ y.T).astype(np.float64)
    r = np.sort(cos, axis=1)[:, ::-1][:, :k].mean(axis=1)
    s = np.sort(cos, axis=0)[::-1][:k].mean(axis=0)
    scores = 2 * cos - r[:, None] - s[None, :]
    return scores.argmax(axis=1), scores.argmax(axis=0)


def test_a_dictionary_is_induced_by_csls_in_both_directions():
    src, tgt, _ = spaces(n=120, noise=0.5)
    x, y = (normalized(s.vectors, ("unit",))[0] for s in (src, tgt))
    near = nearest_both(x, y, 120)
    a, b = induce(near, 5)
    forward, backward = slow_induce(x, y, 5)
    assert np.array_equal(a, np.concatenate([np.arange(120), backward]))
    assert np.array_equal(b, np.concatenate([forward, np.arange(120)]))
    none = np.zeros((120, 120), bool)
    one = none.copy()
    one[3, 7] = True
    a, b = induce(near, 5, (one, none))
    assert (a.tolist(), b.tolist()) == ([3], [int(near[0][1][3, 7])])


def test_enough_candidates_are_looked_at_that_nearly_all_words_keep_one():
    learning = Learning(10, 0.1, 2.0, 50, 1e-6, 1)
    for keep in (0.05, 0.1, 0.2, 0.4, 0.8):
        assert (1 - keep) ** learning.candidates(keep) <= 0.0101
    assert learning.candidates(1.0) == 20


def test_words_are_matched_by_their_similarities_alone():
    src, tgt, pairs = spaces(n=300, noise=0.0)
    x, y = (normalized(s.vectors, ("unit", "center", "unit"))[0] for s in (src, tgt))
    a, b = unsupervised(x, y, 300, 10, ("unit", "center", "unit"))
    truth = dict(pairs.tolist())
    assert np.mean([truth[i] == j for i, j in zip(a.tolist(), b.tolist(), strict=True)]) > 0.95
    assert unsupervised(x[:5], y, 300, 10, ("unit",))[0].max() < 5


def test_what_it_cannot_begin_with_is_refused():
    src, tgt, pairs = spaces(n=30)
    for name in ("identical", "numerals"):
        with pytest.raises(ConfigError, match=f"found no {name} words in 30 source and 30 target words.*give seeds"):
            VecMap(initialization=name).fit(src, tgt)
    with pytest.raises(ConfigError, match="found seeds, and initialization unsupervised, which uses none"):
        VecMap(initialization="unsupervised").fit(src, tgt, pairs)
    with pytest.raises(ConfigError, match=r"no pair to begin with among the 5 most frequent words.*raise vocabulary"):
        VecMap(self_learning=True, vocabulary=5).fit(src, tgt, pairs[20:])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"neighbours": 0}, "neighbours must be at least 1"),
        ({"reweight": -1.0}, "reweight must not be negative"),
        ({"keep": 0.0}, "keep must be above 0"),
        ({"growth": 1.0}, "growth must be above 1"),
        ({"shrinkage": 2.0}, "shrinkage must be from 0 to 1"),
        ({"whiten": False}, "dewhiten needs whiten"),
    ],
)
def test_parameters_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        VecMap(**given)
