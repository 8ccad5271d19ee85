"""`polyalign balance` as a user calls it."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from polyalign.core.bitext import Bitext
from polyalign.corpus.corpus_files import write_rows
from polyalign.corpus.formats import read_bitext, write_bitext
from tests.cli.outcome import fails


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"line {i} of a\n" for i in range(300)), encoding="utf-8")
    (tmp_path / "b.txt").write_text("".join(f"line {i} of b\n" for i in range(30)), encoding="utf-8")


def test_files_are_groups_and_the_table_tells_epochs(call, files):
    status, out, _ = call("balance", "unimax", "a.txt", "b.txt", "--unit", "rows")
    assert status == 0
    assert out.splitlines() == ["group\trows\tepochs", "a.txt\t300\t0.700", "b.txt\t30\t4.000"]


def test_rows_are_drawn(call, files, tmp_path):
    status, out, err = call(
        "balance", "temperature", "a.txt", "b.txt", "-o", "o.jsonl", "--temperature", "10000", "--json"
    )
    groups = {g["group"]: g for g in json.loads(out)["groups"]}
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert status == 0
    assert groups["b.txt"]["rows_out"] == sum(r["file"] == "b.txt" for r in rows) > 120
    assert groups["b.txt"]["rate"] > 4
    assert "repeated more than 4 times: b.txt" in err


def test_quotas_of_a_column_are_exact(call, tmp_path):
    bitext = Bitext.build([f"s{i}" for i in range(100)], [f"t{i}" for i in range(100)])
    write_bitext(bitext.with_column("lang", pa.array(["deu"] * 60 + ["roh"] * 40)), tmp_path / "a.parquet")
    status, out, _ = call(
        "balance", "quota", "a.parquet", "-o", "o.parquet", "--amounts", '{"deu": 7, "roh": 100}', "--unit", "rows"
    )
    assert status == 0
    assert out.splitlines()[1:] == ["deu\t60\t0.117\t7", "roh\t40\t2.500\t100"]
    drawn = read_bitext(tmp_path / "o.parquet")
    assert (drawn.column("lang").count("deu"), len(set(drawn.ids))) == (7, 107)


def test_rehydration_goes_by_cluster_size(call, tmp_path):
    table = pa.table({"text": ["a", "b"], "cluster_size": pa.array([1, 50], pa.int32())})
    write_rows(table, tmp_path / "d.parquet")
    status, out, _ = call("balance", "rehydrate", "d.parquet", "-o", "o.jsonl", "--json")
    assert (status, [g["rows_out"] for g in json.loads(out)["groups"]]) == (0, [1, 5])


def test_errors(call, files):
    fails(call("balance", "unimax", "a.txt"), "no column 'lang' to group by")
    fails(call("balance", "unimax", "a.txt", "-o", "-", "--json"), "cannot both go to standard output")
    fails(call("balance", "unimax", "a.txt", "--by", "x"), "no column 'x'")
    fails(call("balance", "unimax", "a.txt", "b.txt", "--epochs", "0"), "epochs must be above 0")
