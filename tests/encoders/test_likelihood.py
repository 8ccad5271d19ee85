"""Likelihoods: equal a pass of the model text by text, whatever the batch and the window."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.encoders import likelihood  # noqa: E402
from polyalign.encoders.likelihood import Likelihood  # noqa: E402

TEXTS = ["the cat sat on the mat", "", "a red dog", "blue", "the green tree and the blue sky, not the house!"]
BEGIN, END = 2, 3


def by_hand(folder, text, *, start=BEGIN, before=None):
    """Nats of each token of a text, one pass for it alone."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] if before is None else before
    with torch.no_grad():
        scores = model(torch.tensor([[start, *ids]])).logits[0].log_softmax(1)
    return np.array([-float(scores[k, i]) for k, i in enumerate(ids)])


def test_equals_a_pass_for_each_text_alone(llama):
    found = Likelihood(str(llama), device="cpu").token_nats(TEXTS)
    for row, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(row, by_hand(llama, text), atol=1e-4)


def test_nats_are_sums_and_an_empty_text_has_none(llama):
    model = Likelihood(str(llama), device="cpu")
    np.testing.assert_allclose(model.nats(TEXTS), [row.sum() for row in model.token_nats(TEXTS)])
    assert model.nats(TEXTS)[1] == 0
    assert model.nats([]).shape == (0,)


def test_probabilities_of_all_next_tokens_add_up_to_one(llama):
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    every = [by_hand(llama, "", before=[i])[0] for i in range(len(tokenizer))]
    assert np.exp(-np.array(every)).sum() == pytest.approx(1, abs=1e-4)
    assert Likelihood(str(llama), device="cpu").nats(["cat"])[0] == pytest.approx(
        every[tokenizer.convert_tokens_to_ids("cat")], abs=1e-4
    )


@pytest.mark.parametrize("scores", [1 << 27, 200, 1])
def test_the_batch_changes_nothing(llama, monkeypatch, scores):
    monkeypatch.setattr(likelihood, "SCORES", scores)
    together = Likelihood(str(llama), device="cpu").nats(TEXTS * 3)
    np.testing.assert_allclose(together, np.tile([by_hand(llama, t).sum() for t in TEXTS], 3), atol=1e-3)


def test_a_text_longer_than_the_window_is_read_in_windows_that_overlap(llama):
    text = " ".join(["the", "cat", "sat", "on", "a", "red"] * 5)
    ids = transformers.AutoTokenizer.from_pretrained(llama)(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == 30
    found = Likelihood(str(llama), device="cpu", window=13).token_nats([text])[0]
    # Windows of 12 tokens, half of each before what is measured in it, but for the first.
    expected, measured = [], 0
    for a in (0, 6, 12, 18):
        nats = by_hand(llama, "", before=ids[a : a + 12])
        expected += nats[measured - a :].tolist()
        measured = a + 12
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(found) == 30


def test_five_thousand_tokens_are_all_measured(llama):
    found = Likelihood(str(llama), device="cpu").token_nats(["cat " * 5000])[0]
    assert len(found) == 5000
    assert (found > 0).all()


def test_the_token_that_a_text_begins_with_can_be_chosen(llama):
    model = Likelihood(str(llama), start="[SEP]", device="cpu")
    assert model.nats(["a dog"])[0] == pytest.approx(by_hand(llama, "a dog", start=END).sum(), abs=1e-4)
    assert model.key != Likelihood(str(llama), device="cpu").key
    with pytest.raises(ConfigError, match=r"start = '<bos>': the tokenizer has no such token"):
        Likelihood(str(llama), start="<bos>", device="cpu").nats(["a"])


def test_unknown_tokens_are_told(llama, capsys):
    Likelihood(str(llama), device="cpu").nats(["the 犬"])
    assert "1 of 2 tokens are unknown to the tokenizer" in " ".join(capsys.readouterr().err.split())


def test_lone_surrogates_do_no_harm(llama):
    assert np.isfinite(Likelihood(str(llama), device="cpu").nats(["a \ud800 b"])).all()


def test_an_encoder_is_refused(bert):
    with pytest.raises(ConfigError, match=r"found a BertModel, expected a causal language model"):
        Likelihood(str(bert), device="cpu").nats(["a"])


def changed(llama, tmp_path, change):
    from safetensors.numpy import load_file, save_file

    shutil.copytree(llama, folder := tmp_path / "changed")
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def test_a_model_without_its_head_is_refused(llama, tmp_path):
    folder = changed(llama, tmp_path, lambda w: w.pop("lm_head.weight"))
    with pytest.raises(DataError, match=r"the weights have no lm_head.weight, expected a model with its head"):
        Likelihood(folder, device="cpu").nats(["a"])


def test_probabilities_that_are_not_finite_are_refused(llama, tmp_path):
    folder = changed(llama, tmp_path, lambda w: w["model.norm.weight"].fill(np.nan))
    with pytest.raises(DataError, match=r"the probability of 'a dog' is not finite"):
        Likelihood(folder, device="cpu").nats(["a dog"])


def test_a_tokenizer_without_marks_is_refused(llama, tmp_path):
    shutil.copytree(llama, folder := tmp_path / "bare")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for name in ("bos_token", "eos_token"):
        settings.pop(name)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(ConfigError, match=r"no mark that a text begins with; name a token with start"):
        Likelihood(str(folder), device="cpu").nats(["a"])


def test_a_window_too_small_is_refused():
    with pytest.raises(ValueError, match="a window has 4 tokens at least"):
        Likelihood("x", window=3)
