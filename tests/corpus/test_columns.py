"""Parquet and Arrow: which columns, and types that do not fit."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.bitext.columns import Columns

PAIR = ("deu_Latn", "eng_Latn")
TABLE = pa.table({"de": ["Tür", "ja"], "en": ["door", "yes"], "n": [1, 2], "score.x": [0.5, 1.0]})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x"


def put(path, kind, table=TABLE):
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "feather":
        feather.write_feather(table, str(path))
    else:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_the_content_tells_the_format(path, kind):
    put(path, kind)
    reader = Columns(str(path), src="{src}", tgt="{tgt}", id="n")
    assert reader.inputs(PAIR) == [path]
    bitext = reader.read(PAIR)
    assert (bitext.src, bitext.tgt, bitext.ids, bitext.langs) == (["Tür", "ja"], ["door", "yes"], ["1", "2"], PAIR)
    assert bitext.table["score.x"].type == pa.float32()


def test_dictionaries_are_text_and_other_columns_keep_their_type(path):
    table = TABLE.set_column(0, "de", TABLE["de"].dictionary_encode()).append_column("src", pa.array([[1], [2]]))
    put(path, "parquet", table)
    bitext = Columns(str(path), src="de", tgt="en").read(PAIR)
    assert (bitext.src, bitext.column("n"), bitext.column("src#2"), bitext.ids) == (
        ["Tür", "ja"],
        [1, 2],
        [[1], [2]],
        ["0", "1"],
    )


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (TABLE, {}, "found the columns de, en, n, score.x, expected 'src'; name it with src"),
        (TABLE, {"src": "de", "tgt": "n"}, "column 'n' is int64, expected text"),
        (TABLE, {"src": "de", "tgt": "de"}, "src and tgt are both 'de'"),
        (
            TABLE.set_column(0, "de", pa.array(["a", None])),
            {"src": "de", "tgt": "en"},
            "row 1: found null in column 'de'",
        ),
        (
            TABLE.set_column(3, "score.x", pa.array(["a", "b"])),
            {"src": "de", "tgt": "en"},
            "column 'score.x' is string, expected float",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(path, table, options, message):
    put(path, "parquet", table)
    with pytest.raises(DataError, match=message):
        Columns(str(path), **options).read(PAIR)


def test_another_file_is_refused(path):
    path.write_text("src\ttgt\n")
    with pytest.raises(DataError, match=r"found a file that starts with b'src\\ttg', expected Parquet or Arrow"):
        Columns(str(path)).read(PAIR)
