"""Maps from nothing, and maps made better: planted rotations, and a language cloned into other words."""

from __future__ import annotations

import json
import lzma
import re

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.core.space import MapPair, Space, unit
from polyalign.spaces.dictionary import mutual
from polyalign.spaces.map.barycenter import Barycenter
from polyalign.spaces.map.contextual import Contextual
from polyalign.spaces.map.muse import Muse, criterion
from polyalign.spaces.map.procrustes import Procrustes, rotation
from polyalign.spaces.map.vecmap import VecMap
from polyalign.spaces.map.wasserstein import WassersteinProcrustes
from polyalign.spaces.retrieve.csls import CSLS
from polyalign.spaces.retrieve.nearest import Nearest
from polyalign.spaces.transport import relaxed, sinkhorn
from polyalign.spaces.vectors.ppmi_svd import PpmiSvd

from .planted import corpus, renamed, translations

SMALL = {"batch": 60, "iterations": 60, "epochs": 2}


def turned(n=120, d=6, *, noise=0.0, sides=2, seed=1):
    """Spaces that are one another's rotation, words in another order in each, and where each row of the first is."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, d)) ** 3
    spaces, places = [], []
    for k in range(sides):
        order = random.permutation(n) if k else np.arange(n)
        turn = np.linalg.qr(random.normal(size=(d, d)))[0]
        rows = (x + noise * random.normal(size=x.shape)) @ turn
        spaces.append(Space(tuple(f"{k}:{i}" for i in order), rows[order]))
        places.append(np.argsort(order))
    return spaces, places


def precision(src, tgt, gold):
    return float(((src @ tgt.T).argmax(axis=1)[gold[:, 0]] == gold[:, 1]).mean())


def found(maps, spaces, places):
    x, y = maps.src.vectors(spaces[0].vectors), maps.tgt.vectors(spaces[1].vectors)
    return precision(x, y, np.stack([places[0], places[1]], axis=1))


# -- transport


def slow_sinkhorn(similarity, regularization, rounds=2000):
    """In logarithms, one sum at a time."""
    n, m = similarity.shape
    f, g = np.zeros(n), np.zeros(m)
    s = similarity.astype(float) / regularization
    for _ in range(rounds):
        for j in range(m):
            g[j] = np.log(n / m) - np.logaddexp.reduce(s[:, j] + f)
        for i in range(n):
            f[i] = -np.logaddexp.reduce(s[i] + g)
    return np.exp(s + f[:, None] + g)


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 4), (1, 3), (3, 1)])
@pytest.mark.parametrize("regularization", [0.05, 1.0])
def test_the_plan_is_that_of_the_slow_way(shape, regularization):
    similarity = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    plan = sinkhorn(similarity, regularization, tolerance=1e-6)
    np.testing.assert_allclose(plan, slow_sinkhorn(similarity, regularization), atol=5e-3)
    np.testing.assert_allclose(plan.sum(axis=1), 1, atol=2e-2)
    np.testing.assert_allclose(plan.sum(axis=0), shape[0] / shape[1], rtol=2e-2)


def test_plans_of_hard_cases_are_finite():
    for similarity in (np.zeros((4, 4)), np.full((3, 5), 1e4), np.diag([1e4, -1e4, 1e4]), -1e3 * np.eye(5)):
        plan = sinkhorn(similarity.astype(np.float32), 0.01)
        assert np.isfinite(plan).all()
        np.testing.assert_allclose(plan.sum(axis=0), plan.sum() / plan.shape[1], rtol=1e-3)
    assert sinkhorn(np.zeros((0, 3), np.float32), 0.1).shape == (0, 3)


def test_the_relaxation_never_needs_the_gram_matrices_it_stands_for():
    """One step, against the gradient as it is written."""
    spaces, _ = turned(20, 4)
    x, y = (unit(s.vectors) for s in spaces)

    def root(v):
        values, vectors = np.linalg.eigh((v @ v.T).astype(np.float64))
        return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T

    a, b = root(x), root(y)
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    plan = np.full((20, 20), 1 / 20)
    slope = plan @ a @ a + b @ b @ plan - 2 * b @ plan @ a
    plan = plan / 3 + 2 / 3 * sinkhorn(-slope.astype(np.float32), 0.05)
    expected = rotation((plan @ x).T @ y)
    np.testing.assert_allclose(relaxed(x, y, 1, 0.05), expected, atol=5e-3)


# -- planted rotations


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_wasserstein_recovers_a_rotation(noise):
    spaces, places = turned(noise=noise)
    assert found(WassersteinProcrustes(**SMALL).fit(*spaces), spaces, places) > 0.95
    assert found(WassersteinProcrustes(**SMALL, refinements=0).fit(*spaces), spaces, places) > 0.9


def test_wasserstein_begins_with_seeds_that_are_given():
    spaces, places = turned(seed=5)
    seeds = np.stack([places[0], places[1]], axis=1)[:8].astype(np.int32)
    maps = WassersteinProcrustes(iterations=0, refinements=0).fit(*spaces, seeds)
    expected = Procrustes().fit(*spaces, seeds)
    np.testing.assert_allclose(maps.src.matrix, expected.src.matrix, atol=1e-5)
    assert found(WassersteinProcrustes(**SMALL).fit(*spaces, seeds), spaces, places) > 0.95


def test_the_same_seed_gives_the_same_bytes_and_inputs_stay():
    spaces, _ = turned(40, 4)
    before = [s.vectors.copy() for s in spaces]
    one, two = (WassersteinProcrustes(batch=20, iterations=10, epochs=1).fit(*spaces) for _ in range(2))
    assert one.src.matrix.tobytes() == two.src.matrix.tobytes()
    for space, copy in zip(spaces, before, strict=True):
        np.testing.assert_array_equal(space.vectors, copy)


def test_muse_recovers_a_rotation_from_few_seeds_and_from_a_map():
    spaces, places = turned(200, 8, noise=0.1)
    seeds = np.stack([places[0], places[1]], axis=1)[:6].astype(np.int32)
    start = Procrustes().fit(*spaces, seeds)
    maps = Muse().fit(*spaces, seeds)
    assert found(maps, spaces, places) > found(start, spaces, places) + 0.05
    again = Muse().refine(*spaces, start)
    np.testing.assert_array_equal(again.src.matrix, maps.src.matrix)
    np.testing.assert_allclose(maps.src.matrix.T @ maps.src.matrix, np.eye(8), atol=1e-4)


def test_muse_never_returns_a_map_of_a_lower_criterion():
    random = np.random.default_rng(1)
    spaces = [Space(tuple(map(str, range(60))), random.normal(size=(60, 5))) for _ in range(2)]
    start = Procrustes().fit(*spaces, np.array([[0, 0], [1, 1]], np.int32))
    heights = [
        criterion(*(s.vectors for s in maps(*spaces)))
        for maps in (start, *(Muse(rounds=r, mutual=m).refine(*spaces, start) for r in (0, 3) for m in (True, False)))
    ]
    assert abs(heights[1] - heights[0]) < 1e-5
    assert min(heights[1:]) >= heights[0] - 1e-5


def test_ranks_and_vocabulary_cut_the_dictionary():
    spaces, places = turned(100, 5)
    seeds = np.stack([places[0], places[1]], axis=1)[:10].astype(np.int32)
    # Only what is frequent on both sides gets in; that is nothing, so the map stays what it was.
    far = Muse(max_rank=1).fit(*spaces, seeds)
    assert found(far, spaces, places) > 0.9
    whole = Muse(vocabulary=0, max_rank=0).fit(*spaces, seeds)
    assert found(whole, spaces, places) == 1
    assert Muse(vocabulary=30).fit(*spaces, seeds).src.matrix.shape == (5, 5)


def slow_criterion(x, y, k, words):
    cosines = x @ y.T
    near = [np.sort(c, axis=1)[:, ::-1][:, :k].mean(axis=1) for c in (cosines, cosines.T)]
    best = (2 * cosines - near[0][:, None] - near[1]).argmax(axis=1)
    return cosines[np.arange(len(x)), best][:words].mean()


def test_the_criterion_is_what_the_slow_way_gives():
    random = np.random.default_rng(1)
    x, y = (unit(random.normal(size=(n, 8)).astype(np.float32)) for n in (50, 60))
    assert criterion(x, y, words=20, neighbours=5) == pytest.approx(slow_criterion(x, y, 5, 20), abs=1e-5)
    assert criterion(x, x) == pytest.approx(1)
    with pytest.raises(DataError, match="found 0 source and 60 target words, expected some"):
        criterion(x[:0], y)


def test_the_barycenter_brings_many_spaces_together():
    spaces, places = turned(sides=3, noise=0.01)
    for method in (Barycenter(), Barycenter(refinements=0)):
        maps = method.fit(spaces)
        mapped = [m.vectors(s.vectors) for m, s in zip(maps, spaces, strict=True)]
        for a, b in ((0, 1), (1, 2), (2, 0)):
            assert precision(mapped[a], mapped[b], np.stack([places[a], places[b]], axis=1)) > 0.9
    for m in maps:
        np.testing.assert_allclose(m.matrix.T @ m.matrix, np.eye(6), atol=1e-4)


def test_the_barycenter_begins_with_seeds_that_are_given():
    spaces, places = turned(sides=3, seed=3)
    seeds = [np.stack([places[0], places[k]], axis=1)[:10].astype(np.int32) for k in (1, 2)]
    maps = Barycenter(iterations=2).fit(spaces, seeds)
    mapped = [m.vectors(s.vectors) for m, s in zip(maps, spaces, strict=True)]
    assert precision(mapped[1], mapped[2], np.stack([places[1], places[2]], axis=1)) > 0.95


# -- clones


def test_a_shuffled_clone_is_recovered():
    """The same sentences in another order and in other words: the spaces are the same, and nothing says so."""
    src = corpus(1, words=120, sentences=1500)
    tgt = renamed([src[k] for k in np.random.default_rng(2).permutation(len(src))])
    spaces = [PpmiSvd(dimensions=15, window=2).fit(side) for side in (src, tgt)]
    gold = translations(*spaces)
    assert len(gold) == len(spaces[0].words) > 100
    several = {
        "wasserstein": WassersteinProcrustes(**SMALL).fit(*spaces),
        "vecmap": VecMap(initialization="unsupervised", self_learning=True, patience=3).fit(*spaces),
        "barycenter": MapPair(*Barycenter().fit(spaces)),
    }
    several["muse"] = Muse().refine(*spaces, several["vecmap"])
    p1 = {name: precision(*(s.vectors for s in maps(*spaces)), gold) for name, maps in several.items()}
    assert min(p1.values()) > 0.95, p1


@pytest.mark.data
def test_a_clone_on_other_sentences_is_recovered(data):
    """Half of the sentences in other words: what unsupervised maps find beside what a map from all true pairs does."""
    lines = []
    with lzma.open(next((data / "doc-dermit").glob("*.xz")), "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number % 3 == 0:
                lines += (json.loads(line).get("de") or "").lower().split("\n")
    words = [re.findall(r"\w+", line) for line in lines]
    order = np.random.default_rng(3).permutation(len(words))
    halves = [[words[k] for k in side] for side in np.array_split(order, 2)]
    halves[1] = [[f"{w}'" for w in s] for s in halves[1]]
    src, tgt = (PpmiSvd(dimensions=60, max_words=1200).fit(h) for h in halves)
    rows = {w: k for k, w in enumerate(tgt.words)}
    gold = np.array([[k, rows[f"{w}'"]] for k, w in enumerate(src.words) if f"{w}'" in rows])
    best = precision(*(s.vectors for s in Procrustes().fit(src, tgt, gold)(src, tgt)), gold)
    maps = WassersteinProcrustes(batch=200, iterations=200, epochs=2, start_steps=20).fit(src, tgt)
    p1 = precision(*(s.vectors for s in maps(src, tgt)), gold)
    assert best > 0.4
    assert p1 > 0.75 * best, (p1, best)


def test_words_that_choose_each_other_are_a_dictionary():
    spaces, places = turned(60, 5)
    seeds = np.stack([places[0], places[1]], axis=1).astype(np.int32)
    mapped = Procrustes().fit(*spaces, seeds)(*spaces)
    for method in (Nearest(), CSLS(neighbours=3)):
        rows, columns, scores = mutual(mapped[0].vectors, mapped[1].vectors, method)
        np.testing.assert_array_equal(columns, places[1][rows])
        assert len(rows) == len(scores) == 60
    none = np.zeros((0, 5), np.float32)
    assert [len(a) for a in mutual(none, mapped[1].vectors, Nearest())] == [0, 0, 0]


# -- contextual rotations


@pytest.fixture
def encoder(tmp_path):
    """Vectors of tokens in which one language is the other's rotation."""
    random = np.random.default_rng(1)
    x = random.normal(size=(30, 6))
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    words = [f"s{k}" for k in range(30)] + [f"t{k}" for k in range(30)]
    Space(tuple(words), np.concatenate([x, x @ turn])).save(tmp_path / "space")
    return f"{tmp_path / 'space'}:weighting=mean", x.astype(np.float32), (x @ turn).astype(np.float32)


