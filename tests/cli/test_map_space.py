"""Vectors on the command line: trained, mapped, asked for translations, scored."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

from polyalign.core.space import MapPair, Space
from polyalign.encoders.write_vectors import read_space, write_space

from ..spaces.planted import corpus, renamed
from .outcome import fails


@pytest.fixture
def spaces(tmp_path):
    """Two files, one the other's rotation; word k of one translates word k of the other, `same` is in both."""
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 6))
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    src = Space((*(f"s{k}" for k in range(59)), "same"), x)
    tgt = Space((*(f"t{k}" for k in range(59)), "same"), x @ turn)
    write_space(src, tmp_path / "src.vec")
    write_space(tgt, tmp_path / "tgt.bin")
    (tmp_path / "lexicon.tsv").write_text("".join(f"s{k}\tt{k}\n" for k in range(59)), encoding="utf-8")
    (tmp_path / "few.tsv").write_text("".join(f"s{k}\tt{k}\n" for k in range(20)) + "absent\tt1\n", encoding="utf-8")
    return src, tgt


@pytest.fixture
def mapped(call, spaces):
    status, out, err = call("map-space", "procrustes", "src.vec", "tgt.bin", "maps", "--seeds", "few.tsv")
    assert status == 0, err
    assert out == ""
    assert "60 and 60 words, 20 seeds" in err
    assert "few.tsv: 20 of 21 pairs have vectors on both sides" in err
    return spaces


def test_maps_are_written_and_told(call, mapped, tmp_path):
    src, tgt = mapped
    x, y = MapPair.load(tmp_path / "maps")(src, tgt)
    assert (x.vectors * y.vectors).sum(axis=1).min() > 0.999
    args = ("--start", "maps", "--mapped", "a.vec", "b", "--json")
    status, out, err = call("map-space", "muse", "src.vec", "tgt.bin", "more", *args)
    assert status == 0, err
    told = json.loads(out)
    assert (told["src_words"], told["dimensions"], told["seeds"], told["out"]) == (60, 6, None, "more")
    assert told["criterion"] > 0.99
    written = read_space(tmp_path / "a.vec"), read_space(tmp_path / "b")
    assert written[0].words == src.words
    assert (written[0].vectors * written[1].vectors).sum(axis=1).min() > 0.999


def test_seeds_may_be_words_written_the_same(call, tmp_path):
    random = np.random.default_rng(1)
    x = random.normal(size=(20, 4))
    for name, words in (("a", "s"), ("b", "t")):
        space = Space((*(f"w{k}" for k in range(9)), "7", *(f"{words}{k}" for k in range(10))), x)
        write_space(space, tmp_path / f"{name}.vec")
    for seeds, n in (("identical", 10), ("numerals", 1)):
        status, out, err = call("map-space", "procrustes", "a.vec", "b.vec", "maps", "--seeds", seeds, "--json")
        assert status == 0, err
        assert json.loads(out)["seeds"] == n


