"""Scores that know languages, words or have learned."""

from __future__ import annotations

import itertools
import math
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError, MissingExtraError
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.columns import Links, Ways
from polyalign.corpus.score.language import Language, LanguagePair, LearnedLanguage
from polyalign.corpus.score.lexicon import Lexicon, read_lexicon
from polyalign.corpus.score.ngram_model import NgramModel, encode, train
from polyalign.corpus.score.perplexity import Direction, Kenlm, NgramModels, Perplexity
from polyalign.corpus.score.pii import PII
from polyalign.corpus.score.runs import mask_runs
from polyalign.corpus.score.similarity import Similarity
from polyalign.corpus.score.word_lists import StopWords, WordList
from polyalign.corpus.tag.patterns import Date, Domain

GERMAN = ["Das ist ein ganz gewöhnlicher deutscher Satz.", "Die Regierung hat das Projekt genehmigt."]
ENGLISH = ["This is a perfectly ordinary English sentence.", "The government has approved the project."]


def arrow(values):
    return pa.array(values, pa.large_string())


def pair(src, tgt, langs=("deu_Latn", "eng_Latn"), **columns):
    return Bitext.build(src, tgt, langs=langs, columns={k: pa.array(v) for k, v in columns.items()})


def test_language_is_told_of_each_text():
    found = Language().texts(arrow([GERMAN[0], ENGLISH[0], "12.", ""]), "deu_Latn")
    assert found[0] > 0.9
    assert found[1] == 0
    assert np.isnan(found[2:]).all()
    assert np.isnan(Language().texts(arrow(GERMAN), "und")).all()
    assert np.isnan(Language().texts(arrow(GERMAN), "tlh_Latn")).all()
    assert np.isnan(Language(letters=50).texts(arrow(GERMAN), "deu_Latn")).all()


def test_chinese_is_two_languages_and_serbian_one():
    simple, traditional = "政府批准了修复主要道路的计划，明年开始施工。", "政府批准了修復主要道路的計劃，明年開始施工。"
    found = [Language().texts(arrow([simple, traditional]), tag).round(0).tolist() for tag in ("cmn_Hans", "cmn_Hant")]
    assert found == [[1, 0], [0, 1]]
    assert Language().texts(arrow(["Ово је обична реченица на српском језику."]), "srp_Latn")[0] > 0.5


def test_swapped_sides_are_below_zero():
    found = LanguagePair().pairs(pair([GERMAN[0], ENGLISH[0], GERMAN[0]], [ENGLISH[0], GERMAN[0], GERMAN[1]]))
    assert found[0] > 0.9
    assert found[1] < -0.9
    assert abs(found[2]) < 0.1
    assert np.isnan(LanguagePair().pairs(pair(GERMAN, GERMAN, langs=("deu_Latn", "deu_Latn")))).all()


def romansh():
    """Sentences that CLD2 is sure of."""
    who = ["La regenza", "Il chantun", "La scola", "Il cussegl", "L'uniun", "Il museum", "La cumissiun"]
    does = ["sustegna", "preschenta", "examinescha", "discutescha", "finanziescha", "renovescha"]
    what = [
        "ina nova lescha per las scolas",
        "il project da furmaziun en la val",
        "in concept pedagogic per tut ils gieus",
    ]
    then = ["ensemen cun la Svizra.", "perquai che quai è impurtant.", "en la regiun da muntogna.", "per il chantun."]
    return [" ".join(parts) for parts in itertools.product(who, does, what, then)]


def test_a_text_that_reads_like_the_rest_of_the_corpus_is_in_its_language():
    misread = "In concept pedagogic sustegna la regenza en la regiun: ils gieus."
    italian = "Il governo sostiene una nuova legge per le scuole nella regione di montagna."
    texts = arrow([misread, italian, GERMAN[1], romansh()[0]])
    alone = Language(letters=15)
    bitext = pair(romansh(), [GERMAN[n % 2] for n in range(len(romansh()))], langs=("roh_Latn", "deu_Latn"))
    learned = Language(letters=15, learn=True).fit([bitext])
    assert set(learned.models) == {"roh_Latn", "deu_Latn"}
    found = LearnedLanguage(Foreign(), learned.models, learned.most).texts(texts, "roh_Latn")
    assert found.tolist() == [0.5, 0.0, 0.0, 0.5]
    assert not LearnedLanguage(Foreign(), {}, {}).texts(texts, "roh_Latn").any()
    assert learned.texts(texts, "roh_Latn")[3] == alone.texts(texts, "roh_Latn")[3] > 0.5
    assert learned.texts(texts, "roh_Latn")[1] == 0


