"""xsim++: what is changed in a sentence, retrieval among the changed ones, and what it takes for what."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.space import unit
from polyalign.evaluate.retrieval import Retrieval
from polyalign.evaluate.xsim_pp import KINDS, Negatives, XsimPP

TEXTS = [
    "There were 20 people in Berlin.",
    "He is not at home, and 3,500 francs are gone.",
    "We can't see Anna Smith or the I of O'Brien.",
    "Two dogs bark.",
    "AM radio has no future.",
    "nothing to change here",
    "",
]


def of_kind(method, texts, kind):
    made = method.negatives(texts)
    return [(int(i), t) for i, t, k in zip(made.owners, made.texts, made.kinds, strict=True) if KINDS[k] == kind]


def test_negations_are_put_in_and_taken_out():
    assert of_kind(XsimPP(), TEXTS, "negation") == [
        (0, "There were not 20 people in Berlin."),
        (1, "He is at home, and 3,500 francs are gone."),
        (2, "We can see Anna Smith or the I of O'Brien."),
    ]
    changed = {
        "Cannot be.": "Can be.", "It won't do.": None, "They don't know.": "They do know.", "Is it?": "Is not it?",
        "I can not.": "I can.", "Bars are no longer rooms.": None, "That wasn’t it.": "That was it.",
    }  # fmt: skip
    for text, expected in changed.items():
        assert [t for _, t in of_kind(XsimPP(), [text], "negation")] == ([expected] if expected else [])


def test_numbers_are_changed_within_their_form():
    found = of_kind(XsimPP(), TEXTS, "number")
    assert [i for i, _ in found] == [0, 1, 3]
    for i, text in found:
        was, now = TEXTS[i].split(), text.split()
        (place,) = [k for k, (a, b) in enumerate(zip(was, now, strict=True)) if a != b]
        assert len(was[place]) == len(now[place]) or not was[place][0].isdigit()
        assert not re.match(r"0\d", now[place])
    assert found[2][1].split()[0][0].isupper()
    assert of_kind(XsimPP(), ["in 1990s, v2.0a and room B12"], "number") == []


def test_names_are_changed_for_others():
    found = of_kind(XsimPP(), TEXTS, "entity")
    assert [i for i, _ in found] == [0, 2, 2]
    assert found[0][1] in ("There were 20 people in Anna Smith.", "There were 20 people in O'Brien.")
    assert found[1][1] == "We can't see Berlin or the I of O'Brien."
    assert of_kind(XsimPP(), ["She saw Anna."], "entity") == []


@given(st.lists(st.text(alphabet="aI 3.,N'ot iswas", max_size=30), max_size=5), st.integers(0, 99))
def test_negatives_are_new_and_repeat_themselves(texts, seed):
    method = XsimPP(seed=seed)
    made = method.negatives(texts)
    assert len(set(made.texts)) == len(made.texts) == len(made.owners) == len(made.kinds)
    assert not set(made.texts) & set(texts)
    assert method.negatives(texts).texts == made.texts
    counts = {kind: np.bincount(made.owners[made.kinds == k], minlength=1) for k, kind in enumerate(KINDS)}
    assert all(counts[kind].max(initial=0) <= getattr(method, kind) for kind in KINDS)


def test_none_are_made_of_a_kind_that_is_not_wanted():
    made = XsimPP(number=0, negation=0, entity=0).negatives(TEXTS)
    assert made.texts == []
    assert made.owners.shape == made.kinds.shape == (0,)


def vectors(n, m, d=16, *, noise=0.3, near=0.3, seed=0):
    rng = np.random.default_rng(seed)
    tgt = rng.normal(size=(n, d))
    owners = rng.integers(0, n, m)
    made = Negatives([str(k) for k in range(m)], owners, rng.integers(0, 3, m))
    sides = (tgt + noise * rng.normal(size=(n, d)), tgt, tgt[owners] + near * rng.normal(size=(m, d)))
    return *(x.astype(np.float32) for x in sides), made


@given(st.integers(1, 12), st.integers(0, 12), st.sampled_from(["ratio", "distance", "absolute"]), st.integers(0, 999))
def test_it_is_a_search_by_hand(n, m, margin, seed):
    src, tgt, negatives, made = vectors(n, m, seed=seed)
    method = XsimPP(margin=margin, neighbours=3, candidates=5, centre=False, samples=0)
    score = method.score(src, tgt, negatives, made)
    x, pool = unit(src), unit(np.concatenate([tgt, negatives]))
    cos = (x @ pool.T).astype(np.float64)
    here = [np.sort(r)[::-1][:3].mean() for r in cos]
    there = [np.sort(c)[::-1][:3].mean() for c in cos.T]
    took = dict.fromkeys(["right", "other_sentence", *KINDS], 0)
    for i in range(n):
        first = np.argsort(-cos[i], kind="stable")[:5]
        base = [(here[i] + there[j]) / 2 for j in first]
        scores = [
            {"ratio": cos[i, j] / max(b, 0.01), "distance": cos[i, j] - b, "absolute": cos[i, j]}[margin]
            for j, b in zip(first, base, strict=True)
        ]
        j = first[int(np.argmax(scores))]
        took["right" if j == i else "other_sentence" if j < n else KINDS[made.kinds[j - n]]] += 1
    assert score.value == pytest.approx(1 - took.pop("right") / n)
    assert {k: score.parts[k] for k in took} == pytest.approx({k: v / n for k, v in took.items()})


def test_without_negatives_it_is_retrieval_from_one_side():
    src, tgt, negatives, made = vectors(40, 0, noise=1.0)
    for centre in (True, False):
        plain = Retrieval(margin="ratio", centre=centre).score(src, tgt)
        score = XsimPP(centre=centre).score(src, tgt, negatives, made)
        assert score.value == pytest.approx(plain.parts["src_error"])
        assert 0 < score.value < 1


def test_hard_negatives_make_it_harder():
    src, tgt, negatives, made = vectors(100, 300)
    score = XsimPP().score(src, tgt, negatives, made)
    assert score.value > 0.15
    assert score.parts["other_sentence"] < 0.05
    assert score.parts["negatives"] == 300
    assert score.parts["with_negative"] == len(set(made.owners.tolist()))
    assert score.ci[0] < score.value < score.ci[1]


def test_vectors_that_do_not_go_together():
    src, tgt, negatives, made = vectors(5, 3)
    for a, b in ((src[:4], tgt), (src[:0], tgt[:0])):
        with pytest.raises(DataError, match="evaluate/xsim-pp: found vectors of shapes"):
            XsimPP().score(a, b, negatives, made)
    with pytest.raises(DataError, match="one for each negative"):
        XsimPP().score(src, tgt, negatives[:2], made)


@pytest.mark.parametrize(
    "settings",
    [{"number": -1}, {"negation": -1}, {"entity": -1}, {"samples": -1}, {"neighbours": 0}, {"candidates": 0}],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        XsimPP(**settings)