def test_words_are_translated(call, mapped, monkeypatch):
    ask = ("translate-words", "src.vec", "tgt.bin")
    status, out, err = call(*ask, "s3", "nothing", "s5", "--map", "maps", "-k", "2")
    assert status == 0, err
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["word", "rank", "translation", "score"]
    assert [row[:3] for row in lines[1:] if row[1] == "1"] == [["s3", "1", "t3"], ["s5", "1", "t5"]]
    assert len(lines) == 5
    assert "1 of 3 words have no vector: nothing" in err
    status, out, _ = call(*ask, "S3", "--map", "maps", "-k", "1")
    assert out.splitlines()[1].split("\t")[:3] == ["S3", "1", "t3"]
    monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": io.BytesIO(b"s7\r\n\ns7\nnone\n")})())
    status, out, _ = call(*ask, "-", "--map", "maps", "--retrieve", "nearest", "--json")
    told = json.loads(out)
    assert [t["word"] for t in told] == ["s7", "s7", "none"]
    assert told[0]["translations"][0]["word"] == "t7"
    assert told[0]["translations"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert told[2]["translations"] == []


@pytest.mark.parametrize("spelt", ["--from-space", "from-space"])
def test_a_lexicon_comes_out_of_spaces(call, mapped, tmp_path, spelt):
    args = ("src.vec", "tgt.bin", "out.tsv", "--map", "maps", "--json")
    status, out, err = call("lexicon", spelt, *args)
    assert status == 0, err
    assert json.loads(out)["entries"] == 60
    lines = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert lines[0] == ["src", "tgt", "score"]
    assert all(a[1:] == b[1:] for a, b, _ in lines[1:])
    scores = [float(line[2]) for line in lines[1:]]
    assert scores == sorted(scores, reverse=True)
    call("lexicon", spelt, *args, "--max-rank", "10", "--min-score", str(scores[30]))
    fewer = (tmp_path / "out.tsv").read_text().splitlines()
    assert 1 < len(fewer) < 12
    assert {line.split("\t")[0] for line in fewer[1:]} <= {f"s{k}" for k in range(10)}


def test_the_lexicon_of_links_is_still_there(call, tmp_path):
    (tmp_path / "a.tsv").write_text("das haus\tthe house\n")
    (tmp_path / "links").write_text("0-0 1-1\n")
    status, _, err = call("lexicon", "relative-frequency", "a.tsv", "links", "out.tsv")
    assert status == 0, err
    assert "haus\thouse" in (tmp_path / "out.tsv").read_text()


def test_induction_is_scored(call, mapped):
    args = ("evaluate", "bli", "src.vec", "tgt.bin", "lexicon.tsv")
    status, out, err = call(*args, "--map", "maps", "--samples", "0", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["value"] == 1
    assert told["n"] == 59
    assert "retrieve:csls" in told["signature"]
    status, out, err = call(*args, "--samples", "0")
    assert "no --map" in err
    assert "BLI P@1" in out


def test_vectors_are_trained_and_spaces_mapped_without_seeds(call, tmp_path):
    src = corpus(1, words=100, sentences=800)
    for name, side in (("a", src), ("b", renamed(src)[::-1])):
        (tmp_path / f"{name}.txt").write_text("".join(" ".join(s) + ".\n" for s in side), encoding="utf-8")
        args = (f"{name}.txt", f"{name}.vec", "--dimensions", "10", "--window", "2", "--json")
        status, out, err = call("train-vectors", "ppmi-svd", *args)
        assert status == 0, err
    assert json.loads(out)["dimensions"] == 10
    assert "." in read_space(tmp_path / "a.vec").words
    args = ("--initialization", "unsupervised", "--self-learning", "--patience", "2", "--json")
    status, out, err = call("map-space", "vecmap", "a.vec", "b.vec", "maps", *args)
    assert status == 0, err
    assert json.loads(out)["seeds"] is None


def test_text_that_is_split_already_and_case(call, tmp_path):
    (tmp_path / "a.txt").write_text("Das Haus, das\n" * 3)
    call(
        "train-vectors", "ppmi-svd", "a.txt", "a.vec", "--min-count", "1", "--tokenize", "whitespace", "--no-lowercase"
    )
    assert set(read_space(tmp_path / "a.vec").words) == {"Das", "Haus,", "das"}
    status, _, err = call("train-vectors", "ppmi-svd", "a.txt", "b", "--min-count", "1")
    assert status == 0
    assert set(read_space(tmp_path / "b").words) == {"das", "haus", ","}
    assert "3 words, 3 dimensions, in b" in err


def test_errors_are_one_line(call, mapped, tmp_path):
    both = ("src.vec", "tgt.bin")
    fails(call("map-space", "procrustes", *both, "out"), "found no seeds")
    fails(
        call("map-space", "procrustes", *both, "out", "--seeds", "numerals"), "found no numerals words", "without seeds"
    )
    (tmp_path / "bad.tsv").write_text("x\ty\n")
    fails(call("map-space", "procrustes", *both, "out", "--seeds", "bad.tsv"), "found no pair, of 1,")
    fails(
        call("map-space", "procrustes", *both, "out", "--start", "maps"),
        "--start is for methods that make a map better",
    )
    fails(call("map-space", "muse", *both, "out", "--start", "maps", "--seeds", "few.tsv"), "leave one out")
    fails(call("map-space", "muse", *both, "out", "--start", "nowhere"), "not a saved map")
    fails(call("map-space", "muse", *both, "few.tsv", "--start", "maps"), "few.tsv: is a file, expected a folder")
    fails(call("map-space", "muse", "none.vec", "tgt.bin", "out", "--start", "maps"), "none.vec: no such file")
    fails(call("map-space", "nosuch", *both, "out"), "unknown spaces.map method")
    fails(call("translate-words", *both), "found no words")
    fails(call("translate-words", *both, "s1", "--retrieve", "cls"), "did you mean 'csls'")
    write_space(Space(("x",), np.ones((1, 3))), tmp_path / "three.vec")
    fails(call("translate-words", "src.vec", "three.vec", "s1"), "found 6 and 3 dimensions", "map-space")
    fails(call("translate-words", "src.vec", "three.vec", "s1", "--map", "maps"), "fitted to another space")
    fails(call("evaluate", "bli", *both, "bad.tsv", "--map", "maps"), "found none of 1 lexicon entries")
    fails(call("train-vectors", "ppmi-svd", "few.tsv", "out.parquet"), "expected a name that ends with .vec")
    fails(call("train-vectors", "ppmi-svd", "few.tsv", "no/such/x.vec"), "its folder does not exist")
    fails(call("train-vectors", "ppmi-svd", "few.tsv", "x.vec", "--min-count", "99"), "min_count = 99")
    assert not (tmp_path / "out").exists()
