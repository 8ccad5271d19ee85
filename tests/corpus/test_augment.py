"""New rows from old ones: what every augmenter keeps, and what each does."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.augment.code_switch import CodeSwitch
from polyalign.corpus.augment.dictionary import Dictionary
from polyalign.corpus.augment.draws import Draws
from polyalign.corpus.augment.entity_switch import EntitySwitch
from polyalign.corpus.augment.lexicon import pick, read_lexicon
from polyalign.corpus.augment.morphology import Morphology
from polyalign.corpus.augment.rows import Edit, augment
from polyalign.corpus.augment.split_rephrase import SplitRephrase
from polyalign.corpus.augment.words import cased_like, lower, units, upper

DE, EN, FR = "deu_Latn", "eng_Latn", "fra_Latn"


def file(folder, name, *lines):
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def bitext(src, tgt, langs=(DE, EN), **columns):
    return Bitext.build(src, tgt, langs=langs, columns=columns)


def documents(*texts, lang=DE, **columns):
    n = len(texts)
    return pa.table(
        {"doc": [f"d{k}" for k in range(n)], "lang": [lang] * n, "text": pa.array(texts, pa.large_string()), **columns}
    )


@pytest.fixture
def methods(tmp_path):
    """Every augmenter, with files by which it changes `SOME`."""
    file(tmp_path, "de-en.tsv", "haus\thouse", "baum\ttree", "alt\told", "steht\tstands")
    file(tmp_path, "de-fr.tsv", "haus\tmaison", "baum\tarbre", "alt\tvieux")
    synonyms = file(
        tmp_path, "synonyms.tsv", "Haus\tGebäude\t0.5", "Haus\tBau\t0.5", "alt\tbetagt\t1", "Baum\tGewächs\t1"
    )
    names = file(tmp_path, "names.tsv", "de\ten\tfr", "Köln\tCologne\tCologne", "Genf\tGeneva\tGenève")
    forms = file(tmp_path, "deu", "Haus\tHäuser\tN;NOM;PL", "Baum\tBäume\tN;NOM;PL", "alt\talte\tADJ;NOM;SG")
    return {
        "dictionary": Dictionary(src=synonyms, rate=0.6, copies=2),
        "code-switch": CodeSwitch(
            lexicon=str(tmp_path / "{src}-{tgt}.tsv"), into=("en", "fr"), word_rate=0.6, copies=2
        ),
        "entity-switch": EntitySwitch(names=names),
        "morphology": Morphology(forms=forms, rate=0.6, copies=2),
    }


SOME = [f"Das Haus {k} ist alt, der BAUM steht in [[Köln]] bei [[Genf]]." for k in range(40)]


@pytest.mark.parametrize("name", ["dictionary", "code-switch", "entity-switch", "morphology"])
def test_what_every_augmenter_keeps(methods, name):
    method = methods[name]
    old = bitext(SOME, [f"x {k}" for k in range(40)], **{"score.align": pa.array([0.5] * 40, pa.float32())})
    before = old.table.to_pydict()
    new = method.build(old)
    assert old.table.to_pydict() == before
    assert len(new) >= 20
    assert new.langs == old.langs
    assert len(set(new.ids)) == len(new)
    assert not set(new.ids) & set(old.ids)
    by_id = dict(zip(old.ids, old.src, strict=True))
    for row in new.table.to_pylist():
        kind, origin = row["augmented"].split(" ", 1)
        assert kind == f"corpus.augment/{name}"
        assert row["src"] != by_id[origin]
        assert row["tgt"] == f"x {origin}"
        assert row["score.align"] is None
    # Whatever the runs, the same rows; and rows that are augmented are not again.
    parts = [method.build(Bitext(old.table.slice(a, n))).table for a, n in ((0, 1), (1, 22), (23, 17))]
    assert pa.concat_tables(parts).to_pydict() == new.table.to_pydict()
    assert len(method.build(new)) == 0
    assert len(method.build(Bitext.concat([old, new]))) == len(new)
    # Of documents the same texts, whose names are others.
    table = method.build(documents(*SOME))
    assert table["augmented"].to_pylist()[0].startswith(f"corpus.augment/{name} d")
    assert method.build(old.select(old.table["src"].to_numpy() == "")).table.num_rows == 0


def test_a_seed_decides_and_a_row_has_draws_of_its_own(methods):
    old = bitext(SOME, SOME)
    a, b = (CodeSwitch(methods["code-switch"].lexicon, ("en",), word_rate=0.5, seed=s).build(old).src for s in (1, 2))
    assert a != b
    assert len({text.replace(str(k), "") for k, text in enumerate(a)}) > 5


# -- words, case, scripts


def test_words_in_scripts_with_and_without_spaces():
    def words(text):
        return [text[a:b] for a, b in units(text)]

    assert words("L’onda, d'Italie: don't  a-b 12") == ["L’", "onda", "d'", "Italie", "don't", "a-b", "12"]
    assert words("我爱北京。") == ["我", "爱", "北", "京"]
    assert words("ภาษา ไทย") == ["ภ", "า", "ษ", "า", "ไ", "ท", "ย"]
    assert words("e\u0301te\u0301") == ["e\u0301te\u0301"]
    assert words("") == words(" \n.!") == []
    assert len(words("Wort " * 5000)) == 5000


@pytest.mark.parametrize(
    ("pattern", "text", "lang", "out"),
    [
        ("Haus", "house", EN, "House"),
        ("HAUS", "house", EN, "HOUSE"),
        ("STRASSE", "straße", DE, "STRASSE"),
        ("haus", "Haus", DE, "Haus"),
        ("A", "ein", DE, "Ein"),
        ("McX", "müller", DE, "Müller"),
        ("Istanbul", "istanbul", "tur_Latn", "İstanbul"),
        ("北", "north", EN, "north"),
        ("X", "", EN, ""),
    ],
)
def test_case_is_taken_over(pattern, text, lang, out):
    assert cased_like(pattern, text, lang=lang) == out


def test_dotted_and_dotless_i():
    assert lower("IİI", "tur_Latn") == "ıiı"
    assert upper("iı", "tur_Latn") == "İI"
    assert lower("I", EN) == "i"


def test_longest_entries_first_and_no_entry_across_punctuation(tmp_path):
    lexicon = read_lexicon(
        file(tmp_path, "x", "New York\tNY", "york\ty", "北京\tPeking", "北\tNord", "京\tHauptstadt"), EN
    )

    def found(text):
        return [(text[a:b], m[0][0]) for (a, b), m in lexicon.find(text, units(text))]

    assert found("in NEW York.") == [("NEW York", "NY")]
    assert found("New, York") == [("York", "y")]
    assert found("去北京北") == [("北京", "Peking"), ("北", "Nord")]


# -- lexica


def test_lexica_are_read_in_every_form(tmp_path):
    full = file(tmp_path, "full.tsv", "src\ttgt\tcount\tp_tgt_given_src", "haus\thouse\t3\t0.75", "haus\thome\t1\t0.25")
    assert read_lexicon(full, DE).entries == {"haus": (("house", 0.75), ("home", 0.25))}
    assert read_lexicon(full, DE, min_probability=0.5).entries == {"haus": (("house", 0.75),)}
    assert read_lexicon(full, DE, unambiguous=True).entries == {}
    bare = file(tmp_path, "bare", "\ufeffHaus house", "", "Haus home")
    assert read_lexicon(bare, DE).entries == {"haus": (("house", 0.5), ("home", 0.5))}
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"src": ["haus"], "tgt": ["house"], "p_tgt_given_src": [1.0]}), tmp_path / "x.parquet")
    assert read_lexicon(tmp_path / "x.parquet", DE).entries == {"haus": (("house", 1.0),)}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a b c"], r"line 1: found 'a b c', expected word<TAB>translation"),
        (["a\tb\t0.5", "a\tb\thalf"], r"line 2: found the probability 'half'"),
        (["a\tb\t1.5"], r"found the probability '1.5', expected a number from 0 to 1"),
        (["src\ttgt", "a"], r"line 2: found 'a', expected word<TAB>translation"),
    ],
)
def test_what_is_no_lexicon_is_refused(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_lexicon(file(tmp_path, "x.tsv", *lines), DE)


def test_parquet_that_is_no_lexicon_is_refused(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="found the columns a, expected src and tgt"):
        read_lexicon(tmp_path / "x.parquet", DE)
    (tmp_path / "y.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_lexicon(tmp_path / "y.parquet", DE)


def test_choices_follow_the_probabilities():
    meanings = (("a", 0.8), ("b", 0.2))
    counts = {
        choice: sum(pick(meanings, choice, Draws(1, 0, str(k))) == "a" for k in range(2000)) / 2000
        for choice in ("sample", "uniform", "best")
    }
    assert abs(counts["sample"] - 0.8) < 0.03
    assert abs(counts["uniform"] - 0.5) < 0.04
    assert counts["best"] == 1


# -- tokens, links, marks


def test_tokens_links_and_marks_go_along(tmp_path):
    names = file(tmp_path, "names.tsv", "de\ten", "Rom\tEternal City", "Genfer See\tLéman")
    old = bitext(["Rom am Genfer See liegt ."], ["Rome lies at Lake Geneva ."]).split_on_whitespace()
    old = old.with_column("links", pa.array(["0-0 1-2 2-3 3-3 2-4 3-4 4-1 5-5"]))
    old = old.with_column("src_entities", pa.array([[0, 3, 7, 17]], pa.list_(pa.int32())))
    new = EntitySwitch(names=names, marked="spans").build(old)
    assert new.src == ["Eternal City am Léman liegt ."]
    assert new.tokens("src") == [["Eternal", "City", "am", "Léman", "liegt", "."]]
    assert new.column("links") == ["0-0 1-0 2-2 3-3 3-4 4-1 5-5"]
    kind = pa.list_(pa.struct([("start", pa.int32()), ("name", pa.string())]))
    marks = pa.array([[{"start": 0, "name": "a"}, {"start": 12, "name": "b"}]], kind)
    table = documents("[[Rom]]. Und\n\nhier", marks=marks)
    new = EntitySwitch(names=names).build(table)
    assert new["text"].to_pylist() == ["Eternal City. Und\n\nhier"]
    assert new["marks"].to_pylist() == [[{"start": 0, "name": "a"}, {"start": 17, "name": "b"}]]


@given(
    words=st.lists(st.text("abc", min_size=1, max_size=4), max_size=8),
    picks=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), st.text("xy ", max_size=5)), max_size=4),
)
def test_tokens_are_those_of_the_new_text(words, picks):
    text = " ".join(words)
    edits, at = [], 0
    for skip, length, new in picks:
        start, end = min(at + skip, len(text)), min(at + skip + length, len(text))
        if start < end:
            edits.append(Edit(start, end, new))
            at = end
    pairs = bitext([text], ["t"]).split_on_whitespace()
    pairs = pairs.with_column("links", pa.array([" ".join(f"{i}-0" for i in range(len(words)))]))
    new = augment(pairs, "x", seed=1, copies=1, edits=lambda row, draws, copy: {0: edits})
    want, at = "", 0
    for start, end, piece in edits:
        want += text[at:start] + piece
        at = end
    want += text[at:]
    if want == text:
        assert len(new) == 0
        return
    assert new.src == [want]
    tokens = new.tokens("src")[0]
    assert "".join(tokens) == want.replace(" ", "")
    assert all(token and " " not in token for token in tokens)
    assert new.column("links")[0].split() == [f"{i}-0" for i in range(len(tokens))]


def test_links_without_tokens_and_edits_that_overlap_are_refused(tmp_path):
    synonyms = file(tmp_path, "s", "Haus\tBau")
    old = bitext(["Haus"], ["house"], links=pa.array(["0-0"]))
    with pytest.raises(DataError, match="links without tokens' places"):
        Dictionary(src=synonyms, rate=1.0).build(old)
    with pytest.raises(DataError, match="links without the places of tokens"):
        Dictionary(src=synonyms, bilingual=file(tmp_path, "b", "Bau\tbuilding"), rate=1.0).build(old)
    with pytest.raises(ValueError, match="overlap"):
        augment(
            bitext(["abc"], ["x"]), "x", seed=1, copies=1,
            edits=lambda row, draws, copy: {0: [Edit(0, 2, ""), Edit(1, 3, "")]},
        )  # fmt: skip
    with pytest.raises(DataError, match="documents: no column 'lang'"):
        Dictionary(src=synonyms).build(pa.table({"doc": ["a"], "text": ["Haus"]}))


# -- dictionary


def test_both_sides_change_together(tmp_path):
    synonyms = file(tmp_path, "s", "Hund\tKatze", "groß\tklein", "und\toder")
    bilingual = file(tmp_path, "b", "Hund\tdog", "Katze\tcat", "groß\tbig", "klein\tsmall", "und\tand", "oder\tor")
    method = Dictionary(src=synonyms, bilingual=bilingual, rate=1.0)
    old = bitext(["Ein GROSSER Hund, groß und alt", "Hund und Hund"], ["A big dog, large AND old", "Dog and dog"])
    new = method.build(old)
    assert new.src == ["Ein GROSSER Katze, klein oder alt", "Hund oder Hund"]
    assert new.tgt == ["A small cat, large OR old", "Dog or dog"]
    linked = bitext(["groß Hund"], ["large dog"]).split_on_whitespace().with_column("links", pa.array(["0-0 1-1"]))
    assert (method.build(linked).src, method.build(linked).tgt) == (["klein Katze"], ["small cat"])
    loose = linked.with_column("links", pa.array(["0-0 0-1 1-1"]))
    assert len(method.build(loose)) == 0


def test_each_side_by_its_own_dictionary(tmp_path):
    method = Dictionary(src=file(tmp_path, "s", "ja\tdoch"), tgt=file(tmp_path, "t", "yes\tsure"), rate=1.0)
    new = method.build(bitext(["Ja!"], ["Yes?"]))
    assert (new.src, new.tgt) == (["Doch!"], ["Sure?"])
    assert [p.name for p in method.inputs((DE, EN))] == ["s", "t"]


@pytest.mark.parametrize(
    ("cls", "given_", "message"),
    [
        (Dictionary, {"src": ""}, "give a dictionary"),
        (Dictionary, {"src": "a", "tgt": "b", "bilingual": "c"}, "bilingual goes with src"),
        (Dictionary, {"src": "a", "rate": 1.5}, "rate must be from 0 to 1"),
        (Dictionary, {"src": "a", "copies": 0}, "copies must be 1 or more"),
        (CodeSwitch, {"lexicon": "a", "into": ()}, "into names no language"),
        (CodeSwitch, {"lexicon": "a", "into": ("de",), "word_rate": -1.0}, "word_rate must be from 0 to 1"),
        (CodeSwitch, {"lexicon": "a", "into": ("de",), "max_run": 0}, "max_run must be 1"),
        (EntitySwitch, {"names": "a", "rate": 2.0}, "rate must be from 0 to 1"),
        (Morphology, {"forms": "a", "min_stem": 0}, "max_suffix and min_stem must be from 1 to 20"),
        (SplitRephrase, {"max_parts": 1}, "max_parts must be 2 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(cls, given_, message):
    with pytest.raises(ValueError, match=message):
        cls(**given_)


# -- code-switching


def test_rates_languages_and_levels(tmp_path, methods):
    lexicon = methods["code-switch"].lexicon
    old = bitext(["Haus Baum alt " * 4] * 300, ["x"] * 300)
    english, french = {"house", "tree", "old"}, {"maison", "arbre", "vieux"}

    def switched(**given_):
        out = []
        for text in CodeSwitch(lexicon, ("en", "fr"), **given_).build(old).src:
            out.append(["e" if w.lower() in english else "f" if w.lower() in french else "-" for w in text.split()])
        return out

    words = switched(word_rate=0.25)
    flat = [c for row in words for c in row] + ["-"] * 12 * (300 - len(words))
    assert abs(1 - flat.count("-") / len(flat) - 0.25) < 0.03
    assert abs(flat.count("e") / flat.count("f") - 1) < 0.15
    assert abs(len(switched(word_rate=1.0, sentence_rate=0.4)) / 300 - 0.4) < 0.08
    assert all(len(set(row) - {"-"}) == 1 for row in switched(word_rate=0.5, level="sentence"))
    phrases = switched(word_rate=0.25, level="phrase")
    share = sum(c != "-" for row in phrases for c in row) / (12 * 300)
    assert abs(share - 0.25) < 0.05

    def mean_run(rows):
        runs = [run for row in rows for run in "".join(row).split("-") if run]
        return sum(map(len, runs)) / len(runs)

    assert mean_run(phrases) > 1.5 * mean_run(words)


def test_a_side_of_its_own_language_is_passed_over_and_a_lexicon_must_be_there(methods):
    lexicon = methods["code-switch"].lexicon
    old = bitext(["Haus"], ["house"])
    assert CodeSwitch(lexicon, ("fr",), word_rate=1.0).build(old).src == ["Maison"]
    assert len(CodeSwitch(lexicon, ("en",), side="tgt", word_rate=1.0).build(old)) == 0
    assert [p.name for p in CodeSwitch(lexicon, ("en", "fr")).inputs((DE, EN))] == ["de-en.tsv", "de-fr.tsv"]
    with pytest.raises(DataError, match="found no lexicon from eng_Latn into fra_Latn"):
        CodeSwitch(lexicon, ("fr",), side="both").build(old)
    with pytest.raises(DataError, match="a text of unknown language"):
        CodeSwitch(lexicon, ("fr",)).build(bitext(["Haus"], ["x"], langs=("und", EN)))


# -- names


def test_names_by_tags_spans_and_links(tmp_path):
    names = file(
        tmp_path,
        "n.tsv",
        "id\tde\ten\tfr",
        "Q1\tKöln\tCologne\tCologne",
        "Q2\tGenfer See\tLake Geneva\t",
        "Q3\tBern\tBerne\tBerne",
        "Q4\tBern\tBerne\t",
    )
    tagged = bitext(["Von Köln zum Genfer See"], ["x"], src_tags=pa.array(["O B-LOC O B-LOC I-LOC"]))
    method = EntitySwitch(names=names, marked="bio", into=("en",))
    assert method.build(tagged).src == ["Von Cologne zum Lake Geneva"]
    linked = bitext(["[[Q2|Der See]] und [[KÖLN]], [[Bern]], [[Nirgends|nirgends]]"], ["x"])
    new = EntitySwitch(names=names, keep_marks=True).build(linked).src
    assert sorted(new) == [
        "Der See und [[Cologne]], Bern, nirgends",
        "[[Lake Geneva]] und [[Cologne]], Bern, nirgends",
    ]
    assert method.inputs((DE, EN))[0].name == "n.tsv"


@pytest.mark.parametrize(
    ("columns", "marked", "message"),
    [
        ({}, "bio", "no column 'src_tags'"),
        ({"src_tags": pa.array(["O"])}, "bio", "found 1 tags for 2 tokens"),
        ({"src_entities": pa.array([[3, 1]])}, "spans", r"found the spans \[3, 1\]"),
        ({"src_entities": pa.array([[0, 99]])}, "spans", "rise within 7 characters"),
    ],
)
def test_marks_that_do_not_fit_are_refused(tmp_path, columns, marked, message):
    names = file(tmp_path, "n.tsv", "de\ten", "Köln\tCologne")
    with pytest.raises(DataError, match=message):
        EntitySwitch(names=names, marked=marked).build(bitext(["In Köln"], ["x"], **columns))


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["Köln\tCologne"], "line 1: language 'Köln'"), (["de\ten", "Köln"], "line 2: found 1 columns, expected 2")],
)
def test_what_is_no_table_of_names_is_refused(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        EntitySwitch(names=file(tmp_path, "n.tsv", *lines)).build(bitext(["[[Köln]]"], ["x"]))


# -- inflection


def test_known_forms_and_rules_for_unknown_words(tmp_path):
    lines = [
        f"{v}\t{v}{e}\tV;{f}"
        for v in ("walk", "talk", "jump", "lift", "kick", "load")
        for e, f in (("ed", "PST"), ("ing", "PRS"))
    ]
    unimorph = file(tmp_path, "eng", *lines, "man\tmen\tN;PL")
    known = Morphology(forms=unimorph).learn(EN)
    assert sorted(known.variants("walked", confidence=0.5, attested=True)) == ["walk", "walking"]
    assert known.variants("men", confidence=0.5, attested=True) == ["man"]
    assert known.variants("play", confidence=0.5, attested=True) == []
    assert sorted(known.variants("play", confidence=0.2, attested=False)) == ["played", "playing"]
    assert known.variants("xed", confidence=0.0, attested=False) == []
    stems = ("walk", "talk", "jump", "lift", "kick", "load", "bark")
    words = file(
        tmp_path, "words", *(f"{v}{e}\t{n}" for n, v in enumerate(stems) for e in ("", "ed", "s")), "play", "plays"
    )
    from_words = Morphology(forms=words).learn(EN)
    assert from_words.variants("play", confidence=0.3, attested=True) == ["plays"]
    assert set(from_words.variants("play", confidence=0.3, attested=False)) == {"played", "plays"}
    assert from_words.variants("barked", confidence=0.5, attested=True)[0] in ("bark", "barks")


def test_a_lexicon_is_a_word_list_of_its_side(tmp_path):
    lexicon = file(
        tmp_path,
        "l.tsv",
        "src\ttgt\tcount",
        *(f"x\t{v}{e}\t1" for v in ("walk", "talk", "jump", "lift", "kick") for e in ("", "s")),
    )
    new = Morphology(forms=lexicon, side="tgt", rate=1.0).build(bitext(["x"], ["He Walks."]))
    assert (new.src, new.tgt) == (["x"], ["He Walk."])
    with pytest.raises(DataError, match="found no word"):
        Morphology(forms=file(tmp_path, "empty")).learn()


# -- split and rephrase


def beads(src, tgt, langs=(DE, EN), **columns):
    """A bitext of beads with that many sentences on either side."""
    at, out = [0, 0], {name: [] for name in ("src_start", "src_end", "tgt_start", "tgt_end")}
    for side, texts in enumerate((src, tgt)):
        for text in texts:
            out[("src", "tgt")[side] + "_start"].append(at[side])
            at[side] += text.count(".")
            out[("src", "tgt")[side] + "_end"].append(at[side])
    return bitext(src, tgt, langs, **{k: pa.array(v, pa.int32()) for k, v in out.items()}, **columns)


def test_beads_of_one_sentence_with_several():
    old = beads(["A.", "B. C.", "D.", "E.", "F. G."], ["a.", "bc.", "d. e.", "f. g. h.", "i. j."])
    new = SplitRephrase().build(old)
    assert (new.src, new.tgt) == (["B. C.", "D."], ["bc.", "d. e."])
    assert (new.column("complex"), new.column("parts")) == (["tgt", "src"], [2, 2])
    assert SplitRephrase(max_parts=3).build(old).column("parts") == [2, 2, 3]
    assert new.ids == ["1~split-rephrase", "2~split-rephrase"]
    assert len(SplitRephrase().build(new)) == 0


def test_two_translations_into_one_language_and_a_translation_given(tmp_path, notes):
    old = beads(["B. C.", "D."], ["bc.", "d. e."], (EN, EN), **{"score.align": pa.array([0.1, 0.2], pa.float32())})
    new = SplitRephrase().build(old)
    assert (new.src, new.tgt) == (["bc.", "D."], ["B. C.", "d. e."])
    assert new.column("src_end") == [1, 1 + 2]
    given_ = file(tmp_path, "t.tsv", "0\tthe b. the c.")
    new = SplitRephrase(translations=given_).build(beads(["B. C.", "D."], ["bc.", "d. e."]))
    assert (new.src, new.tgt, new.langs) == (["bc."], ["the b. the c."], (EN, EN))
    assert "1 of 2 pairs have no translation" in notes()[0]
    new = SplitRephrase(translations=file(tmp_path, "u.tsv", "1\tX. Y."), lang="src").build(
        beads(["B. C.", "D."], ["bc.", "d. e."])
    )
    assert (new.src, new.tgt, new.langs) == (["D."], ["X. Y."], (DE, DE))


def test_what_cannot_be_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="no column src_start, src_end, tgt_start, tgt_end"):
        SplitRephrase().build(bitext(["a"], ["b"]))
    with pytest.raises(DataError, match="found documents, expected a bitext"):
        SplitRephrase().build(documents("a"))
    old = beads(["B. C."], ["bc."])
    with pytest.raises(DataError, match="line 1: found 'x', expected id<TAB>translation"):
        SplitRephrase(translations=file(tmp_path, "t", "x")).build(old)
    with pytest.raises(DataError, match="has no translation of '0'"):
        SplitRephrase(translations=file(tmp_path, "t", "7\tx")).build(old)
