"""Adapters: they change nothing at first, learn apart from the model, are saved, swapped and stacked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.encoders.adapters.artefact import SETTINGS, WEIGHTS, Adapters, Shape, attach, attached, attached_to
from polyalign.encoders.adapters.blocks import bottleneck, coupling
from polyalign.encoders.adapters.layers import layers_of, recorded
from polyalign.models.adapters.bottleneck import Bottleneck
from polyalign.models.adapters.invertible import Invertible
from polyalign.models.language_model import read_model, write_model
from polyalign.models.training.objective import Data
from polyalign.models.training.train import Training
from tests.models.tiny import TEXT, llama
from tests.models.training.tiny_masked import masked

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

from polyalign.encoders.causal import Causal  # noqa: E402
from polyalign.encoders.likelihood import Likelihood  # noqa: E402

MADX = Bottleneck(reduction=2, invertible=2)
METHODS = [Bottleneck(), MADX, Invertible()]
each = pytest.mark.parametrize("method", METHODS, ids=["bottleneck", "madx", "invertible"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "causal": llama(root / "causal"),
        "untied": llama(root / "untied", tied=False),
        "masked": masked(root / "masked"),
    }


def read(folders, kind):
    return read_model(str(folders[kind]), kind="masked" if kind == "masked" else "causal")


@pytest.fixture
def made(folders):
    return read(folders, "causal")


def logits(made, text="house the cat sat on the mat"):
    with torch.no_grad():
        return made.model(input_ids=torch.tensor([made.tokenizer(text)["input_ids"]])).logits[0].numpy()


def shaken(adapters, seed=1):
    """Adapters that do something."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for p in adapters.modules.parameters():
            p.normal_(std=0.3)
    return adapters


def shape(made, **given):
    config = made.model.config
    return Shape(
        config.hidden_size,
        config.num_hidden_layers,
        **{"bottleneck": 2, "invertible": 0, "activation": "relu", **given},
    )


def fresh(made, seed=1, **given):
    return shaken(Adapters.new(shape(made, **given), model=made.name, seed=seed), seed)


# -- at first


@each
@pytest.mark.parametrize("kind", ["causal", "untied", "masked"])
def test_new_adapters_change_nothing_and_the_model_stays_as_it_is(method, kind, folders):
    made = read(folders, kind)
    before, weights = logits(made), {n: p.clone() for n, p in made.model.named_parameters()}
    out = method.attach(made)
    np.testing.assert_allclose(logits(made), before, atol=1e-5)
    assert not any(p.requires_grad for p in made.model.parameters())
    assert all(p.requires_grad for p in out.modules["adapters"].parameters())
    shaken(attached_to(made.model)[0])
    assert np.abs(logits(made) - before).max() > 1e-3
    assert out.finish() is made
    assert all(torch.equal(weights[n], p) for n, p in made.model.named_parameters())


def test_a_seed_gives_the_same_first_weights_and_touches_no_generator(made):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    states = [Adapters.new(shape(made, invertible=2), model="x", seed=s).state() for s in (1, 1, 2)]
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    assert any(not torch.equal(states[0][n], states[2][n]) for n in states[0])


def test_the_bottleneck_is_a_narrow_way_beside(made):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = bottleneck(8, 4, "relu")
        for p in module.parameters():
            torch.nn.init.normal_(p)
        h = torch.randn(2, 3, 8)
    (down, _, up), x = module.way, (h / h.square().mean(-1, keepdim=True).sqrt()).detach().numpy()
    assert down.weight.shape == (2, 8)
    middle = np.maximum(x @ down.weight.detach().numpy().T + down.bias.detach().numpy(), 0)
    expected = h.numpy() + middle @ up.weight.detach().numpy().T + up.bias.detach().numpy()
    np.testing.assert_allclose(module(h).detach(), expected, atol=1e-4)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_the_coupling_is_undone_by_its_inverse(activation):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module, x = coupling(10, 2, activation), torch.randn(4, 7, 10)
        np.testing.assert_array_equal(module(x).detach(), x)
        for p in module.parameters():
            torch.nn.init.normal_(p, std=0.5)
    y = module(x)
    assert float((y - x).abs().max().detach()) > 0.1
    np.testing.assert_allclose(module.inverse(y).detach(), x, atol=1e-5)
    np.testing.assert_allclose(module(module.inverse(x)).detach(), x, atol=1e-5)


