"""Duplicates: exact, by MinHash, verified; against slow obvious twins, and the same however they are read."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.corpus.dedup import bands as bands_module
from polyalign.corpus.dedup.clusters import Clusters, labels_of
from polyalign.corpus.dedup.exact import Exact
from polyalign.corpus.dedup.fold import Fold, buffers
from polyalign.corpus.dedup.fuzzy import Fuzzy
from polyalign.corpus.dedup.minhash import MinHash
from polyalign.kernels.folding import content_hashes, fold
from polyalign.kernels.minhash import edit_similarity, jaccard, sorted_ngrams, unit_hashes

WORDS = ["".join(letters) for letters in itertools.product("abcdefgh", "aeiou", "lmnrst", "o")]


def texts_of(n: int, seed: int, lengths=(3, 60)) -> list[str]:
    """Texts of random words, of which some are noisy copies of others."""
    random = np.random.default_rng(seed)
    out: list[str] = []
    for _ in range(n):
        if out and random.random() < 0.5:
            words = out[random.integers(len(out))].split()
            for _ in range(random.integers(0, 3)):
                if words:
                    words[random.integers(len(words))] = random.choice(WORDS)
        else:
            words = random.choice(WORDS, random.integers(*lengths)).tolist()
        out.append(" ".join(words))
    return out


def table(texts, **columns) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.large_string()), **columns})


def clusters_of(method, texts, **columns):
    return method.mark(table(texts, **columns))["cluster"].to_pylist()


# --- folding ----------------------------------------------------------------------------------------------------------


def folded(text: str, by: Fold) -> str:
    data, offsets = buffers(pa.array([text], pa.large_string()))
    out = np.zeros(len(data) + 1, np.uint32)
    count = fold(data, offsets[0], offsets[1], by.table(), out)
    return "".join(chr(int(p) & 0x1FFFFF) for p in out[:count])


def folded_slowly(text: str) -> str:
    """All folding but that of digits, for Latin text."""
    out = []
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if kind[0] == "Z" or char in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\0":
            out.append(" ")
        elif kind in ("Cc", "Cf"):
            continue
        elif kind[0] in "PS":
            out.append(" ")
        else:
            bare = "".join(c for c in unicodedata.normalize("NFD", char) if not 0x300 <= ord(c) < 0x370)
            low = bare.casefold()
            out.append(low if len(low) == len(bare) else bare.lower())
    return " ".join("".join(out).split())


@given(st.text(st.characters(max_codepoint=0x24F), max_size=60))
def test_folding_is_what_it_says(text):
    assert folded(text, Fold()) == folded_slowly(text)


@pytest.mark.parametrize(
    ("by", "text", "same"),
    [
        (Fold(), "  Ein\u00a0HÄUS-chen…\n", "ein haus chen"),
        (Fold(digits=True), "1997 and 20,5", "0 and 0 0"),
        (Fold(accents=False), "Tür", "tür"),
        (Fold(accents=False), "Tu\u0308r", "tür"),
        (Fold(case=False, accents=False, punctuation=False, space=False), " Ö\u200d! ", " Ö\u200d!"),
        (Fold(), "soft\u00adhyphen", "softhyphen"),
        (Fold(), "کِتاب", "کتاب"),
        (Fold(), "हिन्दी ก็ดี", "हिन्दी ก็ดี"),
        (Fold(), "ΣΊΣΥΦΟΣ", "σισυφοσ"),
        (Fold(), "\U0001f600 😀a", "a"),
    ],
)
def test_what_is_folded(by, text, same):
    assert folded(text, by).strip() == same.strip()


def test_composed_and_decomposed_korean_are_the_same():
    word = "한국어 텍스트"
    assert clusters_of(Exact(), [word, unicodedata.normalize("NFD", word)]) == [0, 0]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_words_and_characters_are_counted_whatever_the_text(texts):
    data, offsets = buffers(pa.array(texts, pa.large_string()))
    by = Fold().table()
    characters = np.diff(unit_hashes(data, offsets, by, False)[1])
    assert characters.tolist() == content_hashes(data, offsets, by, 0)[1].tolist()
    assert (np.diff(unit_hashes(data, offsets, by, True)[1]) <= characters).all()


def test_a_character_is_a_word_where_there_are_no_spaces():
    texts = ["ab 我们在 cd", "กขค", "漢字かな", "한국 어"]
    data, offsets = buffers(pa.array(texts, pa.large_string()))
    assert np.diff(unit_hashes(data, offsets, Fold().table(), True)[1]).tolist() == [5, 3, 4, 2]


def test_a_slice_and_nulls_are_read_right():
    column = pa.chunked_array([["x", "a b", None], ["c"]]).slice(1)
    data, offsets = buffers(column)
    assert (bytes(data), offsets.tolist()) == (b"a bc", [0, 3, 3, 4])


# --- similarities -----------------------------------------------------------------------------------------------------


def levenshtein(a, b) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, before = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
    return row[-1]


small = st.lists(st.integers(0, 3), max_size=12).map(lambda v: np.asarray(v, np.uint64))


@given(small, small, st.sampled_from([0.05, 0.3, 0.5, 0.8, 1.0]))
def test_edit_similarity_is_levenshteins(a, b, least):
    longer = max(len(a), len(b))
    want = 1 - levenshtein(a.tolist(), b.tolist()) / longer if longer else 0.0
    got = edit_similarity(a, b, least)
    assert got == pytest.approx(want) if want >= least - 1e-9 else got in (0.0, pytest.approx(want))


@given(small, small)
def test_jaccard_is_that_of_sets(a, b):
    left, right = set(a.tolist()), set(b.tolist())
    want = len(left & right) / len(left | right) if left | right else 0.0
    assert jaccard(np.unique(a), np.unique(b)) == pytest.approx(want)


def test_ngrams_are_distinct_and_sorted():
    texts = ["a b a b a b c", "a", "", "a b"]
    units, starts = unit_hashes(*buffers(pa.array(texts, pa.large_string())), Fold().table(), True)
    grams, at = sorted_ngrams(units, starts, 2)
    assert np.diff(at).tolist() == [3, 1, 0, 1]
    assert (np.sort(grams[:3]) == grams[:3]).all()
    assert grams[4] in grams[:3]  # "a b"


# --- exact ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["a b", "A  b", "a, b!", "ä b", "ab", "", "...", "!", "1 b", "2 b"]), max_size=20))
def test_exact_clusters_are_those_of_equal_folded_texts(texts):
    by = Fold(accents=False)
    keys = [folded(t, by) or f"raw {t}" for t in texts]
    assert clusters_of(Exact(), texts) == [keys.index(k) for k in keys]


def test_exact_by_either_side_links_rows():
    bitext = Bitext.build(["a", "b", "b", "c", ""], ["x", "x", "y", "z", ""])
    assert Exact(side="either").mark(bitext).column("cluster") == [0, 0, 0, 3, 4]
    assert Exact(side="src").mark(bitext).column("cluster") == [0, 1, 1, 3, 4]
    assert Exact(side="tgt").mark(bitext).column("cluster") == [0, 0, 2, 3, 4]
    assert Exact().mark(bitext).column("cluster") == [0, 1, 2, 3, 4]
    assert Exact(side="either").mark(bitext).column("cluster_size") == [3, 3, 3, 1, 1]
    assert Exact(side="either").mark(bitext).column("score.unique") == [1, 0, 0, 1, 1]
    assert Exact(side="either", keep="longest").mark(Exact().mark(bitext)).column("score.unique") == [1, 0, 0, 1, 1]


def test_the_sides_of_a_pair_do_not_change_places():
    assert Exact().mark(Bitext.build(["a", "b"], ["b", "a"])).column("cluster") == [0, 1]
    assert Exact(side="either").mark(Bitext.build(["a", "b"], ["b", "a"])).column("cluster") == [0, 1]
    assert MinHash(side="either").mark(Bitext.build(["a", "b"], ["b", "a"])).column("cluster") == [0, 1]


# --- what every method promises ---------------------------------------------------------------------------------------

METHODS = [Exact(), MinHash(), MinHash(unit="characters"), Fuzzy(threshold=0.7), Fuzzy(similarity="jaccard")]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_clusters_do_not_depend_on_runs_threads_or_folder(method, tmp_path, monkeypatch):
    whole = table(texts_of(300, 1))
    want = method.clusters([whole])
    assert want.counts()["duplicates"] > 5
    for size in (1, 7, 299):
        runs = [whole.slice(a, size) for a in range(0, 300, size)]
        got = method.clusters(runs)
        assert (got.cluster == want.cluster).all()
        assert (got.cluster_size == want.cluster_size).all()
    try:
        set_threads(1)
        assert (method.clusters([whole]).cluster == want.cluster).all()
    finally:
        set_threads(0)
    monkeypatch.setattr(bands_module, "WAIT", 64)
    monkeypatch.setattr(bands_module, "MOST", 100)
    spilled = type(method)(**{f: getattr(method, f) for f in method.__slots__ if f != "work"}, work=str(tmp_path / "w"))
    runs = [whole.slice(a, 50) for a in range(0, 300, 50)]
    assert (spilled.clusters(runs).cluster == want.cluster).all()
    assert list((tmp_path / "w").iterdir()) == []


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_a_corpus_twice_is_half_duplicates(method):
    texts = [t for t in dict.fromkeys(texts_of(60, 2)) if t]
    alone = clusters_of(method, texts)
    twice = clusters_of(method, texts + texts)
    assert twice == alone + alone


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_edges(method):
    assert clusters_of(method, []) == []
    assert clusters_of(method, ["x"]) == [0]
    long = " ".join(WORDS * 13)
    assert clusters_of(method, [long, "x", long + " y"])[:2] == [0, 1]
    assert clusters_of(method, ["a\r\nb c", "\ufeffa b c"]) == [0, 0]
    langs = ["deu", "ita", "deu"]
    assert clusters_of(method, ["ja ja ja"] * 3, lang=langs) == [0, 1, 0]
    assert method.clusters([]).counts() == {"rows": 0, "clusters": 0, "duplicates": 0}


@pytest.mark.parametrize("method", [MinHash(), Fuzzy()], ids=lambda m: type(m).__name__)
def test_empty_texts_are_nobodys_near_duplicates(method):
    assert clusters_of(method, ["", "...", "", None, " "]) == [0, 1, 2, 3, 4]


def test_short_texts_can_be_passed_over():
    assert clusters_of(MinHash(), ["a b", "A b."]) == [0, 0]
    assert clusters_of(MinHash(short=False), ["a b", "A b."]) == [0, 1]


def test_the_best_row_stands_for_its_cluster():
    texts = ["a b c", "a, b, c", "A b c", "d"]
    scores = pa.array([0.1, 0.9, None, 0.5], pa.float32())
    assert clusters_of(Exact(keep="longest"), texts) == [1, 1, 1, 3]
    assert clusters_of(Exact(keep="score.x"), texts, **{"score.x": scores}) == [1, 1, 1, 3]
    assert clusters_of(Exact(keep="score.x"), texts, **{"score.x": pa.array([1.0, 1.0, 1.0, 1.0])}) == [0, 0, 0, 3]


def test_both_sides_must_be_near():
    src = ["one two three four five six seven"] * 3
    tgt = ["eins zwei drei vier", "eins zwei drei vier", "ganz etwas anderes hier"]
    bitext = Bitext.build(src, tgt)
    for method in (MinHash, Fuzzy):
        assert method(side="both").mark(bitext).column("cluster") == [0, 0, 2]
        assert method(side="either").mark(bitext).column("cluster") == [0, 0, 0]
        assert method(side="tgt").mark(bitext).column("cluster") == [0, 0, 2]


@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=3))
def test_clusters_of_both_sides_are_the_meet(forests):
    # Any labels become forests by pointing at the first row that has them.
    parents = [np.asarray([labels.index(x) for x in labels]) for labels in forests]
    want = [next(j for j in range(6) if all(f[j] == f[i] for f in forests)) for i in range(6)]
    assert labels_of(parents).tolist() == want


# --- MinHash against theory, Fuzzy against all pairs -------------------------------------------------------------------


def ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))}


def test_the_share_of_linked_pairs_is_that_of_the_curve():
    """P(linked) = 1 - (1 - s^8)^14 at Jaccard similarities across the curve, within four standard errors."""
    random = np.random.default_rng(5)
    by_similarity: dict[float, list[bool]] = {}
    pairs, similar = [], []
    for _ in range(3000):
        words = random.integers(0, 10**9, 80).astype(str).tolist()
        other = [*words[:-1], "x"] if random.random() < 0.1 else list(words)
        cut = int(random.integers(3, 45))
        other[-cut:] = random.integers(0, 10**9, cut).astype(str).tolist()
        a, b = " ".join(words), " ".join(other)
        pairs.append((a, b))
        similar.append(len(ngrams(a, 5) & ngrams(b, 5)) / len(ngrams(a, 5) | ngrams(b, 5)))
    keys = MinHash(digits=False).keys(table([t for pair in pairs for t in pair]))[0][2]
    linked = (keys[0::2] == keys[1::2]).any(axis=1)
    for s, link in zip(similar, linked.tolist(), strict=True):
        by_similarity.setdefault(round(s * 10) / 10, []).append((link, 1 - (1 - s**8) ** 14))
    for found in by_similarity.values():
        links, theory = np.array([f[0] for f in found]), np.array([f[1] for f in found])
        assert abs(links.mean() - theory.mean()) < 4 * np.sqrt(
            max(theory.mean() * (1 - theory.mean()), 0.01) / len(found)
        )
    assert len(by_similarity) >= 6


@pytest.mark.parametrize("similarity", ["edit", "jaccard"])
def test_verified_clusters_are_the_components_of_similar_pairs(similarity):
    """With so many bands that all similar pairs meet, the clusters are exactly those of comparing all with all."""
    texts = texts_of(80, 3, (4, 12))
    method = Fuzzy(threshold=0.75, similarity=similarity, buckets=300, hashes=2, punctuation=False)
    parent = list(range(len(texts)))

    def root(x):
        return x if parent[x] == x else root(parent[x])

    def grams(t):
        return {t[i : i + 4] for i in range(max(1, len(t) - 3))}

    for i, j in itertools.combinations(range(len(texts)), 2):
        a, b = texts[i], texts[j]
        edit = 1 - levenshtein(a, b) / max(len(a), len(b))
        alike = edit if similarity == "edit" else len(grams(a) & grams(b)) / len(grams(a) | grams(b))
        if alike >= 0.75:
            x, y = root(i), root(j)
            parent[max(x, y)] = min(x, y)
    want = [root(i) for i in range(len(texts))]
    assert clusters_of(method, texts) == want
    assert len(set(want)) < len(texts)


def test_a_bucket_too_large_to_compare_is_told(notes):
    random = np.random.default_rng(1)
    texts = ["same start of all " + "".join(random.choice(list("abcdefgh"), 12)) for _ in range(60)]
    Fuzzy(threshold=0.99, hashes=1, comparisons=3).mark(table(texts))
    assert any("shared a bucket with more than 3 others" in message for message in notes())


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinHash(ngram=0), "ngram must be from 1 to 1000"),
        (lambda: MinHash(buckets=2000), "buckets must be"),
        (lambda: Fuzzy(threshold=0), "threshold must be above 0"),
        (lambda: Fuzzy(comparisons=0), "comparisons must be at least 1"),
        (lambda: Fuzzy(hashes=0), "hashes must be"),
    ],
)
def test_wrong_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_data(tmp_path):
    with pytest.raises(DataError, match="expected src and tgt, or text"):
        Exact().mark(pa.table({"x": ["a"]}))
    with pytest.raises(DataError, match=r"no column .score\.x. to keep the best by"):
        Exact(keep="score.x").mark(table(["a"]))
    with pytest.raises(DataError, match="expected numbers"):
        Exact(keep="doc").mark(table(["a"], doc=["x"]))
    with pytest.raises(DataError, match="read only once"):
        Fuzzy().clusters(iter([table(["a"])]))
    with pytest.raises(DataError, match="expected the 1 that the clusters"):
        Clusters.of(np.array([0])).add(table(["a", "b"]))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Exact(work=str(tmp_path / "file")).mark(table(["a"]))
