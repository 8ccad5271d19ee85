"""XLIFF of both versions: languages, inline codes, segments, and what must be refused."""

from __future__ import annotations

import pyarrow as pa
import pytest
from lxml import etree

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.bitext.xliff import Xliff
from polyalign.corpus.rejects import Rejects
from polyalign.corpus.write.xliff import Xliff as Write

PAIR = ("eng_Latn", "deu_Latn")


@pytest.fixture
def old(tmp_path):
    def read(body, pair=PAIR, about='source-language="en" target-language="de"', rejects=None, head=""):
        text = f'{head}<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file original="a.md" {about} datatype="x"><body>{body}</body></file></xliff>'
        (tmp_path / "x.xlf").write_text(text, encoding="utf-8")
        return Xliff(str(tmp_path / "x.xlf")).read(pair, Rejects(rejects))

    return read


@pytest.fixture
def new(tmp_path):
    def read(body, pair=PAIR, about='srcLang="en" trgLang="de-CH"', rejects=None):
        text = f'<xliff version="2.0" {about} xmlns="urn:oasis:names:tc:xliff:document:2.0"><file id="f">{body}</file></xliff>'
        (tmp_path / "x.xlf").write_text(text, encoding="utf-8")
        return Xliff(str(tmp_path / "x.xlf")).read(pair, Rejects(rejects))

    return read


def unit(source, target, id="1", rest="", about=""):
    return f'<trans-unit id="{id}"><source>{source}</source><target{about}>{target}</target>{rest}</trans-unit>'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a <g id='1'>b <g id='2'>c</g></g> d", "a b c d"),
        ("a<x id='1'/>b<bx id='2'/>c<ex id='2'/>", "abc"),
        ("a <bpt id='1'>&lt;b&gt;</bpt>b<ept id='1'>&lt;/b&gt;</ept>", "a b"),
        ("a <ph id='1'>&lt;img alt='<sub>dog</sub>'&gt;</ph> b", "a dog b"),
        ("a <it id='1' pos='open'>{</it>b", "a b"),
        ("<mrk mtype='term'>a</mrk> b", "a b"),
        (" a\n b ", " a\n b "),
        ("a<!-- no -->b<?pi x?>c", "abc"),
        ("", ""),
    ],
)
def test_codes_are_dropped_and_text_is_kept_in_version_1(old, content, text):
    assert old(unit(content, "x")).src == [text]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a <pc id='1'>b</pc> c", "a b c"),
        ("a<ph id='1'/>b<sc id='2'/>c<ec startRef='2'/>", "abc"),
        ("<mrk id='m' type='term'>a</mrk> b<sm id='n'/>c<em startRef='n'/>", "a bc"),
        ("a<cp hex='001A'/>b<cp hex='D800'/>c<cp hex='x'/><cp hex='110000'/>", "a\x1ab\ufffdc\ufffd\ufffd"),
    ],
)
def test_codes_are_dropped_and_text_is_kept_in_version_2(new, content, text):
    assert new(f"<unit id='1'><segment><source>{content}</source><target>x</target></segment></unit>").src == [text]


def test_what_is_said_about_a_unit(old, new):
    body = unit("a", "b", id="7", rest="<note>one</note><note>two</note>", about=' state="translated"')
    assert old(body.replace('id="7"', 'id="7" approved="yes"')).table.to_pylist() == [
        {"id": "7", "doc": "a.md", "src": "a", "tgt": "b", "note": "one\ntwo", "approved": "yes", "state": "translated"}
    ]
    body = "<unit id='u'><notes><note>n</note></notes><segment id='s' state='final'><source>a</source><target>b</target></segment></unit>"
    assert new(body).table.to_pylist() == [{"id": "u", "src": "a", "tgt": "b", "note": "n", "state": "final"}]


def test_segments(old, new):
    marked = '<trans-unit id="1"><source>A. B.</source><seg-source><mrk mtype="seg" mid="0">A.</mrk> <g id="1"><mrk mtype="seg" mid="1">B.</mrk></g></seg-source><target>{}</target></trans-unit>'
    both = '<mrk mtype="seg" mid="1">Y.</mrk> <mrk mtype="seg" mid="0">X.</mrk>'
    one = '<mrk mtype="seg" mid="0">X.</mrk> Y.'
    assert old(marked.format(one)).tgt == ["X. Y."]
    assert old(marked.format(both)).src == ["A. B."]  # in another order they are not a sentence each
    bitext = old(marked.format('<mrk mtype="seg" mid="0">X.</mrk> <mrk mtype="seg" mid="1">Y.</mrk>'))
    assert (bitext.ids, bitext.src, bitext.tgt) == (["1/0", "1/1"], ["A.", "B."], ["X.", "Y."])
    body = "<unit id='u'><segment id='s'><source>A.</source><target>X.</target></segment><ignorable><source> </source></ignorable><segment><source>B.</source><target>Y.</target></segment></unit>"
    bitext = new(body)
    assert (bitext.ids, bitext.src, bitext.tgt) == (["u/s", "u/2"], ["A.", "B."], ["X.", "Y."])


def test_groups_files_and_proposals(old):
    body = f"<group id='g'>{unit('a', 'b')}<group>{unit('c', 'd', '2', rest='<alt-trans><source>no</source><target>nein</target></alt-trans>')}</group></group>{unit('e', 'f', '1')}"
    bitext = old(body)
    assert (bitext.src, bitext.ids) == (["a", "c", "e"], ["1", "2", "1#2"])


