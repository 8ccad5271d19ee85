"""Names: what is the same but for the language, what is merely alike, and what is neither."""

from __future__ import annotations

import pytest

from polyalign.core.document import Document
from polyalign.documents.names import EQUAL, GLUED, NEAREST, Names, key, spellings


def pair(left, right, langs=("deu_Latn", "fra_Latn"), **settings):
    src, tgt = ([Document.from_lines(["x"], id=name) for name in side] for side in (left, right))
    return Names(**settings).align(src, tgt, langs)


@pytest.mark.parametrize(
    ("src", "tgt"),
    [
        ("a.de.txt", "a.fr.txt"),
        ("a_deu_Latn.txt", "a_fra_Latn.txt"),
        ("de/x/a.txt", "fr/x/a.txt"),
        ("x/German/a.txt", "x/French/A.TXT"),
        ("deutsch-12.html", "francais-12.html"),
        ("allemand 12", "franz\u00f6sisch 12"),
        ("a-de-CH.html", "a-fr_CH.htm"),
        ("ger_001.txt", "fre_1.txt.gz"),
        ("https://www.gr.ch/DE/news/7?lang=de", "https://gr.ch/FR/news/7?lang=fr"),
        ("https://de.example.org/a%20b", "http://fr.example.org/a b"),
        ("ch01.html.de", "ch01.html.fr"),
        ("de.txt", "fr.txt"),
        ("same.txt", "same.txt"),
    ],
)
def test_equal_but_for_the_language(src, tgt):
    pairs = pair([src, "z1.de.txt"], ["z2.fr.txt", tgt], nearest=False)
    assert pairs.as_dict() == {0: 1}
    assert pairs.score.tolist() == pytest.approx([EQUAL])


@pytest.mark.parametrize(
    ("src", "tgt"), [("newsde.html", "newsfr.html"), ("index_d.htm", "index_f.htm"), ("newsde", "news")]
)
def test_a_language_glued_to_the_last_word(src, tgt):
    pairs = pair([src], [tgt])
    assert pairs.as_dict() == {0: 0}
    assert pairs.score.tolist() == pytest.approx([GLUED])


def test_the_same_numbers_and_alike():
    pairs = pair(["bericht-2019-03", "bericht-2019-04"], ["rapport-2019-04", "rapport-2019-03"])
    assert pairs.as_dict() == {0: 1, 1: 0}
    assert pairs.score.tolist() == pytest.approx([NEAREST] * 2)
    pairs = pair(["energie-2019", "budget-2019"], ["budgets-2019", "energies-2019"])
    assert pairs.as_dict() == {0: 1, 1: 0}
    assert len(pair(["energie-2019", "budget-2019"], ["budgets-2019", "energies-2019"], nearest=False)) == 0
    assert len(pair(["energie-2019"], ["energies-2018"])) == 0


def test_ambiguous_names_decide_nothing():
    pairs = pair(["1/a.de.txt", "b.de.txt", "b-de.txt"], ["b.fr.txt", "2/c.fr.txt"])
    assert pairs.as_dict() == {}
    assert "that of 2 documents here and 1 there" in pairs.src_alone[1].reason
    assert pairs.src_alone[0].reason == "no name on the other side is like it"


def test_a_minimum_above_a_kind_leaves_it_out():
    assert len(pair(["newsde"], ["newsfr"], min_score=0.97)) == 0
    assert len(pair(["a-1"], ["b-1"], min_score=0.9)) == 0
    with pytest.raises(ValueError, match="min_score must be from 0 to 1, found 2"):
        Names(min_score=2)


def test_unknown_languages_leave_names_whole():
    assert pair(["a.txt"], ["a.txt"], langs=("und", "und")).as_dict() == {0: 0}
    assert key("a.de.txt", spellings("und")) == ("a", "de")


def test_nothing_at_all():
    assert len(pair([], [])) == 0
    assert pair(["a"], []).src_alone[0].document == 0
