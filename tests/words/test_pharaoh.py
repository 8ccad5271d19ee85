"""Pharaoh files read and written by the kernels, against the reader and writer that work line by line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.words.pharaoh import LINES, link_runs, read_links, write_links

numbers = st.sampled_from(["0.5", "1", "1.000", "0.0625", "1e-3", "0.333333333333", ".5", "5.", "2E+0", "3e-40", "0"])
long_number = st.just("0.12345678901234567890")
word = st.integers(0, 12)
mark = st.sampled_from(["-", "-", "-", "p", "?"])
plain = st.builds(lambda i, m, j: f"{i}{m}{j}", word, mark, word)
probable = st.builds(lambda link, p: f"{link}:{p}", plain, numbers | long_number)
line = st.lists(plain, max_size=8) | st.lists(probable, max_size=8) | st.lists(plain | probable, max_size=4)
spaces = st.sampled_from([" ", "  ", "\t", "\u00a0"])
lines = st.lists(st.builds(lambda tokens, space: space.join(tokens), line, spaces), max_size=6)


def same(one, two):
    for name in ("offsets", "src", "tgt", "prob", "sure"):
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None), name
        assert a is None or np.array_equal(a, b), name


@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_file_reads_as_its_lines(tmp_path_factory, lines, end, last):
    path = tmp_path_factory.mktemp("pharaoh") / "links"
    ended = last or not lines or not lines[-1]
    path.write_bytes((end.join(lines) + (end if ended and lines else "")).encode())
    expected = Links.from_pharaoh(lines)
    same(read_links(path), expected)
    assert [len(run) for run in link_runs(path, lines=2)] == [2] * (len(lines) // 2) + [1] * (len(lines) % 2)
    same(Links.concat(list(link_runs(path, lines=2))), Links.concat([expected]))
    same(read_links(path, reverse=True), expected.transpose())
    for probabilities in (False, True):
        write_links(path, expected, probabilities=probabilities)
        assert path.read_text().splitlines() == expected.to_pharaoh(probabilities=probabilities)


def test_a_bom_and_packing(tmp_path):
    path = tmp_path / "links.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf0-0 2-1\n\n1-1"))
    assert read_links(path).to_pharaoh() == ["0-0 2-1", "", "1-1"]
    write_links(tmp_path / "out.gz", iter([read_links(path), Links.from_pairs([[]])]))
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == b"0-0 2-1\n\n1-1\n\n"
    (tmp_path / "empty").write_bytes(b"")
    assert len(read_links(tmp_path / "empty")) == 0


def test_words_counted_from_one(tmp_path):
    path = tmp_path / "links"
    path.write_text("1-1 3p2\n")
    assert read_links(path, one_based=True).to_pharaoh() == ["0-0 2p1"]
    path.write_text("1-1\n0-3\n")
    with pytest.raises(DataError, match="links line 2: found '0-3', expected words counted from 1"):
        read_links(path, one_based=True)


def test_long_lines_and_many_lines(tmp_path):
    path = tmp_path / "links"
    backwards = " ".join(f"{i}-{i % 7}" for i in range(5000, -1, -1))
    path.write_text(backwards + "\n" + "0-0 1-1\n" * (LINES + 5))
    links = read_links(path)
    assert len(links) == LINES + 6
    assert links.pairs(0) == [(i, i % 7) for i in range(5001)]
    write_links(path, links)
    same(read_links(path), links)
    large = Links.from_pairs([[(2**31 - 1, 0), (0, 2**31 - 1)]])
    write_links(path, large)
    same(read_links(path), large)


@pytest.mark.parametrize(
    "token",
    ["x", "1", "1-", "-1", "1-2-3", "1:2", "1-2:", "1-2:x", "1-2:1.2.3", "1-2:e5", "1-2:-1", "1-2:1e", "a-b", "1--2"],
)
def test_broken_links_are_told_with_their_line(tmp_path, token):
    path = tmp_path / "links"
    path.write_text("0-0\n" * 20000 + f"1-1 {token}\n")
    with pytest.raises(DataError, match="links line 20001: found ") as told:
        read_links(path)
    assert repr(token) in str(told.value)


def test_what_is_no_text_is_told_with_its_line(tmp_path):
    path = tmp_path / "links"
    path.write_bytes(b"0-0\n1-\xff1\n")
    with pytest.raises(DataError, match="links line 2: found byte 0xff"):
        read_links(path)


def test_probabilities_out_of_the_ordinary(tmp_path):
    links = Links(np.asarray([0, 3]), np.arange(3), np.arange(3), np.asarray([0.0005, 12345678.0, 0.0015], np.float32))
    write_links(tmp_path / "links", links, probabilities=True)
    assert (tmp_path / "links").read_text().splitlines() == links.to_pharaoh(probabilities=True)
    halves = Links(np.asarray([0, 3]), np.arange(3), np.arange(3), np.asarray([0.0625, 0.1875, 1.0], np.float32))
    write_links(tmp_path / "links", halves, probabilities=True)
    assert (tmp_path / "links").read_text().splitlines() == halves.to_pharaoh(probabilities=True)
