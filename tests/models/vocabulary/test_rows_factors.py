"""Embeddings of low rank inside a model: the same numbers, trained as such, saved and read."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.errors import DataError

for needed in ("torch", "transformers", "safetensors"):
    pytest.importorskip(needed)

import torch  # noqa: E402

from polyalign.models.language_model import read_model, with_rows, write_model  # noqa: E402
from polyalign.models.vocabulary.rows.factors import (  # noqa: E402
    WEIGHTS,
    factorised,
    factors,
    is_factorised,
    read_factorised,
    whole,
    write_factorised,
)
from tests.models.tiny import llama  # noqa: E402


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def made(request, tmp_path):
    return read_model(str(llama(tmp_path / "model", tied=request.param)))


def scores(made):
    ids = made.tokenizer("the cat sat on 12 mats", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return made.model(input_ids=ids).logits.numpy()


def test_factors_are_the_best_of_their_rank():
    matrix = np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    own, common = factors(matrix, 3)
    assert (own.shape, common.shape) == ((30, 3), (3, 8))
    np.testing.assert_allclose(own @ common, (u[:, :3] * s[:3]) @ v[:3], atol=1e-5)
    np.testing.assert_allclose(own.T @ own, np.eye(3), atol=1e-5)
    whole_own, whole_common = factors(matrix, 99)
    np.testing.assert_allclose(whole_own @ whole_common, matrix, atol=1e-5)


def test_factors_of_nothing():
    own, common = factors(np.zeros((4, 3), np.float32), 2)
    assert not (own @ common).any()


def test_of_full_rank_nothing_changes(made):
    before = scores(made)
    assert not is_factorised(made.model)
    changed = factorised(made, 16)
    assert is_factorised(changed.model)
    np.testing.assert_allclose(scores(changed), before, atol=1e-4)


def test_of_low_rank_it_is_the_model_with_those_rows(made, tmp_path):
    write_model(made, tmp_path / "same")
    other = read_model(str(tmp_path / "same"))
    low = [np.matmul(*factors(m, 5)) for m in other.matrices()]
    wanted = scores(with_rows(other, other.tokenizer, low))
    count = sum(p.numel() for p in made.model.parameters())
    changed = factorised(made, 5)
    np.testing.assert_allclose(scores(changed), wanted, atol=1e-4)
    assert sum(p.numel() for p in changed.model.parameters()) < count


def test_factors_are_trained(made):
    changed = factorised(made, 5)
    ids = changed.tokenizer("the cat", return_tensors="pt")["input_ids"]
    changed.model(input_ids=ids, labels=ids).loss.backward()
    table = changed.model.get_input_embeddings()
    assert table.own.grad.any()
    assert table.common.grad.any()
    names = [n for n, _ in changed.model.named_parameters()]
    assert not [n for n in names if n.endswith(("embed_tokens.weight", "lm_head.weight"))]


def test_saved_and_read(made, tmp_path):
    changed = factorised(made, 5)
    with torch.no_grad():
        changed.model.get_input_embeddings().own.mul_(1.5)
    write_factorised(changed, tmp_path / "low")
    again = read_factorised(tmp_path / "low")
    assert is_factorised(again.model)
    np.testing.assert_allclose(scores(again), scores(changed), atol=1e-5)
    assert again.tokenizer.chat_template == changed.tokenizer.chat_template
    assert again.model.get_output_embeddings().table.own.shape == (len(again.tokenizer), 5)
    assert not (tmp_path / "low" / "model.safetensors").exists()


def test_it_is_put_where_it_is_asked_for_and_told_from_others(made, tmp_path):
    (tmp_path / "low").mkdir()
    write_model(factorised(made, 5), tmp_path / "low")
    again = read_model(str(tmp_path / "low"), dtype="bfloat16")
    assert is_factorised(again.model)
    assert {p.dtype for p in again.model.parameters()} == {torch.bfloat16}
    assert read_model(str(tmp_path / "low")).model.dtype == torch.float32
    write_model(again, tmp_path / "other")
    assert read_model(str(tmp_path / "other")).key != again.key


def test_a_model_that_was_never_saved_is_written(tmp_path):
    made = read_model(str(llama(tmp_path / "m")))
    made.model.config.architectures = None
    write_factorised(factorised(made, 4), tmp_path / "low")
    np.testing.assert_allclose(scores(read_factorised(tmp_path / "low")), scores(made), atol=1e-6)


def test_new_rows_make_it_whole(made):
    low = factorised(made, 4)
    fresh = [np.full_like(m, k + 1) for k, m in enumerate(low.matrices())]
    out = with_rows(low, low.tokenizer, fresh)
    assert not is_factorised(out.model)
    for matrix, wanted in zip(out.matrices(), fresh, strict=True):
        np.testing.assert_array_equal(matrix, wanted)


def test_a_lower_rank_in_place_of_a_low_one(made):
    once = [u @ p for u, p in (factors(m, 3) for m in made.matrices())]
    twice = factorised(factorised(made, 8), 3)
    for matrix, wanted in zip(twice.matrices(), once, strict=True):
        np.testing.assert_allclose(matrix, wanted, atol=1e-5)


def test_it_is_read_and_written_like_any_model(made, tmp_path):
    low = factorised(made, 4)
    assert low.tied == (len(low.matrices()) == 1)
    write_model(low, tmp_path / "low")
    again = read_model(str(tmp_path / "low"))
    assert is_factorised(again.model)
    np.testing.assert_allclose(scores(again), scores(low), atol=1e-6)


def test_whole_again_it_is_an_ordinary_model(made, tmp_path):
    changed = factorised(made, 5)
    wanted = scores(changed)
    ordinary = whole(changed)
    assert not is_factorised(ordinary.model)
    assert whole(ordinary) is ordinary
    np.testing.assert_allclose(scores(ordinary), wanted, atol=1e-4)
    write_model(ordinary, tmp_path / "ordinary")
    again = read_model(str(tmp_path / "ordinary"))
    assert again.tied == ordinary.tied
    np.testing.assert_allclose(scores(again), wanted, atol=1e-4)


def test_a_scale_that_embeddings_have_stays(tmp_path):
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    made = read_model(str(llama(tmp_path / "m")))
    config = Gemma3TextConfig(
        vocab_size=len(made.tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=64, sliding_window=16,
    )  # fmt: skip
    torch.manual_seed(1)
    Gemma3ForCausalLM(config).save_pretrained(tmp_path / "g")
    made.tokenizer.save_pretrained(tmp_path / "g")
    gemma = read_model(str(tmp_path / "g"))
    before = scores(gemma)
    np.testing.assert_allclose(scores(factorised(gemma, 16)), before, atol=1e-4)
    write_factorised(gemma, tmp_path / "low")
    np.testing.assert_allclose(scores(read_factorised(tmp_path / "low")), before, atol=1e-4)


def test_a_masked_model_with_a_bias(tmp_path):
    from transformers import BertConfig, BertForMaskedLM

    made = read_model(str(llama(tmp_path / "m")))
    config = BertConfig(
        vocab_size=len(made.tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    torch.manual_seed(1)
    bert = BertForMaskedLM(config)
    torch.nn.init.normal_(bert.cls.predictions.bias)
    bert.save_pretrained(tmp_path / "b")
    made.tokenizer.save_pretrained(tmp_path / "b")
    masked = read_model(str(tmp_path / "b"), kind="masked")
    before = scores(masked)
    np.testing.assert_allclose(scores(factorised(masked, 16)), before, atol=1e-4)
    write_factorised(masked, tmp_path / "low")
    np.testing.assert_allclose(scores(read_factorised(tmp_path / "low")), before, atol=1e-4)


@pytest.mark.parametrize("rank", [0, 17])
def test_a_rank_that_is_none(rank, made):
    with pytest.raises(ValueError, match="rank must be from 1 to 16"):
        factorised(made, rank)


def test_what_cannot_be_written(made, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="found ordinary embeddings"):
        write_factorised(made, tmp_path / "low")
    changed = factorised(made, 5)
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "mine").touch()
    with pytest.raises(DataError, match="is there already"):
        write_factorised(changed, tmp_path / "low")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        write_factorised(changed, tmp_path / "new")
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part") or p.name == "new"]


def test_what_cannot_be_read(made, tmp_path):
    with pytest.raises(DataError, match=r"found no factorised\.json"):
        read_factorised(tmp_path)
    write_factorised(factorised(made, 5), tmp_path / "low")
    (tmp_path / "low" / WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(DataError, match="the model cannot be read"):
        read_factorised(tmp_path / "low")


def test_weights_that_are_missing(made, tmp_path):
    from safetensors.torch import load_file, save_file

    write_factorised(factorised(made, 5), tmp_path / "low")
    state = load_file(str(tmp_path / "low" / WEIGHTS))
    del state[next(n for n in state if n.endswith("norm.weight"))]
    save_file(state, str(tmp_path / "low" / WEIGHTS))
    with pytest.raises(DataError, match="other weights than the model has"):
        read_factorised(tmp_path / "low")
