from __future__ import annotations

import json
import random
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.models.vocabulary.script import romanise
from polyalign.models.vocabulary.script.bytecode import FIRST, ByteCode
from polyalign.models.vocabulary.script.characters import Characters
from polyalign.models.vocabulary.script.morphemes import morphemes
from polyalign.models.vocabulary.script.myte import Myte, _codes
from polyalign.models.vocabulary.script.origins import Origins, read_origins
from polyalign.models.vocabulary.script.romanise import Romanise
from polyalign.models.vocabulary.script.transliterate import Transliterate, Transliteration, read_table

STEMS = "walk talk jump play work look open climb visit repair".split()
ENDS = ("", "ed", "ing", "er", "s")
ENGLISH = [" ".join(stem + end for stem in STEMS) for end in ENDS] * 4
HINDI = ["नेपाल में किताब किताबें किताबों लड़का लड़के लड़कों", "घर घरों घरवाला लड़कियों किताबवाला"] * 6


# -- romanise


@pytest.fixture(scope="module")
def uroman():
    pytest.importorskip("uroman")
    # Loading it takes seconds.
    return romanise._uroman()[0]


def test_romanised_text_is_uromans_and_says_what_it_came_from(uroman):
    text = "नेपाल में, Привет мир!\r\n\r\n三万一千 日本語"
    out = Romanise(keep_latin=False).with_offsets(text)
    for line, said in zip(text.splitlines(), out.text.splitlines(), strict=True):
        assert said == uroman.romanize_string(line)
    assert len(out.starts) == len(out.text) + 1
    assert out.starts[-1] == len(text)
    assert (np.diff(out.starts) >= 0).all()
    at = out.text.index("Privet")
    assert text[out.starts[at] : out.starts[at + 6]] == "Привет"
    at = out.text.index("31000")
    assert text[out.starts[at] : out.starts[at + 5]] == "三万一千"


def test_latin_stays_unless_it_is_to_go(uroman):
    assert Romanise()("Café Привет") == "Café Privet"
    assert Romanise(keep_latin=False)("Café") == "Cafe"
    assert Romanise()("") == Romanise(keep_latin=False)("") == ""
    assert Romanise(lang="uk")("Привет") == "Pryvet"


def test_a_language_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="not a language tag"):
        Romanise(lang="nonsense!")


def test_without_uroman_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "uroman", None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[scripts\]"):
        romanise._uroman.__wrapped__()


# -- characters


@pytest.mark.parametrize(
    ("into", "text", "said"),
    [
        ("Deva", "নমস্কার", "नमस्कार"),
        ("Beng", "नमस्कार", "নমস্কার"),
        ("Telu", "हिन्दी", "హిన్దీ"),
        ("Deva", "கமல்", "कमल्"),
        ("Hira", "カタカナ", "かたかな"),
        ("Kana", "ひらがな abc", "ヒラガナ abc"),
        ("Latn", "Щука и Ёж", "Ŝuka i Ëž"),
        ("Cyrl", "Ŝuka", "Щука"),
        ("Deva", "है। ॥", "है। ॥"),
        ("Deva", "", ""),
    ],
)
def test_letters_of_related_scripts_are_one(into, text, said):
    assert Characters(into)(text) == said


def test_indic_letters_keep_their_names():
    for into, name in {"Beng": "BENGALI", "Telu": "TELUGU", "Mlym": "MALAYALAM"}.items():
        for character in "कखगङचछटतनपमयरलसहािीु्०१९":
            there = unicodedata.name(Characters(into)(character)).replace(name, "DEVANAGARI")
            assert there == unicodedata.name(character)


@given(st.text(alphabet=st.characters(whitelist_categories=["L", "M", "N", "P", "Z"]), max_size=30))
def test_the_way_back_is_lossless_where_it_says_so(text):
    for into, script in (("Deva", "Beng"), ("Latn", "Cyrl"), ("Kana", "Hira")):
        method = Characters(into)
        assert method.lossless(text, script) == (method.back(method(text), script) == text)


def test_what_is_of_one_script_comes_back():
    for into, script, text in (
        ("Deva", "Beng", "আমি বাংলায় গান গাই। ১২৩"),
        ("Latn", "Cyrl", "Съешь ещё этих мягких французских булок, ґедзь, Љубав"),
        ("Hira", "Kana", "カタカナ、ヴァ"),
    ):
        assert Characters(into).lossless(unicodedata.normalize("NFC", text), script)


def test_scripts_that_are_not_related_are_refused():
    with pytest.raises(ValueError, match="into must be one of"):
        Characters("Arab")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="script must be one that Latn stands for"):
        Characters("Latn").back("a", "Deva")


# -- transliterate

WORDS = """qalb\tArabic
kitba\tArabic
Ħobż\tArabic
tmur\tArabic
ħabib\tArabic
skola\tItalian
stazzjon\tItalian
storja\tItalian
kompjuter\tEnglish
"""


