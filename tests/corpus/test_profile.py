"""What a profile counts with: words of any script, sketches against plain counting, and that order and runs do not matter."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.corpus.profile.profile import Profile
from polyalign.corpus.profile.sketch import Distinct, Lengths, Sample, row_keys
from polyalign.corpus.profile.texts import Vocabulary, as_array, bytes_of
from polyalign.corpus.profile.told import wilson
from polyalign.kernels.wording import hash_texts, scan_texts


def scan(*texts):
    return scan_texts(*bytes_of(as_array(pa.chunked_array([list(texts)], pa.large_string()))))


def words_of(text):
    """How many words a text has, and how many different ones."""
    words, _, _, _ = scan(text)
    return len(words), len(set(words.tolist()))


@pytest.mark.parametrize(
    ("text", "words", "different"),
    [
        ("", 0, 0),
        (" ... !?", 0, 0),
        ("der hund und der hund", 5, 3),
        ("l'eau, d’accord", 4, 4),
        ("привет, мир", 2, 2),
        ("你好你", 3, 2),
        ("abc你def", 3, 3),
        ("ภาษา", 4, 3),
        ("naïve naïve", 2, 1),
        ("1,200 kg", 3, 3),
        ("नमस्ते दुनिया।", 2, 2),
        ("a\u00a0b\u3000c", 3, 3),
        ("😀 ja 😀", 1, 1),
    ],
)
def test_words_of_any_script(text, words, different):
    assert words_of(text) == (words, different)


def test_what_is_alike_but_for_case_digits_and_marks():
    _, _, loose, _ = scan("im jahr 1998, sagte er.", "Im Jahr 2004 sagte er".lower(), "im jahr 1998 sagt er", "...", "")
    assert loose[0, 0] == loose[1, 0] != loose[2, 0]
    assert loose[3, 0] == loose[4, 0] == 0
    assert loose[0, 1] != loose[1, 1]


def test_runs_of_words_and_letters():
    _, _, _, counts = scan("ja ja ja, nein", "aaaaab", "------", "hahahaha")
    assert counts[:, 2].tolist() == [3, 1, 0, 1]
    assert counts[:, 3].tolist() == [1, 5, 0, 1]
    assert counts[:, 0].tolist() == [14, 6, 6, 8]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_counts_are_those_of_python(texts):
    texts = [t.encode("utf-8", "replace").decode() for t in texts]
    data, at = bytes_of(as_array(pa.chunked_array([texts], pa.large_string())))
    words, first, _, counts = scan_texts(data, at)
    assert counts[:, 0].tolist() == [len(t) for t in texts]
    assert first[-1] == len(words)
    hashes = hash_texts(data, at).tolist()
    assert len(set(hashes)) == len(set(texts))


def test_distinct_is_exact_below_its_capacity():
    rng = random.Random(1)
    things = [rng.randrange(500) for _ in range(3000)]
    hashes = np.random.default_rng(1).integers(0, 2**64, 500, dtype=np.uint64)
    sketch = Distinct(capacity=1000)
    for start in range(0, 3000, 70):
        sketch.add(hashes[things[start : start + 70]])
    counts = Counter(things)
    assert sketch.number() == len(counts)
    assert sketch.once() == sum(n == 1 for n in counts.values())
    assert sketch.level == 0
    assert sketch.of(hashes).tolist() == [counts[k] for k in range(500)]


def test_distinct_beyond_its_capacity_is_near_and_does_not_depend_on_order():
    hashes = np.random.default_rng(2).integers(0, 2**64, 200_000, dtype=np.uint64)
    told = []
    for order, step in ((np.arange(200_000), 200_000), (np.random.default_rng(3).permutation(200_000), 999)):
        sketch = Distinct(capacity=10_000)
        for start in range(0, 200_000, step):
            sketch.add(hashes[order[start : start + step]])
        sketch.add(hashes[:50_000])
        told.append((sketch.number(), sketch.once(), sketch.level))
        assert len(sketch.keys) <= 10_000
    assert told[0] == told[1]
    assert told[0][0] == pytest.approx(200_000, rel=0.05)
    assert told[0][1] == pytest.approx(150_000, rel=0.05)


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=200))
def test_quantiles_of_lengths(values):
    lengths = Lengths()
    for start in range(0, len(values), 7):
        lengths.add(np.asarray(values[start : start + 7], np.int64))
    shares = [0.0, 0.25, 0.5, 0.9, 1.0]
    exact = np.quantile(values, shares, method="inverted_cdf")
    # To a bin of half a percent, and exact up to 4,096.
    for found, true in zip(lengths.quantiles(shares), exact.tolist(), strict=True):
        assert abs(found - true) <= (0 if true < 4096 else 0.006 * true)
    assert sum(lengths.histogram()[0]) == sum(lengths.octaves()[0]) == len(values)
    assert (lengths.total, lengths.most) == (sum(values), max(values))


def test_a_sample_does_not_depend_on_runs_and_is_fair():
    table = pa.table({"n": list(range(5000))})
    found = []
    for step in (5000, 64, 1):
        sample = Sample(50)
        for start in range(0, 5000, step):
            sample.add(row_keys(start, step if start + step <= 5000 else 5000 - start, 1), table.slice(start, step))
        found.append(sample.table()["n"].to_pylist())
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 50
    assert 1500 < np.mean(found[0]) < 3500
    other = Sample(50)
    other.add(row_keys(0, 5000, 2), table)
    assert other.table()["n"].to_pylist() != found[0]


def test_vocabulary_grows_as_counted():
    words = np.random.default_rng(1).zipf(1.3, 300_000).astype(np.uint64)
    vocabulary = Vocabulary()
    for start in range(0, len(words), 10_007):
        vocabulary.add(words[start : start + 10_007])
    told = vocabulary.told()
    assert (told["tokens"], told["types"]) == (300_000, len(np.unique(words)))
    for tokens, types in told["growth"]:
        assert types == len(np.unique(words[:tokens]))
    windows = [len(np.unique(words[k : k + 1000])) for k in range(0, 300_000, 1000)]
    # A block of 262,144 words ends inside a window, which then counts for none.
    assert told["per_window"] == pytest.approx(np.mean(windows) / 1000, rel=0.01)


def test_a_profile_of_many_languages_and_more_than_a_sample():
    profile = Profile("pairs", sample=10)
    for lang in ("eng_Latn", "fra_Latn"):
        texts = [f"satz nummer {n}" for n in range(40)]
        profile.add_bitext(Bitext.build(texts, texts, langs=("deu_Latn", lang)), "x")
    told = profile.told()
    assert [g["langs"] for g in told["groups"]] == [["deu_Latn", "eng_Latn"], ["deu_Latn", "fra_Latn"]]
    assert all(g["sample"] == 10 and g["noise"]["copies"] == 40 for g in told["groups"])
    assert all(s["duplicates"]["near"]["distinct"] == 2 for g in told["groups"] for s in g["sides"])


def test_a_sample_of_none_is_refused():
    with pytest.raises(ValueError, match="sample must be at least 1"):
        Profile("pairs", sample=0)


def test_wilson_covers():
    low, high = wilson(0, 20)
    assert low == pytest.approx(0)
    assert 0.1 < high < 0.2
    assert wilson(20, 20)[1] == pytest.approx(1)
