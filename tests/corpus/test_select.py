"""Selection: nothing is lost, and every dropped row has its reason."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.select.threshold import Threshold

sides = st.sampled_from(["", " \t\u00a0", "a", "bb", "c" * 9, "😀"])
scores = st.sampled_from([None, float("nan"), -1.0, 0.2, 0.5])
rows = st.lists(st.tuples(sides, sides, scores), max_size=30)


def build(table):
    bitext = Bitext.build([r[0] for r in table], [r[1] for r in table])
    return bitext.with_column("score.x", pa.array([r[2] for r in table], pa.float32()))


def reasons_one_by_one(table, method):
    """The obvious way."""
    seen, out = set(), []
    for src, tgt, score in table:
        longer, shorter = max(len(src), len(tgt)), min(len(src), len(tgt))
        if method.nonempty and not src.strip():
            out.append("empty-src")
        elif method.nonempty and not tgt.strip():
            out.append("empty-tgt")
        elif method.max_length_ratio is not None and longer > method.max_length_ratio * max(1, shorter):
            out.append("length-ratio")
        elif method.minimum and (score is None or math.isnan(score)):
            out.append("score.x missing")
        elif method.minimum and score < method.minimum["score.x"]:
            out.append("score.x < 0.2")
        elif method.distinct and (src, tgt) in seen:
            out.append("duplicate")
        else:
            seen.add((src, tgt))
            out.append("")
    return out


@given(
    rows,
    st.builds(
        Threshold,
        minimum=st.sampled_from([{}, {"score.x": 0.2}]),
        nonempty=st.booleans(),
        max_length_ratio=st.sampled_from([None, 1.0, 2.0]),
        distinct=st.booleans(),
    ),
)
def test_it_equals_testing_row_by_row(table, method):
    bitext = build(table)
    before = bitext.table
    kept, dropped = method.select(bitext)
    reasons = reasons_one_by_one(table, method)
    assert kept.ids == [str(i) for i, r in enumerate(reasons) if not r]
    assert dropped["id"].to_pylist() == [str(i) for i, r in enumerate(reasons) if r]
    assert dropped["reason"].to_pylist() == [r for r in reasons if r]
    assert len(kept) + dropped.num_rows == len(bitext)
    assert dropped.column_names == [*bitext.table.column_names, "reason"]
    assert bitext.table is before
    assert kept.langs == bitext.langs


def test_of_equal_pairs_the_first_good_one_is_kept():
    bitext = build([("a", "b", 0.1), ("a", "b", 0.9), ("a", "b", 0.8), ("b", "a", 0.8)])
    kept, dropped = Threshold(minimum={"score.x": 0.5}, distinct=True).select(bitext)
    assert kept.ids == ["1", "3"]
    assert dropped["reason"].to_pylist() == ["score.x < 0.5", "duplicate"]


def test_a_score_at_the_minimum_is_kept():
    kept, _ = Threshold(minimum={"score.x": 0.2}).select(build([("a", "b", 0.2)]))
    assert len(kept) == 1


def test_chunked_tables_of_whole_numbers():
    bitext = Bitext.build(["a", "b"] * 3, ["c", "d"] * 3).with_column(
        "score.n", pa.chunked_array([[1, 2, 3], [4, 5, 6]])
    )
    bitext = Bitext(pa.concat_tables([bitext.table.slice(0, 2), bitext.table.slice(2)]))
    kept, dropped = Threshold(minimum={"score.n": 3}, distinct=True).select(bitext)
    assert (kept.ids, dropped["reason"].to_pylist()) == (
        ["2", "3"],
        ["score.n < 3", "score.n < 3", "duplicate", "duplicate"],
    )


def test_what_cannot_be_compared_is_refused():
    bitext = build([("a", "b", 1.0)]).with_column("score.text", pa.array(["x"]))
    with pytest.raises(
        DataError, match=r"no column 'score.y' for minimum; found the scores score.x, score.text; run the step"
    ):
        Threshold(minimum={"score.y": 1}).select(bitext)
    with pytest.raises(DataError, match=r"column 'score.text' is string, expected numbers"):
        Threshold(minimum={"score.text": 1}).select(bitext)
    with pytest.raises(ValueError, match="minimum must give a number"):
        Threshold(minimum={"score.x": float("nan")})
    with pytest.raises(ValueError, match="max_length_ratio must be at least 1"):
        Threshold(max_length_ratio=0.5)
