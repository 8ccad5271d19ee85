"""Maps are those of least squares, and a model with them does what doing it by hand gives."""

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

from polyalign.models.generation import Generation, ends_of  # noqa: E402
from polyalign.models.interventions.hooks import fingerprint, layers_of, read_states, visited  # noqa: E402
from polyalign.models.interventions.incline import INCLINE, Maps, _found, least_squares  # noqa: E402
from polyalign.models.language_model import LanguageModel  # noqa: E402
from polyalign.models.training.objective import Parallel  # noqa: E402
from tests.models.interventions.tiny import SRC, TGT, tiny  # noqa: E402

PAIRS = Parallel("deu_Latn", "eng_Latn", Bitext.build(SRC, TGT))


@pytest.fixture(scope="module")
def made():
    return tiny()


@pytest.fixture(scope="module")
def maps(made):
    return INCLINE(alpha=0.7).fit(made, PAIRS)


def by_hand(made, maps, ids, positions):
    """The states after each layer of a text whose states at some positions are changed, and the last normed ones."""
    body = made.model.model
    out = []
    with torch.no_grad():
        hidden = body.embed_tokens(torch.tensor([ids]))
        at = torch.arange(len(ids))[None]
        turns = body.rotary_emb(hidden, position_ids=at)
        for layer, matrix in zip(body.layers, torch.from_numpy(maps.matrices), strict=True):
            hidden = layer(hidden, position_embeddings=turns, position_ids=at).clone()
            for p in positions:
                hidden[0, p] += maps.alpha * (hidden[0, p] @ matrix)
            out.append(hidden[0].numpy())
        return out, body.norm(hidden)[0].numpy()


def ids_of(made, text):
    return made.tokenizer(text)["input_ids"]


@pytest.mark.parametrize("n", [5, 40])
def test_least_squares(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n, 12)).astype(np.float32)
    np.testing.assert_allclose(least_squares(x, y, 0), np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-4)
    held = 0.3 * np.square(np.linalg.svd(x, compute_uv=False)).mean() * np.eye(12)
    np.testing.assert_allclose(least_squares(x, y, 0.3), np.linalg.solve(x.T @ x + held, x.T @ y), atol=1e-4)
    assert least_squares(np.zeros((n, 12), np.float32), y, 0).any() == 0


def test_a_planted_map_is_found():
    rng = np.random.default_rng(1)
    x, planted = rng.normal(size=(60, 8)).astype(np.float32), rng.normal(size=(8, 8)).astype(np.float32)
    np.testing.assert_allclose(least_squares(x, x @ planted, 0), planted, atol=1e-4)


@pytest.mark.parametrize("position", ["last", "all"])
def test_states_are_those_of_the_model(made, position):
    texts = [*SRC[:5], "猫", "a longer text than all others of this batch"]
    ours = read_states(made, texts, position)
    for k, text in enumerate(texts):
        with torch.no_grad():
            found = made.model(input_ids=torch.tensor([[0, *ids_of(made, text)]]), output_hidden_states=True)
        # The last of transformers' is normed.
        theirs = found.hidden_states[1][0].numpy()
        np.testing.assert_allclose(ours[0][k], theirs[-1] if position == "last" else theirs[1:].mean(axis=0), atol=1e-4)
    assert [x.shape for x in ours] == [(7, 16)] * 2


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
def test_the_last_token_of_each_row_is_changed(side, recorded):
    made = tiny()
    maps = INCLINE(alpha=0.7).fit(made, PAIRS)
    rows = [ids_of(made, t) for t in (SRC[0], "猫", SRC[7])]
    longest = max(map(len, rows))
    pads = [[5] * (longest - len(row)) for row in rows]
    ids = torch.tensor([row + pad if side == "right" else pad + row for row, pad in zip(rows, pads, strict=True)])
    mask = torch.tensor([[1] * len(r) + [0] * len(p) if side == "right" else [0] * len(p) + [1] * len(r) for r, p in zip(rows, pads, strict=True)])  # fmt: skip
    if recorded:
        # Its own hooks are put there when hidden states are first asked for, and stay.
        made.model(input_ids=ids, output_hidden_states=True)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    with maps.applied(made.model), torch.no_grad():
        found = made.model.base_model(
            input_ids=ids, attention_mask=mask, position_ids=positions, output_hidden_states=True
        )
    for k, row in enumerate(rows):
        states, last = by_hand(made, maps, row, [len(row) - 1])
        kept = mask[k].bool()
        np.testing.assert_allclose(found.last_hidden_state[k][kept].numpy(), last, atol=1e-4)
        np.testing.assert_allclose(found.hidden_states[1][k][kept].numpy(), states[0], atol=1e-4)


