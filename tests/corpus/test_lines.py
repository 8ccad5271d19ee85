"""Moses and fast_align: line-oriented formats; and what stands for a language in a path."""

from __future__ import annotations

import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.bitext.fast_align import FastAlign
from polyalign.corpus.bitext.moses import Moses
from polyalign.corpus.paths import expand, locate, spellings

PAIR = ("deu_Latn", "eng_Latn")


@pytest.fixture
def write(tmp_path):
    def put(**texts):
        for name, text in texts.items():
            (tmp_path / f"x.{name}").write_text(text, encoding="utf-8", newline="")
        return f"{tmp_path}/x."

    return put


def test_lines_correspond(write, tmp_path):
    at = write(de="a\u2028b\r\nc\rd\n\nlast", eng_Latn="1\n2\n3\n4", gold="0-0\n\n\n1p1\n")
    reader = Moses(at + "{src}", at + "{tgt}", links=at + "gold", prefix="p/")
    assert reader.inputs(PAIR) == [tmp_path / "x.de", tmp_path / "x.eng_Latn", tmp_path / "x.gold"]
    bitext = reader.read(PAIR)
    assert (bitext.src, bitext.tgt) == (["a\u2028b", "c\rd", "", "last"], ["1", "2", "3", "4"])
    assert bitext.column("links") == ["0-0", "", "", "1p1"]
    assert bitext.ids == ["p/0", "p/1", "p/2", "p/3"]


def test_numbered_lines(write):
    at = write(s="7\ta b\n9\t\n", t="7\tc\td\n9\te\n", links="7\t0-0\n9\t\n", doc="x\ny\n")
    bitext = Moses(at + "s", at + "t", links=at + "links", docs_path=at + "doc", numbered=True, prefix="g").read(PAIR)
    assert (bitext.src, bitext.tgt, bitext.ids) == (["a b", ""], ["c\td", "e"], ["g7", "g9"])
    assert (bitext.column("links"), bitext.column("doc")) == (["0-0", ""], ["x", "y"])


def test_ids_from_a_file(write):
    at = write(s="a\nb\n", t="c\nd\n", ids="MAT 1:1\nMAT 1:2\n")
    assert Moses(at + "s", at + "t", ids_path=at + "ids").read(PAIR).ids == ["MAT 1:1", "MAT 1:2"]
    with pytest.raises(ValueError, match="give ids_path or numbered, not both"):
        Moses("s", "t", ids_path="i", numbered=True)


def test_words_between_spaces_or_white_space(write):
    at = write(s="a\u00a0b  c\n", t="x\ty\n")
    assert Moses(at + "s", at + "t", tokens="spaces").read(PAIR).tokens("src") == [["a\u00a0b", "c"]]
    assert Moses(at + "s", at + "t", tokens="spaces").read(PAIR).tokens("tgt") == [["x\ty"]]
    assert Moses(at + "s", at + "t", tokens="whitespace").read(PAIR).tokens("src") == [["a", "b", "c"]]
    assert "src_spans" not in Moses(at + "s", at + "t").read(PAIR).table.column_names


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ({"s": "a\nb\nc\n", "t": "1\n"}, {}, r"found 3 lines in .*x\.s, 1 lines in .*x\.t, expected equal numbers"),
        ({"s": "a\n", "t": "1\n2\n3"}, {}, r"found 1 lines in .*x\.s, 3 lines in .*x\.t"),
        ({"s": "", "t": "1\n"}, {}, r"found 0 lines in .*, 1 lines in"),
        ({"s": "1\ta\n", "t": "2\tb\n"}, {"numbered": True}, r"line 1: found the ids 1, 2 side by side"),
        ({"s": "1\ta\n1\tb\n", "t": "1\ta\nb\n"}, {"numbered": True}, r"x\.t line 2: found 'b', expected an id, a TAB"),
    ],
)
def test_lines_that_do_not_correspond_are_refused(write, texts, options, message):
    at = write(**texts)
    with pytest.raises(DataError, match=message):
        Moses(at + "s", at + "t", **options).read(PAIR)


def test_fast_align(write, tmp_path):
    at = write(fa="a b |||  c\t\r\n ||| x\n| a ||| b |\n", gold="a ||| b ||| 0-0\nc ||| d |||\n")
    bitext = FastAlign(at + "fa").read(PAIR)
    assert (bitext.src, bitext.tgt) == (["a b", "", "| a"], ["c", "x", "b |"])
    assert FastAlign(at + "gold").read(PAIR).column("links") == ["0-0", ""]
    assert FastAlign(at + "fa").inputs(PAIR) == [tmp_path / "x.fa"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b\n", r"line 1: found 1 fields between '\|\|\|', expected src \|\|\| tgt"),
        ("a ||| b\nc\n", r"line 2: found 1 fields between '\|\|\|', expected 2 as in line 1"),
        ("a ||| b\nc ||| d ||| 0-0\n", "line 2: found 3 fields"),
        ("a ||| b\nc\n", "line 2: found 1 fields"),
        ("a ||| b ||| c ||| d\n", "line 1: found 4 fields"),
    ],
)
def test_fast_align_lines_that_do_not_fit_are_refused(write, text, message):
    with pytest.raises(DataError, match=message):
        FastAlign(write(fa=text) + "fa").read(PAIR)


def test_the_first_spelling_that_exists_is_taken(tmp_path, monkeypatch):
    for name in ("x.de-en", "x.deu-en", "y.zh"):
        (tmp_path / name).write_text("")
    assert locate(f"{tmp_path}/x.{{src}}-{{tgt}}", PAIR).name == "x.deu-en"
    assert locate(f"{tmp_path}/y.{{tgt}}", ("und", "cmn_Hans")).name == "y.zh"
    assert spellings("cmn_Hans") == ["cmn_Hans", "cmn", "zho", "zh"]
    with pytest.raises(DataError, match=r"none of .*z.deu_Latn, .*z.deu, .*z.de exists; check the path$"):
        locate(f"{tmp_path}/z.{{src}}", PAIR)
    with pytest.raises(DataError, match=r"path '.*\{src\}': \{src\} stands for a language, but none was given"):
        locate(f"{tmp_path}/x.{{src}}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"nix: no such file or folder; .*folder you are in: {tmp_path.name}/"):
        locate("nix")
    assert locate("-").name == "-"
    assert expand("plain", ("und", "und")) == ["plain"]


def test_an_empty_line_of_fast_aligns_format_is_an_empty_pair(tmp_path):
    path = tmp_path / "x.fa"
    for text, src in [("\na ||| b\n\n ||| \nc ||| d\n", ["", "a", "", "", "c"]), ("\n \n", ["", ""]), ("", [])]:
        path.write_text(text, encoding="utf-8")
        bitext = FastAlign(str(path)).read()
        assert bitext.src == src
        assert len(bitext.tgt) == len(src)
