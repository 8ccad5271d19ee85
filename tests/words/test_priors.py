"""What is known before training: spelling, dictionaries and their constraints, spaces."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.core.ragged import Ragged
from polyalign.core.space import Space
from polyalign.kernels.nearest import nearest
from polyalign.words.priors import (
    CONSTRAINT,
    SCHEMA,
    constraints,
    hints,
    read_dictionary,
    read_priors,
    rows,
    words_of,
    write_priors,
)
from polyalign.words.space_priors import space_priors
from polyalign.words.spelling import form, letters, normal, spelling_prior
from polyalign.words.units import Units


def links(entries, granularity="full"):
    src, tgt, weight = zip(*entries, strict=True)
    return rows(granularity, "link", np.asarray(weight, np.float32), src=list(src), tgt=list(tgt))


def units(words, granularity="full"):
    return Units.build(["", *words], np.asarray([0, *[3] * len(words)]), granularity)


def told(known, src, tgt):
    """Hints as (source unit, target unit): (weight, only)."""
    each = zip(known.src.tolist(), known.tgt.tolist(), known.weight.tolist(), known.only.tolist(), strict=True)
    return {(src.names[s], tgt.names[t]): (round(w, 4), o) for s, t, w, o in each}


# -- words as they are counted and compared


@pytest.mark.parametrize(
    ("word", "digits", "punctuation", "expected"),
    [
        ("Haus", "keep", "keep", "haus"),
        ("«", "keep", "keep", "«"),
        ("１９９８", "ascii", "keep", "1998"),
        ("١٩٩٨", "ascii", "plain", "1998"),
        ("１９９８", "keep", "plain", "１９９８"),
        ("3,5", "shape", "keep", "0,0"),
        ("x²", "ascii", "plain", "x²"),
        ("…", "keep", "plain", "..."),
        ("’S", "keep", "plain", "'s"),
        ("``", "keep", "plain", '"'),
        ("''", "keep", "plain", '"'),
        ("№", "keep", "plain", "№"),
        ("㎏", "keep", "plain", "㎏"),
        ("´", "keep", "plain", "'"),
        ("¨", "keep", "plain", "¨"),
        ("，。！？：；（）、", "keep", "plain", ",.!?:;(),"),
        ("«»„“”‘’–—", "keep", "plain", '"""""\'\'--'),
        ("؟،", "keep", "plain", "?,"),
        ("", "shape", "plain", ""),
    ],
)
def test_words_as_they_are_counted(word, digits, punctuation, expected):
    assert normal(word, lowercase=True, digits=digits, punctuation=punctuation) == expected


@given(st.text(max_size=8))
def test_normal_words_stay_as_they_are(word):
    once = normal(word, lowercase=True, digits="ascii", punctuation="plain")
    assert normal(once, lowercase=False, digits="ascii", punctuation="plain").count("''") >= once.count("''") - 1
    assert normal(word, lowercase=False) == word
    if word.isalpha():
        assert once == word.lower()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Zürich", "zurich"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Москва", "moskva"),
        ("Ελλάδα", "ellada"),
        ("и", "и"),
        ("на", "на"),
        ("東京", "dongjing"),
        ("۱۲", "12"),
        ("„", '"'),
        ("", ""),
    ],
)
def test_words_as_they_are_compared(word, expected):
    assert form(word) == expected


@given(st.lists(st.text(max_size=6), max_size=6))
def test_letters_are_those_of_the_forms(words):
    words = [w.encode("utf-8", "ignore").decode() for w in words]
    begin, text = letters(words)
    assert text.dtype == np.int32
    found = ["".join(map(chr, text[begin[k] : begin[k + 1]])) for k in range(len(words))]
    assert found == [form(w) for w in words]


@given(st.text(st.characters(categories=["L", "M"]), min_size=1, max_size=8))
def test_case_and_accents_do_not_count(word):
    assert form(word.upper().lower()) == form(word.upper().lower().casefold())
    assert not any(unicodedata.category(c) == "Mn" for c in form(unicodedata.normalize("NFC", "é" + "a" * 3)))