def test_all_but_the_first_and_sinks(made):
    maps = INCLINE(alpha=0.7, position="all").fit(made, PAIRS)
    ids = ids_of(made, SRC[3])
    with maps.applied(made.model), torch.no_grad():
        found = made.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    np.testing.assert_allclose(
        found.hidden_states[-1][0].numpy(), by_hand(made, maps, ids, range(1, len(ids)))[1], atol=1e-4
    )
    seen = []
    long = torch.ones((1, 5, 16))
    long[0, 2] = 100
    with visited(made.model, "all", lambda layer, hidden, at: (seen.append(at.tolist()), hidden)[1]):
        made.model.model.layers[0].register_forward_hook(lambda *_: None).remove()
        handle = made.model.model.layers[0].register_forward_hook(lambda *_: long, prepend=True)
        made.model(input_ids=torch.tensor([[4, 5, 6, 7, 8]]))
        handle.remove()
    assert seen[0] == [[False, True, False, True, True]]


def test_what_is_written_afterwards_is_not_changed(made, maps):
    prompt, count = ids_of(made, SRC[2]), 8
    new = []
    for _ in range(count):
        last = by_hand(made, maps, [*prompt, *new], [len(prompt) - 1])[1][-1]
        new.append(int((made.model.lm_head.weight.detach().numpy() @ last).argmax()))
        if new[-1] in ends_of(made):
            break
    with maps.applied(made.model):
        (written,) = Generation(max_tokens=count).complete(made, [SRC[2]])
        others = Generation(max_tokens=count).complete(made, [SRC[2], "a longer text than all others of this batch"])
    assert written.text == others[0].text == made.tokenizer.decode(new, skip_special_tokens=True)
    assert written.text != Generation(max_tokens=count).complete(made, [SRC[2]])[0].text


def test_nothing_stays_behind(made, maps):
    ids = torch.tensor([ids_of(made, SRC[0])])
    before = made.model(input_ids=ids).logits
    key = fingerprint(made.model)
    with maps.applied(made.model):
        assert not torch.equal(made.model(input_ids=ids).logits, before)
    with pytest.raises(ValueError, match="exactly one of input_ids"), maps.applied(made.model):
        made.model()
    assert torch.equal(made.model(input_ids=ids).logits, before)
    assert fingerprint(made.model) == key
    with maps.with_alpha(0).applied(made.model):
        assert torch.equal(made.model(input_ids=ids).logits, before)


def test_maps_bring_states_to_those_of_translations(made):
    # As many pairs as dimensions: there are maps that fit them exactly.
    method = INCLINE(sentences=16, alpha=1.0)
    maps, sides = method.fit(made, PAIRS), method._pairs(PAIRS, 0)
    src, tgt = (read_states(made, side, "last") for side in sides)
    for x, y, matrix in zip(src, tgt, maps.matrices, strict=True):
        assert np.square(x @ matrix - y).sum() < 1e-3 * np.square(x - y).sum()


def test_alpha_is_the_best_on_held_out_pairs(made):
    method = INCLINE(sentences=16, held_out=8, alphas=(0.5, -0.5, 0.0, 1.0))
    maps = method.fit(made, PAIRS)
    src, tgt = method._pairs(PAIRS, 8)
    there = read_states(made, tgt[16:], "last")

    def score(alpha):
        moved = read_states(made, src[16:], "last", change=maps.with_alpha(alpha).change())
        return np.mean([_found(x, y) for x, y in zip(moved, there, strict=True)])

    assert score(maps.alpha) == max(map(score, method.alphas))
    fixed = INCLINE(sentences=16, alpha=maps.alpha).fit(made, PAIRS)
    assert fixed.key == maps.key


def test_alpha_is_the_best_of_a_score_that_is_given(made):
    asked = []
    maps = INCLINE().fit(made, PAIRS, score=lambda m: (asked.append(m.alpha), -abs(m.alpha - 0.45))[1])
    assert maps.alpha == 0.5
    assert sorted(asked) == sorted(INCLINE().alphas)
    assert INCLINE().fit(made, PAIRS, score=lambda m: 0.0).alpha == 0


def test_only_some_layers_are_changed(made, maps):
    some = INCLINE(alpha=0.7, layers=(2,)).fit(made, PAIRS)
    assert not some.matrices[0].any()
    np.testing.assert_array_equal(some.matrices[1], maps.matrices[1])
    before, after = (read_states(made, SRC, "last", change=m) for m in (None, some.change()))
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 1e-3
    with pytest.raises(ConfigError, match=r"layers = \[3\]: the model has 2"):
        INCLINE(alpha=0.7, layers=(3,)).fit(made, PAIRS)
    with pytest.raises(ValueError, match="layers count from 1"):
        INCLINE(layers=(0,))


def test_either_side_can_be_the_language(made):
    turned = Parallel("eng_Latn", "deu_Latn", Bitext.build(TGT, SRC))
    method = INCLINE(lang="de", alpha=0.5)
    assert method.fit(made, turned).matrices.tobytes() == method.fit(made, PAIRS).matrices.tobytes()
    with pytest.raises(ConfigError, match="found sentence pairs of deu_Latn and eng_Latn, expected roh_Latn"):
        INCLINE(lang="rm").fit(made, PAIRS)


