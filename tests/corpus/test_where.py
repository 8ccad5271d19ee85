from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.select.where import Where


def documents(names, **columns):
    return pa.table({"doc": pa.array(names, pa.string()), "text": ["x"] * len(names), **columns})


@given(st.lists(st.text("0123-", max_size=4), max_size=20), st.text("0123-", max_size=3))
def test_a_text_divides_what_comes_before_from_what_comes_after(names, at):
    table = documents(names)
    after, before = Where(least={"doc": at}).select(table)
    again, rest = Where(below={"doc": at}).select(table)
    assert after["doc"].to_pylist() == [n for n in names if n >= at] == rest["doc"].to_pylist()
    assert before["doc"].to_pylist() == [n for n in names if n < at] == again["doc"].to_pylist()


def test_every_test_must_be_passed_and_the_first_that_is_not_is_the_reason():
    table = documents(["a", "b", "c", "d"], split=["test", "test", "train", None])
    kept, dropped = Where(equal={"split": "test"}, least={"doc": "b"}).select(table)
    assert kept["doc"].to_pylist() == ["b"]
    assert dropped.select(["doc", "reason"]).to_pylist() == [
        {"doc": "a", "reason": "doc not at least b"},
        {"doc": "c", "reason": "split not test"},
        {"doc": "d", "reason": "split not test"},
    ]


def test_of_a_bitext_pairs_are_kept():
    bitext = Bitext.build(["a", "b"], ["c", "d"], langs=("deu_Latn", "roh_Latn"))
    kept, dropped = Where(equal={"tgt": "d"}).select(bitext)
    assert (kept.src, kept.langs, dropped.num_rows) == (["b"], ("deu_Latn", "roh_Latn"), 1)


def test_nothing_in_nothing_out_and_nothing_asked_for_all_kept():
    assert Where().select(documents(["a"]))[0].num_rows == 1
    kept, dropped = Where(equal={"doc": "a"}).select(documents([]))
    assert (kept.num_rows, dropped.num_rows) == (0, 0)


def test_what_is_refused():
    with pytest.raises(DataError, match=r"no column 'split'; found doc, text; run the step that adds it first"):
        Where(equal={"split": "test"}).select(documents(["a"]))
    with pytest.raises(
        DataError, match=r"column 'n' is int64, expected text; for numbers take corpus.select/threshold"
    ):
        Where(equal={"n": "1"}).select(documents(["a"], n=[1]))
