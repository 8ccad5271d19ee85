"""Splits leak nothing, keep their sizes, and stay as a corpus grows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.dedup.minhash import MinHash
from polyalign.corpus.split import Split


def corpus(n=4000, docs=900, seed=0):
    random = np.random.default_rng(seed)
    names = [f"d{k}" for k in random.integers(0, docs, n)]
    return pa.table({"doc": names, "text": [f"text {i}" for i in range(n)]})


def parts(method, table, run=700):
    runs = [table.slice(a, run) for a in range(0, table.num_rows, run)]
    return method.assign(runs).to_pylist()


def sets_of(values, split):
    found: dict[object, set[str]] = {}
    for value, part in zip(values, split, strict=True):
        found.setdefault(value, set()).add(part)
    return found


@pytest.mark.parametrize("method", [Split(test=0.1, dev=0.1), Split(test=300, dev=200)], ids=["shares", "rows"])
def test_no_document_is_in_two_sets(method):
    table = corpus()
    split = parts(method, table)
    assert all(len(found) == 1 for found in sets_of(table["doc"].to_pylist(), split).values())
    assert set(split) == {"train", "dev", "test"}
    assert parts(method, table, run=13) == split
    assert parts(method, table.take(np.arange(4000)[::-1]))[::-1] == split


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_several_columns_leak_in_none(rows):
    table = pa.table({"doc": [f"d{a}" for a, _ in rows], "cluster": [b for _, b in rows], "text": ["x"] * len(rows)})
    split = Split(by=("doc", "cluster"), test=0.3, dev=0.3).mark(table)["split"].to_pylist()
    for column in ("doc", "cluster"):
        assert all(len(found) == 1 for found in sets_of(table[column].to_pylist(), split).values())


def test_near_duplicates_are_in_one_set():
    random = np.random.default_rng(2)
    texts = [
        " ".join(random.choice([a + b + c for a in "bdfghk" for b in "aeiou" for c in "lmnrstvwxz"], 40))
        for _ in range(300)
    ]
    texts += [text + " more" for text in texts]
    marked = MinHash().mark(pa.table({"text": texts}))
    split = Split(by=("cluster",), test=0.2, dev=0.2).mark(marked)["split"].to_pylist()
    assert split[:300] == split[300:]
    assert set(split) == {"train", "dev", "test"}


def test_equal_texts_are_in_one_set_without_columns():
    bitext = Bitext.build([f"s{i % 50}" for i in range(200)], [f"t{i % 50}" for i in range(200)])
    split = Split(by=(), test=0.3, dev=0.3).mark(bitext).column("split")
    assert split == split[:50] * 4
    assert len(set(split)) == 3


def test_shares_are_met_within_binomial_bounds():
    n = 20000
    table = pa.table({"doc": [f"d{i}" for i in range(n)], "text": ["x"] * n})
    split = parts(Split(test=0.1, dev=0.05), table)
    for name, share in (("test", 0.1), ("dev", 0.05)):
        assert abs(split.count(name) - share * n) < 4 * np.sqrt(n * share * (1 - share))


def test_numbers_of_rows_are_not_exceeded():
    table = corpus()
    split = parts(Split(test=300, dev=200), table)
    largest = max(np.unique(table["doc"].to_pylist(), return_counts=True)[1])
    assert 300 - largest < split.count("test") <= 300
    assert 200 - largest < split.count("dev") <= 200


def test_a_growing_corpus_moves_no_old_row():
    table = corpus()
    method = Split(test=0.1, dev=0.1)
    assert parts(method, table)[:1000] == parts(method, table.slice(0, 1000))
    by_rows = Split(test=100, dev=100)
    order = {"test": 0, "dev": 1, "train": 2}
    for small, large in zip(parts(by_rows, table.slice(0, 1000)), parts(by_rows, table), strict=False):
        assert order[large] >= order[small]


def test_null_shares_nothing():
    table = pa.table({"doc": pa.array([None] * 300, pa.string()), "text": [f"t{i}" for i in range(300)]})
    assert len(set(parts(Split(test=0.3, dev=0.3), table))) == 3


def test_edges():
    empty = pa.table({"doc": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    assert Split().mark(empty)["split"].to_pylist() == []
    one = pa.table({"doc": ["a"], "text": [""], "split": ["old"]})
    assert Split(test=0.0, dev=0.0).mark(one)["split"].to_pylist() == ["train"]
    assert Split(test=5, dev=0.0).mark(one)["split"].to_pylist() == ["test"]


def test_errors():
    with pytest.raises(ValueError, match="shares or numbers of rows"):
        Split(test=-1)
    with pytest.raises(ValueError, match="must both be shares"):
        Split(test=0.1, dev=100)
    with pytest.raises(ValueError, match="leave something to train on"):
        Split(test=0.6, dev=0.4)
    with pytest.raises(DataError, match="no column 'x' to split by"):
        Split(by=("x",)).mark(corpus(3))
