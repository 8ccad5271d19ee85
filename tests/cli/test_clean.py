"""``polyalign clean``."""

from __future__ import annotations

import json

import pytest

from polyalign.cli import main as entry
from polyalign.core import registry
from polyalign.corpus import score, tag
from tests.cli.outcome import fails

PAIRS = [
    ("Die Regierung hat das Projekt genehmigt.", "The government has approved the project."),
    ("Das ist ein ganz gewöhnlicher deutscher Satz.", "This is a perfectly ordinary English sentence."),
    ("Am 3. Mai 2021 regnete es in Chur den ganzen Tag.", "On 3 May 2021 it rained all day long in Chur."),
    ("Der Hund schläft unter dem großen Baum im Garten.", "The dog is sleeping under the big tree in the garden."),
]
BAD = [
    ("This is a perfectly ordinary English sentence.", "Das ist ein ganz gewöhnlicher deutscher Satz."),
    ("Der Hund schlÃ¤ft unter dem groÃŸen Baum im Garten.", "The dog is sleeping under the big tree in the garden."),
    ("Die Regierung hat das Projekt genehmigt.", "Die Regierung hat das Projekt genehmigt."),
]


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    known = dict(registry.rows())
    for row in (*score.METHODS, *tag.METHODS):
        known.setdefault(row.id, row)
    monkeypatch.setattr(registry, "rows", lambda: known)
    monkeypatch.setitem(entry.VERBS, "clean", entry.VERBS.get("clean", ("Clean a corpus.", "Text and corpora")))


@pytest.fixture
def corpus(tmp_path):
    rows = PAIRS * 10 + BAD
    (tmp_path / "in.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in rows), encoding="utf-8")
    return tmp_path


def test_bad_pairs_go_with_their_reason(call, corpus):
    status, out, err = call(
        "clean", "in.tsv", "-o", "out.tsv", "--pair", "de-en", "--preset", "press", "--rejects", "bad.tsv"
    )
    assert status == 0, err
    assert out.splitlines()[0].split("\t") == ["reason", "rows", "share", "sample"]
    assert out.splitlines()[1].split("\t")[:2] == ["(kept)", "40"]
    assert len((corpus / "out.tsv").read_text(encoding="utf-8").splitlines()) == 41
    header, *bad = [line.split("\t") for line in (corpus / "bad.tsv").read_text(encoding="utf-8").splitlines()]
    assert [row[header.index("src")] for row in bad] == [s for s, _ in BAD]
    assert all("score." in row[header.index("reason")] for row in bad)
    assert "learn from the first rows" in err


def test_scores_thresholds_and_tags_by_name(call, corpus):
    status, out, _ = call(
        "clean", "in.tsv", "-o", "out.jsonl", "--pair", "de-en", "--score", "n=length:most=3", "--score", "domain:columns=[\"id\"]",
        "--min", "n=0.5", "--json",
    )  # fmt: skip
    told = json.loads(out)
    assert status == 0
    assert told["rows"] == 43
    assert told["kept"] < 43
    assert told["reasons"][0]["reason"].endswith(".n < 0.5")
    row = json.loads((corpus / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert row["score.src.n"] == 0.5
    assert row.get("domain") is None


def test_the_best_share_by_a_score(call, corpus):
    status, out, err = call(
        "clean", "in.tsv", "-o", "out.tsv", "--score", "copy", "--keep", "copy=0.5", "--json", "--no-scores"
    )
    assert status == 0, err
    told = json.loads(out)
    assert 22 <= told["kept"] < 43
    assert (corpus / "out.tsv").read_text(encoding="utf-8").splitlines()[0].split("\t") == ["id", "src", "tgt"]


def test_a_classifier_is_trained_saved_and_used(call, corpus):
    text = "".join(f"{s} {n}\t{t} {n}\n" for n, (s, t) in enumerate(PAIRS * 20))
    (corpus / "good.tsv").write_text(text, encoding="utf-8")
    status, out, err = call(
        "clean", "in.tsv", "-o", "out.tsv", "--pair", "de-en", "--train", "good.tsv", "--save-model", "m.json", "--json"
    )
    assert status == 0, err
    told = json.loads(out)
    assert told["classifier"]["clean"] > 0.8
    assert told["kept"] < 43
    assert told["reasons"][0]["reason"] == "score.clean < 0.5"
    status, again, err = call("clean", "in.tsv", "-o", "again.tsv", "--pair", "de-en", "--model", "m.json", "--json")
    assert status == 0, err
    assert json.loads(again)["kept"] == told["kept"]
    assert (corpus / "again.tsv").read_bytes() == (corpus / "out.tsv").read_bytes()


def test_documents_and_masks(call, tmp_path):
    (tmp_path / "in.txt").write_text("Mail an a@b.org.\nDer Hund schlÃ¤ft.\n\n", encoding="utf-8")
    status, out, err = call(
        "clean", "in.txt", "-o", "out.jsonl", "--lang", "de", "--score", "noise", "--min", "noise=0.9", "--mask", "pii",
        "--rejects", "bad.jsonl", "--json",
    )  # fmt: skip
    assert status == 0, err
    assert json.loads(out)["kept"] == 1
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert (row["text"], row["lang"], row["score.noise"]) == ("Mail an <email>.", "deu_Latn", 1.0)
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "bad.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(reasons) == ["empty-text", "score.noise < 0.9"]


def test_what_cannot_be_read_is_rejected_too(call, tmp_path):
    (tmp_path / "in.tsv").write_text("Haus\thouse\nBaum\nHund\tdog\n", encoding="utf-8")
    fails(call("clean", "in.tsv", "-o", "out.tsv", "--score", "noise"), "line 2")
    status, out, err = call("clean", "in.tsv", "-o", "out.tsv", "--score", "noise", "--rejects", "bad.jsonl", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["rows"], told["kept"]) == (3, 2)
    assert told["reasons"][0]["reason"] == "unreadable"
    row = json.loads((tmp_path / "bad.jsonl").read_text(encoding="utf-8"))
    assert (row["at"], row["reason"][:10]) == ("line 2", "unreadable")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--preset", "wep"), "did you mean 'web'"),
        (("--score", "nois"), "did you mean 'noise'"),
        (("--min", "x"), "expected a score, = and a number"),
        (("--save-model", "x"), "nothing to save"),
        (("--train", "in.tsv", "--model", "m"), "leave one of them out"),
        (("--model", "in.tsv"), "found no classifier"),
        (("--json", "-o", "-"), "cannot both go to standard output"),
    ],
)
def test_wrong_use_is_one_line(call, corpus, args, message):
    fails(call("clean", "in.tsv", "-o", "out.tsv", *args), message)
