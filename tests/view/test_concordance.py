from __future__ import annotations

import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from polyalign.view.app import make_app
from polyalign.view.concordance import AROUND, concordance
from polyalign.view.index import Index
from polyalign.view.making import make_once
from polyalign.view.page import View
from polyalign.view.source import Opened

PAIRS = [
    ("der Hund schläft", "the dog sleeps", "0-0 1-1 2-2"),
    ("Hund und Hund", "hound and dog", "0-0 1-1 2-2"),
    ("kein Hund da", "nothing there", "2-1"),
    ("<script>alert(1)</script> Hund", "dog & <b>bold</b>", "1-0"),
    ("das Haus", "the old big house", "1-1 1-3"),
    ("wort " * 3000 + "Hund " + "wort " * 3000, "word " * 6001, "3000-3000"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bitext")
    (folder / "a.tsv").write_text("".join(f"{s.strip()}\t{t.strip()}\n" for s, t, _ in PAIRS), encoding="utf-8")
    (folder / "a.pharaoh").write_text("".join(f"{x}\n" for *_, x in PAIRS))
    return Opened.at(folder / "a.tsv", pair=("deu_Latn", "eng_Latn"), links=[folder / "a.pharaoh"])


@pytest.fixture(scope="module")
def source(opened):
    return opened.source(opened.units()[0])


@pytest.fixture(scope="module")
def index(source, tmp_path_factory):
    texts = [p.src for p in source.pairs(0, len(source))], [p.tgt for p in source.pairs(0, len(source))]
    return Index.build(tmp_path_factory.mktemp("index") / "i.sqlite", [texts])


def search(source, index, phrase, **given):
    return concordance(source, index, phrase, **{"side": "src", "aligner": source.base, **given})


def test_translations_are_counted_place_by_place(source, index):
    found = search(source, index, "hund")
    assert found.total == 5
    assert found.translations == [("dog", 3), ("", 1), ("hound", 1), ("word", 1)]
    assert [h.row for h in found.hits] == [0, 1, 2, 3, 5]
    assert found.hits[1].translations == ("hound", "dog")
    assert found.hits[1].linked == [("hound", True), (" and ", False), ("dog", True)]


def test_words_that_do_not_stand_together_have_a_gap_between_them(source, index):
    found = search(source, index, "Haus")
    assert found.translations == [("old … house", 1)]
    assert found.hits[0].linked == [("the ", False), ("old", True), (" big ", False), ("house", True)]


def test_linked_words_side_by_side_are_one_mark(source, index):
    assert search(source, index, "der hund").hits[0].linked == [("the dog", True), (" sleeps", False)]


def test_from_the_other_side(source, index):
    found = search(source, index, "dog", side="tgt")
    assert found.translations == [("hund", 3)]
    assert found.hits[0].found[1] == ("dog", True)


def test_only_one_translation(source, index):
    assert [h.row for h in search(source, index, "hund", translation="hound").hits] == [1]
    assert [h.row for h in search(source, index, "hund", translation="").hits] == [2]


def test_pages(source, index):
    assert [h.row for h in search(source, index, "hund", limit=2, offset=2).hits] == [2, 3]
    assert search(source, index, "nowhere").hits == []


def test_more_than_is_counted(source, index, monkeypatch):
    monkeypatch.setattr("polyalign.view.concordance.COUNTED", 2)
    found = search(source, index, "hund", limit=2, offset=3)
    assert (found.total, found.counted) == (5, 2)
    assert [h.row for h in found.hits] == [3, 5]


def test_without_links_there_are_examples_alone(source, index):
    found = search(source, index, "hund", aligner=None)
    assert found.translations == []
    assert found.hits[0].linked == [("the dog sleeps", False)]


def test_a_long_sentence_is_shown_around_what_was_found(source, index):
    hit = search(source, index, "hund").hits[-1]
    assert [mark for _, mark in hit.found] == [False, True, False]
    assert all(len(text) < 2 * AROUND + 10 for text, _ in hit.found + hit.linked)
    assert hit.found[0][0].startswith("… ")
    assert hit.found[2][0].endswith(" …")


# -- the pages


@pytest.fixture(scope="module")
def client(opened):
    return TestClient(make_app(View(opened, None, "me")), base_url="http://127.0.0.1")


def get(client, address):
    for _ in range(200):
        answer = client.get(address)
        if "waits for it" not in answer.text:
            return answer
        time.sleep(0.05)
    raise AssertionError("it is not made")


def test_the_page_shows_hostile_text_as_text(client):
    answer = get(client, "/concordance?q=hund")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<mark>Hund</mark>" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_hostile_search_is_text_too(client):
    answer = get(client, "/concordance?q=%22%3E%3Cscript%3Ex")
    assert "<script>x" not in answer.text
    assert answer.status_code == 200


def test_very_many_pairs_are_said_to_be_more(client, monkeypatch):
    for module in ("index", "concordance", "pages.concordance"):
        monkeypatch.setattr(f"polyalign.view.{module}.MOST", 3)
    text = get(client, "/concordance?q=hund").text
    assert "More than <b>3</b> pairs have" in text
    assert text.count("<mark>Hund</mark>") == 4  # two of them in one pair


def test_an_offset_that_is_no_number(client):
    assert get(client, "/concordance?q=hund&from=x").status_code == 400


def test_the_lexicon_is_counted_from_the_links(client):
    answer = get(client, "/lexicon?q=hund")
    assert answer.status_code == 200
    assert "1 of 1 entries" in answer.text
    assert "side=tgt&amp;q=dog" in answer.text
    assert "side=src&amp;q=hund" in answer.text
    assert "No entry has" in get(client, "/lexicon?q=xyz").text
    assert get(client, "/lexicon?order=size").status_code == 404


def test_what_cannot_be_made_says_why(tmp_path):
    def fails():
        raise OSError("disk full")

    path = tmp_path / "x"
    assert make_once(path, path.exists, fails) == (False, "")
    for _ in range(100):
        if make_once(path, path.exists, fails)[1]:
            break
        time.sleep(0.02)
    assert make_once(path, path.exists, fails) == (False, "disk full")