@pytest.fixture
def lexicon(tmp_path):
    path = tmp_path / "origins.tsv"
    path.write_text(WORDS, encoding="utf-8")
    return path


def test_only_words_of_the_chosen_origins_are_written_anew(lexicon):
    made = Transliterate(str(lexicon)).fit()
    assert made("Qalb u skola, kompjuter!") == "قالب u skola, kompjuter!"
    # A word that the list lacks is judged by its letters, unless only the list counts.
    assert made("ħabiba storji") == made.word("ħabiba") + " storji"
    assert Transliterate(str(lexicon), unlisted=False).fit()("ħabiba qalb") == "ħabiba قالب"
    assert Transliterate(str(lexicon), origins=("Arabic", "English")).fit()("kompjuter").isascii() is False
    assert made("") == ""


def test_text_in_the_other_script_decides_between_spellings(lexicon):
    made = Transliterate(str(lexicon)).fit(["قلب كتب خبز حبيب تمر", "خبز قلب"] * 3)
    assert made.word("qalb") == "قلب"
    assert made.word("ħobż") == "خبز"
    assert made.word("ħabib") == "حبيب"


def test_the_best_spelling_is_the_best_of_all():
    import itertools

    ways = {"a": ("x", ""), "b": ("y", "xx"), "c": ("z", "y")}
    rng = random.Random(1)
    text = ["".join(rng.choice("xyz") for _ in range(rng.randint(1, 5))) for _ in range(60)]
    from polyalign.models.vocabulary.script.transliterate import _counts

    made = Transliteration(frozenset("o"), Origins.of({"a": "o"}), ways, _counts(text), True)
    for word in ("abc", "cab", "bca", "aa"):
        every = ["".join(parts) for parts in itertools.product(*(ways[x] for x in word))]
        best = min(every, key=lambda w: made._cost("", w + "$"))
        assert made._cost("", made.word(word) + "$") == pytest.approx(made._cost("", best + "$"))


def test_a_table_of_ones_own(tmp_path, lexicon):
    table = tmp_path / "table.tsv"
    table.write_text("q\tK|C\nal\tL\nb\tB\n", encoding="utf-8")
    assert Transliterate(str(lexicon), table=str(table)).fit()("qalb") == "KLB"
    table.write_text("q\tK\nq\tC\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2: .* expected a source, new in each line"):
        read_table(table)
    table.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="found no line"):
        read_table(table)


def test_a_lexicon_that_is_none_is_refused(tmp_path, lexicon):
    with pytest.raises(DataError, match="no word has the origin 'Latin'"):
        Transliterate(str(lexicon), origins=("Latin",)).fit()
    lexicon.write_text("qalb Arabic\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1: .* expected a word, a tab and its origin"):
        read_origins(lexicon)
    lexicon.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="found no word"):
        read_origins(lexicon)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"origins": ()}, "origins names none"), ({"order": 0}, "order must be"), ({"smoothing": 0}, "smoothing must be")],
)
def test_transliterate_refuses_parameters_out_of_range(wrong, said):
    with pytest.raises(ValueError, match=said):
        Transliterate("x", **wrong)


def test_where_words_come_from_is_learnt():
    rng = random.Random(1)
    words = {"".join(rng.choice("abcdei") for _ in range(6)): "a" for _ in range(200)}
    words |= {"".join(rng.choice("defxyz") for _ in range(6)): "b" for _ in range(200)}
    held = dict(list(words.items())[::10])
    model = Origins.of({w: o for w, o in words.items() if w not in held})
    assert np.mean([model(w) == o for w, o in held.items()]) > 0.95
    # By the definition, slowly.
    word, scores = "abxyde", {}
    marked = f"^{word}$"
    runs = [marked[i : i + n] for n in range(1, 5) for i in range(len(marked) - n + 1) if marked[i : i + n] not in "^$"]
    from math import log

    for origin in "ab":
        counts = model._runs[origin]
        total = sum(counts.values()) + 0.1 * (model._kinds + 1)
        scores[origin] = log(list(model.listed.values()).count(origin) / len(model.listed))
        scores[origin] += sum(log((counts[g] + 0.1) / total) for g in runs)
    assert model.guessed(word) == max(scores, key=scores.get)


# -- myte


def cost(words, splits):
    """Of the documentation, from scratch."""
    from collections import Counter
    from math import log

    letters = Counter(x for w in words for x in w)
    total = letters.total() + len(words)
    counts = Counter()
    for word, n in words.items():
        for part in splits[word]:
            counts[part] += n
    used = counts.total()
    listed = sum(-log(len(words) / total) - sum(log(letters[x] / total) for x in part) for part in counts)
    return used * log(used) - sum(c * log(c) for c in counts.values()) + listed


def test_morphemes_are_found_and_cost_less():
    words = {stem + end: 1 for stem in STEMS for end in ENDS}
    found = morphemes(words)
    assert all("".join(parts) == word for word, parts in found.items())
    assert sum(found[s + "ing"] == [s, "ing"] for s in STEMS) >= 8
    assert cost(words, found) < cost(words, {w: [w] for w in words}) - 50
    assert morphemes(words) == found
    assert morphemes({}) == {}
    assert morphemes({"aaaa": 3}).keys() == {"aaaa"}


