"""Normalisation: idempotent, equal to the standard library's forms, and every character traceable."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.text.normalize import _CONTINUES, Normalised, UnicodeNormalizer

FORMS = ("NFC", "NFKC")
TRICKY = (
    "aeA \t\n\r\v\f\x85\x1c\xa0\u2003\u2028\u3000e\u0301\u0323\u0327\xad\u200b\u200c\u200d\u200e\u2066\ufeff\x00\x9f"
    "कक़\u093cمیﬁﬀ\u1100\u1161\u11a8가ㄱㅏｶﾞ\u212b\ufdfa\u0958\u0e33\u0344👩🏽\ufe0f\U0001d15e\ud800\ufffe\u17d2ក\u0f0bཀ¨½"
)
texts = st.one_of(st.text(alphabet=TRICKY, max_size=30), st.text(max_size=30))


def normalizers():
    return [
        UnicodeNormalizer(form=f, spaces=s, controls=c) for f in FORMS for s in (True, False) for c in (True, False)
    ]


@settings(max_examples=400, deadline=None)
@given(texts)
def test_is_idempotent_and_maps_every_character(text):
    for method in normalizers():
        out = method(text)
        assert out.starts.shape == (len(out.text) + 1,)
        assert out.starts[-1] == len(text)
        assert (np.diff(out.starts) >= 0).all()
        assert out.starts[0] >= 0
        again = method(out.text)
        assert again.text == out.text, method


@settings(max_examples=400, deadline=None)
@given(texts)
def test_form_alone_is_the_standard_one(text):
    for form in FORMS:
        out = UnicodeNormalizer(form=form, spaces=False, controls=False)(text)
        assert out.text == unicodedata.normalize(form, text)


@settings(max_examples=200, deadline=None)
@given(texts, st.data())
def test_a_span_maps_to_raw_text_that_normalises_to_it(text, data):
    out = UnicodeNormalizer(spaces=False, controls=False)(text)
    # Cuts where a raw character begins and nothing combines across.
    cuts = [
        i
        for i in range(len(out.text) + 1)
        if i == len(out.text)
        or (not regex.match(f"[{_CONTINUES}]", out.text[i]) and (i == 0 or out.starts[i] > out.starts[i - 1]))
    ]
    a, b = sorted((data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))))
    assert unicodedata.normalize("NFC", text[out.starts[a] : out.starts[b]]) == out.text[a:b]


@pytest.mark.parametrize("form", FORMS)
def test_every_code_point_is_stable(form):
    """All of Unicode, between letters so that what is dropped or spaced shows."""
    method = UnicodeNormalizer(form=form)
    text = "x".join(map(chr, range(0x110000)))
    once = method(text)
    assert method(once.text).text == once.text
    plain = UnicodeNormalizer(form=form, spaces=False, controls=False)(text)
    assert plain.text == unicodedata.normalize(form, text)


def test_continuing_characters_are_all_that_combine_backwards():
    """No character outside the class decomposes to a start that reorders or composes with what precedes."""
    continues = regex.compile(f"[{_CONTINUES}]")
    for code in [*range(0xD800), *range(0xE000, 0x110000)]:
        char = chr(code)
        if unicodedata.category(char) == "Cn":
            # Not assigned: nothing to decompose to.
            continue
        for form in ("NFD", "NFKD"):
            first = unicodedata.normalize(form, char)[0]
            if unicodedata.combining(first) or regex.match("[\u1161-\u1175\u11a8-\u11c2]", first):
                assert continues.match(char), hex(code)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("", ""),
        ("a", "a"),
        ("\ufeff", ""),
        (" \t\xa0 ", ""),
        ("a\xa0\u2009 b", "a b"),
        ("a \r\n\t b\r\rc\u2028d", "a\nb\n\nc\nd"),
        ("re\xadgen\u200b\u2060s", "regens"),
        ("x\x1fy\x00z", "x yz"),
        ("\u202babc\u202c\u200f", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d👩🏽\u200d🚀", "👩\u200d👩🏽\u200d🚀"),
        ("a\u200cb\u200dc", "abc"),
        ("ខ្ញុំ\u200bទៅ", "ខ្ញុំ\u200bទៅ"),
        ("e\xad\u0301", "é"),
        ("\ud800a\ufffe", "a"),
        ("ﬁ", "ﬁ"),
    ],
)
def test_examples(raw, clean):
    assert UnicodeNormalizer()(raw).text == clean


def test_nfkc_unifies_and_maps_to_the_whole_ligature():
    out = UnicodeNormalizer(form="NFKC")("ａﬁ①")
    assert out.text == "afi1"
    assert out.starts.tolist() == [0, 1, 1, 2, 3]


def test_a_clean_text_is_untouched_whatever_its_length():
    text = "Zürich ist schön. " * 5000
    out = UnicodeNormalizer()(text.strip())
    assert out.text == text.strip()
    assert (out.starts == np.arange(len(out.text) + 1)).all()


def test_starts_cannot_be_written():
    out = UnicodeNormalizer()("a")
    assert isinstance(out, Normalised)
    with pytest.raises(ValueError, match="read-only"):
        out.starts[0] = 1


def test_refuses_another_form():
    with pytest.raises(ValueError, match="form must be NFC or NFKC, not 'NFD'"):
        UnicodeNormalizer(form="NFD")