def test_words_of_two_scripts_are_alike():
    src, tgt = ["Moskau", "und", "Обама", "1998", "i"], ["Москва", "и", "Obama", "١٩٩٨", "abcd"]
    s, t = (x.ravel().astype(np.int32) for x in np.mgrid[0:5, 0:5])
    got = spelling_prior(src, tgt, s, t, 0.5).reshape(5, 5)
    assert got.dtype == np.float32
    assert got[2, 2] == got[3, 3] == 0.5
    np.testing.assert_allclose(got[0, 0], 0.5 * (5 / 6 - 0.5) / 0.5, rtol=1e-6)
    assert got[1, 1] == got[4, 1] == 0
    none = np.zeros(0, np.int32)
    assert spelling_prior(src, tgt, none, none, 1.0).shape == (0,)


def test_blocks_and_threads_do_not_change_spelling(monkeypatch):
    words = [f"{a}{b}{c}" for a in ("wort", "port", "sport") for b in "aeiou" for c in ("lich", "ung")]
    s, t = (x.ravel().astype(np.int32) for x in np.mgrid[0 : len(words), 0 : len(words)])
    whole = spelling_prior(words, words, s, t, 1.0)
    monkeypatch.setattr("polyalign.words.spelling.BLOCK", 7)
    for n in (1, 2, 0):
        set_threads(n)
        assert spelling_prior(words, words, s, t, 1.0).tobytes() == whole.tobytes()
    assert 0 < (whole > 0).mean() < 1


# -- dictionaries and constraints


def test_a_dictionary_may_hold_constraints(tmp_path):
    path = tmp_path / "d.tsv"
    path.write_bytes("\ufeffHaus\tcasa\tonly\r\nBuch\tlibro\tinf\r\nTag\tgiorno\t2.5\r\n\r\nＴ１\t«\r\n".encode())
    table = read_dictionary(path, lowercase=True, digits="ascii", punctuation="plain")
    assert table["src"].to_pylist() == ["haus", "buch", "tag", "ｔ1"]
    assert table["tgt"].to_pylist() == ["casa", "libro", "giorno", '"']
    assert table["weight"].to_pylist() == [np.inf, np.inf, 2.5, 1.0]
    assert [x.tolist() for x in constraints([table], {"haus": 4, "tag": 5}, {"casa": 2, "libro": 3})] == [[4], [2]]
    src, tgt = units(table["src"].to_pylist()), units(table["tgt"].to_pylist())
    assert told(hints([table], "full", src, tgt), src, tgt) == {
        ("haus", "casa"): (CONSTRAINT, True),
        ("buch", "libro"): (CONSTRAINT, True),
        ("tag", "giorno"): (2.5, False),
        ("ｔ1", '"'): (1.0, False),
    }


@pytest.mark.parametrize("line", ["a\tb\tnur", "a\tb\t-inf", "a\tb\tnan", "a\t \tonly", "a\tb\t"])
def test_other_weights_are_refused(tmp_path, line):
    path = tmp_path / "d.tsv"
    path.write_text(f"gut\tbun\n{line}\n")
    with pytest.raises(DataError, match=r"d.tsv line 2: found .* a weight from 0 on or 'only'"):
        read_dictionary(path, lowercase=True)


@pytest.mark.parametrize("suffix", ["parquet", "tsv"])
def test_constraints_are_kept_in_files(tmp_path, suffix):
    table = links([("haus", "casa", np.inf), ("tag", "", 2.0)])
    write_priors(table, tmp_path / f"p.{suffix}")
    assert read_priors(tmp_path / f"p.{suffix}").equals(table)


@pytest.mark.parametrize(("src", "weight"), [("", np.inf), ("a", -1.0), ("a", np.nan), ("a", -np.inf)])
def test_weights_that_cannot_be_are_refused(tmp_path, src, weight):
    write_priors(links([(src, "b", weight)]), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="found a weight that is negative or no number, or an infinite one"):
        read_priors(tmp_path / "p.parquet")


def test_a_constraint_of_shared_units_is_one_of_words_only():
    table = links([("haus", "casa", np.inf), ("tag", "giorno", np.inf)])
    src, tgt = units(["haus", "hausen", "tag"], "prefix-4"), units(["casa", "giorno"], "prefix-4")
    assert told(hints([table], "prefix-4", src, tgt), src, tgt) == {
        ("haus", "casa"): (CONSTRAINT, False),
        ("tag", "gior"): (CONSTRAINT, True),
    }
    assert [len(x) for x in constraints([table], {"haus": 1, "tag": 3}, {"casa": 1, "giorno": 2})] == [2, 2]


