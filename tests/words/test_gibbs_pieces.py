"""A sweep in pieces that other processes draw is the sweep that threads draw here."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.spread import spreading
from polyalign.words.gibbs import pieces
from polyalign.words.gibbs.method import Gibbs


class Elsewhere:
    """An engine to which everything has to be sent, as on another machine."""

    elsewhere = True

    def __init__(self):
        self.tasks = 0

    def results(self, function, tasks):
        for number, load in tasks:
            self.tasks += 1
            function_there, item = pickle.loads(pickle.dumps((function, load()), protocol=5))
            yield number, pickle.loads(pickle.dumps(function_there(item), protocol=5))


@pytest.mark.parametrize("chains", [1, 2])
def test_pieces_elsewhere_draw_what_threads_draw(monkeypatch, chains):
    monkeypatch.setattr(pieces, "PIECE", 7)
    rng = np.random.default_rng(1)
    src = [" ".join(f"s{w}" for w in rng.integers(0, 12, rng.integers(0, 9))) for _ in range(40)]
    tgt = [" ".join(w.replace("s", "t") for w in s.split()[::-1]) if k % 5 else "" for k, s in enumerate(src)]
    bitext = Bitext.build(src, tgt)
    method = Gibbs(chains=chains, sweeps=4)
    here = method.fit(bitext)
    with spreading(by := Elsewhere()):
        there = method.fit(bitext)
    assert by.tasks == 6 * 5 * len(method.granularities)
    assert there.align(bitext).to_pharaoh() == here.align(bitext).to_pharaoh()
    assert there.learned == here.learned
    for a, b in zip(here.grains, there.grains, strict=True):
        for name in ("pair_src", "pair_tgt", "weight", "src_null", "tgt_null", "jumps", "src_fertility"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
