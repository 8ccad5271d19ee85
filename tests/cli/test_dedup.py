"""`polyalign dedup` as a user calls it."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.corpus_files import CorpusFiles, Spool, write_rows
from polyalign.corpus.formats import read_bitext, write_bitext
from tests.cli.outcome import fails


def pairs(path, src, tgt):
    write_bitext(Bitext.build(src, tgt, langs=("deu_Latn", "eng_Latn")), path)


def test_pairs_of_two_files(call, tmp_path):
    pairs(tmp_path / "a.tsv", ["Ein Haus.", "ein haus", "Baum"], ["A house.", "a house", "tree"])
    pairs(tmp_path / "b.tsv", ["Ein Haus", "neu"], ["A house", "new"])
    status, out, _ = call("dedup", "exact", "a.tsv", "b.tsv", "-o", "o.tsv", "--rejects", "r.tsv", "--pair", "de-en")
    assert status == 0
    assert out.splitlines()[1:4] == ["rows\t5", "duplicates\t2", "kept\t3"]
    kept, rejects = read_bitext(tmp_path / "o.tsv"), read_bitext(tmp_path / "r.tsv")
    assert kept.ids == ["a.tsv:0", "a.tsv:2", "b.tsv:1"]
    assert kept.column("cluster_size") == ["3", "1", "1"]
    assert dict(zip(rejects.ids, rejects.column("reason"), strict=True)) == {
        "a.tsv:1": "duplicate of a.tsv:0",
        "b.tsv:0": "duplicate of a.tsv:0",
    }


def test_the_longest_may_stand_behind_those_it_stands_for(call, tmp_path):
    pairs(tmp_path / "a.tsv", ["x", "a b c", "a, b, c!"], ["y"] * 3)
    status, out, _ = call("dedup", "exact", "a.tsv", "-o", "o.tsv", "--rejects", "r.tsv", "--keep", "longest", "--json")
    assert status == 0
    assert json.loads(out) == {
        "rows": 3, "clusters": 1, "duplicates": 1, "kept": 2, "clusters_by_size": {"1 row": 1, "2 rows": 1}, "out": "o.tsv",
    }  # fmt: skip
    assert read_bitext(tmp_path / "r.tsv").column("reason") == ["duplicate of 2"]


@pytest.mark.parametrize("name", ["d.txt", "d.jsonl", "d.parquet", "d.arrow"])
def test_documents_of_every_format(call, tmp_path, name):
    texts = ["one two three four five six", "x", "One two three four five six!", ""]
    table = pa.table({"doc": [f"n{i}" for i in range(4)], "text": pa.array(texts, pa.large_string())})
    write_rows(table, tmp_path / name)
    status, out, _ = call("dedup", "minhash", name, "-o", f"o-{name}", "--rejects", "r.jsonl", "--json")
    assert (status, json.loads(out)["duplicates"]) == (0, 1)
    kept = pa.concat_tables(CorpusFiles((str(tmp_path / f"o-{name}"),)))
    assert kept["text"].to_pylist() == [texts[0], "x", ""]
    rejects = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [r["reason"] for r in rejects] == ["near-duplicate of " + ("0" if name == "d.txt" else "n0")]


def test_marking_keeps_every_row(call, tmp_path):
    (tmp_path / "d.txt").write_text("a b\nc\nA b\n", encoding="utf-8")
    status, _, _ = call("dedup", "fuzzy", "d.txt", "-o", "o.jsonl", "--mark", "--threads", "1")
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert status == 0
    assert [r["cluster"] for r in rows] == [0, 1, 0]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".rows-")]


def test_an_empty_file(call, tmp_path):
    (tmp_path / "d.txt").write_text("", encoding="utf-8")
    pairs(tmp_path / "e.parquet", [], [])
    status, out, _ = call("dedup", "exact", "e.parquet", "-o", "o.parquet", "--rejects", "r.parquet", "--json")
    assert (status, json.loads(out)["rows"]) == (0, 0)
    assert len(read_bitext(tmp_path / "o.parquet")) == 0


def test_columns_that_only_some_rows_have(tmp_path):
    lines = [{"id": i, "text": "x", **({"extra": 1.5} if i > 2 else {})} for i in range(5)]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with Spool(tmp_path) as spool:
        for run in CorpusFiles((str(tmp_path / "d.jsonl"),), rows=2):
            spool.add(run)
        assert spool.table()["extra"].to_pylist() == [None, None, None, 1.5, 1.5]
        assert spool.table()["doc"].to_pylist() == list("01234")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.jsonl"]


def test_errors(call, tmp_path):
    pairs(tmp_path / "a.tsv", ["a"], ["b"])
    (tmp_path / "d.txt").write_text("a\n", encoding="utf-8")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "mixed.jsonl").write_text('{"text": "a", "x": 1}\n{"text": "b", "x": "y"}\n', encoding="utf-8")
    (tmp_path / "number.jsonl").write_text('{"text": 1}\n', encoding="utf-8")
    fails(call("dedup", "exact", "-", "-o", "o.tsv"), "found standard input, expected files")
    fails(call("dedup", "exact", "a.tsv", "-o", "-", "--json"), "cannot both go to standard output")
    fails(call("dedup", "exact", "a.tsv", "-o", "o.tsv", "--mark", "--rejects", "r.tsv"), "leave one of them out")
    fails(call("dedup", "exact", "bad.parquet", "-o", "o.tsv"), "cannot be read as Parquet or Arrow")
    fails(call("dedup", "exact", "none.parquet", "-o", "o.tsv"), "no such file")
    fails(call("dedup", "exact", "mixed.jsonl", "-o", "o.jsonl"), "values of different kinds")
    fails(call("dedup", "exact", "number.jsonl", "-o", "o.jsonl"), "found no text in the field 'text'")
    fails(call("dedup", "exact", "d.txt", "-o", "o.tmx"), "documents cannot be written so")
    fails(call("dedup", "exact", "a.tsv", "-o", "no/o.tsv"), "no/o.tsv: cannot be written")
    with pytest.raises(DataError, match="cannot be written"), Spool(tmp_path / "missing") as spool:
        spool.add(pa.table({"text": ["a"]}))
    with Spool(tmp_path) as spool:
        spool.add(pa.table({"x": [1]}))
        spool.add(pa.table({"x": ["a"]}))
        with pytest.raises(DataError, match="values of different kinds"):
            spool.table()


def test_large_texts_make_small_runs(tmp_path, monkeypatch):
    from polyalign.corpus import corpus_files

    monkeypatch.setattr(corpus_files, "SIZE", 10)
    (tmp_path / "d.txt").write_text("aaaa\nbbbb\ncccc\ndddddddddddd\ne\n", encoding="utf-8")
    runs = CorpusFiles((str(tmp_path / "d.txt"),))
    assert [run["text"].to_pylist() for run in runs] == [["aaaa", "bbbb", "cccc"], ["dddddddddddd"], ["e"]]
