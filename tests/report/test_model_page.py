"""The page and the tables of measured models: whole, safe, without anything from elsewhere, good with gaps."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from polyalign.report.model import write_model_page
from polyalign.report.model_charts import bars_of_models, codes, curves_of_layers, heat_map, hues, sentence_map
from polyalign.report.model_table import show_models, tables
from tests.report.made_up import TAGS, made_up

VOID = {"meta", "br", "hr", "link", "img", "input"}


class Balanced(HTMLParser):
    """Fails on a tag that is closed and not open, and remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag


def page_of(tmp_path, told):
    path = tmp_path / "page.html"
    write_model_page(told, path)
    raw = path.read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(raw)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    return raw, parser


def svgs(raw):
    return [ElementTree.fromstring(x) for x in re.findall(r"<svg.*?</svg>", raw, re.S)]


def test_the_page_has_every_part_and_asks_for_nothing(tmp_path):
    raw, parser = page_of(tmp_path, made_up())
    for part in ("scores", "differences", "bars", "layers", "pairs", "map", "measured"):
        assert part in parser.ids
    assert not {"script", "link", "img", "iframe"} & set(parser.seen)
    assert not re.findall(r"(?:src|@import|url)\s*[=(]", re.sub(r"<style>.*?</style>", "", raw, flags=re.S))
    # Two models: two charts for each metric with layers, two heat maps of each kind, two maps each.
    kinds = [svg.get("class") for svg in svgs(raw)]
    assert {k: kinds.count(k) for k in ("bars", "layers", "heatmap", "map")} == {
        "bars": 4,
        "layers": 4,
        "heatmap": 4,
        "map": 4,
    }
    assert all(svg.get("aria-label") for svg in svgs(raw))


def test_the_same_measurement_gives_the_same_bytes(tmp_path):
    assert page_of(tmp_path, made_up())[0] == page_of(tmp_path, made_up())[0]


def test_one_model_has_no_differences(tmp_path):
    raw, parser = page_of(tmp_path, made_up(models=("e5",)))
    assert "differences" not in parser.ids
    assert "<h1>e5</h1>" in raw


def test_sentences_and_names_do_nothing_to_the_page(tmp_path):
    told = made_up(models=("<b>x</b>", "y"))
    told["texts"]["deu_Latn"][0] = "</text><script>alert(1)</script>\u202e"
    raw, parser = page_of(tmp_path, told)
    assert "script" not in parser.seen
    assert "&lt;b&gt;x&lt;/b&gt;" in raw
    assert "\u202e" not in raw


def test_a_page_of_what_an_encoder_without_layers_has(tmp_path):
    told = made_up(models=("static",))
    (model,) = told["models"]
    model.update(layers={}, pairs={}, map={}, layer=None, depth=0, notes=[])
    told["texts"] = {}
    _, parser = page_of(tmp_path, told)
    assert not {"layers", "pairs", "map"} & set(parser.ids)
    assert {"scores", "bars", "measured"} <= set(parser.ids)


def test_values_that_are_not_defined_leave_gaps(tmp_path):
    told = made_up()
    told["models"][0]["metrics"]["mexa"]["deu_Latn"].update(value=None, ci=[None, None])
    told["models"][0]["layers"]["mexa"]["deu_Latn"][0] = None
    told["models"][0]["layers"]["mexa"]["hin_Deva"] = [None] * 13
    raw, _ = page_of(tmp_path, told)
    assert not re.search(r"\bnan\b|\bNone\b", raw)


@pytest.mark.parametrize("several", [1, 12, 30])
def test_any_number_of_languages_fits(tmp_path, several):
    tags = tuple(f"{c}_Latn" for c in "deu fra ita spa por ron cat glg eus swe nob dan isl nld afr pol ces slk slv hrv bos lit lvs ekk fin hun tur swh vie ind".split())  # fmt: skip
    raw, _ = page_of(tmp_path, made_up(tags=tags[:several]))
    for svg in svgs(raw):
        wide, tall = float(svg.get("width")), float(svg.get("height"))
        for rect in svg.iter("rect"):
            assert float(rect.get("x")) >= -0.1
            assert float(rect.get("x")) + float(rect.get("width")) <= wide + 0.1
            assert float(rect.get("y")) + float(rect.get("height")) <= tall + 0.1
        for circle in svg.iter("circle"):
            assert 0 <= float(circle.get("cx")) <= wide
            assert 0 <= float(circle.get("cy")) <= tall


