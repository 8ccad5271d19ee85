"""Folders of files of any formats: names, languages, rejects, runs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys

import pyarrow as pa
import pytest

from polyalign.core import params
from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.registry import Row
from polyalign.corpus.documents import reader as reader_module
from polyalign.corpus.documents.files import FORMATS, Files, _class
from polyalign.corpus.documents.html import Html
from polyalign.corpus.documents.texts import MARKED_DOCUMENTS, REJECTS
from polyalign.corpus.documents.txt import Txt
from polyalign.corpus.documents.untrusted import looks_like
from tests.corpus.document_samples import CONLLU, PAGE, SAMPLES, docx, pdf, w_p, w_r, warc

LANGS = ("deu_Latn", "roh_Latn")


@pytest.fixture
def folder(tmp_path):
    def make(**files):
        for name, data in files.pop("named", files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return tmp_path

    return make


def places(path, langs=(), **options):
    return [(r["doc"], r["lang"]) for r in Files(str(path), **options).read(langs).to_pylist()]


def test_every_ending_is_read_from_one_folder(folder):
    for library in ("pypdf", "warcio"):
        pytest.importorskip(library)
    path = folder(named={f"x{n}.rm{ending}": data for n, (ending, data) in enumerate(SAMPLES.items())})
    documents, rejects = Files(str(path)).read_all()
    assert rejects.num_rows == 0
    assert documents.schema == MARKED_DOCUMENTS
    assert len(documents) == len(SAMPLES) + 1  # the CoNLL-U file holds two
    assert set(documents["lang"].to_pylist()) == {"roh_Latn"}
    assert all(documents["text"].to_pylist())
    for row in documents.to_pylist():
        assert all(0 <= m["start"] <= len(row["text"]) for m in row["marks"])


def test_versions_in_different_formats(folder):
    path = folder(
        named={"a.de.docx": SAMPLES[".docx"], "a.rm.html": SAMPLES[".html"], "sub/b_deu_Latn.srt": SAMPLES[".srt"]}
    )
    assert places(path) == [("a", "deu_Latn"), ("a", "roh_Latn"), ("sub/b", "deu_Latn")]
    assert places(path, ("deu_Latn",)) == [("a", "deu_Latn"), ("sub/b", "deu_Latn")]
    assert [p.name for p in Files(str(path)).inputs(("roh_Latn",))] == ["a.rm.html"]


def test_languages_of_the_file_or_none(folder, notes):
    path = folder(
        named={
            "a.html": '<html lang="rm-CH"><p>Chasa',
            "b.html": '<html lang="zxx"><p>x',
            "c.html": '<html lang="no language"><p>x',
            "d.docx": docx(w_p(w_r("Haus", "de-CH"))),
            "e.txt": "x",
            "f.de.html": '<html lang="en"><p>the name wins',
        }
    )
    assert places(path) == [
        ("a", "roh_Latn"),
        ("b", "und"),
        ("c", "und"),
        ("d", "deu_Latn"),
        ("e", "und"),
        ("f", "deu_Latn"),
    ]
    assert places(path, ("roh_Latn",)) == [("a", "roh_Latn")]
    told = "\n".join(notes())
    assert "documents in other languages left out: 1 in deu_Latn" in told  # by its name
    assert "documents in other languages left out: 1 in deu_Latn, 3 in und" in told


def test_three_letters_are_a_language_only_with_a_reason(folder):
    path = folder(named={"report_new.txt": "x", "report_old.txt": "y", "a.deu.txt": "z"})
    assert places(path).pop(0) == ("a", "deu_Latn")
    (path / "a.deu.txt").unlink()
    assert places(path) == [("report", "new_Deva"), ("report", "old_Latn")]
    (path / "report_old.txt").unlink()
    assert places(path) == [("report_new", "und")]
    assert places(path, ("new_Deva",)) == [("report", "new_Deva")]
    assert places(path, layout="suffix") == [("report", "new_Deva")]


def test_the_language_is_the_first_folder(folder):
    path = folder(named={"de/a.txt": "x", "rm/a.html": "<p>y", "rm/new/b.txt": "z"})
    assert places(path) == [("a", "deu_Latn"), ("a", "roh_Latn"), ("new/b", "roh_Latn")]


def test_names_that_occur_again(folder, notes):
    path = folder(named={"a.de.txt": "1", "a.de.html": "<p>2", "a.deu.txt": "3", "a.de-CH.txt": "4", "a.rm.txt": "5"})
    rows = {(r["doc"], r["lang"]): r["source"] for r in Files(str(path)).read().to_pylist()}
    assert rows == {
        ("a", "deu_Latn"): "a.de-CH.txt",
        ("a.html", "deu_Latn"): "a.de.html",
        ("a.txt", "deu_Latn"): "a.de.txt",
        ("a.txt#2", "deu_Latn"): "a.deu.txt",
        ("a", "roh_Latn"): "a.rm.txt",
    }
    assert "3 names of documents occur again in their language (a is now a.html)" in notes()[-1]


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), (".zst", lambda d: pa.compress(d, "zstd", asbytes=True))])  # fmt: skip
def test_packed_files(folder, ending, pack):
    path = folder(named={f"a.de.html{ending}": pack(b"<p>Haus"), f"b.de.docx{ending}": pack(SAMPLES[".docx"])})
    if ending == ".zst":
        (path / "a.de.html.zst").unlink()  # Arrow's raw block has no frame; the stream below has
        with pa.CompressedOutputStream(str(path / "b.de.docx.zst"), "zstd") as out:
            out.write(SAMPLES[".docx"])
    assert Files(str(path)).read()["text"].to_pylist()[-1] == "Chasa\n\nPorta"


def test_files_of_many_documents(folder):
    pytest.importorskip("warcio")
    path = folder(named={"x.de.conllu": CONLLU, "y.warc.gz": gzip.compress(warc())})
    rows = Files(str(path)).read().to_pylist()
    assert [(r["doc"], r["source"]) for r in rows] == [
        ("x/n1", "x.de.conllu#n1"),
        ("x/n2", "x.de.conllu#n2"),
        ("http://x.org/a", "http://x.org/a"),
    ]


# What cannot be read

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
LOCKED = OLD + "EncryptedPackage".encode("utf-16-le")
BAD = {
    "empty.docx": (b"", "found an empty file, expected a DOCX document; it holds no document"),
    "empty.txt": (b"", "found an empty file, expected text"),
    "white.html": (b" \n", "found nothing but white space, expected an HTML page"),
    "a-pdf.docx": (SAMPLES[".pdf"], "found a PDF file, expected a DOCX document; give it the suffix of what it is"),
    "a-docx.pdf": (SAMPLES[".docx"], "found a ZIP archive, expected a PDF file"),
    "an-odt.docx": (SAMPLES[".odt"], "found a ZIP archive without word/document.xml, expected a DOCX document"),
    "a-docx.odt": (SAMPLES[".docx"], "found no 'content.xml' inside"),
    "a-docx.epub": (SAMPLES[".docx"], "found a ZIP archive without META-INF/container.xml, expected an EPUB book"),
    "a-pdf.html": (SAMPLES[".pdf"], "found a PDF file, expected an HTML page"),
    "old.docx": (OLD, "found a file of old Microsoft Office, expected a DOCX document; save it in the new format"),
    "locked.docx": (LOCKED, "found a document encrypted with a password, expected a DOCX document; save it without one"),
    "text.warc": (b"hello there", "found text, expected a WARC file"),
    "text.fodt": (b"hello", "found text, expected flat OpenDocument text"),
    "latin.txt": ("schön und gut".encode("latin-1"), "found byte 0xf6 at byte 4, expected UTF-8 text; the file is likely"),
    "text.srt": (b"hello", "found no cue with its times, expected subtitles"),
    "text.vtt": (b"hello", "found no WEBVTT at the start"),
    "mute.srt": (b"1\n00:00:01,000 --> 00:00:02,000\n\n", "found cues without a word"),
    "text.conllu": (b"hello", "line 1: found 1 columns, expected the 10 of CoNLL-U"),
    "comments.conllu": (b"# hello\n", "found text, expected sentences of CoNLL-U"),
    "script.html": (b"<script>x()</script>", "found a page without text"),
    "mute.docx": (docx(w_p()), "found a document without text, expected some; it may be of images"),
    "cut.docx": (SAMPLES[".docx"][:300], "found a damaged ZIP archive"),
    "cut.pdf": (b"%PDF-1.4\n1 0 obj", "found a damaged PDF file"),
    "mute.pdf": (pdf([], []), "found no text in the 2 pages, but empty pages, expected text; run OCR first"),
    "cut.html.gz": (gzip.compress(b"<p>hello" * 99)[:-9], "cannot be read as gz"),
}  # fmt: skip


def test_a_folder_of_files_that_cannot_be_read(folder, notes):
    for library in ("pypdf", "warcio"):
        pytest.importorskip(library)
    path = folder(named={**{name: data for name, (data, _) in BAD.items()}, "good.txt": "x"})
    documents, rejects = Files(str(path)).read_all()
    assert documents["doc"].to_pylist() == ["good"]
    assert rejects.schema == REJECTS
    reasons = {row["source"]: row["reason"] for row in rejects.to_pylist()}
    assert set(reasons) == set(BAD)
    for name, (_, expected) in BAD.items():
        assert expected in reasons[name], name
        assert "\n" not in reasons[name]
    Files(str(path)).read()
    assert f"{path}: a-docx.epub left out: {reasons['a-docx.epub']}" in notes()
    assert f"{path}: {len(BAD)} files or parts of files left out in all" in notes()


@pytest.mark.parametrize("name", BAD)
def test_a_single_file_that_cannot_be_read_is_an_error(folder, name):
    for library in ("pypdf", "warcio"):
        pytest.importorskip(library)
    path = folder(named={name: BAD[name][0]}) / name
    with pytest.raises(DataError) as error:
        Files(str(path)).read()
    assert BAD[name][1] in str(error.value)


def test_pdf_with_a_password_and_of_images(folder):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(PAGE)))
    writer.encrypt("secret", algorithm="RC4-128")
    path = folder(named={"scan.pdf": pdf([]).replace(b"/Font<</F 3 0 R>>", b"/XObject<</I 3 0 R>>")})
    writer.write(path / "locked.pdf")
    _, rejects = Files(str(path)).read_all()
    reasons = {row["source"]: row["reason"] for row in rejects.to_pylist()}
    assert "found a PDF file encrypted with a password" in reasons["locked.pdf"]
    assert (
        "found no text in the 1 pages, but pages of images (scanned?), expected text; run OCR first"
        in reasons["scan.pdf"]
    )


def test_a_single_file_and_a_folder_without_any(folder):
    path = folder(named={"a.de.txt": "x", "b.xyz": "y"})
    assert Txt(str(path / "a.de.txt")).read().select(["doc", "source"]).to_pylist() == [
        {"doc": "a", "source": "a.de.txt"}
    ]
    with pytest.raises(DataError, match=r"b\.xyz: found a file not ending in \.txt"):
        Files(str(path / "b.xyz")).read()
    with pytest.raises(DataError, match=r"found no file ending in \.html, \.htm"):
        Html(str(path)).inputs()
    with pytest.raises(DataError, match="no such file or folder"):
        Files(str(path / "no")).inputs()


def test_what_is_left_out_is_told(folder, notes):
    path = folder(named={"a.de.txt": "x", "b.xyz": "y", ".hidden.txt": "z", ".git/c.txt": "z"})
    assert places(path) == [("a", "deu_Latn")]
    assert notes() == [f"{path}: b.xyz left out, of no format that is read here"]


def test_remarks_are_told_and_counted(folder, notes):
    path = folder(named={f"{n}.html": b"<meta charset=utf-8><p>" + b"text " * 500 + b"\xff" for n in range(7)})
    Files(str(path)).read()
    told = [n for n in notes() if "U+FFFD" in n]
    assert told[0] == "0.html: 1 bytes that are no utf-8 became U+FFFD"
    assert len(told) == 5
    assert notes()[-1] == f"{path}: 2 more such remarks"


def test_names_that_are_no_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/t\xfcr.de.txt"
    with open(path, "wb") as file:
        file.write(b"x")
    with open(os.fsencode(tmp_path) + b"/\xfc.html", "wb"):
        pass
    documents, rejects = Files(str(tmp_path)).read_all()
    assert documents["source"].to_pylist() == ["t\ufffdr.de.txt"]
    assert rejects["source"].to_pylist() == ["\ufffd.html"]


def test_runs_are_bounded_and_the_same_rows(folder, monkeypatch):
    path = folder(named={f"{n}.txt": f"text {n}" if n % 3 else "" for n in range(20)})
    whole = Files(str(path)).read_all()
    monkeypatch.setattr(reader_module, "_RUN_ROWS", 4)
    runs = list(Files(str(path)).runs())
    assert max(len(d) for d, _ in runs) <= 4
    assert len(runs) > 3
    assert pa.concat_tables(d for d, _ in runs).equals(whole[0])
    assert pa.concat_tables(r for _, r in runs).equals(whole[1])
    monkeypatch.setattr(reader_module, "_RUN_CHARACTERS", 1)
    assert max(len(d) for d, _ in Files(str(path)).runs()) == 1


def test_a_library_that_is_not_installed_is_named(folder, monkeypatch):
    path = folder(named={"a.pdf": SAMPLES[".pdf"], "b.warc": SAMPLES[".warc"], "c.html": SAMPLES[".html"]})
    for module, options, file in (("pypdf", {}, "a.pdf"), ("warcio.archiveiterator", {}, "b.warc"), ("trafilatura", {"content": "trafilatura"}, "c.html")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[formats\]'"):
                Files(str(path / file), **options).runs()


@pytest.mark.parametrize("options", [{"max_bytes": 0}, {"max_bytes": 1 << 31}, {"max_ratio": 0}])
def test_limits_that_are_none(options):
    with pytest.raises(ValueError, match="must be"):
        Files(".", **options)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_a_method_of_its_own(folder, ending):
    cls = _class(FORMATS[ending])
    assert ending in cls.endings
    row = Row("corpus.documents/x", f"{cls.__module__}:{cls.__name__}")
    method = params.build(row, {"path": "somewhere"})
    assert params.to_dict(method)["max_ratio"] == 200
    assert all(p.help for p in params.params_of(cls))


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"PK\x03\x04", "a ZIP archive"), (b"<?xml?>", "XML"), (b"\x89PNG", "a PNG image"), (b"ab\0", "binary data"), (b"ab", "text"), (b"WARC/1.0", "a WARC file")],
)  # fmt: skip
def test_what_first_bytes_say(data, expected):
    assert looks_like(data) == expected
