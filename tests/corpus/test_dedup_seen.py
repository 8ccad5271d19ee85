"""Which texts came before: what a set would say, however the rows are cut."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.corpus.dedup.seen import Seen

texts = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "b", "ab", " a", "A", "\x00", "\x00\x00"]))


@given(st.lists(st.tuples(texts, texts), max_size=60), st.integers(1, 20))
def test_it_is_what_a_set_says(rows, size):
    seen, found, met = Seen(), [], set()
    for k in range(0, len(rows), size):
        src, tgt = zip(*rows[k : k + size], strict=True)
        found += seen.again(pa.table({"src": pa.array(src, pa.string()), "tgt": tgt}), ["src", "tgt"]).tolist()
    expected = []
    for row in rows:
        expected.append(row in met)
        met.add(row)
    assert found == expected


def test_many_runs_are_kept_in_few_parts():
    seen = Seen()
    for k in range(300):
        rows = pa.table({"id": [str(k * 50 + i) for i in range(100)]})
        assert seen.again(rows, ["id"]).sum() == (50 if k else 0)
    assert len(seen._met._parts) <= 10
    assert sum(map(len, seen._met._parts)) == 300 * 50 + 50


@pytest.mark.parametrize("pair", [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), (None, "abc")])
def test_sides_do_not_run_together(pair):
    seen = Seen()
    assert not seen.again(pa.table({"src": ["a"], "tgt": ["b"]}), ["src", "tgt"]).any()
    for other in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), (None, "abc")]:
        met = Seen()
        met.again(pa.table({"src": pa.array([pair[0]], pa.string()), "tgt": [pair[1]]}), ["src", "tgt"])
        again = met.again(pa.table({"src": pa.array([other[0]], pa.string()), "tgt": [other[1]]}), ["src", "tgt"])
        assert again.tolist() == [pair == other]


def test_no_rows():
    assert Seen().again(pa.table({"text": pa.array([], pa.string())}), ["text"]).tolist() == []
