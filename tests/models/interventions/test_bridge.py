"""An encoder in front of a language model: what is learnt lies between, and nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError

for needed in ("torch", "transformers"):
    pytest.importorskip(needed)

import torch  # noqa: E402

from polyalign.models.interventions.bridge import Bridge  # noqa: E402
from polyalign.models.interventions.hooks import fingerprint  # noqa: E402
from polyalign.models.interventions.lingualift import LinguaLIFT  # noqa: E402
from polyalign.models.interventions.mt_llm import MTLLM  # noqa: E402
from polyalign.models.training.objective import Parallel  # noqa: E402
from tests.models.interventions.tiny import SRC, TGT, tiny  # noqa: E402

PAIRS = Parallel("deu_Latn", "eng_Latn", Bitext.build(SRC, TGT))


@pytest.fixture(scope="module")
def made():
    return tiny()


@pytest.fixture(scope="module")
def name(bert):
    return f"{bert}:device=cpu"


@pytest.fixture(scope="module")
def bridge(made, name):
    return Bridge.between(name, made, 0, 1)


@pytest.mark.parametrize("method", [LinguaLIFT, MTLLM])
@pytest.mark.parametrize("hidden", [0, 24])
def test_it_learns_and_both_models_stay(made, name, method, hidden):
    settings = {"encoder": name, "hidden": hidden, "batch": 8, "learning_rate": 2e-2}
    before, key = fingerprint(made.model), [p.requires_grad for p in made.model.parameters()]
    fresh = method(**settings, steps=0).fit(made, PAIRS)
    taught = method(**settings, steps=60).fit(made, PAIRS)
    assert method().loss(taught, PAIRS) < 0.75 * method().loss(fresh, PAIRS)
    assert fingerprint(made.model) == before
    assert [p.requires_grad for p in made.model.parameters()] == key
    assert all(p.grad is None for p in made.model.parameters())
    assert fingerprint(taught.encoder.network.model) == fingerprint(fresh.encoder.network.model)
    again = method(**settings, steps=60).fit(made, PAIRS)
    assert again.vectors(SRC).tobytes() == taught.vectors(SRC).tobytes()


def test_embeddings_are_about_as_long_as_the_models_own(made, bridge):
    embeds, mask = bridge.inputs(SRC[:3])
    own = made.model.get_input_embeddings().weight
    assert embeds.shape == (*mask.shape, 16)
    ratio = float((embeds.square().mean().sqrt() / own.square().mean().sqrt()).detach())
    assert 0.7 < ratio < 1.4


def test_states_without_padding_are_the_same(made, bridge):
    texts = [SRC[0], "a", "a longer text than all others"]
    together = bridge.vectors(texts)
    for row, text in zip(together, texts, strict=True):
        with torch.no_grad():
            embeds, _ = bridge.inputs([text])
            start = made.model.get_input_embeddings()(torch.tensor([[0]]))
            hidden = made.model.model(inputs_embeds=torch.cat([start, embeds], dim=1)).last_hidden_state
        np.testing.assert_allclose(row, hidden[0, 1:].mean(dim=0).numpy(), atol=1e-4)
    assert not bridge.vectors(["", " "]).any()


def test_own_vectors_are_the_models(made, bridge):
    texts = [TGT[0], "a", "a longer text than all others"]
    for row, text in zip(bridge.own_vectors(texts), texts, strict=True):
        with torch.no_grad():
            ids = torch.tensor([[0, *made.tokenizer(text)["input_ids"]]])
            hidden = made.model.model(input_ids=ids).last_hidden_state
        np.testing.assert_allclose(row, hidden[0, 1:].mean(dim=0).numpy(), atol=1e-4)


def test_the_loss_is_what_each_pair_gives_alone(made, bridge):
    src, tgt = [SRC[0], "a", "a much longer text than all"], ["x", "the house is rather old", "red"]
    total, count = 0.0, 0
    for s, t in zip(src, tgt, strict=True):
        said = [*made.tokenizer(t)["input_ids"], 1]
        with torch.no_grad():
            embeds, _ = bridge.inputs([s])
            own = made.model.get_input_embeddings()
            rows = torch.cat([own(torch.tensor([[0]])), embeds, own(torch.tensor([said]))], dim=1)
            scores = made.model(inputs_embeds=rows).logits[0, embeds.shape[1] : -1].log_softmax(dim=1)
        total -= float(scores[range(len(said)), said].sum())
        count += len(said)
    found = LinguaLIFT().loss(bridge, Parallel("a", "b", Bitext.build(src, tgt)))
    assert found == pytest.approx(total / count, abs=1e-4)


def test_a_loss_of_1_is_knowing_nothing_but_the_mean(made, bridge, monkeypatch):
    mean = bridge.own_vectors(TGT).mean(axis=0)
    monkeypatch.setattr(Bridge, "vectors", lambda self, texts: np.tile(mean, (len(texts), 1)))
    assert MTLLM().loss(bridge, PAIRS) == pytest.approx(1)


def test_long_pairs_are_left_out_and_it_is_said(made, name, capsys):
    more = replace(PAIRS, bitext=Bitext.build([*SRC, "猫 " * 30, "a"], [*TGT, "b", "x" * 100]))
    method = LinguaLIFT(encoder=name, steps=3, max_tokens=20)
    with_more = method.fit(made, more)
    assert "lingualift: 2 of 26 pairs have more than 20 tokens and are left out" in capsys.readouterr().err
    assert with_more.vectors(SRC[:2]).tobytes() == method.fit(made, PAIRS).vectors(SRC[:2]).tobytes()
    for one in (LinguaLIFT, MTLLM):
        with pytest.raises(DataError, match=r"found 0 pairs .* expected 2 at least"):
            one(encoder=name, max_tokens=1).fit(made, PAIRS)


def test_saved_and_loaded(made, bridge, tmp_path):
    bridge.save(tmp_path)
    assert Bridge.load(tmp_path, made).vectors(SRC).tobytes() == bridge.vectors(SRC).tobytes()
    with pytest.raises(ConfigError, match="learnt for another language model"):
        Bridge.load(tmp_path, tiny(seed=2))
    settings = json.loads((tmp_path / "bridge.json").read_text())
    (tmp_path / "bridge.json").write_text(json.dumps({**settings, "encoder_key": "other"}))
    with pytest.raises(ConfigError, match="learnt for another encoder"):
        Bridge.load(tmp_path, made)
    (tmp_path / "bridge.json").write_text(json.dumps({**settings, "hidden": 8}))
    with pytest.raises(DataError, match="found other tensors than a bridge has"):
        Bridge.load(tmp_path, made)
    (tmp_path / "bridge.json").write_text("{}")
    with pytest.raises(DataError, match="found no 'encoder' in it"):
        Bridge.load(tmp_path, made)


def test_what_does_not_fit(made, name):
    with pytest.raises(ConfigError, match="found a LlamaModel, expected a causal language model"):
        Bridge.between(name, replace(made, model=made.model.base_model), 0, 1)
    with pytest.raises(DataError, match=r"found a text of \d+ tokens, expected 32 at most"):
        Bridge.between(name, made, 0, 1).vectors(["a " * 40])
    nothing = Parallel("a", "b", Bitext.build(["", "a"], ["b", " "]))
    bridge = Bridge.between(name, made, 0, 1)
    with pytest.raises(ConfigError, match="lingualift: found no pair"):
        LinguaLIFT().loss(bridge, nothing)
    with pytest.raises(ConfigError, match="mt-llm: found 0 pairs"):
        MTLLM().loss(bridge, nothing)


def test_weights_that_are_no_numbers(made, name):
    with pytest.raises(ConfigError, match="no numbers, expected numbers; lower learning_rate, now 1e"):
        LinguaLIFT(encoder=name, steps=3, learning_rate=1e30).fit(made, PAIRS)


@pytest.mark.parametrize("method", [LinguaLIFT, MTLLM])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": -1}, "steps must be at least 0"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"hidden": -1}, "hidden must be at least 0"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_settings_out_of_range(method, settings, said):
    with pytest.raises(ValueError, match=said):
        method(**settings)
