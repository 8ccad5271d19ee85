from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.core.space import unit  # noqa: E402
from polyalign.encoders import torch_run  # noqa: E402
from polyalign.encoders.pooling import pool  # noqa: E402
from polyalign.encoders.torch_run import even, overlapping, owners  # noqa: E402
from polyalign.encoders.transformer import Transformer  # noqa: E402

TEXTS = ["the cat sat on the mat", "a red dog", "blue", "the green tree and the blue sky, not the house!"]


def states(folder, text, layer=None):
    """Hidden states by transformers alone, one text at a time."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        out = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    return (out.last_hidden_state if layer is None else out.hidden_states[layer])[0].numpy()


@pytest.mark.parametrize("layer", [None, 0, 2, 3, 4])
def test_mean_of_any_layer_is_that_of_transformers(bert, layer):
    ours = Transformer(str(bert), layer=layer, device="cpu").vectors(TEXTS)
    theirs = np.array([states(bert, t, layer).mean(axis=0) for t in TEXTS])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_pooling_of_each_kind(bert):
    h = {t: states(bert, t) for t in TEXTS}
    k = {t: np.arange(1, len(h[t]) + 1)[:, None] for t in TEXTS}
    expected = {
        "cls": lambda t: h[t][0],
        "last": lambda t: h[t][-1],
        "max": lambda t: h[t].max(axis=0),
        "weighted": lambda t: (h[t] * k[t]).sum(axis=0) / k[t].sum(),
    }
    for how, reference in expected.items():
        ours = Transformer(str(bert), pooling=how, device="cpu").vectors(TEXTS)
        np.testing.assert_allclose(ours, [reference(t) for t in TEXTS], atol=1e-5, err_msg=how)


def test_pooling_leaves_out_what_the_mask_does():
    hidden = torch.tensor([[[9.0], [1.0], [3.0], [7.0]]])
    mask = torch.tensor([[0, 1, 1, 0]])
    values = {how: float(pool(hidden, mask, how)) for how in ("mean", "cls", "max", "weighted", "last", "sqrt")}
    assert values == pytest.approx({"mean": 2, "cls": 1, "max": 3, "weighted": 7 / 3, "last": 3, "sqrt": 4 / 2**0.5})


def test_a_sentence_transformers_folder_is_pooled_as_it_says(bert, sentence_bert):
    from safetensors.numpy import load_file

    encoder = Transformer(str(sentence_bert), device="cpu")
    dense = load_file(sentence_bert / "2_Dense" / "model.safetensors")
    first = np.array([states(bert, t)[0] for t in TEXTS])
    expected = unit(np.tanh(first @ dense["linear.weight"].T + dense["linear.bias"]))
    assert encoder.dim == 8
    np.testing.assert_allclose(encoder.vectors(TEXTS), expected, atol=1e-5)
    # A layer or a pooling that is named goes before what the folder says.
    assert replace(encoder, pooling="mean").dim == 16
    np.testing.assert_allclose(
        replace(encoder, layer=2).vectors(TEXTS),
        Transformer(str(bert), layer=2, device="cpu").vectors(TEXTS),
        atol=1e-6,
    )


def test_several_poolings_are_joined(bert, sentence_bert):
    (sentence_bert / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True})
    )
    listed = json.loads((sentence_bert / "modules.json").read_text())[:2]
    (sentence_bert / "modules.json").write_text(json.dumps(listed))
    encoder = Transformer(str(sentence_bert), device="cpu")
    h = states(bert, TEXTS[0])
    assert encoder.dim == 32
    np.testing.assert_allclose(encoder.vectors(TEXTS[:1])[0], np.r_[h[0], h.mean(axis=0)], atol=1e-5)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("modules.json", '[{"type": "x.LSTM", "path": ""}, {"type": "x.Transformer", "path": ""}]', "LSTM"),
        ("modules.json", '[{"type": "x.Pooling", "path": "1_Pooling"}]', "expected a Transformer"),
        ("modules.json", "[1]", "type and path"),
        ("modules.json", "{", "as JSON"),
        ("1_Pooling/config.json", '{"pooling_mode_new": true}', "pooling_mode_new"),
        ("1_Pooling/config.json", '{"pooling_mode": "strange"}', "strange"),
        ("2_Dense/config.json", '{"out_features": 8, "activation_function": "a.GELU"}', "GELU"),
        ("2_Dense/model.safetensors", "broken", "safetensors"),
    ],
)
def test_modules_that_are_not_known_are_refused(sentence_bert, file, content, message):
    (sentence_bert / file).write_text(content)
    with pytest.raises((ConfigError, DataError), match=message):
        Transformer(str(sentence_bert), device="cpu").vectors(TEXTS)


def test_the_batch_changes_nothing(bert, monkeypatch):
    encoder = Transformer(str(bert), device="cpu")
    together = encoder.vectors(TEXTS)
    alone = np.concatenate([encoder.vectors([t]) for t in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    monkeypatch.setitem(torch_run.BATCH, "cpu", 1)
    np.testing.assert_allclose(encoder.vectors(TEXTS), together, atol=1e-5)


def test_a_long_text_is_read_in_windows_to_its_end(bert):
    encoder = Transformer(str(bert), device="cpu")
    text = " ".join(["the cat sat on a red mat and"] * 20)
    pieces = encoder.tokens([text])
    assert len(pieces.vectors) == 160
    assert pieces.spans[-1].tolist() == [len(text) - 3, len(text)]
    # 160 tokens in 6 windows of 26 and 27; each window's mean weighs its tokens.
    words, bounds = text.split(), even(160, 30)
    means = np.array([states(bert, " ".join(words[a:b])).mean(axis=0) for a, b in bounds])
    sizes = np.array([b - a for a, b in bounds])
    np.testing.assert_allclose(encoder.vectors([text])[0], (means * sizes[:, None]).sum(axis=0) / 160, atol=1e-5)
    assert not np.allclose(encoder.vectors([text]), encoder.vectors([text + " dog"]), atol=1e-4)


def test_tokens_of_a_short_text_are_the_hidden_states(bert):
    texts = ["The undercat sat.", "", "Grüße, dog", "猫 dog"]
    out = Transformer(str(bert), device="cpu").tokens(texts)
    assert out.offsets.tolist()[:2] == [0, len(states(bert, texts[0])) - 2]
    assert out.offsets[1] == out.offsets[2]
    np.testing.assert_allclose(out.vectors[: out.offsets[1]], states(bert, texts[0])[1:-1], atol=1e-5)
    pieces = [
        [t[a:b] for a, b in out.spans[i:j].tolist()]
        for t, i, j in zip(texts, out.offsets[:-1], out.offsets[1:], strict=True)
    ]
    assert "".join(pieces[0]) == "Theundercatsat."
    assert "".join(pieces[2]) == "Grüße,dog"
    assert pieces[3] == ["猫", "dog"]


def test_a_token_comes_from_the_window_where_it_is_furthest_from_an_edge(bert):
    words = ("the cat sat on a red mat and not " * 8).split()[:70]
    out = Transformer(str(bert), device="cpu").tokens([" ".join(words)])
    bounds = overlapping(70, 30)
    owner = owners(70, bounds, causal=False)
    for k in (0, 14, 15, 33, 69):
        a, b = bounds[owner[k]]
        np.testing.assert_allclose(out.vectors[k], states(bert, " ".join(words[a:b]))[1 + k - a], atol=1e-5)


@pytest.mark.parametrize(("n", "room"), [(1, 2), (5, 5), (6, 5), (100, 7), (31, 30), (1000, 510)])
def test_windows_cover_everything(n, room):
    for bounds in (even(n, room), overlapping(n, room)):
        assert bounds[0][0] == 0
        assert bounds[-1][1] == n
        assert all(0 < b - a <= room for a, b in bounds)
    assert all(x[1] == y[0] for x, y in zip(even(n, room), even(n, room)[1:], strict=False))
    for causal in (False, True):
        owner, bounds = owners(n, overlapping(n, room), causal=causal), overlapping(n, room)
        assert all(bounds[w][0] <= i < bounds[w][1] for i, w in enumerate(owner))
        if n > room:
            # No token but those at the ends of the text is seen with less than a quarter of a window around it.
            inner = [i - bounds[w][0] for i, w in enumerate(owner) if bounds[w][0] > 0]
            assert min(inner) >= room // 4


def test_a_prefix_is_read_and_not_given_out(bert):
    with_prefix = Transformer(str(bert), prefix="the: ", device="cpu")
    np.testing.assert_allclose(
        with_prefix.vectors(["cat sat"])[0], states(bert, "the: cat sat").mean(axis=0), atol=1e-5
    )
    out = with_prefix.tokens(["cat sat"])
    assert out.spans.tolist() == [[0, 3], [4, 7]]
    np.testing.assert_allclose(out.vectors, states(bert, "the: cat sat")[3:-1], atol=1e-5)
    # Each window of a long text has it.
    text = " ".join(["cat"] * 60)
    windows = even(60, 28)
    means = [states(bert, "the: " + " ".join(["cat"] * (b - a))).mean(axis=0) for a, b in windows]
    np.testing.assert_allclose(
        with_prefix.vectors([text])[0], np.average(means, axis=0, weights=[b - a for a, b in windows]), atol=1e-5
    )


def test_odd_texts_do_no_harm(bert):
    texts = ["\ud800 cat", "cat\x00dog", "\u200b", "x" * 500, "🙂" * 40]
    encoder = Transformer(str(bert), device="cpu")
    assert np.isfinite(encoder.encode(texts)).all()
    assert encoder.tokens(texts).offsets[-1] == len(encoder.tokens(texts).vectors)


def test_a_tokenizer_without_places_has_vectors_of_sentences_only(bert, monkeypatch):
    encoder = Transformer(str(bert), device="cpu", prefix="the ")
    expected = encoder.vectors(TEXTS)
    from polyalign.encoders import transformer

    network = transformer.loaded(encoder, transformer.identity(str(bert)))[0]
    monkeypatch.setattr(type(network.tokenizer), "is_fast", False)
    np.testing.assert_allclose(encoder.vectors(TEXTS), expected, atol=1e-6)
    with pytest.raises(ConfigError, match="does not say where a token is"):
        encoder.tokens(TEXTS)


def test_an_encoder_of_an_encoder_decoder(tmp_path, bert):
    for name in bert.glob("tok*"):
        shutil.copy(name, tmp_path)
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=200, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, initializer_factor=1.0
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    encoder = Transformer(str(tmp_path), device="cpu")
    assert encoder.dim == 16
    assert encoder.vectors(TEXTS).shape == (4, 16)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": 9}, "layers 1 to 4"),
        ({"window": 64}, "reads 32 tokens"),
        ({"window": 4, "prefix": "the cat sat "}, "leaves room for 0"),
    ],
)
def test_settings_that_the_model_has_not(bert, settings, message):
    with pytest.raises(ConfigError, match=message):
        Transformer(str(bert), device="cpu", **settings).vectors(TEXTS)


@pytest.mark.parametrize(("settings", "message"), [({"layer": -1}, "counted from 0"), ({"window": 1}, "4 tokens")])
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        Transformer("x", **settings)


def test_a_gpu_that_is_not_there(bert):
    missing = next(
        d for d, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if not there
    )
    with pytest.raises(ConfigError, match=f"device = '{missing}'"):
        Transformer(str(bert), device=missing).vectors(TEXTS)


def test_weights_of_another_kind_are_not_replaced_by_random_ones(bert, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(bert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))
    with pytest.raises(DataError, match=r"weights are missing, such as encoder\.layer\.4"):
        Transformer(str(folder), device="cpu").vectors(TEXTS)


def test_a_damaged_folder_is_one_error(bert, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(bert, folder)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="the model cannot be loaded"):
        Transformer(str(folder), device="cpu").vectors(TEXTS)
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match="cannot be loaded"):
        _ = Transformer(str(folder), device="cpu").vectors(TEXTS)


def test_the_key_changes_with_the_weights_and_the_settings(bert, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(bert, folder)
    encoder = Transformer(str(folder))
    before = encoder.key
    assert len({before, *(replace(encoder, **s).key for s in ({"layer": 1}, {"pooling": "cls"}, {"prefix": "q"}))}) == 4
    import os

    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert encoder.key != before


def test_several_layers_in_one_pass_are_those_of_each_alone(bert, monkeypatch):
    encoder = Transformer(str(bert), device="cpu")
    assert encoder.depth == 4
    texts = [*TEXTS, "", " ".join(["the cat sat on a red mat and"] * 10)]
    network = torch_run.Network
    passes = []
    run = network._batches

    def counted(self, *given):
        for batch in run(self, *given):
            passes.append(len(self.model.encoder.layer))
            yield batch

    monkeypatch.setattr(network, "_batches", counted)
    together = encoder.tokens_at(texts, [2, 0, 2])
    # As deep as the deepest, and the one above that it is told apart from the last by.
    assert set(passes) == {3}
    once = len(passes)
    for out, layer in zip(together, [2, 0, 2], strict=True):
        alone = replace(encoder, layer=layer).tokens(texts)
        np.testing.assert_array_equal(out.spans, alone.spans)
        np.testing.assert_array_equal(out.offsets, alone.offsets)
        np.testing.assert_allclose(out.vectors, alone.vectors, atol=1e-5)
    assert len(passes) == 4 * once
    np.testing.assert_allclose(encoder.tokens_at(texts, [4])[0].vectors, encoder.tokens(texts).vectors, atol=1e-5)