def bitext(spans=False):
    random = np.random.default_rng(2)
    ids = [random.choice(30, random.integers(1, 7), replace=False) for _ in range(200)]
    pairs = Bitext.build(
        ["  ".join(f"s{k}" for k in s) for s in ids] + [""], [" ".join(f"t{k}" for k in s[::-1]) for s in ids] + ["x"]
    )
    links = Links.from_pairs([{(i, len(s) - 1 - i) for i in range(len(s))} for s in ids] + [set()])
    return (pairs.split_on_whitespace() if spans else pairs), links


@pytest.mark.parametrize("spans", [False, True])
def test_contextual_rotations_are_learnt_from_links(encoder, spans):
    name, x, y = encoder
    maps = Contextual(name).fit(*bitext(spans))
    cosines = (maps.src.vectors(x) * maps.tgt.vectors(y)).sum(axis=1)
    assert cosines.min() > 0.98


def test_words_with_two_links_count_only_if_asked(encoder):
    name = encoder[0]
    pairs = Bitext.build(["s1 s2 s3"], ["t1 t2 t3"])
    links = Links.from_pairs([{(0, 0), (1, 1), (1, 2)}])
    x, y = Contextual(name).vectors(pairs, links)
    assert (len(x), len(y)) == (1, 1)
    assert len(Contextual(name, links="all").vectors(pairs, links)[0]) == 3
    assert len(Contextual(name, links="all", occurrences=2).vectors(pairs, links)[0]) == 2


