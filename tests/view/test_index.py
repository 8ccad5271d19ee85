from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.view.index import Index, places

PAIRS = [
    ("Der Hund schläft.", "The dog sleeps."),
    ("Die Straße, der Hund", "street dog"),
    ("你好世界", "hello world"),
    ("مرحبا بالعالم", "DOG, doggedly"),
    ("", ""),
    ('a "quoted" OR b* NEAR(c)', "<script>alert(1)</script>"),
    ("สวัสดีครับ", "हिन्दी में"),
]


@pytest.fixture
def index(tmp_path):
    src, tgt = zip(*PAIRS, strict=True)
    return Index.build(tmp_path / "i.sqlite", [(src[:3], tgt[:3]), (src[3:], tgt[3:])])


@pytest.mark.parametrize(
    ("phrase", "side", "rows"),
    [
        ("hund", "src", [0, 1]),
        ("der hund", None, [0, 1]),
        ("hund der", None, []),
        ("dog", "tgt", [0, 1, 3]),
        ("dog*", None, [0, 1, 3]),
        ("dogged*", None, [3]),
        ("dog", "src", []),
        ("strasse", None, [1]),
        ("世界", None, [2]),
        ("好世", None, [2]),
        ("界世", None, []),
        ("بالعالم", None, [3]),
        ("script", None, [5]),
        ('"quoted" or', None, [5]),
        ("near(c", None, [5]),
        ("", None, []),
        ("...", None, []),
        ("*", None, []),
        ("ครับ", None, [6]),
        ("हिन्दी", None, [6]),
        ("हिन", None, []),
    ],
)
def test_phrases_are_found_where_they_stand(index, phrase, side, rows):
    assert index.find(phrase, side=side) == (len(rows), rows)


def test_pages_of_what_is_found(index):
    assert index.find("dog", limit=1, offset=1) == (3, [1])


@given(
    st.lists(st.text(alphabet="abAB ,.ßé你好सिส\u0301", max_size=12), max_size=8),
    st.text(alphabet="abAß你สि *", min_size=1, max_size=4),
)
def test_it_finds_what_a_look_at_every_text_finds(tmp_path_factory, texts, phrase):
    index = Index.build(tmp_path_factory.mktemp("x") / "i", [(texts, [""] * len(texts))])
    assert index.find(phrase)[1] == [k for k, t in enumerate(texts) if places(t, phrase)]


def test_what_is_half_written_is_no_index(tmp_path):
    def pairs():
        yield ["a"], ["b"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Index.build(tmp_path / "i", pairs())
    assert list(tmp_path.iterdir()) == []
    assert not Index(tmp_path / "i").whole


def test_a_damaged_index_is_told_and_not_used(index, tmp_path):
    assert index.whole
    (tmp_path / "i.sqlite").write_bytes(b"nothing of the kind" * 100)
    assert not index.whole
    with pytest.raises(DataError, match="the index is damaged"):
        index.find("dog")


def test_an_index_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="the index cannot be written"):
        Index.build(tmp_path / "file" / "i", [(["a"], ["b"])])


def test_an_index_of_another_version_is_not_used(index):
    with sqlite3.connect(index.path) as base:
        base.execute("PRAGMA user_version = 0")
    assert not index.whole
