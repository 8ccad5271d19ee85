"""What is trained changes, and nothing else does."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError
from polyalign.models.language_model import read_model, with_rows, write_model
from polyalign.models.training.train import Training
from polyalign.models.training.weights.attached import vocabulary
from polyalign.models.training.weights.embeddings_first import EmbeddingsFirst
from polyalign.models.training.weights.full import Full
from polyalign.models.training.weights.layers import Layers
from polyalign.models.training.weights.lora import LoRA

GIVEN = {"steps": 4, "batch": 2, "length": 32, "learning_rate": 1e-2, "save_every": 0, "precision": "float32"}
NEW = np.array([326, 328], np.int32)


def state(made):
    return {name: p.detach().clone() for name, p in made.model.named_parameters()}


def changed(before, after):
    import torch

    return {name for name, p in after.items() if not torch.equal(p, before[name])}


def trained(made, documents, weights, *, new=None, **more):
    before = state(made)
    done = Training(**{**GIVEN, **more}, weights=weights).fit(made, documents, new=new)
    return before, state(done), done


def rows_changed(before, after, name="model.embed_tokens.weight"):
    return np.flatnonzero((before[name] != after[name]).any(dim=1).numpy()).tolist()


@pytest.mark.parametrize("kind", ["causal", "untied", "masked"])
def test_full_changes_everything(kind, request, documents, pairs):
    made = request.getfixturevalue(kind)
    mlm = kind == "masked"
    more = {"objectives": ({"use": "mlm"},)} if mlm else {}
    before, after, done = trained(made, pairs if mlm else documents, {"use": "full"}, **more)
    assert done.model is made.model
    assert changed(before, after) >= {
        n for n in after if "position" not in n and "pooler" not in n and "token_type" not in n
    }


@pytest.mark.parametrize("kind", ["causal", "untied"])
def test_embeddings_alone(kind, request, documents):
    before, after, _ = trained(request.getfixturevalue(kind), documents, {"use": "embeddings"})
    ends = {"model.embed_tokens.weight"} | ({"lm_head.weight"} if kind == "untied" else set())
    assert changed(before, after) == ends


@pytest.mark.parametrize("kind", ["causal", "untied"])
@pytest.mark.parametrize("how", ["known", "from"])
def test_new_rows_alone(kind, how, request, documents):
    made = request.getfixturevalue(kind)
    given = {"use": "embeddings", "rows": "new"} | ({"new_from": 325} if how == "from" else {})
    before, after, _ = trained(
        made, documents, given, new=NEW if how == "known" else None, trainer={"weight_decay": 0.5}
    )
    expected = NEW.tolist() if how == "known" else list(range(325, 330))
    # Rows of the head are all told from what is right; those of the embeddings only where they occur.
    name = "lm_head.weight" if kind == "untied" else "model.embed_tokens.weight"
    assert rows_changed(before, after, name) == expected
    assert set(rows_changed(before, after)) <= set(expected)
    assert not any(p._backward_hooks for p in made.model.parameters())


@pytest.mark.parametrize("weights", [{"use": "embeddings", "rows": "new"}, {"use": "layers", "rows": "new"}])
def test_new_rows_that_there_are_not(weights, causal, documents):
    with pytest.raises(ConfigError, match=r"weights: found no new pieces, expected some .* say from which number on"):
        Training(**GIVEN, weights=weights).fit(causal, documents)
    with pytest.raises(ConfigError, match="found no new pieces"):
        Training(**GIVEN, weights={**weights, "new_from": 5000}).fit(causal, documents)


def test_the_rows_come_first_and_then_everything(tiny_llama, documents):
    seen = []
    for steps in (1, 2):
        # The whole is always of four steps; the rate of each step is the same.
        made = read_model(str(tiny_llama))
        attached = EmbeddingsFirst(share=0.5).attach(made)
        for done in (0.0, 0.25, 0.5, 0.75)[: 2 * steps]:
            attached.before(done)
        seen.append({n for n, p in made.model.named_parameters() if p.requires_grad})
    assert seen[0] == {"model.embed_tokens.weight"}
    assert seen[1] == set(state(made))
    before, after, _ = trained(read_model(str(tiny_llama)), documents, {"use": "embeddings-first", "share": 0.9})
    assert changed(before, after) == {"model.embed_tokens.weight"}
    before, after, _ = trained(read_model(str(tiny_llama)), documents, {"use": "embeddings-first", "share": 0.4})
    assert changed(before, after) == set(after)


@pytest.mark.parametrize(
    ("given", "prefixes"),
    [
        ({"first": 1}, ("model.layers.1.",)),
        ({"last": 1}, ("model.layers.0.",)),
        ({}, ("model.layers.0.", "model.layers.1.")),
        ({"first": 1, "rows": "all"}, ("model.layers.1.", "model.embed_tokens.")),
    ],
)
def test_a_range_of_layers(given, prefixes, causal, documents):
    before, after, _ = trained(causal, documents, {"use": "layers", **given})
    assert changed(before, after) == {n for n in after if n.startswith(prefixes)}


def test_layers_that_the_model_has_not(causal, documents):
    with pytest.raises(ConfigError, match="last = 3, found 2 layers, expected as many at least; lower it"):
        Training(**GIVEN, weights={"use": "layers", "last": 3}).fit(causal, documents)
    causal.model.config.num_hidden_layers = 7
    with pytest.raises(ConfigError, match="found no list of 7 layers"):
        Layers().attach(causal)


def test_rates_are_followed(tiny_llama, documents):
    moved = {}
    for weights in ({"use": "full"}, {"use": "full", "rows_rate": 0.1}, {"use": "layers", "fall": 0.1, "rows": "all"}):
        before, after, _ = trained(read_model(str(tiny_llama)), documents, weights, steps=1, warmup=0.0)
        moved[str(weights)] = {n: float((after[n] - before[n]).abs().max()) for n in after}
    full, slow, fall = moved.values()
    # The first step of Adam is the rate, whatever the gradient.
    assert slow["model.embed_tokens.weight"] == pytest.approx(full["model.embed_tokens.weight"] / 10, rel=0.02)
    name = "model.layers.{}.mlp.up_proj.weight"
    assert slow[name.format(0)] == pytest.approx(full[name.format(0)], rel=1e-3)
    assert fall[name.format(1)] == pytest.approx(full[name.format(1)], rel=0.02)
    assert fall[name.format(0)] == pytest.approx(full[name.format(0)] / 10, rel=0.02)
    assert fall["model.embed_tokens.weight"] == pytest.approx(full["model.embed_tokens.weight"] / 100, rel=0.02)


def test_what_an_objective_trains_beside_the_model_has_the_whole_rate(masked, pairs):
    objectives = ({"use": "dwa"},)
    before, after, _ = trained(masked, pairs, {"use": "layers", "first": 1, "fall": 0.5}, objectives=objectives)
    assert changed(before, after)
    assert all(".layer.1." in n for n in changed(before, after))


def test_what_has_a_row_a_piece_is_found(causal, untied, masked):
    assert len(vocabulary(causal)) == 1
    assert len(vocabulary(untied)) == 2
    # The head of a masked model has a bias of its own.
    assert sorted(p.dim() for p in vocabulary(masked)) == [1, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((Full, {"rows_rate": 0.0}), "rows_rate must be above 0"),
        ((EmbeddingsFirst, {"share": 1.0}), "share must be above 0 and below 1"),
        ((Layers, {"first": 2, "last": 2}), "must name a layer at least"),
        ((Layers, {"fall": 0.0}), "fall must be above 0"),
        ((LoRA, {"rank": 0}), "rank must be at least 1"),
        ((LoRA, {"alpha": 0}), "alpha must be above 0"),
        ((LoRA, {"dropout": 1.0}), "dropout must be at least 0 and below 1"),
        ((LoRA, {"bits": 4}), "bits = 4 cannot be merged without loss"),
        ((LoRA, {"rows": "all", "merge": False}), "rows = 'all' are the model's own"),
    ],
)
def test_parameters(given, said):
    method, parameters = given
    with pytest.raises(ValueError, match=said):
        method(**parameters)
    with pytest.raises(ConfigError, match="new_from must be at least 0"):
        params.build(registry.find("models.weights/embeddings"), {"new_from": -1})


# -- LoRA


@pytest.mark.parametrize("kind", ["causal", "untied"])
def test_lora_begins_as_the_model_and_is_merged_into_it(kind, request, documents, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("peft")
    made = request.getfixturevalue(kind)
    tokens = torch.tensor([[1, 40, 50, 60]])
    with torch.no_grad():
        logits = made.model(tokens).logits
        attached = LoRA(rank=2).attach(made, new=NEW)
        assert torch.equal(attached.made.model(tokens).logits, logits)
    attached.finish()
    again = read_model(made.name)
    before, after, done = trained(again, documents, {"use": "lora", "rank": 2}, new=NEW)
    assert set(after) == set(before)
    assert done.tied == (kind == "causal")
    matrices = {n for n in after if "proj" in n}
    assert changed(before, after) >= matrices
    assert not changed(before, after) & {n for n in after if "norm" in n}
    assert set(rows_changed(before, after)) <= set(NEW.tolist())
    # Rows of the head are all told from what is right; those of the embeddings only where they occur.
    assert (
        rows_changed(before, after, "lm_head.weight" if kind == "untied" else "model.embed_tokens.weight")
        == NEW.tolist()
    )
    write_model(done, tmp_path / "out")
    reread = read_model(str(tmp_path / "out"))
    with torch.no_grad():
        assert torch.allclose(reread.model(tokens).logits, done.model(tokens).logits, atol=1e-5)


def test_lora_with_all_rows(causal, documents):
    pytest.importorskip("peft")
    before, after, done = trained(causal, documents, {"use": "lora", "rank": 2, "rows": "all"})
    assert len(rows_changed(before, after)) > 300
    assert done.tied


def test_lora_is_kept_apart_if_asked_for(causal, documents, tmp_path):
    peft = pytest.importorskip("peft")
    import torch

    _, _, done = trained(causal, documents, {"use": "lora", "rank": 2, "merge": False})
    write_model(done, tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size < 60_000
    base = read_model(causal.name)
    tokens = torch.tensor([[1, 40, 50, 60]])
    with torch.no_grad():
        put = peft.PeftModel.from_pretrained(base.model, tmp_path / "adapter").eval()
        assert torch.allclose(put(tokens).logits, done.model(tokens).logits, atol=1e-5)


def test_lora_goes_on_from_a_checkpoint(tiny_llama, documents, tmp_path):
    pytest.importorskip("peft")
    import shutil

    weights = {"use": "lora", "rank": 2}
    given = {**GIVEN, "save_every": 2}
    whole = Training(**given, weights=weights).fit(read_model(str(tiny_llama)), documents, work=tmp_path, new=NEW)
    (folder,) = tmp_path.iterdir()
    shutil.rmtree(folder / "checkpoint-4", ignore_errors=True)
    again = Training(**given, weights=weights).fit(read_model(str(tiny_llama)), documents, work=tmp_path, new=NEW)
    assert not changed(state(whole), state(again))


def test_modules_that_the_model_has_not(causal):
    pytest.importorskip("peft")
    with pytest.raises(ConfigError, match=r"weights: .*; name other modules"):
        LoRA(modules=("nothing",)).attach(causal)


def test_few_bits_need_a_gpu_and_bitsandbytes(causal, monkeypatch):
    pytest.importorskip("peft")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ConfigError, match=r"weights: bits = 4 needs a GPU.*, found none here; set bits = 32"):
        LoRA(bits=4, merge=False).attach(causal)


def test_a_model_with_new_pieces_is_trained_on_from_their_rows(causal, documents):
    from polyalign.models.language_model import read_tokenizer

    tokenizer = read_tokenizer(causal.name)
    tokenizer.add_tokens(["sat on"])
    (rows,) = causal.matrices()
    grown = with_rows(causal, tokenizer, [np.vstack([rows, rows.mean(axis=0)[None]])])
    before, after, done = trained(grown, documents, {"use": "embeddings", "rows": "new"}, new=np.array([330], np.int32))
    assert rows_changed(before, after) == [330]
    assert done.tied
