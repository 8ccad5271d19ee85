"""TIES beside peft's own."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.models.adapters.merge.ties import TIES

torch = pytest.importorskip("torch")
merge_utils = pytest.importorskip("peft.utils.merge_utils")


@pytest.mark.peer
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_one_matrix_is_merged_as_peft_does(density):
    random = np.random.default_rng(1)
    experts = [random.normal(size=(20, 30)).astype(np.float32) for _ in range(3)]
    ours = TIES(density).fit([{"w": x} for x in experts])["w"]
    theirs = merge_utils.ties([torch.from_numpy(x) for x in experts], torch.ones(3), density)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)
