"""Neighbours: exact ones equal a sort of all similarities, in blocks, in shards and by an index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.jit import set_threads
from polyalign.core.space import unit
from polyalign.core.store import Store
from polyalign.encoders import index, neighbours
from polyalign.encoders.centre import centre
from polyalign.encoders.neighbours import join, nearest, nearest_both, nobody
from polyalign.encoders.shards import centred, encoded, shards
from polyalign.encoders.shards import neighbours as sharded


def vectors(n, d=8, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def grid(n, d, seed):
    """Vectors of small whole numbers, so that similarities are exact and many are equal."""
    return np.random.default_rng(seed).integers(-2, 3, (n, d)).astype(np.float32)


def sorted_all(queries, rows, k):
    similar = queries @ rows.T
    order = np.argsort(-similar, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similar, order, axis=1), order


def same(near, expected):
    assert near[0].dtype == np.float32
    assert near[1].dtype == np.int32
    assert np.array_equal(near[0], expected[0])
    assert np.array_equal(near[1], expected[1])


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 5), st.integers(0, 99), st.sampled_from([1, 4, 1 << 20]))
def test_equal_a_sort_of_all_similarities_whatever_the_blocks(n, m, k, seed, height):
    src, tgt = grid(n, 3, seed), grid(m, 3, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "HEIGHT", height)
        patch.setattr(neighbours, "WIDTH", 5)
        forward, backward = nearest_both(src, tgt, k)
        same(nearest(src, tgt, k), sorted_all(src, tgt, k))
    if n and m:
        same(forward, sorted_all(src, tgt, k))
        same(backward, sorted_all(tgt, src, k))


@pytest.mark.parametrize(("n", "m"), [(31, 33), (300, 65), (257, 600), (1100, 2100)])
def test_chunks_strips_and_blocks_of_the_kernels(n, m):
    src, tgt = grid(n, 5, 1), grid(m, 5, 2)
    forward, backward = nearest_both(src, tgt, 18)
    same(forward, sorted_all(src, tgt, 18))
    same(backward, sorted_all(tgt, src, 18))
    same(nearest(src, tgt, 18), sorted_all(src, tgt, 18))


def test_one_thread_and_several_give_the_same_bytes():
    src, tgt = vectors(700, 16), vectors(900, 16, 1)
    try:
        found = [[x.tobytes() for near in nearest_both(src, tgt, 5) for x in near] for n in (1, 0) if set_threads(n)]
    finally:
        set_threads(0)
    assert found[0] == found[1]


def test_of_nothing():
    none, some = vectors(0), vectors(3)
    assert nearest(none, some, 2)[1].shape == (0, 2)
    assert nearest(some, none, 2)[1].shape == (3, 0)
    assert [x[1].shape for x in nearest_both(some, none, 2)] == [(3, 0), (0, 2)]


def test_half_precision_is_read_as_it_is():
    src, tgt = vectors(5).astype(np.float16), vectors(9, seed=1).astype(np.float16)
    same(nearest(src, tgt, 3), sorted_all(src.astype(np.float32), tgt.astype(np.float32), 3))


def test_join_prefers_the_first_of_equals():
    first = np.array([[0.5, 0.1]], np.float32), np.array([[3, 1]], np.int32)
    second = np.array([[0.9, 0.5]], np.float32), np.array([[8, 7]], np.int32)
    cosines, rows = join(first, second, 3)
    assert rows.tolist() == [[8, 3, 7]]
    assert cosines.tolist() == np.array([[0.9, 0.5, 0.5]], np.float32).tolist()
    assert join(nobody(1), first, 1)[1].tolist() == [[3]]


def source(rows, step=4):
    return shards(lambda some: rows[some], len(rows), rows.shape[1], where="x", step=step)


@pytest.mark.parametrize("step", [3, 4, 100])
def test_shards_find_what_the_whole_finds(step):
    src, tgt = grid(11, 3, 0) * 2 + 1, grid(14, 3, 5) * 2 + 1  # odd, so that none is zero
    forward, backward = sharded(source(src), source(tgt), 3, search="exact", step=step)
    whole = nearest_both(unit(src), unit(tgt), 3)
    for found, expected in zip((forward, backward), whole, strict=True):
        assert found[0] == pytest.approx(expected[0], abs=1e-6)
        assert np.array_equal(found[0].round(5).argsort(axis=1), expected[0].round(5).argsort(axis=1))


def test_shards_of_nothing():
    none, some = source(vectors(0)), source(vectors(3))
    forward, backward = sharded(some, none, 3)
    assert (forward[0].shape, backward[0].shape) == ((3, 0), (0, 0))


def test_shards_are_centred_as_the_whole_is():
    src, tgt = vectors(40) + np.float32(0.3), vectors(25, seed=1) - np.float32(0.2)
    whole = centre(unit(src), unit(tgt))
    for shard, expected in zip(centred([source(src), source(tgt)]), whole, strict=True):
        assert shard.load(slice(0, 100)) == pytest.approx(expected, abs=1e-6)
        assert shard.load(np.array([3, 1])) == pytest.approx(expected[[3, 1]], abs=1e-6)


def test_what_shards_are_centred_with_is_in_their_digest():
    src, tgt, other = source(vectors(9)), source(vectors(9, seed=1)), source(vectors(9, seed=2))
    assert centred([src, tgt])[0].digest == centred([src, tgt])[0].digest
    assert len({src.digest, centred([src, tgt])[0].digest, centred([src, other])[0].digest}) == 3


@pytest.mark.parametrize(("value", "said"), [(0.0, "only zeros"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_a_vector_that_is_none_is_refused(value, said):
    rows = vectors(9)
    rows[6] = value
    with pytest.raises(DataError, match=rf"x: found .*{said}.* in vector 6 .*encode them again"):
        source(rows)


def test_an_index_finds_nearly_all(tmp_path):
    pytest.importorskip("faiss")
    topics = vectors(40, 32)
    src = unit(topics[np.arange(2000) % 40] + 0.5 * vectors(2000, 32, 1))
    tgt = unit(src[::-1] + 0.2 * vectors(2000, 32, 2))
    exact = sharded(source(src), source(tgt), 18, search="exact")
    found = sharded(source(src), source(tgt), 18, search="approximate", step=300)
    for side, expected in zip(found, exact, strict=True):
        hit = side[1] == expected[1]
        assert hit.mean() > 0.95
        assert side[0][hit] == pytest.approx(expected[0][hit], abs=1e-5)
    kept = sharded(source(src), source(tgt), 18, search="approximate", step=300, store=Store(tmp_path))
    again = sharded(source(src), source(tgt), 18, search="approximate", step=300, store=Store(tmp_path))
    for side, expected, third in zip(kept, found, again, strict=True):
        assert np.array_equal(side[1], expected[1])
        assert np.array_equal(side[0], third[0])


def test_an_index_pads_dimensions_to_whole_parts():
    pytest.importorskip("faiss")
    src, tgt = vectors(60, 7), vectors(50, 7, 1)
    found = sharded(source(src), source(tgt), 50, search="approximate")
    for side, expected in zip(found, nearest_both(src, tgt, 50), strict=True):
        assert side[0][:, 0] == pytest.approx(expected[0][:, 0], abs=1e-6)


def test_several_indexes_are_one(monkeypatch):
    pytest.importorskip("faiss")
    from polyalign.encoders import shards as module

    monkeypatch.setattr(module, "INDEX", 128)
    src, tgt = vectors(50, 16), vectors(300, 16, 3)
    monkeypatch.setattr(index, "PROBES", 1000)
    monkeypatch.setattr(index, "AGAIN", 30)
    found = sharded(source(src), source(tgt), 4, search="approximate", step=64)
    exact = nearest_both(src, tgt, 4)
    for side, expected in zip(found, exact, strict=True):
        assert np.array_equal(side[1], expected[1])


def test_an_index_finds_fewer_than_asked_for():
    pytest.importorskip("faiss")
    found = sharded(source(vectors(3)), source(vectors(2, seed=1)), 6, search="approximate")
    assert [x[1].shape for x in found] == [(3, 2), (2, 3)]


def test_without_faiss_there_is_no_index(monkeypatch):
    monkeypatch.setattr(index, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[mining\]"):
        sharded(source(vectors(3)), source(vectors(3)), 1, search="approximate")


class Counted:
    """An encoder that counts what it is given."""

    key, dim = "counted", 4

    def __init__(self):
        self.seen = []

    def encode(self, texts, *, label=""):
        self.seen += texts
        return unit(np.array([[len(t), t.count("a") + 1, 1, 2] for t in texts], np.float32))


def test_encoded_shards_are_kept(tmp_path):
    texts = [f"a{'b' * n}" for n in range(10)]
    encoder = Counted()
    load = encoded(encoder, texts, Store(tmp_path), side="src", step=4)
    whole = encoded(Counted(), texts, None, side="src")
    assert np.array_equal(load(slice(0, 10)), whole(slice(0, 10)))
    assert np.array_equal(load(np.array([9, 0, 4])), whole(np.array([9, 0, 4])))
    assert load(slice(3, 5)).dtype == np.float16
    again = Counted()
    load = encoded(again, [*texts[:8], "new"], Store(tmp_path), side="src", step=4)
    assert again.seen == ["new"]
    assert len(load(slice(0, 9))) == 9


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from polyalign.core.store import Store
    from polyalign.encoders import shards as module
    rows = np.random.default_rng(0).normal(size=(60, 8))
    made = []
    def both(*args, of=module._both):
        if len(made) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        made.append(args)
        return of(*args)
    module._both = both
    side = module.shards(lambda some: rows[some], 60, 8, where="x")
    other = module.shards(lambda some: rows[::-1][some], 60, 8, where="x")
    (a, b), (c, d) = module.neighbours(side, other, 3, search="exact", store=Store(Path(sys.argv[1])), step=10)
    print(len(made), [x.tobytes().hex() for x in (a, b, c, d)])
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    script = textwrap.dedent(KILLED)

    def run(folder, kill_at):
        command = [sys.executable, "-c", script, str(tmp_path / folder), str(kill_at)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ)

    assert run("killed", 26).returncode == -signal.SIGKILL
    resumed, straight = run("killed", -1), run("straight", -1)
    assert resumed.stdout.split()[0] == "12"  # four of six shards were kept, each is compared with six
    assert straight.stdout.split()[0] == "36"
    assert resumed.stdout.split(" ", 1)[1] == straight.stdout.split(" ", 1)[1]
