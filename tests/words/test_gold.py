"""Gold links and the sentence pairs they belong to."""

from __future__ import annotations

import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.words.gold import read_gold

BITEXT = Bitext.build(["a b", "c", "d e f"], ["x", "y z", "w"])


def files(folder, links, text=None):
    """Their paths; an empty name for no text."""
    (folder / "gold").write_bytes(links.encode())
    if text is not None:
        (folder / "text").write_bytes(text.encode())
    return str(folder / "gold"), "" if text is None else str(folder / "text")


def test_links_are_of_the_first_pairs_of_the_bitext(tmp_path):
    pairs, links = read_gold(*files(tmp_path, "0-0 1p0\n0-1\n"), BITEXT)
    assert (pairs.src, pairs.tgt) == (["a b", "c"], ["x", "y z"])
    assert links.to_pharaoh() == ["0-0 1p0", "0-1"]


def test_words_are_counted_as_the_bitext_has_them(tmp_path):
    bitext = BITEXT.with_spans("src", [[0, 3], [0, 1], [0, 1, 2, 3, 4, 5]])
    assert len(read_gold(*files(tmp_path, "0-0\n"), bitext)[1]) == 1
    with pytest.raises(DataError, match=r"line 1: found 1-0 \(from 0\) in a sentence pair of 1 and 1 words"):
        read_gold(*files(tmp_path, "1-0\n"), bitext)


@pytest.mark.parametrize(
    "text", ["m n ||| o\n ||| p\nq ||| \n", "m n\to\n\tp\nq\t\n", "\ufeffm n ||| o\r\n ||| p\r\nq ||| \r\n"]
)
def test_they_may_have_sentence_pairs_of_their_own(tmp_path, text):
    pairs, links = read_gold(*files(tmp_path, "1-0:0.25\n\n\n", text), BITEXT)
    assert (pairs.tokens("src"), pairs.tokens("tgt")) == ([["m", "n"], [], ["q"]], [["o"], ["p"], []])
    assert links.pairs(0) == [(1, 0)]
    assert links.prob.tolist() == [0.25]


def test_there_may_be_none(tmp_path):
    pairs, links = read_gold(*files(tmp_path, ""), BITEXT)
    assert len(pairs) == len(links) == 0


@pytest.mark.parametrize(
    ("links", "text", "said"),
    [
        (
            "\n\n\n\n",
            None,
            "found 4 lines, but the bitext has 3 sentence pairs; give a line of links for each of the first",
        ),
        (
            "0-0\n",
            "a ||| b\nc ||| d\n",
            r"found 1 lines, but .*text has 2 sentence pairs; give a line of links for each$",
        ),
        ("0-0\n0-0\n", "a ||| b\n", "found 2 lines, but .*text has 1 sentence pairs"),
        ("0-0\n0-2\n", None, r"line 2: found 0-2 \(from 0\) in a sentence pair of 1 and 2 words"),
        ("0-0\n", "a b\n", r"line 1: found 'a b', expected source \|\|\| target, or one tab"),
        ("0-0\n", "a\tb\tc\n", r"line 1: found 'a\\tb\\tc', expected source"),
        ("x\n", None, "line 1: found 'x', expected links"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, links, text, said):
    with pytest.raises(DataError, match=said):
        read_gold(*files(tmp_path, links, text), BITEXT)