def test_its_account_of_the_cost_is_right():
    from polyalign.models.vocabulary.script.morphemes import _Lexicon

    words = {stem + end: 1 + len(end) for stem in STEMS for end in ENDS}
    model = _Lexicon(words)
    for word in [*words, *words]:
        model.split(word)
    assert model.cost() == pytest.approx(cost(words, {w: list(model.parts(w)) for w in words}))


@pytest.fixture(scope="module")
def code():
    return Myte().fit({"eng_Latn": ENGLISH, "hi": HINDI})


NASTY = [
    "",
    "A",
    "AA Aa aA ABBA",
    "WALKED Walked, wALKing!",
    "İstanbul ẞ ß ǅ Ǆ K Ω",
    "é É Éclair ÀÉ",
    "नेपाल में किताबों।",
    "日本語 \U0001f9ff\U00013000",
    "a\x00\r\n\t\x7f\x80Ã\u2028",
    "किता",
    "walk" * 5000,
]


def test_text_comes_back_as_it_was(code):
    for text in NASTY:
        assert code.decode(code.encode(text)) == text
    assert len(code.encode("talking")) < len("talking")
    assert len(code.encode("किताबों")) < len("किताबों".encode()) / 3


@given(st.text(max_size=40))
def test_any_text_comes_back(text):
    code = ByteCode({"ab": b"\x42\x80", "abc": b"\x43\x80\x81", "é": b"\x42\x81"})
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    assert code.decode(code.encode(text)) == text


def test_transformers_tokenizer_makes_the_same_of_it(code, tmp_path):
    transformers = pytest.importorskip("transformers")
    code.save(tmp_path / "code")
    read = transformers.AutoTokenizer.from_pretrained(tmp_path / "code")
    assert type(read).__name__ == "MyT5Tokenizer"
    for tokenizer in (code.tokenizer(), read):
        for text in [*NASTY[:7], *ENGLISH, *HINDI]:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert bytes(i - 3 for i in ids) == code.encode(text)
            assert tokenizer.decode(ids) == text
    again = ByteCode.load(tmp_path / "code")
    assert again.codes == code.codes
    assert json.loads((tmp_path / "code" / "byte_maps.json").read_text()).keys() == {"decompose_map", "merge_map"}


def test_codes_are_as_short_as_can_be_and_none_begins_another():
    for wanted in (1, 25 * 64, 25 * 64 + 1, 30000, 25 * 4096 + 7):
        codes = list(_codes(wanted))
        assert len(codes) == wanted
        assert len(set(codes)) == len(codes)
        assert {c[0] for c in codes} <= set(FIRST)
        by_first = {c[0]: {len(x) for x in codes if x[0] == c[0]} for c in codes[:: max(1, len(codes) // 500)]}
        assert all(len(sizes) == 1 for sizes in by_first.values())
        assert [len(c) for c in codes] == sorted(len(c) for c in codes)
    with pytest.raises(ConfigError, match="take fewer of a language"):
        list(_codes(25 * 64**3 + 1))


def test_each_language_has_its_share_of_short_codes():
    code = Myte(morphemes=20).fit({"eng_Latn": ENGLISH, "hin_Deva": HINDI})
    latin = [t for t in code.codes if t.isascii()]
    assert 10 <= len(latin) <= 20
    assert 5 <= len(code.codes) - len(latin) <= 20


def test_codes_that_clash_are_refused():
    for codes in ({"a": b"A\x80"}, {"a": b"\x42"}, {"a": b"\x42\x20"}):
        with pytest.raises(ValueError, match="is no code"):
            ByteCode(codes)
    for codes in ({"a": b"\x42\x80", "b": b"\x42\x80"}, {"a": b"\x42\x80", "b": b"\x42\x80\x81"}):
        with pytest.raises(ValueError, match="the same, or one begins"):
            ByteCode(codes)


def test_myte_says_what_is_wrong(code, tmp_path):
    with pytest.raises(DataError, match="half a character"):
        code.encode("a\ud800")
    with pytest.raises(DataError, match="found no word in the text of deu_Latn"):
        Myte().fit({"de": ["1 2 3"]})
    with pytest.raises(DataError, match="holds no code of bytes"):
        ByteCode.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        code.save(tmp_path / "file")
    for wrong, said in (
        ({"morphemes": 0}, "morphemes must be"),
        ({"passes": 0}, "passes must"),
        ({"seed": -1}, "seed must"),
    ):
        with pytest.raises(ValueError, match=said):
            Myte(**wrong)
    assert code.decode(b"\xff\x42") == "\ufffdB"


def test_a_seed_gives_the_same_code():
    texts = {"eng_Latn": ENGLISH, "hin_Deva": HINDI}
    assert Myte(seed=3).fit(texts).codes == Myte(seed=3).fit(texts).codes