def test_equal_units_add_up():
    table = links([("haus", "casa", 1.0), ("hausen", "casa", 2.0), ("haus", "", 3.0), ("", "casa", 4.0)])
    src, tgt = units(["haus", "hausen"], "prefix-4"), units(["casa"], "prefix-4")
    known = hints([table, table], "prefix-4", src, tgt)
    assert told(known, src, tgt) == {("haus", "casa"): (6.0, False)}
    assert known.src_null.tolist() == [0, 6]
    assert known.tgt_null.tolist() == [0, 8]
    none = hints([], "full", src, tgt)
    assert len(none.src) == len(none.only) == 0


def test_words_in_pieces_share_a_pseudo_count():
    pytest.importorskip("tokenizers")
    src, tgt = units(["hausarzt", "haus", "arzt"], "bpe-10"), units(["medic"])
    n = int(src.pieces.lengths[1])
    assert n > 1
    known = hints([links([("hausarzt", "medic", 6.0)])], "bpe-20", src, tgt)
    assert known.weight.tolist() == pytest.approx([6.0 / n] * len(known.weight))
    assert set(known.src.tolist()) == set(src.pieces[1].tolist())
    assert not known.only.any()


def test_pieces_of_another_tokenizer_are_left_out_and_said(capsys):
    pytest.importorskip("tokenizers")
    src, tgt = units(["haus", "arzt"], "bpe-12"), units(["casa"])
    name = src.names[1]
    table = links([(name, "casa", 1.0), ("##zz", "casa", 1.0)], "bpe-12")
    assert list(told(hints([table], "bpe-12", src, tgt), src, tgt)) == [(name, "casa")]
    assert "priors of bpe-12: 1 of 2 name pieces that its tokenizer does not make" in capsys.readouterr().err
    assert words_of([table, links([("a", "b", 1.0)])], "src") == ["a"]


def test_jumps_and_fertilities_are_taken_over():
    jumps = rows("full", "jump-forward", np.asarray([2.0, 3.0]), number=np.asarray([1, 10**6], np.int32))
    fertility = rows("full", "fertility-src", np.asarray([5.0]), src=["haus"], number=np.asarray([99], np.int32))
    src, tgt = units(["haus"]), units(["casa"])
    known = hints([pa.concat_tables([jumps, fertility])], "full", src, tgt)
    assert known.jumps[0].sum() == 5
    assert known.jumps[0, -1] == 3
    assert known.src_fertility[1].tolist()[-1] == 5
    assert known.tgt_fertility.sum() == 0


# -- spaces


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 9)), elements=st.integers(-4, 4)),
    st.data(),
)
def test_nearest_is_a_sort(similar, data):
    k = data.draw(st.integers(1, similar.shape[1]))
    bias = np.asarray([data.draw(st.integers(-2, 2)) for _ in range(similar.shape[1])], np.float32)
    value, column = nearest(similar, bias, k)
    expected = np.argsort(-(similar - bias), axis=1, kind="stable")[:, :k]
    assert column.tolist() == expected.tolist()
    assert value.tolist() == np.take_along_axis(similar - bias, expected, axis=1).tolist()


def slow_space_priors(x, y, weight, neighbours, temperature, centre, met=None):
    if centre:
        x, y = x - x.mean(0), y - y.mean(0)
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    cosine = x @ y.T
    hub_x = np.sort(cosine, axis=1)[:, -10:].mean(1)
    hub_y = np.sort(cosine, axis=0)[-10:].mean(0)
    csls = 2 * cosine - hub_x[:, None] - hub_y
    total = np.zeros_like(csls)
    if met is not None:
        csls[~met] = -np.inf
    for sided, out in ((csls, total), (csls.T, total.T)):
        for row, into in zip(sided, out, strict=True):
            near = [k for k in np.argsort(-row) if np.isfinite(row[k])][:neighbours]
            p = np.exp(row[near] / temperature)
            into[near] += p / p.sum() / 2
    return {(i, j): weight * p for (i, j), p in np.ndenumerate(total) if p >= 0.005}


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize(("n", "m"), [(30, 23), (4, 40), (1, 1)])
def test_space_priors_are_what_the_equation_says(n, m, centre, monkeypatch):
    monkeypatch.setattr("polyalign.words.space_priors.BLOCK", 100)
    random = np.random.default_rng(n)
    x, y = random.standard_normal((n, 6)) + 1, random.standard_normal((m, 6)) - 1
    if centre and n == 1:
        centre = False
    src, tgt = [f"s{k}" for k in range(n)], [f"t{k}" for k in range(m)]
    table = space_priors(
        Space((*src, "spare"), np.vstack([x, x[:1] * 9])),
        Space(tuple(tgt), y),
        ["", *src, "unseen", *src[:1]],
        tgt,
        weight=3.0,
        neighbours=5,
        temperature=0.2,
        centre=centre,
    )
    assert table.schema == SCHEMA
    each = zip(*(table[c].to_pylist() for c in ("src", "tgt", "weight")), strict=True)
    got = {(int(s[1:]), int(t[1:])): w for s, t, w in each}
    expected = slow_space_priors(x, y, 3.0, 5, 0.2, centre)
    assert got == pytest.approx(expected, rel=1e-3)
    assert set(table["kind"].to_pylist()) == {"link"}


