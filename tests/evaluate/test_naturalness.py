"""Naturalness: equal to the definitions, 0 for one text, small for two samples of one, large for another."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.evaluate.lexical_naturalness import LexicalNaturalness
from polyalign.evaluate.syntactic_naturalness import SyntacticNaturalness, features
from polyalign.evaluate.trees import Tree, read_trees

lines = st.lists(st.text("abc ", max_size=12), min_size=1, max_size=6)


def divergence(first, second):
    counts = [Counter(" ".join(side).split()) for side in (first, second)]
    p, q = ({w: n / sum(c.values()) for w, n in c.items()} for c in counts)
    value = 0.0
    for w in {*p, *q}:
        m = (p.get(w, 0) + q.get(w, 0)) / 2
        value += sum(x.get(w, 0) / 2 * np.log2(x[w] / m) for x in (p, q) if w in x)
    return value


@given(lines, lines)
def test_divergence_equals_the_definition_and_is_symmetric(first, second):
    metric = LexicalNaturalness(words="whitespace", permutations=0, samples=0)
    if not (" ".join(first).split() and " ".join(second).split()):
        with pytest.raises(DataError, match="expected some in both"):
            metric.score(first, second)
        return
    value = metric.score(first, second).value
    assert value == pytest.approx(divergence(first, second), abs=1e-12)
    assert value == pytest.approx(metric.score(second, first).value, abs=1e-12)
    assert 0 <= value <= 1 + 1e-12


def text(seed, n=150, *, favourite=0.0):
    rng = np.random.default_rng(seed)
    vocabulary = [f"w{k}" for k in range(60)]
    p = 1 / np.arange(1, 61)
    p[:30] *= 1 + favourite
    p /= p.sum()
    return [" ".join(rng.choice(vocabulary, 12, p=p)) for _ in range(n)]


def test_one_text_two_samples_of_it_and_another():
    metric = LexicalNaturalness(samples=200)
    native = text(1)
    same, sample, other = (metric.score(t, native) for t in (native[::-1], text(2), text(3, favourite=4)))
    assert same.value == pytest.approx(0, abs=1e-12)
    assert same.parts["p_value"] == 1
    assert sample.parts["p_value"] > 0.05
    assert other.parts["p_value"] < 0.02
    assert 0 < sample.value < other.value
    assert abs(sample.value - sample.parts["chance"]) < 0.3 * sample.value
    assert other.ci[0] < other.value < other.ci[1]
    assert other.signature.startswith("metric:lexical-naturalness|words:words|lowercase:True|permutations:100|")


def test_case_and_counts():
    assert LexicalNaturalness(permutations=0, samples=0).score(["A b"], ["a B"]).value == 0
    assert LexicalNaturalness(lowercase=False, permutations=0, samples=0).score(["A b"], ["a B"]).value == 1
    parts = LexicalNaturalness(permutations=0, samples=0).score(["a b b", ""], ["a"]).parts
    assert parts == {"words": 3, "native_words": 1, "types": 2, "native_types": 1}


@pytest.mark.parametrize("cls", [LexicalNaturalness, SyntacticNaturalness])
@pytest.mark.parametrize("settings", [{"permutations": -1}, {"samples": -1}])
def test_settings_that_make_no_sense(cls, settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must not be negative"):
        cls(**settings)


# -- trees


def random_trees(seed, n, labels="NOUN VERB ADJ DET", *, chain=False):
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        size = int(rng.integers(2, 8))
        heads = [-1, *(k - 1 if chain else int(rng.integers(0, k)) for k in range(1, size))]
        out.append(Tree(tuple(rng.choice(labels.split(), size).tolist()), ("dep",) * size, tuple(heads)))
    return out


def refined(tree, iterations):
    """Labels of a tree written out as nested tuples, iteration by iteration."""
    labels = [(0, x) for x in tree.labels]
    out = Counter(labels)
    for i in range(1, iterations + 1):
        labels = [
            (i, labels[w], labels[h] if h >= 0 else None, tuple(sorted(repr(labels[d]) for d, g in enumerate(tree.heads) if g == w)))
            for w, h in enumerate(tree.heads)
        ]  # fmt: skip
        out.update(labels)
    return out


def kernel(a, b):
    def inner(x, y):
        return sum(n * y[label] for label, n in x.items())

    return inner(a, b) / np.sqrt(inner(a, a) * inner(b, b))


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_discrepancy_equals_the_definition_by_kernels(iterations):
    first, second = random_trees(1, 9), random_trees(2, 7, "NOUN VERB")
    a, b = ([refined(t, iterations) for t in side] for side in (first, second))
    mean = lambda x, y: np.mean([kernel(s, t) for s in x for t in y])  # noqa: E731
    expected = mean(a, a) + mean(b, b) - 2 * mean(a, b)
    score = SyntacticNaturalness(iterations=iterations, permutations=0, samples=0).score(first, second)
    assert score.value == pytest.approx(expected)


def test_features_have_length_one_and_relations_count():
    trees = [Tree(("NOUN",), ("root",), (-1,)), Tree(("NOUN",), ("dep",), (-1,))]
    assert features(trees, 2, relations=False).shape[1] == 3
    both = features(trees, 2, relations=True)
    assert both.shape[1] == 6
    np.testing.assert_allclose(np.asarray(both.multiply(both).sum(axis=1)).ravel(), 1)


def test_one_corpus_two_samples_of_it_and_other_trees():
    metric = SyntacticNaturalness()
    native = random_trees(1, 150)
    same = metric.score(native[::-1], native)
    sample, other = (metric.score(t, native) for t in (random_trees(2, 150), random_trees(3, 150, chain=True)))
    assert same.value == pytest.approx(0, abs=1e-12)
    assert same.parts["p_value"] == 1
    assert sample.parts["p_value"] > 0.05
    assert other.parts["p_value"] < 0.02
    assert sample.value < other.value
    assert other.ci[0] < other.value < other.ci[1]
    # Parts of speech are as many in both; only what hangs on what differs.
    words_only = SyntacticNaturalness(iterations=0).score(random_trees(3, 150, chain=True), native)
    assert words_only.parts["p_value"] > 0.02


def test_no_trees_are_refused():
    with pytest.raises(DataError, match="found 0 trees of the text and 1 native ones"):
        SyntacticNaturalness().score([], random_trees(1, 1))
    with pytest.raises(ValueError, match="iterations must not be negative"):
        SyntacticNaturalness(iterations=-1)


CONLLU = """# sent_id = 1
1-2	zum	_	_	_	_	_	_	_	_
1	zu	zu	ADP	_	_	3	case	_	_
2	dem	der	DET	_	_	3	det	_	_
3	Haus	Haus	NOUN	_	_	0	root	_	_
3.1	x	_	_	_	_	_	_	_	_

# sent_id = 2
1	Ja	ja	INTJ	_	_	0	root	_	_
"""


@pytest.mark.parametrize("ending", ["", "\n\n\n"])
def test_trees_are_read(ending):
    trees = list(read_trees((CONLLU + ending).split("\n"), "x"))
    assert trees == [
        Tree(("ADP", "DET", "NOUN"), ("case", "det", "root"), (2, 2, -1)),
        Tree(("INTJ",), ("root",), (-1,)),
    ]
    assert list(read_trees([], "x")) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\tzu", r"x line 1: found 2 columns, expected the 10"),
        ("1\tzu\t_\tADP\t_\t_\t_\t_\t_\t_", r"x line 1: found word 1 with head '_'"),
        ("2\tzu\t_\tADP\t_\t_\t0\t_\t_\t_", r"x line 1: found word 2 with head '0', expected word 1"),
        ("1\tzu\t_\tADP\t_\t_\t2\t_\t_\t_", r"x: sentence from line 1: found head 2, expected a word of its 1"),
    ],
)
def test_damaged_trees_are_refused(line, message):
    with pytest.raises(DataError, match=message):
        list(read_trees([line], "x"))
