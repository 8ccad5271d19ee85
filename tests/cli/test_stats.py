"""`polyalign stats`: the profile of a bitext, of documents, of lines; tables, JSON and a page."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lxml import html
from rich.console import Console

from polyalign.cli import main as entry
from polyalign.core.document import DOCUMENTS
from polyalign.corpus.profile.read import profile_of
from polyalign.report.profile_tables import show_profile

from .outcome import fails

PAIRS = [
    ("Der Hund schläft im warmen Haus.", "The dog is sleeping in the warm house."),
    ("Der Hund schläft im warmen Haus.", "The dog is sleeping in the warm house."),
    ("der hund schläft, im warmen haus!", "The dog is asleep in the warm house."),
    ("Die Katze trinkt am Morgen Milch.", "The cat drinks milk in the morning."),
    ("Ã„pfel und BÃ¼cher liegen hier.", "Apples and books are lying here."),
    ("Kopie bleibt Kopie bleibt Kopie", "Kopie bleibt Kopie, bleibt Kopie!"),
    ("Im Jahr 1998 kamen 1,200 Leute.", "In 1998 about 1.200 people came."),
    ("Im Jahr 1998 kamen sie alle an.", "In 1989 they all arrived there."),
    ("ja ja ja ja ja, sagte er", "yes yes yes yes yes, he said"),
    ("Nur eine Seite ist da.", ""),
    ("Kurz.", "This one is far too long to be the translation of a single short word."),
]


@pytest.fixture(autouse=True)
def _verb(monkeypatch):
    monkeypatch.setitem(entry.VERBS, "stats", ("", "Text and corpora"))


@pytest.fixture
def tsv(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS), encoding="utf-8")
    return path


def told(call, *args):
    status, out, err = call("stats", *args, "--json")
    assert status == 0, err
    return json.loads(out)


def test_a_bitext_is_counted_exactly(call, tsv):
    profile = told(call, "x.tsv", "--pair", "de-en")
    assert (profile["kind"], profile["rows"]) == ("pairs", len(PAIRS))
    (group,) = profile["groups"]
    src, tgt = group["sides"]
    assert (src["lang"], tgt["lang"]) == ("deu_Latn", "eng_Latn")
    for side, texts in ((src, [s for s, _ in PAIRS]), (tgt, [t for _, t in PAIRS])):
        assert side["texts"] == len(PAIRS)
        assert side["characters"]["total"] == sum(map(len, texts))
        assert side["characters"]["quantiles"]["1"] == max(map(len, texts))
        assert sum(side["characters"]["histogram"]) == len(PAIRS)
    assert (src["empty"], tgt["empty"]) == (0, 1)
    assert src["duplicates"]["exact"] == {"distinct": 10, "repetitions": 1, "exact": True}
    # "der hund schläft, im warmen haus!" is the first but for case and punctuation.
    assert src["duplicates"]["near"]["repetitions"] == 2
    assert group["duplicates"]["exact"]["repetitions"] == 1
    assert src["noise"] == {"mojibake": 1, "repetition": 1}
    # 1,200 and 1.200 have the same digits, and so have 1998 and 1989.
    assert group["noise"] == {"one side empty": 1, "copies": 1, "length ratio over 3": 1}
    assert src["repeated"][0] == {"text": PAIRS[0][0], "count": 2}
    assert src["scripts"] == {"Latn": src["letters"]}


def test_languages_are_identified_against_what_is_stated(call, tsv):
    (group,) = told(call, "x.tsv", "--pair", "de-fr")["groups"]
    src, tgt = (side["identified"] for side in group["sides"])
    assert src["languages"]["deu_Latn"] >= 6
    assert src["as_stated"] == src["languages"]["deu_Latn"]
    assert tgt["as_stated"] == 0
    assert tgt["interval"][0] == pytest.approx(0, abs=1e-9)
    assert {o["lang"] for o in tgt["others"]} <= set(tgt["languages"])
    assert "identified" not in told(call, "x.tsv", "--identify", "none")["groups"][0]["sides"][0]


@pytest.mark.parametrize("run", [1, 3, 100])
def test_the_figures_are_the_same_whatever_the_run_size(tsv, run):
    pair = ("deu_Latn", "eng_Latn")
    whole = profile_of([str(tsv)], pair=pair, sample=5, run=1000).told()
    assert profile_of([str(tsv)], pair=pair, sample=5, run=run).told() == whole


def test_samples_stand_at_every_quantile_of_length_and_score(call, tmp_path):
    lines = "".join(json.dumps({"src": "a" * n, "tgt": "b" * n, "score.x": n / 100}) + "\n" for n in range(1, 101))
    (tmp_path / "x.jsonl").write_text(lines, encoding="utf-8")
    (group,) = told(call, "x.jsonl", "--pair", "de-en")["groups"]
    lengths = {row["quantile"]: row["value"] for row in reversed(group["by_length"])}
    assert lengths == {0.0: 2, 0.05: 10, 0.25: 50, 0.5: 100, 0.75: 150, 0.95: 190, 1.0: 200}
    score = group["scores"]["score.x"]
    assert score["quantiles"]["0.5"] == pytest.approx(0.505)
    assert (score["quantiles"]["0"], score["quantiles"]["1"]) == (pytest.approx(0.01), pytest.approx(1.0))
    assert (score["number"], score["missing"]) == (100, 0)
    assert [row["value"] for row in score["rows"]] == sorted(row["value"] for row in score["rows"])


def test_a_score_that_is_missing_is_counted(call, tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"src": "a", "tgt": "b", "score.x": 0.5}\n{"src": "c", "tgt": "d"}\n', encoding="utf-8"
    )
    score = told(call, "x.jsonl")["groups"][0]["scores"]["score.x"]
    assert (score["number"], score["missing"]) == (1, 1)


def test_lines_of_one_text_file(call, tmp_path):
    (tmp_path / "x.txt").write_text("Ein Satz.\n\nNoch ein Satz.\n", encoding="utf-8")
    profile = told(call, "x.txt", "--lang", "de")
    assert (profile["kind"], profile["rows"]) == ("lines", 3)
    (side,) = profile["groups"][0]["sides"]
    assert (side["lang"], side["empty"], side["words"]["total"]) == ("deu_Latn", 1, 5)
    assert profile["groups"][0]["by_length"][-1]["id"] == "x.txt:3"


def test_a_folder_of_documents_by_language_and_source(call, tmp_path):
    for name, text in {
        "law/a.de.txt": "Erster Absatz über das Gesetz.\n\nZweiter Absatz.",
        "law/a.en.txt": "First paragraph about the law.\n\nSecond paragraph.",
        "news/b.de.txt": "Erster Absatz über das Gesetz.\n\n",
    }.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    profile = told(call, "in")
    assert profile["kind"] == "documents"
    groups = {g["langs"][0]: g for g in profile["groups"]}
    assert {tag: g["documents"]["number"] for tag, g in groups.items()} == {"deu_Latn": 2, "eng_Latn": 1}
    assert groups["deu_Latn"]["rows"] == 3
    assert groups["deu_Latn"]["sides"][0]["duplicates"]["exact"]["repetitions"] == 1
    assert {s["source"]: s["texts"] for s in profile["sources"]} == {"law/": 4, "news/": 1}


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_file_of_documents_is_known_by_its_columns(call, tmp_path, ending):
    row = {"doc": "a", "lang": "deu_Latn", "text": "Haus.\n\nBaum.", "source": "a.txt"}
    if ending == "jsonl":
        (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist([row], schema=DOCUMENTS), tmp_path / "x.parquet")
    profile = told(call, f"x.{ending}")
    assert (profile["kind"], profile["rows"], profile["groups"][0]["langs"]) == ("documents", 2, ["deu_Latn"])


def test_several_corpora_are_sources_of_one(call, tsv, tmp_path):
    (tmp_path / "y.tsv").write_text("eins\tone\n", encoding="utf-8")
    profile = told(call, "x.tsv", "y.tsv", "--pair", "de-en")
    assert {s["source"]: s["texts"] for s in profile["sources"]} == {"x.tsv": len(PAIRS), "y.tsv": 1}
    assert len(profile["groups"]) == 1


def test_a_pipe_gets_tab_separated_tables(call, tsv):
    status, out, _ = call("stats", "x.tsv", "--pair", "de-en")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "# x.tsv: 11 pairs"
    assert "texts\t11\t11" in lines
    assert "mojibake\t1 (9.1 %)\t–" in lines


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_tables_that_fit(call, tsv, width):
    profile = told(call, "x.tsv", "--pair", "de-en")
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    show_profile(profile, None, console)
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    for word in ("German → English", "mojibake", "repeated pairs", "Samples by length"):
        assert word in shown


def test_the_page_is_whole_and_harmless(call, tmp_path):
    hostile = '</style><script>alert(1)</script>"onload="x\u202e'
    (tmp_path / "x.tsv").write_text(f"{hostile}\tone\nzwei\ttwo\n", encoding="utf-8")
    status, _, err = call("stats", "x.tsv", "--pair", "de-ar", "--html", "x.html")
    assert status == 0, err
    source = (tmp_path / "x.html").read_text(encoding="utf-8")
    page = html.fromstring(source)
    assert not page.xpath("//script|//link|//img|//@onload")
    assert "\u202e" not in source
    ids = [s.get("id") for s in page.iter("section")]
    assert ids == ["figures", "lengths", "languages", "duplicates", "noise", "words", "samples"]
    assert [a.get("href") for a in page.xpath("//nav//a")] == [f"#{id}" for id in ids]
    assert page.xpath('//td//span[@lang="ar-Arab"][@dir="rtl"]')
    first = source
    call("stats", "x.tsv", "--pair", "de-ar", "--html", "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == first


def test_empty_corpora(call, tmp_path):
    (tmp_path / "x.tsv").write_text("", encoding="utf-8")
    (tmp_path / "y.txt").write_text("", encoding="utf-8")
    for name in ("x.tsv", "y.txt"):
        assert told(call, name)["rows"] == 0
        assert call("stats", name, "--html", "x.html")[0] == 0


def test_refusals_are_one_clear_line(call, tsv, tmp_path):
    fails(call("stats", "no.tsv"), "no.tsv: no such file")
    fails(call("stats", "x.tsv", "--format", "tmz"), "unknown format 'tmz'")
    (tmp_path / "y.txt").write_text("a\n", encoding="utf-8")
    fails(call("stats", "x.tsv", "y.txt"), "x.tsv holds pairs and y.txt holds lines")
    (tmp_path / "z.jsonl").write_text('{"text": "a"}\n{"text": 3}\n', encoding="utf-8")
    status, _, err = call("stats", "z.jsonl")
    assert status == 2
    assert "no text in field 'text'" in err.splitlines()[-1]
