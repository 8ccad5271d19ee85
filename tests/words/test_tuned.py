"""Aligners that tune an encoder: their losses against slow ones, what tuning changes, and models saved and read again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.words import model as models
from tests.encoders.conftest import bert  # noqa: F401

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.encoders.named import named_encoder  # noqa: E402
from polyalign.encoders.tune import model_of, up_to  # noqa: E402
from polyalign.words.tuned import adapters  # noqa: E402
from polyalign.words.tuned.accalign import AccAlign  # noqa: E402
from polyalign.words.tuned.awesome_align import OBJECTIVES, AwesomeAlign  # noqa: E402
from polyalign.words.tuned.contextual import Contextual  # noqa: E402
from polyalign.words.tuned.labels import Labels, consistency, self_training  # noqa: E402
from polyalign.words.tuned.masking import Masked, hide  # noqa: E402
from polyalign.words.tuned.training import Pairs, both, similarity, states  # noqa: E402
from polyalign.words.tuned.xlm_align import XLMAlign, plan  # noqa: E402

METHODS = {"awesome-align": AwesomeAlign, "accalign": AccAlign, "xlm-align": XLMAlign, "contextual": Contextual}
SRC = [
    "the cat sat",
    "a red house",
    "the dog runs",
    "blue sky",
    "under the tree",
    "not at the mat",
    "",
    "猫 \u200b red",
]
TGT = ["sat cat er", "house red", "runs dog", "sky blue", "tree under", "mat not to", "x", "red 猫 \x00"]
every = pytest.mark.parametrize("cls", METHODS.values(), ids=METHODS)


def bitext():
    return Bitext.build(SRC, TGT)


@pytest.fixture
def tiny(bert):  # noqa: F811
    """Parameters for a quick tuning of the tiny model."""
    return {"encoder": f"{bert}:device=cpu", "layer": 2, "steps": 6, "batch": 3, "learning_rate": 1e-2, "sample": 50}


def read(tiny, level="word"):
    made = model_of(named_encoder(tiny["encoder"]))
    network = up_to(made.network, 2)
    return made, Pairs.read(network, made.prefix, bitext(), level, 20)


# -- batches


@pytest.mark.parametrize("level", ["word", "subword"])
def test_a_batch_has_the_vectors_of_the_encoder(tiny, level):
    """What training compares is what aligning compares."""
    made, pairs = read(tiny, level)
    method = AwesomeAlign(**{**tiny, "level": level})
    from polyalign.words.tuned.method import TunedEncoder

    src, tgt = method.vectors(TunedEncoder(made, pairs.network), bitext())
    batch = pairs.apart(pairs.use)
    with torch.no_grad():
        hidden = states(pairs.network, batch)
    for rows, vectors in ((batch.src, src), (batch.tgt, tgt)):
        found = rows.vectors(hidden).numpy()
        for r, k in enumerate(pairs.use.tolist()):
            expected = vectors.rows[vectors.offsets[k] : vectors.offsets[k + 1]]
            assert found[r, : len(expected)] == pytest.approx(expected, abs=1e-4)
            assert not rows.there[r, len(expected) :].any()
            assert rows.there[r, : len(expected)].numpy().tolist() == expected.any(axis=1).tolist()


def test_pairs_that_are_empty_or_long_are_not_tuned_on(tiny, capsys):
    made, pairs = read(tiny)
    assert 6 not in pairs.use
    assert len(pairs.use) == 7
    network = pairs.network
    short = Pairs.read(network, made.prefix, bitext(), "word", 2)
    assert len(short.use) < 7
    assert "not tuned on" in capsys.readouterr().err


def test_batches_go_through_all_pairs_alike_for_a_seed(tiny):
    pairs = read(tiny)[1]
    runs = []
    for seed in (1, 1, 2):
        drawn = pairs.batches(3, seed)
        runs.append([next(drawn).tolist() for _ in range(9)])
    assert runs[0] == runs[1] != runs[2]
    assert sorted(k for some in runs[0][:3] for k in some) == pairs.use.tolist()


def test_a_pair_read_together_has_both_texts_and_their_marks(tiny):
    pairs = read(tiny)[1]
    some = pairs.use[:2]
    for swap in (False, True):
        batch = pairs.together(some, some, swap=swap)
        first, second = (pairs.tgt, pairs.src) if swap else (pairs.src, pairs.tgt)
        assert batch.tokens[0, : batch.mask[0].sum()].tolist() == [2, *first.ids[0], 3, *second.ids[0], 3]
        for rows, side in ((batch.src, pairs.src), (batch.tgt, pairs.tgt)):
            at = rows.share[0].argmax(dim=1)[: side.words[0]]
            assert (
                batch.tokens[0][at].tolist()
                == side.ids[0][side.piece[0][np.unique(side.word[0], return_index=True)[1]]].tolist()
            )
    assert pairs.fit_together(some).all()


# -- losses


def case():
    random = np.random.default_rng(0)
    cosine = random.uniform(-1, 1, (2, 3, 4)).astype(np.float32)
    there = np.ones((2, 3, 4), bool)
    there[1, 2:], there[1, :, 3:] = False, False
    linked = (random.random((2, 3, 4)) < 0.4) * there
    return cosine, linked.astype(np.float32), there


def softmaxes(cosine, n, m):
    e = np.exp(cosine[:n, :m] / 0.5)
    return e / e.sum(axis=1, keepdims=True), e / e.sum(axis=0, keepdims=True)


def test_self_training_is_that_of_the_equations():
    cosine, linked, there = case()
    given = torch.tensor(cosine), torch.tensor(linked), torch.tensor(there), 0.5
    linear, logs = 0.0, [[], []]
    for k, (n, m) in enumerate(((3, 4), (2, 3))):
        p, q = softmaxes(cosine[k], n, m)
        a = linked[k, :n, :m]
        linear -= ((a * p).sum() / n + (a * q).sum() / m) / 2
        logs[0] += [-np.log(p[i])[a[i] > 0].mean() for i in range(n) if a[i].any()]
        logs[1] += [-np.log(q[:, j])[a[:, j] > 0].mean() for j in range(m) if a[:, j].any()]
    assert float(self_training(*given, "linear")) == pytest.approx(linear, rel=1e-5)
    assert float(self_training(*given, "log")) == pytest.approx(np.mean(logs[0]) + np.mean(logs[1]), rel=1e-5)


def test_consistency_is_that_of_the_equation():
    cosine, _, there = case()
    expected = 0.0
    for k, (n, m) in enumerate(((3, 4), (2, 3))):
        p, q = softmaxes(cosine[k], n, m)
        expected -= np.trace(p @ q.T) / min(n, m) / 2
    assert float(consistency(torch.tensor(cosine), torch.tensor(there), 0.5)) == pytest.approx(expected, rel=1e-5)


def test_a_plan_is_that_of_sinkhorn():
    cosine = np.maximum(case()[0][0], 1e-6)
    once = cosine / cosine.sum(axis=0)
    once = once / once.sum(axis=1)[:, None]
    assert plan(case()[0][0], 1) == pytest.approx(once, rel=1e-5)
    assert plan(cosine, 60).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert (plan(case()[0][0], 0) == cosine).all()


def test_hidden_pieces_are_of_words_of_the_side_and_are_told_by_a_softmax(tiny):
    made, pairs = read(tiny)
    batch = pairs.together(pairs.use, pairs.use)
    random = np.random.default_rng(0)
    pieces = np.arange(5, 40)
    hidden = 0
    for _ in range(20):
        tokens, told = hide(pairs.network, batch, ("tgt",), pieces, random)
        assert told.any()
        assert not (told & ~batch.tgt.share.any(dim=1)).any()
        assert (tokens == batch.tokens)[~told].all()
        hidden += int((tokens != batch.tokens).sum())
    assert hidden > 20
    head = Masked(made.network, pairs, np.random.default_rng(1))
    tokens, told = hide(made.network, batch, ("src", "tgt"), head.pieces, np.random.default_rng(1))
    with torch.no_grad():
        found = float(head.loss(batch, ("src", "tgt")))
        states_ = made.network.model(input_ids=tokens, attention_mask=batch.mask).last_hidden_state
        expected = []
        for r, t in told.nonzero().tolist():
            h = states_[r, t]
            h = (h - h.mean()) / (h.var(correction=0) + 1e-5).sqrt()
            scores = head.embeddings @ h
            right = head.pieces.tolist().index(int(batch.tokens[r, t]))
            expected.append(float(scores.logsumexp(0) - scores[right]))
    assert found == pytest.approx(np.mean(expected), rel=1e-3)


def test_links_of_words_are_links_of_all_their_pieces(tiny):
    pairs = read(tiny, "subword")[1]
    links = Links.from_pairs([[(1, 1), (2, 0)], *[[] for _ in SRC[1:]]])
    batch = pairs.apart(pairs.use[:2])
    cosine = torch.zeros(both(batch).shape)
    cells = Labels(AwesomeAlign(**{**tiny, "level": "subword"}), links).cells(batch, cosine).numpy()
    x, y = batch.src.word[0], batch.tgt.word[0]
    expected = [[(int(i), int(j)) in {(1, 1), (2, 0)} for j in y] for i in x]
    assert cells[0, : len(x), : len(y)].astype(bool).tolist() == expected
    assert not cells[1].any()


def test_own_links_are_those_the_method_decides_for(tiny):
    pairs = read(tiny)[1]
    batch = pairs.apart(pairs.use)
    with torch.no_grad():
        cosine = similarity(batch, states(pairs.network, batch), centre=True)
    method = AwesomeAlign(**tiny)
    cells = Labels(method, None).cells(batch, cosine).numpy()
    there = both(batch).numpy()
    for r in range(len(pairs.use)):
        i, j = np.flatnonzero(there[r].any(axis=1)), np.flatnonzero(there[r].any(axis=0))
        assert (cells[r][i[:, None], j] > 0).tolist() == (
            method.decide(cosine[r].numpy()[i[:, None], j])[0] > 0
        ).tolist()
        assert cells[r].sum() == (cells[r][i[:, None], j]).sum()


# -- tuning

GOLD = ["0-1 1-1 2-0", "1-1 2-0", "1-1 2-0", "0-1 1-0", "0-1 2-0", "3-0 0-1", "", "0-1 2-0"]


def right(model):
    found, gold = model.align(bitext()).to_pairs(), Links.from_pharaoh(GOLD).to_pairs()
    return sum(len(a & b) for a, b in zip(found, gold, strict=True))


def tuned_on_gold(cls, tiny, folder, **more):
    (folder / "gold").write_text("\n".join(GOLD) + "\n")
    return cls(**{**tiny, "gold": str(folder / "gold"), "steps": 60, **more})


@every
def test_tuning_learns_the_links(cls, tiny, tmp_path):
    more = {AccAlign: {"reduction": 1}, Contextual: {"anchor": 0.3}}.get(cls, {})
    method = tuned_on_gold(cls, tiny, tmp_path, neutral=0, **more)
    before = right(dataclasses.replace(method, steps=0).fit(bitext()))
    assert right(method.fit(bitext())) >= before + 3


@pytest.mark.parametrize(
    ("cls", "more"),
    [
        *[(AwesomeAlign, {"self_training": 0.0, name: 1.0}) for name in OBJECTIVES],
        (AwesomeAlign, {"labels": "self", "reward": "linear", "level": "subword", "extraction": "softmax"}),
        (AccAlign, {"adapter": "low-rank", "labels": "self"}),
        (
            XLMAlign,
            {
                "direct": 0.0,
                "labels": "self",
                "together": True,
                "level": "subword",
                "masked": 1.0,
                "translation_masked": 1.0,
            },
        ),
        (Contextual, {"anchored": "tgt", "labels": "self"}),
    ],
)
def test_every_objective_changes_the_layers_and_nothing_else(cls, more, tiny):
    method = cls(**{**tiny, **more})
    encoder = named_encoder(tiny["encoder"])
    before = encoder.tokens(SRC).vectors
    embeddings = model_of(encoder).network.model.state_dict()["embeddings.word_embeddings.weight"]
    model = method.fit(bitext())
    assert not np.allclose(model.encoder.tokens(SRC).vectors, dataclasses.replace(encoder, layer=2).tokens(SRC).vectors)
    assert (model.encoder.made.network.model.state_dict()["embeddings.word_embeddings.weight"] == embeddings).all()
    assert (encoder.tokens(SRC).vectors == before).all()
    assert len(model.align(bitext())) == len(SRC)


@every
def test_the_same_seed_gives_the_same_links_and_weights(cls, tiny):
    runs = [cls(**{**tiny, "seed": seed, "sample": 3}).fit(bitext()) for seed in (1, 1, 2)]
    vectors = [m.encoder.tokens(SRC).vectors.tobytes() for m in runs]
    assert vectors[0] == vectors[1] != vectors[2]
    assert runs[0].align(bitext()).to_pharaoh(probabilities=True) == runs[1].align(bitext()).to_pharaoh(
        probabilities=True
    )


@every
def test_a_saved_model_aligns_as_before(cls, tiny, tmp_path):
    from polyalign.words.saved import Saved

    method = cls(**{**tiny, **({"together": True} if cls is XLMAlign else {})})
    model = method.fit(bitext())
    expected = model.align(bitext()).to_pharaoh(probabilities=True)
    model.save(tmp_path / "one")
    again = Saved(str(tmp_path / "one")).fit(bitext())
    assert again.method == method
    assert again.align(bitext()).to_pharaoh(probabilities=True) == expected
    again.save(tmp_path / "two")
    assert models.load_model(tmp_path / "two").align(bitext()).to_pharaoh(probabilities=True) == expected


@pytest.mark.parametrize("method", [AwesomeAlign, lambda **p: AccAlign(adapter="low-rank", **p)])
def test_its_encoder_is_an_encoder(method, tiny, tmp_path):
    model = method(**tiny).fit(bitext())
    model.save(tmp_path)
    encoder = named_encoder(f"{tmp_path / 'encoder'}:layer=2,device=cpu")
    assert encoder.tokens(SRC).vectors == pytest.approx(model.encoder.tokens(SRC).vectors, abs=1e-5)


def test_adapters_of_houlsby_leave_the_weights_alone(tiny, tmp_path):
    model = AccAlign(**tiny).fit(bitext())
    first = model_of(named_encoder(tiny["encoder"])).network.model.state_dict()
    now = model.encoder.made.network.model.state_dict()
    assert first.keys() == now.keys()
    assert all((first[k] == now[k]).all() for k in first)
    # Two parts a layer, of two maps with a bias; one layer more than the compared one is there.
    assert len(adapters.adapters_of(model.encoder.network.model)) == 3 * 2 * 4


@every
def test_a_text_longer_than_the_window_is_aligned_whole(cls, tiny):
    model = cls(**{**tiny, **({"together": True} if cls is XLMAlign else {})}).fit(bitext())
    words = ["cat", "dog", "house", "tree"] * 100
    links = model.align(Bitext.build([" ".join(words)], [" ".join(words)]))
    assert links.src.max() > 300
    assert links.tgt.max() > 300


@every
def test_without_anything_to_tune_on_the_encoder_stays(cls, tiny, capsys):
    encoder = dataclasses.replace(named_encoder(tiny["encoder"]), layer=2)
    long = Bitext.build(["cat " * 50], ["dog " * 50])
    for text in (bitext().select(np.zeros(len(SRC), bool)), Bitext.build(["", "a"], ["a", ""]), long):
        model = cls(**tiny).fit(text)
        assert model.encoder.tokens(SRC).vectors == pytest.approx(encoder.tokens(SRC).vectors, abs=1e-5)
        assert len(model.align(text)) == len(text)
    assert "1 of 1 sentence pairs" in capsys.readouterr().err


def test_links_of_a_file_are_learned_from(tiny, tmp_path):
    (tmp_path / "links").write_text("\n".join(GOLD) + "\n")
    method = AwesomeAlign(**{**tiny, "links": str(tmp_path / "links")})
    labels, text = Labels.of(method, bitext())
    assert labels.links.to_pharaoh() == Links.from_pharaoh(GOLD).to_pharaoh()
    assert len(text) == len(SRC)
    with pytest.raises(DataError, match="found 8 lines, but the bitext has 1 sentence pairs"):
        method.fit(Bitext.build(["a"], ["b"]))
    (tmp_path / "links").write_text("9-9\n" * 8)
    with pytest.raises(DataError, match="links count words from 0"):
        method.fit(bitext())


def test_gold_links_bring_their_own_text(tiny, tmp_path):
    (tmp_path / "gold").write_text("0-1 1-0\n")
    (tmp_path / "text").write_text("the cat ||| cat the\n")
    method = AwesomeAlign(**{**tiny, "gold": str(tmp_path / "gold"), "gold_text": str(tmp_path / "text")})
    _, text = Labels.of(method, bitext())
    assert text.src == ["the cat"]
    assert len(method.fit(bitext()).align(bitext())) == len(SRC)


# -- what is refused


@pytest.mark.parametrize(
    ("cls", "given", "said"),
    [
        (AwesomeAlign, {"steps": -1}, "steps must not be negative"),
        (AwesomeAlign, {"batch": 0}, "batch must be above 0"),
        (AwesomeAlign, {"learning_rate": 0.0}, "learning_rate must be above 0"),
        (AwesomeAlign, {"temperature": 0.0}, "temperature must be above 0"),
        (AwesomeAlign, {"max_tokens": 0}, "max_tokens must be above 0"),
        (AwesomeAlign, {"threshold": 1.0}, "threshold must be"),
        (AwesomeAlign, {"layer": 0}, "layer is 0"),
        (AwesomeAlign, {"links": "x", "gold": "y"}, "links and gold are both given"),
        (AwesomeAlign, {"self_training": 0.0}, "one of them above 0"),
        (AwesomeAlign, {"masked": -1.0}, "must not be negative"),
        (AccAlign, {"reduction": 0}, "reduction must be"),
        (XLMAlign, {"rounds": -1}, "rounds must not be negative"),
        (XLMAlign, {"direct": -1.0}, "must not be negative"),
        (Contextual, {"anchor": -1.0}, "anchor must not be negative"),
    ],
)
def test_parameters_out_of_range(cls, given, said):
    with pytest.raises(ValueError, match=said):
        cls(**given)


def test_a_layer_that_is_not_there(tiny):
    with pytest.raises(ConfigError, match="layers 1 to 4"):
        AwesomeAlign(**{**tiny, "layer": 9}).fit(bitext())


def test_a_damaged_model_is_refused(tiny, tmp_path):
    AwesomeAlign(**tiny).fit(bitext()).save(tmp_path)
    (tmp_path / "neutral.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="not a saved word aligner"):
        models.load_model(tmp_path)


def test_a_model_without_known_parts_gets_no_adapters():
    with pytest.raises(ConfigError, match="no layers with parts of known names"):
        adapters.attach(torch.nn.Linear(2, 2), "houlsby", 2, 1)
