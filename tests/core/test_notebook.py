from __future__ import annotations

from html.parser import HTMLParser

import pyarrow as pa
import pytest

from polyalign.core.beads import Beads
from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.core.notebook import GRIDS, ROWS, RUNGS

HOSTILE = "<script>alert(1)</script> \u202egnorts\u202c & 'quotes' \"too\""


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)


def page(value):
    return Page(value._repr_html_())


def test_a_bitext_shows_its_first_pairs_as_text():
    bitext = Bitext.build([HOSTILE, *["x"] * 20], ["مرحبا", *["y"] * 20], langs=("deu_Latn", "arb_Arab"))
    found = page(bitext.with_column("score.words", pa.array([0.12345] * 21, pa.float32())))
    assert found.count("script") == 0
    assert HOSTILE in found.texts
    assert {"src (deu_Latn)", "tgt (arb_Arab)", "score.words"} <= set(found.texts)
    assert found.count("tr") == ROWS + 1
    assert "0.123" in found.texts
    cells = [attrs for tag, attrs in found.tags if tag == "td"]
    assert all(attrs["dir"] == "auto" for attrs in cells)
    assert found.count("bdi") == len(cells)
    assert any("21 pairs" in t for t in found.texts)


def test_a_long_text_is_cut_for_the_eye_alone():
    found = page(Bitext.build(["w " * 5000], ["y"]))
    assert max(map(len, found.texts)) < 400


def test_links_show_sure_and_possible_ones():
    links = Links.from_pharaoh(["", *["0-0:0.900 1p2:0.250"] * 10])
    found = page(links)
    assert found.count("svg") == GRIDS
    assert found.count("rect") == 2 * GRIDS
    assert "pair 1" in found.texts
    assert "pair 0" not in found.texts
    assert "1p2 0.25" in found.texts
    assert any("11 sentence pairs, 20 links, 10 of them possible" in t for t in found.texts)


def test_beads_show_a_ladder():
    found = page(Beads.from_cuts([(0, 0), (1, 1), (2, 3), (2, 4)]))
    assert any("3 beads" in t for t in found.texts)
    assert any("1 of 1-2" in t for t in found.texts)
    assert found.count("circle") == 2 + 4
    path = next(attrs["d"] for tag, attrs in found.tags if tag == "path")
    assert path.count("M") == 3


def test_only_the_first_of_many_beads_are_drawn():
    found = page(Beads.from_cuts([(k, k) for k in range(5000)]))
    assert found.count("circle") == 2 * RUNGS


@pytest.mark.parametrize(
    "empty", [Bitext.build([], []), Links.from_pairs([]), Links.from_pairs([[]]), Beads.from_cuts([])]
)
def test_nothing_shows_as_nothing(empty):
    assert page(empty).texts