def test_the_head_reads_what_the_inverse_gives(made):
    adapters = fresh(made, bottleneck=0, invertible=2)
    text = torch.tensor([made.tokenizer("the cat sat")["input_ids"]])
    with attached(made.model, adapters), torch.no_grad():
        out = made.model(input_ids=text, output_hidden_states=True)
        change = adapters.modules["embeddings"]
        plain = made.model.get_input_embeddings().weight[text]
        np.testing.assert_allclose(out.hidden_states[0], change(plain), atol=1e-6)
        head = made.model.get_output_embeddings().weight
        np.testing.assert_allclose(out.logits, change.inverse(out.hidden_states[-1]) @ head.T, atol=1e-5)


# -- attached, stacked, swapped


def test_adapters_come_off_and_the_model_is_what_it_was(made):
    before = logits(made)
    attachment = attach(made.model, fresh(made, invertible=2))
    assert np.abs(logits(made) - before).max() > 1e-3
    attachment.remove()
    np.testing.assert_array_equal(logits(made), before)
    assert attached_to(made.model) == []
    with pytest.raises(ZeroDivisionError), attached(made.model, fresh(made)):
        raise ZeroDivisionError
    np.testing.assert_array_equal(logits(made), before)


def test_a_task_is_stacked_on_a_language_which_is_swapped(made):
    one, other, task = fresh(made, 1, invertible=2), fresh(made, 2, invertible=2), fresh(made, 3)
    with attached(made.model, one, task):
        first = logits(made)
        assert attached_to(made.model) == [one, task]
        with recorded(made.model.model) as found:
            made.model(input_ids=torch.tensor([[5, 6, 7]]))
    with attached(made.model, task, one):
        assert np.abs(logits(made) - first).max() > 1e-4
    with attached(made.model, other, task):
        assert np.abs(logits(made) - first).max() > 1e-4
    with attached(made.model, one, task):
        np.testing.assert_array_equal(logits(made), first)
    # The language's first, then the task's.
    layer = layers_of(made.model)[0]
    plain = layer(found[0], position_embeddings=made.model.model.rotary_emb(found[0], torch.arange(3)[None]))
    through = task.modules["layers"][0](one.modules["layers"][0](plain))
    np.testing.assert_allclose(found[1].detach(), through.detach(), atol=1e-5)


def test_whoever_reads_hidden_states_reads_adapted_ones(made):
    # Transformers installs hooks of its own when states are first asked for.
    text = torch.tensor([[5, 6, 7]])
    made.model(input_ids=text, output_hidden_states=True)
    adapters = fresh(made)
    with attached(made.model, adapters), torch.no_grad(), recorded(made.model.model) as found:
        out = made.model(input_ids=text, output_hidden_states=True)
        np.testing.assert_array_equal(out.hidden_states[1], found[1])


def test_adapters_on_top_of_others_have_to_be_attached_together(made):
    with attached(made.model, fresh(made)), pytest.raises(ConfigError, match="the model has some already"):
        attach(made.model, fresh(made))


def test_adapters_of_another_model(made, folders, tmp_path):
    wide = read_model(str(llama(tmp_path / "wide", hidden=32)))
    with pytest.raises(ConfigError, match="are for 2 layers of 32 dimensions, found a model of 2 layers of 16"):
        attach(made.model, fresh(wide))


def test_an_odd_width_cannot_be_halved():
    with pytest.raises(ConfigError, match="states of 15 dimensions, expected an even number"):
        Adapters.new(Shape(15, 2, 0, 2, "relu"), model="m", seed=1)


# -- in a folder


def test_saved_adapters_are_the_same_on_a_model_read_anew(made, folders, tmp_path):
    adapters = fresh(made, invertible=2)
    with attached(made.model, adapters):
        expected = logits(made)
    adapters.save(tmp_path / "roh")
    assert sorted(p.name for p in (tmp_path / "roh").iterdir()) == [SETTINGS, WEIGHTS]
    again = Adapters.load(tmp_path / "roh")
    assert again.shape == adapters.shape
    other = read(folders, "causal")
    with attached(other.model, again):
        np.testing.assert_array_equal(logits(other), expected)
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_is_there_stays(made, tmp_path):
    (tmp_path / "roh").mkdir()
    (tmp_path / "roh" / "mine").write_text("x")
    with pytest.raises(DataError, match="is there already"):
        fresh(made).save(tmp_path / "roh")
    assert (tmp_path / "roh" / "mine").read_text() == "x"
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        fresh(made).save(tmp_path / "file" / "roh")


