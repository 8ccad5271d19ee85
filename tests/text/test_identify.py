"""Languages and scripts: known sentences, odd input, and the declaration of human rights in all of them."""

from __future__ import annotations

import re
import zipfile

import langcodes
import pycld2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core import langs
from polyalign.core.cld2 import NO_LANGUAGE, tag_of
from polyalign.core.scripts import script_of
from polyalign.text.identify import CLD2, Identified

SENTENCES = {
    "deu_Latn": "Die Regierung hat das Projekt für die Sanierung der Strasse genehmigt.",
    "roh_Latn": "La regenza ha approvà il project per la sanaziun da la via chantunala.",
    "ita_Latn": "Il Governo ha approvato il progetto di risanamento della strada cantonale.",
    "fra_Latn": "Le gouvernement a approuvé le projet de réfection de la route cantonale.",
    "eng_Latn": "The government has approved the project to repair the main road.",
    "spa_Latn": "El gobierno ha aprobado el proyecto para reparar la carretera principal.",
    "rus_Cyrl": "В этом году правительство решило, что главную дорогу города нужно отремонтировать.",
    "ell_Grek": "Η κυβέρνηση ενέκρινε το έργο επισκευής του κεντρικού δρόμου.",
    "arb_Arab": "وافقت الحكومة على مشروع إصلاح الطريق الرئيسي في المدينة.",
    "heb_Hebr": "הממשלה אישרה את הפרויקט לשיפוץ הכביש הראשי.",
    "cmn_Hans": "政府批准了修复主要道路的计划，明年开始施工。",
    "cmn_Hant": "政府批准了修復主要道路的計劃，明年開始施工。",
    "jpn_Jpan": "政府は主要道路を修理する計画を承認しました。",
    "kor_Kore": "정부는 주요 도로를 수리하는 계획을 승인했습니다.",
    "tha_Thai": "รัฐบาลอนุมัติโครงการซ่อมแซมถนนสายหลัก",
    "hin_Deva": "सरकार ने मुख्य सड़क की मरम्मत की परियोजना को मंज़ूरी दी है।",
    "srp_Cyrl": "Влада је одобрила пројекат поправке главног пута у граду.",
}


def test_known_sentences():
    answers = CLD2()(list(SENTENCES.values()))
    assert [a.lang for a in answers] == list(SENTENCES)
    assert all(a.script == a.lang.split("_")[1] and 0.9 <= a.confidence <= 1 for a in answers)


@pytest.mark.parametrize("text", ["", " ", "\n", "123 + 4", "\x00\x01", "\ud800", "\ufffe", "…"])
def test_text_without_letters_is_undetermined(text):
    assert CLD2()([text]) == [Identified("und", 0.0, "Zyyy")]


def test_no_texts():
    assert CLD2()([]) == []


def test_what_the_detector_cannot_read_does_not_change_the_answer():
    dirty = "\ufeff\x00" + "\x85".join(SENTENCES["deu_Latn"].split()) + "\ud800\uffff\x1b"
    assert CLD2()([dirty])[0].lang == "deu_Latn"


def test_markup_is_text_and_a_long_text_is_read_whole():
    assert CLD2()(["<html lang='fr'>" + SENTENCES["deu_Latn"] * 700])[0].lang == "deu_Latn"


def test_a_script_without_an_answer_is_still_told():
    answer = CLD2()(["𐌰𐍄𐍄𐌰 𐌿𐌽𐍃𐌰𐍂"])[0]
    assert answer.lang in ("und", "got_Goth")
    assert answer.script == "Goth"
    assert CLD2(min_confidence=1.0)(["hello"])[0] == Identified("und", 0.85 * 0.5, "Latn")


def test_min_confidence_only_hides_the_language():
    text = ["hello"]
    assert CLD2(min_confidence=0.0)(text)[0].lang == "eng_Latn"
    low, high = CLD2(min_confidence=0.0)(text)[0], CLD2(min_confidence=0.9)(text)[0]
    assert (low.confidence, low.script) == (high.confidence, high.script)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_refuses_a_minimum_outside_its_range(value):
    with pytest.raises(ValueError, match="min_confidence must lie between 0 and 1"):
        CLD2(min_confidence=value)


def test_every_code_the_detector_has_becomes_a_canonical_tag():
    codes = {code for _, code in pycld2.LANGUAGES if code not in NO_LANGUAGE and not code.startswith("xx-")}
    for code in codes:
        tag = tag_of(code, "Latn")
        assert re.fullmatch(r"[a-z]{3}_Latn", tag), code
        assert langs.normalise(tag) == tag
    assert (tag_of("iw", "Hebr"), tag_of("jw", "Java"), tag_of("sr-ME", "Latn")) == ("heb_Hebr", "jav_Java", "srp_Latn")
    assert (tag_of("zh", "Hani"), tag_of("zh-Hant", "Hani")) == ("cmn_Hans", "cmn_Hant")
    assert (tag_of("ja", "Hani"), tag_of("bh", "Deva")) == ("jpn_Jpan", "bho_Deva")


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", "Zyyy"),
        ("a", "Latn"),
        ("aж", "Cyrl"),
        ("漢字とかな", "Jpan"),
        ("漢字", "Hani"),
        ("大韓民國은 민주", "Kore"),
        ("한국어", "Kore"),
        ("ٱلْعَرَبِيَّة", "Arab"),
        ("ᏣᎳᎩ", "Cher"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "Tfng"),
    ],
)
def test_script(text, script):
    assert script_of(text) == script


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_one_canonical_answer(texts):
    answers = CLD2()(texts)
    assert len(answers) == len(texts)
    for a in answers:
        assert 0 <= a.confidence <= 1
        assert len(a.script) == 4
        assert a.lang == "und" or (langs.normalise(a.lang) == a.lang and a.lang.endswith(a.script))


def macro(code):
    try:
        return langcodes.get(code).prefer_macrolanguage().to_alpha3()
    except (LookupError, ValueError):
        return code


@pytest.mark.data
def test_at_least_75_languages_of_the_declaration_of_human_rights(data):
    """A language counts if most of its short sentences are answered right (macrolanguages as one)."""
    path = data / "nltk-zips" / "udhr2.zip"
    if not path.is_file():
        pytest.skip("udhr2.zip is not among the development data")
    right = set()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            code = re.match(r"udhr2/([a-z]{3})(?:_\w+)?\.txt", entry)
            if code is None:
                continue
            lines = [line.strip() for line in archive.read(entry).decode("utf-8").splitlines()]
            lines = [line for line in lines if 30 <= len(line) <= 200][:15]
            hits = sum(macro(a.lang.split("_")[0]) == macro(code[1]) for a in CLD2()(lines))
            if 2 * hits > len(lines):
                right.add(macro(code[1]))
    assert len(right) >= 75, sorted(right)
    assert "roh" in right