def test_units_without_a_target_are_counted(old, new, notes):
    found = []
    body = "<trans-unit id='1'><source>a</source></trans-unit>" + unit("b", "", "2")
    assert old(body, rejects=found.append).tgt == [""]
    assert [(r.reason, r.at) for r in found] == [("found no target in 1, expected a translation", "line 1")]
    assert "1 units have no target and were left out" in notes()[0]
    assert len(new("<unit id='u'><segment><source>a</source></segment></unit>")) == 0


@pytest.mark.parametrize(
    ("about", "pair", "src"),
    [
        ('source-language="en-US" target-language="de_CH"', PAIR, ["a"]),
        ('source-language="en" target-language="de"', PAIR[::-1], ["b"]),
        ('source-language="en"', PAIR, ["a"]),
        ('source-language="en"', PAIR[::-1], ["b"]),
        ('source-language="fr" target-language="de"', PAIR, []),
    ],
)
def test_languages(old, notes, about, pair, src):
    bitext = old(unit("a", "b"), pair=pair, about=about)
    assert (bitext.src, bitext.langs) == (src, pair)
    assert len(notes()) == (not src)


def test_unknown_languages_are_the_files(old, notes):
    assert old(unit("a", "b"), pair=("und", "und")).langs == PAIR
    assert old(unit("a", "b"), pair=("deu_Latn", "und")).langs == PAIR[::-1]
    assert "taking eng_Latn and deu_Latn" in notes()[0]
    body = unit("a", "b").replace("<target>", '<target xml:lang="rm">')
    assert old(body, about='source-language="en"', pair=("und", "und")).langs == ("eng_Latn", "roh_Latn")
    with pytest.raises(DataError, match="an XLIFF from standard input is read once; name the language pair"):
        Xliff("-").read()


def test_what_is_no_xliff_is_refused(tmp_path, old):
    (tmp_path / "y").write_text("<tmx/>")
    with pytest.raises(DataError, match="found XML whose root is not <xliff>, expected XLIFF"):
        Xliff(str(tmp_path / "y")).read(PAIR)
    with pytest.raises(DataError, match="found XML entities declared in the file"):
        old(unit("&a;", "b"), head='<!DOCTYPE xliff [<!ENTITY a SYSTEM "file:///etc/passwd">]>')
    with pytest.raises(DataError, match="found '&nbsp;', an entity that the file does not declare"):
        old(unit("&nbsp;", "b"), head='<!DOCTYPE xliff SYSTEM "x.dtd">')
    found = []
    assert old(
        unit("&nbsp;", "b") + unit("c", "d"), head='<!DOCTYPE xliff SYSTEM "x.dtd">', rejects=found.append
    ).src == ["c"]
    assert found[0].reason.startswith("found '&nbsp;', an entity")


@pytest.mark.parametrize("version", ["1.2", "2.0"])
def test_every_column_comes_back(tmp_path, version, notes):
    bitext = Bitext.build(
        ["a\r\nb", "c\x01d", ""], ["漢", " <&> ", "x"], langs=("deu_Latn", "cmn_Hant"), ids=["a b", "7", "ü"]
    )
    columns = {
        "doc": pa.array(["d", None, "e"]),
        "score.x": pa.array([0.1, None, 1.0], pa.float32()),
        "src_start": pa.array([0, 5, None], pa.int32()),
        "note": pa.array(["n", None, None]),
        "state": pa.array(["final", "needs-review", None]),
    }
    for name, values in columns.items():
        bitext = bitext.with_column(name, values)
    Write(version=version).write(bitext.with_spans("src", [[], [], []]), tmp_path / "x.xlf")
    back = Xliff(str(tmp_path / "x.xlf")).read(bitext.langs)
    assert back.ids == bitext.ids
    for name, values in columns.items():
        assert back.table[name].to_pylist() == values.to_pylist(), name
        assert back.table[name].type == bitext.table[name].type
    assert back.src == ["a\r\nb", "c\x01d" if version == "2.0" else "c\ufffdd", ""]
    assert back.tgt == bitext.tgt
    assert any("no place for src_spans; left out" in n for n in notes())
    tree = etree.parse(str(tmp_path / "x.xlf"))
    assert {etree.QName(e).namespace for e in tree.iter()} <= {
        f"urn:oasis:names:tc:xliff:document:{version}",
        "urn:oasis:names:tc:xliff:metadata:2.0",
    }


def test_the_file_names_what_the_texts_are_from(tmp_path):
    Write(original="a.md").write(Bitext.build(["a"], ["b"], langs=PAIR), tmp_path / "x.xlf")
    assert Xliff(str(tmp_path / "x.xlf")).read(PAIR).column("doc") == ["a.md"]


def test_many_units_in_groups_are_forgotten(tmp_path):
    from polyalign.corpus.xml_units import elements

    body = "".join(f"<group id='g{i}'>{unit('a', 'b', str(i))}</group>" for i in range(500))
    text = f'<xliff version="1.2"><file source-language="en" target-language="de"><body>{body}</body></file></xliff>'
    (tmp_path / "x").write_text(text)
    sizes = [
        sum(1 for _ in element.getroottree().iter())
        for _, element in elements(tmp_path / "x", root="xliff", format="XLIFF", wanted=("trans-unit",))
    ]
    assert len(sizes) == 500
    # What is ahead has been parsed already, some kilobytes of it; what is behind is gone.
    assert sizes[-1] < 20
