from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.view.index import _PLAIN, _TOKENIZE, _WORD, Index, _spaced, places, words_of

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


PLAIN = [(0x01, 0x2AF), (0x400, 0x481), (0x48A, 0x523), (0x2010, 0x2060), (0x20AC, 0x20AC)]


@given(st.lists(st.text(st.one_of(*(st.characters(min_codepoint=a, max_codepoint=b) for a, b in PLAIN)))))
def test_in_plain_texts_sqlite_finds_our_words(texts):
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f'CREATE VIRTUAL TABLE pairs USING fts5(src, content="", tokenize="{_TOKENIZE}")')
        base.execute("CREATE VIRTUAL TABLE found USING fts5vocab(pairs, instance)")
        base.executemany("INSERT INTO pairs (rowid, src) VALUES (?, ?)", enumerate(map(_spaced, texts)))
        for row, text in enumerate(texts):
            assert _PLAIN.fullmatch(text)
            found = base.execute("SELECT term FROM found WHERE doc = ? ORDER BY offset", (row,)).fetchall()
            assert [term for (term,) in found] == [text[a:b].casefold() for a, b in words_of(text)]


def test_every_plain_character_is_to_sqlite_what_it_is_to_us():
    texts = [f"a{chr(k)}b" for a, b in PLAIN for k in range(a, b + 1)]
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f'CREATE VIRTUAL TABLE pairs USING fts5(src, content="", tokenize="{_TOKENIZE}")')
        base.execute("CREATE VIRTUAL TABLE found USING fts5vocab(pairs, instance)")
        base.executemany("INSERT INTO pairs (rowid, src) VALUES (?, ?)", enumerate(map(_spaced, texts)))
        for row, text in enumerate(texts):
            found = base.execute("SELECT term FROM found WHERE doc = ? ORDER BY offset", (row,)).fetchall()
            ours = [m[0].casefold() for m in _WORD.finditer(text)]
            assert [term for (term,) in found] == ours, hex(ord(text[1]))
            assert [text[a:b].casefold() for a, b in words_of(text)] == ours, hex(ord(text[1]))


def test_more_than_are_counted_are_one_more(tmp_path, monkeypatch):
    monkeypatch.setattr("polyalign.view.index.MOST", 3)
    index = Index.build(tmp_path / "i.sqlite", [(["a"] * 5 + ["b"], ["x"] * 6)])
    assert index.find("a") == (4, [0, 1, 2])
    assert index.find("a", limit=2, offset=2) == (4, [2])
    assert index.find("b") == (1, [5])
