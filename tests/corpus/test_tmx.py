"""TMX of every version: languages, inline codes, and what must be refused."""

from __future__ import annotations

import io
import sys

import pytest
from lxml import etree

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.bitext.tmx import Tmx
from polyalign.corpus.formats import read_bitext, write_bitext
from polyalign.corpus.write.tmx import bcp47

PAIR = ("deu_Latn", "eng_Latn")


def unit(*variants, props="", tuid="", attribute="xml:lang"):
    tuvs = "".join(f'<tuv {attribute}="{lang}"><seg>{text}</seg></tuv>' for lang, text in variants)
    return f"<tu{f' tuid={tuid!r}' if tuid else ''}>{props}{tuvs}</tu>"


@pytest.fixture
def tmx(tmp_path):
    def read(*units, pair=PAIR, head="", encoding="utf-8", srclang="en"):
        body = f'<tmx version="1.4"><header srclang="{srclang}"/><body>{"".join(units)}</body></tmx>'
        text = f'<?xml version="1.0" encoding="{encoding}"?>\n{head}{body}'
        (tmp_path / "x.tmx").write_bytes(text.encode(encoding))
        return Tmx(str(tmp_path / "x.tmx")).read(pair)

    return read


@pytest.mark.parametrize("attribute", ["xml:lang", "lang"])
@pytest.mark.parametrize("tags", [("de", "en"), ("DE-CH", "EN_us"), ("deu", "eng-Latn"), ("de_DE", "en-GB")])
def test_languages_match_whatever_their_region(tmx, attribute, tags):
    bitext = tmx(unit((tags[0], "ja"), (tags[1], "yes"), attribute=attribute))
    assert (bitext.src, bitext.tgt, bitext.langs) == (["ja"], ["yes"], PAIR)


def test_its_input_is_the_file(tmp_path):
    (tmp_path / "x.de-en.tmx").write_text("")
    assert Tmx(f"{tmp_path}/x.{{src}}-{{tgt}}.tmx").inputs(PAIR) == [tmp_path / "x.de-en.tmx"]


def test_order_in_the_file_does_not_matter(tmx):
    assert tmx(unit(("en", "yes"), ("fr", "oui"), ("de", "ja"))).src == ["ja"]


def test_scripts_are_told_apart_but_a_bare_code_is_any(tmx):
    chinese = unit(("en", "x"), ("zh-TW", "hant"), ("zh-CN", "hans"))
    assert tmx(chinese, pair=("eng_Latn", "cmn_Hans")).tgt == ["hans"]
    assert tmx(chinese, pair=("eng_Latn", "cmn_Hant")).tgt == ["hant"]
    serbian = unit(("en", "x"), ("sr", "bare"))
    assert tmx(serbian, pair=("eng_Latn", "srp_Latn")).tgt == ["bare"]
    assert len(tmx(unit(("en", "x"), ("sr-Cyrl", "c")), pair=("eng_Latn", "srp_Latn"))) == 0


def test_units_without_both_are_counted(tmx, notes):
    bitext = tmx(
        unit(("de", "a"), ("en", "b")),
        unit(("de", "c")),
        unit(("de", "d"), ("q!", "e")),
        "<tu/>",
        "<tu><tuv xml:lang='de'/></tu>",
    )
    assert bitext.src == ["a"]
    assert "4 units without both deu_Latn and eng_Latn were left out (they have: 'de', 'q!')" in notes()[0]


def test_several_variants_are_counted(tmx, notes):
    assert tmx(unit(("de", "a"), ("de", "b"), ("en", "c"))).src == ["a"]
    assert "1 units hold several variants" in notes()[0]


def test_two_variants_of_one_language_can_be_the_pair(tmx, notes):
    bitext = tmx(unit(("de-DE", "groß"), ("de-CH", "gross")), pair=("deu_Latn", "deu_Latn"))
    assert (bitext.src, bitext.tgt, notes()) == (["groß"], ["gross"], [])


