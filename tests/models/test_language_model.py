from __future__ import annotations

import errno
import json

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.models.language_model import read_model, with_rows, write_model  # noqa: E402
from tests.models import tiny  # noqa: E402


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def folder(request, tmp_path):
    return tiny.llama(tmp_path / "model", tied=request.param)


def logits(made, text):
    ids = torch.tensor([made.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        return made.model(input_ids=ids).logits.numpy()


def test_what_is_written_is_the_same_model(folder, tmp_path):
    made = read_model(str(folder))
    assert made.causal
    assert len(made.matrices()) == (1 if made.tied else 2)
    write_model(made, tmp_path / "again")
    again = read_model(str(tmp_path / "again"))
    np.testing.assert_array_equal(logits(again, "the cat"), logits(made, "the cat"))
    assert again.tied == made.tied
    assert again.tokenizer.chat_template == tiny.TEMPLATE
    assert not list(tmp_path.glob(".*part"))
    # Its key tells it from itself with other weights.
    assert again.key != made.key == read_model(str(folder)).key


def test_rows_move_with_their_pieces(folder, tmp_path):
    made = read_model(str(folder))
    before = logits(made, "the cat sat")[0, -1]
    old, size = made.tokenizer, len(made.tokenizer)
    new = tiny.byte_level(pieces=300)
    to = [old.get_vocab().get(p) for p in sorted(new.get_vocab(), key=new.get_vocab().get)]
    assert None not in to
    # Kept rows in another order, as a trimmed vocabulary has them.
    other = with_rows(made, new, [m[to] for m in made.matrices()])
    write_model(other, tmp_path / "other")
    found = read_model(str(tmp_path / "other"))
    assert found.model.config.vocab_size == len(new) < size
    ids = torch.tensor([[to.index(i) for i in old("the cat sat")["input_ids"] if i in to]])
    if len(ids[0]) == len(old("the cat sat")["input_ids"]):
        with torch.no_grad():
            after = found.model(input_ids=ids).logits[0, -1].numpy()
        np.testing.assert_allclose(after, before[to], atol=1e-6)
    assert found.model.config.eos_token_id == new.eos_token_id
    assert found.model.generation_config.eos_token_id == new.eos_token_id


def test_rows_of_other_shapes_are_refused(folder):
    made = read_model(str(folder))
    with pytest.raises(ValueError, match="rows: found"):
        with_rows(made, made.tokenizer, [m[:-1] for m in made.matrices()])
    with pytest.raises(ValueError, match="rows: found"):
        with_rows(made, made.tokenizer, made.matrices() * 3)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = tiny.llama(tmp_path / "model")
    tiny.byte_level(pieces=340, texts=[*tiny.TEXT, "quite other words about something else entirely"]).save_pretrained(
        folder
    )
    with pytest.raises(DataError, match="found a tokenizer of 340 pieces and a model of 330 rows"):
        read_model(str(folder))


def test_a_tokenizer_that_is_not_fast_is_refused(tmp_path, monkeypatch):
    folder = tiny.llama(tmp_path / "model")
    slow = type("Slow", (), {"is_fast": False})()
    monkeypatch.setattr("polyalign.models.language_model.load", lambda *a, **k: slow)
    with pytest.raises(ConfigError, match="Slow, expected a fast one"):
        read_model(str(folder))


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    made = read_model(str(tiny.llama(tmp_path / "model")))

    def full(*args, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(made.tokenizer, "save_pretrained", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left"):
        write_model(made, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    made = read_model(str(tiny.llama(tmp_path / "model")))
    with pytest.raises(DataError, match="is there already"):
        write_model(made, tmp_path / "model")
    assert (tmp_path / "model" / "config.json").exists()


def test_a_real_model_from_gguf_is_written_and_its_digits_stand_alone(smollm2):
    config = json.loads((smollm2 / "config.json").read_text())
    assert "quantization_config" not in config
    made = read_model(str(smollm2))
    assert "Digits" in made.tokenizer.backend_tokenizer.to_str()
    assert made.tokenizer.tokenize("In 2021") == ["In", "Ġ", "2", "0", "2", "1"]
    best = made.tokenizer.decode(logits(made, "The capital of France is")[0, -1].argmax())
    assert best == " Paris"
