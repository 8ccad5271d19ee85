"""The iterations of word aligners by every engine: the same bytes, and others do them."""

from __future__ import annotations

import importlib.util
import json

import pytest

from polyalign.core.spread import engine
from polyalign.pipeline import engine as engines
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import run
from polyalign.words import tokens
from polyalign.words.gibbs import pieces

from .test_run import contents

STEPS = """
[project]
languages = ["en", "de"]

[[step]]
id = "pairs"
use = "corpus.bitext/tsv"
path = "pairs.tsv"
"""
METHODS = ("ibm1", "ibm2", "hmm", "fast-align", "gibbs")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Word aligners on a text of several blocks."""
    monkeypatch.setattr(tokens, "BLOCK_CELLS", 200)
    monkeypatch.setattr(pieces, "PIECE", 40)
    monkeypatch.setenv("RAY_object_store_memory", "100000000")
    pairs = [("the old house", "das alte Haus"), ("the cold river", "der kalte Fluss"), ("a house", "ein Haus")]
    rows = [f"{a} {k % 7}\t{b} {k % 7}\n" for k in range(30) for a, b in pairs]
    (tmp_path / "pairs.tsv").write_text("src\ttgt\n" + "".join(rows), encoding="utf-8")
    file = tmp_path / "words.toml"
    more = {"hmm": 'symmetrize = "posterior"\n', "gibbs": "chains = 1\nsweeps = 2\n"}
    steps = [f'\n[[step]]\nid = "{m}"\nuse = "words.align/{m}"\nin = "pairs"\n{more.get(m, "")}' for m in METHODS]
    file.write_text(STEPS + "".join(steps), encoding="utf-8")
    return file


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_aligners_iterate_on_ray_to_the_same_bytes(project, monkeypatch):
    here = run(read_project(project, project.parent / "here"))
    assert engine() is None
    sent, results = [], engines.Outermost.results

    def counted(self, function, tasks):
        for number, result in results(self, function, tasks):
            sent.append(getattr(function, "func", function).__name__)
            yield number, result

    monkeypatch.setattr(engines.Outermost, "results", counted)
    there = run(read_project(project, project.parent / "there", {"engine": "ray", "workers": 2}))
    assert contents(there) == contents(here)
    assert {"expect_elsewhere", "draw_elsewhere"} <= set(sent)
    record = json.loads((there / "run.json").read_text(encoding="utf-8"))
    assert {s["step"] for s in record["steps"]} == {"pairs", *METHODS}
