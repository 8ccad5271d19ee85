"""Files made to harm: bombs, ways out of an archive, endless depth and length, records that lie."""

from __future__ import annotations

import contextlib
import gzip
import io
import tracemalloc
import zipfile

import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.documents.docx import Docx
from polyalign.corpus.documents.epub import Epub
from polyalign.corpus.documents.files import Files
from polyalign.corpus.documents.html import Html
from polyalign.corpus.documents.odt import Odt
from polyalign.corpus.documents.subtitles import Subtitles
from polyalign.corpus.documents.texts import Reject, Text
from polyalign.corpus.documents.txt import Txt
from polyalign.corpus.documents.warc import Warc
from tests.corpus.document_samples import docx, epub, odt, odt_xml, warc, xhtml, zipped

MB = 1 << 20
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@contextlib.contextmanager
def at_most(megabytes):
    """Memory taken inside, in Python."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MB
    finally:
        tracemalloc.stop()


def all_of(reader, data, name):
    return list(reader.extract(io.BytesIO(data), name))


@pytest.mark.parametrize("entities", [LAUGHS, OUTSIDE])
def test_entities_are_refused(entities):
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'{entities}<w:document xmlns:w="{w}"><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>'
    with pytest.raises(DataError, match="found XML entities declared in the file, expected none"):
        all_of(Docx(""), docx(members={"word/document.xml": document}), "a.docx")
    with pytest.raises(DataError, match="found XML entities declared in the file, expected none"):
        all_of(Odt(""), (entities + odt_xml("<text:p>&a;</text:p>")).encode(), "a.fodt")
    with pytest.raises(DataError, match="found XML entities declared in the file, expected none"):
        all_of(Epub(""), epub(members={"META-INF/container.xml": f"{entities}<container>&a;</container>"}), "a.epub")


@pytest.mark.parametrize("entities", [LAUGHS, OUTSIDE])
def test_entities_of_pages_are_no_text(entities):
    page = f"{entities}<html><body><p>Hello &a;</p></body></html>"
    for found in (*all_of(Html(""), page.encode(), "a.html"), *all_of(Epub(""), epub({"a.xhtml": page}), "a.epub")):
        assert "haha" not in found.text
        assert "root:" not in found.text
        assert found.text.endswith("Hello &a;")


def test_bombs_in_archives_are_refused_in_little_memory():
    bomb = zipped({"word/document.xml": b" " * (64 * MB), "content.xml": b" " * (64 * MB)})
    assert len(bomb) < MB
    with at_most(40):
        for reader, name in ((Docx(""), "a.docx"), (Odt(""), "a.odt")):
            with pytest.raises(DataError, match=r"unpacks to more than .* bytes .*a bomb"):
                all_of(reader, bomb, name)


def test_a_lying_size_in_an_archive_is_no_way_round():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (8 * MB))
    data = file.getvalue().replace((8 * MB).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    with pytest.raises(DataError, match=r"cannot be unpacked|broken XML"):
        all_of(Docx(""), data, "a.docx")


def test_many_members_share_one_limit():
    chapters = {f"{n}.xhtml": xhtml("<p>" + "text " * 40_000 + "</p>") for n in range(10)}
    items = all_of(Epub("", max_bytes=MB, max_ratio=1000), epub(chapters), "a.epub")
    assert sum(isinstance(item, Reject) for item in items) == 5
    assert all("a bomb, or a very large document" in item.reason for item in items[:-1])


def test_one_member_under_many_names_is_counted_each_time():
    chapters = {"a.xhtml": xhtml("<p>" + "text " * 40_000 + "</p>")}
    items = all_of(Epub("", max_bytes=MB, max_ratio=1000), epub(chapters, hrefs=["a.xhtml"] * 100), "a.epub")
    assert sum(isinstance(item, Reject) for item in items) == 95


@pytest.mark.parametrize(
    "href", ["../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..%2f..%2fetc/passwd", "http://x.org/"]
)
def test_nothing_outside_an_archive_is_read(href):
    items = all_of(Epub(""), epub(hrefs=[href, "ch1.xhtml"]), "a.epub")
    assert [type(item) for item in items][:-1] == [Reject]
    assert items[-1].text == "Hello"


def test_a_member_whose_name_leads_outside_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = docx(members={"../../out.txt": "x", "/abs.txt": "y"})
    assert all_of(Docx(""), data, "a.docx")[0].text == "Hello"
    assert list(tmp_path.iterdir()) == []


def test_encrypted_archives_and_books():
    data = bytearray(docx())
    at = data.rindex(b"word/document.xml") - 46
    data[at + 8] |= 1
    with pytest.raises(DataError, match="is encrypted with a password"):
        all_of(Docx(""), bytes(data), "a.docx")
    locked = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    with pytest.raises(DataError, match="found a document encrypted with a password"):
        all_of(Odt(""), odt(members={"META-INF/manifest.xml": locked}), "a.odt")
    drm = '<encryption><EncryptedData><CipherReference URI="OEBPS/ch1.xhtml"/></EncryptedData></encryption>'
    with pytest.raises(DataError, match="copy protection"):
        all_of(Epub(""), epub(members={"META-INF/encryption.xml": drm}), "a.epub")


def test_packed_bombs_are_refused(tmp_path):
    for name in ("a.txt.gz", "a.html.gz", "a.warc.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"WARC/1.0\r\n" * 3 + b" " * (32 * MB)))
    with at_most(40):
        documents, rejects = Files(str(tmp_path)).read_all()
    assert len(documents) == 0
    assert len(rejects) == 3
    assert "bytes unpacked, expected at most that many" in rejects["reason"][1].as_py()


def test_files_larger_than_the_limit(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * 2000)
    _, rejects = Files(str(tmp_path), max_bytes=1000).read_all()
    assert "found more than 1000 bytes unpacked" in rejects["reason"][0].as_py()


@pytest.mark.parametrize("depth", [3000, 100_000])
def test_pages_nested_without_end(depth):
    page = b"<div>" * depth + b"lost"
    with pytest.raises(DataError, match="nested more than 2,000 deep"):
        all_of(Html(""), page, "a.html")
    items = all_of(Epub(""), epub({"a.xhtml": xhtml("<p>kept</p>"), "b.xhtml": xhtml(page.decode())}), "a.epub")
    assert [type(item) for item in items][:-1] == [Reject]
    with pytest.raises(DataError, match="Excessive depth"):
        all_of(Odt(""), odt_xml("<text:p>" * depth).encode(), "a.fodt")


def test_pages_nested_deep_but_not_too_deep():
    assert all_of(Html(""), b"<div>" * 1500 + b"kept", "a.html")[0].text == "kept"


def test_giant_lines():
    line = "word " * 400_000
    assert len(all_of(Txt(""), line.encode(), "a.txt")[0].text) == len(line)
    assert len(all_of(Html(""), f"<p>{line}".encode(), "a.html")[0].text) == len(line) - 1
    cue = f"1\n00:00:01,000 --> 00:00:02,000\n{line}\n"
    assert len(all_of(Subtitles(""), cue.encode(), "a.srt")[0].text) == len(line) - 1


@pytest.mark.parametrize("junk", ["<", "<a ", "{\\", "&", "-->", "1", "\n", "{", "<rt>", "</"])
def test_patterns_do_not_look_back_over_giant_lines(junk):
    long = junk * (MB // len(junk))
    heads = {"a.srt": "1\n00:00:01,000 --> 00:00:02,000\nx ", "a.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nx ", "a.ass": "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,x "}  # fmt: skip
    for reader, name, head in (*((Subtitles(""), *item) for item in heads.items()), (Html(""), "a.html", "<p>x ")):
        with contextlib.suppress(DataError):  # quickly, whatever it is
            assert all_of(reader, (head + long).encode(), name)


@pytest.mark.parametrize("length", ["-1", "99999999999999999999", "0", "abc", "", "3.5"])
def test_warc_records_whose_length_lies(length):
    pytest.importorskip("warcio")
    good = warc().decode()
    head, _, rest = good.rpartition("Content-Length: ")
    data = f"{head}Content-Length: {length}\r\n{rest.partition(chr(13) + chr(10))[2]}".encode()
    with at_most(20):
        items = all_of(Warc("", content="rules"), data + warc(("http://x.org/b", b"<p>next")), "a.warc")
    assert items
    assert all(not isinstance(item, Text) or item.text for item in items)


def test_warc_pages_larger_than_the_limit():
    pytest.importorskip("warcio")
    data = warc(("http://x.org/a", b"<p>" + b"x" * 5000), ("http://x.org/b", b"<p>kept"))
    items = all_of(Warc("", content="rules", max_bytes=1000), data, "a.warc")
    assert "found a page of more than 1000 bytes" in items[0].reason
    assert items[1].text == "kept"
