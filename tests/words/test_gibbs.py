"""The Bayesian aligner: its kernels against slow obvious twins, what it learns, what it keeps to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.core.ragged import Ragged
from polyalign.core.rng import stream, uniform
from polyalign.core.space import Space
from polyalign.kernels import candidates, cells, gibbs, pairs, spelling
from polyalign.words.gibbs.lattice import Pairs
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.gibbs.model import GibbsModel
from polyalign.words.priors import read_dictionary, read_priors, write_priors
from polyalign.words.text import Reading, encode, keys
from tests.words.planted import WORDS, f1, planted, same


@pytest.fixture(scope="module")
def corpus():
    return planted()


@pytest.fixture(scope="module")
def model(corpus):
    return Gibbs(seed=3).fit(corpus[0])


# -- kernels


def slow_sweep(x, side, links, other, counts, totals, nulls, jumps, ratios, prior, seed, iteration, mode, scale):
    """One sweep, written as the equation reads: counts stay, everything else is looked up anew for every word."""
    start, train = mode == gibbs.START, mode == gibbs.TRAIN
    drawn, posterior, made = [], {}, {name: Counter() for name in ("pairs", "nulls", "jumps", "fertility")}

    def jump(by):
        return jumps[by + gibbs.LONGEST_JUMP]

    for k, (src, tgt, where) in enumerate(zip(x["src"], x["tgt"], x["cells"], strict=True)):
        words, states = (tgt, src) if side == 0 else (src, tgt)
        new = list(links[k])
        drawn.append(new)
        if not words or not states:
            continue
        random = stream(seed, iteration, x["keys"][k])
        for t, f in enumerate(words):
            mine = [c for c in where if c[1 - side] == t]
            old, new[t] = None if start else new[t], None
            linked = [None if start and u > t else s for u, s in enumerate(new)]
            left = next((s for s in reversed(linked[:t]) if s is not None), -1)
            right = next((s for s in linked[t + 1 :] if s is not None), len(states))
            weights = []
            for cell in mine:
                s = cell[side]
                e = states[s]
                back = train and other[k][s] == t
                own = train and old is not None and states[old] == e
                weight = (counts[f, e] - back - own) / (totals[e] - back - own) * jump(s - left)
                if not start:
                    weight *= jump(right - s) * ratios[e][min(linked.count(s), gibbs.FERTILITIES - 1)]
                weights.append(weight)
            own = train and old is None
            null = prior * (nulls[f] - own) / (nulls[0] - own) * (1 if start else jump(right - left))
            total = sum(weights) + null
            for cell, w in zip(mine, weights, strict=True):
                posterior[k, cell] = scale * w / total
            draw = uniform(random) * total
            new[t] = next((c[side] for c, run in zip(mine, np.cumsum(weights), strict=True) if draw < run), None)
            if new[t] is None:
                made["nulls"][f] += 1
            else:
                made["pairs"][f, states[new[t]]] += 1
                made["jumps"][new[t] - left] += 1
        made["jumps"][len(states) - next((s for s in reversed(new) if s is not None), -1)] += 1
        for s, e in enumerate(states):
            made["fertility"][e, min(new.count(s), gibbs.FERTILITIES - 1)] += 1
    return drawn, posterior, made


@pytest.mark.parametrize("mode", [gibbs.START, gibbs.TRAIN, gibbs.DECODE])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_is_what_the_equation_says(mode, side, seed):
    random = np.random.default_rng(seed)
    types, alpha, prior, scale = 5, 0.1, 0.2, 10_000
    src = [random.integers(1, types, n).tolist() for n in (4, 1, 0, 6, 3, 9)]
    tgt = [random.integers(1, types, n).tolist() for n in (3, 2, 2, 5, 0, 12)]
    where = [
        [(i, j) for i in range(len(s)) for j in range(len(t)) if random.random() < 0.7]
        for s, t in zip(src, tgt, strict=True)
    ]
    words, states = (tgt, src) if side == 0 else (src, tgt)

    def choose(side):
        chosen = []
        for k, row in enumerate((tgt, src)[side]):
            options = [[None, *(c[side] for c in where[k] if c[1 - side] == t)] for t in range(len(row))]
            chosen.append([o[random.integers(len(o))] for o in options])
        return chosen

    links, other = choose(side), choose(1 - side)
    jumps = random.random(2 * gibbs.LONGEST_JUMP + 1).astype(np.float32)
    ratios = random.random((types, gibbs.FERTILITIES)).astype(np.float32)
    counts = np.full((types, types), alpha)
    totals, nulls = np.full(types, alpha * types), np.full(types, alpha)
    for k, (chosen, back) in enumerate(zip(links, other, strict=True)):
        ends = [(t, s) for t, s in enumerate(chosen) if s is not None]
        for t, s in [*ends, *((t, s) for s, t in enumerate(back) if t is not None)]:
            counts[words[k][t], states[k][s]] += 1
            totals[states[k][s]] += 1
        if states[k]:
            np.add.at(nulls, [f for f, s in zip(words[k], chosen, strict=True) if s is None], 1)
    nulls[0] = nulls[1:].sum()

    word_text, state_text = Ragged.from_lists(words), Ragged.from_lists(states)
    flat = [c for row in where for c in row]
    offsets = np.cumsum([0, *map(len, where)])
    cell = np.asarray(flat, np.uint16).reshape(-1, 2)
    owner = np.repeat(np.arange(len(src)), np.diff(offsets))
    ids = [words[k][c[1 - side]] * types + states[k][c[side]] for k, c in zip(owner, flat, strict=True)]
    stream_keys = random.integers(0, 2**62, len(src))

    def packed(rows):
        return np.asarray([gibbs.NONE if a is None else a for row in rows for a in row], np.uint16)

    got, back, posterior = packed(links), packed(other), np.zeros(len(flat), np.uint16)
    sizes = (types * types, np.int32), (types, np.int32), (len(jumps), np.int64), (types * gibbs.FERTILITIES, np.int32)
    written = [np.zeros(*size) for size in sizes]
    given = [np.asarray(a, np.float32) for a in (counts.ravel(), totals, nulls, jumps, ratios)]
    for first, last in ((0, 2), (2, 6)):
        gibbs.sweep(
            *(word_text.offsets, state_text.offsets, word_text.values, state_text.values),
            *(offsets, cell[:, 1 - side].copy(), cell[:, side].copy(), np.asarray(ids, np.int32)),
            *(first, last, stream_keys, got, back[state_text.offsets[first] : state_text.offsets[last]]),
            *given,
            *(prior, seed, 7, mode, scale, posterior),
            *written,
        )
    text = {"src": src, "tgt": tgt, "cells": where, "keys": stream_keys}
    drawn, expected, made = slow_sweep(
        text, side, links, other, counts, totals, nulls, jumps, ratios, prior, seed, 7, mode, scale
    )
    seen = [k for k in range(len(src)) if src[k] and tgt[k]]
    assert [packed([drawn[k]]).tolist() for k in seen] == [
        got[word_text.offsets[k] : word_text.offsets[k + 1]].tolist() for k in seen
    ]
    wanted = [expected[k, c] for k, c in zip(owner, flat, strict=True)]
    assert np.abs(posterior - np.asarray(wanted)).max() <= 1
    assert sum(made["pairs"].values()) > 10
    links_of, nulls_of, jumps_of, fertility_of = written
    assert links_of.reshape(types, types).tolist() == [
        [made["pairs"][f, e] for e in range(types)] for f in range(types)
    ]
    assert nulls_of.tolist() == [made["nulls"][f] for f in range(types)]
    assert {k - gibbs.LONGEST_JUMP: n for k, n in enumerate(jumps_of.tolist()) if n} == dict(made["jumps"])
    assert fertility_of.reshape(types, -1).tolist() == [
        [made["fertility"][e, n] for n in range(gibbs.FERTILITIES)] for e in range(types)
    ]


def test_a_sweep_that_is_not_to_count_writes_links_alone():
    text, none = Ragged.from_lists([[1, 1]]), np.zeros(0, np.int32)
    i, j = np.asarray([0, 0, 1, 1], np.uint16), np.asarray([0, 1, 0, 1], np.uint16)
    weights = [np.ones(n, np.float32) for n in (1, 2, 2, 2 * gibbs.LONGEST_JUMP + 1)]
    links, jumps = np.full(2, gibbs.NONE, np.uint16), np.zeros(2 * gibbs.LONGEST_JUMP + 1, np.int64)
    gibbs.sweep(
        *(
            text.offsets,
            text.offsets,
            text.values,
            text.values,
            np.asarray([0, 4]),
            i,
            j,
            np.zeros(4, np.int32),
            0,
            1,
            np.zeros(1, np.int64),
        ),
        *(links, np.zeros(2, np.uint16), *weights, np.ones((2, gibbs.FERTILITIES), np.float32), 1e-9, 1, 0),
        *(gibbs.START, 0, np.zeros(0, np.uint16), none, none, jumps, none),
    )
    assert (links < 2).all()
    assert not jumps.any()


def slow_posteriors(s, t, count, src_total, tgt_total, src_share, tgt_share, smoothing, diagonal):
    n, m = len(s), len(t)
    near = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            near[i, j] = np.exp(-diagonal * int(abs((i + 0.5) / n - (j + 0.5) / m) * (n + m)) / (n + m))
    f = [[(count[a, b] + smoothing * tgt_share[b]) / (src_total[a] + smoothing) for b in t] for a in s] * near
    g = [[(count[a, b] + smoothing * src_share[a]) / (tgt_total[b] + smoothing) for b in t] for a in s] * near
    forward = f / (f.sum(0) + np.asarray([tgt_share[b] for b in t]) * n / 9)
    backward = g / (g.sum(1) + np.asarray([src_share[a] for a in s]) * m / 9)[:, None]
    return forward, backward


def test_a_pass_of_model_1_is_what_its_equation_says():
    src, tgt = Ragged.from_lists([[1, 2, 1], [2, 3], [], [3]]), Ragged.from_lists([[1, 1], [2, 3, 1], [1], []])
    text = src.offsets, tgt.offsets, src.values, tgt.values

    def fresh():
        return np.zeros(1 << 16, np.int64), np.zeros(4, np.int64), np.zeros(4, np.int64)

    first, new = fresh(), fresh()
    for block in ((0, 1), (1, 4)):
        candidates.cooccurrences(*text, *block, *first)
    count = np.zeros((4, 4))
    for s, t in zip(src, tgt, strict=True):
        for a in s:
            for b in t:
                count[a, b] += candidates.UNIT // (len(s) * len(t))
    assert first[1].tolist() == count.sum(1).tolist()
    assert first[2].tolist() == count.sum(0).tolist()
    count /= candidates.UNIT
    all_src, all_tgt = (x.ravel().astype(np.int32) for x in np.mgrid[0:4, 0:4])
    np.testing.assert_allclose(candidates.look_up(all_src, all_tgt, first[0]).reshape(4, 4), count, rtol=1e-6)

    share = np.asarray([0.1, 0.4, 0.3, 0.2], np.float32)
    totals = [t / candidates.UNIT for t in first[1:]]
    inverses = [(1 / (t + 5)).astype(np.float32) for t in totals]
    for block in ((0, 3), (3, 4)):
        candidates.agree(*text, first[0], *inverses, share, share, 5.0, 3.0, *block, *new)
    wanted = np.zeros((4, 4))
    for s, t in zip(src, tgt, strict=True):
        if len(s) and len(t):
            f, b = slow_posteriors(s, t, count, *totals, share, share, 5.0, 3.0)
            np.add.at(wanted, (s[:, None], t[None, :]), f * b)
    got = candidates.look_up(all_src, all_tgt, new[0]).reshape(4, 4)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    # The totals are those of the table to the last unit.
    table = np.rint(got.astype(np.float64) * candidates.UNIT).astype(np.int64)
    assert new[1].tolist() == table.sum(1).tolist()
    assert new[2].tolist() == table.sum(0).tolist()


def test_threads_add_up_one_table():
    random = np.random.default_rng(0)
    src, tgt = (Ragged.from_lists([random.integers(1, 9, 12).tolist() for _ in range(400)]) for _ in range(2))
    text, share = (src.offsets, tgt.offsets, src.values, tgt.values), np.full(9, 1 / 9, np.float32)
    inverse = np.full(9, 0.01, np.float32)

    def run(blocks):
        first, new = ([np.zeros(n, np.int64) for n in (1 << 10, 9, 9)] for _ in range(2))
        for kernel in (
            lambda block: candidates.cooccurrences(*text, *block, *first),
            lambda block: candidates.agree(*text, first[0], inverse, inverse, share, share, 5.0, 3.0, *block, *new),
        ):
            workers = [Thread(target=kernel, args=(block,)) for block in blocks]
            for w in workers:
                w.start()
            for w in workers:
                w.join()
        return [a.tolist() for a in (*first, *new)]

    alone = run([(0, 400)])
    assert run([(k, k + 50) for k in range(0, 400, 50)]) == alone
    assert sum(alone[4]) > 0


def test_known_pairs_are_added_to_the_table_and_its_totals():
    table, src_totals, tgt_totals = np.zeros(1 << 16, np.int64), np.zeros(4, np.int64), np.zeros(5, np.int64)
    src, tgt = np.asarray([1, 3, 1], np.int32), np.asarray([4, 2, 4], np.int32)
    candidates.add_pairs(src, tgt, np.asarray([1.5, 0.25, 1], np.float32), table, src_totals, tgt_totals)
    assert candidates.look_up(src, tgt, table).tolist() == [2.5, 0.25, 2.5]
    assert (src_totals / candidates.UNIT).tolist() == [0, 2.5, 0, 0.25]
    assert (tgt_totals / candidates.UNIT).tolist() == [0, 0, 0.25, 0, 2.5]


def slow_mark(p, threshold, most):
    kept = [x for x in range(len(p)) if p[x] >= np.float32(p.max() * np.float32(threshold))]
    if len(kept) > most:
        bound = np.sort(p)[::-1][most - 1]
        kept = [x for x in range(len(p)) if p[x] >= bound][:most]
    return set(kept)


@pytest.mark.parametrize(("threshold", "most"), [(0.03, 16), (0.4, 3), (0.0, 2), (1.0, 1)])
def test_candidates_are_what_either_word_might_choose(threshold, most):
    random = np.random.default_rng(1)
    lengths = [(5, 7), (0, 3), (1, 1), (9, 4), (3, 0), (2, 20)]
    src, tgt = (Ragged.from_lists([random.integers(1, 8, n[k]).tolist() for n in lengths]) for k in (0, 1))
    text = src.offsets, tgt.offsets, src.values, tgt.values
    known = np.asarray([(a, b) for a in range(1, 7) for b in range(1, 7) if (a + b) % 3], np.int32)
    of_src, of_tgt = known[:, 0].copy(), known[:, 1].copy()
    weight = random.exponential(4, len(known)).astype(np.float32)
    hashed, totals = np.zeros(1 << 16, np.int64), np.zeros(8, np.int64)
    candidates.add_pairs(of_src, of_tgt, weight, hashed, totals, totals)
    slots, none = np.full(128, -1, np.int32), np.zeros(0, np.int32)
    pairs.rehash(slots, of_src, of_tgt, len(known))
    keyed = (weight.astype(np.float64) * candidates.UNIT).astype(np.int64)
    inverse, share = (random.random(8).astype(np.float32) for _ in range(2))
    model = inverse, inverse, share, share, 5.0, 3.0

    def run(table, *keys, must=(none, none, none)):
        counts, found = np.zeros(len(src), np.int64), []
        for block in ((0, 3), (3, 6)):
            i, j = np.empty(200, np.uint16), np.empty(200, np.uint16)
            kept = candidates.select(*text, table, *keys, *must, *model, threshold, most, *block, counts, i, j)
            found += zip(i[:kept].tolist(), j[:kept].tolist(), strict=True)
        ends = np.cumsum(counts)
        return [found[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    wanted = []
    for s, t in zip(src, tgt, strict=True):
        if not len(s) or not len(t):
            wanted.append([])
            continue
        f = np.asarray(
            [[candidates.look_up(s[i : i + 1], t[j : j + 1], hashed)[0] for j in range(len(t))] for i in range(len(s))],
            np.float32,
        )
        b = np.empty_like(f)
        candidates._posteriors(s, t, inverse, inverse, share, share, np.float32(5), 3.0, f, b)
        rows = {(i, j) for i in range(len(s)) for j in slow_mark(b[i], threshold, most)}
        wanted.append(sorted(rows | {(i, j) for j in range(len(t)) for i in slow_mark(f[:, j], threshold, most)}))
    assert run(hashed, none, none, none) == wanted
    assert run(keyed, slots, of_src, of_tgt) == wanted
    # Cells of pairs that must be kept are kept as well.
    must = np.asarray([0, -1], np.int32), np.asarray([2], np.int32), np.asarray([3], np.int32)
    kept = run(hashed, none, none, none, must=must)
    for s, t, more, cells_of in zip(src, tgt, kept, wanted, strict=True):
        assert more == sorted(
            {*cells_of, *((i, j) for i in range(len(s)) for j in range(len(t)) if s[i] == 2 and t[j] == 3)}
        )
    assert most > 1 or kept != wanted
    # The last type is in no pair at all, as an unknown word is.
    assert any((s == 7).any() for s in src)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=60))
def test_pairs_are_numbered_in_order_of_appearance(given_pairs):
    src, tgt = (np.asarray([p[k] for p in given_pairs], np.int32) for k in range(2))
    slots, of_src, of_tgt = np.full(256, -1, np.int32), np.empty(100, np.int32), np.empty(100, np.int32)
    ids = np.empty(len(src), np.int32)
    used = pairs.number(src, tgt, slots, of_src, of_tgt, 0, ids)
    first = {}
    assert ids.tolist() == [first.setdefault(p, len(first)) for p in given_pairs]
    assert used == len(first)
    again = np.full(512, -1, np.int32)
    pairs.rehash(again, of_src, of_tgt, used)
    for a in range(10):
        for b in range(10):
            assert pairs.find(a, b, again, of_src, of_tgt) == first.get((a, b), -1)


def test_the_map_of_pairs_grows():
    random = np.random.default_rng(0)
    src, tgt = (random.integers(0, 400, 90_000).astype(np.int32) for _ in range(2))
    whole, parts = Pairs(), Pairs()
    ids = whole.number(src, tgt)
    cut = [parts.number(src[a : a + 7_000], tgt[a : a + 7_000]) for a in range(0, len(src), 7_000)]
    assert np.concatenate(cut).tolist() == ids.tolist()
    assert whole.used == parts.used == len({*zip(src.tolist(), tgt.tolist(), strict=True)})
    assert (whole.src[ids] == src).all()
    assert (whole.tgt[ids] == tgt).all()
    assert 2 * whole.used <= len(whole.slots)


def test_cells_have_the_types_of_their_words():
    src, tgt = Ragged.from_lists([[1, 2], [], [3]]), Ragged.from_lists([[5], [6], [7, 5]])
    i, j, counts = np.asarray([0, 1, 0, 0], np.uint16), np.asarray([0, 0, 0, 1], np.uint16), np.asarray([2, 0, 2])
    text = src.offsets, tgt.offsets, src.values, tgt.values
    assert [a.tolist() for a in pairs.types_of_cells(0, 3, counts, i, j, *text)] == [[1, 2, 3, 3], [5, 5, 7, 5]]
    assert [a.tolist() for a in pairs.types_of_cells(2, 3, counts, i[2:], j[2:], *text)] == [[3, 3], [7, 5]]
    known = Pairs()
    known.number(np.asarray([3, 1], np.int32), np.asarray([5, 5], np.int32))
    table = known.slots, known.src[: known.used], known.tgt[: known.used]
    # Two pairs are known; the others have the number after theirs.
    assert pairs.find_cells(np.asarray([0, 2, 2, 4]), i, j, *text, *table).tolist() == [1, 2, 2, 0]


@pytest.mark.parametrize("seed", range(3))
def test_expected_counts_are_sums_of_posteriors(seed):
    random = np.random.default_rng(seed)
    lengths = [(3, 4), (0, 2), (2, 2), (2, 0)]
    src, tgt = ([random.integers(1, 4, n[k]).tolist() for n in lengths] for k in (0, 1))
    where = [(k, i, j) for k, (n, m) in enumerate(lengths) for i in range(n) for j in range(m) if random.random() < 0.7]
    p = random.integers(0, 3000, (2, len(where)))
    counts, nulls = np.ones(16), [np.full(4, 0.5), np.full(4, 0.25)]
    wanted, src_null, tgt_null = counts.copy(), nulls[0].copy(), nulls[1].copy()
    for k in (0, 2):
        np.add.at(src_null, src[k], 1)
        np.add.at(tgt_null, tgt[k], 1)
    ids = [4 * src[k][i] + tgt[k][j] for k, i, j in where]
    for (k, i, j), id, (f, b) in zip(where, ids, p.T / 10_000, strict=True):
        wanted[id] += f + b
        tgt_null[tgt[k][j]] -= f
        src_null[src[k][i]] -= b
    owner, i, j = np.asarray(where).T
    offsets = np.searchsorted(owner, np.arange(5))
    texts = [Ragged.from_lists(rows) for rows in (src, tgt)]
    sides = texts[0].offsets, texts[1].offsets, texts[0].values, texts[1].values
    arrays = i.astype(np.uint16), j.astype(np.uint16), np.asarray(ids, np.int32), p.astype(np.uint16)
    cells.expect(offsets, *arrays, 1e-4, *sides, counts, *nulls)
    np.testing.assert_allclose(counts, wanted)
    np.testing.assert_allclose(nulls[0], src_null)
    np.testing.assert_allclose(nulls[1], tgt_null)


# -- text


def test_encoding_is_that_of_the_words():
    bitext = Bitext.build(["Das  Haus", "", "das\tBuch", "é ΑΣ 漢字 haus"], ["a", "b", "c", "d"])
    text, words = encode(bitext, "src", Reading(), known={"": 0})
    assert words == ["das", "haus", "buch", "é", "ας", "漢字"]
    assert [row.tolist() for row in text] == [[1, 2], [], [1, 3], [4, 5, 6, 2]]
    cased, words = encode(bitext, "src", Reading(lowercase=False), known={"": 0, "Buch": 1})
    assert words == ["Das", "Haus", "das", "é", "ΑΣ", "漢字", "haus"]
    assert cased[2].tolist() == [4, 1]


def test_keys_tell_pairs_apart_wherever_they_are():
    src, tgt = Ragged.from_lists([[1, 2], [2], [1, 2], [1]]), Ragged.from_lists([[3], [1, 3], [3], [2, 3]])
    found = keys(src, tgt, 9, 9)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    assert keys(src[2:], tgt[2:], 9, 9).tolist() == found[2:].tolist()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, ("im", "jahr", "1998", "١٢", "«", "–")),
        ({"digits": "ascii"}, ("im", "jahr", "1998", "12", "«", "–")),
        ({"digits": "shape"}, ("im", "jahr", "0000", "00", "«", "–")),
        ({"punctuation": "plain", "lowercase": False}, ("Im", "Jahr", "1998", "١٢", '"', "-")),
    ],
)
def test_words_are_counted_as_the_method_says(parameters, words):
    bitext = Bitext.build(["Im Jahr 1998 ١٢ « –"], ["in the year 1998"])
    model = Gibbs(**parameters).fit(bitext)
    assert model.src_vocab.words == ("", *words)
    assert len(model.seen) == 1


# -- what it learns


def test_it_finds_a_planted_dictionary(corpus, model):
    bitext, gold = corpus
    links = model.align(bitext)
    assert f1(links, gold) > 0.97
    assert links.prob.min() > model.threshold
    assert links.prob.max() <= 1


@pytest.mark.parametrize("heuristic", ["grow-diag-final-and", "grow-diag-final", "grow-diag", "intersection", "union"])
def test_heuristics_join_the_directions(corpus, model, heuristic):
    bitext, gold = corpus
    forward, backward = model.forward(bitext), model.backward(bitext)
    links = replace(model, method=replace(model.method, symmetrize=heuristic)).align(bitext)
    for k in range(len(bitext)):
        f, b, both = set(forward.pairs(k)), set(backward.pairs(k)), set(links.pairs(k))
        assert f & b <= both <= f | b
        assert len({j for _, j in f}) == len(f)
        assert len({i for i, _ in b}) == len(b)
    assert f1(links, gold) > 0.95


def test_probabilities_are_calibrated():
    # With rare words and reordering there is something to be unsure of.
    bitext, gold = planted(150, seed=5, vocabulary=140, reorder=0.5)
    model = Gibbs(threshold=0.0).fit(bitext)
    links = model.align(bitext)
    owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))
    right = np.asarray(
        [(i, j) in gold[k] for k, i, j in zip(owner, links.src.tolist(), links.tgt.tolist(), strict=True)]
    )
    sure, doubtful = links.prob > 0.8, (links.prob > 0.02) & (links.prob < 0.3)
    assert right[sure].mean() > 0.9
    assert right[doubtful].mean() < 0.45
    assert right.mean() < right[sure].mean()


def slow_alike(s, t, least):
    if s == t:
        return 1.0
    longest, shortest = max(len(s), len(t)), min(len(s), len(t))
    if longest < 4 or shortest < least * longest:
        return 0.0
    common = np.zeros((len(s) + 1, len(t) + 1), int)
    for i, a in enumerate(s):
        for j, b in enumerate(t):
            common[i + 1, j + 1] = common[i, j] + 1 if a == b else max(common[i, j + 1], common[i + 1, j])
    return max(0.0, (common[-1, -1] / longest - least) / (1 - least))


@given(st.lists(st.text("abcdß漢", min_size=1, max_size=9), min_size=1, max_size=5), st.sampled_from([0.0, 0.3, 0.5]))
def test_alike_is_the_longest_common_subsequence(words, least):
    text = np.frombuffer("".join(words).encode("utf-32-le"), np.int32)
    offsets = np.cumsum([0, *map(len, words)])
    src, tgt = (x.ravel().astype(np.int32) for x in np.mgrid[0 : len(words), 0 : len(words)])
    got = spelling.alike(offsets, text, offsets, text, src, tgt, least)
    np.testing.assert_allclose(got, [slow_alike(s, t, least) for s in words for t in words], rtol=1e-6)


def test_words_spelled_alike_are_linked():
    bitext = Bitext.build(["Obama besuchte 1998 Kopenhagen"], ["1998 Copenhagen was visited by Obama"])
    assert {(0, 5), (2, 0), (3, 1)} <= set(Gibbs().fit(bitext).align(bitext).pairs(0))


def test_new_text_is_aligned_with_what_was_learnt(corpus, model):
    new, gold = planted(100, seed=9)
    links = model.align(new)
    assert f1(links, gold) > 0.95
    one = model.align(new.select(np.arange(len(new)) == 7))
    assert one.pairs(0) == links.pairs(7)
    mixed = Bitext.build([*new.src[:3], *corpus[0].src[:3]], [*new.tgt[:3], *corpus[0].tgt[:3]])
    assert model.align(mixed).to_pharaoh() == links.to_pharaoh()[:3] + model.align(corpus[0]).to_pharaoh()[:3]


def test_training_text_decoded_as_new_text_gets_nearly_the_same_links(corpus, model):
    bitext, gold = corpus
    forgetful = replace(model, seen=np.zeros(0, np.int64))
    assert abs(f1(forgetful.align(bitext), gold) - f1(model.align(bitext), gold)) < 0.02


def test_unknown_words_are_aligned_by_their_place(model):
    links = model.align(Bitext.build(["bal xyzzy bam", "qqq"], ["LAB plugh MAB", "rrr"]))
    assert {(0, 0), (2, 2)} <= set(links.pairs(0))
    assert len(links) == 2


def test_scores_tell_translations_from_other_text(corpus, model):
    bitext, _ = corpus
    good = model.score(bitext)
    assert good.dtype == np.float32
    assert good.shape == (len(bitext),)
    assert (good <= 0).all()
    shuffled = Bitext.build(bitext.src, bitext.tgt[1:] + bitext.tgt[:1])
    bad = model.score(shuffled)
    assert np.mean(good > np.median(bad)) > 0.98
    assert np.mean(good[:, None] > bad[None, :]) > 0.97
    assert model.score(Bitext.build(["", "bal"], ["x", ""])).tolist() == [np.float32(np.log(0.01))] * 2


# -- what it keeps to


def test_threads_do_not_change_a_byte_and_the_seed_does(corpus, model):
    bitext, _ = corpus
    for threads in (1, 2, 0):
        set_threads(threads)
        other = Gibbs(seed=3).fit(bitext)
        assert same(model.align(bitext), other.align(bitext))
        for one, two in zip(model.grains, other.grains, strict=True):
            assert one.weight.tobytes() == two.weight.tobytes()
    assert not same(model.align(bitext), Gibbs(seed=4).fit(bitext).align(bitext))


def test_a_model_comes_back_as_it_was(corpus, model, tmp_path):
    model.save(tmp_path / "m")
    loaded = GibbsModel.load(tmp_path / "m")
    new, _ = planted(40, seed=11)
    assert loaded.method == model.method
    assert same(loaded.align(corpus[0]), model.align(corpus[0]))
    assert same(loaded.align(new), model.align(new))
    loaded.save(tmp_path / "again")
    for file in sorted((tmp_path / "m").iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


@pytest.mark.parametrize("damage", ["missing", "newer", "cut"])
def test_a_damaged_model_is_refused(model, tmp_path, damage):
    model.save(tmp_path)
    if damage == "missing":
        (tmp_path / "seen.npy").unlink()
    elif damage == "newer":
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    else:
        (tmp_path / "src.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a saved word aligner"):
        GibbsModel.load(tmp_path)


def test_update_goes_on_from_the_counts():
    first, _ = planted(300, seed=21)
    more, gold = planted(12, seed=22)
    more = Bitext.build([f"{s} neu" for s in more.src], [f"{t} NOV" for t in more.tgt])
    gold = [g | {(len(s.split()) - 1, len(s.split()) - 1)} for g, s in zip(gold, more.src, strict=True)]
    model = Gibbs(threshold=0.45).fit(first)
    before = model.align(first).to_pharaoh()
    updated = model.update(more)
    assert f1(updated.align(more), gold) > 0.95
    assert updated.align(first).to_pharaoh() == before == model.align(first).to_pharaoh()
    assert "neu" in updated.src_vocab.index
    assert "neu" not in model.src_vocab.index
    total = [sum(g.weight.sum() for g in m.grains) for m in (model, updated)]
    assert total[1] > total[0]


@pytest.mark.parametrize("suffix", ["parquet", "tsv", "tsv.gz"])
def test_a_large_corpus_informs_a_small_one(model, tmp_path, suffix):
    path = tmp_path / f"priors.{suffix}"
    model.export_priors(path)
    small, gold = planted(3, seed=31)
    alone = f1(Gibbs().fit(small).align(small), gold)
    informed = f1(Gibbs(priors=str(path)).fit(small).align(small), gold)
    assert informed > 0.95
    assert informed > alone + 0.1
    table = read_priors(path)
    assert set(table["kind"].to_pylist()) == {
        "link",
        "jump-forward",
        "jump-backward",
        "fertility-src",
        "fertility-tgt",
    }


def test_a_dictionary_informs_a_small_corpus(tmp_path):
    small, gold = planted(3, seed=31)
    path = tmp_path / "words.tsv"
    path.write_bytes(("\ufeff" + "".join(f"{w}\t{w[::-1]}\r\n" for w in WORDS[:60])).encode())
    alone = f1(Gibbs().fit(small).align(small), gold)
    assert f1(Gibbs(dictionary=str(path)).fit(small).align(small), gold) > alone + 0.1
    assert read_dictionary(path, lowercase=False)["weight"].to_pylist() == [1.0] * 60


def test_entries_of_several_words_are_left_out_and_said(tmp_path, capsys):
    path = tmp_path / "d.tsv"
    path.write_text("gut\tbun\nguten Tag\tbuongiorno\n")
    assert read_dictionary(path, lowercase=True)["src"].to_pylist() == ["gut"]
    assert "1 of 2 entries have several words and are not used" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["haus", "haus\t", "\tcasa", "a\tb\tviel", "a\tb\t-1", "a\tb\t1\t2"])
def test_a_wrong_dictionary_is_refused(tmp_path, line):
    path = tmp_path / "d.tsv"
    path.write_text(f"gut\tbun\n{line}\n")
    with pytest.raises(DataError, match=r"d.tsv line 2: found .*, expected source word, target word"):
        read_dictionary(path, lowercase=True)


def test_wrong_priors_are_refused(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_text("a\tb\nc\td\n")
    with pytest.raises(DataError, match="not a table of priors"):
        read_priors(path)
    head = "granularity\tkind\tsrc\ttgt\tnumber\tweight\n"
    path.write_text(f"{head}full\tlnik\ta\tb\t0\t1\n")
    with pytest.raises(DataError, match="found kind 'lnik', expected one of link"):
        read_priors(path)
    with pytest.raises(DataError, match="no such file"):
        Gibbs(priors=str(tmp_path / "none.tsv")).fit(Bitext.build(["a"], ["b"]))


# -- other granularities


def endings(bitext, seed=0, choice=("", "a", "en", "ist", "ul", "or")):
    """The words of a bitext, each with one of several endings."""
    random = np.random.default_rng(seed)

    def inflect(text):
        return " ".join(f"{w}{w}{random.choice(choice)}" for w in text.split())

    return Bitext.build([inflect(s) for s in bitext.src], [inflect(t) for t in bitext.tgt])


def beginnings(bitext):
    return Bitext.build(*([" ".join(w[::-1] for w in t.split()) for t in side] for side in (bitext.src, bitext.tgt)))


def test_prefixes_join_inflected_forms():
    bitext, gold = planted(60, seed=1, vocabulary=25)
    inflected = endings(bitext)
    full = f1(Gibbs().fit(inflected).align(inflected), gold)
    assert f1(Gibbs(granularities=("full", "prefix-6")).fit(inflected).align(inflected), gold) > full + 0.02
    # Suffixes do the same for words that differ in how they begin.
    prefixed = beginnings(inflected)
    full = f1(Gibbs().fit(prefixed).align(prefixed), gold)
    assert f1(Gibbs(granularities=("full", "suffix-6")).fit(prefixed).align(prefixed), gold) > full + 0.02


@pytest.mark.parametrize("granularities", [("suffix-4",), ("bpe-60",), ("full", "bpe-90", "suffix-3")])
def test_links_are_between_words_at_any_granularity(tmp_path, granularities):
    if any(name.startswith("bpe") for name in granularities):
        pytest.importorskip("tokenizers")
    bitext, gold = planted(120, seed=2, vocabulary=30)
    bitext = endings(bitext)
    new, new_gold = planted(30, seed=3, vocabulary=30)
    new = endings(new, seed=9, choice=("", "ist", "im", "et"))
    odd = Bitext.build(["xyzzy", "漢字 balbal", "", "balbalqqq"], ["plugh quux", "LABLAB", "x", "LABLAB"])
    model = Gibbs(granularities=granularities, seed=5).fit(bitext)
    assert not {w for t in new.src for w in t.split()} <= {*model.src_vocab.words}
    model.save(tmp_path)
    loaded = GibbsModel.load(tmp_path)
    for text, known in ((bitext, gold), (new, new_gold), (odd, None)):
        posteriors = model.posteriors(text)
        assert posteriors.src_lengths.tolist() == [len(t.split()) for t in text.src]
        assert posteriors.tgt_lengths.tolist() == [len(t.split()) for t in text.tgt]
        owner = np.repeat(np.arange(len(text)), np.diff(posteriors.cells))
        assert (posteriors.src < posteriors.src_lengths[owner]).all()
        assert (posteriors.tgt < posteriors.tgt_lengths[owner]).all()
        # What a word links to adds up to 1 at most.
        for p, at, lengths in (
            (0, posteriors.tgt, posteriors.tgt_lengths),
            (1, posteriors.src, posteriors.src_lengths),
        ):
            words = np.bincount(np.cumsum([0, *lengths])[owner] + at, posteriors.p[p].astype(np.int64))
            assert words.max(initial=0) <= posteriors.one + 2 * len(posteriors.cells)
        links = model.align(text)
        assert same(links, loaded.align(text))
        assert known is None or f1(links, known) > 0.4


# -- constraints


def cells_of(posteriors, k):
    a, b = posteriors.cells[k], posteriors.cells[k + 1]
    return list(zip(posteriors.src[a:b].tolist(), posteriors.tgt[a:b].tolist(), strict=True))


def broken(bitext, posteriors, src, tgt):
    """Cells that link one of two constrained words to another word where both occur, and how often both do."""
    found, met = [], 0
    for k, (s, t) in enumerate(zip(bitext.src, bitext.tgt, strict=True)):
        s, t = s.split(), t.split()
        if src not in s or tgt not in t:
            continue
        met += 1
        found += [(k, i, j) for i, j in cells_of(posteriors, k) if (s[i] == src) != (t[j] == tgt)]
    return found, met


def test_constrained_words_link_to_nothing_else(tmp_path):
    # A wrong pair, so that all evidence is against it.
    (bitext, _), (new, _) = planted(200, seed=1, vocabulary=12), planted(40, seed=2, vocabulary=12)
    src, tgt = WORDS[0], WORDS[1][::-1].upper()
    path = tmp_path / "d.tsv"
    path.write_text(f"{src}\t{tgt}\tonly\n")
    method = Gibbs(dictionary=str(path))
    free, model = replace(method, dictionary="").fit(bitext), method.fit(bitext)
    model.save(tmp_path / "m")
    forgetful = replace(model, seen=np.zeros(0, np.int64))
    for text, least in ((bitext, 30), (new, 5)):
        assert len(broken(text, free.posteriors(text), src, tgt)[0]) > least
        for aligner in (model, forgetful, GibbsModel.load(tmp_path / "m")):
            found, met = broken(text, aligner.posteriors(text), src, tgt)
            assert not found
            assert met > least
    linked = [model.align(bitext).pairs(k) for k in range(len(bitext))]
    here = [(s.split(), t.split(), pairs) for s, t, pairs in zip(bitext.src, bitext.tgt, linked, strict=True)]
    assert sum(any((s[i], t[j]) == (src, tgt) for i, j in pairs) for s, t, pairs in here) > 5


def test_a_constraint_holds_where_the_words_are_frequent(tmp_path):
    rows = [("a x", "A X"), ("b y", "B Y")] * 400
    bitext = Bitext.build([s for s, _ in rows] + ["a x b"], [t for _, t in rows] + ["A X B"])
    path = tmp_path / "d.tsv"
    path.write_text("a\tB\tonly\n")
    posteriors = Gibbs(dictionary=str(path), lowercase=False).fit(bitext).posteriors(bitext)
    assert broken(bitext, posteriors, "a", "B") == ([], 1)


def test_constraints_go_on_in_exported_priors(tmp_path, corpus):
    table = read_dictionary_of(tmp_path, f"{WORDS[0]}\t{WORDS[1][::-1]}\tonly\n")
    write_priors(table, tmp_path / "p.parquet")
    model = Gibbs(priors=str(tmp_path / "p.parquet")).fit(corpus[0])
    found, met = broken(corpus[0], model.posteriors(corpus[0]), WORDS[0], WORDS[1][::-1].upper())
    assert not found
    assert met > 3


def read_dictionary_of(folder, text):
    (folder / "d.tsv").write_text(text)
    return read_dictionary(folder / "d.tsv", lowercase=True)


# -- spaces


def test_spaces_tell_rare_words_apart(tmp_path):
    # Two words that occur once, together: what else could tell which is which?
    src, tgt = [f"s{k}" for k in range(12)], [f"t{k}" for k in range(12)]
    vectors = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)
    Space(tuple(src), vectors).save(tmp_path / "src")
    Space(tuple(tgt), vectors).save(tmp_path / "tgt")
    rows = [("s0 s1 s2", "t0 t1 t2"), ("s2 s3", "t2 t3"), ("s8 s9 s10 s11", "t11 t10 t9 t8")] + [("s0 s1", "t0 t1")] * 3
    bitext = Bitext.build([s for s, _ in rows], [t for _, t in rows])
    spaces = {"src_space": str(tmp_path / "src"), "tgt_space": str(tmp_path / "tgt")}
    wanted = [(0, 3), (1, 2), (2, 1), (3, 0)]
    without = Gibbs(spelling=0).fit(bitext).align(bitext)
    model = Gibbs(**spaces, space_weight=1.0, spelling=0).fit(bitext)
    assert without.pairs(2) != wanted
    assert model.align(bitext).pairs(2) == wanted
    assert model.align(bitext).pairs(0) == [(0, 0), (1, 1), (2, 2)]
    with pytest.raises(DataError, match="no such file"):
        Gibbs(src_space=str(tmp_path / "none"), tgt_space=str(tmp_path / "tgt")).fit(bitext)


# -- parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"granularities": ()}, "granularities must name one or more"),
        ({"granularities": ("full", "full")}, "each once"),
        ({"granularities": ("prefix-0",)}, "granularities must be 'full', 'prefix-N'"),
        ({"granularities": ("auto",)}, "granularities must be 'full', 'prefix-N'"),
        ({"chains": 0}, "chains must be at least 1"),
        ({"sweeps": 1}, "sweeps at least 2"),
        ({"alpha": 0.0}, "alpha must be above 0"),
        ({"alpha": float("inf")}, "alpha must be above 0"),
        ({"spelling": -0.1}, "spelling must not be negative"),
        ({"space_weight": 0.0}, "space_weight must be above 0"),
        ({"src_space": "x"}, "src_space and tgt_space go together"),
        ({"tgt_space": "x"}, "src_space and tgt_space go together"),
        ({"null_prior": 1.0}, "null_prior must be between 0 and 1"),
        ({"null_prior": 0.0}, "null_prior must be between 0 and 1"),
        ({"threshold": 1.0}, "threshold must be at least 0 and below 1"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Gibbs(**parameters)


# -- odd input


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_and_empty_corpora(n):
    bitext = Bitext.build(["a"] * n, ["b"] * n)
    links = Gibbs().fit(bitext).align(bitext)
    assert set(links.to_pharaoh()) <= {"0-0", ""}
    assert len(links) == n


def test_empty_sides_and_one_word():
    bitext = Bitext.build(["", "x", "", "das haus", "haus"], ["y", "", "", "the house", "house"])
    model = Gibbs().fit(bitext)
    links = model.align(bitext)
    assert [links.pairs(k) for k in range(3)] == [[], [], []]
    assert links.pairs(4) == [(0, 0)]
    assert model.forward(bitext).pairs(0) == model.backward(bitext).pairs(1) == []


def test_a_corpus_of_one_pair_repeated():
    bitext = Bitext.build(["das haus ist alt"] * 200, ["the house is old"] * 200)
    links = Gibbs().fit(bitext).align(bitext)
    assert len(set(links.to_pharaoh())) == 1
    assert np.isfinite(links.prob).all()


def test_a_vocabulary_of_one_word():
    bitext = Bitext.build(["na " * n for n in range(1, 30)], ["la " * n for n in range(1, 30)])
    links = Gibbs().fit(bitext).align(bitext)
    assert len(links) == 29
    assert links.pairs(0) == [(0, 0)]


def test_sentences_of_5000_words():
    random = np.random.default_rng(1)
    words = [f"w{k}" for k in random.integers(0, 900, 5000)]
    bitext = Bitext.build([" ".join(words), "w1"], [" ".join(w.upper() + "x" for w in words), "W1x"])
    links = Gibbs().fit(bitext).align(bitext)
    diagonal = sum(i == j for i, j in links.pairs(0))
    assert diagonal > 4500


def test_a_sentence_beyond_the_limit_is_refused():
    bitext = Bitext.build(["a", "a " * 65_536], ["b", "b"])
    with pytest.raises(DataError, match=r"src sentence of row 1 has 65,536 words, expected at most 65,535; split it"):
        Gibbs().fit(bitext)


def test_mixed_scripts_and_spaces():
    bitext = Bitext.build(
        ["東京 は 大きい", "Привет мир", "a\u00a0b c"] * 8, ["tokyo is big", "hello world", "x y"] * 8
    )
    links = Gibbs().fit(bitext).align(bitext)
    assert len(links) == 24
    # A no-break space is no word border: two words.
    assert max(i for i, _ in links.pairs(2)) <= 1
