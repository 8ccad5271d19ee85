"""``polyalign align-docs`` as a script sees it."""

from __future__ import annotations

import json

import pytest

from polyalign.cli import main as entry
from polyalign.core import registry
from polyalign.core.registry import Row
from polyalign.corpus.documents.folder import Folder
from tests.cli.outcome import fails

GERMAN = {
    "bern": "Die Gemeinde Bern hat am 31. M\u00e4rz 2004 ein neues Schulhaus f\u00fcr 420'000 Franken gebaut. Die Kinder freuen sich dar\u00fcber.",
    "chur": "Im Jahre 1998 wurde die Stra\u00dfe nach Chur gesperrt. Der Verkehr stand still, und niemand wusste warum.",
}
FRENCH = {
    "z1": "En 1998, la route de Coire (Chur) a \u00e9t\u00e9 ferm\u00e9e. Le trafic s'est arr\u00eat\u00e9 et personne ne savait pourquoi.",
    "z2": "La commune de Bern a construit le 31 mars 2004 une nouvelle \u00e9cole pour 420 000 francs (420'000). Les enfants en sont contents.",
}
HEAD = "src\ttgt\tscore\treason"


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """The verb and its methods, whether or not this installation lists them."""
    monkeypatch.setitem(entry.VERBS, "align-docs", ("Find which document goes with which.", "Align"))
    every = dict(registry.rows())
    for name, target in (("auto", "auto:Auto"), ("tfidf", "tfidf:TfIdf"), ("names", "names:Names")):
        every.setdefault(f"documents.align/{name}", Row(f"documents.align/{name}", f"polyalign.documents.{target}"))
    monkeypatch.setattr(registry, "rows", lambda: every)


