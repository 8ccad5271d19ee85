"""What each format gives of a document."""

from __future__ import annotations

import io

import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.documents.conllu import Conllu
from polyalign.corpus.documents.decoding import encoding_named
from polyalign.corpus.documents.docx import Docx
from polyalign.corpus.documents.epub import Epub
from polyalign.corpus.documents.html import Html
from polyalign.corpus.documents.lines import Line, join, without_running
from polyalign.corpus.documents.odt import Odt
from polyalign.corpus.documents.pdf import Pdf
from polyalign.corpus.documents.subtitles import Subtitles
from polyalign.corpus.documents.texts import Blocks, Reject, Remark, Text
from polyalign.corpus.documents.txt import Txt
from polyalign.corpus.documents.warc import Warc
from tests.corpus.document_samples import (
    ASS,
    CONLLU,
    SRT,
    VTT,
    docx,
    epub,
    odt,
    odt_xml,
    pdf,
    w_p,
    w_r,
    warc,
    xhtml,
    zipped,
)  # fmt: skip


def all_of(reader, data, name):
    return list(reader.extract(io.BytesIO(data), name))


def only(reader, data, name, remark=""):
    """The one text of a file, and the remark on it if there should be one."""
    *remarks, found = all_of(reader, data, name)
    assert remarks == ([Remark(remark)] if remark else [])
    assert isinstance(found, Text)
    assert [at for at, _ in found.marks] == sorted(at for at, _ in found.marks)
    assert all(0 <= at <= len(found.text) for at, _ in found.marks)
    return found


def marked(found):
    """Each mark with the first letters behind it."""
    return [(name, found.text[at : at + 5]) for at, name in found.marks]


# Blocks


def test_blocks_move_marks_with_the_text():
    blocks = Blocks()
    blocks.mark("empty")
    blocks.add("  \n ")
    blocks.end()
    blocks.add("  a \n\n \n  b")
    blocks.mark("b")
    blocks.add("c  \n")
    blocks.mark("end")
    blocks.end()
    blocks.mark("last")
    text, marks = blocks.taken()
    assert text == "a\n  bc"
    assert marks == ((0, "empty"), (5, "b"), (6, "end"), (6, "last"))


def test_lone_surrogates_become_replacement_characters():
    blocks = Blocks()
    blocks.block("a\ud800b", "\udfff")
    assert blocks.taken() == ("a\ufffdb", ((0, "\ufffd"),))


# Plain text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_unicode(encoding):
    assert only(Txt(""), "Tür\r\n\r\nHaus\u2028x".encode(encoding), "a.txt").text == "Tür\n\nHaus\u2028x"


def test_text_in_a_named_encoding():
    assert only(Txt("", encoding="windows-1251"), "Дверь".encode("cp1251"), "a.txt").text == "Дверь"
    assert only(Txt("", encoding="windows-1251"), "Дверь".encode(), "a.txt").text == "Дверь"
    assert only(Txt("", encoding="utf-16-be"), "ab".encode("utf-16-be"), "a.txt").text == "ab"
    with pytest.raises(DataError, match="found bytes at byte 2 that are no cp1252, expected cp1252 text"):
        all_of(Txt("", encoding="latin-1"), b"\xff\x81", "a.txt")
    with pytest.raises(ValueError, match="encoding must be the name of an encoding of text"):
        Txt("", encoding="zlib")


def test_the_likely_encoding_is_named():
    text = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 20
    with pytest.raises(
        DataError, match=r"a.txt: found byte 0x.. at byte 1, expected UTF-8 text; the file is likely cp1251"
    ):
        all_of(Txt(""), text.encode("cp1251"), "a.txt")
    with pytest.raises(DataError, match="found UTF-16LE text without its mark"):
        all_of(Txt(""), "Haus und Hof".encode("utf-16-le"), "a.txt")
    with pytest.raises(DataError, match="a NUL byte"):
        all_of(Txt(""), b"a\x00\x00\x00", "a.txt")