def test_an_unknown_pair_is_found_in_the_file(tmx, notes):
    bitext = tmx(unit(("xx", "?")), unit(("de", "a"), ("en", "b"), ("fr", "c")), pair=("und", "und"))
    assert bitext.langs == ("eng_Latn", "deu_Latn")
    assert "taking eng_Latn and deu_Latn" in notes()[0]
    assert tmx(unit(("de", "a"), ("en", "b"), ("fr", "c")), pair=("fra_Latn", "und")).langs == ("fra_Latn", "eng_Latn")
    assert tmx(pair=("und", "und")).langs == ("und", "und")
    with pytest.raises(
        DataError, match=r"found no two languages \(deu_Latn\), expected a pair; name the language pair"
    ):
        tmx(unit(("de", "a"), ("de", "b")), pair=("und", "und"))


def test_a_pipe_needs_the_pair(monkeypatch):
    with pytest.raises(DataError, match="may hold many languages; name the language pair"):
        Tmx("-").read()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"<tmx><body/></tmx>")))
    assert len(Tmx("-").read(PAIR)) == 0


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ("", ""),
        ("Erste Zeile.\n Zweite. ", "Erste Zeile.\n Zweite. "),
        ("Das <bpt i='1'>&lt;b&gt;</bpt>Haus<ept i='1'>&lt;/b&gt;</ept> steht.", "Das Haus steht."),
        ("a<ph>&lt;br/&gt;</ph>b<it pos='begin'>{</it>c<ut>x</ut>", "abc"),
        ("ein <hi type='x'>sehr <hi>gro</hi>ßes</hi> Haus", "ein sehr großes Haus"),
        ("Bild <ph>&lt;img alt='<sub>ein Hund</sub>'/&gt;</ph> hier", "Bild ein Hund hier"),
        ("a<sub>Fußnote<ph>x<sub>innen</sub></ph></sub>b", "a Fußnote innen b"),
        ("a<!-- Bemerkung -->b<?pi x?>c<![CDATA[<d>&]]>", "abc<d>&"),
        ("&#228;&amp;&lt;&#x1F600;", "ä&<😀"),
        ("<fremd>Text</fremd>", "Text"),
    ],
)
def test_text_is_kept_and_codes_are_dropped(tmx, segment, text):
    assert tmx(unit(("de", segment), ("en", "x"))).src == [text]


def test_ids_and_properties(tmx, notes):
    props = '<prop type="score.x">0.5</prop><prop type="x-vendor">y</prop><prop type="doc">d</prop>'
    bitext = tmx(
        unit(("de", "a"), ("en", "b"), tuid="7", props=props),
        unit(("de", "c"), ("en", "d")),
        unit(("de", "e"), ("en", "f"), tuid="7"),
    )
    assert bitext.ids == ["7", "1", "7#2"]
    assert (bitext.column("score.x"), bitext.column("doc")) == ([0.5, None, None], ["d", None, None])
    assert "x-vendor" not in bitext.table.column_names
    with pytest.raises(DataError, match=r"row 1, column score.x: found 'hoch', expected a number"):
        tmx(unit(("de", "a"), ("en", "b"), props='<prop type="score.x">hoch</prop>'))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "iso-8859-1", "utf-16-le"])
def test_the_encoding_is_the_one_the_file_says(tmx, encoding):
    assert tmx(unit(("de", "Tür"), ("en", "door")), encoding=encoding).src == ["Tür"]


def test_a_namespace_and_a_document_type_do_no_harm(tmp_path, tmx):
    text = f'<tmx xmlns="http://www.lisa.org/tmx14" version="1.4"><body>{unit(("de", "a"), ("en", "b"))}</body></tmx>'
    (tmp_path / "x.tmx").write_text(text)
    assert Tmx(str(tmp_path / "x.tmx")).read(PAIR).src == ["a"]
    assert tmx(unit(("de", "a"), ("en", "b")), head='<!DOCTYPE tmx SYSTEM "tmx14.dtd">').src == ["a"]


