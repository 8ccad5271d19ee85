"""Tuples of translations: against a slow reference, the options one by one, and errors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.parallelism import FATES, GreedyTuples, histogram

LANGS = ("deu_Latn", "eng_Latn", "fra_Latn", "ita_Latn")


def bitext(src, tgt, pairs, scores=None):
    columns = {} if scores is None else {"score.align": pa.array(scores, pa.float32())}
    return Bitext.build([a for a, _ in pairs], [b for _, b in pairs], langs=(src, tgt), columns=columns)


def reference(pairs, *, admit, merge, cap):
    """The paper's procedure in plain Python: pairs of (language, text), best first, to tuples and fates."""
    home, fates = {}, []
    for a, b in pairs:
        if a in home and b in home:
            x, y = home[a], home[b]
            if x is y:
                fates.append("same tuple")
            elif not merge:
                fates.append("tuples apart")
            elif not admit and {lang for lang, _ in x} & {lang for lang, _ in y}:
                fates.append("language occupied")
            elif len(x) + len(y) > cap:
                fates.append("tuple full")
            else:
                x.extend(y)
                for s in y:
                    home[s] = x
                fates.append("joined")
            continue
        if a not in home and b not in home:
            home[a] = home[b] = [a, b]
            fates.append("joined")
            continue
        known, new = (a, b) if a in home else (b, a)
        if not admit and new[0] in {lang for lang, _ in home[known]}:
            fates.append("language occupied")
        elif len(home[known]) >= cap:
            fates.append("tuple full")
        else:
            home[known].append(new)
            home[new] = home[known]
            fates.append("joined")
    return {frozenset(x) for x in home.values()}, fates


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
    st.integers(2, 5),
)  # fmt: skip
def test_it_is_the_procedure(edges, admit, merge, cap):
    edges = [e for e in edges if e[0] != e[1]]
    by_pair = {}
    for a, b, i, j, score in edges:
        by_pair.setdefault((a, b), []).append((f"{i}", f"{j}", score))
    if not by_pair:
        return
    bitexts = [
        bitext(LANGS[a], LANGS[b], [r[:2] for r in rows], [r[2] for r in rows]) for (a, b), rows in by_pair.items()
    ]
    flat = [((LANGS[a], i), (LANGS[b], j), s) for (a, b), rows in by_pair.items() for i, j, s in rows]
    ranked = [e[:2] for e in sorted(flat, key=lambda e: -e[2])]
    tuples, fates = reference(ranked, admit=admit, merge=merge, cap=cap)
    method = GreedyTuples(occupied="admit" if admit else "reject", merge=merge, max_size=cap)
    found = method.find(bitexts)
    rows = found.tuples.to_pylist()
    got = {}
    for row in rows:
        got.setdefault(row["tuple"], set()).add((row["lang"], row["text"]))
    assert {frozenset(x) for x in got.values()} == tuples
    assert found.counts["fates"] == {name: fates.count(name) for name in FATES if name in fates}
    # Each language's first sentence stays, and n_ways counts those.
    stays = [(row["tuple"], row["lang"]) for row in rows if row["stays"]]
    assert len(stays) == len(set(stays)) == len({(row["tuple"], row["lang"]) for row in rows})
    size = {s: len({lang for lang, _ in x}) for x in tuples for s in x}
    for b in found.bitexts:
        expected = [
            max(2, size.get((b.langs[0], s), 1), size.get((b.langs[1], t), 1))
            for s, t in zip(b.src, b.tgt, strict=True)
        ]
        assert b.column("score.n_ways") == expected


def test_the_best_pair_comes_first_and_ties_stay_in_order():
    de_en = bitext("deu_Latn", "eng_Latn", [("Haus", "home"), ("Haus", "house"), ("Heim", "home")], [0.5, 0.9, 0.5])
    found = GreedyTuples().find([de_en])
    assert found.tuples.to_pylist() == [
        {"tuple": 0, "lang": "deu_Latn", "text": "Haus", "stays": True},
        {"tuple": 0, "lang": "eng_Latn", "text": "house", "stays": True},
        {"tuple": 1, "lang": "deu_Latn", "text": "Heim", "stays": True},
        {"tuple": 1, "lang": "eng_Latn", "text": "home", "stays": True},
    ]
    assert found.counts["fates"] == {"joined": 2, "language occupied": 1}


def test_a_minimum_and_scores_that_are_missing():
    de_en = bitext("deu_Latn", "eng_Latn", [("a", "b"), ("c", "d"), ("e", "f")], [0.9, 0.1, float("nan")])
    found = GreedyTuples(minimum=0.5).find([de_en])
    assert found.counts["fates"] == {"joined": 1, "score too low": 2}
    assert found.bitexts[0].column("score.n_ways") == [2, 2, 2]
    unscored = bitext("eng_Latn", "fra_Latn", [("b", "g")])
    assert GreedyTuples().find([de_en, unscored]).counts["ways"] == {"2": 2, "3": 1}


def test_empty_sides_are_no_translations():
    found = GreedyTuples().find([bitext("deu_Latn", "eng_Latn", [("a", ""), ("", ""), ("a", "b")], [1, 1, 1])])
    assert found.bitexts[0].column("score.n_ways") == [2, 0, 2]
    assert found.counts["fates"] == {"joined": 1, "empty": 2}
    assert found.counts["ways"] == {"2": 1}


def test_many_languages():
    names = [f"{chr(97 + k // 26)}{chr(97 + k % 26)}x_Latn" for k in range(130)]
    hub = [bitext(names[0], name, [("x", "y")], [1.0]) for name in names[1:]]
    assert GreedyTuples().find(hub).counts["ways"] == {"130": 1}
    assert GreedyTuples(max_size=50).find(hub).counts["fates"] == {"joined": 49, "tuple full": 80}


def test_no_pairs_at_all():
    found = GreedyTuples().find([bitext("deu_Latn", "eng_Latn", [], [])])
    assert (found.tuples.num_rows, found.counts["ways"], found.counts["pairs"]) == (0, {}, 0)
    assert histogram(np.zeros(0, np.int64)) == {}


def test_it_refuses():
    good = bitext("deu_Latn", "eng_Latn", [("a", "b")])
    with pytest.raises(DataError, match="found no bitext"):
        GreedyTuples().find([])
    with pytest.raises(DataError, match="bitext 2 is und-und"):
        GreedyTuples().find([good, Bitext.build(["a"], ["b"])])
    with pytest.raises(DataError, match=r"no bitext has the column 'score\.align'"):
        GreedyTuples(minimum=0.5).find([good])
    with pytest.raises(ValueError, match="max_size"):
        GreedyTuples(max_size=1)
    with pytest.raises(ValueError, match="minimum"):
        GreedyTuples(minimum=float("nan"))