@pytest.mark.parametrize(
    "name", ["idna", "punycode", "rot13", "hex", "unicode_escape", "utf-7", "mbcs", "no such", "undefined"]
)
def test_encodings_that_are_none_of_text(name):
    assert encoding_named(name) is None


# DOCX


def test_docx_blocks_in_reading_order():
    cell = lambda t: f"<w:tc>{w_p(w_r(t))}</w:tc>"  # noqa: E731
    box = f"<mc:AlternateContent><mc:Choice><w:drawing><w:txbxContent>{w_p(w_r('Box'))}</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:txbxContent>{w_p(w_r('Box'))}</w:txbxContent></mc:Fallback></mc:AlternateContent>"
    body = (
        w_p(w_r("A "), w_r("title"), style="Heading1")
        + w_p(w_r("See"), '<w:r><w:footnoteReference w:id="2"/></w:r>', w_r(" it"), f"<w:r>{box}</w:r>", w_r("."))
        + f"<w:tbl><w:tr>{cell('a1')}{cell('a2')}</w:tr><w:tr><w:tc><w:tbl><w:tr>{cell('in')}</w:tr></w:tbl>{w_p(w_r('b'))}</w:tc></w:tr></w:tbl>"
        + f"<w:sdt><w:sdtPr/><w:sdtContent>{w_p(w_r('Control'))}</w:sdtContent></w:sdt>"
        + w_p('<w:bookmarkStart w:id="0" w:name="here"/><w:bookmarkStart w:id="1" w:name="_GoBack"/>', "<w:ins>" + w_r("New") + "</w:ins>", "<w:del><w:r><w:delText>Old</w:delText></w:r></w:del>", "<w:hyperlink>" + w_r(" link") + "</w:hyperlink>", '<w:r><w:instrText>PAGE</w:instrText></w:r>', "<w:smartTag>" + w_r(" tag") + "</w:smartTag>")
        + w_p("<w:r><w:t>x</w:t><w:br/><w:t>y</w:t><w:tab/><w:t>z</w:t><w:noBreakHyphen/><w:softHyphen/><w:sym w:char=\"00E9\"/></w:r>")
        + w_p()
        + "<w:sectPr/>"
    )  # fmt: skip
    note = f'<w:footnote w:id="2">{w_p(w_r("The note"))}</w:footnote><w:footnote w:id="3">{w_p(w_r("unused"))}</w:footnote>'
    found = only(Docx(""), docx(body, footnotes=note, lang="de-CH"), "a.docx")
    assert found.text.split("\n\n") == [
        "A title", "See it.", "Box", "a1", "a2", "in", "b", "Control", "New link tag", "x\ny\tz\u2011\u00adé", "The note",
    ]  # fmt: skip
    assert marked(found) == [("#here", "New l"), ("footnote 1", "The n")]
    assert (found.lang, found.title) == ("de-CH", "My title")


def test_docx_language_is_that_of_most_letters():
    runs = w_p(w_r("kurz", "en-US"), w_r("ein viel längerer Text", "de-DE"))
    assert only(Docx(""), docx(runs, default="fr-FR"), "a.docx").lang == "de-DE"
    assert only(Docx(""), docx(w_p(w_r("texte")), default="fr-FR"), "a.docx").lang == "fr-FR"
    assert only(Docx(""), docx(w_p(w_r("家の前")), default="fr-FR"), "a.docx").lang == "ja-JP"


def test_docx_strict_is_read_too():
    body = f'<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"><w:body>{w_p(w_r("Strict"))}</w:body></w:document>'
    assert only(Docx(""), docx(members={"word/document.xml": body}), "a.docx").text == "Strict"


# ODT


