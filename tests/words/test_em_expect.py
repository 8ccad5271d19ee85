"""A pass of EM in blocks: the same bytes whoever counts them, and the sums that the whole has."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.spread import spreading
from polyalign.kernels.positions import tally
from polyalign.kernels.posteriors import posteriors
from polyalign.words import tokens
from polyalign.words.em_expect import Given, Totals
from polyalign.words.em_train import Corpus
from polyalign.words.fast_align import FastAlign
from polyalign.words.hmm import HMM
from polyalign.words.ibm1 import IBM1
from polyalign.words.ibm2 import IBM2
from tests.words.test_gibbs_pieces import Elsewhere


@pytest.fixture(scope="module")
def bitext():
    """Sentence pairs of few words and many shapes, some of them without a side."""
    rng = np.random.default_rng(3)
    src = [" ".join(f"s{w}" for w in rng.integers(0, 15, rng.integers(0, 9))) for _ in range(60)]
    tgt = [" ".join(w.replace("s", "t") for w in s.split()[::-1]) if k % 7 else "" for k, s in enumerate(src)]
    return Bitext.build(src, tgt)


def content(model):
    """All that training leaves, as bytes."""
    table = {
        name: getattr(model.table, name) for name in ("starts", "entries", "probs", "weight", "src_null", "tgt_null")
    }
    order = {f.name: getattr(model.positions, f.name) for f in fields(model.positions)}
    return {name: a.tobytes() for name, a in {**table, **order, "likelihood": model.log_likelihood}.items()}


METHODS = [IBM1(), IBM2(), FastAlign(), HMM(), HMM(agreement=False, alpha=0.0), IBM1(spelling=0.5)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_blocks_elsewhere_are_counted_as_here(bitext, method, monkeypatch):
    monkeypatch.setattr(tokens, "BLOCK_CELLS", 150)
    blocks, here = len(Corpus(bitext, method).blocks), method.fit(bitext)
    assert blocks > 5
    with spreading(by := Elsewhere()):
        there = method.fit(bitext)
    assert by.tasks == blocks * len(here.log_likelihood)
    assert content(there) == content(here)


def test_one_block_stays_here(bitext):
    with spreading(by := Elsewhere()):
        assert content(HMM().fit(bitext)) == content(HMM().fit(bitext))
    assert by.tasks == 0


def test_a_text_without_words_elsewhere():
    with spreading(Elsewhere()):
        model = IBM2().fit(Bitext.build(["", "a"], ["", ""]))
    assert len(model.table.entries) == 0


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_the_way_a_text_is_cut_changes_roundings_alone(bitext, method, monkeypatch):
    whole = method.fit(bitext)
    monkeypatch.setattr(tokens, "BLOCK_CELLS", 150)
    cut = method.fit(bitext)
    np.testing.assert_allclose(cut.log_likelihood, whole.log_likelihood, rtol=1e-6)
    assert cut.align(bitext).to_pharaoh() == whole.align(bitext).to_pharaoh()


def test_the_blocks_sum_up_to_the_whole(bitext, monkeypatch):
    method = IBM2()
    (block,) = (whole := Corpus(bitext, method)).blocks
    sizes = len(whole.src.names), len(whole.tgt.names)
    probs, none = np.random.default_rng(1).random((len(whole.entries), 2)), np.zeros((2, 0))
    nulls = [np.full(size, 0.1) for size in sizes]
    given = Given(whole.starts, whole.entries, probs, *nulls, none, none, 0.1, 0.0, 1e-7, agreement=False, tally=True)
    ids, (at,) = given.ids(block), whole.places
    sides = block.src.offsets, block.tgt.offsets, block.src.values, block.tgt.values
    knows = given.probs, given.src_null, given.tgt_null, given.jumps, given.places
    forward, backward, tgt_free, src_free, likelihood, _ = posteriors(
        *sides, block.cells, ids, *knows, at, 0.1, 0.0, 1e-7
    )
    links = np.zeros((2, int(whole.shapes.starts[-1])))
    tally(block.cells, *sides[:2], at, forward, backward, links)

    monkeypatch.setattr(tokens, "BLOCK_CELLS", 100)
    total = Totals.zero(given, links.shape[1])
    for expected in (cut := Corpus(bitext, method)).expect(given):
        expected.add_to(total)
    assert len(cut.blocks) > 5
    wanted = [np.bincount(ids, p, len(whole.entries)) for p in (forward, backward)]
    np.testing.assert_allclose(total.counts.T, wanted, rtol=1e-9)
    np.testing.assert_allclose(total.links, links, rtol=1e-9)
    np.testing.assert_allclose(total.src_null, np.bincount(block.src.values, src_free, sizes[0]))
    np.testing.assert_allclose(total.tgt_null, np.bincount(block.tgt.values, tgt_free, sizes[1]))
    np.testing.assert_allclose(total.log_likelihood, likelihood.sum(axis=0))
