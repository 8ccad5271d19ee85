from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.rng import generator
from polyalign.encoders.descent import batches, descend


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 7), st.integers(1, 4), st.integers(0, 5))
def test_batches_have_every_text_once_and_those_of_a_pool_by_length(lengths, size, pool, seed):
    n = np.array(lengths, np.int64)
    drawn = batches(n, size, pool, generator(seed, "x"))
    assert sorted(k for some in drawn for k in some.tolist()) == list(range(len(n)))
    assert all(1 <= len(some) <= size for some in drawn)
    assert all((np.diff(n[some]) >= 0).all() for some in drawn)
    again = batches(n, size, pool, generator(seed, "x"))
    assert [some.tolist() for some in drawn] == [some.tolist() for some in again]
    if pool * size >= len(n):
        ends = sorted((n[some].min(), n[some].max()) for some in drawn)
        assert all(a[1] <= b[0] for a, b in zip(ends[:-1], ends[1:], strict=True))


@pytest.mark.parametrize("rising", [None, 0, 7])
def test_the_rate_rises_and_falls_in_a_line(rising):
    torch = pytest.importorskip("torch")
    x = torch.zeros(1)
    seen = [0.0]

    def loss():
        seen.append(float(x.detach()))
        return -x.sum()

    descend(loss, [x], steps=20, learning_rate=0.5, label="x", rising=rising, decay=0.0)
    # Of a gradient that stays the same, Adam's step is the rate.
    rates = np.diff([*seen[1:], float(x)])
    warm = {None: 2, 0: 1, 7: 7}[rising]
    wanted = [0.5 * min((k + 1) / warm, (20 - k) / (20 - warm)) for k in range(20)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-4)
    assert not x.requires_grad
    assert x.grad is None
