"""Language neurons: planted ones found, entropies as defined, and activations counted as by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import Space
from polyalign.encoders.static import Static
from polyalign.evaluate.neurons import Neurons, activation_rates
from tests.encoders.conftest import save_tiny

TEXTS = ["the cat sat on the mat", "a red dog", "", "the green tree and the blue sky, not the house!"]


def planted(languages=4, neurons=1000, seed=0):
    """Shares of neurons that are rarely active, but for ten of each language, ten of two and ten of all."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.15, size=(languages, neurons))
    for lang in range(languages):
        p[:, 10 * lang : 10 * lang + 10] = 0.01
        p[lang, 10 * lang : 10 * lang + 10] = 0.8
    p[:, 100:110] = 0.01
    p[:2, 100:110] = 0.7
    p[:, 200:210] = 0.9
    return p


@pytest.mark.parametrize("method", ["lape", "finer"])
def test_planted_neurons_are_found(method):
    found = Neurons(method=method, top=0.05).find(planted())
    for lang in range(4):
        assert found.active[:, 10 * lang : 10 * lang + 10].sum(axis=1).tolist() == [10 * (k == lang) for k in range(4)]
    assert found.active[:, 100:110].sum(axis=1).tolist() == [10, 10, 0, 0]
    assert np.flatnonzero(found.specific).tolist() == list(range(40))
    assert np.flatnonzero(found.related).tolist() == list(range(100, 110))
    assert np.flatnonzero(found.agnostic).tolist() == list(range(200, 210))
    assert not (found.active.any(axis=0) & found.agnostic).any()


def test_lape_is_as_defined():
    p = np.random.default_rng(1).uniform(size=(5, 400)) ** 3
    p[:, 7] = 0
    found = Neurons(top=0.02).find(p)
    assert found.entropy[7] == 0
    expected = entropy(p[:, 8:], axis=0)
    np.testing.assert_allclose(found.entropy[8:], expected, atol=1e-12)
    bar = np.quantile(p, 0.95)
    able = np.flatnonzero((p > bar).any(axis=0))
    chosen = sorted(able, key=lambda k: found.entropy[k])[:8]
    assert np.flatnonzero(found.active.any(axis=0)).tolist() == sorted(chosen)
    np.testing.assert_array_equal(found.active[:, chosen], p[:, chosen] > bar)


def test_the_penalty_is_the_greatest_without_a_neuron_of_all_languages():
    p = planted()
    found = Neurons(method="finer", top=0.05).find(p)
    assert 0 <= found.penalty <= 0.2

    def of_all(penalty):
        often = p.max(axis=0) / np.mean(1 / np.arange(1, 5))
        able = (p > np.quantile(p, 0.95)).any(axis=0)
        scores = np.where(able, found.entropy / np.log(4) - penalty * often, np.inf)
        chosen = np.argsort(scores, kind="stable")[: min(50, able.sum())]
        return (p[:, chosen] > np.quantile(p, 0.95)).all(axis=0).any()

    assert not of_all(found.penalty)
    assert found.penalty == 0.2 or of_all(found.penalty + 1e-3)
    everywhere = np.full((3, 200), 0.1)
    everywhere[:, :4] = [[0.9], [0.8], [0.7]]
    assert Neurons(method="finer", top=0.05).find(everywhere).penalty < 1e-3


@pytest.mark.parametrize(
    "p", [np.full((1, 500), 0.5), np.full((3, 20), 0.5), np.full((3, 500), 1.5), np.full(500, 0.5), np.full((3, 500), np.nan)]
)  # fmt: skip
def test_shares_that_are_none(p):
    with pytest.raises(DataError, match="count them with activation_rates"):
        Neurons().find(p)


@pytest.mark.parametrize("settings", [{"top": 0.0}, {"bar": 1.0}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Neurons(**settings)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models with a gated and with a plain feed-forward block, and one whose blocks have other names."""
    folder = tmp_path_factory.mktemp("neurons")
    small = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    save_tiny(
        folder / "llama", "LlamaForCausalLM", seed=2, marks=False, limit=64, initializer_range=0.5,
        max_position_embeddings=64, bos_token_id=2, eos_token_id=3, **small,
    )  # fmt: skip
    save_tiny(folder / "gpt2", "GPT2LMHeadModel", seed=3, marks=False, limit=64, n_embd=16, n_layer=2, n_head=2)
    save_tiny(folder / "bert", "BertModel", seed=1, marks=True, limit=32, max_position_embeddings=32, **small)
    return folder


def test_activations_are_counted_as_by_hand(models):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from polyalign.encoders.causal import Causal

    rates = activation_rates(Causal(str(models / "llama"), device="cpu"), TEXTS)
    assert rates.shape == (3, 24)
    model = transformers.AutoModel.from_pretrained(models / "llama").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "llama")
    active, tokens = np.zeros((3, 24)), 0
    seen = {}
    for layer, block in enumerate(model.layers):
        block.mlp.act_fn.register_forward_hook(lambda m, i, out, layer=layer: seen.update({layer: out[0]}))
    for text in filter(None, TEXTS):
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            model(input_ids=ids)
        tokens += ids.shape[1]
        for layer in range(3):
            active[layer] += (seen[layer] > 0).sum(dim=0).numpy()
    np.testing.assert_allclose(rates, active / tokens)
    # Nothing is left hooked to the model.
    np.testing.assert_allclose(activation_rates(Causal(str(models / "llama"), device="cpu"), TEXTS), rates)


def test_a_plain_feed_forward_block(models):
    from polyalign.encoders.causal import Causal

    rates = activation_rates(Causal(str(models / "gpt2"), device="cpu"), TEXTS)
    assert rates.shape == (2, 64)
    assert 0.2 < rates.mean() < 0.8


def test_models_without_such_neurons(models, tmp_path):
    from polyalign.encoders.causal import Causal
    from polyalign.encoders.transformer import Transformer

    with pytest.raises(ConfigError, match="no module named mlp"):
        activation_rates(Transformer(str(models / "bert"), device="cpu"), TEXTS)
    Space(("a",), np.ones((1, 2), np.float32)).save(tmp_path / "space")
    with pytest.raises(ConfigError, match="no feed-forward layers"):
        activation_rates(Static(str(tmp_path / "space")), TEXTS)
    with pytest.raises(DataError, match="no token in 1 texts"):
        activation_rates(Causal(str(models / "llama"), device="cpu"), [""])
