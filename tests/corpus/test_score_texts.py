"""Scores of texts and pairs against slow, obvious ones; and the stream that adds them."""

from __future__ import annotations

import difflib
import math
import threading
import zlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import set_threads
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.compression import Compression
from polyalign.corpus.score.digits import Digits, NonzeroNumerals
from polyalign.corpus.score.length_ratio import LengthRatio, LengthZ
from polyalign.corpus.score.lengths import Length, LongestWord, WordLength
from polyalign.corpus.score.letters import Alphabet, Noise, Script
from polyalign.corpus.score.lines import Bullets, Ellipses, Urls
from polyalign.corpus.score.punctuation import Punctuation, TerminalPunctuation
from polyalign.corpus.score.repetition import DuplicateNgrams, Repeats, TopNgram
from polyalign.corpus.score.runs import fitted, score_runs
from polyalign.corpus.score.texts import by_language
from polyalign.corpus.score.untranslated import Copy

alphabet = st.sampled_from("ab AB.,!?…10２٣é\n\t\u00a0\u3000ßдя日ひ한\ud7ff\ue000\ufffd😀-•“«(%")
texts = st.lists(st.text(alphabet, max_size=40), min_size=1, max_size=12)
EDGES = ["", " ", "a", "\u2028x\x1cy", "x" * 5000, "wort " * 1200, "日本語です。", "🏳️‍🌈 e\u0301", "a\x00b"]


def arrow(values):
    return pa.array(values, pa.large_string())


def of(method, values, lang="deu_Latn"):
    return method.texts(arrow(values), lang)


def same(found, expected):
    np.testing.assert_allclose(found, np.array(expected, np.float32), rtol=1e-6, equal_nan=True)


def pair(src, tgt, langs=("deu_Latn", "eng_Latn")):
    return Bitext.build(src, tgt, langs=langs)


def ratio(a, b):
    return a / b if b else math.nan


@given(texts)
def test_texts_are_decoded_as_python_has_them(values):
    found = Decoded(arrow(values))
    assert found.points.tolist() == [ord(c) for v in values for c in v]
    assert np.diff(found.offsets).tolist() == [len(v) for v in values]
    assert found.bytes.tolist() == [len(v.encode()) for v in values]


def test_slices_and_nulls_are_decoded_too():
    array = pa.array(["ä", None, "日本", "b"], pa.large_string())
    assert np.diff(Decoded(array.slice(1, 2)).offsets).tolist() == [0, 2]
    assert Decoded(array.slice(2)).points.tolist() == [ord(c) for c in "日本b"]
    assert len(Decoded(array.slice(0, 0))) == 0


@given(texts)
def test_lengths_and_letters_equal_counting_one_by_one(values):
    words = [v.split() for v in values]
    letters = [len(regex.findall(r"\p{Alphabetic}", v)) for v in values]
    same(of(LongestWord(), values), [-max(map(len, w), default=0) for w in words])
    same(of(Alphabet(), values), [ratio(n, len(v)) for n, v in zip(letters, values, strict=True)])
    same(of(Alphabet(of="solid"), values), [ratio(n, sum(map(len, w))) for n, w in zip(letters, words, strict=True)])
    latin = [len(regex.findall(r"(?=\p{Alphabetic})\p{Script=Latn}", v)) for v in values]
    same(of(Script(), values), [ratio(a, b) for a, b in zip(latin, letters, strict=True)])
    found = of(Length(least=2, most=3), values)
    assert [x == 1 for x in found] == [2 <= len(w) <= 3 for w in words]
    means = [len("".join(w)) / len(w) if w else 0 for w in words]
    assert [x == 1 for x in of(WordLength(), values)] == [2 <= m <= 20 for m in means]


