"""Mining beside FAISS: its exact index finds the same neighbours, and its scores the same pairs."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.space import unit
from polyalign.encoders.neighbours import nearest_both
from polyalign.sentences.mine import Margin

pytestmark = pytest.mark.peer


def sides(n=3000, d=64):
    random = np.random.default_rng(2)
    topics = random.normal(size=(60, d))
    src = topics[random.integers(0, 60, n)] + random.normal(size=(n, d))
    tgt = src + 0.9 * random.normal(size=(n, d))
    tgt[::3] = topics[random.integers(0, 60, len(tgt[::3]))] + random.normal(size=(len(tgt[::3]), d))
    return unit(src.astype(np.float32)), unit(tgt.astype(np.float32))


def flat(faiss, queries, rows, k):
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return index.search(queries, k)


def test_exact_neighbours_are_those_of_a_flat_index():
    faiss = pytest.importorskip("faiss")
    src, tgt = sides()
    for found, (queries, rows) in zip(nearest_both(src, tgt, 6), ((src, tgt), (tgt, src)), strict=True):
        cosines, places = flat(faiss, queries, rows, 6)
        assert found[0] == pytest.approx(cosines, abs=1e-5)
        assert (found[1] == places).mean() > 0.9999


@pytest.mark.parametrize("margin", ["ratio", "distance", "absolute"])
def test_pairs_are_those_of_lasers_recipe(margin):
    """The recipe of LASER's mining: k neighbours both ways by a flat index, union from the best down."""
    faiss = pytest.importorskip("faiss")
    src, tgt = sides()
    k = 4
    (x_cos, x_rows), (y_cos, y_rows) = flat(faiss, src, tgt, k), flat(faiss, tgt, src, k)
    x_mean, y_mean = x_cos.mean(axis=1), y_cos.mean(axis=1)

    def score(a, b):
        base = (x_mean[a] + y_mean[b]) / 2
        cos = float(src[a] @ tgt[b])
        return {"ratio": cos / base, "distance": cos - base, "absolute": cos}[margin]

    union = {(i, max(x_rows[i], key=lambda j: score(i, j))) for i in range(len(src))}
    union |= {(max(y_rows[j], key=lambda i: score(i, j)), j) for j in range(len(tgt))}
    pairs, src_used, tgt_used = set(), set(), set()
    for i, j in sorted(union, key=lambda p: -score(*p)):
        if i not in src_used and j not in tgt_used:
            pairs.add((int(i), int(j)))
            src_used.add(i)
            tgt_used.add(j)
    method = Margin(margin=margin, candidates=k, centre=False, threshold=-9.0)
    found = method.mine([f"a{i}" for i in range(len(src))], [f"b{i}" for i in range(len(tgt))], vectors=(src, tgt))
    mine = set(zip(found.src.tolist(), found.tgt.tolist(), strict=True))
    assert len(mine ^ pairs) <= 0.002 * len(pairs)  # scores that are equal but for rounding
