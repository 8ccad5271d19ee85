"""Symmetrisation beside fast_align's ``atools``, link for link."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from polyalign.core.links import Links
from polyalign.words.pharaoh import write_links
from polyalign.words.symmetrize import GrowDiag, GrowDiagFinal, GrowDiagFinalAnd, Intersection, Union

pytestmark = pytest.mark.peer
NAMES = {
    "intersect": Intersection(),
    "union": Union(),
    "grow-diag": GrowDiag(),
    "grow-diag-final": GrowDiagFinal(),
    "grow-diag-final-and": GrowDiagFinalAnd(),
}


@pytest.mark.parametrize("name", NAMES)
def test_equals_atools(tmp_path, name):
    if shutil.which("atools") is None:
        pytest.skip("fast_align's atools is not on the PATH")
    rng = np.random.default_rng(7)
    sides = []
    for side in ("forward", "backward"):
        # Near the diagonal, so that there is something to grow.
        pairs = [
            {(i, abs(i + int(rng.integers(-2, 3)))) for i in range(int(rng.integers(1, 20))) if rng.random() < 0.7}
            for _ in range(2000)
        ]
        sides.append(Links.from_pairs(pairs))
        write_links(tmp_path / side, sides[-1])
    args = ["atools", "-i", str(tmp_path / "forward"), "-j", str(tmp_path / "backward"), "-c", name]
    out = subprocess.run(args, capture_output=True, text=True, check=True).stdout
    assert Links.from_pharaoh(out.splitlines()).to_pharaoh() == NAMES[name](*sides).to_pharaoh()
