"""``polyalign evaluate model``: a table, JSON, a page; one clear line where it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cli.outcome import fails

N = 16


@pytest.fixture
def model(tmp_path):
    """Word vectors in which Romansh is a clone of English, and parallel texts."""
    random = np.random.default_rng(2)
    vectors = random.normal(size=(40, 8))
    rows = [f"{tag}{i} " + " ".join(f"{x:.4f}" for x in v) for tag in "er" for i, v in enumerate(vectors)]
    (tmp_path / "clone.vec").write_text("80 8\n" + "\n".join(rows) + "\n")
    folder = tmp_path / "texts"
    folder.mkdir()
    drawn = random.integers(0, 40, (N, 5))
    for tag, name in (("e", "eng_Latn"), ("r", "rm")):
        said = "\r\n".join(" ".join(f"{tag}{k}" for k in row) for row in drawn)
        (folder / f"{name}.txt").write_bytes(b"\xef\xbb\xbf" + said.encode())
    return "clone.vec"


def evaluate(call, *args):
    return call("evaluate", "model", *args, "--samples", "50")


def test_a_table_for_a_pipe(call, model):
    status, out, err = evaluate(call, model, "--parallel", "texts", "--metrics", "mexa,retrieval")
    assert status == 0, err
    head, *rows = (line.split("\t") for line in out.splitlines())
    assert head == ["model", "language", "metric", "value", "low", "high", "n"]
    assert {tuple(row[:4]) for row in rows} == {
        ("clone.vec", "roh_Latn", "mexa", "1"),
        ("clone.vec", "roh_Latn", "retrieval", "0"),
    }


def test_json_and_a_page(call, model, tmp_path):
    status, out, err = evaluate(call, model, "--parallel", "texts", "-o", "page.html", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["pivot"] == "eng_Latn"
    assert told["languages"] == ["roh_Latn"]
    assert told["models"][0]["model"] == "clone.vec"
    assert told["models"][0]["pairs"]["mexa"][0][1] == 1
    assert "page.html: written" in err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Romansh" in page


def test_two_models_and_another_pivot(call, model):
    args = (model, "clone.vec:weighting=mean", "--parallel", "texts", "--pivot", "rm", "--metrics", "anc", "--json")
    status, out, err = evaluate(call, *args)
    assert status == 0, err
    told = json.loads(out)
    assert told["languages"] == ["eng_Latn"]
    assert [d["models"] for d in told["differences"]] == [["clone.vec", "clone.vec:weighting=mean"]]


def test_help_names_every_metric(call):
    from polyalign.evaluate.model.metrics import MEASURES

    status, out, _ = call("evaluate", "model", "--help")
    assert status == 0
    said = " ".join(out.replace("│", " ").split())
    assert [name for name in MEASURES if name not in said] == []


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["clone.vec"], ["Missing option '--parallel'"]),
        (["clone.vec", "--parallel", "absent"], ["absent: no such folder"]),
        (["absent.gguf", "--parallel", "texts"], ["absent.gguf"]),
        (["clone.vec", "--parallel", "texts", "--metrics", "mexxa"], ["metric 'mexxa'", "did you mean 'mexa'"]),
        (["clone.vec", "--parallel", "texts", "--metrics", "bits_per_byte"], ["no causal language model"]),
        (["clone.vec", "--parallel", "texts", "--languages", "klingon"], ["language 'klingon'"]),
        (["clone.vec", "--parallel", "texts", "--languages", "fi"], ["no text in fin_Latn", "check --languages"]),
        (["clone.vec", "--parallel", "texts", "--pivot", "de"], ["no text in deu_Latn", "--pivot"]),
        (["clone.vec", "--parallel", "texts", "--sentences", "1"], ["sentences = 1", "raise --sentences"]),
        (["clone.vec", "--parallel", "texts", "-o", "x.json"], ["x.json: expected a page"]),
        (["clone.vec", "clone.vec", "--parallel", "texts"], ["each once"]),
    ],
)
def test_it_refuses_in_one_line(call, model, args, parts):
    fails(call("evaluate", "model", *args), *parts)


def test_a_model_that_is_damaged_is_one_line(call, model, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    fails(call("evaluate", "model", "./broken", "--parallel", "texts"), "broken")


def test_lines_that_do_not_match_and_unknown_languages_are_one_line(call, model, tmp_path):
    (tmp_path / "texts" / "notes.txt").write_text("x\n")
    fails(call("evaluate", "model", model, "--parallel", "texts"), "notes.txt: no language in its name")
    (tmp_path / "texts" / "notes.txt").rename(tmp_path / "texts" / "de.txt")
    fails(call("evaluate", "model", model, "--parallel", "texts"), f"found {N} and 1 lines")
