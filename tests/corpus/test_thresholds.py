"""Thresholds from a language's own text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.corpus.reference.confidence import Confidence
from polyalign.corpus.reference.mean_std import MeanStd
from polyalign.corpus.reference.median_ratio import MedianRatio
from polyalign.corpus.reference.quantile import Quantile
from polyalign.corpus.reference.tail import Tail
from polyalign.corpus.reference.thresholds import Thresholds
from polyalign.corpus.reference.words import WordProfile, Words
from polyalign.corpus.score.word_lists import StopWords

RULES = (MeanStd, Quantile, MedianRatio)
values = st.lists(st.floats(0.125, 100, width=32), min_size=2, max_size=30).filter(lambda v: np.std(v) > 1e-3)


def scored(found, name="score.x"):
    return pa.table({name: pa.array(found, pa.float32())})


@pytest.mark.parametrize("rule", RULES)
@given(values, st.floats(0.125, 100, width=32))
def test_a_language_like_the_base_keeps_its_threshold(rule, found, least):
    least = float(np.clip(least, min(found), max(found))) if rule is Quantile else least
    got = rule({"score.x": least}).learn([scored(found)], [scored(found)]).minimum["score.x"]
    if rule is Quantile:
        # Between values any threshold cuts the same rows.
        assert (np.asarray(found) < got - 1e-4).sum() <= (np.asarray(found) < least).sum() + 1
    else:
        assert got == pytest.approx(least, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("rule", RULES)
@given(values, st.integers(0, 29))
def test_a_stretched_language_has_a_stretched_threshold(rule, found, k):
    least = float(np.float32(found[k % len(found)]))
    twice = scored([2 * v for v in found])
    got = rule({"score.x": least}).learn([twice], [scored(found)]).minimum["score.x"]
    assert got == pytest.approx(2 * least, rel=1e-3, abs=1e-3)


@given(values, st.floats(0, 0.9))
def test_tail_cuts_its_share(found, share):
    least = Tail(share).learn([scored(found)]).minimum["score.x"]
    assert (np.asarray(found, np.float32) < least - 1e-4).mean() <= share + 1e-9
    assert (np.asarray(found, np.float32) <= least + 1e-4).mean() >= share - 1 / len(found) - 1e-9


def test_confidence_is_median_less_deviation_within_bounds():
    found = [0.95, 0.9, 0.85, 0.8, 0.2]
    learned = Confidence().learn([scored(found, "score.language")])
    want = np.median(found) - np.std(found)
    assert learned.minimum == {"score.language": pytest.approx(want, abs=1e-3)}
    assert Confidence().learn([scored([0.99] * 5, "score.language")]).minimum["score.language"] == 0.9
    assert Confidence().learn([scored([0.1, 0.3], "score.language")]).minimum["score.language"] == 0.3


def test_runs_and_missing_values():
    whole = scored([1.0, None, float("nan"), 2.0, 3.0])
    learned = Tail(0.5).learn([whole.slice(0, 2), pa.table({"text": ["no score"]}), whole.slice(2)])
    assert learned.minimum == {"score.x": 2.0}
    assert learned.rows == {"score.x": 3}
    bitext = Bitext.build(["a"], ["b"], columns={"score.y": [0.5], "score.x": [0.25]})
    assert Tail().learn([bitext]).minimum == {"score.x": 0.25, "score.y": 0.5}
    assert Tail(columns=("score.y",)).learn([bitext]).minimum == {"score.y": 0.5}


@pytest.mark.parametrize("name", ["t.toml", "t.json", "t.toml.gz"])
def test_thresholds_are_saved_whole(tmp_path, name):
    learned = Thresholds({"score.a b": 0.1, 'score."x"': -1e-7, "score.ü": 3.0}, "rule", {"score.ü": 5})
    learned.save(tmp_path / name)
    assert Thresholds.load(tmp_path / name) == learned


def test_stop_words_and_usual_words():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(["the", "of", *(f"word{k}" for k in range(500))], 40,
                                    p=[0.1, 0.05, *[0.85 / 500] * 500])) + " 12" for _ in range(50)]  # fmt: skip
    profile = Words(fewest=2).learn([pa.table({"text": texts[:20]}), pa.table({"text": [*texts[20:], "", None]})])
    assert profile.stop_words[0] == "the"
    assert set(profile.stop_words) == {"the", "of", "12"}
    assert profile.texts == 52
    low, high = profile.word_length
    lengths = [np.mean([len(w) for w in t.split()]) for t in texts]
    assert low < min(lengths) + 0.5
    assert high > max(lengths) - 0.5
    assert 0.9 < profile.word_share < 1
    assert Words(fewest=5, most=5).learn([pa.table({"text": texts})]).stop_words[:3] == ("the", "of", "12")
    assert Words().learn([pa.table({"text": ["हिन्दी में, हिन्दी!"]})]).stop_words == ("हिन्दी", "में")
    sides = Bitext.build(["a a"], ["b b"])
    assert Words(side="tgt").learn([sides]).stop_words == ("b",)


@pytest.mark.parametrize(
    ("lang", "texts", "frequent"),
    [
        ("zho_Hans", ["我的书在你的桌子上。", "他的狗和我的猫 12", "你好，我的朋友"], "的我"),
        ("jpn_Jpan", ["私の本は机の上にある。", "猫の名前はタマ、犬の名前はポチ"], "の"),
        ("tha_Thai", ["บ้านของฉันอยู่ที่นี่", "แมวของเธอนอน"], "น"),
    ],
)
def test_in_scripts_without_spaces_letters_are_words(lang, texts, frequent):
    table = pa.table({"text": texts, "lang": [lang] * len(texts)})
    profile = Words().learn([table])
    assert profile.stop_words[0] == frequent[0]
    assert set(frequent) <= set(profile.stop_words)
    assert {len(w) for w in profile.stop_words} <= {1, 2}
    assert profile.word_length is None
    # The score counts words the same way, and so finds those that were learned.
    scores = StopWords(top=len(profile.stop_words)).fit([table])
    assert set(scores.lists[lang]) == {w for w in profile.stop_words if not w.isdecimal()}
    assert scores.texts(pa.array(texts, pa.large_string()), lang).min() > 0.3


def test_some_words_of_another_script_leave_the_usual_length():
    profile = Words().learn([pa.table({"text": ["the tea is called 茶 here", "many other words of four or five"]})])
    assert "茶" in profile.stop_words
    low, high = profile.word_length
    assert low < np.mean([len(w) for w in "the tea is called here".split()]) < high


def test_a_word_profile_is_saved_whole(tmp_path):
    for text in ("der Hund und die Katze", "我的书"):
        profile = Words().learn([pa.table({"text": [text]})])
        profile.save(tmp_path / "p.json")
        assert WordProfile.load(tmp_path / "p.json") == profile
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(DataError, match="not a saved word profile"):
        WordProfile.load(tmp_path / "p.json")


def test_errors(tmp_path):
    with pytest.raises(DataError, match=r"found no column score\.\*"):
        Tail().learn([pa.table({"text": ["a"]})])
    with pytest.raises(DataError, match=r"found no value of 'score\.y'"):
        Tail(columns=("score.y",)).learn([scored([1.0])])
    for rule in RULES:
        with pytest.raises(ConfigError, match="found no minimum"):
            rule().learn([scored([1.0])], [scored([1.0])])
    with pytest.raises(DataError, match="are equal; use another rule"):
        MeanStd({"score.x": 1.0}).learn([scored([1.0, 2.0])], [scored([1.0, 1.0])])
    with pytest.raises(DataError, match="is 0; use another rule"):
        MedianRatio({"score.x": 1.0}).learn([scored([1.0, 2.0])], [scored([0.0, 0.0])])
    with pytest.raises(DataError, match="found no word"):
        Words().learn([pa.table({"text": ["..."]})])
    for make in (lambda: Tail(1.0), lambda: Confidence(least=0.9, most=0.3), lambda: Words(fewest=0),
                 lambda: Words(share=2), lambda: Words(side="x")):  # fmt: skip
        with pytest.raises(ValueError, match="must be"):
            make()
    (tmp_path / "t.toml").write_text("minimum = 3")
    with pytest.raises(DataError, match="not saved thresholds"):
        Thresholds.load(tmp_path / "t.toml")
