"""``polyalign align-multi``: every form of its output, and its errors."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from polyalign.cli import align_multi
from polyalign.cli.align_multi import _language_of
from polyalign.core.errors import ConfigError, DataError
from polyalign.sentences.multiway import Joint

TEXTS = {
    "de": "Anna kam 1990.\nIn Berlin war es kalt.\nDer Fluss fror zu.\n\nSie ging.\n",
    "en": "Anna came in 1990.\nIt was cold in Berlin and the river froze.\n\nShe left.\n",
    "nl": "Anna kwam in 1990.\nHet was koud in Berlijn en de rivier bevroor.\nZe ging.\n",
}


@pytest.fixture
def files(tmp_path):
    paths = []
    for lang, text in TEXTS.items():
        path = tmp_path / f"story.{lang}.txt"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    return paths


def run(files, out, tags="", as_json=False):
    align_multi.align_multi(Joint(aligner="lexical"), files=files, out=str(out), tags=tags, threads=1, as_json=as_json)


def test_a_table_has_a_column_a_language(files, tmp_path, capsys):
    run(files, tmp_path / "out.tsv", as_json=True)
    rows = [line.split("\t") for line in (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["deu_Latn", "eng_Latn", "nld_Latn", "score"]
    assert rows[2][:2] == ["In Berlin war es kalt. Der Fluss fror zu.", "It was cold in Berlin and the river froze."]
    counts = json.loads(capsys.readouterr().out)
    assert counts["sentences"] == {"deu_Latn": 4, "eng_Latn": 3, "nld_Latn": 3}
    assert (counts["segments"], counts["pieces"], counts["n_ways"]) == (3, 4, {"3": 3})
    assert 0 < counts["agreement"] <= 1


def test_the_other_forms_say_the_same(files, tmp_path):
    for name in ("out.jsonl.gz", "out.parquet", "out.ladder"):
        run(files, tmp_path / name, tags="de,en,nl")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == ["out/0", "out/1", "out/2"]
    assert table["end.deu_Latn"].to_pylist() == [1, 3, 4]
    ladder = (tmp_path / "out.ladder").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:3] for line in ladder[1:]] == [
        ["0", "0", "0"], ["1", "1", "1"], ["2", "1+", "1+"], ["3", "2", "2"], ["4", "3", "3"],
    ]  # fmt: skip


def test_json_lines_on_standard_output_are_a_table(files, capsysbinary):
    run(files, "-")
    assert capsysbinary.readouterr().out.startswith(b"deu_Latn\teng_Latn\tnld_Latn\tscore\n")


def test_languages_are_read_off_names():
    names = ("x.de.txt", "a/x.deu_Latn.txt.gz", "x.zh-TW", "x.y.rm.tsv")
    assert [_language_of(n) for n in names] == ["deu_Latn", "deu_Latn", "cmn_Hant", "roh_Latn"]
    for name in ("x.txt", "x", "de.unknown.txt"):
        with pytest.raises(ConfigError, match="--langs"):
            _language_of(name)


def test_errors_say_what_to_do(files, tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv"):
        run(files, tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="standard output"):
        run(files, "-", as_json=True)
    with pytest.raises(ConfigError, match="two or more"):
        run(files[:1], tmp_path / "out.tsv")
    with pytest.raises(ConfigError, match="2 languages for 3 files"):
        run(files, tmp_path / "out.tsv", tags="de,en")
    with pytest.raises(ConfigError, match="deu_Latn twice"):
        run(files, tmp_path / "out.tsv", tags="de,en,deu")
    with pytest.raises(DataError, match="absent"):
        run([*files, str(tmp_path / "absent.it.txt")], tmp_path / "out.tsv")
