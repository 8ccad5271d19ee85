"""Selection of documents, of the best share, by a classifier; presets; what is spoiled."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.corpus import score, tag
from polyalign.corpus.score.length_ratio import LengthRatio, LengthZ
from polyalign.corpus.score.letters import Noise
from polyalign.corpus.score.runs import fitted, score_runs
from polyalign.corpus.score.untranslated import Copy
from polyalign.corpus.select.classifier import Classifier, CleanModel
from polyalign.corpus.select.clean import Tally, divide, parse_minimum, parse_score, plan
from polyalign.corpus.select.corrupt import DOCUMENTS, PAIRS, corrupt_documents, corrupt_pairs
from polyalign.corpus.select.presets import PRESETS
from polyalign.corpus.select.quantile import Quantile
from polyalign.corpus.select.threshold import Threshold

values = st.lists(st.sampled_from([None, -1.0, 0.2, 0.5, 0.5, 3.0]), min_size=1, max_size=30)


def of(scores):
    names = [str(i) for i in range(len(scores))]
    return Bitext.build(names, names, columns={"score.x": pa.array(scores, pa.float32())})


@given(values, st.sampled_from([0.01, 0.3, 0.5, 0.99, 1.0]), st.integers(1, 7))
def test_the_best_share_is_exact_however_it_comes(scores, share, size):
    bitext, there = of(scores), sorted((x for x in scores if x is not None), reverse=True)
    if not there:
        with pytest.raises(DataError, match="has no value in any row"):
            Quantile(keep={"score.x": share}).select(bitext)
        return
    kept, dropped = Quantile(keep={"score.x": share}).select(bitext)
    least = np.float32(there[math.ceil(share * len(there)) - 1])
    assert kept.ids == [str(i) for i, x in enumerate(scores) if x is not None and np.float32(x) >= least]
    assert len(kept) + dropped.num_rows == len(bitext)
    runs = [Bitext(bitext.table.slice(at, size)) for at in range(0, len(bitext), size)]
    assert Quantile(keep={"score.x": share}).fit(runs).minimum == {"score.x": float(least)}


def test_quantiles_of_nothing():
    assert len(Quantile(keep={"score.x": 0.5}).select(of([]))[0]) == 0
    with pytest.raises(ValueError, match="keep must give"):
        Quantile(keep={"score.x": 0})


def test_documents_are_selected_too():
    table = pa.table({"text": ["a", " ", "b", "a", "c"], "score.x": pa.array([1, 1, 0, 1, None], pa.float32())})
    kept, dropped = Threshold(minimum={"score.x": 0.5}, distinct=True, max_length_ratio=2).select(table)
    assert kept["text"].to_pylist() == ["a"]
    assert dropped["reason"].to_pylist() == ["empty-text", "score.x < 0.5", "duplicate", "score.x missing"]
    kept, _ = Threshold(minimum={"score.x": 0.5}, missing=True).select(table)
    assert kept["text"].to_pylist() == ["a", "a", "c"]
    with pytest.raises(DataError, match=r"documents: no column 'score.y'"):
        Threshold(minimum={"score.y": 1}).select(table)


def clean_pairs(n, seed):
    random = np.random.default_rng(seed)
    words = [f"w{c}{d}" for c in "abcdefgh" for d in "ijklmnop"]
    src = [list(random.choice(words, random.integers(4, 20))) for _ in range(n)]
    return Bitext.build([" ".join(s) + "." for s in src], [" ".join("ü" + w for w in s) + "." for s in src])


@pytest.mark.parametrize("kind", PAIRS)
def test_every_spoiled_pair_differs(kind):
    clean = clean_pairs(50, 1)
    bad = corrupt_pairs(clean, kind, seed=1)
    assert len(bad) >= (15 if kind == "mojibake" else 45)
    assert not set(zip(bad.src, bad.tgt, strict=True)) & set(zip(clean.src, clean.tgt, strict=True))
    assert corrupt_pairs(clean, kind, seed=1).tgt == bad.tgt
    assert len(corrupt_pairs(Bitext.build([""], [""]), kind, seed=1)) == 0


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_spoiled_document_differs(kind):
    table = pa.table({"text": ["Schöne Häuser stehen " * 10, ""], "lang": ["deu_Latn"] * 2})
    bad = corrupt_documents(table, kind, seed=1)
    assert bad.num_rows == 1
    assert bad["text"][0].as_py() != table["text"][0].as_py()


def test_truncation_without_spaces_is_by_characters():
    assert len(corrupt_pairs(Bitext.build(["政府批准了修"], ["政府批准了修"]), "truncated", seed=1).src[0]) <= 6


def test_a_classifier_tells_spoiled_pairs_by_their_scores(tmp_path):
    clean = clean_pairs(400, 2)
    methods = fitted({"z": LengthZ(), "ratio": LengthRatio(), "copy": Copy(), "noise": Noise()}, [clean])
    model = Classifier(seed=3).learn(clean, methods, described={"copy": {"id": "copy", "params": {}}})
    assert model.measured["clean"] > 0.8
    assert model.measured["copied"] > 0.9
    assert model.measured["truncated"] > 0.8
    assert model.measured["mojibake"] > 0.9
    fresh = next(score_runs([clean_pairs(100, 9)], methods))
    copied = next(score_runs([corrupt_pairs(clean_pairs(100, 9), "copied", seed=1)], methods))
    assert model.probability(fresh).mean() > 0.7
    assert model.probability(copied).mean() < 0.1
    model.save(tmp_path / "model.json")
    again = CleanModel.load(tmp_path / "model.json")
    assert again.probability(fresh).tobytes() == model.probability(fresh).tobytes()
    assert again.methods == {"copy": {"id": "copy", "params": {}}}
    kept, dropped = Classifier(model=str(tmp_path / "model.json")).select(copied)
    assert dropped.num_rows > 90
    assert "score.clean" in kept.table.column_names
    assert Classifier(seed=3).learn(clean, methods).weights.tobytes() == model.weights.tobytes()


def test_a_classifier_of_documents():
    table = pa.table({"text": [t + " schöner " + t for t in clean_pairs(80, 4).src], "lang": ["und"] * 80})
    model = Classifier().learn(table, {"noise": Noise()})
    scored = next(score_runs([table], {"noise": Noise()}))
    assert model.score(scored)["score.clean"].null_count == 0
    assert model.score(model.score(scored)).column_names == ["text", "lang", "score.noise", "score.clean"]
    with pytest.raises(DataError, match=r"no column 'score.noise'"):
        model.score(table)
    assert model.measured["mojibake"] > 0.9


def test_classifiers_that_cannot_be(tmp_path):
    with pytest.raises(DataError, match="found 3 clean rows"):
        Classifier().learn(clean_pairs(3, 1), {"noise": Noise()})
    with pytest.raises(DataError, match="found no model"):
        Classifier().select(clean_pairs(3, 1))
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="found no classifier"):
        CleanModel.load(tmp_path / "x.json")
    with pytest.raises(ValueError, match="minimum must lie"):
        Classifier(minimum=2)
    with pytest.raises(ValueError, match="bins must be"):
        Classifier(bins=1)


@pytest.fixture
def rows(monkeypatch):
    """The registry with the scores, whether or not its level lists them yet."""
    known = dict(registry.rows())
    for row in (*score.METHODS, *tag.METHODS):
        known.setdefault(row.id, row)
    monkeypatch.setattr(registry, "rows", lambda: known)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_for_pairs_and_documents(name, rows):
    pairs, documents = plan((name,), (), (), documents=False), plan((name,), (), (), documents=True)
    assert set(PRESETS[name].minimum) == set(PRESETS[name].scores)
    assert len(pairs.minimum) >= len(pairs.methods) > len(documents.methods) > 0
    assert all(column.startswith("score.") for column in pairs.minimum)
    assert all(hasattr(method, "texts") for method in documents.methods.values())


def test_what_is_named_later_stands(rows):
    found = plan(("press",), ("copy:measure=substring", "date"), ("copy=0.4", "score.q=1"), documents=False)
    assert found.methods["copy"].measure == "substring"
    assert found.minimum["score.copy"] == 0.4
    assert found.minimum["score.q"] == 1
    assert plan(("press",), (), (), documents=False, decide=False).minimum == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plan(("pres",), (), (), documents=False), "did you mean 'press'"),
        (lambda: plan((), ("copi",), (), documents=False), "did you mean 'copy'"),
        (lambda: plan((), ("copy:x=1",), (), documents=False), "takes no parameter 'x'"),
        (lambda: plan((), ("copy",), (), documents=True), "compares the two sides"),
        (lambda: plan((), (), ("copy=1",), documents=False), "no such score is computed"),
        (lambda: parse_score("copy:x"), "expected parameter=value"),
        (lambda: parse_minimum("copy"), "expected a score, = and a number"),
        (lambda: parse_minimum("copy=x"), "expected a score, = and a number"),
    ],
)
def test_wrong_plans_are_refused(call, message, rows):
    with pytest.raises(ConfigError, match=message):
        call()


def test_every_row_is_counted_with_a_sample():
    tally, gone = Tally(), []
    runs = [of([1.0, 0.0]), of([0.0, None])]
    kept = list(divide(runs, Threshold(minimum={"score.x": 0.5}), tally, gone.append))
    assert (tally.rows, tally.kept, sum(map(len, kept)), sum(t.num_rows for t in gone)) == (4, 1, 1, 3)
    assert tally.told() == [
        {"reason": "score.x < 0.5", "rows": 2, "sample": "1 | 1"},
        {"reason": "score.x missing", "rows": 1, "sample": "1 | 1"},
    ]