class Foreign:
    """Takes every text for another language."""

    def texts(self, texts, lang):
        return np.zeros(len(texts), np.float32)


def test_few_sentences_teach_no_language():
    learned = Language(learn=True).fit([pair(GERMAN, ENGLISH)])
    assert learned.models == {}
    assert learned.texts(arrow(ENGLISH), "deu_Latn").tolist() == [0, 0]
    assert Language().fitted
    assert not Language(learn=True).fitted


def test_another_identifier_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "heliport", None)
    with pytest.raises(MissingExtraError, match="pip install heliport"):
        Language(identifier="heliport").texts(arrow(GERMAN), "deu_Latn")
    told = SimpleNamespace(identify=lambda text: "deu_latn")
    monkeypatch.setitem(__import__("sys").modules, "heliport", SimpleNamespace(Identifier=lambda: told))
    assert Language(identifier="heliport").texts(arrow(GERMAN), "deu_Latn").tolist() == [1.0, 1.0]


def test_stop_words_are_learned_saved_and_read(tmp_path):
    method = StopWords(top=2).fit([pair(["der Hund der", "die Die die"], ["the dog the", "a a 12 12 12"])])
    assert method.lists == {"deu_Latn": ("die", "der"), "eng_Latn": ("a", "the")}
    method.save(tmp_path / "words.tsv")
    again = StopWords(str(tmp_path / "words.tsv"))
    for own in (method, again):
        assert own.texts(arrow(["Der Ball", ""]), "deu_Latn")[0] == 0.5
        assert np.isnan(own.texts(arrow(["x"]), "fra_Latn")).all()
    with pytest.raises(DataError, match="found no words"):
        StopWords().texts(arrow(["x"]), "deu_Latn")
    with pytest.raises(DataError, match="no word in the reference"):
        StopWords().fit([pair(["1"], ["2"])])
    with pytest.raises(ValueError, match="top must be"):
        StopWords(top=0)


def test_a_list_of_words_scores_and_masks(tmp_path):
    path = tmp_path / "bad.tsv"
    path.write_text("# mine\nde\tblöd\nen\tbad\n", encoding="utf-8")
    method = WordList(str(path))
    assert method.texts(arrow(["Blöd, sehr blöd!", "gut"]), "deu_Latn").round(2).tolist() == [
        pytest.approx(1 / 3, abs=0.01),
        1.0,
    ]
    masked = next(mask_runs([pair(["Blöd, oder?"], ["Bad? badly"])], [method]))
    assert (masked.src, masked.tgt) == (["<word>, oder?"], ["<word>? badly"])
    table = pa.table({"text": ["bad", "blöd", "bad"], "lang": ["eng_Latn", "deu_Latn", "deu_Latn"]})
    assert next(mask_runs([table], [method]))["text"].to_pylist() == ["<word>", "<word>", "bad"]
    path.write_text("#\n", encoding="utf-8")
    with pytest.raises(DataError, match="found no word"):
        WordList(f"{path.parent}/./bad.tsv").texts(arrow(["x"]), "deu_Latn")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Schreiben Sie an a.b+c@mail.example.org.", "Schreiben Sie an <email>."),
        ("Server 192.168.1.17 und 2001:db8::1, Version 1.2.3.4567", "Server <ip> und <ip>, Version 1.2.3.4567"),
        ("um 12:30:45 Uhr, 999.1.1.1", "um 12:30:45 Uhr, 999.1.1.1"),
        ("IBAN DE89 3704 0044 0532 0130 00, falsch DE88 3704 0044 0532 0130 00", "IBAN <iban>, falsch DE88 3704 0044 0532 0130 00"),
        ("Karte 4111 1111 1111 1111 nicht 4111 1111 1111 1112", "Karte <card> nicht 4111 1111 1111 1112"),
        ("Tel. +41 81 257 11 11 oder (081) 257 11 11", "Tel. <phone> oder <phone>"),
        ("1998-2005, 3,14159265358979, 12 000 000 Franken, 2021/03/05", "1998-2005, 3,14159265358979, 12 000 000 Franken, 2021/03/05"),
        ("", ""),
    ],
)  # fmt: skip
def test_personal_data_is_found_by_pattern_and_checksum(text, masked):
    assert PII().mask(arrow([text]), "und").to_pylist() == [masked]
    assert PII().texts(arrow([text]), "und").tolist() == [-masked.count("<")]