def test_pairs_with_an_empty_side_are_left_out(made):
    more = Bitext.build([*SRC, "", "a"], [*TGT, "b", " "])
    method = INCLINE(alpha=0.5)
    found = method.fit(made, replace(PAIRS, bitext=more))
    assert found.matrices.tobytes() == method.fit(made, PAIRS).matrices.tobytes()
    few = replace(PAIRS, bitext=Bitext.build(SRC[:3], TGT[:3]))
    with pytest.raises(DataError, match=r"found 3 sentence pairs .* expected at least 52"):
        INCLINE().fit(made, few)


def test_saved_and_loaded(made, maps, tmp_path):
    maps.save(tmp_path / "a" / "maps")
    again = Maps.load(tmp_path / "a" / "maps")
    assert again.matrices.tobytes() == maps.matrices.tobytes()
    assert (again.alpha, again.position, again.key) == (maps.alpha, maps.position, maps.key)
    # With or without the head, in whatever type.
    with again.applied(made.model.base_model), again.applied(tiny().model.bfloat16()):
        pass


def test_another_model_is_refused(maps):
    with pytest.raises(ConfigError, match="fitted for a model with other weights"), maps.applied(tiny(seed=2).model):
        pass
    wider = replace(maps, matrices=np.zeros((2, 8, 8), np.float32))
    with pytest.raises(ConfigError, match="found 2 of 8 dimensions, expected 2 of 16"), wider.applied(tiny().model):
        pass


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "incline.json").unlink(), "incline.json: no such file"),
        (lambda f: (f / "incline.json").write_text("{"), "cannot be read as JSON"),
        (lambda f: (f / "incline.json").write_text(json.dumps({"alpha": 1})), "found no 'position' in it"),
        (lambda f: (f / "incline.safetensors").write_bytes(b"x"), "cannot be read as safetensors"),
    ],
)
def test_damaged_maps(maps, tmp_path, damage, said):
    maps.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=said):
        Maps.load(tmp_path)


def test_maps_that_are_no_numbers(maps):
    with pytest.raises(DataError, match="expected square ones and numbers"):
        replace(maps, alpha=float("nan"))


def test_texts_that_cannot_be_read(made):
    with pytest.raises(DataError, match="found a text of 0 tokens, '', expected 1 to 127"):
        read_states(made, ["a", ""], "last")
    with pytest.raises(DataError, match=r"found a text of \d+ tokens"):
        read_states(made, ["猫" * 200], "last")
    with pytest.raises(DataError, match="states of layer 2 that are not finite"):
        read_states(made, ["a"], "last", change=lambda layer, hidden, at: hidden / (1 - layer))


def test_a_model_without_a_list_of_layers(made):
    class Other(torch.nn.Module):
        config = made.model.config

        @property
        def base_model(self):
            return self

    with pytest.raises(ConfigError, match="Other: found no list of its 2 layers"):
        layers_of(Other())


def test_an_encoder_has_maps_too(bert):
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_pretrained(bert).eval()
    made = LanguageModel(model, transformers.AutoTokenizer.from_pretrained(bert), "bert", "bert")
    maps = INCLINE(alpha=0.5).fit(made, Parallel("a", "b", Bitext.build(["the cat", "a dog"], ["red house", "blue"])))
    ids = torch.tensor([made.tokenizer("the cat")["input_ids"]])
    with torch.no_grad():
        plain = model(input_ids=ids, output_hidden_states=True).hidden_states[1][0, -1].numpy()
        with maps.applied(model):
            moved = model(input_ids=ids, output_hidden_states=True).hidden_states[1][0, -1].numpy()
    np.testing.assert_allclose(moved, plain + 0.5 * plain @ maps.matrices[0], atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sentences": 1}, "must be at least 2"),
        ({"held_out": 1}, "must be at least 2"),
        ({"ridge": -1.0}, "ridge must be at least 0"),
        ({"ridge": float("inf")}, "ridge must be at least 0"),
        ({"alpha": 1.5}, "from -1 to 1"),
        ({"alphas": ()}, "from -1 to 1"),
        ({"alphas": (0.0, 2.0)}, "from -1 to 1"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(ValueError, match=said):
        INCLINE(**settings)


def test_measures_of_all_layers_see_what_is_changed(made, maps, tmp_path):
    from polyalign.encoders.causal import Causal
    from polyalign.encoders.layers import layer_vectors, network_of
    from polyalign.models.language_model import write_model

    write_model(made, tmp_path / "model")
    encoder = Causal(str(tmp_path / "model"), device="cpu")
    before = layer_vectors(encoder, SRC[:4], pooling="last")
    with maps.applied(network_of(encoder, drop_sink=True).model):
        after = layer_vectors(encoder, SRC[:4], pooling="last")
    moved = read_states(made, SRC[:4], "last", change=maps.change())
    np.testing.assert_allclose(after[0], before[0])
    np.testing.assert_allclose(after[1], moved[0], atol=1e-4)
    np.testing.assert_allclose(layer_vectors(encoder, SRC[:4], pooling="last")[1], before[1])
