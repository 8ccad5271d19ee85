from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import unit
from polyalign.encoders import encoder as module

from .fake import Fake


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path / "cache"))


def direct(texts):
    rows = np.zeros((len(texts), 8), np.float32)
    for i, t in enumerate(texts):
        if t.strip():
            rows[i] = unit(Fake().vectors([t])).astype(np.float16)[0]
    return rows


@pytest.mark.parametrize("cache", ["on", "off"])
def test_one_unit_vector_a_text_in_order(cache, monkeypatch):
    if cache == "off":
        monkeypatch.setenv("POLYALIGN_CACHE", "off")
    texts = ["b", "a", "", "b", " ", "longer text", "a", "\ud800", "ä"]
    fake = Fake()
    assert np.array_equal(fake.encode(texts), direct(texts))
    assert sorted(t for call in fake.calls for t in call) == sorted(["b", "a", "longer text", "\ud800", "ä"])
    assert fake.calls[0][0] == "longer text"
    again = Fake()
    assert np.array_equal(again.encode(texts), direct(texts))
    assert (again.calls == []) == (cache == "on")


def test_only_what_is_missing_is_computed():
    Fake().encode(["a", "b"])
    fake = Fake()
    texts = ["c", "b", "c", "a"]
    assert np.array_equal(fake.encode(texts), direct(texts))
    assert fake.calls == [["c"]]


def test_nothing_to_encode():
    assert Fake().encode([]).shape == (0, 8)
    assert Fake().encode(["", "\n"]).tolist() == [[0] * 8] * 2


def test_texts_are_told_apart_by_every_character():
    texts = ["a", "a ", " a", "A", "a\u0301", "á"]
    assert len({tuple(row) for row in Fake().encode(texts).tolist()}) == 6


def test_chunks_and_copies_far_apart(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    texts = [f"text {i % 11}" for i in range(50)]
    fake = Fake()
    assert np.array_equal(fake.encode(texts), direct(texts))
    assert [len(c) for c in fake.calls] == [3, 3, 3, 2]


def test_what_is_done_before_a_stop_is_kept(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4)
    texts = [f"text {i:02}" for i in range(10)]

    class Stops(Fake):
        __slots__ = ()

        def vectors(self, some):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return Fake.vectors(self, some)

    with pytest.raises(KeyboardInterrupt):
        Stops().encode(texts)
    fake = Fake()
    assert np.array_equal(fake.encode(texts), direct(texts))
    assert sum(map(len, fake.calls)) == 2


def test_vectors_that_are_not_finite_are_refused_and_not_kept():
    class Broken(Fake):
        __slots__ = ()

        def vectors(self, some):
            rows = Fake.vectors(self, some)
            rows[-1, 0] = np.nan
            return rows

    with pytest.raises(ConfigError, match="is not finite"):
        Broken().encode(["a", "bb"])
    fake = Fake()
    fake.encode(["a", "bb"])
    assert fake.calls == [["bb", "a"]]


def test_an_encoder_of_sentences_has_no_tokens():
    with pytest.raises(ConfigError, match="vectors of sentences only"):
        Fake().tokens(["a"])


@pytest.mark.parametrize("n", [0, 1, 9, 1000])
def test_to_a_file(tmp_path, monkeypatch, n):
    monkeypatch.setattr(module, "BLOCK", 64)
    texts = [f"text {i % 700}" for i in range(n)]
    path = tmp_path / "x.npy"
    assert Fake().encode_to(path, iter(texts)) == n
    rows = np.load(path, mmap_mode="r")
    assert (rows.shape, rows.dtype) == ((n, 8), np.float16)
    assert np.array_equal(rows, Fake().encode(texts))


def test_a_file_that_was_stopped_is_not_there_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)

    def texts():
        yield from [f"text {i}" for i in range(8)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Fake().encode_to(tmp_path / "x.npy", texts())
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]
    fake = Fake()
    fake.encode_to(tmp_path / "x.npy", [f"text {i}" for i in range(10)])
    assert fake.calls == [["text 8", "text 9"]]


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        Fake().encode_to(tmp_path / "none" / "x.npy", ["a"])


def test_unit_keeps_zeros():
    np.testing.assert_allclose(unit(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0, 0]], rtol=1e-6)