@given(texts, texts)
def test_pair_scores_equal_their_formulas(one, two):
    n = min(len(one), len(two))
    one, two = one[:n], two[:n]
    bitext = pair(one, two)
    longer = [max(len(s), len(t)) for s, t in zip(one, two, strict=True)]
    same(LengthRatio().pairs(bitext), [ratio(min(len(s), len(t)), m) for s, t, m in zip(one, two, longer, strict=True)])
    ends = [[sum(c in ".?!…" for c in x) for x in side] for side in (one, two)]
    expected = [-math.log(1 + abs(s - t) + max(0, s - 1) + max(0, t - 1)) for s, t in zip(*ends, strict=True)]
    same(TerminalPunctuation().pairs(bitext), expected)
    numerals = [[[c for c in x if c in "123456789"] for x in side] for side in (one, two)]
    blocks = [difflib.SequenceMatcher(None, s, t, autojunk=False).ratio() for s, t in zip(*numerals, strict=True)]
    same(NonzeroNumerals().pairs(bitext), blocks)
    common = [
        difflib.SequenceMatcher(None, s, t, autojunk=False).find_longest_match().size
        for s, t in zip(one, two, strict=True)
    ]
    shares = [1 - c / min(len(s), len(t)) if s and t else math.nan for c, s, t in zip(common, one, two, strict=True)]
    same(Copy("substring", lowercase=False).pairs(bitext), shares)
    edits = [1 - (1 - distance(s, t) / m) if s and t else math.nan for s, t, m in zip(one, two, longer, strict=True)]
    same(Copy(lowercase=False).pairs(bitext), edits)


def distance(s, t):
    row = list(range(len(t) + 1))
    for i, a in enumerate(s):
        before, row[0] = row[0], i + 1
        for j, b in enumerate(t):
            before, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, before + (a != b))
    return row[-1]


@pytest.mark.parametrize("length", [63, 64, 65, 127, 128, 129, 300])
def test_edits_of_texts_of_several_machine_words(length):
    random = np.random.default_rng(length)
    s = "".join(random.choice(list("abcd"), length))
    t = "".join(random.choice(list("abcd"), length // 2)) + s[length // 3 :]
    same(Copy().pairs(pair([s], [t])), [distance(s, t) / max(len(s), len(t))])


REPEATED = regex.compile(r"(\S.{2,100}?)(?: *\1){2,}")


@given(st.lists(st.text("ab ", max_size=40), min_size=1, max_size=10))
def test_repeats_equal_the_regular_expression(values):
    expected = []
    for value in values:
        match = REPEATED.search(value)
        expected.append(-(match[0].count(match[1]) - 1) if match else 0)
    same(of(Repeats(), values), expected)


@pytest.mark.parametrize(("shortest", "least"), [(1, 1), (2, 3), (5, 2)])
def test_repeats_of_other_lengths_and_in_long_texts(shortest, least):
    random = np.random.default_rng(shortest)
    values = ["".join(random.choice(list("abc "), n)) for n in random.integers(0, 40, 200)]
    # More characters than the table has places for, and the repetition last.
    values.append("".join(random.choice([chr(k) for k in range(0x4E00, 0x9000)], 30_000)) + "wieder " * 5)
    pattern = regex.compile(rf"(\S.{{{shortest - 1},9}}?)(?: *\1){{{least},}}")
    found = [pattern.search(value) for value in values]
    expected = [-(m[0].count(m[1]) - 1) if m else 0 for m in found]
    same(of(Repeats(shortest=shortest, longest=10, least=least), values), expected)
    assert found[-1][1] == "wieder "[: len(found[-1][1])]


@given(st.lists(st.text("ab c", max_size=30), min_size=1, max_size=10), st.integers(1, 3))
def test_ngram_shares_equal_counting_one_by_one(values, n):
    top, again = [], []
    for value in values:
        words = value.split()
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = Counter(grams)
        most = max(counts.values(), default=0)
        chars = max((sum(map(len, g)) for g, c in counts.items() if c == most), default=0)
        seen, repeated = set(), set()
        for i, gram in enumerate(grams):
            repeated |= set(range(i, i + n)) if gram in seen else set()
            seen.add(gram)
        top.append(1 - min(1, most * chars / len(value) if most > 1 else 0) if value else math.nan)
        again.append(1 - sum(len(words[i]) for i in repeated) / len(value) if value else math.nan)
    same(of(TopNgram(n), values), top)
    same(of(DuplicateNgrams(n), values), again)


def test_short_texts_can_be_left_untold():
    assert np.isnan(of(TopNgram(2, least_words=4), ["a a a"])).all()
    assert of(DuplicateNgrams(2, unit="characters"), ["ababab"]).tolist() == pytest.approx([1 / 3], abs=1e-6)


def test_numbers_agree_whatever_separates_them_and_in_any_script():
    bitext = pair(["1.200 und 3", "٣ ٤", "2021", "drei", "7"], ["3, 1 200 1,200"[:8], "3 4", "2012", "3", "7 7"])
    assert Digits().pairs(bitext)[1:].round(2).tolist() == [1.0, 0.0, 0.0, pytest.approx(2 / 3, abs=0.01)]
    assert np.isnan(Digits(both=True).pairs(bitext)[3])
    assert Digits().pairs(pair(["1.200", "1’200"], ["1\u202f200", "1,200"])).tolist() == [1.0, 1.0]
    assert np.isnan(Digits().pairs(pair(["a"], ["b"]))).all()


def test_punctuation_is_compared_by_kind():
    bitext = pair(["Ja, ja.", "«Was?»", "a", "Ja."], ["是，是。", "“What?”", "b", "Yes!"])
    same(Punctuation().pairs(bitext), [1.0, 1.0, math.nan, 0.0])


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Das ist schön, für Öl „Ä“ à la carte.", 1.0),
        ("schÃ¶n", 1 - 2 / 6),
        ("donâ€™t", 1 - 3 / 7),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", 0.0),
        ("«É»", 1.0),
        ("a\x07b\ufffd", 0.5),
        ("Москва is Moscow", 1.0),
        ("Mоscow", 0.0),  # the second letter is Cyrillic
        ("日本語カタカナひらがな", 1.0),
        ("Tab\tund\nZeile", 1.0),
    ],
)
def test_noise(text, score):
    assert of(Noise(), [text]).tolist() == pytest.approx([score], abs=1e-6)


