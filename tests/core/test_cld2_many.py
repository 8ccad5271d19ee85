"""CLD2 on many texts: the answers are those for one text at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core import cld2_many
from polyalign.core.cld2 import CODES, detect
from polyalign.core.cld2_many import Answers, detect_many

TEXTS = [
    "Das ist ein Satz auf Deutsch.", "This is English, of course.", "Allegra, quai è ina frasa en rumantsch grischun.",
    "", None, "Hi", "ok", "12", "\n\n", "a\x00b", "Привет, мир!\n\nКак дела?", "日本語です\tはい", "x\ufffey \ufdd0z", "\x85\x9fa",
    "\U0001fffe\U0010ffff Das ist das Ende.", "schön \u00a0ü", "<p>This is not HTML</p> & more", "Das ist gut. " * 5000, "ñ" * 5000,
    "nuqneH tlhIngan Hol Dajatlh\'a\'", "ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ",
]  # fmt: skip


def one_by_one(texts, best_effort):
    return [detect(t, best_effort=best_effort) if t else ("", 0.0, False) for t in texts]


def told(answers: Answers):
    codes = [answers.codes[n] for n in answers.numbers]
    return list(zip(codes, answers.shares.tolist(), answers.reliable.tolist(), strict=True))


@pytest.fixture
def hidden(monkeypatch):
    monkeypatch.setattr(cld2_many, "_library", lambda: None)


@pytest.mark.parametrize("best_effort", [False, True])
def test_many_are_told_as_one(best_effort):
    array = pa.array(TEXTS, pa.large_string())
    expected = one_by_one(TEXTS, best_effort)
    assert told(detect_many(array, best_effort=best_effort)) == expected
    assert told(detect_many(array[3:9], best_effort=best_effort)) == expected[3:9]
    assert told(detect_many(array[:0], best_effort=best_effort)) == []


@given(st.lists(st.text(max_size=30), max_size=5), st.booleans())
def test_any_text_is_told_as_one(texts, best_effort):
    assert told(detect_many(pa.array(texts, pa.large_string()), best_effort=best_effort)) == one_by_one(
        texts, best_effort
    )


@pytest.mark.parametrize("best_effort", [False, True])
def test_a_library_that_hides_its_functions_is_asked_one_by_one(hidden, best_effort):
    assert told(detect_many(pa.array(TEXTS, pa.large_string()), best_effort=best_effort)) == one_by_one(
        TEXTS, best_effort
    )


def test_the_functions_are_found_and_know_every_code():
    library = cld2_many._library()
    if library is None:
        pytest.skip("this build of pycld2 does not show CLD2's functions by the names known here")
    assert set(library.codes) >= CODES
    assert cld2_many._library() is library


def test_threads_do_not_change_answers():
    array = pa.array(TEXTS * 20, pa.large_string())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: told(detect_many(array)), range(8)))
    assert all(answer == found[0] for answer in found)
    assert found[0] == one_by_one(TEXTS, True) * 20


def test_texts_in_some_languages():
    answers = detect_many(pa.array(TEXTS[:5], pa.large_string()))
    assert answers.among(["de", "rm"]).tolist() == [True, False, True, False, False]
    assert answers.among([""]).tolist() == [False, False, False, True, True]
    assert not answers.among([]).any()