def test_what_contextual_rotations_refuse(encoder):
    name = encoder[0]
    pairs, links = bitext()
    with pytest.raises(DataError, match="found links of 3 sentence pairs for a bitext of 201"):
        Contextual(name).fit(pairs, links.take(range(3)))
    with pytest.raises(DataError, match="sentence pair 1 has a link to word 9 of tgt, which has 1 words"):
        Contextual(name).fit(Bitext.build(["s1"], ["t1"]), Links.from_pairs([{(0, 9)}]))
    with pytest.raises(DataError, match="found no linked words in 1 sentence pairs"):
        Contextual(name).fit(Bitext.build(["s1"], ["t1"]), Links.from_pairs([set()]))
    with pytest.raises(ValueError, match="occurrences must not be negative"):
        Contextual(occurrences=-1)


# -- errors


def test_what_unsupervised_maps_refuse():
    spaces, _ = turned(20, 4)
    wide = Space(("a", "b"), np.ones((2, 5)))
    empty = Space((), np.zeros((0, 4)))
    for other in (wide, empty):
        with pytest.raises(DataError, match="expected words on both sides, of one dimension"):
            WassersteinProcrustes().fit(spaces[0], other)
        with pytest.raises(DataError, match="expected two spaces or more with words, of one dimension"):
            Barycenter().fit([spaces[0], other])
    with pytest.raises(DataError, match="expected two spaces or more"):
        Barycenter().fit(spaces[:1])
    with pytest.raises(DataError, match="found 2 lists of seeds for 2 spaces, expected 1"):
        Barycenter().fit(spaces, [np.zeros((1, 2), np.int32)] * 2)
    with pytest.raises(ConfigError, match=r"spaces.map/procrustes: found no seeds"):
        Muse().fit(*spaces)
    with pytest.raises(DataError, match="found seeds of shape"):
        WassersteinProcrustes().fit(*spaces, np.array([[0, 99]], np.int32))
    with pytest.raises(DataError, match="it was fitted to another space"):
        Muse().refine(wide, spaces[1], Procrustes().fit(*spaces, np.array([[0, 0]], np.int32)))


@pytest.mark.parametrize(
    ("method", "bad"),
    [
        *((Muse, b) for b in ({"neighbours": 0}, {"judged": 0}, {"rounds": -1}, {"max_rank": -1}, {"vocabulary": -1})),
        *(
            (WassersteinProcrustes, b)
            for b in ({"start_words": 0}, {"batch": 0}, {"epochs": -1}, {"learning_rate": 0.0})
        ),
        *((Barycenter, b) for b in ({"words": 0}, {"iterations": -1}, {"regularization": 0.0}, {"start_steps": 0})),
        *((m, {"normalize": ("unti",)}) for m in (Muse, WassersteinProcrustes, Barycenter, Contextual)),
    ],
)
def test_bad_parameters(method, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        method(**bad)