def test_bars_begin_at_zero_and_are_as_long_as_their_values():
    chart = ElementTree.fromstring(
        bars_of_models(
            {"deu_Latn": "German", "fin_Latn": "Finnish"},
            [{"deu_Latn": {"value": 0.8, "ci": [0.7, 0.9]}, "fin_Latn": {"value": -0.2, "ci": [-0.2, -0.2]}}],
            "x",
            top=1.0,
        )
    )
    first, second = chart.findall("rect")
    assert float(first.get("width")) == pytest.approx(4 * float(second.get("width")), abs=0.3)
    # The negative one ends where the other begins.
    end = float(second.get("x")) + float(second.get("width"))
    assert end == pytest.approx(float(first.get("x")), abs=0.2)
    assert len(chart.findall("path[@class='whisker']")) == 1


def test_curves_are_named_apart_and_higher_is_higher():
    chart = ElementTree.fromstring(
        curves_of_layers({"deu_Latn": [0, 1, 0.5], "fin_Latn": [0, 0.5, 0.5]}, "x", span=(0.0, 1.0), best=1)
    )
    names = {t.text: float(t.get("y")) for t in chart.iter("text") if t.get("class") == "code"}
    assert set(names) == {"de", "fi"}
    assert abs(names["de"] - names["fi"]) >= 13
    paths = [p.get("d") for p in chart.iter("path") if p.get("class") == "series"]
    peaks = [float(path.split("L")[1].split()[1]) for path in paths]
    assert peaks[0] < peaks[1]


def test_a_heat_map_writes_each_value_and_leaves_out_none():
    raw = heat_map(["deu_Latn", "fin_Latn"], [[None, 0.25], [0.75, None]], "x")
    cells = {g.find("title").text: g.find("text").text for g in ElementTree.fromstring(raw).iter("g")}
    assert cells == {"German, Finnish: 0.250": ".25", "Finnish, German: 0.750": ".75"}


def test_a_map_keeps_distances_and_says_each_sentence():
    points = {"eng_Latn": [[0, 0], [4, 0]], "arb_Arab": [[0, 1], [2, 2]]}
    texts = {"eng_Latn": ["one", "two"], "arb_Arab": ["واحد", "word " * 200]}
    chart = ElementTree.fromstring(sentence_map(points, texts, "eng_Latn", "x"))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in chart.iter("circle")]
    (ax, ay), (_, by), (cx, cy), _ = circles
    assert ay == cy
    assert cx - ax == pytest.approx(4 * (ay - by), abs=0.5)
    said = [t for t in chart.iter("text") if t.get("class") == "say"]
    assert [t.get("direction") for t in said] == ["ltr", "rtl", "ltr", "rtl"]
    assert all(len(list(t)) <= 2 for t in said)
    assert list(said[3])[1].text.endswith("…")


def test_codes_and_hues_tell_languages_apart():
    assert codes(["cmn_Hans", "cmn_Hant", "deu_Latn"]) == {
        "cmn_Hans": "zh-Hans",
        "cmn_Hant": "zh-Hant",
        "deu_Latn": "de",
    }
    assert len(set(hues(TAGS).values())) == len(TAGS)


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("models", [("e5",), ("e5", "SmolLM2-135M-Instruct.Q4_1")])
def test_tables_are_no_wider_than_the_terminal_and_whole(width, models):
    told = made_up(models=models)
    console = Console(width=width, record=True, force_terminal=False, file=open("/dev/null", "w"))
    for table in tables(told, width):
        console.print(table)
    shown = console.export_text()
    assert max(map(len, shown.splitlines())) <= width
    for title in ("MEXA", "0.665", "0.605–0.725", "0.900", "Swahili sw"):
        assert title in shown
    # Numbers are never folded.
    assert "…" not in shown


def test_a_pipe_gets_a_row_a_number(capsys):
    show_models(made_up())
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "model\tlanguage\tmetric\tvalue\tlow\thigh\tn"
    assert "e5\tdeu_Latn\tmexa\t0.665\t0.605\t0.725\t40" in rows
    assert len(rows) == 2 * 3 * 6 + 6 + 2
