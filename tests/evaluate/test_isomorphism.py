"""Isomorphism measures: nothing for a space and itself turned, more the more it differs, and the definitions by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from polyalign.core.errors import DataError
from polyalign.evaluate.isomorphism import Isomorphism, condition, eigenvalue, gromov_hausdorff, relational, spectral

MEASURES = ("spectral", "condition", "eigenvalue", "gromov-hausdorff", "relational")


def space(n=120, d=8, seed=1):
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, d)) * np.linspace(2, 0.3, d)).astype(np.float32)


def turned(x, noise=0.0, seed=2):
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(x.shape[1],) * 2))[0]
    return (x @ turn + noise * random.normal(size=x.shape)).astype(np.float32)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_space_and_itself_turned_are_alike_and_noise_makes_them_less_so(measure):
    x = space()
    values = [Isomorphism(measure=measure).score(x, turned(x, noise)).value for noise in (0.0, 2.0)]
    if measure == "relational":
        assert values[0] == pytest.approx(1, abs=1e-5)
        assert values[1] < 0.7
    elif measure == "condition":
        assert values[0] > values[1] > 1  # noise fills the faint directions
    else:
        assert values[0] == pytest.approx(0, abs=1e-3)
        assert values[1] > 100 * max(values[0], 1e-6)


def test_spectra_by_hand():
    x, y = np.diag([4.0, 2.0, 1.0]).astype(np.float32), np.diag([2.0, 2.0, 2.0]).astype(np.float32)
    assert spectral(x, y) == pytest.approx(np.log(2) ** 2 * 2)
    share = np.array([4, 2, 1]) / 7
    rank = int(np.exp(-(share * np.log(share)).sum()))
    first = 4 / [4, 2, 1][rank - 1]
    assert condition(x, y) == pytest.approx(2 / (1 / first + 1 / 1))


def test_a_direction_that_a_side_has_not_is_left_out():
    x = space()
    flat = x.copy()
    flat[:, -1] = 0
    assert np.isfinite(spectral(x, flat))
    assert np.isfinite(condition(x, flat))


def test_laplacians_by_hand():
    x = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    star = np.array([[1, 0], [0.8, 0.6], [0.8, -0.6], [0.6, 0.8]], np.float32)
    pairs = np.array([2, 2, 0, 0.0])  # two edges
    assert eigenvalue(x, x, 1) == 0
    near = star @ star.T - 2 * np.eye(4)
    graph = np.zeros((4, 4))
    for i, j in enumerate(near.argmax(axis=1)):
        graph[i, j] = graph[j, i] = 1
    other = np.sort(np.linalg.eigvalsh(np.diag(graph.sum(1)) - graph))[::-1]

    def needed(values):
        return next(k for k in range(1, 5) if values[:k].sum() >= 0.9 * values.sum())

    k = min(needed(pairs), needed(other))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert eigenvalue(unit, star, 1) == pytest.approx(((pairs[:k] - other[:k]) ** 2).sum())


def bottleneck(a, b):
    """Every way to match deaths with each other or with the diagonal."""
    best = np.inf
    for m in range(len(a) + 1):
        for left in itertools.combinations(range(len(a)), m):
            for right in itertools.permutations(range(len(b)), m):
                costs = [abs(a[i] - b[j]) for i, j in zip(left, right, strict=True)]
                costs += [a[i] / 2 for i in range(len(a)) if i not in left]
                costs += [b[j] / 2 for j in range(len(b)) if j not in right]
                best = min(best, max(costs))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_bottleneck_distance_by_trying_all(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(5, 2)).astype(np.float32)
    y = (random.normal(size=(5, 2)) * random.uniform(0.1, 4)).astype(np.float32)
    deaths = [minimum_spanning_tree(cdist(side, side)).data.tolist() for side in (x, y)]
    assert gromov_hausdorff(x, y) == pytest.approx(bottleneck(*deaths), abs=1e-3)


def test_relations_by_hand():
    x, y = space(10), space(10, seed=3)
    pairs = list(itertools.combinations(range(10), 2))
    expected = np.corrcoef([x[i] @ x[j] for i, j in pairs], [y[i] @ y[j] for i, j in pairs])[0, 1]
    assert relational(x, y) == pytest.approx(expected, abs=1e-5)
    assert relational(np.zeros((4, 2), np.float32), x[:4, :2]) == 0


@pytest.mark.parametrize("measure", MEASURES)
def test_two_words_duplicates_and_different_dimensions(measure):
    score = Isomorphism(measure=measure, normalize=("unit",)).score(space(2), space(2, d=5, seed=4))
    assert np.isfinite(score.value)
    assert (score.n, score.ci) == (2, (score.value, score.value))
    assert f"measure:{measure}" in score.signature
    same = np.ones((6, 3), np.float32)
    assert np.isfinite(Isomorphism(measure=measure, normalize=("unit",)).score(same, same).value)


def test_what_cannot_be_compared_is_refused():
    x = space(10)
    with pytest.raises(DataError, match="found 10 source and 9 target vectors, expected as many"):
        Isomorphism(measure="relational").score(x, x[:9])
    bad = x.copy()
    bad[0, 0] = np.nan
    for y in (bad, x[:1], x[:0]):
        with pytest.raises(DataError, match="expected at least two finite ones a side"):
            Isomorphism().score(x, y)
    with pytest.raises(DataError, match="only vectors of zeros"):
        Isomorphism().score(x, np.zeros((10, 8), np.float32))
    with pytest.raises(ValueError, match="words must be at least 1"):
        Isomorphism(words=0)
    with pytest.raises(ValueError, match="the step 'x'"):
        Isomorphism(normalize=("x",))
