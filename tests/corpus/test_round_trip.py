"""What is written in any format is read again, whatever the texts hold."""

from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.corpus.formats import FORMATS, READ_ONLY, SUFFIXES, format_of, read_bitext, write_bitext

PAIR = ("deu_Latn", "arb_Arab")
NASTY = [
    "",
    " ",
    '"',
    "Er sagte: \"ja, ja\"; 'nein'",
    "]]> & < > &amp; <seg>",
    "\ufeffBOM",
    "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
    "👩‍👩‍👧 e\u0301 \U0010ffff",
    "مرحبا بالعالم\u200f!",
    "\\n \\t \\u0041 {src}",
    "a,b;c",
    "=1+1",
    "word " * 5000,
]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(NASTY)
texts = st.lists(st.tuples(any_text, any_text), max_size=8)
XML_INVALID = [c for c in map(chr, range(32)) if c not in "\t\n\r"] + ["\ufffe", "\uffff"]


def survives(format, text):
    """What a format makes of a text."""
    if format == "csv":
        return text.replace("\x00", "\ufffd")
    if format in ("tmx", "xliff"):
        return "".join("\ufffd" if c in XML_INVALID else c for c in text)
    if format in ("tsv", "moses", "fast-align"):
        text = text.replace("\r", " ").replace("\n", " ").replace("\x00", "\ufffd")
    if format == "tsv":
        text = text.replace("\t", " ")
    return text.strip(" \t") if format == "fast-align" else text


@pytest.mark.parametrize("format", FORMATS)
@given(texts)
def test_texts_come_back(tmp_path_factory, format, rows):
    path = tmp_path_factory.mktemp("round") / "x"
    bitext = Bitext.build([a for a, _ in rows], [b for _, b in rows], langs=PAIR)
    write_bitext(bitext, path, format=format)
    back = read_bitext(path, format=format, pair=PAIR)
    if format == "fast-align":
        rows = [
            (a.replace("|||", "|| |").replace("|||", "|| |"), b.replace("|||", "|| |").replace("|||", "|| |"))
            for a, b in rows
        ]
    assert list(zip(back.src, back.tgt, strict=True)) == [(survives(format, a), survives(format, b)) for a, b in rows]
    assert back.langs == PAIR
    assert back.ids == bitext.ids


def full():
    bitext = Bitext.build(["Das Haus.", "ja", ""], ["the house .", "", "no"], langs=PAIR, ids=["a", "b", "c"])
    bitext = bitext.with_column("doc", pa.array(["d1", "d1", "d2"]))
    bitext = bitext.with_column("score.align", pa.array([0.1, None, -2.5e-7], pa.float32()))
    bitext = bitext.with_column("links", pa.array(["0-0 1p1", "", "0-0"]))
    return bitext.with_spans("src", [[0, 3, 4, 8, 8, 9], [0, 2], []]).with_spans(
        "tgt", [[0, 3, 4, 9, 10, 11], [], [0, 2]]
    )


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parquet", "arrow"])
def test_every_column_comes_back_with_its_type(tmp_path, format):
    bitext, path = full(), tmp_path / "x"
    write_bitext(bitext, path, format=format)
    back = read_bitext(path, format=format, pair=PAIR)
    assert sorted(back.table.column_names) == sorted(bitext.table.column_names)
    for name in bitext.table.column_names:
        assert back.table[name].to_pylist() == bitext.table[name].to_pylist(), name
        assert back.table[name].type == bitext.table[name].type, name


def test_tmx_keeps_scores_documents_and_links_and_tells_the_rest(tmp_path, notes):
    bitext, path = full(), tmp_path / "x.tmx"
    write_bitext(bitext, path)
    back = read_bitext(path, pair=PAIR)
    assert back.table["score.align"].to_pylist() == bitext.table["score.align"].to_pylist()
    assert back.column("doc") == ["d1", "d1", "d2"]
    assert back.column("links") == ["0-0 1p1", None, "0-0"]
    assert back.ids == ["a", "b", "c"]
    assert any("no place for src_spans, tgt_spans; left out" in n for n in notes())


@pytest.mark.parametrize("format", ["moses", "fast-align"])
def test_words_and_links_for_aligners(tmp_path, format, notes):
    path = tmp_path / "x"
    write_bitext(full(), path, format=format, options={"tokens": True})
    back = read_bitext(
        path, format=format, pair=PAIR, options={"links": str(path) + ".links"} if format == "moses" else {}
    )
    assert back.src == ["Das Haus .", "ja", ""]
    assert back.tgt == ["the house .", "", "no"]
    assert back.column("links") == ["0-0 1p1", "", "0-0"]
    assert any("no place for id, doc, score.align; left out" in n for n in notes())
    write_bitext(full(), path, format=format, options={"tokens": False})
    assert read_bitext(path, format=format, pair=PAIR).src == ["Das Haus.", "ja", ""]


@pytest.mark.parametrize("format", ["moses", "fast-align"])
def test_a_word_with_a_space_is_refused_where_spaces_divide(tmp_path, format):
    bitext = Bitext.build(["New York"], ["x"]).with_spans("src", [[0, 8]])
    with pytest.raises(DataError, match="row 0: found the src word 'New York', expected words without spaces"):
        write_bitext(bitext, tmp_path / "x", format=format, options={"tokens": True})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("format", "text", "count"),
    [
        ("tsv", "a\tb\nc\rd\x00", 4),
        ("csv", "a\x00\x00", 2),
        ("moses", "a\nb", 1),
        ("fast-align", "a|||b", 1),
        ("tmx", "a\x01\ufffe", 2),
    ],
)
def test_what_a_format_cannot_hold_is_counted(tmp_path, notes, format, text, count):
    write_bitext(Bitext.build([text], ["x"]), tmp_path / "x", format=format)
    assert [n for n in notes() if f"{count} characters that the format cannot hold" in n]


