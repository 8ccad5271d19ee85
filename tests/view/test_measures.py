from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from polyalign.view.against import Against, overlap
from polyalign.view.app import make_app
from polyalign.view.edits import Edits
from polyalign.view.opening import opening
from polyalign.view.page import View
from polyalign.view.source import Opened

TEXTS = "a b\tx y\nc d\tz w\ne\tv\n"


def bitext(folder, name, links):
    (folder / "t.tsv").write_text(TEXTS)
    (folder / f"{name}.pharaoh").write_text(links)
    return opening(folder / "t.tsv", pair=("deu_Latn", "eng_Latn"), links=[folder / f"{name}.pharaoh"])


def client(opened, tmp_path):
    return TestClient(make_app(View(opened, Edits(tmp_path / "c.jsonl"), "Anna")), base_url="http://127.0.0.1")


@pytest.fixture
def two(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    own = bitext(folders[0], "hmm", "0-0 1-1\n0-0\n\n")
    return Against(own, bitext(folders[1], "hmm", "0-0 1-0\n0-0 1-1\n0-0\n"))


def test_links_of_the_other_are_laid_over(two):
    source = Opened(two).source("deu_Latn-eng_Latn")
    assert source.aligners == ("hmm", "hmm of t.tsv")
    found = overlap(source, *source.aligners)
    assert (found.pairs, found.only_first, found.both, found.only_second) == (3, 1, 2, 3)
    assert found.f1 == pytest.approx(4 / 8)


def test_overlap_is_that_of_sets(two):
    source = Opened(two).source("deu_Latn-eng_Latn")
    sets = [{(k, x.src, x.tgt) for k in range(3) for x in source.links(a, k)} for a in source.aligners]
    found = overlap(source, *source.aligners)
    assert (found.only_first, found.both) == (len(sets[0] - sets[1]), len(sets[0] & sets[1]))


def test_the_page_of_two_files(two, tmp_path):
    text = client(Opened(two), tmp_path).get("/measures").text
    assert "<h1>Comparison</h1>" in text
    assert "0.5000" in text


def test_a_file_has_measured_nothing(two, tmp_path):
    assert "Nothing has been measured here" in client(Opened(two.own), tmp_path).get("/measures").text


@pytest.fixture
def runs(run_folder, tmp_path):
    """A run, and a copy in which a step, a score and the links differ."""
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    record = json.loads((other / "run.json").read_text())
    step = next(s for s in record["steps"] if s["params"])
    name = next(iter(step["params"]))
    step["params"][name] = "<b>else</b>"
    (other / "run.json").write_text(json.dumps(record))
    scores = json.loads((other / "scores.json").read_text())
    for score in scores:
        score["value"] += 0.25
        score["ci"] = [score["value"] - 0.001, score["value"] + 0.001]
    (other / "scores.json").write_text(json.dumps(scores))
    return run_folder, other


def test_scores_of_a_run(runs, tmp_path):
    text = client(Opened(opening(runs[0])), tmp_path).get("/measures").text
    score = json.loads((runs[0] / "scores.json").read_text())[0]
    assert f"{score['value']:.4f}" in text
    assert "Difference" not in text


def test_two_runs_beside_each_other(runs, tmp_path):
    text = client(Opened(Against(*map(opening, runs))), tmp_path).get("/measures").text
    assert "-0.2500" in text
    assert "intervals apart" in text
    assert "&lt;b&gt;else&lt;/b&gt;" in text
    assert "<b>else" not in text
    # The links are the same.
    assert "1.0000" in text


def test_layer_curves_of_a_proof(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    record = json.loads((folder / "run.json").read_text())
    record["steps"].append({**record["steps"][0], "step": "proof", "unit": "all"})
    (folder / "run.json").write_text(json.dumps(record))
    told = {
        "models": [{"name": "<before>"}, {"name": "after"}],
        "alignment": [{"src": "deu_Latn", "tgt": "roh_Latn", "layers": [[0.1, 0.2, None], [0.1, 0.5, 0.7]]}],
    }
    (folder / "proof.json").write_text(json.dumps(told))
    text = client(Opened(opening(folder)), tmp_path).get("/measures").text
    assert text.count('class="curve"') == 2
    assert "&lt;before&gt;" in text
    assert "<before>" not in text
