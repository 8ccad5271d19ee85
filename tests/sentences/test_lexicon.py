"""Words, overlap gains, model 1 and anchors against slow obvious references."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.kernels.anchors import heaviest_chain, rare_matches
from polyalign.kernels.lexicon import evidence_weights, translation_counts, word_pairs
from polyalign.kernels.overlap import cell_gains
from polyalign.sentences.matches import Matches, fixed_entries
from polyalign.sentences.tokens import encode, tokens

SENTENCES = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=5)


def ragged(sentences):
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sentences])]).astype(np.int64)
    return np.array([w for s in sentences for w in s], np.int32), starts


def test_tokens_of_mixed_scripts():
    assert tokens("Im Jahr\u00a02020: \u6771\u4eac\u30bf\u30ef\u30fc abc\u6771") == [
        "im", "jahr", "2020", "\u6771\u4eac", "\u4eac\u30bf", "\u30bf\u30ef", "\u30ef\u30fc", "abc", "\u6771"
    ]  # fmt: skip
    assert tokens("") == tokens(" \r\n\ufeff ... ") == []


def test_encode_shares_ids_between_sides():
    ids = {}
    a, _ = encode(["One two", ""], ids)
    b, starts = encode(["two THREE", "one"], ids)
    assert a.tolist() == [0, 1]
    assert b.tolist() == [1, 2, 0]
    assert starts.tolist() == [0, 2, 3]
    assert ids == {"one": 0, "two": 1, "three": 2}


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.text("aB\u00df\u0130\u03a3_1\u00b2\u0301 .,-\n\r\0\ufeff\u2028\u4e00\u4e8c\u0e01", max_size=8), max_size=6
    )
)
def test_words_of_many_sentences_are_those_of_each(sentences):
    ids = {"b": 0}
    values, starts = encode(sentences, ids)
    words = list(ids)
    assert list(ids.values()) == list(range(len(ids)))
    got = [[words[v] for v in values[a:b]] for a, b in zip(starts[:-1], starts[1:], strict=True)]
    assert got == [tokens(s) for s in sentences]


def test_many_strong_words_do_not_overflow():
    words, starts = ragged([[0] * 5000])
    other, other_starts = ragged([[0], [1]])
    gains = cell_gains(
        words, starts, other, other_starts, np.zeros(1, np.int32), np.full(1, 2, np.int32), np.array([0, 2]),
        np.array([0, 1, 1]), np.zeros(1, np.int32), np.array([1e6]), 1.0, 2, np.full(2, -1, np.int32),
    )  # fmt: skip
    expected = [[5000 * math.log(1 + 1e6), 5000 * math.log(1 + 5e5)], [0.0, 0.0]]
    assert gains.tolist() == [pytest.approx(row, rel=1e-5) for row in expected]


@settings(deadline=None, max_examples=40)
@given(SENTENCES, SENTENCES, st.integers(1, 3))
def test_gains_are_log_likelihood_ratios_of_windows(y_side, x_side, sizes):
    ratio = {(w, s): 1.0 + ((w * 7 + s * 3) % 5) * 4 for w in range(6) for s in range(6) if (w + s) % 3 == 0}
    order = sorted(ratio)
    at = np.searchsorted([w for w, _ in order], np.arange(7)).astype(np.int64)
    words, starts = ragged(y_side)
    other, other_starts = ragged(x_side)
    m, n = len(y_side), len(x_side)
    slot = np.full(6, -1, np.int32)
    gains = cell_gains(
        words, starts, other, other_starts, np.zeros(m, np.int32), np.full(m, n, np.int32),
        np.arange(m + 1, dtype=np.int64) * n, at, np.array([s for _, s in order], np.int32),
        np.array([ratio[k] for k in order]), 0.5, sizes, slot,
    )  # fmt: skip
    assert (slot == -1).all()
    for y, x, a in itertools.product(range(m), range(n), range(sizes)):
        if x + a < n:
            window = [w for s in x_side[x : x + a + 1] for w in s]
            mean = [sum(ratio.get((w, s), 0.0) for s in window) / len(window) / 0.5 for w in y_side[y]]
            expected = sum(math.log(1 + r) for r in mean if r > 0.1)
            assert gains[y * n + x, a] == pytest.approx(expected, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(SENTENCES, st.integers(1, 4))
def test_model_1_equals_a_dictionary_of_counts(src_side, iterations):
    tgt_side = [[(w + 1) % 6 for w in s] + [0] for s in src_side]
    src, src_at = ragged(src_side)
    tgt, tgt_at = ragged(tgt_side)
    null = np.full(6, 0.1)
    keys, number = word_pairs(src, src_at, tgt, tgt_at, 6)
    assert len(set(keys.tolist())) == len(keys)
    for side, (given_side, told_side) in enumerate([(src_side, tgt_side), (tgt_side, src_side)]):
        words = np.divmod(keys, 6)
        got, total = translation_counts(
            words[side], words[1 - side], number, (src_at, tgt_at), side, null, 6, iterations
        )
        prob, seen = defaultdict(lambda: 0.02), defaultdict(int)
        for step in range(iterations):
            count, sums = defaultdict(float), defaultdict(float)
            for xs, ys in zip(given_side, told_side, strict=True):
                for y in ys:
                    mass = 0.1 + sum(prob[x, y] for x in xs)
                    for x in xs:
                        count[x, y] += prob[x, y] / mass
                        seen[x, y] += step == 0
            for (x, _), c in count.items():
                sums[x] += c
            prob = defaultdict(float, {k: c / sums[k[0]] for k, c in count.items()})
        for k in range(len(keys)):
            pair = (int(words[side][k]), int(words[1 - side][k]))
            assert got[k] == pytest.approx(count[pair] * (1 - 1 / seen[pair]))
            assert total[pair[0]] == pytest.approx(sums[pair[0]])


def test_planted_dictionary_is_found_and_one_sighting_is_no_evidence():
    draw = np.random.default_rng(1)
    src_side = [draw.permutation(40)[:6].tolist() for _ in range(300)] + [[40]]
    src, src_at = ragged(src_side)
    tgt, tgt_at = ragged([[w + 50 for w in s[::-1]] for s in src_side])
    keys, number = word_pairs(src, src_at, tgt, tgt_at, 100)
    given_words, told = np.divmod(keys, 100)
    count, total = translation_counts(given_words, told, number, (src_at, tgt_at), 0, np.full(100, 0.01), 100, 8)
    for w in range(40):
        mine = given_words == w
        assert told[mine][count[mine].argmax()] == w + 50
        assert count[mine].max() / total[w] > 0.6
    assert count[given_words == 40].tolist() == [0.0]


def test_weights_follow_the_share_that_is_explained():
    # Every second word of each target sentence is its source sentence's own word.
    src, src_at = ragged([[k % 50] for k in range(400)])
    tgt, tgt_at = ragged([[k % 50, 60] for k in range(400)])
    matches = Matches.build(
        70, [(np.arange(50), np.arange(50), np.full(50, 100.0), 0)], np.array([0.9, 0.1, 0.0, 0.0, 0.0])
    )
    weights = evidence_weights(
        src, src_at, tgt, tgt_at, matches.at, matches.word, matches.kind, matches.ratio, matches.weights, 30
    )
    assert weights.sum() == pytest.approx(1.0)
    assert 0.4 < weights[1] < 0.55


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 9)), max_size=8, unique_by=lambda t: t[:2])
)
def test_chain_is_the_heaviest(pairs):
    pairs.sort(key=lambda t: (t[0], -t[1]))
    columns = [np.array([p[k] for p in pairs], np.int64) for k in (0, 1)]
    chosen = heaviest_chain(*columns, np.array([float(p[2]) for p in pairs]), 5)
    picked = [p for p, keep in zip(pairs, chosen, strict=True) if keep]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(picked))
    best = 0
    for size in range(len(pairs) + 1):
        for some in itertools.combinations(pairs, size):
            if all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(some)):
                best = max(best, sum(p[2] for p in some))
    assert sum(p[2] for p in picked) == best


def test_rare_words_pair_sentences_and_frequent_ones_do_not():
    src, src_at = ragged([[1, 0], [0], [2, 0], [0]])
    tgt, tgt_at = ragged([[0], [1, 0], [0], [2, 0]])
    same = Matches.build(3, [(np.arange(3), np.arange(3), np.full(3, 100.0), 0)], np.array([0.5, 0.5, 0, 0, 0]))
    slot, seen = np.full(3, -1, np.int32), np.zeros((2, 3), np.int32)
    keys, weights = rare_matches(src, src_at, tgt, tgt_at, *same.clues()[:3], 3, slot, seen)
    assert keys.tolist() == [0 * 4 + 1, 2 * 4 + 3]
    assert (weights > 0).all()
    assert (slot == -1).all()
    assert (seen == 0).all()


def test_dictionary_in_both_notations(tmp_path):
    words = ("haus", "house", "gelbe", "seiten", "yellow", "pages")
    probs = (np.array([0.5, 0, 0.25, 0.25, 0, 0]), np.array([0, 0.5, 0, 0, 0.25, 0.25]))
    path = tmp_path / "d.txt"
    path.write_bytes("\ufeffHaus\thouse\r\n\r\nyellow pages @ gelbe Seiten\r\nnot\tthere\r\n".encode())
    for side in (0, 1):
        word, other, ratio, kind = fixed_entries(words, probs, 4, str(path))[side][2]
        found = {(int(w), int(o)): r for w, o, r in zip(word, other, ratio, strict=True)}
        assert (
            kind == 2 and set(found) == {(0, 1), (2, 4), (2, 5), (3, 4), (3, 5)}
            if side == 0
            else set(found) == {(1, 0), (4, 2), (5, 2), (4, 3), (5, 3)}
        )
        assert found[(0, 1) if side == 0 else (1, 0)] == pytest.approx(2.0)


def test_dictionary_errors(tmp_path):
    path = tmp_path / "d.txt"
    path.write_text("Haus\thouse\nHaus house\n")
    with pytest.raises(DataError, match=r"d\.txt line 2: found 'Haus house'"):
        fixed_entries(("a",), (np.ones(1), np.ones(1)), 4, str(path))
    with pytest.raises(DataError, match="no such file"):
        fixed_entries(("a",), (np.ones(1), np.ones(1)), 4, str(tmp_path / "none"))


def test_numbers_are_weak_evidence():
    words = ("lhasa", "1951")
    probs = (np.full(2, 1e-5), np.full(2, 1e-5))
    _, _, ratio, _ = fixed_entries(words, probs, 4, "")[0][0]
    assert ratio.tolist() == pytest.approx([1e5, 1e3])
