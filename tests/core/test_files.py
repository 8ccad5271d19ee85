"""Files: every packing, every way to be broken, and writing whole or not at all."""

from __future__ import annotations

import builtins
import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import struct
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core import files
from polyalign.core.errors import DataError

PACKERS = {
    "": lambda b: b,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
PACKED = [p for p in PACKERS if p]
BODY = ("Zeile äöü 😀\n" * 20_000).encode()


def zst_stream(body: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(body)
    return sink.getvalue().to_pybytes()


PACKERS[".zst"] = zst_stream


@pytest.mark.parametrize("packed", PACKERS)
def test_what_is_written_is_read(tmp_path, packed):
    path = tmp_path / f"x.txt{packed}"
    with files.open_output(path) as file:
        file.write(BODY)
    assert files.read_bytes(path) == BODY
    assert list(files.read_lines(path)) == BODY.decode().split("\n")[:-1]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("packed", PACKERS)
def test_other_tools_files_are_read(tmp_path, packed):
    path = tmp_path / f"x.txt{packed}"
    path.write_bytes(PACKERS[packed](BODY))
    assert files.read_bytes(path) == BODY


@pytest.mark.parametrize("packed", PACKED)
def test_files_of_several_frames_are_read_to_their_end(tmp_path, packed):
    path = tmp_path / f"x.txt{packed}"
    path.write_bytes(PACKERS[packed](b"a\nb\n") + PACKERS[packed](b"c\n") + PACKERS[packed](BODY))
    assert files.read_bytes(path) == b"a\nb\nc\n" + BODY
    assert list(files.read_lines(path))[:3] == ["a", "b", "c"]


def test_zstd_skippable_frames_are_skipped(tmp_path):
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"meta"
    path = tmp_path / "x.zst"
    path.write_bytes(skippable + zst_stream(b"a\n") + skippable + zst_stream(b"b\n") + skippable)
    assert list(files.read_lines(path)) == ["a", "b"]


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.97])
def test_a_packed_file_that_was_cut_off_is_refused(tmp_path, packed, part):
    whole = PACKERS[packed](os.urandom(5000))
    path = tmp_path / f"x{packed}"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DataError, match=f"cannot be read as {packed[1:]} .*damaged, cut off"):
        files.read_bytes(path)


@pytest.mark.parametrize("packed", PACKED)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, packed):
    path = tmp_path / f"x{packed}"
    path.write_bytes(b"plain text, not packed at all\n" * 20)
    with pytest.raises(DataError, match="not what its name says"):
        list(files.read_lines(path))


def test_damage_inside_a_gzip_file_is_refused(tmp_path):
    whole = bytearray(gzip.compress(os.urandom(20_000)))
    whole[5000:5100] = bytes(100)
    (tmp_path / "x.gz").write_bytes(whole)
    with pytest.raises(DataError, match="cannot be read as gz"):
        files.read_bytes(tmp_path / "x.gz")


def test_missing_files_folders_and_unreadable_files(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"no such file; check the path$"):
        files.read_bytes(tmp_path / "no")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"folder you are in: {tmp_path.name}/"):
        files.read_bytes("no")
    with pytest.raises(DataError, match="is a folder, expected a file"):
        files.read_bytes(tmp_path)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "x").write_bytes(b"")
    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(DataError, match="not readable; check its permissions"):
        files.read_bytes(tmp_path / "x")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\x00"))))
def test_only_line_feeds_end_lines(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "x"
    files.write_lines(path, ["first", *lines])
    expected = [line.removesuffix("\r") for line in lines]
    assert list(files.read_lines(path)) == ["first", *expected]
    assert list(files.read_lines(path, ends=True)) == ["first\n", *(line + "\n" for line in lines)]


def test_bom_crlf_and_odd_line_separators(tmp_path):
    path = tmp_path / "x"
    path.write_bytes("\ufeffa\u2028b\r\nc\rd\x0be\x85f\r\n\r\nlast".encode())
    assert list(files.read_lines(path)) == ["a\u2028b", "c\rd\x0be\x85f", "", "last"]
    assert files.read_text(path) == "a\u2028b\nc\rd\x0be\x85f\n\nlast"
    path.write_bytes(b"")
    assert list(files.read_lines(path)) == []
    assert files.read_text(path) == ""


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("Hallo\nWelt".encode("utf-16"), "line 1: found UTF-16 text.*iconv -f UTF-16"),
        ("漢字".encode("utf-16"), "line 1: found UTF-16 text"),
        ("Hallo\nWelt".encode("utf-16-le"), "line 1: found UTF-16 text"),
        ("Hallo\nWelt".encode("utf-16-be"), "line 1: found UTF-16 text"),
        ("gut\nschön".encode("latin-1"), "line 2: found byte 0xf6 at byte 4 of the line.*iconv -f ISO-8859-1"),
        (b"ab\x00\x01", "line 1: found binary data.*not a text file"),
    ],
)
def test_what_is_not_utf8_is_refused(tmp_path, raw, message):
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(DataError, match=message):
        list(files.read_lines(tmp_path / "x"))


@pytest.mark.parametrize("packed", PACKERS)
def test_an_error_while_writing_leaves_what_was_there(tmp_path, packed):
    path = tmp_path / f"x{packed}"
    files.write_text(path, "before")

    def fail():
        with files.open_output(path) as file:
            file.write(BODY)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert files.read_text(path) == "before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("packed", PACKERS)
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, packed, monkeypatch):
    real = builtins.open

    def full(path, mode="r", *args, **kwargs):
        return real("/dev/full" if "w" in mode and str(path).startswith(str(tmp_path)) else path, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", full)
    for body in ("x", "x" * 3_000_000):
        with pytest.raises(DataError, match=r"cannot be written \(No space left on device\).*nothing was left behind"):
            files.write_text(tmp_path / f"x{packed}", body)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_midway_leaves_nothing(tmp_path):
    def fill():
        with files.open_output(tmp_path / "x") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match="No space left on device"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_or_in_the_way(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        files.write_text(tmp_path / "no" / "x", "")
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        files.write_text(tmp_path / "d", "")
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_device_is_written_to_as_it_is():
    files.write_text(os.devnull, "gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_standard_input_and_output(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\r\nb")))
    assert list(files.read_lines("-")) == ["a", "b"]
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    files.write_lines("-", ["a", "b"])
    assert out.getvalue() == b"a\nb\n"


def test_packing_is_reproducible(tmp_path):
    for packed in PACKED:
        for name in ("a", "b"):
            files.write_text(tmp_path / f"{name}{packed}", "same" * 1000)
        assert (tmp_path / f"a{packed}").read_bytes() == (tmp_path / f"b{packed}").read_bytes()


def test_digest_depends_on_names_and_bytes(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"1")
    one, folder = files.digest(tmp_path / "d" / "a"), files.digest(tmp_path / "d")
    (tmp_path / "d" / "a").rename(tmp_path / "d" / "b")
    assert files.digest(tmp_path / "d" / "b") == one
    assert files.digest(tmp_path / "d") != folder
    with pytest.raises(DataError, match="cannot be read"):
        files.digest(tmp_path / "no")
