"""Tables in runs, documents in groups, steps in shards: bounded, resumable, and the same bytes as in one piece."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.store import MANIFEST
from polyalign.pipeline import artefacts, shards
from polyalign.pipeline.artefacts import Runs, Writer, read_bitext, row_bytes, runs, stored, write_table
from polyalign.pipeline.grouping import documents_of, grouped
from polyalign.pipeline.job import Job
from polyalign.pipeline.shards import Made, added, by_rows, in_shards, shards_folder, streamed


def table(n, size=10):
    return pa.table(
        {"id": pa.array(range(n)), "text": pa.array([f"{i:0{size}d}" for i in range(n)], pa.large_string())}
    )


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(artefacts, "ROWS", 4)
    monkeypatch.setattr(artefacts, "BYTES", 100)


def job_of(tmp_path, *inputs):
    out = tmp_path / "unit-0123456789ab.part"
    out.mkdir(exist_ok=True)
    return Job(("deu_Latn", "eng_Latn"), ("deu_Latn", "eng_Latn"), tuple(inputs), {}, out)


@given(cuts=st.lists(st.integers(0, 30), max_size=6), sizes=st.lists(st.integers(0, 150), min_size=30, max_size=30))
def test_a_file_is_the_same_however_its_rows_came(tmp_path_factory, cuts, sizes):
    folder = tmp_path_factory.mktemp("w")
    whole = pa.table({"text": pa.array(["x" * s for s in sizes], pa.large_string())})
    rows, size = artefacts.ROWS, artefacts.BYTES
    artefacts.ROWS, artefacts.BYTES = 4, 100
    try:
        write_table(whole, folder / "a")
        edges = [0, *sorted(cuts), 30]
        with Writer(folder / "b") as writer:
            for a, b in zip(edges, edges[1:], strict=False):
                writer.write(whole.slice(a, b - a))
    finally:
        artefacts.ROWS, artefacts.BYTES = rows, size
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    found = list(Runs.of(folder / "a"))
    assert pa.concat_tables(found).equals(whole)
    assert all(r.num_rows <= 4 and (r.num_rows == 1 or row_bytes(r).sum() <= 100) for r in found)
    # No run could have taken in the first row of the next.
    assert all(
        r.num_rows == 4 or row_bytes(r).sum() + row_bytes(following)[0] > 100
        for r, following in zip(found, found[1:], strict=False)
    )


def test_a_table_without_rows_is_one_empty_run(tmp_path):
    write_table(table(0), tmp_path / "x")
    assert Runs.of(tmp_path / "x").sizes == (0,)
    assert Runs.of(tmp_path / "x")[0].equals(table(0))
    assert Runs.of(tmp_path / "x", columns=("id",))[0].column_names == ["id"]


def test_columns_that_a_run_lacks_are_null(tmp_path):
    with_more = table(2).append_column("more", pa.array([1, 2], pa.int32()))
    assert streamed(iter([table(3), with_more]), tmp_path / "x.parquet") == 5
    assert pq.read_table(tmp_path / "x.parquet")["more"].to_pylist() == [None, None, None, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]


def test_of_links_the_runs_are_the_corpus(tmp_path, small):
    bitext = Bitext.build([str(i) for i in range(10)], ["x"] * 10, langs=("deu_Latn", "eng_Latn"))
    write_table(bitext.table, tmp_path / "bitext.parquet")
    assert stored(tmp_path).sizes == (4, 4, 2)
    write_table(table(1), tmp_path / "links.parquet")
    (tmp_path / MANIFEST).write_text(json.dumps({"counts": {"corpus": 6}}))
    assert stored(tmp_path).sizes == (4, 2)
    assert stored(tmp_path)[1:][0].num_rows == 2
    assert [len(run) for run in runs(tmp_path)] == [4, 2]
    assert read_bitext(tmp_path).langs == ("deu_Latn", "eng_Latn")
    assert read_bitext(tmp_path).src == [str(i) for i in range(6)]


def sentences(rows):
    docs, langs, texts = zip(*rows, strict=True)
    return pa.table({"doc": docs, "lang": langs, "text": pa.array(texts, pa.large_string())})


@pytest.mark.parametrize("order", ["by document", "by language", "shuffled"])
def test_all_of_a_document_is_in_one_group(tmp_path, small, order):
    rows = [(f"d{d}", lang, f"{d}{lang}{k}") for d in range(9) for lang in ("a", "b", "c") for k in range(d % 4)]
    if order == "by language":
        rows.sort(key=lambda r: r[1])
    if order == "shuffled":
        rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    write_table(sentences(rows), tmp_path / "s")
    found = documents_of(tmp_path / "s", ("a", "b"))
    assert found["a"]["d3"] == (3, 9)
    docs = [d for d in found["a"] if d in found["b"]]
    with grouped([tmp_path / "s"], docs, found, tmp_path) as groups:
        assert sum(groups.sizes) == len(docs) == 6
        assert len(groups.sizes) > 2
        loaded = [groups.load(k)[0] for k in reversed(range(len(groups.sizes)))][::-1]
    assert [len(set(t["doc"].to_pylist())) for t in loaded] == list(groups.sizes)
    seen = [tuple(r.values()) for t in loaded for r in t.to_pylist()]
    assert sorted(seen) == sorted(r for r in rows if r[1] != "c")
    # Within a document the rows keep their order.
    for doc in docs:
        assert [r for r in seen if r[0] == doc] == [r for r in rows if r[0] == doc and r[1] != "c"]
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_no_documents_are_one_empty_group(tmp_path):
    write_table(sentences([("d", "a", "x")]), tmp_path / "s")
    with grouped([tmp_path / "s"], [], {"a": {}}, tmp_path) as groups:
        assert groups.sizes == (0,)
        assert groups.load(0)[0].num_rows == 0


def doubled(run):
    ids = pa.array([2 * i for i in run["id"].to_pylist()])
    return Made({"made": run.set_column(0, "id", ids)}, {"in": run.num_rows, "of": {"even": run.num_rows}})


def test_a_step_in_shards_is_the_step_in_one_piece(tmp_path, small, monkeypatch):
    write_table(table(11), tmp_path / "x")
    job = job_of(tmp_path)
    counts = by_rows(doubled, Runs.of(tmp_path / "x"), job, label="double")
    assert counts == {"in": 11, "of": {"even": 11}}
    assert pq.read_table(job.out / "made.parquet")["id"].to_pylist() == [2 * i for i in range(11)]
    in_pieces = (job.out / "made.parquet").read_bytes()
    by_rows(doubled, Runs.of(rewritten(tmp_path, monkeypatch)), job, label="double")
    monkeypatch.setattr(artefacts, "ROWS", 4)
    monkeypatch.setattr(artefacts, "BYTES", 100)
    write_table(pq.read_table(job.out / "made.parquet"), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == in_pieces


def rewritten(tmp_path, monkeypatch):
    """The same rows in one run."""
    monkeypatch.setattr(artefacts, "ROWS", 100)
    monkeypatch.setattr(artefacts, "BYTES", 10_000)
    write_table(table(11), tmp_path / "whole")
    return tmp_path / "whole"


def test_what_is_done_is_not_done_again(tmp_path, small):
    write_table(table(11), tmp_path / "x")
    source, job, called = Runs.of(tmp_path / "x"), job_of(tmp_path), []

    def until_the_last(run):
        called.append(run["id"][0].as_py())
        if len(called) == 3:
            raise DataError("no more")
        return doubled(run)

    with pytest.raises(DataError, match="no more"):
        by_rows(until_the_last, source, job, label="double")
    assert len(list(shards_folder(job.out).glob("shards/*/made.arrow"))) == 2
    # One that was damaged since is made again.
    damaged = sorted(shards_folder(job.out).glob("shards/*/made.arrow"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert by_rows(until_the_last, source, job, label="double")["in"] == 11
    assert called == [0, 4, 8, 0, 8]
    assert pq.read_table(job.out / "made.parquet")["id"].to_pylist() == [2 * i for i in range(11)]


def test_another_cut_finds_no_shards_of_the_first(tmp_path, small):
    job = job_of(tmp_path)
    for n in (11, 10):
        write_table(table(n), tmp_path / f"x{n}")
        counts = by_rows(doubled, Runs.of(tmp_path / f"x{n}"), job, label="double")
        assert counts["in"] == n


def test_the_largest_shards_are_begun_first_and_the_results_in_order(tmp_path, monkeypatch):
    class By:
        def results(self, function, tasks):
            for number, load in tasks:
                begun.append(number)
                yield number, function(load())

    begun = []
    monkeypatch.setattr(shards, "engine", lambda: By())
    parts = [table(n) for n in (2, 5, 1, 5)]
    counts = in_shards(doubled, parts.__getitem__, [2, 5, 1, 5], job_of(tmp_path), label="x", unit="rows")
    assert begun == [1, 3, 0, 2]
    assert counts["in"] == 13
    made = pq.read_table(job_of(tmp_path).out / "made.parquet")["id"].to_pylist()
    assert made == [2 * i for n in (2, 5, 1, 5) for i in range(n)]


def test_counts_add_up():
    assert added([{"in": 1, "by": {"a": 1}}, {"in": 2, "by": {"a": 1, "b": 2}, "x": 1}]) == {
        "in": 3,
        "by": {"a": 2, "b": 2},
        "x": 1,
    }
