"""Broken input is one clear error in every format."""

from __future__ import annotations

import os

import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.formats import FORMATS, read_bitext, write_bitext

PAIR = ("deu_Latn", "eng_Latn")
TEXT = [f for f in FORMATS if f not in ("parquet", "arrow", "tmx", "xliff")]
GOOD = Bitext.build(["Tür " * 50, "ja"], ["door", "yes " * 50], langs=PAIR)


def read(path, format):
    # Both files of moses are the same one here.
    if format == "moses":
        return read_bitext(path, format=format, pair=PAIR, options={"src": str(path), "tgt": str(path)})
    return read_bitext(path, format=format, pair=PAIR)


def good(tmp_path, format, packed=""):
    write_bitext(GOOD, tmp_path / f"good{packed}", format=format)
    return tmp_path / (f"good.deu_Latn{packed}" if format == "moses" else f"good{packed}")


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_file_and_a_folder(tmp_path, format):
    with pytest.raises(DataError, match="no such file or folder; check the path"):
        read(tmp_path / "no", format)
    with pytest.raises(DataError, match="is a folder, expected a file"):
        read(tmp_path, format)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "junk", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, b"\xff" * 99, b"\x00" * 99, b"PAR1", b"ARROW1"]
)
def test_binary_junk(tmp_path, format, junk):
    (tmp_path / "x").write_bytes(junk)
    if format == "moses" and junk in (b"PAR1", b"ARROW1"):
        assert read(tmp_path / "x", format).src == [junk.decode()]  # a line of text like any other
        return
    with pytest.raises(DataError) as error:
        read(tmp_path / "x", format)
    assert str(error.value).startswith(str(tmp_path / "x"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("format", TEXT)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_where_utf8_is_expected(tmp_path, format, encoding):
    path = good(tmp_path, format)
    path.write_bytes(path.read_bytes().decode("utf-8").encode(encoding))
    with pytest.raises(DataError, match="line 1: found UTF-16 text, expected UTF-8 text; convert it"):
        read(path, format)


@pytest.mark.parametrize("format", TEXT)
def test_latin1_where_utf8_is_expected(tmp_path, format):
    path = good(tmp_path, format)
    path.write_bytes(path.read_bytes().decode("utf-8").encode("latin-1"))
    with pytest.raises(DataError, match=r"line [12]: found byte 0xfc"):
        read(path, format)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("packed", [".gz", ".xz", ".zst", ".bz2"])
def test_a_packed_file_that_was_cut_off(tmp_path, format, packed):
    path = good(tmp_path, format, packed)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=f"cannot be read as {packed[1:]}"):
        read(path, format)


@pytest.mark.parametrize("format", ["csv", "jsonl", "tmx", "xliff", "parquet", "arrow"])
def test_a_file_that_was_cut_off(tmp_path, format):
    path = good(tmp_path, format)
    cut = path.read_bytes()[:-60]
    path.write_bytes(cut + b'\r\n2,"x' if format == "csv" else cut)
    with pytest.raises(DataError):
        read(path, format)


@pytest.mark.parametrize("format", TEXT)
def test_an_empty_file_is_an_empty_bitext(tmp_path, format):
    (tmp_path / "x").write_bytes(b"")
    assert len(read(tmp_path / "x", format)) == 0


@pytest.mark.parametrize("format", ["tmx", "xliff", "parquet", "arrow"])
def test_an_empty_file_is_refused_where_the_format_has_a_frame(tmp_path, format):
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(DataError):
        read(tmp_path / "x", format)


@pytest.mark.parametrize("format", TEXT)
def test_bom_and_crlf_change_nothing(tmp_path, format):
    path = good(tmp_path, format)
    before = read(path, format).table
    text = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert read(path, format).table.equals(before)


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "moses"])
def test_nothing_is_left_where_the_disk_is_full(tmp_path, format, monkeypatch):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    real = open
    monkeypatch.setattr(
        "builtins.open", lambda p, mode="r", *a, **k: real("/dev/full" if "w" in mode else p, mode, *a, **k)
    )
    with pytest.raises(DataError, match="No space left on device"):
        write_bitext(GOOD, tmp_path / "x", format=format)
    assert list(tmp_path.iterdir()) == []
