"""JSON lines, of pairs and of documents."""

from __future__ import annotations

import json

import pytest

from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import ConfigError, DataError
from polyalign.corpus.bitext.jsonl import JsonLines
from polyalign.corpus.documents import jsonl as json_documents

PAIR = ("deu_Latn", "roh_Latn")
FIELDS = {"de": "de", "roh_Latn": "text.rm"}


@pytest.fixture
def lines(tmp_path):
    def write(*objects):
        path = tmp_path / "x.jsonl"
        path.write_text("".join(o if isinstance(o, str) else json.dumps(o) + "\n" for o in objects), encoding="utf-8")
        return path

    return write


def pairs(path, **options):
    return JsonLines(str(path), **options).read(PAIR)


def test_fields_by_dotted_path_and_language(lines):
    path = lines({"translation": {"de": "Haus", "rm": "chasa", "it": "casa"}, "n": 1})
    bitext = pairs(path, src="translation.{src}", tgt="translation.{tgt}")
    assert (bitext.src, bitext.tgt, bitext.ids, bitext.column("n")) == (["Haus"], ["chasa"], ["0"], ["1"])
    assert JsonLines(str(path)).inputs(PAIR) == [path]


def test_lists_of_words_keep_their_spans_and_links(lines):
    path = lines(
        {"s": ["New York", "ist", "da"], "t": ["x"], "alignment": [[0, 0], [2, 0]]},
        {"s": [], "t": ["y"], "alignment": []},
    )
    bitext = pairs(path, src="s", tgt="t", links_field="alignment")
    assert bitext.src == ["New York ist da", ""]
    assert bitext.tokens("src") == [["New York", "ist", "da"], []]
    assert bitext.column("links") == ["0-0 2-0", ""]


def test_fields_that_come_and_go_are_null_where_they_are_not(lines):
    path = lines(
        {"src": "a", "tgt": "b", "id": 7},
        {"src": "c", "tgt": "d", "doc": "x", "score.a": 1, "meta": [1, {"k": "ä"}]},
        "\n",
    )
    bitext = pairs(path)
    assert bitext.ids == ["7", "1"]
    assert (bitext.column("doc"), bitext.column("score.a"), bitext.column("meta")) == (
        [None, "x"],
        [None, 1.0],
        [None, '[1, {"k": "ä"}]'],
    )


def test_a_field_in_the_way_keeps_its_text(lines):
    bitext = pairs(lines({"a": "x", "b": "y", "src": "z", "id": "k"}), src="a", tgt="b", id="")
    assert (bitext.src, bitext.column("src#2"), bitext.column("id#2"), bitext.ids) == (["x"], ["z"], ["k"], ["0"])


def test_half_surrogate_pairs_become_replacement_characters(lines, notes):
    path = lines('{"src": "a\\ud83d", "tgt": "\\ud83d\\ude00", "k": ["\\uDE00", {"\\ud800": 1}]}\n')
    bitext = pairs(path)
    assert (bitext.src, bitext.tgt, bitext.column("k")) == (["a\ufffd"], ["😀"], ['["\ufffd", {"\ufffd": 1}]'])
    assert "3 halves of surrogate pairs" in notes()[0]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (
            ['{"src": "a", "tgt": "b"}\n', '{"src": '],
            r"line 2: found broken JSON \(.* at column \d+\), expected one object a line",
        ),
        (["[" * 100_000], "line 1: found broken JSON"),
        ([[1]], "line 1: found a list, expected an object"),
        ([{"src": "a", "x": {"y": "b"}}], "line 1: found the fields src, x.y, expected 'tgt'; name the fields"),
        (
            [{"src": "a", "tgt": "b"}, {"src": "a"}],
            "line 2: found nothing in field 'tgt', expected text or a list of words",
        ),
        ([{"src": 1, "tgt": "b"}], "line 1: found a number in field 'src'"),
        ([{"src": ["a", 1], "tgt": "b"}], "line 1: found a list in field 'src'"),
        ([{"src": "a", "tgt": "b", "links": [[0]]}], "found a list in field 'links', expected links such as"),
        ([{"src": "a", "tgt": "b", "score.x": "hoch"}], "found text in field 'score.x', expected a number"),
        (
            [{"src": "a", "tgt": "b", "src_spans": ["x"]}],
            "found a list in field 'src_spans', expected a list of whole numbers",
        ),
    ],
)
def test_pairs_that_do_not_fit_are_refused(lines, objects, message):
    with pytest.raises(DataError, match=message):
        pairs(lines(*objects))


def test_documents_one_field_a_language(lines, notes):
    path = lines(
        {"id": 1, "de": "Haus\u2028eins", "text": {"rm": "chasa"}},
        {"id": "1", "de": None, "text": {"rm": ""}},
        {"id": "x", "de": "nur"},
        {"id": "leer"},
    )
    table = json_documents.JsonLines(str(path), FIELDS).read(("roh_Latn", "deu_Latn"))
    assert table.schema == DOCUMENTS
    assert [tuple(r.values()) for r in table.to_pylist()] == [
        ("1", "roh_Latn", "chasa", "x.jsonl:1"),
        ("1", "deu_Latn", "Haus\u2028eins", "x.jsonl:1"),
        ("1#2", "roh_Latn", "", "x.jsonl:2"),
        ("x", "deu_Latn", "nur", "x.jsonl:3"),
    ]
    assert "renamed with #2" in notes()[0]


def test_documents_can_be_numbered(lines, notes):
    table = json_documents.JsonLines(str(lines({"de": "a"}, {"de": "b"})), FIELDS, id="").read(PAIR)
    assert table["doc"].to_pylist() == ["0", "1"]
    assert "so there is none in roh_Latn" in notes()[0]


def test_no_documents_is_an_empty_table(lines):
    reader = json_documents.JsonLines(str(lines()), FIELDS)
    assert reader.read(PAIR).num_rows == 0
    assert reader.read(PAIR).schema == DOCUMENTS


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"id": "a"}, "{"], "line 2: found broken JSON"),
        (
            [{"nr": 1, "de": "a"}],
            "line 1: found nothing in field 'id', expected the document's id; this line has nr, de",
        ),
        ([{"id": True}], "found true or false in field 'id'"),
        ([{"id": 1, "de": ["a"]}], "line 1: found a list in field 'de', expected the text in deu_Latn or null"),
    ],
)
def test_documents_that_do_not_fit_are_refused(lines, objects, message):
    with pytest.raises(DataError, match=message):
        json_documents.JsonLines(str(lines(*objects)), FIELDS).read(PAIR)


def test_fields_of_documents_are_checked(tmp_path):
    for asked in (json_documents.JsonLines.read, json_documents.JsonLines.inputs):
        with pytest.raises(ConfigError, match="no field is named for ita_Latn; fields has deu_Latn, roh_Latn"):
            asked(json_documents.JsonLines("x", FIELDS), (*PAIR, "ita_Latn"))
    with pytest.raises(DataError, match="no such file"):
        json_documents.JsonLines(str(tmp_path / "no"), FIELDS).inputs(PAIR)
    for fields, message in (
        ({}, "must name the field"),
        ({"qqqq": "x"}, "not a language tag"),
        ({"de": "a", "deu": "b"}, "each language once"),
    ):
        with pytest.raises(ValueError, match=message):
            json_documents.JsonLines("x", fields)
