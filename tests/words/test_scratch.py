from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from tests.words.planted import WORDS, f1, planted

torch = pytest.importorskip("torch")

from polyalign.words.scratch import model as scratch_model  # noqa: E402
from polyalign.words.scratch import training  # noqa: E402
from polyalign.words.scratch.mask_align import MaskAlign  # noqa: E402
from polyalign.words.scratch.mirror_align import MirrorAlign, _mean_place  # noqa: E402
from polyalign.words.scratch.model import ScratchModel  # noqa: E402

MIRROR = MirrorAlign(granularity="full", dim=16, epochs=8, steps=0, batch=32, learning_rate=2e-2, device="cpu")
MASK = MaskAlign(granularity="full", dim=16, epochs=1, steps=0, batch=16, layers=2, heads=2, device="cpu")
BOTH = [pytest.param(m, id=type(m).__name__) for m in (MIRROR, MASK)]


def test_mirror_align_finds_a_planted_dictionary():
    bitext, gold = planted(300)
    assert f1(MIRROR.fit(bitext).align(bitext), gold) > 0.9


def test_mask_align_finds_a_planted_dictionary():
    bitext, gold = planted(300, vocabulary=30)
    method = replace(MASK, dim=32, layers=1, epochs=20, learning_rate=5e-3)
    # One in ten is what a model that has learned nothing gets.
    assert f1(method.fit(bitext).align(bitext), gold) > 0.6


@pytest.mark.parametrize("method", BOTH)
def test_the_same_seed_gives_the_same_bytes(method):
    bitext, _ = planted(60)
    one, two = (method.fit(bitext) for _ in range(2))
    assert {k: x.numpy().tobytes() for k, x in one.p.items()} == {k: x.numpy().tobytes() for k, x in two.p.items()}
    other = replace(method, seed=2).fit(bitext)
    assert other.posteriors(bitext).p.tobytes() != one.posteriors(bitext).p.tobytes()


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("granularity", ["full", "bpe-40"])
def test_a_saved_model_aligns_as_before(method, granularity, tmp_path):
    if granularity != "full":
        pytest.importorskip("tokenizers")
    bitext, _ = planted(60)
    model = replace(method, granularity=granularity, epochs=1).fit(bitext)
    model.save(tmp_path)
    # Words that were never seen among them.
    more = Bitext.build(["bal zzz 你好", "x"], ["LAB", "y \x00 y"])
    for text in (bitext, more):
        assert ScratchModel.load(tmp_path).posteriors(text).p.tobytes() == model.posteriors(text).p.tobytes()
    (tmp_path / "weights.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="fit and save it again"):
        ScratchModel.load(tmp_path)


@pytest.mark.parametrize("method", BOTH)
def test_probabilities_of_a_word_add_up_to_at_most_one(method):
    bitext, _ = planted(60)
    posteriors = method.fit(bitext).posteriors(bitext)
    src_null, tgt_null = posteriors.unlinked()
    assert len(posteriors.src)
    assert ((src_null >= 0) & (tgt_null.min() >= 0)).all()
    joint = posteriors.probabilities
    for k in range(len(bitext)):
        a, b = posteriors.cells[k : k + 2]
        for p, words in ((joint[0, a:b], posteriors.tgt[a:b]), (joint[1, a:b], posteriors.src[a:b])):
            assert np.bincount(words, p).max() <= 1.001


@pytest.mark.parametrize("method", BOTH)
def test_a_batch_and_blocks_of_rows_change_nothing(method, monkeypatch):
    bitext, _ = planted(40)
    model = method.fit(bitext)
    whole = model.posteriors(bitext)
    monkeypatch.setattr(training, "CELLS", 40)
    monkeypatch.setattr(scratch_model, "RUN", 7)
    parts = model.posteriors(bitext)
    assert parts.cells.tolist() == whole.cells.tolist()
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-3)


@pytest.mark.parametrize("method", BOTH)
def test_empty_and_long_sentences(method):
    bitext = Bitext.build(
        ["a b", "", "x", "a " * 1500, "a", "a b c"], ["c d", "y", "", "c", "c " * 1500, "\x00 \u200b 🏳️‍🌈"]
    )
    model = replace(method, epochs=1).fit(bitext)
    posteriors = model.posteriors(bitext)
    assert posteriors.src_lengths.tolist() == [2, 0, 1, 1500, 1, 3]
    assert np.diff(posteriors.cells)[[1, 2]].tolist() == [0, 0]
    # All of a long sentence is aligned: its last word as its first.
    assert posteriors.src[posteriors.cells[3] : posteriors.cells[4]].max(initial=1499) == 1499
    none = bitext.select(np.zeros(len(bitext), bool))
    assert len(method.fit(none).align(none)) == 0
    assert len(method.fit(none).align(bitext)) == len(bitext)


def test_a_long_sentence_is_aligned_to_its_end(monkeypatch):
    bitext, _ = planted(200)
    words = WORDS[:60] * 20
    long = Bitext.build([" ".join(words)], [" ".join(w[::-1].upper() for w in words)])
    # Each word is there twenty times, so none of its links is very probable.
    monkeypatch.setattr(scratch_model, "LEAST", 1e-4)
    (part,) = MIRROR.fit(bitext).parts(long)
    found = np.zeros((1200, 1200), np.uint16)
    found[part.src, part.tgt] = part.p[0]
    right = found.argmax(axis=0) == np.arange(1200)
    assert right.mean() > 0.9
    assert right[-60:].mean() > 0.9


def test_mask_align_hides_a_word_from_itself():
    p = MASK.weights((5, 9), torch.Generator().manual_seed(1))
    src, tgt = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 3, 4]])
    before, _ = next(MASK._guess(p, "src", "tgt", src, tgt, 4))
    after, _ = next(MASK._guess(p, "src", "tgt", src, torch.tensor([[1, 7, 3, 4]]), 4))
    np.testing.assert_allclose(before[0, 1], after[0, 1], atol=1e-5)
    assert (abs(before - after)[0, [0, 2, 3]].amax(dim=1) > 1e-4).all()


def test_the_mean_over_places():
    grid = np.linspace(0, 1, 500)
    for w in (0.5, 4.0, 20.0):
        direct = np.exp(-w * abs(grid[:, None] - grid)).mean()
        assert float(_mean_place(torch.tensor([w]))) == pytest.approx(direct, rel=0.01)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dim": 0}, "dim must be"),
        ({"epochs": -1}, "epochs"),
        ({"steps": -1}, "steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"granularity": "letters"}, "granularities"),
        ({"threshold": 1.0}, "threshold"),
        ({"agreement": -1.0}, "agreement"),
    ],
)
@pytest.mark.parametrize("kind", [MirrorAlign, MaskAlign])
def test_parameters_out_of_range(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


@pytest.mark.parametrize("given", [{"dim": 20, "heads": 4}, {"layers": 0}])
def test_sizes_that_do_not_fit(given):
    with pytest.raises(ValueError, match="multiple of twice the heads"):
        MaskAlign(**given)


def test_little_text_is_seen_more_often():
    bitext, _ = planted(40)
    one, two = (replace(MIRROR, batch=8, **given).fit(bitext) for given in ({"epochs": 3}, {"epochs": 1, "steps": 11}))
    assert one.p["src"].numpy().tobytes() == two.p["src"].numpy().tobytes()


def test_nothing_was_counted():
    bitext, _ = planted(5)
    with pytest.raises(ConfigError, match="counts nothing"):
        replace(MIRROR, epochs=0).fit(bitext).priors()


def test_without_torch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[neural\]"):
        MIRROR.fit(planted(5)[0])
