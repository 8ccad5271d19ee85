"""Corrections as pure functions."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.view.changes import applied, carried, together, words

PAIR = {
    "links": {"0-0": "sure"},
    "src": "das Haus",
    "tgt": "the house",
    "src_spans": [[0, 3], [4, 8]],
    "tgt_spans": [[0, 3], [4, 9]],
    "mark": "",
}
BEADS = {"beads": [[[0], [0]], [[1, 2], [1]], [[], [2]]], "mark": ""}


def test_a_link_is_made_changed_and_removed_and_nothing_given_is_changed():
    before = copy.deepcopy(PAIR)
    made = applied(PAIR, {"do": "link", "src": 1, "tgt": 1, "to": "possible"})
    assert made["links"] == {"0-0": "sure", "1-1": "possible"}
    assert applied(made, {"do": "link", "src": 1, "tgt": 1, "to": "sure"})["links"]["1-1"] == "sure"
    assert applied(made, {"do": "link", "src": 0, "tgt": 0, "to": ""})["links"] == {"1-1": "possible"}
    assert before == PAIR


def test_all_links_at_once_and_marks():
    assert applied(PAIR, {"do": "links", "to": {"1-0": "sure", "0-1": "possible"}})["links"] == {
        "0-1": "possible",
        "1-0": "sure",
    }
    assert applied(PAIR, {"do": "mark", "to": "bad"})["mark"] == "bad"


@pytest.mark.parametrize(
    "change",
    [
        {"do": "link", "src": 2, "tgt": 0, "to": "sure"},
        {"do": "link", "src": 0, "tgt": -1, "to": "sure"},
        {"do": "link", "src": 0, "tgt": 0, "to": "perhaps"},
        {"do": "link", "src": "0"},
        {"do": "links", "to": {"a-b": "sure"}},
        {"do": "mark", "to": "great"},
        {"do": "text", "side": "src", "to": "abc", "spans": [[0, 9]]},
        {"do": "text", "side": "both", "to": "abc", "spans": []},
        {"do": "dance"},
        {},
    ],
)
def test_what_cannot_be_done_to_a_pair_is_refused(change):
    with pytest.raises(DataError, match="correction"):
        applied(PAIR, change)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"at": 0, "count": 2, "to": [[[0, 1, 2], [0, 1]]]}, [[[0, 1, 2], [0, 1]], [[], [2]]]),
        ({"at": 1, "count": 1, "to": [[[1], [1]], [[2], []]]}, [[[0], [0]], [[1], [1]], [[2], []], [[], [2]]]),
        ({"at": 1, "count": 2, "to": [[[1], [1]], [[2], [2]]]}, [[[0], [0]], [[1], [1]], [[2], [2]]]),
    ],
)
def test_beads_are_merged_split_and_moved(change, expected):
    before = copy.deepcopy(BEADS)
    assert applied(BEADS, {"do": "beads", **change})["beads"] == expected
    assert before == BEADS


@pytest.mark.parametrize(
    "change",
    [
        {"at": 0, "count": 1, "to": [[[0], []]]},  # a sentence is lost
        {"at": 0, "count": 1, "to": [[[0], [0]], [[0], []]]},  # one is there twice
        {"at": 0, "count": 1, "to": [[[0], [0]], [[], []]]},  # a bead of nothing
        {"at": 1, "count": 1, "to": [[[2, 1], [1]]]},  # out of order
        {"at": 2, "count": 2, "to": [[[], [2]]]},  # beyond the end
        {"at": 0, "count": 0, "to": []},
        {"at": "x"},
    ],
)
def test_beads_that_lose_or_double_a_sentence_are_refused(change):
    with pytest.raises(DataError, match="correction"):
        applied(BEADS, {"do": "beads", **change})


def test_a_change_of_pairs_is_none_of_documents():
    with pytest.raises(DataError, match="can be done to a document"):
        applied(BEADS, {"do": "link", "src": 0, "tgt": 0, "to": "sure"})


def test_links_follow_their_words_when_the_text_changes():
    value = applied(PAIR, {"do": "link", "src": 1, "tgt": 1, "to": "sure"})
    new = applied(value, {"do": "text", "side": "src", "to": "ja das Haus", "spans": [[0, 2], [3, 6], [7, 11]]})
    assert words(new, "src") == ["ja", "das", "Haus"]
    assert new["links"] == {"1-0": "sure", "2-1": "sure"}
    gone = applied(value, {"do": "text", "side": "tgt", "to": "house", "spans": [[0, 5]]})
    assert gone["links"] == {"1-0": "sure"}


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_carried_links_are_of_equal_words_and_keep_their_order(old, new):
    links = {f"{i}-0": "sure" for i in range(len(old))}
    moved = [int(name.split("-")[0]) for name in carried(links, "src", old, new)]
    assert moved == sorted(set(moved))
    assert all(0 <= k < len(new) for k in moved)
    assert carried(links, "src", old, old) == links
    kept = [new[k] for k in moved]
    rest = iter(old)
    assert all(word in rest for word in kept)  # a subsequence of the old words


def test_only_links_between_different_words_go_together():
    one, two = ({"do": "link", "src": 0, "tgt": k, "to": "sure"} for k in (0, 1))
    assert together([one, two])
    assert not together([one, one])
    assert not together([one, {"do": "undo"}])
    assert not together([{"do": "mark", "to": "done"}, one])