@pytest.fixture
def folders(tmp_path):
    for folder, texts in (("de", GERMAN), ("fr", FRENCH)):
        (tmp_path / folder).mkdir()
        for name, text in texts.items():
            (tmp_path / folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def rows(path):
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    assert head == HEAD
    return [line.split("\t") for line in lines]


def test_two_folders(call, folders):
    (folders / "de" / "only.txt").write_text("Ganz etwas anderes.", encoding="utf-8")
    (folders / "de" / "page.html").write_text("x", encoding="utf-8")
    status, out, err = call(
        "align-docs", "tfidf", "de", "fr", "out.tsv", "--pair", "de-fr", "--json", "--min-score", "0.2"
    )
    assert status == 0
    assert json.loads(out) == {
        "langs": ["deu_Latn", "fra_Latn"], "pairs": 2, "src_alone": 1, "tgt_alone": 0, "other_languages": 0, "out": "out.tsv",
    }  # fmt: skip
    found = rows(folders / "out.tsv")
    assert [r[:2] for r in found] == [["bern.txt", "z2.txt"], ["chur.txt", "z1.txt"], ["only.txt", ""]]
    assert all(0.2 <= float(r[2]) <= 1 and r[3] == "" for r in found[:2])
    assert found[2][2] == ""
    assert found[2][3]
    assert "1 files left out, not .txt" in err


def test_languages_are_identified_if_not_given(call, folders):
    status, out, err = call("align-docs", "tfidf", "de", "fr", "out.tsv", "--json", "--min-score", "0")
    assert status == 0
    assert json.loads(out)["langs"] == ["deu_Latn", "fra_Latn"]
    assert "de: taken to be in German (deu_Latn); say --pair if it is not" in err


def test_one_folder_of_both_languages(call, folders):
    (folders / "en.txt").write_text("This is a text in the English language, which nobody asked for.", encoding="utf-8")
    args = ("align-docs", "tfidf", "--mixed", ".", "--pair", "de-fr", "--min-score", "0", "out.tsv", "--json")
    status, out, _ = call(*args)
    assert status == 0
    assert json.loads(out)["other_languages"] == 1
    found = rows(folders / "out.tsv")
    assert [r[:2] for r in found[:2]] == [["de/bern.txt", "fr/z2.txt"], ["de/chur.txt", "fr/z1.txt"]]
    assert found[2] == ["en.txt", "", "", "its language is English (eng_Latn)"]


def test_json_lines(call, folders):
    for name, texts in (("a.jsonl", GERMAN), ("b.jsonl", FRENCH)):
        lines = [json.dumps({"id": k, "text": v}) + "\n" for k, v in texts.items()]
        (folders / name).write_text("".join(lines), encoding="utf-8")
    status, out, _ = call("align-docs", "tfidf", "a.jsonl", "b.jsonl", "-", "--pair", "de-fr", "--min-score", "0")
    assert status == 0
    assert [line.split("\t")[:2] for line in out.splitlines()[1:]] == [["bern", "z2"], ["chur", "z1"]]


def test_copies_are_what_a_project_reads(call, folders):
    status, _, _ = call(
        "align-docs", "tfidf", "de", "fr", "out.tsv", "--pair", "de-fr", "--min-score", "0", "--copy", "new/pairs"
    )
    assert status == 0
    table = Folder(str(folders / "new/pairs")).read(("deu_Latn", "fra_Latn"))
    texts = {(r["doc"], r["lang"]): r["text"] for r in table.to_pylist()}
    assert texts == {
        ("bern", "deu_Latn"): GERMAN["bern"], ("bern", "fra_Latn"): FRENCH["z2"],
        ("chur", "deu_Latn"): GERMAN["chur"], ("chur", "fra_Latn"): FRENCH["z1"],
    }  # fmt: skip


def test_copies_of_names_that_would_meet_stay_apart(call, tmp_path):
    for name, text in (
        ("de/x_de.txt", "Bern 1998 2004"),
        ("de/x.de.txt", "Genf 1777 1888"),
        ("fr/1.txt", "Bern 1998 2004"),
        ("fr/2.txt", "Genf 1777 1888"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert call("align-docs", "tfidf", "de", "fr", "o", "--pair", "de-fr", "--min-score", "0", "--copy", "c")[0] == 0
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        "x-2.deu_Latn.txt", "x-2.fra_Latn.txt", "x.deu_Latn.txt", "x.fra_Latn.txt",
    ]  # fmt: skip


def test_ids_cannot_lead_out_of_the_folder(call, tmp_path):
    for name, id in (("a.jsonl", "../../x"), ("b.jsonl", "https://x.y/z")):
        (tmp_path / name).write_text(json.dumps({"id": id, "text": "Bern 1998 2004"}), encoding="utf-8")
    assert (
        call("align-docs", "tfidf", "a.jsonl", "b.jsonl", "o", "--pair", "de-fr", "--min-score", "0", "--copy", "c")[0]
        == 0
    )
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["x.deu_Latn.txt", "x.fra_Latn.txt"]


def test_bad_use_is_one_line(call, folders):
    verb = ("align-docs", "tfidf")
    fails(call(*verb), "expected SRC TGT OUT, or --mixed DIR")
    fails(call(*verb, "de", "fr"), "expected SRC TGT OUT")
    fails(call(*verb, "de", "fr", "o", "--mixed", "x", "--pair", "de-fr"), "give OUT only")
    fails(call(*verb, "--mixed", ".", "o"), "--mixed needs the two languages")
    fails(call(*verb, "--mixed", ".", "o", "--pair", "de-rm"), "found no document in roh_Latn among 4")
    fails(call(*verb, "de", "fr", "-", "--json"), "cannot both go to standard output")
    fails(call(*verb, "de", "nowhere", "o"), "nowhere: no such file")
    fails(call(*verb, "de", "fr/z1.txt", "o"), "expected a folder of text files or a .jsonl file")
    fails(call(*verb, "de", "fr", "o", "--pair", "de"), "expected two tags")
    fails(call(*verb, "de", "fr", "o", "--min-score", "2"), "min_score must be from 0 to 1")
    fails(call(*verb, "de", "fr", "o", "--copy", "de"), "expected an empty folder or a new one")
    fails(call(*verb, "de", "fr", "o", "--pair", "de-fr", "--split", "sentencx"), "did you mean 'sentencex'?")
    (folders / "none").mkdir()
    fails(call(*verb, "de", "none", "o"), "none: found no text file")
    for line, message in (
        ('{"id": "a"}', "line 1: found nothing in field 'text'"),
        ('{"id": [1], "text": "x"}', "line 1: found a list in field 'id'"),
        ('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', "line 2: found the id 'a' again"),
        ("x", "line 1: found broken JSON"),
    ):
        (folders / "b.jsonl").write_text(line + "\n", encoding="utf-8")
        fails(call(*verb, "b.jsonl", "fr", "o"), message)
    assert not (folders / "o").exists()
