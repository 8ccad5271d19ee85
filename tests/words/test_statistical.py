"""The best word aligner without an encoder: what it chooses, and that it is what it chooses."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.model import load_model
from polyalign.words.statistical import Statistical
from tests.words.planted import content, cut, f1, planted, same

INFLECTED = [[f"{w}{ending}" for w in ("haeuser", "strasse", "wetter") for ending in ("", "n", "s", "chen")]] * 2
WHOLE = [["天", "地", "人", "大"], ["a", "b", "c"]]


@pytest.mark.parametrize(
    ("pairs", "granularities", "chains", "sweeps"),
    [
        (0, ("full", "prefix-5", "prefix-4"), 4, 8),
        (1, ("full", "prefix-5", "prefix-4"), 4, 8),
        (4_999, ("full", "prefix-5", "prefix-4"), 4, 8),
        (5_000, ("full", "prefix-5", "prefix-4"), 2, 8),
        (10_000, ("full", "prefix-5", "prefix-4"), 2, 8),
        (19_999, ("full", "prefix-5", "prefix-4"), 2, 8),
        (20_000, ("full", "prefix-5"), 2, 8),
        (49_999, ("full", "prefix-5"), 2, 8),
        (50_000, ("full", "prefix-5"), 1, 6),
        (10_000_000, ("full", "prefix-5"), 1, 6),
    ],
)
def test_it_is_set_by_how_much_text_there_is(pairs, granularities, chains, sweeps):
    chosen = Statistical().choose(pairs, INFLECTED)
    assert (chosen.granularities, chosen.chains, chosen.sweeps) == (granularities, chains, sweeps)


def test_a_prefix_that_merges_few_types_is_left_out():
    assert Statistical().choose(600, WHOLE).granularities == ("full",)
    # Of ten types one must go, of eleven two.
    words = [f"{k}abcde" for k in range(8)]
    both = ("full", "prefix-5", "prefix-4")
    assert Statistical().choose(600, [[*words, "8abcde", "8abcdf"]]).granularities == both
    assert Statistical().choose(600, [[*words, "8abcde", "8abcxy"]]).granularities == ("full", "prefix-4")
    assert Statistical().choose(600, [[*words, "8abcde", "8abcdf", "9abcde"]]).granularities == ("full",)
    # Types of both sides are taken together.
    assert Statistical().choose(600, [words, ["8abcde", "8abcdf"]]).granularities == both
    assert Statistical().choose(600, [[], []]).granularities == both


def test_what_is_asked_for_is_handed_on():
    asked = Statistical(
        lowercase=False,
        spelling=0.1,
        digits="shape",
        punctuation="plain",
        priors="a",
        dictionary="b",
        src_space="c",
        tgt_space="d",
        space_weight=0.7,
        symmetrize="product",
        threshold=0.3,
        seed=9,
        work="e",
    )
    default = Statistical()
    assert all(getattr(asked, f.name) != getattr(default, f.name) for f in fields(Statistical)), (
        "a parameter is not tested"
    )
    chosen = asked.choose(100, INFLECTED)
    assert {f.name: getattr(chosen, f.name) for f in fields(Statistical)} == {
        f.name: getattr(asked, f.name) for f in fields(Statistical)
    }
    # The defaults are those of the sampler.
    assert {f.name: getattr(Gibbs(), f.name) for f in fields(Statistical)} == {
        f.name: f.default for f in fields(Statistical)
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"spelling": -1.0}, "spelling must not be negative"),
        ({"space_weight": -1.0}, "space_weight must be above 0"),
        ({"threshold": 1.5}, "threshold must be at least 0 and below 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"src_space": "x"}, "src_space and tgt_space go together"),
    ],
)
def test_parameters_out_of_range_are_refused_at_once(parameters, message):
    with pytest.raises(ValueError, match=message):
        Statistical(**parameters)


@pytest.fixture(scope="module")
def bitext():
    whole, gold = planted(60, seed=6, vocabulary=40)
    double = [[" ".join(w + w for w in t.split()) for t in side] for side in (whole.src, whole.tgt)]
    return Bitext.build(*double), gold


def test_it_is_the_sampler_it_chooses(bitext, tmp_path):
    bitext, gold = bitext
    model = Statistical(seed=4).fit(bitext)
    assert model.method.granularities == ("full",)
    inflected = Bitext.build(
        [f"{t} hausen hauses hausen's hausend" for t in bitext.src], [f"{t} at home" for t in bitext.tgt]
    )
    for text in (bitext, inflected):
        model = Statistical(seed=4).fit(text)
        other = model.method.fit(text)
        assert isinstance(model.method, Gibbs)
        assert model.method.seed == 4
        assert same(model.align(text), other.align(text))
        assert [g.weight.tobytes() for g in model.grains] == [g.weight.tobytes() for g in other.grains]
    assert f1(Statistical().fit(bitext).align(bitext), gold) > 0.95
    # Saved, it is a model like any other, and goes on as one.
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.method == model.method
    assert same(loaded.align(text), model.align(text))


def test_parts_are_aligned_as_the_whole(bitext):
    bitext, _ = bitext
    whole = content(*Statistical().stream([bitext]))
    for size in (1, 17):
        assert content(*Statistical().stream(cut(bitext, size))) == whole
    model, parts = Statistical().stream(cut(bitext, 17))
    assert same(model.remember_all(parts).align(bitext), Statistical().fit(bitext).align(bitext))


def test_a_dictionary_and_exported_counts_are_used(bitext, tmp_path):
    bitext, _ = bitext
    small = bitext.select(np.arange(len(bitext)) < 3)
    words = sorted({w for t in bitext.src for w in t.split()})
    (tmp_path / "d.tsv").write_text("".join(f"{w}\t{w[::-1]}\n" for w in words))
    Statistical().fit(bitext).export_priors(tmp_path / "p.parquet")
    gold = [
        {(s.split().index(t[::-1].lower()), j) for j, t in enumerate(x.split())}
        for s, x in zip(small.src, small.tgt, strict=True)
    ]
    alone = f1(Statistical().fit(small).align(small), gold)
    for name, file in (("dictionary", "d.tsv"), ("priors", "p.parquet")):
        assert f1(replace(Statistical(), **{name: str(tmp_path / file)}).fit(small).align(small), gold) > alone + 0.05


def test_nothing_at_all():
    none = Bitext.build([], [])
    assert len(Statistical().fit(none).align(none)) == 0
    assert Statistical().fit(Bitext.build([""], [""])).align(none).to_pharaoh() == []