def test_mixed_words_may_be_left_out_of_noise():
    assert of(Noise(mixed=False), ["Mоscow"]).tolist() == [1.0]


def test_signs_of_lists():
    text = "• eins\n- zwei\nmehr…\nsiehe http://a.b/c und weiter..."
    assert of(Bullets(), [text]).tolist() == [0.5]
    assert of(Ellipses(), [text]).tolist() == [0.5]
    assert of(Urls(), ["www.a.de", "https://x", "httpx"]).tolist() == [0.0, 0.0, 1.0]


def test_the_script_of_several_is_known():
    same(of(Script(), ["日本語です"], "jpn_Jpan"), [1.0])
    same(of(Script(), ["日本語です"], "cmn_Hans"), [3 / 5])
    assert np.isnan(of(Script(), ["Haus"], "und")).all()


def test_compression_is_the_packers():
    text = "Ein Satz. " * 30
    same(of(Compression(), [text, ""]), [len(zlib.compress(text.encode(), 6)) / len(text), math.nan])
    assert 0 < of(Compression("zstd", 3), [text])[0] < 0.5


def test_the_length_ratio_is_learned_though_some_pairs_are_wrong():
    random = np.random.default_rng(1)
    lengths = random.integers(20, 200, 500)
    src = ["a" * n for n in lengths]
    tgt = ["b" * max(1, round(n * 1.2 + random.normal() * math.sqrt(n))) for n in lengths]
    tgt[:50] = ["b"] * 50
    model = LengthZ().fit([pair(src[:250], tgt[:250]), pair(src[250:], tgt[250:])])
    assert model.ratio == pytest.approx(1.2, abs=0.03)
    z = model.pairs(pair(src, tgt))
    assert (z[:50] < -3).all()
    assert (z[50:] > -3).mean() > 0.98
    with pytest.raises(DataError, match="found no ratio"):
        LengthZ().pairs(pair(["a"], ["b"]))
    with pytest.raises(DataError, match="no pair with text on both sides"):
        LengthZ().fit([pair([""], ["a"])])


METHODS = {
    "length": Length(), "ratio": LengthRatio(), "z": LengthZ(), "noise": Noise(), "top": TopNgram(),
    "copy": Copy(), "digits": Digits(), "repeats": Repeats(), "script": Script(),
}  # fmt: skip


