"""The kernels of EM against enumeration of every alignment, and against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import special, stats

from polyalign.core.ragged import Ragged
from polyalign.kernels.cooccurrence import add_sums, digamma, locate, normalise, sum_counts
from polyalign.kernels.hmm import hmm
from polyalign.kernels.hypergeometric import log_tail
from polyalign.kernels.positions import (
    diagonal,
    diagonal_slope,
    diagonal_total,
    estimate,
    expected_feature,
    observed_feature,
    pool,
    relative,
    tally,
)
from polyalign.kernels.posteriors import mixture, posteriors
from polyalign.kernels.quantise import ONE, quantise
from polyalign.words.em_expect import sums_of
from polyalign.words.positions import BINS, Shapes
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
    emission, null = random.random((4, 3)), random.random(4)
    position = random.dirichlet(np.ones(3), 4)
    joint = np.concatenate([0.1 * null[:, None], 0.9 * position * emission], axis=1)
    out, null_posterior = emission.copy(), np.empty(4, np.float32)
    assert mixture(out, null, position, 0.1, null_posterior) == pytest.approx(np.log(joint.sum(axis=1)).sum())
    np.testing.assert_allclose(out, joint[:, 1:] / joint.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(null_posterior, joint[:, 0] / joint.sum(axis=1), rtol=1e-6)


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
    sums = sums_of(block, 9)
    met, summed = sum_counts(
        block.order, block.groups, block.src.values, starts, block.rows, ids, sums, forward, backward
    )
    assert sorted(met.tolist()) == np.unique(ids).tolist()
    add_sums(met, summed, counts)
    np.testing.assert_allclose(counts[:, 0], np.bincount(ids, forward, len(entries)), rtol=1e-6)
    np.testing.assert_allclose(counts[:, 1], np.bincount(ids, backward, len(entries)), rtol=1e-6)

    owner, table = np.repeat(np.arange(8), np.diff(starts)), counts.copy()
    normalise(table, starts, entries, np.bincount(entries, counts[:, 1], 9), 0.0)
    np.testing.assert_allclose(np.bincount(owner, table[:, 0])[np.unique(owner)], 1, atol=1e-5)
    np.testing.assert_allclose(np.bincount(entries, table[:, 1])[np.unique(entries)], 1, atol=1e-5)
    totals = np.bincount(owner, counts[:, 0] + 0.1)
    table = counts.copy()
    normalise(table, starts, entries, np.bincount(entries, counts[:, 1] + 0.1, 9), 0.1)
    expected = np.exp(special.digamma(counts[:, 0] + 0.1) - special.digamma(totals[owner]))
    np.testing.assert_allclose(table[:, 0], expected, rtol=1e-9)
    totals = np.bincount(entries, counts[:, 1] + 0.1)
    expected = np.exp(special.digamma(counts[:, 1] + 0.1) - special.digamma(totals[entries]))
    np.testing.assert_allclose(table[:, 1], expected, rtol=1e-9)


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


# -- positions

SRC, TGT = np.array([3, 1, 4, 3]), np.array([2, 5, 4, 2])


def places(shapes, table):
    """Forward and backward priors as a list of (steps, states) arrays for each shape."""
    for k, (n, m) in enumerate(zip(shapes.src, shapes.tgt, strict=True)):
        span = slice(shapes.starts[k], shapes.starts[k + 1])
        yield table[0, span].reshape(m, n), table[1, span].reshape(n, m)


def test_shapes_are_distinct_pairs_of_lengths():
    shapes, at = Shapes.of(SRC, TGT)
    assert list(zip(shapes.src.tolist(), shapes.tgt.tolist(), strict=True)) == [(1, 5), (3, 2), (4, 4)]
    assert shapes.pairs.tolist() == [1, 2, 1]
    assert at.tolist() == [5, 0, 11, 5]


@pytest.mark.parametrize("tension", [0.1, 4.0, 14.0])
@pytest.mark.parametrize(("steps", "states"), [(1, 1), (5, 3), (3, 8), (40, 40), (7, 100)])
def test_the_diagonal_sums_up_as_a_series_does(steps, states, tension):
    for step in range(1, steps + 1):
        h = -np.abs(np.arange(1, states + 1) / states - step / steps)
        weights = np.exp(tension * h)
        assert diagonal_total(step, steps, states, tension) == pytest.approx(weights.sum(), rel=1e-9)
        # The numerator is the exact sum; only the total has its lengths swapped.
        swapped = diagonal_total(step, states, steps, tension)
        assert diagonal_slope(step, steps, states, tension) == pytest.approx((h * weights).sum() / swapped, rel=1e-6)


def test_with_equal_lengths_the_slope_is_the_derivative():
    for step in range(1, 8):
        rise = np.log(diagonal_total(step, 7, 7, 3.001)) - np.log(diagonal_total(step, 7, 7, 2.999))
        assert diagonal_slope(step, 7, 7, 3.0) == pytest.approx(rise / 0.002, rel=1e-5)


def test_a_step_beyond_the_end_has_an_endless_series_above():
    # The diagonal is at 5/3 * 2, beyond both states: 1, 2, 3 lie below it and 4, 5, ... go on for ever.
    h = -np.abs(np.arange(1, 2000) / 2 - 5 / 3)
    assert diagonal_total(5, 3, 2, 5.0) == pytest.approx(np.exp(5.0 * h).sum())


def test_diagonal_priors_and_the_features_of_both_sides():
    shapes, _ = Shapes.of(SRC, TGT)
    layout = shapes.src, shapes.tgt, shapes.starts
    tension = np.array([4.0, 9.0])
    counts = np.random.default_rng(1).random((2, shapes.starts[-1]))
    observed, expected = np.zeros(2), np.zeros(2)
    tables = zip(places(shapes, diagonal(*layout, tension)), places(shapes, counts), strict=True)
    for k, (priors, links) in enumerate(tables):
        for side in range(2):
            steps, states = priors[side].shape
            for step in range(1, steps + 1):
                h = -np.abs(np.arange(1, states + 1) / states - step / steps)
                weights = np.exp(tension[side] * h)
                np.testing.assert_allclose(priors[side][step - 1], weights / weights.sum())
                shifted = -np.abs(np.arange(1, states + 1) / states - (step - 1) / steps)
                observed[side] += (links[side][step - 1] * shifted).sum()
                expected[side] += shapes.pairs[k] * diagonal_slope(step, steps, states, tension[side])
    np.testing.assert_allclose(observed_feature(*layout, counts), observed)
    assert expected_feature(shapes.tgt, shapes.src, shapes.pairs, 4.0) == pytest.approx(expected[0])
    assert expected_feature(shapes.src, shapes.tgt, shapes.pairs, 9.0) == pytest.approx(expected[1])


def test_posteriors_are_tallied_by_place():
    random = np.random.default_rng(4)
    shapes, at = Shapes.of(SRC, TGT)
    sides = [np.concatenate([[0], np.cumsum(x)]) for x in (SRC, TGT, SRC * TGT)]
    forward, backward = random.random((2, sides[2][-1])).astype(np.float32)
    counts = np.zeros((2, shapes.starts[-1]))
    tally(sides[2], sides[0], sides[1], at, forward, backward, counts)
    expected = [[np.zeros((m, n)), np.zeros((n, m))] for n, m in zip(shapes.src, shapes.tgt, strict=True)]
    for k in range(4):
        which = int(np.searchsorted(shapes.starts, at[k]))
        cells = slice(sides[2][k], sides[2][k + 1])
        expected[which][0] += forward[cells].reshape(SRC[k], TGT[k]).T
        expected[which][1] += backward[cells].reshape(SRC[k], TGT[k])
    for got, want in zip(places(shapes, counts), expected, strict=True):
        np.testing.assert_allclose(got[0], want[0])
        np.testing.assert_allclose(got[1], want[1])


def bin_of(step, state, steps, states):
    return int(((state + 0.5) / states - (step + 0.5) / steps + 1) / 2 * BINS)


def test_relative_priors_and_what_they_are_made_of():
    random = np.random.default_rng(5)
    shapes, _ = Shapes.of(SRC, TGT)
    layout = shapes.src, shapes.tgt, shapes.starts
    weights, counts = random.random((2, BINS)), random.random((2, shapes.starts[-1]))
    prior = relative(*layout, weights)
    learned = estimate(*layout, counts, prior, 5.0)
    links, chance = np.zeros((2, BINS)), np.zeros((2, BINS))
    rows = zip(places(shapes, prior), places(shapes, counts), places(shapes, learned), strict=True)
    for k, shape in enumerate(rows):
        for side in range(2):
            q, c, a = (table[side] for table in shape)
            steps, states = q.shape
            for step in range(steps):
                at = [bin_of(step, i, steps, states) for i in range(states)]
                np.testing.assert_allclose(q[step], weights[side, at] / weights[side, at].sum())
                np.testing.assert_allclose(a[step], (c[step] + 5 * q[step]) / (c[step].sum() + 5))
                np.add.at(links[side], at, c[step])
                np.add.at(chance[side], at, shapes.pairs[k] / states)
    np.testing.assert_allclose(pool(*layout, shapes.pairs, counts, BINS), [links, chance])
    bare = estimate(*layout, np.zeros_like(counts), prior, 0.0)
    np.testing.assert_array_equal(bare, prior)


@pytest.mark.parametrize("with_places", [False, True])
def test_posteriors_of_a_mixture_equal_a_plain_loop(corpus, with_places):
    random = np.random.default_rng(8)
    starts, entries = cooccurring(corpus, 8, 9)
    block = Block.build(corpus.src, corpus.tgt)
    # Types from 6 on are unknown words.
    ids = locate(
        block.order, block.groups, block.src.values, block.rows, block.first, block.tgt.values, starts[:7], entries, 9
    )
    shapes, at = Shapes.of(corpus.src.lengths, corpus.tgt.lengths)
    table, src_null, tgt_null = random.random((len(entries), 2)), random.random(6), random.random(9)
    weights = relative(shapes.src, shapes.tgt, shapes.starts, random.random((2, BINS)))
    position = weights if with_places else np.zeros((2, 0))
    sides = block.src.offsets, block.tgt.offsets, block.src.values, block.tgt.values
    forward, backward, tgt_free, src_free, likelihood, _ = posteriors(
        *sides,
        block.cells,
        ids,
        table,
        src_null,
        tgt_null,
        np.zeros((2, 0), np.float32),
        position,
        at,
        0.2,
        0.0,
        0.3,
    )
    for k, (src, tgt) in enumerate(zip(corpus.src, corpus.tgt, strict=True)):
        n, m = len(src), len(tgt)
        if not n or not m:
            continue
        cells = slice(block.cells[k], block.cells[k + 1])
        place = slice(at[k], at[k] + n * m)
        own = ids[cells].reshape(n, m)
        seen = np.where(own[..., None] >= 0, np.maximum(table[own], 0.3), 0.3)
        flat = np.full((m, n), 1 / n), np.full((n, m), 1 / m)
        prior = (weights[0, place].reshape(m, n), weights[1, place].reshape(n, m)) if with_places else flat
        of_tgt = np.array([max(tgt_null[w], 0.3) for w in tgt])
        of_src = np.array([max(src_null[w], 0.3) if w < 6 else 0.3 for w in src])
        cases = (seen[..., 0].T, prior[0], of_tgt), (seen[..., 1], prior[1], of_src)
        for side, (emission, position_prior, null) in enumerate(cases):
            joint = np.concatenate([0.2 * null[:, None], 0.8 * position_prior * emission], axis=1)
            p = joint / joint.sum(axis=1, keepdims=True)
            got = (forward[cells].reshape(n, m).T, backward[cells].reshape(n, m))[side]
            np.testing.assert_allclose(got, p[:, 1:], rtol=1e-5)
            first = (block.tgt.offsets, block.src.offsets)[side][k]
            np.testing.assert_allclose((tgt_free, src_free)[side][first : first + len(p)], p[:, 0], rtol=1e-5)
            assert likelihood[k, side] == pytest.approx(np.log(joint.sum(axis=1)).sum())


# -- fixed point


def decide(p, null):
    """The first best of each column, or -1 where NULL is as good."""
    best = p.argmax(axis=0)
    return np.where(p.max(axis=0) > null, best, -1).tolist()


@pytest.mark.parametrize("seed", range(30))
def test_rounding_changes_no_decision(seed):
    random = np.random.default_rng(seed)
    n, m = random.integers(1, 40, 2)
    sharp = random.choice([0.1, 1.0, 30.0])
    joint = random.gamma(1 / sharp, size=(n + 1, m)) + 1e-12
    if seed % 3 == 0:
        joint[random.integers(0, n + 1, 5)] = joint[0]  # ties, with NULL too
    if seed % 5 == 0:
        joint = 1 + 1e-6 * random.random((n + 1, m))  # all but ties
    p = joint / joint.sum(axis=0)
    forward, null = p[1:].astype(np.float32), p[0].astype(np.float32)
    backward = np.zeros((n, m), np.float32)
    args = np.array([0, n]), np.array([0, m]), np.array([0, n * m]), forward.ravel(), backward.ravel()
    cells, src, tgt, units = quantise(*args, null, np.ones(n, np.float32))
    dense = np.zeros((n, m), np.int64)
    dense[src, tgt] = units[0]
    assert cells.tolist() == [0, len(src)]
    assert (units.max(axis=0) > 0).all()
    assert decide(dense, ONE - dense.sum(axis=0)) == decide(forward, null)
    assert np.abs(dense / ONE - forward).max() <= (n + 3) / ONE


def test_fixed_point_keeps_pairs_rows_and_both_directions():
    forward = np.array([0.9, 0.0, 0.05, 0.0, 0.5], np.float32)
    backward = np.array([0.0, 0.0, 0.3, 0.7, 0.25], np.float32)
    src, tgt, cells = np.array([0, 2, 2, 3]), np.array([0, 2, 3, 4]), np.array([0, 4, 4, 5])
    tgt_null, src_null = np.array([0.05, 1, 1, 0.5], np.float32), np.array([1, 0, 0.75], np.float32)
    out = quantise(src, tgt, cells, forward, backward, tgt_null, src_null)
    assert out[0].tolist() == [0, 3, 3, 4]
    assert out[1].tolist() == [0, 1, 1, 0]
    assert out[2].tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(out[3] / ONE, [[0.9, 0.05, 0, 0.5], [0, 0.3, 0.7, 0.25]], atol=3 / ONE)
    assert out[3][0, 3] < ONE / 2  # as probable as NULL: it must not win after rounding
