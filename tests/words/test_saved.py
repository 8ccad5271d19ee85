"""A saved model as a method."""

from __future__ import annotations

import pytest

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.hmm import HMM
from polyalign.words.ibm1 import IBM1
from polyalign.words.model import load_model
from polyalign.words.saved import Saved

TEXT = Bitext.build(
    ["das haus ist alt", "das buch ist neu", "ein altes haus", "ein buch", "das ist neu"] * 3,
    ["the house is old", "the book is new", "an old house", "a book", "that is new"] * 3,
)
OTHER = Bitext.build(["das haus ist neu", "", "ein anderes buch"], ["the house is new", "x", "another book"])


@pytest.fixture(params=[IBM1(), HMM(), Gibbs()], ids=["ibm1", "hmm", "gibbs"])
def trained(request, tmp_path):
    model = request.param.fit(TEXT)
    model.save(tmp_path / "model")
    return model, str(tmp_path / "model")


def test_it_aligns_as_the_model_did(trained):
    model, folder = trained
    for bitext in (TEXT, OTHER, OTHER.select([True, False, False])):
        same = Saved(folder).fit(bitext).align(bitext)
        assert same.to_pharaoh(probabilities=True) == model.align(bitext).to_pharaoh(probabilities=True)


def test_it_decides_otherwise_if_told_to(trained, tmp_path):
    model, folder = trained
    union = Saved(folder, symmetrize="union").fit(OTHER)
    assert union.align(OTHER).to_pharaoh() == model.posteriors(OTHER).links("union").to_pharaoh()
    sure = Saved(folder, symmetrize="product", threshold=0.9).fit(OTHER)
    assert sure.align(OTHER).to_pharaoh() == model.posteriors(OTHER).links("product", 0.9).to_pharaoh()
    # What was decided is kept with the model; what it was read from stays as it was.
    sure.save(tmp_path / "sure")
    again = load_model(tmp_path / "sure")
    assert (again.symmetrize, again.threshold) == ("product", 0.9)
    assert (load_model(tmp_path / "model").symmetrize, load_model(tmp_path / "model").threshold) == (
        model.symmetrize,
        model.threshold,
    )


def test_it_trains_further_where_the_model_can(tmp_path):
    first = Gibbs().fit(TEXT)
    first.save(tmp_path / "model")
    before = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    model = Saved(str(tmp_path / "model"), update=True).fit(OTHER)
    assert model.align(OTHER).to_pharaoh(probabilities=True) == (
        first.update(OTHER).align(OTHER).to_pharaoh(probabilities=True)
    )
    assert {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()} == before


def test_update_is_refused_where_the_model_cannot(tmp_path):
    model = IBM1().fit(TEXT)
    if hasattr(model, "update"):
        pytest.skip("the model can be trained further")
    model.save(tmp_path / "model")
    with pytest.raises(ConfigError, match=r"update = true, but the model in .* cannot be trained further"):
        Saved(str(tmp_path / "model"), update=True).fit(TEXT)


def test_a_threshold_needs_posteriors(trained):
    with pytest.raises(ConfigError, match=r"threshold = 0\.5 means nothing where grow-diag joins"):
        Saved(trained[1], symmetrize="grow-diag", threshold=0.5).fit(TEXT)


def test_a_folder_that_holds_no_model(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder, expected a saved word aligner"):
        Saved(str(tmp_path / "nowhere")).fit(TEXT)
    with pytest.raises(DataError, match=r"no manifest\.json in it, expected a saved word aligner"):
        Saved(str(tmp_path)).fit(TEXT)
    (tmp_path / "manifest.json").write_text('{"format": 2, "kind": "other"}')
    with pytest.raises(DataError, match="kind 'other'"):
        Saved(str(tmp_path)).fit(TEXT)


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(ValueError, match="threshold must be at least 0 and below 1"):
        Saved("x", threshold=threshold)


def test_the_model_is_a_path_and_must_be_given():
    row = registry.find("words.align/saved")
    assert next(p for p in params.params_of(registry.load(row)) if p.name == "model").is_path
    with pytest.raises(ConfigError, match="needs the parameter 'model'"):
        params.build(row)
