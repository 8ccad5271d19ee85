"""Reading in runs: the rows, ids and errors of reading at once."""

from __future__ import annotations

import gzip
import io
import sys
from types import SimpleNamespace

import pyarrow as pa
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.corpus.formats import read_bitext, write_bitext
from polyalign.corpus.rows import CHUNK
from polyalign.corpus.stream import stream_bitext

PAIR = ("deu_Latn", "eng_Latn")
FORMATS = ("fa", "tsv", "csv", "jsonl", "tmx", "parquet", "arrow", "tsv.gz", "parquet.gz")


def corpus(n, ids=None):
    columns = {
        "doc": pa.array([f"d{i // 3}" for i in range(n)]),
        "score.x": pa.array([None if i % 3 else i / 2 for i in range(n)], pa.float32()),
    }
    src, tgt = [f'Satz "{i}"' for i in range(n)], [f"sentence, {i}" for i in range(n)]
    return Bitext.build(src, tgt, langs=PAIR, ids=ids or [f"n{i}" for i in range(n)], columns=columns)


def joined(runs):
    return pa.concat_tables([run.table for run in runs], promote_options="default").combine_chunks()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("n", "pairs"), [(1, 1), (7, 3), (6, 3), (7, 100), (CHUNK + 10, 10_000), (CHUNK + 10, 20_000)])
def test_runs_are_the_file(tmp_path, suffix, n, pairs):
    path = tmp_path / f"x.{suffix}"
    write_bitext(corpus(n), path)
    whole = read_bitext(path, pair=PAIR)
    runs = list(stream_bitext(path, pair=PAIR, pairs=pairs))
    assert [len(run) for run in runs] == [pairs] * (n // pairs) + ([n % pairs] if n % pairs else [])
    assert joined(runs).equals(whole.table.combine_chunks())
    assert {run.langs for run in runs} == {PAIR}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_without_pairs_has_no_runs(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write_bitext(corpus(0), path)
    assert list(stream_bitext(path, pair=PAIR)) == []


@pytest.mark.parametrize("tokens", ["none", "spaces", "whitespace"])
def test_moses_with_all_its_files(tmp_path, tokens):
    for name, line in (("x.de", "das\u2009Haus {}"), ("x.en", "the house {}"), ("links", "{0}-{0}"), ("docs", "d{}")):
        (tmp_path / name).write_text("".join(line.format(i) + "\n" for i in range(25)), encoding="utf-8")
    options = {"links": f"{tmp_path}/links", "docs_path": f"{tmp_path}/docs", "tokens": tokens, "prefix": "p"}
    known = {"format": "moses", "pair": PAIR, "options": options}
    whole = read_bitext(tmp_path / "x", **known)
    runs = list(stream_bitext(tmp_path / "x", pairs=10, **known))
    assert joined(runs).equals(whole.table.combine_chunks())
    assert runs[2].ids[0] == "p20"
    assert runs[0].tokens("src")[0] == (["das\u2009Haus", "0"] if tokens != "whitespace" else ["das", "Haus", "0"])


def test_rows_without_ids_are_numbered_through(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        "".join(
            f'{{"src": "{i}", "tgt": "x"}}\n' if i != 4 else '{"src": "4", "tgt": "x", "id": "own"}\n' for i in range(7)
        )
    )
    runs = list(stream_bitext(path, pairs=3))
    assert [id for run in runs for id in run.ids] == ["0", "1", "2", "3", "own", "5", "6"] == read_bitext(path).ids


def test_ids_that_occur_again_are_renamed_across_runs(tmp_path, capsys):
    ids = ["a", "b", "a", "c", "a", "b#2", "b", "d", "c", "a"]
    path = tmp_path / "x.tsv"
    write_bitext(corpus(len(ids), [f"{i}" for i in range(len(ids))]), path)
    lines = path.read_text().split("\n")
    path.write_text(
        "\n".join(
            [lines[0], *("\t".join([id, *row.split("\t")[1:]]) for id, row in zip(ids, lines[1:], strict=False)), ""]
        )
    )
    expected = ["a", "b", "a#2", "c", "a#3", "b#2", "b#3", "d", "c#2", "a#4"]
    assert read_bitext(path).ids == expected
    told = capsys.readouterr().err
    assert "5 ids occur again (a, b, c); renamed" in told
    for pairs in (1, 2, 4, 100):
        assert [id for run in stream_bitext(path, pairs=pairs) for id in run.ids] == expected
        assert capsys.readouterr().err == told


def test_a_column_only_some_rows_have(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"src": "a", "tgt": "b"}\n' * 3 + '{"src": "c", "tgt": "d", "note": "e"}\n')
    first, second = stream_bitext(path, pairs=3)
    # Rows that are read together know of each other's columns.
    assert second.column("note") == ["e"]
    assert joined([first, second])["note"].to_pylist() == [None, None, None, "e"]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a ||| b\n\nc ||| d\n")))
    runs = list(stream_bitext("-", format="fast-align", pairs=2))
    assert [run.src for run in runs] == [["a", ""], ["c"]]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("x.fa", "a ||| b\n", "a b\n"),
        ("x.tsv", "a\tb\n", "a\tb\tc\n"),
        ("x.csv", "a,b\n", 'a,"b\n'),
        ("x.jsonl", '{"src": "a", "tgt": "b"}\n', "{\n"),
        ("x.tsv", "a\tb\n", "a\t\0\n"),
    ],
)
def test_errors_name_the_same_line(tmp_path, name, good, bad):
    path = tmp_path / name
    path.write_text(good * 50_000 + bad)
    with pytest.raises(DataError) as at_once:
        read_bitext(path)
    with pytest.raises(DataError) as in_runs:
        list(stream_bitext(path, pairs=10_000))
    assert str(in_runs.value) == str(at_once.value)
    assert "50001" in str(in_runs.value)


