from __future__ import annotations

import pyarrow as pa
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.reference.thresholds import Thresholds
from polyalign.corpus.select.reference import Reference


def documents(rows):
    names = ("lang", "text", "score.x")
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


@pytest.fixture
def thresholds(tmp_path):
    Thresholds({"score.x": 0.5}).save(tmp_path / "deu_Latn.toml")
    Thresholds({"score.x": 0.2}).save(tmp_path / "roh_Latn.toml")
    return str(tmp_path / "{lang}.toml")


def test_each_language_has_its_own_thresholds_and_order_stays(thresholds):
    rows = documents(
        [
            ("roh_Latn", "a", 0.3),
            ("deu_Latn", "b", 0.3),
            ("deu_Latn", "c", 0.5),
            ("roh_Latn", "d", 0.1),
            ("deu_Latn", " ", 0.9),
            ("roh_Latn", "f", None),
        ]
    )
    kept, dropped = Reference(thresholds).select(rows)
    assert kept["text"].to_pylist() == ["a", "c"]
    assert dropped["text"].to_pylist() == ["b", "d", " ", "f"]
    assert dropped["reason"].to_pylist() == ["score.x < 0.5", "score.x < 0.2", "empty-text", "score.x missing"]
    assert kept.column_names == rows.column_names
    kept, _ = Reference(thresholds, missing=True).select(rows)
    assert kept["text"].to_pylist() == ["a", "c", "f"]


def test_no_rows_stay_no_rows(thresholds):
    kept, dropped = Reference(thresholds).select(documents([("deu_Latn", "b", 0.3)]).slice(0, 0))
    assert (kept.num_rows, dropped.num_rows) == (0, 0)
    assert "reason" in dropped.column_names


def test_the_files_it_reads_are_known(thresholds, tmp_path):
    assert Reference(thresholds).inputs(("deu_Latn",)) == [tmp_path / "deu_Latn.toml"]
    assert Reference("one.toml").inputs(("deu_Latn", "roh_Latn"))[0].name == "one.toml"


def test_what_cannot_be_judged_is_told(thresholds):
    with pytest.raises(DataError, match=r"ita_Latn\.toml"):
        Reference(thresholds).select(documents([("ita_Latn", "a", 0.3)]))
    with pytest.raises(DataError, match="documents with a column lang"):
        Reference(thresholds).select(Bitext.build(["a"], ["b"]))
    with pytest.raises(DataError, match=r"no column 'score\.x'"):
        Reference(thresholds).select(pa.table({"lang": ["deu_Latn"], "text": ["a"]}))
