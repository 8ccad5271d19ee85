"""Word alignment from the command line: every output, models that are kept, and symmetrisation of files."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from polyalign.core.links import Links
from polyalign.corpus.formats import read_bitext
from polyalign.words.em import EMModel
from polyalign.words.model import load_model
from polyalign.words.symmetrize import GrowDiagFinalAnd, Posterior, Union
from tests.cli.outcome import fails

SRC = ["das haus ist alt", "das buch ist neu", "", "ein altes haus", "ein buch", "das ist neu"]
TGT = ["the house is old", "the book is new", "word", "an old house", "a book", "that is new"]


@pytest.fixture(autouse=True)
def bitext(call):
    """A bitext in the folder that commands are called in."""
    Path("b.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in zip(SRC, TGT, strict=True)), encoding="utf-8")


def lines(name):
    return Path(name).read_text().splitlines()


@pytest.mark.parametrize("how", ["posterior", "grow-diag-final-and"])
def test_every_output_of_one_pass(call, monkeypatch, how):
    passes = []
    original = EMModel.parts
    monkeypatch.setattr(EMModel, "parts", lambda self, *args: passes.append(1) or original(self, *args))
    names = ("scores", "unlinked", "posteriors", "forward", "backward")
    outputs = [x for name in names for x in (f"--{name}", name)]
    status, out, _ = call(
        *("align-words", "ibm1", "b.tsv", "links", "--symmetrize", how, *outputs),
        *("--save-model", "model", "--probabilities", "--json"),
    )
    assert status == 0
    assert len(passes) == 1
    bitext, model = read_bitext("b.tsv"), load_model(Path("model"))
    cells = model.posteriors(bitext)
    links = model.align(bitext)
    assert json.loads(out) == {"pairs": 6, "links": len(links.src), "out": "links"}
    assert lines("links") == links.to_pharaoh(probabilities=True)
    assert lines("posteriors") == cells.links("posterior", 0.0).to_pharaoh(probabilities=True)
    assert lines("forward") == model.forward(bitext).to_pharaoh(probabilities=True)
    assert lines("backward") == model.backward(bitext).to_pharaoh(probabilities=True)
    assert [float(x) for x in lines("scores")] == pytest.approx(cells.score().tolist(), abs=1e-4)
    src, tgt = (iter(side.tolist()) for side in cells.unlinked())
    for k, row in enumerate(Path("unlinked").read_text().split("\n")[:-1]):
        for words, null, text in zip(row.split("\t"), (src, tgt), (SRC[k], TGT[k]), strict=True):
            expected = [j for j in range(len(text.split())) if next(null) > 0.5]
            assert [int(j) for j in words.split()] == expected


def test_a_model_that_was_kept_aligns_alike(call):
    assert call("align-words", "ibm1", "b.tsv", "one", "--save-model", "model")[0] == 0
    assert call("align-words", "saved", "b.tsv", "two", "--model", "model")[0] == 0
    assert lines("one") == lines("two")
    Path("c.tsv").write_text(f"{SRC[1]}\t{TGT[1]}\n", encoding="utf-8")
    assert call("align-words", "saved", "c.tsv", "-", "--model", "model")[1].splitlines() == lines("one")[1:2]
    # A model may be put where another was, and nowhere else.
    assert call("align-words", "ibm1", "b.tsv", "one", "--save-model", "model")[0] == 0
    Path("notes").mkdir()
    Path("notes/x").write_text("")
    fails(call("align-words", "ibm1", "b.tsv", "o", "--save-model", "notes"), "notes: holds other things than a model")
    fails(call("align-words", "ibm1", "b.tsv", "o", "--save-model", "b.tsv"), "b.tsv: is a file, expected a folder")
    fails(call("align-words", "saved", "b.tsv", "o", "--model", "notes"), "notes: no manifest.json in it")
    fails(call("align-words", "saved", "b.tsv", "o"), "needs the parameter 'model'")


@pytest.mark.parametrize("method", ["gibbs", "hmm"])
def test_priors_are_exported(call, method):
    assert call("align-words", method, "b.tsv", "links", "--export-priors", "priors.tsv")[0] == 0
    assert lines("priors.tsv")[0].split("\t")[:2] == ["granularity", "kind"]
    assert call("align-words", method, "b.tsv", "links", "--priors", "priors.tsv")[0] == 0


@pytest.mark.parametrize("method", ["gibbs", "statistical"])
def test_a_dictionary_is_heeded(call, method):
    Path("d.tsv").write_text("haus\tis\tonly\n")
    links = call("align-words", method, "b.tsv", "-", "--dictionary", "d.tsv")[1].splitlines()
    of_haus = [x for x in links[0].split() if x.startswith("1-")]
    assert of_haus == ["1-2"]
    assert "1-1" in call("align-words", method, "b.tsv", "-")[1].splitlines()[0].split()


def test_a_threshold_of_none_is_learned(call):
    for method in ("hmm", "statistical"):
        learned = call("align-words", method, "b.tsv", "-", "--threshold", "none")
        assert learned[0] == 0
        assert learned[1] != call("align-words", method, "b.tsv", "-", "--threshold", "0.99")[1]
    fails(call("align-words", "hmm", "b.tsv", "-", "--threshold", "some"), "'some' is not a valid float")


def test_only_sure_links(call):
    call("align-words", "ibm1", "b.tsv", "all", "--probabilities")
    call("align-words", "ibm1", "b.tsv", "sure", "--probabilities", "--min-probability", "0.9")
    kept = [[x for x in row.split() if float(x.split(":")[1]) >= 0.9] for row in lines("all")]
    assert [row.split() for row in lines("sure")] == kept
    assert 0 < sum(map(len, kept)) < sum(len(row.split()) for row in lines("all"))
    Path("none.tsv").write_text("\tx\n")
    assert call("align-words", "ibm1", "none.tsv", "-", "--min-probability", "0.9")[:2] == (0, "\n")
    fails(call("align-words", "ibm1", "b.tsv", "-", "--min-probability", "2"), "--min-probability", "0<=x<=1")


def test_the_threshold_is_learned_from_gold(call):
    Path("gold").write_text("1-1 2-2 3-3 4-4\n1-1 2-2 3-3 4-4\n")
    args = ("align-words", "hmm", "b.tsv", "links", "--learn-threshold", "gold")
    status, _, err = call(*args, "--gold-base", "1", "--posteriors", "posteriors")
    assert status == 0
    assert "gold: threshold 0." in err
    assert "lowest alignment error rate on these 2 sentence pairs" in err
    threshold = float(err.split("threshold ")[1].split()[0])
    expected = [
        [x.split(":")[0] for x in row.split() if float(x.split(":")[1]) > threshold] for row in lines("posteriors")
    ]
    assert [row.split() for row in lines("links")] == expected
    fails(call(*args), "gold line 1: found 4-4 (from 0) in a sentence pair of 4 and 4 words; say --gold-base 1")
    fails(call(*args, "--symmetrize", "union"), "--learn-threshold means nothing with --symmetrize union")
    Path("gold").write_text("\n" * 7)
    fails(call(*args), "gold: found 7 lines, but b.tsv has 6 sentence pairs")
    call("align-words", "ibm1", "b.tsv", "links", "--symmetrize", "union", "--save-model", "model")
    Path("gold").write_text("0-0\n")
    again = ("align-words", "saved", "b.tsv", "links", "--model", "model", "--learn-threshold", "gold")
    fails(call(*again), "--learn-threshold means nothing with --symmetrize union")
    assert call(*again, "--symmetrize", "product")[0] == 0


def test_outputs_that_cannot_be_are_refused_before_the_work(call):
    fails(call("align-words", "ibm1", "nowhere", "-", "--scores", "-"), "the links and --scores", "name a file for OUT")
    fails(call("align-words", "ibm1", "nowhere", "o", "--scores", "-", "--json"), "--scores and --json")
    fails(
        call("align-words", "ibm1", "nowhere", "o", "--unlinked", "no/u"),
        "no/u: cannot be written, there is no folder no",
    )


# -- symmetrize

FORWARD, BACKWARD = ["0-0 1-1 3-3", "", "0-0", "1-0 0-0"], ["4-4 0-0 2-1", "", "1-1", "0-0"]


@pytest.fixture
def directions(call):
    Path("f").write_text("".join(x + "\n" for x in FORWARD))
    Path("b").write_text("".join(x + "\n" for x in BACKWARD))
    return Links.from_pharaoh(FORWARD), Links.from_pharaoh(BACKWARD)


def test_symmetrize_joins_files(call, directions):
    expected = GrowDiagFinalAnd()(*directions).to_pharaoh()
    assert call("symmetrize", "grow-diag-final-and", "f", "b", "-")[:2] == (0, "\n".join(expected) + "\n")
    status, out, _ = call("symmetrize", "union", "f", "b", "links", "--json")
    union = Union()(*directions)
    assert (status, json.loads(out)) == (0, {"pairs": 4, "links": len(union.src), "out": "links"})
    assert lines("links") == union.to_pharaoh()


def test_symmetrize_reads_what_other_tools_write(call, directions, monkeypatch):
    backward = directions[1].transpose().to_pharaoh()
    Path("r.gz").write_bytes(b"")
    Path("r").write_text("".join(x + "\n" for x in backward))
    expected = Union()(*directions).to_pharaoh()
    assert call("symmetrize", "union", "f", "r", "-", "--reversed")[1].splitlines() == expected
    for name, side in (("f1", FORWARD), ("b1", BACKWARD)):
        shifted = [" ".join("-".join(str(int(x) + 1) for x in link.split("-")) for link in row.split()) for row in side]
        Path(name).write_text("".join(x + "\n" for x in shifted))
    assert call("symmetrize", "union", "f1", "b1", "-", "--one-based")[1].splitlines() == expected
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path("f").read_bytes())))
    assert call("symmetrize", "union", "-", "b", "-")[1].splitlines() == expected


def test_symmetrize_by_probability(call):
    rng = np.random.default_rng(1)
    sides = []
    for name in ("f", "b"):
        rows = [" ".join(f"{i}-{j}:{rng.random():.3f}" for i in range(3) for j in range(3)) for _ in range(50)]
        Path(name).write_text("\n".join(rows))
        sides.append(Links.from_pharaoh(rows))
    for threshold in (None, 0.6):
        flags = () if threshold is None else ("--threshold", threshold)
        out = call("symmetrize", "posterior", "f", "b", "-", "--probabilities", *flags)[1]
        assert out.splitlines() == Posterior(threshold)(*sides).to_pharaoh(probabilities=True)
    assert call("symmetrize", "product", "f", "b", "-", "--threshold", "0.999")[1] == "\n" * 50


def test_a_threshold_is_learned_from_all_runs_together(call, monkeypatch):
    monkeypatch.setattr(
        "polyalign.words.pharaoh.link_runs.__kwdefaults__", {"one_based": False, "reverse": False, "lines": 2}
    )
    rows = ["0-0:0.9 1-1:0.8", "0-0:0.95", "0-0:0.3 0-1:0.2", "0-0:0.25 1-0:0.15", "1-1:0.35"]
    Path("f").write_text("\n".join(rows))
    both = Links.from_pharaoh(rows)
    assert call("symmetrize", "posterior", "f", "f", "-")[1].splitlines() == Posterior()(both, both).to_pharaoh()
    assert call("symmetrize", "union", "f", "f", "-")[1].splitlines() == both.to_pharaoh()


def test_symmetrize_refuses_what_cannot_be_joined(call, directions):
    Path("short").write_text("0-0\n")
    fails(call("symmetrize", "union", "f", "short", "links"), "f: found 4 lines, and 1 in short, expected as many")
    fails(call("symmetrize", "union", "short", "f", "links"), "short: found 1 lines, and 4 in f")
    assert not Path("links").exists()
    fails(call("symmetrize", "posterior", "f", "b", "-"), "found forward links without a probability")
    fails(call("symmetrize", "union", "f", "b", "-", "--probabilities"), "f, b: found links without a probability")
    fails(call("symmetrize", "union", "-", "-", "o"), "only one of FORWARD and BACKWARD can be standard input")
    fails(call("symmetrize", "union", "f", "b", "-", "--json"), "--json and the links")
    fails(
        call("symmetrize", "union", "f", "b", "-", "--one-based"),
        "f line 1: found '0-0', expected words counted from 1",
    )
    Path("bad").write_text("0-0\nx\n\n\n")
    fails(call("symmetrize", "union", "f", "bad", "-"), "bad line 2: found 'x', expected links such as")
    fails(call("symmetrize", "grow-dag", "f", "b", "-"), "did you mean 'grow-diag'?")
    fails(
        call("symmetrize", "posterior", "f", "b", "-", "--threshold", "1"), "threshold must be at least 0 and below 1"
    )


# -- in a project

PROJECT = """
[project]
languages = ["de", "en"]
[[step]]
id = "pairs"
use = "corpus.bitext/tsv"
path = "b.tsv"
[[step]]
id = "gold"
use = "corpus.bitext/tsv"
path = "gold.tsv"
[[step]]
id = "links"
use = "words.align/saved"
in = ["pairs", "gold"]
model = "model"
[[step]]
id = "aer"
use = "evaluate/aer"
in = ["links", "gold"]
[[step]]
id = "kept"
use = "corpus.select/threshold"
in = "links"
minimum = { "score.words" = -4.0 }
"""


def test_a_project_aligns_by_a_saved_model_and_selects_by_its_score(call):
    assert call("align-words", "ibm1", "b.tsv", "links", "--scores", "scores", "--save-model", "model")[0] == 0
    Path("gold.tsv").write_text("id\tsrc\ttgt\tlinks\ng\tdas buch\tthe book\t0-0 1-1\n")
    Path("p.toml").write_text(PROJECT)
    assert call("run", "p.toml")[0] == 0
    unit = "deu_Latn-eng_Latn"
    kept = pq.read_table(f"runs/p/bitext/{unit}.parquet")
    # The empty pair is left out, and the gold pair never was in the corpus.
    assert kept["src"].to_pylist() == [s for s in SRC if s]
    scores = [float(x) for x, s in zip(lines("scores"), SRC, strict=True) if s]
    assert kept["score.words"].to_pylist() == pytest.approx(scores, abs=1e-4)
    assert len(lines(f"runs/p/links/{unit}.pharaoh")) == 6
    assert json.loads(Path("runs/p/scores.json").read_text())[0]["n"] == 1
    # A model that was trained anew in the same place is another input.
    plan = call("run", "p.toml", "--dry-run")[1] + call("run", "p.toml", "--dry-run")[2]
    assert "changed input" not in plan
    call("align-words", "hmm", "b.tsv", "links", "--save-model", "model")
    plan = call("run", "p.toml", "--dry-run")
    assert "changed input: file 1" in plan[1] + plan[2]
    Path("model").rename("elsewhere")
    fails(call("run", "p.toml"), "model: no such file or folder")


def test_any_step_that_takes_a_bitext_takes_links(call):
    call("align-words", "ibm1", "b.tsv", "links", "--save-model", "model")
    Path("gold.tsv").write_text("id\tsrc\ttgt\tlinks\ng\tdas buch\tthe book\t0-0 1-1\n")
    step = '[[step]]\nid = "file"\nuse = "corpus.write/tsv"\nin = "links"\n'
    Path("p.toml").write_text(PROJECT + step)
    assert call("run", "p.toml")[0] == 0
    header, *rows = lines("runs/p/bitext/deu_Latn-eng_Latn.tsv")
    assert "score.words" in header.split("\t")
    assert len(rows) == 6
    Path("p.toml").write_text(PROJECT.replace('in = "links"', 'in = "aer"'))
    fails(call("run", "p.toml"), "takes bitext, but 'aer' (evaluate/aer) gives score")
