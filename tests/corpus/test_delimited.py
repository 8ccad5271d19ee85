"""TSV and CSV: which columns, which header, and lines that do not fit."""

from __future__ import annotations

import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.bitext.delimited import Csv, Tsv

PAIR = ("deu_Latn", "eng_Latn")


@pytest.fixture
def tsv(tmp_path):
    def write(text, **options):
        (tmp_path / "x.tsv").write_text(text, encoding="utf-8", newline="")
        return Tsv(str(tmp_path / "x.tsv"), **options).read(PAIR)

    return write


@pytest.mark.parametrize(
    "header", ["src\ttgt\n", "Source\tTarget\n", "de\ten\n", "DEU\teng_Latn\n", " src \ttgt\r\n", "\n\nsrc\ttgt\n"]
)
def test_usual_headings_are_known(tsv, header):
    assert tsv(header + "a\tb\n").src == ["a"]


def test_two_columns_need_no_header(tsv):
    bitext = tsv("a\tb\nc\td")
    assert (bitext.src, bitext.tgt, bitext.ids, bitext.langs) == (["a", "c"], ["b", "d"], ["0", "1"], PAIR)


def test_a_heading_taken_for_a_side_is_no_id(tsv, tmp_path):
    bitext = tsv("en\tid\nthe house\trumah\n", src="en", tgt="id")
    assert (bitext.tgt, bitext.ids) == (["rumah"], ["0"])
    assert Tsv(str(tmp_path / "x.tsv")).read(("eng_Latn", "ind_Latn")).tgt == ["rumah"]
    assert Tsv(str(tmp_path / "x.tsv")).inputs(PAIR) == [tmp_path / "x.tsv"]


def test_columns_by_number_and_by_name(tsv):
    text = "x\tja\tyes\t0-0\n"
    bitext = tsv(text, src="1", tgt="2", id="0", links_column="3")
    assert (bitext.src, bitext.tgt, bitext.ids, bitext.column("links")) == (["ja"], ["yes"], ["x"], ["0-0"])
    bitext = tsv("id\tDeutsch\tEnglisch\tgold\n" + text, src="deutsch", tgt="Englisch", links_column="gold")
    assert (bitext.src, bitext.tgt, bitext.ids, bitext.column("links")) == (["ja"], ["yes"], ["x"], ["0-0"])
    bitext = tsv("id\tDeutsch\tEnglisch\tgold\n" + text, src="1", tgt="2", header="yes")
    assert (bitext.src, bitext.column("gold")) == (["ja"], ["0-0"])


def test_a_column_named_for_the_language(tsv):
    assert tsv("text-de\ttext-en\tsrc\na\tb\tc\n", src="text-{src}", tgt="text-{tgt}").column("src#2") == ["c"]


def test_a_header_can_be_insisted_on_or_denied(tsv):
    assert tsv("src\ttgt\na\tb\n", header="no").src == ["src", "a"]
    assert tsv("links\trechts\na\tb\n", header="yes", src="0", tgt="1").src == ["a"]


def test_other_columns_are_kept(tsv):
    bitext = tsv("src\ttgt\tscore.x\turl\t\turl\na\tb\t0.5\tu\tv\tw\nc\td\t\t\t\t\n")
    assert bitext.column("score.x") == [0.5, None]
    assert (bitext.column("url"), bitext.column("4"), bitext.column("url#2")) == (["u", ""], ["v", ""], ["w", ""])
    assert tsv("a\tb\tc\n", src="0", tgt="1").column("2") == ["c"]


def test_ids_that_occur_again_are_renamed(tsv, notes):
    assert tsv("id\tsrc\ttgt\n7\ta\tb\n7\tc\td\n").ids == ["7", "7#2"]
    assert "1 ids occur again (7); renamed with #2" in notes()[0]


def test_empty_lines_are_counted(tsv, notes):
    assert tsv("a\tb\n\nc\td\n\n").src == ["a", "c"]
    assert "2 empty lines hold no pair and were left out" in notes()[0]


def test_odd_characters_shift_nothing(tsv):
    assert tsv('a\u2028b\t"\nc\rd\te\x85f\x0b\n').tgt == ['"', "e\x85f\x0b"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tb\nc\td\te\n", {}, r"line 2: found 3 columns, expected 2 as in line 1"),
        ("a\tb\n\nc\n", {}, r"line 3: found 1 columns, expected 2"),
        (
            "a\tb\tc\n",
            {},
            r"expected a column for src, found 3 columns whose first line is 0: 'a', 1: 'b', 2: 'c'; name it with src",
        ),
        ("a\n", {}, r"expected a column for src, found 1 columns"),
        ("a\tb\n", {"src": "de"}, r"expected a column 'de', found 2 columns"),
        ("src\ttgt\n", {"tgt": "9"}, r"expected a column '9'"),
        ("src\ttgt\n", {"id": "nr"}, r"expected a column 'nr'.*name it with id"),
        ("src\ttgt\n", {"links_column": "nr"}, r"expected a column 'nr'.*name it with links_column"),
        ("a\tb\n", {"src": "0", "tgt": "0"}, r"one column is asked for twice"),
        ("src\ttgt\tscore.x\na\tb\t1\nc\td\tgut\n", {}, r"row 2, column score.x: found 'gut', expected a number"),
        ("src\ttgt\tsrc_spans\na\tb\t0 x\n", {}, r"row 1, column src_spans: found '0 x', expected whole numbers"),
    ],
)
def test_what_does_not_fit_is_refused(tsv, text, options, message):
    with pytest.raises(DataError, match=message):
        tsv(text, **options)


def test_the_language_must_be_known_for_a_column_named_for_it(tmp_path):
    (tmp_path / "x").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"column '\{src\}': \{src\} stands for a language, but none was given"):
        Tsv(str(tmp_path / "x"), src="{src}").read()


def test_csv_cells_hold_anything(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('src;tgt\r\n"a;""b""\r\nc\rd\n";e\r\n\r\nf;g\r\n', encoding="utf-8", newline="")
    reader = Csv(str(path), delimiter=";")
    assert reader.inputs(PAIR) == [path]
    assert reader.read(PAIR).src == ['a;"b"\r\nc\rd\n', "f"]


def test_a_csv_cell_may_be_long(tmp_path):
    (tmp_path / "x.csv").write_text(f'a,"{"x" * 300_000}"\n')
    assert len(Csv(str(tmp_path / "x.csv")).read().tgt[0]) == 300_000


@pytest.mark.parametrize("text", ['a,"b\n', 'a,"b"c\n', "a,b\nc,d\re\n"])
def test_broken_csv_is_refused(tmp_path, text):
    (tmp_path / "x.csv").write_text(text, newline="")
    with pytest.raises(DataError, match=r"line \d: found broken CSV"):
        Csv(str(tmp_path / "x.csv")).read()


def test_csv_rows_of_another_length_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text('"a\nb",c\nd\n')
    with pytest.raises(DataError, match="line 3: found 1 columns, expected 2 as in line 2"):
        Csv(str(tmp_path / "x.csv")).read()