def test_damaged_adapters(made, tmp_path):
    with pytest.raises(DataError, match="found no adapters that can be read"):
        Adapters.load(tmp_path / "none")
    fresh(made).save(tmp_path / "roh")
    settings = json.loads((tmp_path / "roh" / SETTINGS).read_text())
    for change in ({"bottleneck": 4}, {"depth": 3}):
        (tmp_path / "roh" / SETTINGS).write_text(json.dumps({**settings, **change}))
        with pytest.raises(DataError, match="weights of another kind"):
            Adapters.load(tmp_path / "roh")
    (tmp_path / "roh" / SETTINGS).write_text(json.dumps({**settings, "polyalign": "other"}))
    with pytest.raises(DataError, match="found no adapters that can be read"):
        Adapters.load(tmp_path / "roh")
    (tmp_path / "roh" / SETTINGS).write_text(json.dumps(settings))
    (tmp_path / "roh" / WEIGHTS).write_bytes(b"x")
    with pytest.raises(DataError, match="found no adapters that can be read"):
        Adapters.load(tmp_path / "roh")


def test_a_model_is_written_without_its_adapters(made, tmp_path):
    before = logits(made)
    with attached(made.model, fresh(made, invertible=2)):
        write_model(made, tmp_path / "model")
    # What knows nothing of adapters reads the weights, which are as they were.
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    kind = AutoModelForCausalLM if made.causal else AutoModelForMaskedLM
    plain = replace(made, model=kind.from_pretrained(tmp_path / "model").eval())
    np.testing.assert_array_equal(logits(plain), before)
    assert (logits(read_model(str(tmp_path / "model"), kind="causal" if made.causal else "masked")) != before).any()


# -- trained


@each
def test_training_changes_adapters_alone_and_the_loss_falls(method, folders):
    made = read(folders, "causal")
    weights = {n: p.clone() for n, p in made.model.named_parameters()}
    name = "invertible" if isinstance(method, Invertible) else "bottleneck"
    training = Training(
        steps=30, batch=2, length=32, learning_rate=2e-2, precision="float32",
        weights={"use": name, **params.to_dict(method)},
    )  # fmt: skip
    text = made.tokenizer(" ".join(TEXT[:4]), return_tensors="pt")["input_ids"][:, :64]

    def loss(made):
        with torch.no_grad():
            return float(made.model(input_ids=text, labels=text).loss)

    before = loss(made)
    done = training.fit(made, Data({"eng_Latn": TEXT}, lang="eng_Latn"))
    assert loss(done) < before - 0.02
    assert all(torch.equal(weights[n], p) for n, p in done.model.named_parameters())
    (adapters,) = attached_to(done.model)
    assert not any(p.requires_grad for p in adapters.modules.parameters())


def test_rows_of_new_pieces_are_trained_as_well(made):
    rows = made.model.get_input_embeddings().weight
    before = rows.detach().clone()
    out = MADX.attach(made, new=np.array([260, 261], np.int32))
    text = torch.tensor([[5, 260, 7, 261]])
    optimiser = torch.optim.SGD([rows, *out.modules["adapters"].parameters()], lr=1.0)
    made.model(input_ids=text, labels=text).loss.backward()
    optimiser.step()
    out.finish()
    moved = (rows.detach() - before).abs().sum(1) > 0
    assert moved.nonzero().ravel().tolist() == [260, 261]
    assert not rows.requires_grad


def test_the_preset_is_the_papers():
    row = registry.find("models.weights/bottleneck")
    assert params.build(row, {"preset": "pfeiffer2020madx"}) == MADX


@pytest.mark.parametrize(
    "build", [lambda: Bottleneck(reduction=0), lambda: Invertible(reduction=0), lambda: Bottleneck(invertible=-1)]
)
def test_parameters_out_of_range(build):
    with pytest.raises(ValueError, match="must be at least 1"):
        build()


def test_a_written_model_keeps_its_adapters_for_whoever_reads_it(made, tmp_path):
    texts = ["the cat sat on the mat", "blue sky"]
    write_model(made, tmp_path / "bare")
    language, task = (Adapters.new(Shape(16, 2, r, i, "relu"), model="x", seed=r) for r, i in ((2, 2), (4, 0)))
    attach(made.model, shaken(language, 1), shaken(task, 2))
    write_model(made, tmp_path / "out")
    again = read_model(str(tmp_path / "out"))
    np.testing.assert_array_equal(logits(again), logits(made))
    assert [a.shape for a in attached_to(again.model)] == [language.shape, task.shape]
    # Those of another library, which has names for them, are left alone.
    (tmp_path / "bare" / "adapters" / "en").mkdir(parents=True)
    assert attached_to(read_model(str(tmp_path / "bare")).model) == []
    folders = [str(tmp_path / name) for name in ("bare", "out")]
    vectors = [Causal(f, device="cpu").vectors(texts) for f in folders]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    nats = [Likelihood(f, device="cpu").nats(texts) for f in folders]
    assert np.abs(nats[0] - nats[1]).max() > 1e-3
