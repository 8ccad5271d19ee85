"""The pieces: samples against plain Python, drawings, references, colours."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from polyalign.report import sample, svg
from polyalign.report.page import clipped, number, text, visible
from polyalign.report.picture import Example, curves, grid
from polyalign.report.record import read_record
from polyalign.report.references import fields, names, plain, reference

ROH, ARB = "deu_Latn-roh_Latn", "deu_Latn-arb_Arab"


@pytest.fixture(scope="module")
def record(whole_run):
    return read_record(whole_run)


@given(st.text())
def test_text_comes_back_and_never_acts(raw):
    shown = html.fromstring(f"<p>{text(raw)}</p>").text_content()
    assert shown == visible(raw)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", shown)


@given(st.text(max_size=50), st.integers(1, 20))
def test_clipping_says_how_much(raw, limit):
    shown = clipped(raw, limit)
    assert shown == raw or shown == f"{raw[:limit]} … [{len(raw) - limit:,} more characters]"
    assert (shown == raw) == (len(raw) <= limit)


def test_numbers():
    assert [number(x) for x in (0, 7, 1234567, 0.0, 1.0, 0.5, 812.0)] == [
        "0",
        "7",
        "1,234,567",
        "0.000",
        "1.000",
        "0.500",
        "812",
    ]


@given(st.lists(st.integers(0, 199), max_size=30), st.integers(1, 64))
def test_take_is_plain_indexing(tmp_path_factory, rows, size):
    path = tmp_path_factory.getbasetemp() / f"take-{size}.parquet"
    if not path.exists():
        pq.write_table(pa.table({"a": list(range(200)), "b": [str(i) for i in range(200)]}), path, row_group_size=size)
    assert sample.take(path, rows, ["b"])["b"].to_pylist() == [str(r) for r in rows]


@given(st.lists(st.floats(-10, 10), max_size=50))
def test_bins_count_everything(values):
    counts = sample.bins(values, -1.0, 1.0, 8)
    slow = [0] * 8
    for v in values:
        slow[min(7, max(0, int(np.floor((v + 1) / 2 * 8))))] += 1
    assert counts.tolist() == slow


def test_ratio_counts_are_those_of_the_text(record):
    path = record.last("sentences.align", ROH).path("bitext.parquet")
    pairs = [(len(r["src"]), len(r["tgt"])) for r in pq.read_table(path).to_pylist()]
    ratios = [np.log2(t / s) for s, t in pairs if s and t]
    counts, n = sample.ratio_counts(path)
    assert n == len(ratios)
    assert counts.tolist() == sample.bins(ratios, -3, 3, 48).tolist()


def test_worst_are_the_lowest_scores(record):
    path = record.corpus(ROH)
    scores = sorted(pq.read_table(path)["score.align"].to_pylist())
    assert [r["score.align"] for r in sample.worst(path, 8)] == scores[:8]


def test_one_sided_beads_are_no_worst_pairs(record):
    path = record.last("sentences.align", ROH).path("bitext.parquet")
    assert all(r["src"] and r["tgt"] for r in sample.worst(path, 200))


def test_lexicon_entries_are_words_in_order(record, tmp_path):
    path = record.last("lexicon", ROH).path("lexicon.parquet")
    found = sample.lexicon_entries(path)
    rows = sorted(pq.read_table(path).to_pylist(), key=lambda r: -r["significance"])
    words = [r for r in rows if any(map(str.isalpha, r["src"])) and any(map(str.isalpha, r["tgt"]))]
    assert found.total == len(rows)
    assert found.strongest == words[:12]
    ranks = [rows.index(r) / len(rows) for r in found.middle]
    assert ranks == sorted(ranks)
    assert ranks
    assert min(ranks) >= 0.44
    assert max(ranks) <= 0.56
    assert sample.lexicon_entries(path) == found


def test_a_lexicon_without_significance_goes_by_count(tmp_path):
    path = tmp_path / "lexicon.parquet"
    pq.write_table(pa.table({"src": ["a", "b", "."], "tgt": ["x", "y", "."], "count": [1, 5, 9]}), path)
    found = sample.lexicon_entries(path)
    assert (found.by, [r["src"] for r in found.strongest]) == ("count", ["b", "a"])


def test_examples_are_of_ordinary_length_and_gold_first(record):
    found = sample.examples(record.last("links", ROH))
    assert len(found) == 4
    assert all(e.id.startswith("gold/") and e.gold for e in found)
    assert all(6 <= len(side) <= 18 for e in found for side in (e.src, e.tgt))
    assert all(i < len(e.src) and j < len(e.tgt) and 0 < p <= 1 for e in found for (i, j), p in e.links.items())
    without = sample.examples(record.last("links", ARB))
    assert all(e.gold is None for e in without)
    assert len({e.id for e in without}) == 4


def test_the_excerpt_shows_most_kinds_of_beads(record):
    unit = record.last("sentences.align", ROH)
    rows = pq.read_table(unit.path("bitext.parquet")).to_pylist()

    def kinds(doc):
        shown = [r for r in rows if r["doc"] == doc][:12]
        return len({(r["src_end"] - r["src_start"], r["tgt_end"] - r["tgt_start"]) for r in shown})

    shown = sample.excerpt(record, unit)
    assert kinds(shown.doc) == max(kinds(d) for d in {r["doc"] for r in rows})
    assert (len(shown.beads), shown.total) == (12, 18)
    for (_, src, _, tgt, score), row in zip(shown.beads, [r for r in rows if r["doc"] == shown.doc][:12], strict=True):
        assert (" ".join(src), " ".join(tgt), score) == (row["src"], row["tgt"], row["score.align"])


EXAMPLE = Example(
    "x",
    ("deu_Latn", "arb_Arab"),
    ("das", "Haus"),
    ("البيت", "هنا", "."),
    {(1, 0): 0.5, (0, 0): 1.0},
    {(1, 0): True, (0, 1): True, (1, 2): False},
)


def test_links_are_judged_by_gold():
    assert EXAMPLE.kind((1, 0)) == "found"
    assert EXAMPLE.kind((0, 0)) == "wrong"
    assert EXAMPLE.missed == [(0, 1)]
    blind = Example("x", EXAMPLE.langs, EXAMPLE.src, EXAMPLE.tgt, EXAMPLE.links, None)
    assert (blind.kind((0, 0)), blind.missed) == ("found", [])


def test_the_grid_has_a_cell_a_link_and_mirrors_right_to_left():
    def cells(example):
        tree = etree.fromstring(grid(example))
        return {r[0].text: float(r.get("x")) for r in tree.iter("rect") if len(r)}

    found = cells(EXAMPLE)
    assert list(found) == ["das = البيت, 1.00", "Haus = البيت, 0.50", "das = هنا, missed"]
    assert found["das = البيت, 1.00"] > found["das = هنا, missed"]
    left = cells(Example("x", ("deu_Latn", "roh_Latn"), EXAMPLE.src, EXAMPLE.tgt, EXAMPLE.links, EXAMPLE.gold))
    assert left["das = البيت, 1.00"] < left["das = هنا, missed"]


def test_the_curves_run_right_to_left_and_grey_what_is_alone():
    tree = etree.fromstring(curves(EXAMPLE))
    words = {t.text: t for t in tree.iter("text")}
    assert float(words["البيت"].get("x")) > float(words["هنا"].get("x")) > float(words["."].get("x"))
    assert float(words["das"].get("x")) < float(words["Haus"].get("x"))
    assert "alone" in words["هنا"].get("class")
    assert "alone" not in words["Haus"].get("class")
    assert sorted(p.get("class") for p in tree.iter("path")) == ["found", "missed", "wrong"]
    solid, pale = (
        next(float(p.get("opacity")) for p in tree.iter("path") if p.get("class") == c) for c in ("wrong", "found")
    )
    assert solid > pale


@pytest.mark.parametrize("words", [("a",) * 40, ("W" * 500, "b"), ("​", "\u202e")])
def test_every_word_stays_inside_its_picture(words):
    example = Example("x", ("deu_Latn", "arb_Arab"), words, words[:2], {(0, 0): 1.0}, None)
    for drawn in (curves(example), grid(example)):
        tree = etree.fromstring(drawn)
        width = float(tree.get("width"))
        assert all(0 <= float(t.get("x")) <= width for t in tree.iter("text") if t.get("x"))
        assert all(len(t.text or "") <= 22 for t in tree.iter("text"))


def test_bars_are_as_long_as_their_values():
    tree = etree.fromstring(
        svg.bars([("a", 4.0, "4"), ("b", 1.0, "1"), ("c", 0.0, "0"), ("d", 0.001, "0.001")], "Bars")
    )
    widths = [float(r.get("width")) for r in tree.iter("rect")]
    assert widths[0] == pytest.approx(4 * widths[1], abs=0.2)
    assert widths[2:] == [0.0, 1.0]
    assert tree.get("aria-label") == "Bars: a 4, b 1, c 0, d 0.001"


def test_histogram_and_shares_fill_their_width():
    tree = etree.fromstring(svg.histogram(np.array([0, 4, 2]), np.array([0, 2, 2]), [(0.0, "0")], "x", "H"))
    heights = [(r.get("class"), float(r.get("height"))) for r in tree.iter("rect")]
    assert [c for c, _ in heights] == ["bar all", "bar all", "bar", "bar"]
    assert heights[0][1] == 2 * heights[1][1] == 2 * heights[2][1] == 2 * heights[3][1]
    logarithmic = etree.fromstring(svg.histogram(np.array([3, 1]), None, [], "x", "H", log=True))
    tall, low = (float(r.get("height")) for r in logarithmic.iter("rect"))
    assert tall == 2 * low
    parts = etree.fromstring(svg.shares([("kept", 3), ("gone", 1)], "S"))
    edges = [(float(r.get("x")), float(r.get("width"))) for r in parts.iter("rect")]
    assert edges[1][0] == pytest.approx(svg.WIDTH * 0.75)
    assert sum(edges[1]) == pytest.approx(svg.WIDTH)
    assert not list(etree.fromstring(svg.histogram(np.zeros(3, np.int64), None, [], "x", "H")).iter("rect"))


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_few_and_on_the_axis(low, span):
    ticks = svg.linear_ticks(low, low + span)
    assert 2 <= len(ticks) <= 9
    assert all(-1e-6 <= at <= 1 + 1e-6 for at, _ in ticks)


def test_a_reference_reads_like_one():
    entry = '@inproceedings{x,\n author = {Sabet, Masoud Jalili and Hinrich Sch{\\"u}tze and others},\n title = "{SimAlign}: High {Quality}",\n booktitle = {Findings of {EMNLP}}, pages = {1--9}, year = 2020, doi = {10.1/x}\n}'
    assert reference(entry) == (
        "Masoud Jalili Sabet, Hinrich Schütze et al. (2020). SimAlign: High Quality. In Findings of EMNLP, 1–9.",
        "https://doi.org/10.1/x",
    )
    assert fields("@misc{a, title = {b}}") == {"title": "b"}
    assert names("Knuth, Jr., Donald") == "Donald Knuth Jr."
    assert plain(r"Erd{\H o}s, {\v S}i{\'\i}, {\o}re, stra{\ss}e 5 \% \alpha") == "Erdős, Šií, øre, straße 5 % \\alpha"
    assert reference("@book{a, author = {A B}, title = {T.}, publisher = {P}, year = 1}")[0] == "A B (1). T. P."
    assert reference("@misc{a, organization = {O}, publisher = {O}, title = {T}}")[0] == "O. T."
    assert reference("@misc{a, title = {T}, url = {javascript:alert(1)}}")[1] == ""


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_is_enough_in_both_themes(theme):
    style = (files("polyalign.report") / "templates" / "style.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.S)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))

    def contrast(a, b):
        bright, dim = sorted((luminance(colours[a]), luminance(colours[b])), reverse=True)
        return (bright + 0.05) / (dim + 0.05)

    for ground in ("paper", "sheet", "faint"):
        for ink in ("ink", "soft", "accent", "warn"):
            assert contrast(ink, ground) >= 4.5, (ink, ground)
    for mark in ("pale", "gone-1", "gone-2", "gone-3", "gone-4"):
        assert contrast(mark, "paper") >= 3, mark
