"""Words: a token for every sign, in the units that each language is aligned in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError
from polyalign.text.tokenize import Whitespace, Words

ALPHABET = (
    "aBé .,:-'’\"«(1 2.@/&_\n\t\x85\x1c\u2028\xa0\xad\u200b\u200c\u200d\u2060\ufeff\x00漢字ーカひゃ々한กเา้ກເຂ្កិကျ်္ཀ་།"
    "ꦲ\ua9c0ꀀاّ٣צ״हि्😀🏽🇨\u0301\ufe0f\ud800www.http://x@y.z"
)
texts = st.one_of(st.text(alphabet=ALPHABET, max_size=50), st.text(max_size=40))
EDGE = "\u200b\u2060\ufeff"


def tokens(text, lang, **parameters):
    return [text[a:b] for a, b in Words(**parameters)(text, lang).tolist()]


@settings(max_examples=500, deadline=None)
@given(texts, st.sampled_from(["de", "fr", "ja", "zh", "th", "und"]), st.sampled_from(["keep", "split"]))
def test_every_sign_is_in_exactly_one_token(text, lang, hyphens):
    spans = Words(hyphens=hyphens)(text, lang)
    assert spans.dtype == "int32"
    position = 0
    for a, b in spans.tolist():
        assert position <= a < b <= len(text)
        assert not text[position:a].strip(EDGE + "".join(c for c in text if c.isspace()))
        assert not any(c.isspace() or c in EDGE for c in text[a:b])
        position = b
    assert all(c.isspace() or c in EDGE for c in text[position:])


@settings(deadline=None)
@given(texts)
def test_whitespace_is_str_split(text):
    assert [text[a:b] for a, b in Whitespace()(text)] == text.split()


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "", ""),
        ("en", "a", "a"),
        ("en", "I don't know.", "I don't know ."),
        ("en", "John's well-known U.S. plan, J. S. Bach.", "John's well-known U.S. plan , J. S. Bach ."),
        (
            "en",
            "See https://a.b/c?d=1, www.gr.ch. Or me@x.co.uk!",
            "See https://a.b/c?d=1 , www.gr.ch . Or me@x.co.uk !",
        ),
        ("en", "1,234.56 at 12:30, 2.5 (3)", "1,234.56 at 12:30 , 2.5 ( 3 )"),
        ("en", "Well... what?! ---", "Well ... what ? ! ---"),
        ("de", "420'000 Fr. z.B. geht's «so»", "420'000 Fr . z.B. geht's « so »"),
        ("de", "Kinder- und -lehrer - gut, Haus-, a--b -", "Kinder- und -lehrer - gut , Haus- , a -- b -"),
        ("rm", "l' annunzia ch' 'la casa'", "l' annunzia ch' ' la casa '"),
        ("it", "un po' di", "un po' di"),
        ("de", "Ende.Neu gr.ch", "Ende . Neu gr.ch"),
        ("rm", "L'annunzia ch'èn in'auta l’onn", "L' annunzia ch' èn in' auta l’ onn"),
        ("it", "dell'arte l'80% l'«Arena»", "dell' arte l' 80 % l' « Arena »"),
        ("fr", "Aujourd'hui, qu'il est-ce", "Aujourd'hui , qu' il est-ce"),
        ("ca", "col·lecció l'home", "col·lecció l' home"),
        ("uk", "п'ять м’яч", "п'ять м’яч"),
        ("uz", "o‘zbek", "o‘zbek"),
        ("fi", "EU:n jäsen: kyllä", "EU:n jäsen : kyllä"),
        ("he", 'צה"ל אמר "כן".', 'צה"ל אמר " כן " .'),
        ("fa", "می\u200cخواهم ۱۲٫۵؟", "می\u200cخواهم ۱۲٫۵ ؟"),
        ("ar", "الكتاب، والقلم", "الكتاب ، والقلم"),
        ("hi", "हिन्दी है।", "हिन्दी है ।"),
        ("ta", "தமிழ் மொழி.", "தமிழ் மொழி ."),
        ("am", "ሰላም፡ነህ።", "ሰላም ፡ ነህ ።"),
        ("ko", "저는 학교에 갑니다.", "저는 학교에 갑니다 ."),
        ("zh", "我们在2020年用GPT。……", "我 们 在 2020 年 用 GPT 。 ……"),
        ("ja", "東京タワーでコーヒーをちょっと、", "東京 タワー で コーヒー を ちょ っ と 、"),
        ("de", "Er sagte 我们 laut", "Er sagte 我 们 laut"),
        ("th", "น้ำเป็น", "น้ำ เป็ น"),
        ("lo", "ສະບາຍດີ", "ສະ ບາ ຍ ດີ"),
        ("km", "ខ្ញុំស្រលាញ់។", "ខ្ញុំ ស្រ លា ញ់ ។"),
        ("km", "ខ្ញុំ\u200bស្រលាញ់។", "ខ្ញុំ ស្រលាញ់ ។"),
        ("my", "ကျွန်တော် မြန်မာနိုင်ငံ။", "ကျွန် တော် မြန် မာ နိုင် ငံ ။"),
        ("bo", "བཀྲ་ཤིས་བདེ་ལེགས།", "བཀྲ་ ཤིས་ བདེ་ ལེགས །"),
        ("en", "👩‍👩‍👧👍🏽🇨🇭🇩🇪❤️", "👩‍👩‍👧 👍🏽 🇨🇭 🇩🇪 ❤️"),
        ("de", "re\xadgen e\u0301t", "re\xadgen e\u0301t"),
        ("en", "\ufeffBOM\r\nend", "BOM end"),
    ],
)
def test_languages(lang, text, expected):
    assert tokens(text, lang) == expected.split(" ") if expected else tokens(text, lang) == []


def test_elision_and_hyphens_can_be_chosen():
    assert tokens("l'onda", "fr", elision="keep") == ["l'onda"]
    assert tokens("o'clock", "en", elision="split") == ["o'", "clock"]
    assert tokens("Rück-kehr 081-257", "de", hyphens="split") == ["Rück", "-", "kehr", "081", "-", "257"]


def test_many_tokens_and_input_that_tempts_the_expression_to_go_back():
    assert len(Words()("wort " * 5000, "de")) == 5000
    assert len(Words()("a+" * 5000 + " @", "de")) == 10001
    assert len(Words()("a'" * 5000, "fr")) == 5001
    assert len(Words()("a" + "\u0301" * 5000, "en")) == 1


def test_parameters_and_languages_are_checked():
    with pytest.raises(ValueError, match="elision must be auto, split or keep, not 'x'"):
        Words(elision="x")
    with pytest.raises(ValueError, match="hyphens must be keep or split, not 'x'"):
        Words(hyphens="x")
    for method in (Words(), Whitespace()):
        with pytest.raises(ConfigError, match="not a language tag"):
            method("a", "no language")
