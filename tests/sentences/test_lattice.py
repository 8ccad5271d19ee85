"""Forward-backward and decoding against enumeration of all paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.kernels.lattice import best_path, posteriors, row_offsets, straight_band

TYPES = [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
DA, DB = (np.array([t[k] for t in TYPES], np.int32) for k in (0, 1))


def paths(n, m):
    """All paths from (0, 0) as lists of (i, j, type)."""
    if n == m == 0:
        return [[]]
    found = []
    for t, (a, b) in enumerate(TYPES):
        if n >= a and m >= b:
            found += [[*path, (n, m, t)] for path in paths(n - a, m - b)]
    return found


def lattice(n, m, seed, forbid=0.0):
    low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
    rows = row_offsets(low, high)
    draw = np.random.default_rng(seed)
    edges = draw.normal(0, 2, (rows[-1], len(TYPES))).astype(np.float32)
    edges[:, 2:][draw.random((len(edges), 4)) < forbid] = -np.inf
    return low, high, rows, edges


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 99), st.sampled_from([0.0, 0.4]))
def test_posteriors_are_shares_of_all_paths(n, m, seed, forbid):
    low, high, rows, edges = lattice(n, m, seed, forbid)
    weights = edges.copy()
    evidence = posteriors(low, high, rows, DA, DB, edges)
    total, mass = 0.0, np.zeros(edges.shape)
    for path in paths(n, m):
        weight = math.exp(sum(weights[rows[i] + j, t] for i, j, t in path))
        total += weight
        for i, j, t in path:
            mass[rows[i] + j, t] += weight
    assert evidence == pytest.approx(math.log(total), abs=1e-4)
    for i in range(n + 1):
        for j in range(m + 1):
            for t, (a, b) in enumerate(TYPES):
                if i >= a and j >= b:
                    assert max(0.0, edges[i * (m + 1) + j, t]) == pytest.approx(
                        mass[i * (m + 1) + j, t] / total, abs=1e-4
                    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
def test_best_path_is_the_best_of_all(n, m, seed):
    low, high, rows, edges = lattice(n, m, seed)
    out, score = np.zeros((n + m, 2), np.int32), np.zeros(n + m, np.float32)
    count = best_path(low, high, rows, DA, DB, edges, out, score)
    best = max(paths(n, m), key=lambda path: sum(edges[rows[i] + j, t] for i, j, t in path))
    assert out[:count].tolist() == [[i, j] for i, j, _ in best]
    assert score[:count].tolist() == pytest.approx([edges[rows[i] + j, t] for i, j, t in best])


def test_far_path_survives_where_plain_probabilities_would_underflow():
    n, m = 3, 2500
    low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
    rows = row_offsets(low, high)
    edges = np.full((rows[-1], len(TYPES)), -np.inf, np.float32)
    edges[:, 0] = -9.0  # 2497 insertions at e^-9 each: far below the smallest double
    edges[:, 2] = 0.0
    assert posteriors(low, high, rows, DA, DB, edges) < -20000
    out, score = np.zeros((n + m, 2), np.int32), np.zeros(n + m, np.float32)
    assert best_path(low, high, rows, DA, DB, edges, out, score) == m


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 5), st.randoms())
def test_bands_rise_and_hold_their_chain(n, m, width, draw):
    inner = sorted((draw.randint(0, n), draw.randint(0, m)) for _ in range(3))
    chain = [(0, 0)]
    for i, j in [*inner, (n, m)]:
        if i >= chain[-1][0] and j >= chain[-1][1]:
            chain.append((i, j))
    low, high = np.zeros(n + 1, np.int32), np.zeros(n + 1, np.int32)
    straight_band(np.array(chain, np.int32), n, m, width, low, high)
    assert low[0] == 0
    assert high[n] == m
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    assert (low <= high).all()
    assert (low[1:] <= high[:-1]).all()
    for i, j in chain:
        assert low[i] <= j <= high[i]
