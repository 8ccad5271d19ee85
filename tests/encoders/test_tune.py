"""Tuning: the head against its equations, the transformer's loss against a slow one, and both saved and read again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import unit
from polyalign.encoders import tuned
from polyalign.encoders.tuned import Tuned, head, mapped, write_head
from tests.encoders.fake import Fake

SRC = ["the cat sat", "a red house", "the dog runs", "blue sky and sun", "under the tree", "not at the mat"]
TGT = ["猫 sat er", "ein rotes haus", "der hund", "blau und sky", "er unter", "not mat to"]


def sides(n=400, d=6, seed=0):
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, d)) * [3, 2, 1, 1, 1, 0.1]
    return [(z + random.normal(size=(n, d)) * [0.1, 2, 1, 1, 0.1, 1]).astype(np.float32) for _ in range(2)]


def test_the_head_is_that_of_the_equations():
    """On axes that are independent, the weight of each is known in closed form."""
    random = np.random.default_rng(0)
    own, noise = np.array([9.0, 4, 1, 0.25]), np.array([1.0, 2, 0.5, 1])
    z = random.normal(size=(200_000, 4)) * np.sqrt(own)
    x, y = ((z + random.normal(size=z.shape) * np.sqrt(noise)).astype(np.float32) for _ in range(2))
    drawn = 0.9 * noise + 0.1 * noise.mean()
    ratio = np.maximum((own + noise / 2) / drawn - 0.5, 0)
    expected = np.sqrt(ratio / (2 * ratio + 1) / drawn)
    assert head(x, y, shrink=0.1) == pytest.approx(np.diag(expected), abs=0.02)


def test_a_noisy_axis_weighs_less_than_a_sure_one():
    matrix = head(*sides(), shrink=0.1)
    assert np.linalg.norm(matrix[0]) > 3 * np.linalg.norm(matrix[1])
    assert np.linalg.norm(matrix[4]) > 3 * np.linalg.norm(matrix[5])


def test_pairs_that_do_not_differ_teach_nothing():
    x = sides()[0]
    assert (head(x, x) == np.eye(6)).all()
    assert (head(x[:0], x[:0]) == np.eye(6)).all()


def test_rows_of_zeros_stay():
    x = np.array([[0, 0], [3, 4]], np.float32)
    assert mapped(x, np.ones(2, np.float32), np.eye(2, dtype=np.float32))[0].tolist() == [0, 0]


@pytest.fixture
def saved(tmp_path, monkeypatch):
    base = Fake()
    monkeypatch.setattr(tuned, "named_encoder", lambda name: {"fake": base}[name])
    random = np.random.default_rng(3)
    mean, matrix = random.normal(size=8).astype(np.float32), random.normal(size=(8, 8)).astype(np.float32)
    write_head(tmp_path / "head", "fake", mean, matrix, {"rounds": []})
    return tmp_path / "head", base, mean, matrix


def test_a_saved_head_encodes(saved):
    folder, base, mean, matrix = saved
    encoder = Tuned(str(folder))
    texts = ["a", "", "bb", "a"]
    rows = encoder.encode(texts)
    x = base.encode(texts)
    assert rows == pytest.approx(unit(np.where(x.any(axis=1, keepdims=True), x - mean, 0) @ matrix), abs=1e-3)
    assert (rows[1] == 0).all()
    assert (rows.astype(np.float16) == rows).all()
    assert encoder.vectors(["a"])[0] == pytest.approx(rows[0], abs=1e-3)
    assert encoder.dim == 8
    assert not encoder.cached


def test_the_key_goes_by_the_head_and_by_the_encoder(saved, tmp_path):
    folder, _, mean, matrix = saved
    shutil.copytree(folder, tmp_path / "copy")
    write_head(tmp_path / "other", "fake", mean, matrix + 1, {})
    key = Tuned(str(folder)).key
    assert "fake" in key
    assert Tuned(str(tmp_path / "copy")).key == key
    assert Tuned(str(tmp_path / "other")).key != key


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("head.json", b"[]", "no name of an encoder"),
        ("head.json", b"{", "cannot be read as JSON"),
        ("head.npy", b"x", "cannot be read as an array"),
    ],
)
def test_a_damaged_head_is_refused(saved, name, content, said):
    (saved[0] / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        Tuned(str(saved[0])).encode(["a"])


def test_a_head_for_other_vectors_is_refused(saved, tmp_path):
    write_head(tmp_path / "small", "fake", np.zeros(3, np.float32), np.eye(3, dtype=np.float32), {})
    with pytest.raises(DataError, match=r"shape \(4, 3\), expected \(9, 8\)"):
        Tuned(str(tmp_path / "small")).encode(["a"])


def test_tuning_brings_pairs_together(bert, tmp_path):
    pytest.importorskip("torch")
    from polyalign.encoders.transformer import Transformer
    from polyalign.encoders.tune import tune

    encoder = Transformer(str(bert))
    before = encoder.encode(SRC) @ encoder.encode(TGT).T
    made = tune(encoder, SRC, TGT, steps=30, batch=4, learning_rate=1e-2)
    x, y = made.encode(SRC), made.encode(TGT)

    def right(cos):
        return np.diag(cos).mean() - cos.mean()

    assert right(x @ y.T) > right(before) + 0.2
    # The encoder itself is what it was, in memory and on disk.
    assert (encoder.encode(SRC) @ encoder.encode(TGT).T == before).all()
    assert encoder.vectors(SRC[:1])[0] @ encoder.vectors(TGT[:1])[0] == pytest.approx(
        Transformer(str(bert)).vectors(SRC[:1])[0] @ Transformer(str(bert)).vectors(TGT[:1])[0]
    )
    made.write(tmp_path / "tuned")
    assert Transformer(str(tmp_path / "tuned")).encode(SRC) == pytest.approx(x, abs=2e-3)


def test_a_folder_of_sentence_transformers_keeps_its_modules(sentence_bert, tmp_path):
    pytest.importorskip("torch")
    from polyalign.encoders.transformer import Transformer
    from polyalign.encoders.tune import tune

    made = tune(Transformer(str(sentence_bert)), SRC, TGT, steps=3, batch=4, learning_rate=1e-2)
    made.write(tmp_path / "tuned")
    rows = Transformer(str(tmp_path / "tuned")).encode([*SRC, ""])
    assert rows == pytest.approx(made.encode([*SRC, ""]), abs=2e-3)
    assert rows.shape == (7, 8)


def test_the_same_seed_gives_the_same_weights(bert):
    pytest.importorskip("torch")
    from polyalign.encoders.transformer import Transformer
    from polyalign.encoders.tune import tune

    runs = [tune(Transformer(str(bert)), SRC, TGT, steps=4, batch=3, seed=s, learning_rate=1e-3) for s in (1, 1, 2)]
    rows = [made.encode(SRC).tobytes() for made in runs]
    assert rows[0] == rows[1] != rows[2]


def test_the_loss_is_that_of_the_equation():
    torch = pytest.importorskip("torch")
    from polyalign.encoders.tune import _loss

    random = np.random.default_rng(0)
    x, y = (unit(random.normal(size=(4, 3)).astype(np.float32)) for _ in range(2))
    src, tgt = ["a", "b", "a", "c"], ["w", "x", "y", "x"]
    allowed = np.array([[i == j or (src[i] != src[j] and tgt[i] != tgt[j]) for j in range(4)] for i in range(4)])
    e = np.where(allowed, np.exp(x @ y.T / 0.1), 0)
    expected = -(np.log(np.diag(e) / e.sum(axis=1)).mean() + np.log(np.diag(e) / e.sum(axis=0)).mean()) / 2
    assert float(_loss(torch.tensor(x), torch.tensor(y), src, tgt, 0.1)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("src", "tgt"), [(["a"], ["b"]), (["a", "b"], ["c"])])
def test_too_little_to_tune_on(src, tgt):
    pytest.importorskip("torch")
    from polyalign.encoders.tune import tune

    with pytest.raises(DataError, match="expected as many, and at least two"):
        tune(Fake(), src, tgt)


def test_only_whole_transformers_are_tuned(bert):
    pytest.importorskip("torch")
    from polyalign.encoders.transformer import Transformer
    from polyalign.encoders.tune import tune

    for encoder in (Fake(), Transformer(str(bert), layer=1)):
        with pytest.raises(ConfigError, match="tune the head only"):
            tune(encoder, SRC, TGT)
