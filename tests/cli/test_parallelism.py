"""``polyalign parallelism``."""

from __future__ import annotations

import json

import pytest

from tests.cli.outcome import fails


@pytest.fixture
def bitexts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.de-en.tsv").write_text(
        "src\ttgt\tscore.align\nHaus\thouse\t0.9\nBaum\ttree\t0.8\n", encoding="utf-8"
    )
    (tmp_path / "b.en-fr.tsv").write_text("src\ttgt\tscore.align\nhouse\tmaison\t0.7\n", encoding="utf-8")
    return tmp_path


def test_it_counts_languages(call, bitexts):
    status, out, _ = call("parallelism", "greedy-tuples", "a.de-en.tsv", "b.en-fr.tsv", "out", "--json")
    counts = json.loads(out)
    assert status == 0
    assert counts["ways"] == {"2": 1, "3": 1}
    assert (bitexts / "out/a.de-en.tsv").read_text(encoding="utf-8").splitlines()[1].endswith("\t3")
    tuples = (bitexts / "out/tuples.tsv").read_text(encoding="utf-8").splitlines()
    assert tuples[0].split("\t") == ["tuple", "lang", "text", "stays"]
    assert tuples[3].split("\t") == ["0", "fra_Latn", "maison", "1"]


def test_the_same_with_pairs_named(call, bitexts):
    call("parallelism", "greedy-tuples", "a.de-en.tsv", "b.en-fr.tsv", "out", "--pairs", "de-en,en-fr")
    assert (bitexts / "out/tuples.tsv").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a.de-en.tsv", "b.en-fr.tsv", "out", "--pairs", "de-en"), "found 1 pairs for 2 files"),
        (("a.de-en.tsv", "./a.de-en.tsv", "out"), "a.de-en.tsv is there twice"),
        (("none.tsv", "out"), "found no language pair in the name"),
        (("c.de-en.tsv", "out"), "no such file"),
    ],
)
def test_wrong_use_is_one_line(call, bitexts, args, message):
    fails(call("parallelism", "greedy-tuples", *args), message)