def test_a_text_that_is_null_far_into_a_table(tmp_path):
    path = tmp_path / "x.parquet"
    write_bitext(corpus(CHUNK + 100), path)
    table = read_bitext(path).table
    src = table["src"].to_pylist()
    src[CHUNK + 50] = None
    pa.parquet.write_table(
        table.set_column(table.column_names.index("src"), "src", pa.array(src, pa.large_string())), path
    )
    with pytest.raises(DataError) as at_once:
        read_bitext(path)
    with pytest.raises(DataError) as in_runs:
        list(stream_bitext(path))
    assert str(in_runs.value) == str(at_once.value)
    assert f"row {CHUNK + 50}: found null" in str(in_runs.value)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_table_that_is_cut_off(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write_bitext(corpus(100), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="the file is damaged or cut off"):
        list(stream_bitext(path))


def test_runs_before_an_error_are_given(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"src": "a", "tgt": "b"}\n' * (2 * CHUNK) + "{\n")
    runs = stream_bitext(path, pairs=CHUNK)
    assert len(next(runs)) == CHUNK
    assert next(runs).ids[0] == str(CHUNK)
    with pytest.raises(DataError, match=f"line {2 * CHUNK + 1}: found broken JSON"):
        next(runs)


def test_a_table_with_two_columns_of_one_name(tmp_path):
    path = tmp_path / "x.parquet"
    pa.parquet.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, names=["src", "tgt", "src"]), path)
    for read in (read_bitext, lambda p: list(stream_bitext(p))):
        with pytest.raises(DataError, match="found two columns named 'src', expected each name once"):
            read(path)


def test_what_cannot_be_read_is_told_at_once(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        stream_bitext(tmp_path / "x.tsv")
    with pytest.raises(ConfigError, match=r"unknown format 'tvs'; did you mean 'tsv'\?"):
        stream_bitext("x", format="tvs")
    with pytest.raises(ValueError, match="pairs must be at least 1, got 0"):
        stream_bitext("x.tsv", pairs=0)
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(b"a\tb\n" * 10)[:-5])
    with pytest.raises(DataError, match="damaged"):
        list(stream_bitext(tmp_path / "x.tsv.gz"))
