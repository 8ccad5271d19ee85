"""Sentences: nothing but white space is ever outside a span, in any language and any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError
from polyalign.text.split import Lines, Sentences, SentenceX

ALPHABET = (
    "aBé .!?…;:'\"«»“”()[]1 3.\n\n\r\t\x85\u2028\x1c\xa0\u3000\u200b\ufeff\x00。！「」।۔؟።។៕།༎།ཀကខពЖ😀\u0301Dr\u2029"
)
texts = st.one_of(st.text(alphabet=ALPHABET, max_size=60), st.text(max_size=40))
LANGS = ["de", "en", "rm", "it", "ja", "zh", "ar", "my", "km", "bo", "th", "und", "eus_Latn", "hr", "ru"]


def check(out: Sentences, text: str):
    spans = out.spans.tolist()
    assert out.spans.shape == (len(spans), 2)
    assert out.paragraphs.shape == (len(spans),)
    position = 0
    for a, b in spans:
        assert position <= a < b <= len(text)
        assert not text[position:a].strip()
        assert text[a:b] == text[a:b].strip()
        position = b
    assert not text[position:].strip()
    steps = [0, *out.paragraphs.tolist()]
    assert all(y - x in (0, 1) for x, y in zip(steps, steps[1:], strict=False))
    assert not spans or steps[1] == 0


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(LANGS))
def test_every_character_that_is_not_white_is_in_exactly_one_sentence(text, lang):
    for method in (SentenceX(), SentenceX(line_breaks="wrap"), Lines()):
        check(method(text, lang), text)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000\r\n"])
def test_blank_text_has_no_sentences(text):
    for method in (SentenceX(), Lines()):
        out = method(text, "en")
        assert out.spans.shape == (0, 2)
        assert len(out.paragraphs) == 0


@pytest.mark.parametrize(
    ("lang", "text", "n"),
    [
        ("de", "Am 3. Mai kam Dr. Müller. Er ging z.B. nach Chur.", 2),
        ("de", "Von ca. 2.6 Mio. Franken. Ende.", 2),
        ("roh_Latn", "La regenza ha decidì il 3. da matg. Quai è p.ex. bun.", 2),
        ("it", "Il dott. Rossi arriva alle 8.30. È tardi!", 2),
        ("fr", "M. Dupont est là. «Oui.» Non ?", 3),
        ("ru", "Он живёт в г. Москва. Да.", 2),
        ("el", "Τι κάνεις; Καλά.", 2),
        ("hy", "Բարև։ Լավ։", 2),
        ("hr", "Dana 3. svibnja. Kraj.", 2),
        ("nb", "Den 3. mai kom dr. Hansen f.eks. hit. Slutt.", 2),
        ("hu", "Ez 2020. május 3. napján volt. Vége.", 2),
        ("lv", "Tas bija 2020. gada 3. maijā. Beigas.", 2),
        ("zh", "你好。世界！是吗？", 3),
        ("ja", "今日は。元気？はい！", 3),
        ("ko", "안녕. 하세요? 네", 3),
        ("hi", "यह है। क्या? हाँ।", 3),
        ("bn", "এটা ভালো। হ্যাঁ।", 2),
        ("ur", "یہ ہے۔ کیا؟ ہاں", 3),
        ("am", "ሰላም። እንዴት ነህ? ደህና።", 3),
        ("km", "ខ្ញុំទៅ។ គាត់មក៕ ហើយ", 3),
        ("my", "ကျွန်ုပ်၏ အမည်၊ ဖြစ်သည်။ ကောင်းပါတယ်။", 2),
        ("bo", "བཀྲ་ཤིས། བདེ་ལེགས། ། ཡོད༎", 3),
        ("th", "เมื่อ พ.ศ. 2500 เขามา! แล้วไป", 2),
        ("und", "ខ្ញុំទៅ។ គាត់មក។", 2),
    ],
)
def test_languages(lang, text, n):
    out = SentenceX()(text, lang)
    check(out, text)
    assert len(out.spans) == n, out.texts(text)


def test_offsets_are_code_points_of_the_raw_text():
    text = "\ufeff😀 Привет, 👩‍🚀!\r\n\r\n  e\u0301 è. Da.\xa0 "
    out = SentenceX()(text, "ru")
    assert out.texts(text) == ["\ufeff😀 Привет, 👩‍🚀!", "e\u0301 è.", "Da."]
    assert out.paragraphs.tolist() == [0, 1, 1]


def test_a_headline_stays_apart_and_blank_lines_end_paragraphs():
    text = "Titel\nText eins. Text zwei.\n \n\nNeu.\n"
    out = SentenceX()(text, "de")
    assert out.texts(text) == ["Titel", "Text eins.", "Text zwei.", "Neu."]
    assert out.paragraphs.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_wrapped_text_is_joined_across_single_line_ends_of_any_kind(end):
    text = f"This goes{end}on and on. Then{end}stops.{end}{end}Next{end}one."
    out = SentenceX(line_breaks="wrap")(text, "en")
    assert out.texts(text) == [f"This goes{end}on and on.", f"Then{end}stops.", f"Next{end}one."]
    assert out.paragraphs.tolist() == [0, 0, 1]
    assert len(SentenceX()(text, "en").spans) == 6


def test_a_very_long_line():
    text = "Das ist ein Satz. " * 5000
    assert len(SentenceX()(text, "de").spans) == 5000


def test_white_space_that_makes_the_splitter_fail():
    text = "J.\u2028B. C\xa0. D.\u3000x J.\u2003K."
    check(SentenceX(line_breaks="wrap")(text, "en"), text)


def test_lines():
    text = "\ufeffA. B.\r\n\tC \n\n\nD"
    out = Lines()(text)
    assert out.texts(text) == ["\ufeffA. B.", "C", "D"]
    assert out.paragraphs.tolist() == [0, 0, 1]


def test_refuses_another_line_break_rule_and_a_language_that_is_none():
    with pytest.raises(ValueError, match="line_breaks must be break or wrap, not 'keep'"):
        SentenceX(line_breaks="keep")
    for method in (SentenceX(), Lines()):
        with pytest.raises(ConfigError, match="not a language tag"):
            method("a", "no language")