@pytest.mark.parametrize("block", [3, 1 << 20])
def test_neighbours_are_words_that_are_met_in_text(block, monkeypatch):
    monkeypatch.setattr("polyalign.words.space_priors.BLOCK", block)
    random = np.random.default_rng(5)
    x, y = random.standard_normal((12, 4)), random.standard_normal((15, 4))
    # Word 12 of either vocabulary has no vector.
    src, tgt = [f"s{k}" for k in range(13)], ["t12x", *(f"t{k}" for k in range(15))]
    text = [[random.integers(0, m, random.integers(0, 5)).tolist() for _ in range(9)] for m in (13, 16)]
    met = np.zeros((12, 15), bool)
    for a, b in zip(*text, strict=True):
        for i in a:
            for j in b:
                if i < 12 and j > 0:
                    met[i, j - 1] = True
    spaces = Space(tuple(src[:12]), x), Space(tuple(tgt[1:]), y)
    both = tuple(Ragged.from_lists(side) for side in text)
    table = space_priors(*spaces, src, tgt, weight=2.0, neighbours=3, temperature=0.3, text=both)
    each = zip(*(table[c].to_pylist() for c in ("src", "tgt", "weight")), strict=True)
    assert met.any()
    assert {(int(s[1:]), int(t[1:])): w for s, t, w in each} == pytest.approx(
        slow_space_priors(x, y, 2.0, 3, 0.3, True, met), rel=1e-3
    )
    nothing = Ragged.from_lists([[], []])
    assert space_priors(*spaces, src, tgt, weight=2.0, text=(nothing, nothing)).num_rows == 0


def test_a_rotated_space_gives_the_dictionary():
    x = np.random.default_rng(0).standard_normal((40, 20))
    src, tgt = Space(tuple(f"s{k}" for k in range(40)), x), Space(tuple(f"t{k}" for k in range(40)), x + 2)
    table = space_priors(src, tgt, src.words, tgt.words, weight=1.0, temperature=0.05)
    best = [
        (s, t) for s, t, w in zip(*(table[c].to_pylist() for c in ("src", "tgt", "weight")), strict=True) if w > 0.9
    ]
    assert best == [(f"s{k}", f"t{k}") for k in sorted(range(40))]


def test_words_without_vectors_get_no_prior():
    space = Space(("a", "b"), np.eye(2))
    assert space_priors(space, space, ["x"], ["a"], weight=1.0).num_rows == 0
    assert space_priors(space, space, [], [], weight=1.0).schema == SCHEMA


@pytest.mark.parametrize(
    "parameters", [{"weight": 0.0}, {"weight": 1.0, "neighbours": 0}, {"weight": 1.0, "temperature": -1.0}]
)
def test_parameters_of_space_priors_out_of_range_are_refused(parameters):
    space = Space(("a", "b"), np.eye(2))
    with pytest.raises(ValueError, match="must be above 0"):
        space_priors(space, space, ["a"], ["a"], **parameters)


def test_spaces_of_different_dimensions_are_refused():
    with pytest.raises(ValueError, match="vectors have 2 and 3 dimensions, expected two spaces with as many"):
        space_priors(Space(("a", "b"), np.eye(2)), Space(("a",), np.ones((1, 3))), ["a"], ["a"], weight=1.0)