def bomb():
    return "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "boom"}">' for i in range(12))


@pytest.mark.parametrize(
    "head",
    [
        f"<!DOCTYPE tmx [{bomb()}]>",
        '<!DOCTYPE tmx [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE tmx [<!ENTITY a11 "harmless">]>',
        '<!DOCTYPE tmx SYSTEM "http://127.0.0.1:9/x.dtd" [<!ENTITY % p SYSTEM "http://127.0.0.1:9/y.dtd"> %p;]>',
    ],
)
def test_entities_are_refused(tmx, head):
    with pytest.raises(DataError, match="found XML entities declared in the file, expected none"):
        tmx(unit(("de", "&a11;"), ("en", "b")), head=head)


def test_an_entity_bomb_in_an_attribute_is_refused(tmp_path):
    (tmp_path / "x.tmx").write_text(f'<!DOCTYPE tmx [{bomb()}]><tmx version="&a11;"><body/></tmx>')
    with pytest.raises(DataError, match=r"x\.tmx"):
        Tmx(str(tmp_path / "x.tmx")).read(PAIR)


def test_an_entity_that_nobody_declares_is_refused(tmx):
    with pytest.raises(DataError, match=r"broken XML .*nbsp"):
        tmx(unit(("de", "a&nbsp;b"), ("en", "b")))
    with pytest.raises(DataError, match="found '&nbsp;', an entity that the file does not declare"):
        tmx(unit(("de", "a&nbsp;b"), ("en", "b")), head='<!DOCTYPE tmx SYSTEM "tmx14.dtd">')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<tmx><body><tu>", r"line 1: found broken XML"),
        ("<tmx><body></tmx>", "found broken XML"),
        ("<tmx><body>\n<tu><tuv xml:lang='de'><seg>a\x01</seg></tuv></tu></body></tmx>", "line 2: found broken XML"),
        ("Nur Text.", "found broken XML"),
        ("<html><body/></html>", "found XML whose root is not <tmx>"),
        ("<xliff><tu/></xliff>", "found XML whose root is <xliff>, expected <tmx>"),
    ],
)
def test_what_is_no_tmx_is_refused(tmp_path, text, message):
    (tmp_path / "x.tmx").write_text(text)
    with pytest.raises(DataError, match=message):
        Tmx(str(tmp_path / "x.tmx")).read(PAIR)


def test_what_is_written_is_tmx_14(tmp_path):
    bitext = Bitext.build(["a\r\nb"], ["漢"], langs=("deu_Latn", "cmn_Hant"), ids=["7"])
    write_bitext(bitext, tmp_path / "x.tmx")
    root = etree.parse(str(tmp_path / "x.tmx")).getroot()
    assert (root.tag, root.get("version")) == ("tmx", "1.4")
    header = root.find("header")
    assert header is not None
    assert {"creationtool", "creationtoolversion", "segtype", "o-tmf", "adminlang", "srclang", "datatype"} <= set(
        header.attrib
    )
    assert header.get("srclang") == "de"
    tags = [v.get("{http://www.w3.org/XML/1998/namespace}lang") for v in root.iter("tuv")]
    assert tags == ["de", "zh-Hant"]
    assert read_bitext(tmp_path / "x.tmx", pair=bitext.langs).src == ["a\r\nb"]


@pytest.mark.parametrize(
    "tag", ["deu_Latn", "cmn_Hans", "cmn_Hant", "srp_Latn", "arb_Arab", "roh_Latn", "swh_Latn", "und"]
)
def test_tags_for_tmx_mean_the_same(tag):
    from polyalign.core.langs import normalise

    assert normalise(bcp47(tag)) == tag


def test_maligna_sample(data):
    bitext = Tmx(str(next((data / "fmt-maligna").glob("*.tmx")))).read(("pol_Latn", "eng_Latn"))
    assert (bitext.src, bitext.tgt) == (["Pierwsze zdanie."], ["First sentence. "])