def test_kinds_of_personal_data_can_be_chosen():
    assert PII(kinds=("ip",)).mask(arrow(["a@b.org 10.0.0.1"]), "und").to_pylist() == ["a@b.org <ip>"]
    with pytest.raises(ValueError, match="kinds must be some of"):
        PII(kinds=("name",))


def test_a_lexicon_says_how_much_is_translated(tmp_path):
    table = pa.table(
        {"src": ["haus", "baum", "hund", "rar"], "tgt": ["house", "tree", "dog", "rare"], "p_tgt_given_src": [0.9, 0.8, 0.7, 0.01], "p_src_given_tgt": [0.9, 0.8, 0.7, 0.01]}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "lex.parquet")
    method = Lexicon(str(tmp_path / "lex.parquet"))
    bitext = pair(["Haus, Baum.", "Haus Hund x", "rar", ""], ["house tree", "house tree", "rare", "dog"])
    found = method.pairs(bitext)
    assert found[:2].tolist() == [1.0, 0.5]
    assert np.isnan(found[2:]).all()
    assert Lexicon(method.path, join="mean", minimum=0).pairs(bitext)[2] == 1.0


def test_a_lexicon_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "a.tsv").write_text("src\ttgt\nx\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text("x\ty\n", encoding="utf-8")
    (tmp_path / "c.tsv").write_text("src\ttgt\na b\tc\n", encoding="utf-8")
    (tmp_path / "d.parquet").write_text("no", encoding="utf-8")
    for name, message in (
        ("a.tsv", "line 2: found 1 cells"),
        ("b.tsv", "expected src and tgt"),
        ("d.parquet", "cannot be read as Parquet"),
    ):
        with pytest.raises(DataError, match=message):
            read_lexicon(str(tmp_path / name))
    with pytest.raises(DataError, match="no pair of single words"):
        Lexicon(str(tmp_path / "c.tsv")).pairs(pair(["a"], ["c"]))
    with pytest.raises(ValueError, match="minimum must lie"):
        Lexicon("x", minimum=2)
    with pytest.raises(ValueError, match="join must be"):
        Lexicon("x", join="max")


def test_links_and_ways_are_taken_from_columns():
    bitext = pair(["a b", "c", ""], ["A B", "C D", ""], links=["0-0:0.5 1-1:1", "", ""])
    found = Links().pairs(bitext)
    assert found[:2].tolist() == [0.75, 0.0]
    assert np.isnan(found[2])
    assert Links().pairs(pair(["a"], ["b"]).with_column("score.words", pa.array([0.25], pa.float32()))).tolist() == [
        0.25
    ]
    assert Ways().pairs(pair(["a"], ["b"]).with_column("score.n_ways", pa.array([4.0]))).tolist() == [0.5]
    with pytest.raises(DataError, match="align the words first"):
        Links().pairs(pair(["a"], ["b"]))
    with pytest.raises(DataError, match="run polyalign parallelism"):
        Ways().pairs(pair(["a"], ["b"]))


TEXT = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog"] * 20


def kneser_ney(text, order):
    """The probability of each symbol of a text by the formula, discounts of the usual size."""
    sentences = [["<s>"] * (order - 1) + list(t) + ["</s>"] for t in TEXT]
    vocabulary = len({c for t in TEXT for c in t}) + 2
    grams = [set() for _ in range(order + 1)]
    raw: dict = {}
    for s in sentences:
        for t in range(order - 1, len(s)):
            for k in range(1, order + 1):
                g = tuple(s[t - k + 1 : t + 1])
                grams[k].add(g)
                raw[g] = raw.get(g, 0) + 1
    counts = {g: raw[g] for g in grams[order]}
    for k in range(1, order):
        for g in grams[k + 1]:
            counts[g[1:]] = counts.get(g[1:], 0) + 1
    discounts = {}
    for k in range(1, order + 1):
        n = [0] + [sum(1 for g in grams[k] if counts[g] == c) for c in (1, 2, 3, 4)]
        discounts[k] = [0, 0.5, 1.0, 1.5]
        if all(n[1:]):
            y = n[1] / (n[1] + 2 * n[2])
            own = [0, *(c - (c + 1) * y * n[c + 1] / n[c] for c in (1, 2, 3))]
            discounts[k] = own if all(0 < own[c] < c for c in (1, 2, 3)) else discounts[k]

    def p(history, symbol):
        k = len(history) + 1
        lower = p(history[1:], symbol) if history else 1 / vocabulary
        below = [g for g in grams[k] if g[:-1] == history]
        if not below:
            return lower
        total = sum(counts[g] for g in below)
        taken = {g: discounts[k][min(counts[g], 3)] for g in below}
        g = (*history, symbol)
        return max(0, counts.get(g, 0) - taken.get(g, 0)) / total + sum(taken.values()) / total * lower

    padded = ["<s>"] * (order - 1) + list(text) + ["</s>"]
    return sum(math.log2(p(tuple(padded[t - order + 1 : t]), padded[t])) for t in range(order - 1, len(padded)))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_ngram_model_is_kneser_and_neys(order):
    model = train([arrow(TEXT)], unit="characters", order=order, min_count=1, most=10**6)
    for text in ("the cat", "dog on the mat", "tttt"):
        bits, symbols = model.bits(arrow([text]))
        assert symbols.tolist() == [len(text) + 1]
        assert bits[0] == pytest.approx(-kneser_ney(text, order), rel=1e-4)


def test_probabilities_of_all_symbols_sum_to_one():
    model = train([arrow(TEXT)], unit="characters", order=3, min_count=1, most=10**6)
    letters = [chr(c) for c in model.symbols]
    ends = model.bits(arrow(["the "]))[0][0]
    # p(c | "the ") from texts that differ in their last symbol, their ends taken off by the chain rule.
    whole = [2 ** -(model.bits(arrow(["the " + c]))[0][0]) for c in letters]
    after = [2 ** -(model.bits(arrow(["the " + c + "Q"]))[0][0]) for c in letters]
    assert len(whole) == len(after) == len(letters)
    start = train([arrow(TEXT)], unit="characters", order=1, min_count=1, most=10**6)
    total = sum(2 ** -(start.bits(arrow([c]))[0][0] - start.bits(arrow([""]))[0][0]) for c in letters)
    unknown = 2 ** -(start.bits(arrow(["Q"]))[0][0] - start.bits(arrow([""]))[0][0])
    assert total + unknown + 2 ** -start.bits(arrow([""]))[0][0] == pytest.approx(1, rel=1e-4)
    assert ends > 0


def test_perplexity_is_learned_saved_and_loaded(tmp_path):
    table = pa.table({"text": [*GERMAN * 20, *ENGLISH * 20], "lang": ["deu_Latn"] * 40 + ["eng_Latn"] * 40})
    models = Perplexity(order=4).fit([table.slice(0, 30), table.slice(30)])
    probe = arrow([GERMAN[0], ENGLISH[0], ""])
    found = models.texts(probe, "deu_Latn")
    assert found[0] > found[1] + 1
    assert np.isnan(found[2])
    assert np.isnan(models.texts(probe, "fra_Latn")).all()
    models.save(tmp_path / "lm")
    assert Perplexity(model=str(tmp_path / "lm")).texts(probe, "deu_Latn").tobytes() == found.tobytes()
    words = Perplexity(unit="words", order=2, min_count=1).fit([table])
    assert (
        words.texts(arrow(["Das ist ein Satz"]), "deu_Latn")[0]
        > words.texts(arrow(["Satz ein ist Das"]), "deu_Latn")[0]
    )


def test_models_that_are_not_there_are_errors(tmp_path):
    with pytest.raises(DataError, match="found no model, expected"):
        Perplexity().texts(arrow(["x"]), "deu_Latn")
    with pytest.raises(DataError, match="found no n-gram model, expected a file such as"):
        NgramModels.load(tmp_path)
    (tmp_path / "deu_Latn.arrow").write_bytes(b"no")
    with pytest.raises(DataError, match="found no n-gram model"):
        NgramModel.load(tmp_path / "deu_Latn.arrow")
    with pytest.raises(DataError, match="found no text in the clean sample"):
        Perplexity().fit([pair([""], [""])])
    with pytest.raises(DataError, match="found no text in the clean sample"):
        Perplexity().fit([])
    with pytest.raises(ValueError, match="order must be"):
        Perplexity(order=0)
    with pytest.raises(ValueError, match="min_count and most"):
        Perplexity(min_count=0)


def test_symbols_not_learned_are_unknown():
    symbols, first = encode(Decoded(arrow(["ab", "z"])), "characters", np.array([97, 98], np.uint64))
    assert (symbols.tolist(), first.tolist()) == ([3, 4, 2], [0, 2, 3])


def test_a_direction_is_learned_from_pairs_of_known_direction():
    random = np.random.default_rng(1)

    def sentences(words, n):
        return [" ".join(random.choice(words, 8)) for _ in range(n)]

    original, translated = ["ab", "cd", "ef", "gh"], ["ab", "cd", "yz", "wx"]
    src = sentences(original, 200) + sentences(translated, 200)
    tgt = sentences(translated, 200) + sentences(original, 200)
    known = pair(src, tgt, original=["src"] * 200 + ["tgt"] * 200)
    models = Direction().fit([known])
    found = models.pairs(pair(sentences(original, 50), sentences(translated, 50)))
    assert (found > 0).mean() > 0.9
    with pytest.raises(DataError, match="found 2 of 4 kinds"):
        Direction().fit([Bitext(known.table.slice(0, 200))])
    with pytest.raises(DataError, match="found no models"):
        Direction().pairs(known)
    assert Direction().fitted is False


def test_kenlm_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[kenlm\]"):
        Kenlm("absent.arpa").texts(arrow(["a"]), "deu_Latn")


def test_kenlm_models_are_read(tmp_path):
    pytest.importorskip("kenlm")
    with pytest.raises(DataError, match="no such file"):
        Kenlm(str(tmp_path / "x.arpa")).texts(arrow(["a"]), "deu_Latn")
    (tmp_path / "deu_Latn.arpa").write_text(
        "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t0\n-1\t</s>\n-0.5\ta\t0\n-2\t<unk>\t0\n\n\\2-grams:\n-0.5\ta a\n\n\\end\\\n",
        encoding="utf-8",
    )
    found = Kenlm(str(tmp_path / "{lang}.arpa")).texts(arrow(["a a", "", "a b"]), "deu_Latn")
    assert found[0] == pytest.approx(-(0.5 + 0.5 + 1) / 3 * math.log2(10), rel=1e-5)
    assert np.isnan(found[1])
    assert found[2] < found[0]


def test_similarity_takes_off_the_means(tmp_path, monkeypatch):
    from polyalign.corpus.score import similarity as module

    class Stub:
        dim = 2

        def encode(self, texts, *, label):
            table = {"a": (1, 0.2), "b": (1, -0.2), "A": (0.2, 1), "B": (-0.2, 1), "": (0, 0)}
            return np.array([table[t] for t in texts], np.float32)

    monkeypatch.setattr(module, "named_encoder", lambda name: Stub())
    bitext = pair(["a", "b", ""], ["A", "B", "A"])
    raw = Similarity(centre=False).pairs(bitext)
    assert np.isnan(raw[2])
    model = Similarity().fit([pair(["a", "b"], ["A", "B"])])
    assert model.means.round(3).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match="found no means"):
        Similarity().pairs(bitext)
    with pytest.raises(DataError, match="no pair with text on both sides"):
        Similarity().fit([pair([""], [""])])


def test_dates_and_domains_are_read_off_names():
    table = pa.table({"doc": ["a-1999-13-40", "x"], "url": ["https://x.org/2020/02/30/2020-02-29", None]})
    assert Date().tags(table).to_pylist() == ["2020-02-29", None]
    assert Date(columns=("doc",)).tags(table).to_pylist() == ["1999", None]
    assert Domain().tags(table).to_pylist() == ["x.org", None]
    for make in (Date, Domain):
        with pytest.raises(ValueError, match="columns must name"):
            make(columns=())
        with pytest.raises(DataError, match="name them with columns"):
            make(columns=("q",)).tags(table)
    with pytest.raises(ValueError, match="no regular expression"):
        Domain(patterns={"a": "("})
