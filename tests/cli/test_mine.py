"""`polyalign mine`, and the two metrics that go with it, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from polyalign.core.space import unit
from polyalign.corpus.formats import read_bitext
from tests.cli.outcome import fails


@pytest.fixture
def sides(tmp_path):
    """Files of lines and vectors: forty a side, of which thirty translate each other, row i and row 39 - i."""
    random = np.random.default_rng(0)
    src, tgt = random.normal(size=(40, 32)), random.normal(size=(40, 32))
    tgt[::-1][:30] = src[:30] + 0.3 * random.normal(size=(30, 32))
    for name, rows in (("a", src), ("b", tgt)):
        np.save(tmp_path / f"{name}.npy", rows.astype(np.float16))
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} {i}\n" for i in range(40)), encoding="utf-8")
    return ["a.txt", "b.txt"], ["--src-vectors", "a.npy", "--tgt-vectors", "b.npy"]


class Known:
    """Encodes lines by the number at their end."""

    key, dim = "known", 16

    def encode(self, texts, *, label=""):
        rows = np.random.default_rng(1).normal(size=(100, 16)).astype(np.float32)
        return unit(rows[[int(t.split()[-1]) for t in texts]])


@pytest.fixture
def known(monkeypatch):
    for place in ("polyalign.encoders.named", "polyalign.sentences.mine"):
        monkeypatch.setattr(f"{place}.named_encoder", lambda name: Known())


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet", ".tmx"])
def test_pairs_in_any_format(call, sides, suffix):
    files, vectors = sides
    status, out, err = call("mine", "margin", *files, f"out{suffix}", *vectors, "--pair", "de-rm", "--json")
    assert status == 0, err
    summary = json.loads(out)
    bitext = read_bitext(f"out{suffix}", pair=("deu_Latn", "roh_Latn"))
    assert len(bitext) == summary["pairs"] >= 28
    right = [a.split()[1] == str(39 - int(b.split()[1])) for a, b in zip(bitext.src, bitext.tgt, strict=True)]
    assert np.mean(right) > 0.8
    scores = bitext.column("score.margin")
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= summary["threshold"] - 1e-6
    if suffix != ".tmx":
        assert bitext.ids == [f"{a.split()[1]}-{b.split()[1]}" for a, b in zip(bitext.src, bitext.tgt, strict=True)]


def test_what_was_left_out_is_said(call, sides, tmp_path):
    files, vectors = sides
    lines = (tmp_path / "a.txt").read_text(encoding="utf-8").splitlines()
    lines[3], lines[5], lines[6] = "", lines[4], "b 2"
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    status, out, err = call("mine", "margin", *files, "out.tsv", *vectors, "--threshold", "-9")
    assert (status, out) == (0, "")
    assert "1 src empty, 1 src repeated, 1 copies" in err
    assert "of 40 source and 40 target lines" in err


def test_to_standard_output(call, sides):
    files, vectors = sides
    status, out, _ = call("mine", "margin", *files, "-", *vectors, "--select", "intersection")
    assert status == 0
    assert out.startswith("id\tsrc\ttgt\tscore.margin\n")


def test_lines_are_encoded_and_work_is_kept(call, sides, known, tmp_path):
    # Both files have the same numbers, so each line's translation has its own number.
    status, out, err = call(
        "mine", "margin", "a.txt", "b.txt", "out.tsv", "--work", "w", "--threshold", "0.1", "--json"
    )
    assert status == 0, err
    assert json.loads(out)["pairs"] == 40
    assert all(i.split("-")[0] == i.split("-")[1] for i in read_bitext("out.tsv").ids)
    first = Path("out.tsv").read_bytes()
    assert len(list((tmp_path / "w" / "mine").iterdir())) == 3  # vectors of both sides, and neighbours
    assert call("mine", "margin", "a.txt", "b.txt", "out.tsv", "--work", "w", "--threshold", "0.1")[0] == 0
    assert Path("out.tsv").read_bytes() == first


def test_what_mine_refuses(call, sides, tmp_path):
    files, vectors = sides
    fails(call("mine", "margin", *files, "-", *vectors, "--json"), "--json and the pairs cannot both")
    fails(call("mine", "margin", *files, "out.tsv", *vectors[:2]), "vectors of one side only")
    fails(call("mine", "margin", *files, "out.xyz", *vectors), "out.xyz: found the suffix '.xyz'")
    fails(call("mine", "margin", *files, "out.tsv", *vectors, "--error", "2"), "error must be between 0 and 1")
    fails(call("mine", "margin", "a.txt", "no.txt", "out.tsv", *vectors), "no.txt: no such file")
    (tmp_path / "b.npy").write_bytes(b"no array")
    fails(call("mine", "margin", *files, "out.tsv", *vectors), "b.npy: cannot be read as vectors")
    np.save(tmp_path / "b.npy", np.ones((39, 32)))
    fails(
        call("mine", "margin", *files, "out.tsv", *vectors),
        "b.npy: found an array of shape (39, 32)",
        "40 lines of b.txt",
    )
    assert not (tmp_path / "out.tsv").exists()


def test_evaluate_mining(call, sides, tmp_path):
    files, vectors = sides
    (tmp_path / "gold.tsv").write_text("".join(f"a {i}\tb {39 - i}\n" for i in range(30)), encoding="utf-8")
    assert call("mine", "margin", *files, "out.tsv", *vectors, "--threshold", "-9")[0] == 0
    status, out, err = call("evaluate", "mining", "out.tsv", "gold.tsv", "--json")
    assert status == 0, err
    every = json.loads(out)
    assert every["parts"]["recall"] > 0.9
    status, out, _ = call("evaluate", "mining", "out.tsv", "gold.tsv", "--dev", "out.tsv", "gold.tsv", "--json")
    assert status == 0
    assert json.loads(out)["value"] >= every["value"]
    status, out, _ = call("evaluate", "mining", "out.tsv", "gold.tsv", "--threshold", "99", "--samples", "0")
    assert status == 0
    assert "precision\t0.0000" in out
    fails(call("evaluate", "mining", "gold.tsv", "gold.tsv"), "gold.tsv: no column 'score.margin'", "--score")


def test_evaluate_retrieval(call, known, tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"a {i}\n" for i in range(20)), encoding="utf-8")
    (tmp_path / "b.txt").write_text("".join(f"b {i}\r\n" for i in [1, 0, *range(2, 20)]), encoding="utf-8")
    status, out, err = call("evaluate", "retrieval", "a.txt", "b.txt", "--margin", "absolute", "--no-centre", "--json")
    assert status == 0, err
    score = json.loads(out)
    assert score["value"] == pytest.approx(0.1)
    assert score["parts"]["src_accuracy"] == pytest.approx(0.9)
    assert score["signature"].endswith("|encoder:known")
    (tmp_path / "c.txt").write_text("c 1\n\n" + "c 2\n" * 18, encoding="utf-8")
    fails(call("evaluate", "retrieval", "a.txt", "c.txt"), "c.txt line 2: is empty")
    (tmp_path / "d.txt").write_text("d 1\n", encoding="utf-8")
    fails(call("evaluate", "retrieval", "a.txt", "d.txt"), "found 20 and 1 lines")
