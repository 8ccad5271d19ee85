"""Labels projected from the command line, from files of every format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from polyalign.core.bitext import Bitext
from polyalign.corpus.formats import write_bitext
from tests.cli.outcome import fails

BITEXT = "Anna wohnt in Bern .\tin Berne lives Anna .\n\tx\nDer Hund von Anna\tAnna's dog\n"
LINKS = "0-3 1-2 2-0 3-1 4-4\n\n1-1 3-0 2-0\n"
CONLL = "# id = 1\n# text = x\nAnna\tB-PER\nwohnt\tO\nin\tO\nBern\tB-LOC\n.\tO\n\nDer\tI-X\nHund\tI-X\nvon\tB-Y\nAnna\tB-PER\n"
#: A translator: lower-cases, but leaves markers alone.
TRANSLATE = f"{sys.executable} -c \"import sys; [print(x.rstrip('\\n').lower()) for x in sys.stdin]\""


@pytest.fixture(autouse=True)
def files(call):
    """A bitext, its links and its labels in the folder that commands are called in."""
    for name, text in (("b.tsv", BITEXT), ("b.links", LINKS), ("s.conll", CONLL)):
        Path(name).write_text(text, encoding="utf-8")


def by_links(call, *more, labels="s.conll", out="o.conll"):
    return call("project-labels", "links", "b.tsv", "b.links", labels, out, *more)


def test_by_links(call):
    status, out, err = by_links(call, "--json", "--report", "r.tsv")
    assert status == 0
    assert json.loads(out) == {
        "sentences": 3, "spans": 5, "carried": 4, "not_carried": {"conflict": 1}, "widened": 0, "extra": 0,
        "without_words": 0, "malformed": 1, "other_lines": 0, "out": "o.conll",
    }  # fmt: skip
    assert "malformed tags in LABELS" in err
    assert "4 of 5 spans carried; 1 conflict" in err
    rows = Path("o.conll").read_text().split("\n\n")
    assert rows == [
        "# id = 1\n# text = in Berne lives Anna .\nin\tO\nBerne\tB-LOC\nlives\tO\nAnna\tB-PER\n.\tO",
        "x\tO",
        "Anna's\tB-Y\ndog\tB-X",
        "",
    ]
    assert Path("r.tsv").read_text().splitlines() == [
        "where\tsentence\tlabel\tstart\tend\ttext\treason",
        "s.conll line 9\t2\tPER\t3\t4\tAnna\tconflict",
    ]


@pytest.mark.parametrize("format", ["slots", "jsonl", "jsonl-tags", "brackets", "markup"])
def test_every_format_in_and_out(call, format):
    given = ("--labels-format", format, "--out-format", format)
    assert (
        call("project-labels", "easyproject", "s.conll", "same", "--translator", "cat", "--out-format", format)[0] == 0
    )
    # The bitext has a row without words, which only conll leaves out.
    Path("b.tsv").write_text(BITEXT.replace("\tx\n", ""), encoding="utf-8")
    Path("b.links").write_text(LINKS.replace("\n\n", "\n"), encoding="utf-8")
    assert by_links(call, *given, labels="same", out="o")[0] == 0
    assert by_links(call, "--labels-format", format, "--out-format", "brackets", labels="same", out="-")[1] == (
        "in [LOC Berne] lives [PER Anna] .\n[Y Anna's] [X dog]\n"
    )
    assert Path("o").read_text().count("LOC") in (1, 2)


def test_brat_and_words_of_the_bitext(call):
    bitext = Bitext.build(["Anna wohnt."], ["lives Anna."])
    bitext = bitext.with_spans("src", [[0, 4, 5, 10, 10, 11]]).with_spans("tgt", [[0, 5, 6, 10, 10, 11]])
    write_bitext(bitext, "b.parquet")
    Path("one.links").write_text("0-1 1-0 2-2\n")
    Path("s.txt").write_text("Anna wohnt.\n")
    Path("s.ann").write_text("T5\tPER 0 4\tAnna\nT6\tV 5 8\twoh\nE1\tX:T5\n")
    status, out, err = call("project-labels", "links", "b.parquet", "one.links", "s.txt", "t.ann", "--json")
    assert status == 0
    assert "lines of LABELS left out, which are relations, events or notes: 1" in err
    assert json.loads(out)["widened"] == 1
    assert Path("t.ann").read_text() == "T6\tV 0 5\tlives\nT5\tPER 6 10\tAnna\n"
    assert Path("t.txt").read_text() == "lives Anna.\n"


def test_links_from_one(call):
    assert by_links(call)[0] == 0
    expected = Path("o.conll").read_text()
    Path("b.links").write_text("1-4 2-3 3-1 4-2 5-5\n\n2-2 4-1 3-1\n")
    assert by_links(call, "--one-based")[0] == 0
    assert Path("o.conll").read_text() == expected


def test_what_the_format_cannot_say_is_reported(call):
    Path("s.txt").write_text("[ORG Hund von [PER Anna]]\n")
    Path("b.tsv").write_text("Hund von Anna\tAnna's dog\n")
    Path("b.links").write_text("0-1 2-0\n")
    given = ("--labels-format", "brackets", "--scheme", "bioes", "--report", "r.jsonl", "--json")
    status, out, _ = by_links(call, *given, labels="s.txt")
    assert status == 0
    assert Path("o.conll").read_text() == "Anna's\tB-ORG\ndog\tE-ORG\n\n"
    [lost] = [json.loads(x) for x in Path("r.jsonl").read_text().splitlines()]
    assert lost == {
        "where": "s.txt line 1", "sentence": 0, "label": "PER", "start": 2, "end": 3, "text": "Anna",
        "reason": "nested, crossing or split, which OUT's format cannot say",
    }  # fmt: skip
    assert json.loads(out)["not_carried"] == {lost["reason"]: 1}
    assert json.loads(out)["carried"] == 1


def test_by_markers_in_one_step_and_in_two(call):
    status, out, _ = call("project-labels", "easyproject", "s.conll", "o.jsonl", "--translator", TRANSLATE, "--json")
    assert status == 0
    assert json.loads(out)["carried"] == 5
    first = json.loads(Path("o.jsonl").read_text().splitlines()[0])
    assert first == {
        "text": "anna wohnt in bern .",
        "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 14, "end": 18, "label": "LOC"}],
    }
    status, out, _ = call("project-labels", "easyproject", "s.conll", "--write-marked", "m", "--json")
    assert json.loads(out) == {"sentences": 2, "spans": 5, "marked": "m"}
    assert Path("m").read_text() == "[ Anna ] wohnt in [ Bern ] .\n[ Der Hund ] [ von ] [ Anna ]\n"
    Path("t").write_text(Path("m").read_text().lower())
    assert call("project-labels", "easyproject", "s.conll", "o2.jsonl", "--read-translated", "t")[0] == 0
    assert Path("o2.jsonl").read_text() == Path("o.jsonl").read_text()


def test_markers_that_are_lost(call):
    Path("t").write_text("Anna wohnt in [ Bern ] .\n[ Der Hund ] von Anna\n")
    status, out, _ = call(
        "project-labels", "easyproject", "s.conll", "-", "--read-translated", "t", "--report", "r.tsv"
    )
    assert status == 0
    assert (
        out.split("\n\n")[0] == "# id = 1\n# text = Anna wohnt in Bern .\nAnna\tO\nwohnt\tO\nin\tO\nBern\tB-LOC\n.\tO"
    )
    assert [x.split("\t")[2:] for x in Path("r.tsv").read_text().splitlines()[1:]] == [
        ["PER", "0", "4", "Anna", "markers lost"],
        ["PER", "13", "17", "Anna", "markers lost"],
        ["Y", "9", "12", "von", "markers lost"],
    ]


def test_nothing_to_carry(call):
    for name in ("b.tsv", "b.links", "s.slots"):
        Path(name).write_text("")
    status, out, _ = by_links(call, "--json", labels="s.slots", out="o.slots")
    assert status == 0
    assert json.loads(out)["spans"] == 0
    assert Path("o.slots").read_text() == ""
    status, out, _ = call("project-labels", "easyproject", "s.slots", "o.slots", "--translator", "no-such-program")
    assert status == 0


def test_use_that_is_wrong(call):
    easy = ("project-labels", "easyproject", "s.conll")
    fails(by_links(call, "--json", out="-"), "OUT and --json cannot both go to standard output")
    fails(call("project-labels", "links", "-", "b.links", "-", "o.conll"), "only one file can be standard input")
    fails(by_links(call, out="o.xyz"), "o.xyz: its name tells no format of labels")
    fails(by_links(call, "--labels-format", "conl"), "unknown format 'conl'; did you mean 'conll'")
    fails(by_links(call, "--threshold", "2"), "threshold must be between 0 and 1")
    fails(by_links(call, labels="none.conll"), "none.conll: no such file")
    fails(by_links(call, "--tag-column", "7"), "s.conll line 3: found 2 columns")
    fails(call(*easy, "o.conll"), "give --translator COMMAND, or --write-marked FILE")
    fails(call(*easy, "o.conll", "--translator", "cat", "--read-translated", "t"), "give --translator COMMAND, or")
    fails(call(*easy, "--translator", "cat"), "OUT is missing")
    fails(call(*easy, "o.conll", "--write-marked", "m"), "--write-marked writes what is to be translated and no more")
    fails(call(*easy, "o.conll", "--translator", "false"), "--translator: false ended with status 1")
    fails(call("project-labels", "linsk"), "unknown words.project method 'linsk'; did you mean 'links'")
    Path("t").write_text("a\n")
    fails(call(*easy, "o.conll", "--read-translated", "t"), "t: found 1 lines, and 2 sentences in s.conll")
    Path("t.jsonl").write_text('{"text": "a\\nb", "spans": []}\n')
    fails(
        call("project-labels", "easyproject", "t.jsonl", "o.jsonl", "--translator", "cat"),
        "t.jsonl line 1: found a line break",
    )


def test_files_that_do_not_belong_together(call):
    Path("b.links").write_text(LINKS + "0-0\n")
    fails(by_links(call), "b.links: found 4 lines, and 3 sentence pairs in b.tsv")
    Path("b.links").write_text(LINKS.replace("4-4", "9-9"))
    fails(by_links(call), "b.links line 1: found 9-9 (from 0) in a sentence pair of 5 and 5 words")
    Path("b.links").write_text(LINKS)
    Path("s.conll").write_text(CONLL + "\nmehr\tO\n\nnoch\tO\n")
    fails(by_links(call), "s.conll: found 4 sentences, the last in s.conll line 16, and 3 sentence pairs")
    Path("s.conll").write_text(CONLL.replace("Hund", "Hut"))
    fails(by_links(call), "s.conll line 9: found 'tvonAnna', expected 'ndvonAnna' as in sentence pair 3")
    assert not Path("o.conll").exists()
