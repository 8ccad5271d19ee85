"""The kernels of EM against enumeration of every alignment, and against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import special, stats

from polyalign.core.ragged import Ragged
from polyalign.kernels.cooccurrence import add_counts, digamma, locate, normalise
from polyalign.kernels.hypergeometric import log_tail
from polyalign.kernels.posteriors import hmm, mixture
from polyalign.words.table import cooccurring
from polyalign.words.tokens import Block, Encoded


def place(jumps, distance):
    reach = (len(jumps) - 3) // 2
    return int(np.clip(distance, -reach - 1, reach + 1)) + reach + 1


def weight(jumps, start, end, states):
    """A near distance has its own weight; the words beyond on one side share one."""
    at = place(jumps, end - start)
    sharing = [k for k in range(states) if place(jumps, k - start) == at]
    return jumps[at] / len(sharing)


def enumerated(emission, null, jumps, null_prior, uniform):
    """Likelihood, posteriors and jump statistics by walking every sequence of choices (-1 is NULL)."""
    steps, states = emission.shape
    z = {i: sum(weight(jumps, i, k, states) for k in range(states)) for i in range(-1, states)}
    total, gamma, gamma_null = 0.0, np.zeros((steps, states)), np.zeros(steps)
    departures = np.zeros((2, len(jumps)))
    for path in itertools.product(range(-1, states), repeat=steps):
        p, last, jumped = 1.0, -1, []
        for t, i in enumerate(path):
            if i < 0:
                p *= null_prior * null[t]
                continue
            by_jump = (1 - uniform) * weight(jumps, last, i, states) / z[last]
            by_chance = uniform / states
            jumped.append((last, i, by_jump / (by_jump + by_chance)))
            p *= (1 - null_prior) * (by_jump + by_chance) * emission[t, i]
            last = i
        total += p
        for t, i in enumerate(path):
            if i < 0:
                gamma_null[t] += p
            else:
                gamma[t, i] += p
        for last, i, share in jumped:
            departures[0, place(jumps, i - last)] += p * share
            for at in {place(jumps, k - last) for k in range(states)}:
                departures[1, at] += p * share / z[last]
    return np.log(total), gamma / total, gamma_null / total, departures / total


@pytest.mark.parametrize(
    ("steps", "states", "reach", "uniform"),
    [(1, 1, 1, 0.1), (3, 5, 1, 0.1), (4, 4, 2, 0.0), (5, 3, 7, 0.3), (2, 6, 2, 0.2)],
)
def test_hmm_equals_enumeration(steps, states, reach, uniform):
    random = np.random.default_rng(steps * 100 + states)
    emission = random.random((steps, states)).astype(np.float32)
    null = random.random(steps).astype(np.float32)
    jumps = random.random(2 * reach + 3).astype(np.float32)
    likelihood, gamma, gamma_null, departures = enumerated(emission, null, jumps, 0.2, uniform)
    out, null_posterior, stats_out = emission.copy(), np.empty(steps, np.float32), np.empty((2, len(jumps)))
    got = hmm(out, null, jumps, 0.2, uniform, null_posterior, stats_out)
    assert got == pytest.approx(likelihood, abs=1e-5)
    np.testing.assert_allclose(out, gamma, atol=2e-6)
    np.testing.assert_allclose(null_posterior, gamma_null, atol=2e-6)
    np.testing.assert_allclose(stats_out, departures, atol=1e-5)


def test_mixture_equals_bayes():
    random = np.random.default_rng(3)
    emission, null = random.random((4, 3)).astype(np.float32), random.random(4).astype(np.float32)
    joint = np.concatenate([0.1 * null[:, None], 0.3 * emission], axis=1)
    out, null_posterior = emission.copy(), np.empty(4, np.float32)
    assert mixture(out, null, 0.1, null_posterior) == pytest.approx(np.log(joint.sum(axis=1)).sum(), abs=1e-5)
    np.testing.assert_allclose(out, joint[:, 1:] / joint.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(null_posterior, joint[:, 0] / joint.sum(axis=1), atol=1e-6)


def test_hmm_survives_hopeless_emissions():
    out = np.full((50, 40), 1e-7, np.float32)
    null_posterior, departures = np.empty(50, np.float32), np.empty((2, 17))
    jumps = np.ones(17, np.float32) / 17
    assert np.isfinite(hmm(out, np.full(50, 1e-7, np.float32), jumps, 0.1, 0.1, null_posterior, departures))
    np.testing.assert_allclose(out.sum(axis=1) + null_posterior, 1, atol=1e-5)
    assert np.isfinite(departures).all()


@pytest.fixture
def corpus():
    random = np.random.default_rng(5)
    sides = [
        Ragged.from_lists([random.integers(1, types, n).tolist() for n in lengths])
        for types, lengths in ((8, (3, 0, 5, 1, 7)), (9, (4, 2, 0, 1, 6)))
    ]
    return Encoded(*sides)


def test_entries_and_their_places(corpus):
    starts, entries = cooccurring(corpus, 8, 9)
    expected = {e: set() for e in range(8)}
    for src, tgt in zip(corpus.src, corpus.tgt, strict=True):
        for e in src.tolist():
            expected[e] |= set(tgt.tolist())
    assert [entries[starts[e] : starts[e + 1]].tolist() for e in range(8)] == [sorted(expected[e]) for e in range(8)]

    block = Block.build(corpus.src, corpus.tgt)
    ids = locate(
        block.order, block.groups, block.src.values, block.rows, block.first, block.tgt.values, starts, entries, 9
    )
    cells = [(e, f) for s, t in zip(corpus.src, corpus.tgt, strict=True) for e in s.tolist() for f in t.tolist()]
    owner = np.repeat(np.arange(8), np.diff(starts))
    assert list(zip(owner[ids].tolist(), entries[ids].tolist(), strict=True)) == cells

    fewer = locate(
        block.order, block.groups, block.src.values, block.rows, block.first, block.tgt.values, starts[:5], entries, 4
    )
    known = np.array([e < 4 and f < 4 for e, f in cells])
    assert (fewer[known] == ids[known]).all()
    assert (fewer[~known] == -1)[[e >= 4 for e, f in np.array(cells)[~known]]].all()


def test_counts_and_their_normalisation(corpus):
    starts, entries = cooccurring(corpus, 8, 9)
    block = Block.build(corpus.src, corpus.tgt)
    ids = locate(
        block.order, block.groups, block.src.values, block.rows, block.first, block.tgt.values, starts, entries, 9
    )
    random = np.random.default_rng(6)
    forward, backward = random.random((2, len(ids))).astype(np.float32)
    counts = np.zeros((len(entries), 2))
    add_counts(block.order, block.groups, block.rows, ids, forward, backward, counts)
    np.testing.assert_allclose(counts[:, 0], np.bincount(ids, forward, len(entries)), rtol=1e-6)
    np.testing.assert_allclose(counts[:, 1], np.bincount(ids, backward, len(entries)), rtol=1e-6)

    owner, table = np.repeat(np.arange(8), np.diff(starts)), np.empty((len(entries), 2), np.float32)
    normalise(counts, starts, entries, np.bincount(entries, counts[:, 1], 9), 0.0, table)
    np.testing.assert_allclose(np.bincount(owner, table[:, 0])[np.unique(owner)], 1, atol=1e-5)
    np.testing.assert_allclose(np.bincount(entries, table[:, 1])[np.unique(entries)], 1, atol=1e-5)
    totals = np.bincount(owner, counts[:, 0] + 0.1)
    normalise(counts, starts, entries, np.bincount(entries, counts[:, 1] + 0.1, 9), 0.1, table)
    expected = np.exp(special.digamma(counts[:, 0] + 0.1) - special.digamma(totals[owner]))
    np.testing.assert_allclose(table[:, 0], expected, rtol=1e-5)


def test_digamma_equals_scipy():
    x = np.concatenate([np.geomspace(1e-4, 1e6, 60), [1.0, 6.0]])
    np.testing.assert_allclose([digamma(v) for v in x], special.digamma(x), rtol=1e-9, atol=1e-9)


def test_hypergeometric_tail_equals_scipy():
    cases = [
        (1, 1, 1, 1000),
        (5, 9, 7, 1000),
        (0, 3, 4, 10),
        (300, 400, 350, 1000),
        (100, 400, 350, 1000),
        (7, 7, 7, 7),
    ]
    both, a, b, total = (np.array(x) for x in zip(*cases, strict=True))
    for k in range(len(cases)):
        got = log_tail(both[k : k + 1], a[k : k + 1], b[k : k + 1], int(total[k]))[0]
        assert got == pytest.approx(stats.hypergeom.logsf(both[k] - 1, total[k], a[k], b[k]), rel=1e-8, abs=1e-8)


def test_a_tail_far_below_the_mean_does_not_overflow():
    got = log_tail(np.array([0]), np.array([60000]), np.array([50000]), 120000)[0]
    assert got == pytest.approx(0, abs=1e-6)
