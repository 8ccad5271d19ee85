"""Posteriors: every decision made from them, against loops over dense tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from polyalign.core.links import Links
from polyalign.core.ragged import offsets
from polyalign.evaluate.aer import AER
from polyalign.words.posteriors import FLOOR, LEAST, Posteriors, learned_threshold, threshold_from_gold
from polyalign.words.symmetrize import JOIN

ONE = 65535
SHAPES = [(3, 4), (0, 2), (1, 1), (2, 0), (5, 3), (0, 0), (4, 6)]


def dense(shapes, seed):
    """For each pair a table of forward and backward posteriors in 65535ths, some cells absent."""
    rng = np.random.default_rng(seed)
    out = []
    for n, m in shapes:
        # The first row (column) is NULL, and takes what the others leave.
        forward = rng.dirichlet(np.full(n + 1, 0.3), m).T[1:].reshape(n, m)
        backward = rng.dirichlet(np.full(m + 1, 0.3), n)[:, 1:].reshape(n, m)
        table = np.floor(np.stack([forward, backward]) * ONE).astype(np.int64)
        table[:, rng.random((n, m)) < 0.2] = 0
        out.append(table)
    return out


def sparse(tables, one=ONE):
    kept = [np.argwhere(t.sum(axis=0) > 0) for t in tables]
    p = [t[:, k[:, 0], k[:, 1]] for t, k in zip(tables, kept, strict=True)]
    ends = np.concatenate([np.zeros((0, 2), np.int64), *kept]).astype(np.uint16)
    flat = np.concatenate([np.zeros((2, 0), np.int64), *p], axis=1).astype(np.uint16)
    lengths = np.asarray([t.shape[1:] for t in tables], np.int32).reshape(-1, 2)
    return Posteriors(
        lengths[:, 0], lengths[:, 1], offsets([len(k) for k in kept]), ends[:, 0].copy(), ends[:, 1].copy(), flat, one
    )


def cells(posteriors):
    """As a list of {(i, j): (forward, backward)}, a pair each."""
    return [
        {
            (int(posteriors.src[x]), int(posteriors.tgt[x])): (int(posteriors.p[0, x]), int(posteriors.p[1, x]))
            for x in range(posteriors.cells[k], posteriors.cells[k + 1])
        }
        for k in range(len(posteriors))
    ]


def joint_of(pair, how):
    f, b = (x / ONE for x in pair)
    return math.sqrt(f * b) if how == "product" else (f + b) / 2


seeds = pytest.mark.parametrize("seed", range(6))


@seeds
@pytest.mark.parametrize("how", ["posterior", "product"])
@pytest.mark.parametrize("threshold", [0.0, 0.203, 0.507])
def test_links_are_the_cells_above_the_threshold(seed, how, threshold):
    posteriors = sparse(dense(SHAPES, seed))
    links = posteriors.links(how, threshold)
    for k, pair in enumerate(cells(posteriors)):
        expected = {c: joint_of(p, how) for c, p in pair.items() if joint_of(p, how) > threshold}
        assert links.pairs(k) == sorted(expected)
        prob = links.prob[links.offsets[k] : links.offsets[k + 1]]
        assert prob.tolist() == pytest.approx([expected[c] for c in sorted(expected)], abs=1e-6)


@seeds
def test_directions_are_the_best_that_beat_null(seed):
    tables = dense(SHAPES, seed)
    forward, backward = sparse(tables).directions()
    for k, (f, b) in enumerate(tables):
        n, m = f.shape
        best = {(int(f[:, j].argmax()), j) for j in range(m) if n and f[:, j].max() > max(ONE - int(f[:, j].sum()), 0)}
        assert set(forward.pairs(k)) == best
        best = {(i, int(b[i].argmax())) for i in range(n) if m and b[i].max() > max(ONE - int(b[i].sum()), 0)}
        assert set(backward.pairs(k)) == best


@seeds
@pytest.mark.parametrize("how", JOIN)
def test_a_heuristic_joins_the_directions(seed, how):
    posteriors = sparse(dense(SHAPES, seed))
    links = posteriors.links(how)
    assert links.to_pairs() == JOIN[how](*posteriors.directions()).to_pairs()
    assert links.prob is not None
    assert ((links.prob > 0) & (links.prob <= 1)).all()


@seeds
def test_what_is_left_for_null(seed):
    tables = dense(SHAPES, seed)
    src, tgt = sparse(tables).unlinked()
    assert src.tolist() == pytest.approx([1 - x / ONE for t in tables for x in t[1].sum(axis=1)], abs=1e-5)
    assert tgt.tolist() == pytest.approx([1 - x / ONE for t in tables for x in t[0].sum(axis=0)], abs=1e-5)


@seeds
def test_score_is_the_mean_log_of_each_words_best_link(seed):
    tables = dense(SHAPES, seed)
    expected = []
    for t in tables:
        mean = t.mean(axis=0) / ONE
        if not mean.size:
            expected.append(math.log(FLOOR))
            continue
        best = [*mean.max(axis=1), *mean.max(axis=0)]
        expected.append(sum(math.log(max(p, FLOOR)) for p in best) / len(best))
    assert sparse(tables).score().tolist() == pytest.approx(expected, abs=1e-5)


@seeds
def test_pruning_drops_only_what_is_as_good_as_impossible(seed):
    posteriors = sparse(dense(SHAPES, seed))
    least = round(LEAST * ONE)
    assert cells(posteriors.pruned()) == [
        {c: p for c, p in pair.items() if sum(p) >= least} for pair in cells(posteriors)
    ]


@seeds
def test_adding_cells_of_the_same_pairs(seed):
    one, two = (dense(SHAPES, 2 * seed + k) for k in range(2))
    halves = [[t // 2 for t in tables] for tables in (one, two)]
    a, b = (sparse(t) for t in halves)
    both = a.plus(b.cells, b.src, b.tgt, b.p)
    assert cells(both) == cells(sparse([x + y for x, y in zip(*halves, strict=True)]))


@seeds
def test_taking_and_joining_runs(seed):
    posteriors = sparse(dense(SHAPES, seed))
    every = cells(posteriors)
    rows = np.asarray([4, 0, 6, 4, 1])
    taken = posteriors.take(rows)
    assert cells(taken) == [every[r] for r in rows]
    assert taken.src_lengths.tolist() == [SHAPES[r][0] for r in rows]
    assert taken.tgt_lengths.tolist() == [SHAPES[r][1] for r in rows]
    assert posteriors.take(np.arange(len(posteriors))) is posteriors
    runs = [posteriors.take(np.arange(a, b)) for a, b in ((0, 3), (3, 3), (3, 7))]
    joined = Posteriors.concat(runs)
    assert cells(joined) == every
    assert joined.score().tobytes() == posteriors.score().tobytes()


def test_joining_what_counts_in_other_units():
    tables = dense([(2, 3)], 1)
    fine, coarse = sparse(tables), sparse([t // 257 for t in tables], one=255)
    joined = Posteriors.concat([fine, coarse])
    assert joined.one == ONE
    assert cells(joined)[0] == cells(fine)[0]
    back = {c: tuple(257 * x for x in p) for c, p in cells(coarse)[0].items()}
    assert cells(joined)[1] == back


def test_nothing_at_all():
    assert len(Posteriors.concat([])) == 0
    none = Posteriors.none(np.asarray([2, 0]), np.asarray([1, 3]))
    assert none.links().to_pharaoh() == none.links("grow-diag").to_pharaoh() == ["", ""]
    assert [x.tolist() for x in none.unlinked()] == [[1, 1], [1, 1, 1, 1]]
    assert none.score().tolist() == pytest.approx([math.log(FLOOR)] * 2)
    assert len(none.links().prob) == 0


def expected_f1(joint, t):
    right, above, there = 0.0, 0, 0.0
    for p in joint:
        there += p
        if p >= t:
            right += p
            above += 1
    return 2 * right / (above + there)


@seeds
def test_the_learned_threshold_has_the_highest_expected_f1(seed):
    rng = np.random.default_rng(seed)
    joint = rng.beta(0.2 + 0.1 * seed, 0.4, 500).astype(np.float32)
    found = learned_threshold([joint])
    assert found == pytest.approx(round(found * 100) / 100)
    best = max(expected_f1(joint.tolist(), k / 100) for k in range(10, 91))
    assert expected_f1(joint.tolist(), found) == pytest.approx(best, abs=1e-9)


def test_the_learned_threshold_of_extremes_stays_in_bounds():
    for joint in ([], [1.0], [0.001] * 50, [1.0] * 50 + [0.001] * 500):
        assert 0.1 <= learned_threshold([np.asarray(joint, np.float32)]) <= 0.9
    sure_and_hopeless = np.asarray([0.95] * 50 + [0.2] * 500, np.float32)
    assert learned_threshold([sure_and_hopeless]) >= 0.2


def aer(posteriors, gold, how, threshold):
    return AER(samples=2).score(posteriors.links(how, threshold), gold).value


@seeds
@pytest.mark.parametrize("how", ["posterior", "product"])
def test_the_threshold_from_gold_is_the_best_of_all(seed, how):
    posteriors = sparse(dense(SHAPES, seed))
    rng = np.random.default_rng(100 + seed)
    every = [(i, j, k) for k, (n, m) in enumerate(SHAPES) for i in range(n) for j in range(m)]
    drawn = rng.random(len(every))
    sure = [[(i, j) for (i, j, p), x in zip(every, drawn, strict=True) if p == k and x < 0.25] for k in range(7)]
    maybe = [[(i, j) for (i, j, p), x in zip(every, drawn, strict=True) if p == k and x > 0.8] for k in range(7)]
    gold = Links.from_pairs(sure, maybe)
    found = threshold_from_gold(posteriors, gold, how)
    best = min(aer(posteriors, gold, how, t / 100) for t in range(100))
    assert aer(posteriors, gold, how, found) == pytest.approx(best)


def test_the_threshold_from_gold_where_all_links_are_sure():
    posteriors = sparse(dense(SHAPES, 3))
    gold = posteriors.links("posterior", 0.4)
    found = threshold_from_gold(posteriors, Links(gold.offsets, gold.src, gold.tgt))
    assert posteriors.links("posterior", found).to_pharaoh() == gold.to_pharaoh()


def test_a_cell_exactly_at_the_threshold_is_not_above_it():
    # 13107 is a fifth of 65535.
    p = np.asarray([[60000, 13107]] * 2, np.uint16)
    lengths, cells = np.asarray([1], np.int32), np.asarray([0, 2])
    posteriors = Posteriors(lengths, 2 * lengths, cells, np.zeros(2, np.uint16), np.arange(2, dtype=np.uint16), p)
    assert posteriors.links("posterior", 0.2).to_pharaoh() == ["0-0"]
    assert posteriors.links("posterior", 0.19).to_pharaoh() == ["0-0 0-1"]
    assert threshold_from_gold(posteriors, Links.from_pairs([[(0, 0)]])) == 0.2
    assert threshold_from_gold(posteriors, Links.from_pairs([[(0, 0), (0, 1)]])) < 0.2
