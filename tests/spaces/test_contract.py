"""What every map and every retrieval method keeps, those of other packages too."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads, threads
from polyalign.core.space import Space, unit

ROWS = list(registry.rows().values())
MAPS = [row for row in ROWS if row.task == "spaces.map"]
RETRIEVAL = [row for row in ROWS if row.task == "spaces.retrieve"]
#: Fewer steps than by default: the case is easy.
SMALL = {"wasserstein": {"batch": 40, "iterations": 20, "epochs": 2}}


def method(row, **given):
    if lack := registry.missing(row):
        pytest.skip(lack)
    return params.build(row, given)


def planted():
    """A space, the same turned and in another order, some pairs, and where each word went."""
    random = np.random.default_rng(3)
    x = random.normal(size=(90, 6)) ** 3
    turn, order = np.linalg.qr(random.normal(size=(6, 6)))[0], random.permutation(90)
    src = Space(tuple(f"s{k}" for k in range(90)), x.astype(np.float32))
    tgt = Space(tuple(f"t{k}" for k in order), (x @ turn)[order].astype(np.float32))
    where = np.argsort(order)
    return src, tgt, np.stack([np.arange(40), where[:40]], axis=1).astype(np.int32), where


@pytest.mark.parametrize("row", MAPS, ids=lambda row: row.name)
def test_a_map_finds_a_rotation_again_and_changes_nothing_given(row):
    src, tgt, seeds, where = planted()
    before = src.vectors.tobytes(), tgt.vectors.tobytes(), seeds.tobytes()
    made = method(row, **SMALL.get(row.name, {}))
    had = threads()
    bytes_of = []
    try:
        for number in (1, 2):
            set_threads(number)
            maps = made.fit(src, tgt, None if row.name == "wasserstein" else seeds)
            bytes_of.append((maps.src.matrix.tobytes(), maps.tgt.matrix.tobytes()))
    finally:
        set_threads(had)
    assert bytes_of[0] == bytes_of[1]
    assert before == (src.vectors.tobytes(), tgt.vectors.tobytes(), seeds.tobytes())
    mapped, theirs = maps(src, tgt)
    assert mapped.words == src.words
    assert theirs.words == tgt.words
    # RCSLS leaves the rotation for what it is asked: it is to be near, not exact.
    assert ((mapped.vectors @ theirs.vectors.T).argmax(axis=1) == where).mean() > 0.9
    assert np.allclose(np.linalg.norm(mapped.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("row", RETRIEVAL, ids=lambda row: row.name)
def test_retrieval_ranks_and_refuses(row):
    random = np.random.default_rng(5)
    x = unit(random.normal(size=(30, 8)).astype(np.float32))
    made = method(row)
    scores, rows = made.retrieve(x, x[::-1], 4)
    assert rows.shape == scores.shape == (30, 4)
    assert (rows[:, 0] == np.arange(29, -1, -1)).all()
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    assert all(len(set(some)) == 4 for some in rows.tolist())
    few = made.retrieve(x, x[::-1], 4, rows=np.array([7, 2], np.int32))
    assert few[1].tolist() == rows[[7, 2]].tolist()
    assert made.retrieve(x[:3], x[:2], 9)[1].shape == (3, 2)
    assert made.retrieve(x[:0], x, 3)[1].shape == (0, 3)
    with pytest.raises(DataError, match="rows of one length"):
        made.retrieve(x, x[:, :5], 1)
    with pytest.raises(DataError, match="not finite"):
        made.retrieve(x * np.float32(np.nan), x, 1)
