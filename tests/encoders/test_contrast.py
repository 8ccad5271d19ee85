"""The contrastive loss against a slow one that is as obvious as the equation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.space import unit
from polyalign.encoders.contrast import alike, infonce, numbered


def slow(x, y, t, margin, same, negatives, no_negatives, within, both):
    def one(x, y, same, negatives, no_negatives):
        total = 0.0
        for i in range(len(x)):
            rest = [x[i] @ y[j] for j in range(len(y)) if j != i and not same[i][j]]
            if negatives is not None:
                rest += [x[i] @ n for n, out in zip(negatives, no_negatives[i], strict=True) if not out]
            if within:
                rest += [x[i] @ x[j] for j in range(len(x)) if j != i and not same[i][j]]
            own = math.exp((x[i] @ y[i] - margin) / t)
            total -= math.log(own / (own + sum(math.exp(c / t) for c in rest)))
        return total / len(x)

    forward = one(x, y, same, negatives, no_negatives)
    return (forward + one(y, x, same.T, None, None)) / 2 if both else forward


@given(
    st.integers(1, 5), st.integers(0, 4), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.3]), st.integers(0, 9)
)
def test_the_loss_is_that_of_the_equation(b, m, within, both, margin, seed):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(seed)
    x, y = (unit(random.normal(size=(b, 3)).astype(np.float32)) for _ in range(2))
    negatives = unit(random.normal(size=(m, 3)).astype(np.float32)) if m else None
    no_negatives = random.random((b, m)) < 0.3 if m else None
    same = alike(random.integers(0, 3, b).tolist())
    found = infonce(
        torch.tensor(x), torch.tensor(y), temperature=0.2, margin=margin, same=same, within=within, both=both,
        negatives=None if negatives is None else torch.tensor(negatives), no_negatives=no_negatives,
    )  # fmt: skip
    wanted = slow(x, y, 0.2, margin, same, negatives, no_negatives, within, both)
    assert float(found) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_partners_are_never_their_own_negatives():
    torch = pytest.importorskip("torch")
    x = torch.eye(2)
    assert float(infonce(x, x, temperature=0.1, same=alike(["a", "a"]))) == 0


@given(st.lists(st.sampled_from("abc"), max_size=8), st.integers(0, 5))
def test_rows_with_an_item_in_common_are_alike(items, seed):
    other = np.random.default_rng(seed).integers(0, 3, len(items)).tolist()
    wanted = [[a == b or c == d for b, d in zip(items, other, strict=True)] for a, c in zip(items, other, strict=True)]
    assert alike(items, other).tolist() == wanted
    at = numbered(items)
    assert [items[i] == items[j] for i in range(len(items)) for j in range(len(items))] == [
        a == b for a in at for b in at
    ]
