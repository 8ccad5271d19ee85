"""Documents from folders: names, languages and what is left out."""

from __future__ import annotations

import gzip

import pytest

from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import DataError
from polyalign.corpus.documents.folder import Folder

LANGS = ("deu_Latn", "roh_Latn")


@pytest.fixture
def folder(tmp_path):
    def make(*names, text=""):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text or name, encoding="utf-8")
        return tmp_path

    return make


def names(path, **options):
    return [(r["doc"], r["lang"]) for r in Folder(str(path), **options).read(LANGS).to_pylist()]


def test_the_language_ends_the_name(folder):
    path = folder("a.de.txt", "a.roh_Latn.txt", "b_deu_Latn.txt", "b_rm.txt", "sub/c.x.de-CH.txt", "d.DE.TXT")
    assert names(path) == [
        ("a", "deu_Latn"),
        ("a", "roh_Latn"),
        ("b", "deu_Latn"),
        ("b", "roh_Latn"),
        ("d", "deu_Latn"),
        ("sub/c.x", "deu_Latn"),
    ]


def test_the_language_is_the_first_folder(folder):
    path = folder("de/a.b.txt", "de/sub/c.txt", "rm/a.b.txt")
    assert names(path) == [("a.b", "deu_Latn"), ("a.b", "roh_Latn"), ("sub/c", "deu_Latn")]
    assert names(path, layout="folders") == names(path)


def test_the_table_and_its_inputs(folder):
    path = folder("b.rm.txt", "a.rm.txt", "a.de.txt")
    table = Folder(str(path)).read(("roh_Latn", "deu_Latn"))
    assert table.schema == DOCUMENTS
    assert [tuple(r.values()) for r in table.to_pylist()] == [
        ("a", "roh_Latn", "a.rm.txt", "a.rm.txt"),
        ("a", "deu_Latn", "a.de.txt", "a.de.txt"),
        ("b", "roh_Latn", "b.rm.txt", "b.rm.txt"),
    ]
    assert [p.name for p in Folder(str(path)).inputs(("deu_Latn",))] == ["a.de.txt"]


def test_packed_empty_and_odd_files(folder):
    path = folder("a.rm.txt", text="\ufeffx\u2028y\r\nz")
    (path / "a.de.txt.gz").write_bytes(gzip.compress("Tür".encode()))
    (path / "b.de.txt").write_bytes(b"")
    assert Folder(str(path)).read(LANGS)["text"].to_pylist() == ["Tür", "x\u2028y\nz", ""]


def test_what_is_left_out_is_told(folder, notes):
    path = folder("a.de.txt", "a.en.txt", "b.en.txt", "README.md", ".hidden/x.txt", ".a.txt")
    assert names(path) == [("a", "deu_Latn")]
    told = "\n".join(notes())
    assert "other languages left out: 2 in eng_Latn" in told
    assert "README.md left out, not .txt" in told
    assert "no document in roh_Latn" in told


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (
            ["a.de.txt", "notes.txt", "b.final.txt"],
            {},
            r"found b.final.txt, notes.txt with no language that is known, expected names such as name.de.txt \(layout suffix\)",
        ),
        ([f"n{i}.txt" for i in range(5)], {}, "found n0.txt, n1.txt, n2.txt and 2 more files with no language"),
        (
            ["de/a.txt", "b.txt"],
            {},
            r"found b.txt with no language that is known, expected names such as de/name.txt \(layout folders\)",
        ),
        (["de/a.txt"], {"layout": "suffix"}, "layout suffix"),
        ([".txt.de"], {}, r"no document in deu_Latn, roh_Latn \(no .txt file at all\)"),
        (["a.en.txt"], {}, r"no document in deu_Latn, roh_Latn \(1 in eng_Latn\)"),
        (
            ["a.de.txt", "a.deu.txt"],
            {},
            r"found a.de.txt and a.deu.txt, expected one file for document 'a' in deu_Latn",
        ),
        ([".de.txt", "_de.txt"], {}, "found _de.txt with no language"),
    ],
)
def test_what_cannot_be_told_is_refused(folder, files, options, message):
    with pytest.raises(DataError, match=message):
        Folder(str(folder(*files)), **options).read(LANGS)


def test_a_file_or_nothing_in_place_of_the_folder(folder):
    path = folder("a.de.txt")
    with pytest.raises(DataError, match="found a file, expected a folder of text files"):
        Folder(str(path / "a.de.txt")).read(LANGS)
    with pytest.raises(DataError, match="no such file or folder"):
        Folder(str(path / "no")).inputs(LANGS)


def test_a_file_that_is_not_text_is_refused(folder):
    path = folder("a.de.txt")
    (path / "b.de.txt").write_bytes("schön".encode("latin-1"))
    with pytest.raises(DataError, match=r"b\.de\.txt line 1: found byte 0xf6"):
        Folder(str(path)).read(LANGS)
