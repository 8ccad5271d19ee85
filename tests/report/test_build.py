"""The whole page: valid, self-contained, escaped, complete, true to the run, the same every time."""

from __future__ import annotations

import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lxml import html

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.report import summary, views
from polyalign.report.build import write_report
from polyalign.report.record import read_record

from .conftest import Maker, make_run

SECTIONS = ["scores", "steps", "beads", "kept", "distributions", "lexicon", "links", "excerpt", "worst", "cost", "methods", "reproduce"]  # fmt: skip
PAIR = "deu_Latn-arb_Arab"
HOSTILE = '</style><script>alert(1)</script>"onload="x\u202e\u2066\x07&amp;'


def parsed(path):
    return html.fromstring(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(whole_run):
    return parsed(write_report(whole_run))


def small(folder, *, src=("Guten Tag .",), tgt=("مرحبا .",), name="Small", ids=None):
    """A run that only reads a bitext and links it word by word along the diagonal."""
    run = Maker(folder, ("deu_Latn", "arb_Arab"), (PAIR,), name)
    bitext = Bitext.build(src, tgt, langs=("deu_Latn", "arb_Arab"), ids=ids).split_on_whitespace()
    run.step("pairs", PAIR, "corpus.bitext/tsv", "bitext", {"out": len(bitext)}, tables={"bitext": bitext.table})
    run.publish(PAIR, bitext.table)
    lengths = zip(bitext.tokens("src"), bitext.tokens("tgt"), strict=True)
    links = Links.from_pairs([[(i, i) for i in range(min(len(s), len(t)))] for s, t in lengths])
    return run, bitext, links


def with_links(run, bitext, links):
    tables = {"bitext": bitext.table, "links": links.to_table()}
    counts = {"in": len(bitext), "out": len(bitext), "corpus": len(bitext), "links": len(links.src)}
    run.step("links", PAIR, "words.align/hmm", "links", counts, tables=tables)
    return run


def test_the_page_has_every_part_in_order(page):
    assert [s.get("id") for s in page.iter("section")] == SECTIONS
    assert [a.get("href") for a in page.xpath("//nav//a")] == [f"#{id}" for id in SECTIONS]
    assert page.xpath("//h1")[0].text_content() == "Valleys & <Rivers>"


def test_the_page_is_one_file_without_script_or_network(whole_run, page):
    assert not page.xpath("//script | //link | //img | //iframe | //object | //embed | //use | //image | //form")
    assert not page.xpath("//@src | //@srcset | //@onload | //@onclick | //@style[contains(., 'url')]")
    for href in page.xpath("//@href"):
        assert href.startswith(("#", "https://", "http://"))
    assert all(href.getparent().tag == "a" for href in page.xpath("//@href"))
    style = page.xpath("//style")[0].text_content()
    assert not re.search(r"url\(|@import|@font-face|expression|http", style)
    assert "default-src 'none'" in page.xpath("//meta[@http-equiv]/@content")[0]


def test_marked_up_for_everyone(page):
    assert page.xpath("//th")
    assert all(th.get("scope") for th in page.xpath("//th"))
    pictures = page.xpath("//*[local-name() = 'svg']")
    assert len(pictures) > 20
    assert all(p.get("role") == "img" and p.get("aria-label") for p in pictures)
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert page.xpath("/html/@lang") == ["en"]
    assert page.xpath("//p[@lang='ar-Arab' and @dir='rtl']")
    assert page.xpath("//p[@lang='zh-Hans' and @dir='ltr']")
    assert page.xpath("//span[@lang='rm-Latn']")
    assert page.xpath("//*[local-name() = 'text' and @lang='ar-Arab' and @direction='rtl']")
    assert not page.xpath("//*[local-name() = 'text']/@dir")


def test_the_numbers_are_those_of_the_run(whole_run, page):
    steps = json.loads((whole_run / "run.json").read_text(encoding="utf-8"))["steps"]
    rows = page.xpath("//section[@id='steps']//tbody/tr")
    assert len(rows) == len(steps)
    for row, step in zip(rows, steps, strict=True):
        cells = [c.text_content() for c in row]
        counts = step["counts"]
        assert step["step"] in cells[0]
        if "in" in counts:
            assert cells[2] == f"{counts['in']:,}"
        if "out" in counts:
            assert cells[3].startswith(f"{counts['out']:,} ")
        for reason, n in counts.get("dropped", {}).items():
            assert f"{n:,} {reason}" in cells[4]
        if counts.get("dropped"):
            assert cells[4].startswith(f"{sum(counts['dropped'].values()):,} ")
        assert cells[7] == ("stored" if step["step"] == "documents" else "fresh")
    totals = {
        d.xpath("dt")[0].text_content(): d.xpath("dd")[0].text_content()
        for d in page.xpath("//dl[@class='totals']/div")
    }
    by = {
        k: [s["counts"] for s in steps if s["step"] == k]
        for k in ("documents", "sentences", "tokens", "links", "lexicon")
    }
    assert totals["texts read"] == f"{by['documents'][0]['out']:,}"
    assert totals["sentences"] == f"{by['sentences'][0]['out']:,}"
    assert totals["sentence pairs kept"] == f"{sum(c['out'] for c in by['tokens']):,}"
    assert totals["word links"] == f"{sum(c['links'] for c in by['links']):,}"
    assert totals["lexicon entries"] == f"{sum(c['out'] for c in by['lexicon']):,}"


def test_scores_come_with_interval_and_parts(page):
    cards = [c.text_content() for c in page.xpath("//article[@class='card']")]
    assert len(cards) == 2
    aer = (
        "0.187",
        "95 % interval 0.164 to 0.211, on 300 sentence pairs",
        "0.841",
        "0.787",
        "0.813",
        "links 4,100, sure 4,322",
    )
    f1 = ("0.821", "0.780 to 0.862", "0.833", "lax", "0.970", "0.961", "0.966", "beads 221")
    assert [x for x in aer if x not in cards[0]] == []
    assert [x for x in f1 if x not in cards[1]] == []


def test_what_is_counted_is_told_most_first(tmp_path):
    run, bitext, links = small(tmp_path / "run", src=["a b"] * 4, tgt=["c d"] * 4)
    run.step("beads", PAIR, "sentences.align/x", "bitext", {"in": 1, "out": 4, "beads": {"0-1": 1, "1-0": 2, "1-1": 9}})
    run.step("kept", PAIR, "corpus.select/x", "bitext", {"in": 9, "out": 4, "dropped": {"few": 1, "many": 4}})
    counts = {"in": 4, "out": 4, "corpus": 3, "links": 8}
    run.step(
        "links", PAIR, "words.align/x", "links", counts, tables={"bitext": bitext.table, "links": links.to_table()}
    )
    record = read_record(run.write())
    beads, kept = html.fromstring(views.bead_types(record)), html.fromstring(views.kept(record))
    assert [t.text for t in beads.xpath("//*[@class='name']")] == ["1–1", "1–0", "0–1"]
    assert [x.text_content().strip() for x in kept.xpath("//li")] == ["kept 4 44.4 %", "many 4 44.4 %", "few 1 11.1 %"]
    assert "1 joined for scoring" in html.fromstring(summary.steps(record)).text_content()


def test_parameters_notes_and_signatures_are_there(page):
    text = page.text_content()
    for wanted in ("iterations = 4", "symmetrize = grow-diag-final-and", "<b>without</b>", "metric:aer|samples:1000", "Seed 7", "work/links/deu_Latn-roh_Latn-0123456789ab"):  # fmt: skip
        assert wanted in text


def test_bead_shapes_show(page):
    rows = page.xpath("//section[@id='excerpt']//table[1]/tbody/tr")
    assert {r.get("class") for r in rows} == {"plain", "many", "null"}
    for row in rows:
        src, tgt = (len(cell.xpath("p")) for cell in row.xpath("td"))
        assert row.xpath("th/b")[0].text_content() == f"{src}–{tgt}"
        assert (row.get("class") == "null") == ("no counterpart" in row.text_content())


def test_hostile_text_is_shown_and_does_nothing(tmp_path):
    run, bitext, links = small(
        tmp_path / "run",
        src=[HOSTILE + " zwei drei"] * 3,
        tgt=[HOSTILE + " b c"] * 3,
        name=HOSTILE,
        ids=[HOSTILE + str(i) for i in range(3)],
    )
    with_links(run, bitext, links)
    entries = {
        "src": [HOSTILE],
        "tgt": [HOSTILE],
        "count": [1],
        "p_tgt_given_src": [0.5],
        "p_src_given_tgt": [1.0],
        "significance": [2.0],
    }
    run.step(
        "lexicon",
        PAIR,
        "words.lexicon/x",
        "lexicon",
        {"out": 1, HOSTILE: HOSTILE},
        tables={"lexicon": pa.table(entries)},
        params={HOSTILE: HOSTILE},
    )
    run.step(
        "kept",
        PAIR,
        "corpus.select/x",
        "bitext",
        {"in": 4, "out": 3, "dropped": {HOSTILE: 1}},
        tables={"bitext": bitext.table},
    )
    run.events.append({"event": "note", "message": HOSTILE})
    run.scores.append(
        {
            "step": HOSTILE,
            "pair": PAIR,
            "name": HOSTILE,
            "value": 0.5,
            "ci": [0.4, 0.6],
            "n": 1,
            "signature": HOSTILE,
            "parts": {HOSTILE: 1.0},
        }
    )
    path = write_report(run.write())
    raw, page = path.read_text(encoding="utf-8"), parsed(path)
    assert not page.xpath("//script | //@onload")
    assert len(page.xpath("//style")) == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", raw)
    assert "<script>alert(1)</script>" in page.text_content()
    assert "[U+202E][U+2066][U+0007]&amp;" in page.text_content()


@pytest.mark.parametrize(
    ("left_out", "gone"),
    [
        ({"lexicon"}, {"lexicon"}),
        ({"links", "lexicon"}, {"links", "lexicon"}),
        ({"aer", "f1"}, {"scores"}),
        ({"beads"}, {"beads", "excerpt"}),
        ({"kept"}, {"kept"}),
    ],
)
def test_what_a_run_lacks_the_report_leaves_out(whole_run, tmp_path, left_out, gone):
    shutil.copytree(whole_run, tmp_path / "run")
    data = json.loads((whole_run / "run.json").read_text(encoding="utf-8"))
    data["steps"] = [s for s in data["steps"] if s["step"] not in left_out]
    (tmp_path / "run/run.json").write_text(json.dumps(data))
    if "aer" in left_out:
        (tmp_path / "run/scores.json").write_text("[]")
    page = parsed(write_report(tmp_path / "run"))
    assert [s.get("id") for s in page.iter("section")] == [s for s in SECTIONS if s not in gone]


def test_a_run_of_documents_only(tmp_path):
    run = Maker(tmp_path / "run", ("deu_Latn", "arb_Arab"), (PAIR,))
    run.step("documents", "all", "corpus.documents/folder", "documents", {"out": 3})
    folder = run.write()
    (folder / "events.jsonl").unlink()
    page = parsed(write_report(folder))
    assert [s.get("id") for s in page.iter("section")] == ["steps", "methods", "reproduce"]


def test_a_run_that_kept_nothing(tmp_path):
    run, bitext, links = small(tmp_path / "run", src=[], tgt=[])
    page = parsed(write_report(with_links(run, bitext, links).write()))
    assert "links" not in [s.get("id") for s in page.iter("section")]
    totals = [d.text_content() for d in page.xpath("//dl/div")]
    assert totals[0] == "sentence pairs kept0"


def test_very_long_text_is_cut_and_says_so(whole_run, tmp_path):
    shutil.copytree(whole_run, tmp_path / "run")
    path = tmp_path / "run/bitext/deu_Latn-arb_Arab.parquet"
    table = pq.read_table(path)
    worst = table["score.align"].to_numpy().argmin()
    src = table["src"].to_pylist()
    src[worst] = "wort " * 5000
    pq.write_table(table.set_column(table.column_names.index("src"), "src", pa.array(src, pa.large_string())), path)
    text = parsed(write_report(tmp_path / "run")).xpath("//section[@id='worst']")[0].text_content()
    assert "[24,400 more characters]" in text
    assert len(text) < 30_000


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(whole_run, tmp_path):
    first = write_report(whole_run).read_bytes()
    assert write_report(whole_run).read_bytes() == first
    shutil.copytree(whole_run, tmp_path / "moved")
    assert write_report(tmp_path / "moved").read_bytes() == first


def test_equal_runs_give_equal_reports(whole_run, tmp_path):
    assert write_report(make_run(tmp_path / "again")).read_bytes() == write_report(whole_run).read_bytes()


def test_no_finished_run(tmp_path):
    with pytest.raises(
        DataError, match=r"has no run.json, expected the folder of a finished run; run its project file"
    ):
        write_report(tmp_path)
    with pytest.raises(DataError, match=r"has no run\.json"):
        write_report(tmp_path / "nowhere")
    assert not (tmp_path / "report.html").exists()


def test_a_damaged_run(whole_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole_run, run)
    (run / "scores.json").write_text("[{")
    with pytest.raises(DataError, match=r"scores.json: cannot be read .* run the project file again"):
        write_report(run)
    (run / "scores.json").unlink()
    with pytest.raises(DataError, match=r"has no scores.json"):
        write_report(run)
    (run / "scores.json").write_text("[]")
    good = (run / "run.json").read_text(encoding="utf-8")
    for bad in ('{"steps": []}', "[]", good.replace('"counts"', '"kounts"')):
        (run / "run.json").write_text(bad, encoding="utf-8")
        with pytest.raises(
            DataError, match=r"run.json: .* is missing or of the wrong form, expected what `polyalign run` writes"
        ):
            write_report(run)
    (run / "run.json").write_text(good, encoding="utf-8")
    shutil.rmtree(run / "work/lexicon")
    with pytest.raises(
        DataError,
        match=r"lexicon.parquet: recorded in run.json but not there, expected the result of step 'lexicon'; run",
    ):
        write_report(run)
