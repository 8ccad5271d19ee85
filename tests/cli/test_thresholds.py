from __future__ import annotations

import json
import tomllib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.cli.main import main


@pytest.fixture
def scored(tmp_path):
    path = tmp_path / "scored.parquet"
    langs = ["deu_Latn"] * 11 + ["roh_Latn"] * 11
    values = [k / 10 for k in range(11)] + [k / 20 for k in range(11)]
    pq.write_table(
        pa.table({"doc": [str(k) for k in range(22)], "lang": langs, "text": ["x"] * 22, "score.x": values}), path
    )
    return path


def run(*args):
    with pytest.raises(SystemExit) as stop:
        main(["thresholds", *map(str, args)])
    return stop.value.code


def test_one_file_for_each_language(scored, tmp_path, capsys):
    assert run("tail", scored, "-o", tmp_path / "made/{lang}.toml", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["lang"] for row in told] == ["deu_Latn", "roh_Latn"]
    found = {p.stem: tomllib.loads(p.read_text())["minimum"]["score.x"] for p in (tmp_path / "made").iterdir()}
    assert found == {"deu_Latn": pytest.approx(0.1), "roh_Latn": pytest.approx(0.05)}


def test_one_file_for_all(scored, tmp_path, capsys):
    assert run("tail", scored, "-o", tmp_path / "all.json", "--share", "0.5") == 0
    assert json.loads((tmp_path / "all.json").read_text())["rows"] == {"score.x": 22}
    assert "score.x" in capsys.readouterr().out


def test_carried_over_from_a_base_language(scored, tmp_path, capsys):
    minimum = '{"score.x": 0.2}'
    assert run("median-ratio", scored, "-o", tmp_path / "{lang}.toml", "--base", scored, "--minimum", minimum) == 0
    assert (tmp_path / "deu_Latn.toml").exists()
    capsys.readouterr()
    assert run("median-ratio", scored, "-o", tmp_path / "x.toml", "--minimum", minimum) == 2
    assert "--base" in capsys.readouterr().err
    assert run("tail", scored, "-o", tmp_path / "x.toml", "--base", scored) == 2
    assert "--base" in capsys.readouterr().err


def test_rows_without_a_language(tmp_path, capsys):
    (tmp_path / "x.tsv").write_text("a\tb\n", encoding="utf-8")
    assert run("tail", tmp_path / "x.tsv", "-o", tmp_path / "{lang}.toml") == 2
    assert "column lang" in capsys.readouterr().err