@pytest.mark.parametrize("format", [f for f in FORMATS if f not in ("tmx", "xliff")])
def test_no_note_without_a_reason(tmp_path, notes, format):
    write_bitext(Bitext.build(["a"], ["b"]), tmp_path / "x", format=format)
    read_bitext(tmp_path / "x", format=format)
    assert notes() == []


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_bitext_comes_back(tmp_path, format):
    write_bitext(Bitext.build([], [], langs=PAIR), tmp_path / "x", format=format)
    back = read_bitext(tmp_path / "x", format=format, pair=PAIR)
    assert (len(back), back.langs, back.src) == (0, PAIR, [])
    assert back.table.schema.field("src").type == pa.large_string()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("packed", ["", ".gz", ".xz", ".zst", ".bz2"])
def test_every_format_in_every_packing(tmp_path, format, packed):
    bitext = Bitext.build(["Tür", "b"], ["door", "c"], langs=PAIR)
    suffix = next((s for s, f in SUFFIXES.items() if f == format), ".x")
    path = tmp_path / f"x{suffix}{packed}"
    write_bitext(bitext, path, format=format)
    assert read_bitext(path, format=format, pair=PAIR).table.equals(bitext.table.select(["id", "src", "tgt"]))


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "moses"])
def test_standard_input_and_output(monkeypatch, format):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    write_bitext(Bitext.build(["Tür"], ["door"], langs=PAIR), "-", format=format)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(out.getvalue())))
    assert read_bitext("-", format=format, pair=PAIR).src == ["Tür"]


def test_the_same_bitext_gives_the_same_bytes(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for format in FORMATS:
            write_bitext(full(), tmp_path / name / f"x-{format}", format=format)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in "ab")
    assert one == two


def test_many_rows_cross_the_chunks(tmp_path):
    n = 70_000
    bitext = Bitext.build([f"s{i}" for i in range(n)], [f"t{i}" for i in range(n)], langs=PAIR)
    bitext = bitext.with_column("score.x", pa.array(np.arange(n, dtype=np.float32)))
    for format in FORMATS:
        write_bitext(bitext, tmp_path / "x", format=format)
        back = read_bitext(tmp_path / "x", format=format, pair=PAIR)
        assert back.table["src"].equals(bitext.table["src"]), format
        assert back.table["tgt"].equals(bitext.table["tgt"]), format
        assert back.ids == bitext.ids


def test_formats_are_known_by_suffix():
    assert format_of("A.TSV.GZ") == "tsv"
    assert {format_of(f"x{suffix}") for suffix in SUFFIXES} | {"moses"} == {*FORMATS, *READ_ONLY}
    with pytest.raises(ConfigError, match=r"found the suffix '.docx', expected one of .tsv, .csv"):
        format_of("x.docx")
    with pytest.raises(ConfigError, match="name the format: tsv, csv"):
        format_of("-")
    with pytest.raises(ConfigError, match="unknown format 'tmxx'; did you mean 'tmx'"):
        format_of("x", "tmxx")


def test_moses_does_not_go_through_a_pipe():
    with pytest.raises(DataError, match="moses is two files"):
        read_bitext("-", format="moses")
    with pytest.raises(DataError, match="moses writes two files"):
        write_bitext(Bitext.build([], []), "-", format="moses")


def test_options_reach_the_reader_and_the_writer(tmp_path):
    path = tmp_path / "x.csv.gz"
    write_bitext(Bitext.build(["a;b"], ["c"]), path, options={"delimiter": ";", "header": False})
    assert gzip.decompress(path.read_bytes()) == b'0;"a;b";c\r\n'
    back = read_bitext(path, options={"delimiter": ";", "src": "1", "tgt": "2", "id": "0"})
    assert (back.src, back.tgt, back.ids) == (["a;b"], ["c"], ["0"])
    with pytest.raises(ConfigError, match="takes no parameter 'delimitr'; did you mean 'delimiter'"):
        read_bitext(path, options={"delimitr": ";"})
    for bad in ("", ";;", '"'):
        with pytest.raises(ConfigError, match="delimiter must be one character"):
            read_bitext(path, options={"delimiter": bad})
        with pytest.raises(ConfigError, match="delimiter must be one character"):
            write_bitext(Bitext.build([], []), path, options={"delimiter": bad})


def test_other_columns_reach_text_formats(tmp_path):
    bitext = Bitext.build(["a"], ["b"]).with_column("meta", pa.array([{"k": 1}])).with_column("n", pa.array([7]))
    write_bitext(bitext, tmp_path / "x.tsv")
    back = read_bitext(tmp_path / "x.tsv")
    assert (back.column("meta"), back.column("n")) == (['{"k": 1}'], ["7"])
    write_bitext(bitext.with_column("score.x", pa.array([float("nan")], pa.float32())), tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_text() == '{"id": "0", "src": "a", "tgt": "b", "meta": {"k": 1}, "n": 7}\n'