def test_runs_of_any_size_and_threads_give_the_same_columns():
    random = np.random.default_rng(3)
    words = ["Haus", "und", "12", "schÃ¶n", "日本", "", "a-b", "…"]
    src, tgt = ([" ".join(random.choice(words, random.integers(1, 9))) for _ in range(9000)] for _ in range(2))
    bitext = pair(src, tgt)
    seen = []
    for size, threads in ((9000, 1), (1000, 0), (4097, 2)):
        set_threads(threads)
        runs = [Bitext(bitext.table.slice(at, size)) for at in range(0, 9000, size)]
        done = list(score_runs(runs, METHODS, head=500))
        table = pa.concat_tables([run.table for run in done]).combine_chunks()
        assert [len(run) for run in done] == [len(run) for run in runs]
        assert done[0].langs == bitext.langs
        seen.append(table)
    set_threads(0)
    assert seen[0].equals(seen[1])
    assert seen[0].equals(seen[2])
    assert {"score.src.length", "score.tgt.length", "score.ratio", "score.z"} <= set(seen[0].column_names)
    assert all(seen[0][c].type == pa.float32() for c in seen[0].column_names if c.startswith("score."))


@pytest.mark.parametrize(("threads", "ahead"), [(1, 0), (2, 1)])
def test_with_two_threads_a_run_is_read_while_the_last_is_scored(threads, ahead):
    read = []

    def runs():
        for n in range(4):
            read.append(n)
            yield pair([f"Haus {n}"], ["house"])

    set_threads(threads)
    given = score_runs(runs(), {"length": Length()})
    seen = [(run.src, len(read)) for run in given]
    set_threads(0)
    assert seen == [([f"Haus {n}"], min(4, n + 1 + ahead)) for n in range(4)]


def test_what_fails_in_reading_or_scoring_is_told_and_ends_the_threads():
    def runs(last):
        yield pair(["a"], ["b"])
        raise last

    before = threading.active_count()
    for threads in (1, 2):
        set_threads(threads)
        with pytest.raises(DataError, match="line 7"):
            list(score_runs(runs(DataError("x line 7: broken")), {"length": Length()}))
        with pytest.raises(ConfigError, match="compares the two sides"):
            list(score_runs([pa.table({"text": ["a"]})] * 3, {"copy": Copy()}))
        given = score_runs([pair(["a"], ["b"])] * 5, {"length": Length()})
        next(given)
        given.close()
    set_threads(0)
    assert threading.active_count() == before


def test_odd_texts_are_scored_by_everything():
    done = next(score_runs([pair(EDGES, EDGES[::-1])], {**METHODS, "z": LengthZ(ratio=1.0)}))
    assert len(done) == len(EDGES)
    assert done.column("score.copy")[0] is None
    assert len(next(score_runs([pair([], [])], {"length": Length()}))) == 0


def test_documents_have_one_column_and_a_language_each():
    table = pa.table({"text": ["Haus", "дом", "日本"], "lang": ["deu_Latn", "rus_Cyrl", "deu_Latn"]})
    done = next(score_runs([table], {"script": Script()}))
    assert done["score.script"].to_pylist() == [1.0, 1.0, 0.0]
    again = next(score_runs([done], {"script": Length()}))
    assert again.column_names == done.column_names
    with pytest.raises(ConfigError, match="'copy' compares the two sides"):
        next(score_runs([table], {"copy": Copy()}))
    with pytest.raises(DataError, match="expected text"):
        by_language(pa.table({"x": [1]}))


def test_fitted_fits_only_what_must_learn():
    methods = fitted({"z": LengthZ(), "length": Length()}, [pair(["aa"], ["aaa"])])
    assert methods["z"].ratio == 1.5
    assert methods["length"] == Length()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Length(least=3, most=2), "least and most"),
        (lambda: WordLength(least=-1), "least and most"),
        (lambda: LengthZ(variance=0), "variance be above 0"),
        (lambda: Repeats(shortest=0), "Repeats needs"),
        (lambda: TopNgram(0), "n must be at least 1"),
        (lambda: DuplicateNgrams(0), "n must be at least 1"),
        (lambda: Compression(level=20), "level must be from 1 to 9"),
    ],
)
def test_wrong_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