def test_odt_blocks_in_reading_order():
    body = (
        "<text:sequence-decls><text:p>no</text:p></text:sequence-decls><text:h>A <text:span>title</text:span></text:h>"
        '<text:p>One<text:s text:c="2"/>two<text:tab/>three<text:line-break/>four<text:note><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>The note</text:p></text:note-body></text:note> five<office:annotation><text:p>no</text:p></office:annotation>."
        "<draw:frame><draw:text-box><text:p>Box</text:p></draw:text-box></draw:frame></text:p>"
        '<text:list><text:list-item><text:p>item</text:p><text:list><text:list-item><text:p><text:bookmark text:name="b"/>sub</text:p></text:list-item></text:list></text:list-item></text:list>'
        "<table:table><table:table-row><table:table-cell><text:p>a1</text:p></table:table-cell></table:table-row></table:table>"
    )
    found = only(Odt(""), odt(body, lang="rm-CH"), "a.odt")
    assert found.text.split("\n\n") == [
        "A title",
        "One  two\tthree\nfour five.",
        "Box",
        "item",
        "sub",
        "a1",
        "The note",
    ]
    assert marked(found) == [("#b", "sub\n\n"), ("note 1", "The n")]
    assert (found.lang, found.title) == ("rm-CH", "My title")
    assert only(Odt(""), odt_xml(body, lang="rm").encode(), "a.fodt").text == found.text


def test_odt_language_of_the_default_style():
    style = odt_xml("").replace(
        "<office:body>",
        '<style:default-style style:family="paragraph"><style:text-properties fo:language="rm" fo:country="CH"/></style:default-style><office:body>',
    )
    assert only(Odt(""), odt(members={"styles.xml": style}), "a.odt").lang == "rm-CH"


# HTML


def test_html_blocks_ids_and_surroundings():
    page = """<!doctype html><html lang="de"><head><title>My
      title</title><style>p{}</style></head><body><header><p>Site</p></header><nav id="n"><a href=x>Menu</a></nav>
      <div class="sidebar left">Other</div><div hidden>no</div>
      <article><h1 id="h">A <b>title</b></h1>Loose &amp; text <p id=p>One<br> two <!-- no --> <a name="x"></a>three<img alt="no">
      <ul><li>item<ul><li id=sub>sub</ul></ul><pre>  code
    more</pre><table><tr><th>a<td>b</table><ruby>漢<rt>kan</rt></ruby><script>no()</script></article><footer>end</footer>"""
    found = only(Html(""), page.encode(), "a.html")
    assert found.text.split("\n\n") == [
        "A title",
        "Loose & text",
        "One\ntwo three",
        "item",
        "sub",
        "code\n    more",
        "a",
        "b",
        "漢",
    ]
    assert marked(found) == [("#h", "A tit"), ("#p", "One\nt"), ("#x", "three"), ("#sub", "sub\n\n")]
    assert (found.lang, found.title) == ("de", "My title")
    whole = only(Html("", content="all"), page.encode(), "a.html").text
    assert whole.split("\n\n")[:4] == ["Site", "Menu", "Other", "no"]
    assert whole.endswith("end")


@pytest.mark.parametrize("page", ["<p>a</body></html><p>b</p>c", "a<html><p>b</html>c", "<p>a</html>b<!-- --> <p>c"])
def test_html_text_behind_the_end_is_text(page):
    assert "".join(only(Html(""), page.encode(), "a.html").text.split()) == "abc"


def test_html_of_one_main_is_that():
    page = b"<body><div>before</div><main><form><p>in</p></form></main>"
    assert only(Html(""), page, "a.html").text == "in"


def test_html_by_trafilatura_keeps_ids_and_headings():
    pytest.importorskip("trafilatura")
    text = "This is a long paragraph of running text, as a person writes it about something. " * 4
    page = f"<html><body><div class=x><a href=a>Home</a> <a href=b>Shop</a></div><article><h2 id=h>Short</h2><p id=p>{text}</p><h2>Next</h2><p>{text}</p></article></body></html>"
    found = only(Html("", content="trafilatura"), page.encode(), "a.html")
    assert found.text.split("\n\n") == ["Short", text.strip(), "Next", text.strip()]
    assert marked(found) == [("#h", "Short"), ("#p", "This ")]


