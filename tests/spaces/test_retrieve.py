"""Retrieval against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.space import unit
from polyalign.spaces.retrieve.csls import CSLS
from polyalign.spaces.retrieve.inverted_softmax import InvertedSoftmax
from polyalign.spaces.retrieve.margin import MarginRetrieval
from polyalign.spaces.retrieve.nearest import Nearest

METHODS = [Nearest(), CSLS(), InvertedSoftmax(), MarginRetrieval()]


def sides(n=70, m=90, d=8, seed=1):
    random = np.random.default_rng(seed)
    return (unit(random.normal(size=(k, d)).astype(np.float32)) for k in (n, m))


def top(values, k):
    return np.sort(values, axis=1)[:, ::-1][:, :k].mean(axis=1)


def slow(method, x, y):
    """The whole matrix of scores."""
    cos = (x @ y.T).astype(np.float64)
    if isinstance(method, Nearest):
        return cos
    if isinstance(method, InvertedSoftmax):
        b = method.inverse_temperature
        return cos - np.log(np.exp(b * cos).sum(axis=0)) / b
    r, s = top(cos, method.neighbours)[:, None], top(cos.T, method.neighbours)[None, :]
    if isinstance(method, CSLS):
        return 2 * cos - r - s
    return cos / ((r + s) / 2) if method.margin == "ratio" else cos - (r + s) / 2


@pytest.mark.parametrize(
    "method",
    [
        *METHODS,
        CSLS(neighbours=3),
        CSLS(neighbours=500),
        InvertedSoftmax(inverse_temperature=5.0),
        MarginRetrieval("distance", 4, 90),
    ],
    ids=str,
)
def test_it_equals_the_formula(method):
    x, y = sides()
    scores, rows = method.retrieve(x, y, 5)
    full = slow(method, x, y)
    if isinstance(method, MarginRetrieval):  # chooses among the nearest
        beyond = np.argsort(-(x @ y.T), axis=1)[:, max(method.candidates, 5) :]
        np.put_along_axis(full, beyond, -np.inf, axis=1)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int32
    np.testing.assert_allclose(scores, -np.sort(-full, axis=1)[:, :5], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(full, rows.astype(int), 1), scores, atol=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_rows_asked_for_get_what_they_get_among_all(method):
    x, y = sides()
    scores, rows = method.retrieve(x, y, 3)
    some = np.array([7, 3, 3], np.int32)
    part, found = method.retrieve(x, y, 3, rows=some)
    assert np.array_equal(found, rows[some])
    np.testing.assert_allclose(part, scores[some], atol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_edges(method):
    x, y = sides(3, 2)
    assert method.retrieve(x, y, 10)[1].shape == (3, 2)
    assert method.retrieve(x[:0], y, 4)[1].shape[0] == 0
    assert method.retrieve(x, y[:0], 4)[1].shape == (3, 0)
    assert method.retrieve(x[:1], y[:1], 1)[1].tolist() == [[0]]
    zeros = np.zeros((3, 8), np.float32)
    assert np.isfinite(method.retrieve(zeros, y, 1)[0]).all()
    same = np.repeat(y[:1], 4, axis=0)
    assert method.retrieve(x, same, 1)[1].tolist() == [[0]] * 3


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_cannot_be_compared_is_refused(method):
    x, y = sides(4, 5)
    with pytest.raises(DataError, match=r"shapes \(4, 7\) and \(5, 8\), expected rows of one length"):
        method.retrieve(x[:, :7], y, 1)
    with pytest.raises(DataError, match="found k = 0"):
        method.retrieve(x, y, 0)
    bad = y.copy()
    bad[2, 1] = np.nan
    with pytest.raises(DataError, match="a target vector that is not finite"):
        method.retrieve(x, bad, 1)


def test_a_hub_is_corrected_for():
    random = np.random.default_rng(2)
    x = unit(random.normal(size=(200, 10)).astype(np.float32) + 0.8)
    y = unit(x + 0.3 * random.normal(size=x.shape).astype(np.float32))
    y[0] = unit(x.mean(axis=0, keepdims=True))  # near to all
    hits = {type(m).__name__: int((m.retrieve(x, y, 1)[1][:, 0] == np.arange(200)).sum()) for m in METHODS}
    assert all(hits[name] > hits["Nearest"] for name in ("CSLS", "InvertedSoftmax", "MarginRetrieval"))


def test_a_sample_of_sources_is_enough_for_the_softmax():
    x, y = sides(600, 50)
    whole = InvertedSoftmax().retrieve(x, y, 1)[1]
    some = InvertedSoftmax(sample=300).retrieve(x, y, 1)[1]
    assert (whole == some).mean() > 0.8
    assert np.array_equal(some, InvertedSoftmax(sample=300).retrieve(x, y, 1)[1])
    assert np.array_equal(whole, InvertedSoftmax(sample=600).retrieve(x, y, 1)[1])


@pytest.mark.parametrize("cls", [Nearest, CSLS, InvertedSoftmax, MarginRetrieval])
def test_an_approximate_index_finds_nearly_the_same(cls):
    pytest.importorskip("faiss")
    random = np.random.default_rng(3)
    topics = random.normal(size=(60, 16))
    x = unit((topics[random.integers(0, 60, 900)] + 0.3 * random.normal(size=(900, 16))).astype(np.float32))
    y = unit((topics[random.integers(0, 60, 1100)] + 0.3 * random.normal(size=(1100, 16))).astype(np.float32))
    exact, near = cls().retrieve(x, y, 1)[1], cls(index="approximate").retrieve(x, y, 1)[1]
    assert (exact == near).mean() > 0.9


def test_without_faiss_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("polyalign.encoders.index.find_spec", lambda name: None)
    x, y = sides(4, 5)
    with pytest.raises(MissingExtraError, match=r"polyalign\[mining\]"):
        Nearest(index="approximate").retrieve(x, y, 1)


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (CSLS, {"neighbours": 0}, "neighbours must be at least 1"),
        (InvertedSoftmax, {"inverse_temperature": 0.0}, "inverse_temperature must be above 0"),
        (InvertedSoftmax, {"sample": -1}, "sample must not be negative"),
        (MarginRetrieval, {"candidates": 0}, "candidates must be at least 1"),
    ],
)
def test_parameters_out_of_range_are_refused(cls, given, message):
    with pytest.raises(ValueError, match=message):
        cls(**given)
