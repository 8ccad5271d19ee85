"""Merging: planted changes are found again, interference is resolved as it should be, mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyalign.core.errors import ConfigError, DataError
from polyalign.models.adapters.merge.deltas import added, difference
from polyalign.models.adapters.merge.groups import Groups
from polyalign.models.adapters.merge.linear import Linear
from polyalign.models.adapters.merge.ties import TIES


def delta(*values):
    return {"w": np.array(values, np.float32)}


def slow_ties(deltas, density):
    """One weight after the other, over names in order."""
    names = list(deltas[0])
    flat = [np.concatenate([d[n].ravel() for n in names]) for d in deltas]
    count = max(1, round(density * len(flat[0])))
    kept = []
    for x in flat:
        least = sorted(np.abs(x), reverse=True)[count - 1]
        kept.append([v if abs(v) >= least else 0.0 for v in x])
    out = []
    for column in zip(*kept, strict=True):
        sign = np.sign(sum(map(float, column)))
        agree = [v for v in column if v and np.sign(v) == sign]
        out.append(np.mean(agree) if agree else 0.0)
    return np.array(out)


numbers = arrays(np.float32, (6,), elements=st.integers(-4, 4).map(float))


@given(st.lists(numbers, min_size=1, max_size=4), st.sampled_from([0.2, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_ties_is_what_the_paper_says(vectors, density):
    deltas = [{"a": v[:2].reshape(2, 1), "b": v[2:]} for v in vectors]
    out = TIES(density).fit(deltas)
    assert out["a"].shape == (2, 1)
    np.testing.assert_allclose(np.concatenate([out["a"].ravel(), out["b"]]), slow_ties(deltas, density), atol=1e-6)


def test_experts_of_different_weights_do_not_get_in_each_others_way():
    one, other = np.zeros(100, np.float32), np.zeros(100, np.float32)
    one[:20], other[80:] = 3, -2
    noise = np.random.default_rng(1).normal(size=(2, 100)).astype(np.float32) * 0.01
    out = TIES(0.2).fit([{"w": one + noise[0]}, {"w": other + noise[1]}])["w"]
    np.testing.assert_allclose(out, one + other, atol=0.05)
    # The mean halves both.
    np.testing.assert_allclose(Linear().fit([{"w": one}, {"w": other}])["w"], (one + other) / 2)


def test_one_expert_is_itself():
    x = delta(1, -2, 3)
    np.testing.assert_array_equal(TIES(1.0).fit([x])["w"], x["w"])
    np.testing.assert_array_equal(Linear().fit([x])["w"], x["w"])
    np.testing.assert_array_equal(TIES(1.0, scale=0.5).fit([x])["w"], x["w"] / 2)


def test_linear_is_a_mean_or_a_sum():
    x, y = delta(2, 0), delta(0, 4)
    assert Linear(weights=(3, 1)).fit([x, y])["w"].tolist() == [1.5, 1.0]
    assert Linear(average=False).fit([x, y])["w"].tolist() == [2, 4]
    assert Linear(weights=(1, -1), average=False, scale=2).fit([x, y])["w"].tolist() == [4, -8]


def test_what_is_merged_stays_as_it_was():
    x, y = delta(2, 0), delta(0, 4)
    for method in (Linear(), TIES()):
        method.fit([x, y])
        assert x["w"].tolist() == [2, 0]
        assert y["w"].tolist() == [0, 4]


def test_groups_merge_what_translates_into_the_pivot():
    experts = {
        "roh_Latn-eng_Latn": delta(2, 2), "ita_Latn-eng_Latn": delta(4, 0), "deu_Latn-eng_Latn": delta(9, 9),
        "eng_Latn-romance": delta(5, 5),
    }  # fmt: skip
    groups = {"romance": ("roh_Latn", "ita_Latn"), "germanic": ("deu_Latn",)}
    out = Groups(groups=groups, merge="linear").fit(experts)
    assert {k: v["w"].tolist() for k, v in out.items()} == {
        "romance-eng_Latn": [3, 1], "germanic-eng_Latn": [9, 9], "eng_Latn-romance": [5, 5],
    }  # fmt: skip
    every = Groups(density=1.0).fit(experts)
    assert list(every) == ["all-eng_Latn", "eng_Latn-romance"]
    expected = TIES(1.0).fit([v for k, v in experts.items() if k.endswith("-eng_Latn")])["w"]
    np.testing.assert_array_equal(every["all-eng_Latn"]["w"], expected)


@pytest.mark.parametrize("method", [Linear(), TIES()], ids=["linear", "ties"])
def test_what_cannot_be_merged(method):
    with pytest.raises(DataError, match="found nothing to merge"):
        method.fit([])
    with pytest.raises(DataError, match="expert 2: v is on one side only"):
        method.fit([delta(1), {**delta(1), "v": np.zeros(1, np.float32)}])
    with pytest.raises(DataError, match=r"expert 2: found w of shape \(2,\), expected \(1,\)"):
        method.fit([delta(1), delta(1, 2)])
    with pytest.raises(DataError, match="expert 1: w has values that are no numbers"):
        method.fit([delta(np.nan)])


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="found 3 for 2 experts"):
        Linear(weights=(1, 1, 1)).fit([delta(1), delta(2)])
    with pytest.raises(ConfigError, match="found an expert 'roh'"):
        Groups().fit({"roh": delta(1)})
    with pytest.raises(ConfigError, match="roh_Latn is in none"):
        Groups(groups={"a": ("ita_Latn",)}).fit({"roh_Latn-eng_Latn": delta(1)})
    with pytest.raises(DataError, match="found no expert into eng_Latn"):
        Groups().fit({"eng_Latn-roh_Latn": delta(1)})


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: TIES(0), "density must be above 0"),
        (lambda: TIES(1.5), "density must be above 0"),
        (lambda: Groups(density=0), "density must be above 0"),
        (lambda: Groups(groups={"a": ("x",), "b": ("x",)}), "groups has x twice"),
        (lambda: Linear(weights=(1, -1)), "weights must have a sum above 0"),
    ],
)
def test_parameters_out_of_range(build, told):
    with pytest.raises(ValueError, match=told):
        build()


def test_differences_are_added_again():
    base, tuned = delta(1, 2), delta(3, 1)
    np.testing.assert_array_equal(added(base, difference(base, tuned))["w"], tuned["w"])


# -- models and adapters


def test_models_are_merged(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from polyalign.models.adapters.merge.models import change_of, merged, weights_of
    from polyalign.models.language_model import read_model, write_model
    from tests.models.tiny import llama

    folder = str(llama(tmp_path / "base"))
    experts = [read_model(folder) for _ in range(2)]
    for k, expert in enumerate(experts):
        with torch.no_grad():
            expert.model.model.layers[k].mlp.up_proj.weight.add_(1.0)
            expert.model.get_input_embeddings().weight.add_(0.5)
    base = read_model(folder)
    change = change_of(base, experts[1])
    assert {n for n, x in change.items() if x.any()} == {
        "model.embed_tokens.weight",
        "model.layers.1.mlp.up_proj.weight",
    }
    start = weights_of(base)
    done = merged(TIES(1.0), base, experts)
    assert done.key != base.key
    for name, x in weights_of(done).items():
        by = {
            "model.embed_tokens.weight": 0.5,
            "model.layers.0.mlp.up_proj.weight": 1,
            "model.layers.1.mlp.up_proj.weight": 1,
        }
        np.testing.assert_allclose(x - start[name], by.get(name, 0), atol=1e-6)
    assert done.tied
    write_model(done, tmp_path / "merged")
    wide = read_model(str(llama(tmp_path / "wide", hidden=32)))
    with pytest.raises(DataError, match="expected"):
        merged(Linear(), base, [wide])


def test_adapters_are_merged():
    torch = pytest.importorskip("torch")
    from polyalign.encoders.adapters.artefact import Adapters, Shape
    from polyalign.models.adapters.merge.models import merged_adapters

    base, one, other = (Adapters.new(Shape(8, 2, 2, 2, "relu"), model="m", seed=1) for _ in range(3))
    for k, some in enumerate((one, other)):
        with torch.no_grad():
            some.modules["layers"][k].way[2].weight.add_(1.0)
    found = merged_adapters(Linear(), [one, other]).state()
    np.testing.assert_allclose(found["layers.0.way.2.weight"], 0.5)
    np.testing.assert_allclose(found["layers.0.way.0.weight"], one.state()["layers.0.way.0.weight"], atol=1e-7)
    found = merged_adapters(TIES(1.0), [one, other], base=base).state()
    np.testing.assert_allclose(found["layers.0.way.2.weight"], 1)
    np.testing.assert_allclose(found["layers.1.way.2.weight"], 1)
    np.testing.assert_allclose(found["layers.0.way.0.weight"], base.state()["layers.0.way.0.weight"], atol=1e-6)
    with pytest.raises(DataError, match="found nothing to merge"):
        merged_adapters(Linear(), [])
    narrow = Adapters.new(Shape(8, 2, 4, 2, "relu"), model="m", seed=1)
    with pytest.raises(DataError, match="expected"):
        merged_adapters(Linear(), [one, narrow])