@pytest.mark.parametrize(
    "page",
    [
        "<meta charset=windows-1252><p>Tür".encode("cp1252"),
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>Tür'.encode("latin-1"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><html><p>Tür'.encode("latin-1"),
        "<meta charset=latin-1><p>Tür".encode(),
        "<p>Tür".encode("utf-16"),
        "<p>Tür".encode("utf-8-sig"),
    ],
)
def test_html_encodings(page):
    assert only(Html(""), page, "a.html").text == "Tür"


def test_html_single_wrong_bytes_are_told_and_many_refused():
    found = only(
        Html(""),
        b"<meta charset=utf-8><p>" + b"text " * 500 + b"\xff",
        "a.html",
        "1 bytes that are no utf-8 became U+FFFD",
    )
    assert found.text.endswith("text \ufffd")
    with pytest.raises(DataError, match="expected UTF-8 text"):
        all_of(Html(""), b"<p>" + b"\xff\xfe\xfd" * 50, "a.html")


# EPUB


def test_epub_in_the_order_of_the_spine():
    chapters = {
        "t/b c.xhtml": xhtml("<p>Second&nbsp;&amp; last</p><aside>note</aside>"),
        "t/a.xhtml": xhtml("<h1>First</h1><p><a id='x'/>text</p>", head="<title/><script/>"),
    }
    found = only(Epub(""), epub(chapters, hrefs=["t/a.xhtml", "t/b%20c.xhtml"]), "a.epub")
    assert found.text.split("\n\n") == ["First", "text", "Second\u00a0& last", "note"]
    assert marked(found) == [("t/a.xhtml", "First"), ("t/a.xhtml#x", "text\n"), ("t/b%20c.xhtml", "Secon")]
    assert (found.lang, found.title) == ("rm", "My title")


def test_epub_a_chapter_that_is_missing_is_rejected():
    items = all_of(Epub(""), epub(hrefs=["ch1.xhtml", "no.xhtml", "ch2.xhtml"]), "a.epub")
    assert [item.at for item in items if isinstance(item, Reject)] == ["no.xhtml"]
    assert items[-1].text == "Hello\n\nWorld"


# PDF


def body(*texts, top=700, x=72, size=11):
    return [(x, top - 14 * i, size, text) for i, text in enumerate(texts)]


def test_pdf_lines_become_paragraphs():
    pytest.importorskip("pypdf")
    full = "a line that is as wide as the column can be, or about so"
    page = [
        *body("Heading", top=760, size=16),
        *body("A paragraph whose first line is as wide as the col-", full, "umn and ends here."),
        *body("Another one, after a gap, with a word that is divi-", "ded and a well-", "known one; well-known it is.", top=640),
    ]  # fmt: skip
    found = only(Pdf(""), pdf(page, title="My title", lang="rm-CH"), "a.pdf")
    assert found.text.split("\n\n") == [
        "Heading",
        f"A paragraph whose first line is as wide as the col-{full} umn and ends here.".replace("col-a", "cola"),
        "Another one, after a gap, with a word that is divided and a well-known one; well-known it is.",
    ]
    assert (found.lang, found.title) == ("rm-CH", "My title")


def test_pdf_running_lines_are_dropped_and_told():
    pytest.importorskip("pypdf")
    pages = [
        [
            (72, 800, 9, f"Report of {n}"),
            *body(f"Text of page {'abcd'[n]} goes on", f"and {'abcd'[n]} on"),
            (300, 30, 9, f"{n}"),
        ]
        for n in range(4)
    ]
    found = only(Pdf(""), pdf(*pages), "a.pdf", "8 running header and footer lines dropped")
    assert "Report" not in found.text
    assert [name for _, name in found.marks] == ["page 1", "page 2", "page 3", "page 4"]
    assert all(text.startswith("Text") for _, text in ((n, found.text[at:]) for at, n in found.marks))
    kept = only(Pdf("", running=True), pdf(*pages), "a.pdf")
    assert "Report of 2" in kept.text


def test_lines_that_run_on_two_pages_only_are_kept():
    pages = [[Line("Same", 0, 800, 9), Line(f"x{'ab'[n]}", 0, 700, 9)] for n in range(2)]
    assert without_running(pages) == (pages, 0)


