from __future__ import annotations

import pytest
from rich.cells import cell_len

from polyalign.view.terminal import Drawn, draw

SRC, TGT = "Der Hund schläft nicht".split(), "the dog does not sleep".split()
LINKS = [Drawn(0, 0), Drawn(1, 1), Drawn(2, 4, True, 0.3), Drawn(3, 2, False), Drawn(3, 3, True, 0.9)]


def grid_of(lines, label):
    """The links that a drawn grid shows: mark by source and target word."""
    return {
        (i, j): line[label + 2 + 2 * j]
        for i, line in enumerate(lines)
        for j in range((len(line) - label - 1) // 2)
        if line[label + 2 + 2 * j] != "·"
    }


def test_a_grid_has_a_mark_for_every_link():
    lines = draw(SRC, TGT, LINKS, width=80).plain.splitlines()
    assert grid_of(lines[:4], 7) == {(0, 0): "■", (1, 1): "■", (2, 4): "▪", (3, 2): "□", (3, 3): "■"}
    # The stairs: the last word first, each below its column.
    assert [line.split()[-1] for line in lines[4:]] == TGT[::-1]
    assert [line.index("└") for line in lines[4:]] == [9 + 2 * j for j in reversed(range(5))]


def test_wide_letters_keep_their_columns():
    lines = draw(["你好", "a"], ["x", "y"], [Drawn(0, 0), Drawn(1, 1)], width=80).plain.splitlines()
    assert cell_len(lines[0].split("■")[0]) == cell_len(lines[1].split("·")[0])


@pytest.mark.parametrize("width", [20, 8])
def test_what_is_too_wide_for_a_grid_is_a_list(width):
    text = draw(SRC, [*TGT[:4], "loudly", "now"], LINKS, width=width).plain
    assert "2 schläft  ▪ loudly 4 0.30" in text
    assert "3 nicht  □ does 2, ■ not 3 0.90" in text
    assert "without a link: now 5" in text


def test_5000_words_are_a_list_of_every_word():
    words = [f"w{k}" for k in range(5000)]
    lines = draw(words, words, [Drawn(k, k) for k in range(5000)], width=200).plain.splitlines()
    assert len(lines) == 5000
    assert lines[4999] == "4999 w4999  ■ w4999 4999"


def test_no_words_draw_nothing_but_what_has_no_link():
    assert draw([], [], [], width=80).plain == ""
    assert draw([], ["a", "b"], [], width=80).plain == "without a link: a 0, b 1\n"


def test_words_that_a_terminal_would_obey_are_shown():
    text = draw(["\x1b]0;title\x07", "\u202eabc"], ["\x9b31m"], [Drawn(0, 0)], width=80).plain
    assert not any(c in text for c in "\x1b\x07\x9b\u202e")
    assert "[U+001B]]0;title[U+0007]" in text


def test_words_from_right_to_left_are_isolated():
    text = draw(["مرحبا"], ["hello"], [Drawn(0, 0)], width=80).plain
    assert "\u2068مرحبا\u2069" in text
    assert "\u2068hello" not in text
