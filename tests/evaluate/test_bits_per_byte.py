"""Bits per byte: windows that are the text, numbers by hand, and a compressor that stands alone beside each window."""

from __future__ import annotations

import builtins
import json
import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.evaluate.compressor import compressed

LZMA = BitsPerByte(compressor="lzma")


@given(st.text(min_size=1, max_size=300), st.integers(4, 40))
def test_windows_are_the_text_and_none_is_too_large(text, size):
    if not text.strip():
        return
    windows = BitsPerByte(window=size).cut(text)
    assert "".join(windows) == text
    assert all(0 < len(w.encode("utf-8", "replace")) <= size for w in windows)


@given(st.lists(st.text("abé", min_size=1, max_size=5), min_size=2, max_size=40))
def test_windows_end_between_words_where_words_are_short(words):
    windows = BitsPerByte(window=32).cut(" ".join(words))
    assert [w for window in windows for w in window.split()] == words


def test_a_word_longer_than_a_window_is_cut_between_characters():
    assert BitsPerByte(window=7).cut("日本語日本") == ["日本", "語日", "本"]
    assert [len(w) for w in BitsPerByte(window=600).cut("x" * 5000)] == [600] * 8 + [200]


def test_so_many_windows_spread_over_the_text():
    text = "".join(f"{k:03} " for k in range(100))
    every = BitsPerByte(window=8).cut(text)
    some = BitsPerByte(window=8, windows=4).cut(text)
    assert len(some) == 4
    assert some == [every[k * len(every) // 4] for k in range(4)]
    assert BitsPerByte(window=8, windows=1000).cut(text) == every


class Uniform:
    """A model to which every byte is equally probable, of so many."""

    def nats(self, texts):
        return np.array([len(t.encode()) * np.log(16) for t in texts])


def test_a_model_of_sixteen_equal_bytes_needs_four_bits():
    found = LZMA.measure(Uniform(), "some text of some length " * 20)
    assert found["bits_per_byte"].value == pytest.approx(4)
    assert found["bits_per_byte"].ci == pytest.approx((4, 4))
    assert found["gain"].value == pytest.approx(found["compressor"].value - 4)
    assert set(found) == {"bits_per_byte", "compressor", "gain"}
    assert found["gain"].parts["windows"] == 1


def test_items_add_up_and_the_signature_says_what_was_done():
    rng = np.random.default_rng(1)
    windows = ["".join(rng.choice(list("abcd "), 50)) for _ in range(30)]
    nats = rng.uniform(50, 100, 30)
    score = LZMA.score(windows, nats, train="abcd " * 10)
    assert score.value == pytest.approx(nats.sum() / np.log(2) / 1500)
    assert score.ci[0] < score.value < score.ci[1]
    assert score.items.shape == (30, 4)
    assert score.signature.startswith(
        "metric:bits-per-byte|window:600|compressor:lzma|train_bytes:50|samples:1000|seed:1|"
    )


@pytest.mark.parametrize("compressor", ["ppmd", "lzma"])
def test_a_compressor_learns_from_the_text_before(compressor):
    if compressor == "ppmd":
        pytest.importorskip("pyppmd")
    windows = ["Il Cussegl grond ha discutà la lescha. " * 2, "La regenza ha approvà quest project nov. " * 2]
    alone, learnt = (
        compressed(windows, train, compressor=compressor, order=6)
        for train in ("", "La regenza ha discutà; il Cussegl grond ha approvà la lescha e quest project." * 3)
    )
    assert (0 < learnt).all()
    assert (learnt < 0.5 * alone).all()


def test_each_window_stands_alone():
    pytest.importorskip("pyppmd")
    windows = ["the cat sat on the mat", "the cat sat on the mat", "nothing like it"]
    found = compressed(windows, "a dog", compressor="ppmd", order=6)
    assert found[0] == found[1]
    assert found[[2]] == compressed(windows[2:], "a dog", compressor="ppmd", order=6)


def test_what_has_no_pattern_is_not_compressed():
    pytest.importorskip("pyppmd")
    rng = np.random.default_rng(1)
    text = "".join(chr(33 + c) for c in rng.integers(0, 64, 4000))
    bits = 8 * compressed([text], "", compressor="ppmd", order=6)[0] / len(text)
    assert 6 <= bits < 6.8


def test_a_missing_compressor_names_the_other(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pyppmd":
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[metrics\]', or take compressor=lzma"):
        BitsPerByte().score(["a"], np.ones(1))
    assert LZMA.score(["a"], np.ones(1)).value > 0


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match="found a text without a character"):
        LZMA.cut(" \n")
    with pytest.raises(DataError, match="found 2 windows and 1 numbers"):
        LZMA.score(["a", "b"], np.ones(1))
    with pytest.raises(DataError, match="and some text"):
        LZMA.score(["", ""], np.zeros(2))


@pytest.mark.parametrize("settings", [{"window": 3}, {"windows": 0}, {"order": 1}, {"order": 65}, {"samples": -1}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        BitsPerByte(**settings)


@pytest.mark.data
def test_ppmd_on_romansh_of_a_later_year(data):
    pytest.importorskip("pyppmd")
    lines = (data / "wa-dermit-derm/alignments_trg_text.txt").read_text(encoding="utf-8").splitlines()
    windows = BitsPerByte(windows=12).cut("\n".join(line.split("\t", 1)[1] for line in lines))
    with lzma.open(data / "doc-dermit/dermit-1997-2021.jsonl.xz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    latest = sorted((d for d in documents if d["rm"]), key=lambda d: d["id"])
    train = "\n".join(d["rm"] for d in latest)[-60_000:]
    size = sum(len(w.encode()) for w in windows)
    untrained, trained = (8 * compressed(windows, t, compressor="ppmd", order=6).sum() / size for t in ("", train))
    assert 3.7 < untrained < 4.4
    assert 1.8 < trained < 2.3