def test_lines_of_unspaced_scripts_join_without_a_space():
    page = [Line("家の前に立って", 0, 700, 10), Line("いる。", 0, 688, 10)]
    assert join([page])[0] == "家の前に立っている。"


# Subtitles


def test_subtitles_of_three_formats():
    srt, vtt, ass = (only(Subtitles(""), d, f"a.{k}") for k, d in (("srt", SRT), ("vtt", VTT), ("ass", ASS)))
    assert srt.text == "Wer ist\nda?\n\nIch."
    assert srt.marks == ((0, "00:00:01.000 --> 00:00:03.500"), (13, "00:00:04.000 --> 00:00:05.000"))
    assert (vtt.text, vtt.lang) == ("Who & what?", "de")
    assert vtt.marks == ((0, "00:00:01.000 --> 00:00:03.500"),)
    assert ass.text == "Wer?\n\nIch, ja.\nNein."
    assert ass.marks[0] == (0, "00:00:01.000 --> 00:00:03.500")


def test_subtitles_keep_digits_and_empty_lines():
    srt = b"1\n00:00:01,000 --> 00:00:02,000\nIn\n\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\n1985\n"
    assert only(Subtitles(""), srt, "a.srt").text == "In\n1984\n\n1985"
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\n1984\n\n00:03.000 --> 00:04.000\nx\n"
    assert only(Subtitles(""), vtt, "a.vtt").text == "1984\n\nx"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.srt", SRT + b"\n3\n0:99:zz --> 1\nlost\n"),
        ("a.vtt", VTT + b"\nx --> y\nlost\n"),
        ("a.ass", ASS + b"Dialogue: 0,soon,later,Default,,0,0,0,,lost\n"),
    ],
)
def test_subtitles_times_that_are_not_understood_are_told(name, data):
    remark = "1 lines of times were not understood; they and their cues were left out"
    found = only(Subtitles(""), data, name, remark)
    assert "lost" not in found.text


# CoNLL-U


def test_conllu_documents_paragraphs_and_sentences():
    one, two = all_of(Conllu(""), CONLLU, "a.conllu")
    assert one.text == "Zum Haus.\nZum Haus.\n\nJa."
    assert marked(one) == [("s1", "Zum H"), ("s2", "Zum H"), ("s3", "Ja.")]
    assert (one.part, two.part, two.text) == ("n1", "n2", "Nein.")


def test_conllu_a_sentence_without_words_is_rejected():
    items = all_of(Conllu(""), CONLLU + b"# sent_id = empty\n\n", "a.conllu")
    assert [item.reason for item in items if isinstance(item, Reject)] == [
        "found a sentence without words and without # text, expected either"
    ]


# WARC


def test_warc_pages_are_documents_of_their_address():
    pytest.importorskip("warcio")
    pages = [
        ("http://x.org/a", b"<html lang=rm><title>T</title><p>Chasa"),
        ("http://x.org/b", b""),
        ("http://x.org/c", "<p>Tür".encode("cp1252")),
    ]
    items = all_of(Warc("", content="rules"), warc(*pages, kind="text/html; charset=windows-1252"), "a.warc")
    assert [(i.address, i.text, i.lang) for i in items if isinstance(i, Text)] == [
        ("http://x.org/a", "Chasa", "rm"),
        ("http://x.org/c", "Tür", ""),
    ]
    assert [i.at for i in items if isinstance(i, Reject)] == ["http://x.org/b"]


def test_warc_other_answers_are_told():
    pytest.importorskip("warcio")
    page = ("http://x.org/a", b"<p>x")
    told = [Remark("2 records that are no page answered with 200 left out")]
    assert all_of(Warc(""), warc(page, status="404 Not Found"), "a.warc") == told
    assert all_of(Warc(""), warc(page, kind="image/png"), "a.warc") == told


def test_docx_with_nothing_but_its_document():
    assert (
        only(
            Docx(""),
            zipped(
                {
                    "word/document.xml": f'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{w_p(w_r("Bare"))}</w:body></w:document>'
                }
            ),
            "a.docx",
        ).text
        == "Bare"
    )
