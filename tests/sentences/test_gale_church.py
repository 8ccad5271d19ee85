"""Gale-Church: properties, paragraphs, options and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.kernels.lengths import _least_cost, align_one, length_cost
from polyalign.sentences.gale_church import PENALTIES, GaleChurch

TYPES = {tuple(int(x) for x in name.split("-")): cost for name, cost in PENALTIES.items()}


def document(sizes, paragraphs=None):
    return Document("d", tuple("x" * s for s in sizes), np.array(paragraphs or [0] * len(sizes), np.int32))


def cuts(beads):
    return list(zip(beads.src_end.tolist(), beads.tgt_end.tolist(), strict=True))


def cheapest(src, tgt):
    """Cost of the best alignment by plain recursion."""
    best = {(0, 0): 0.0}
    for i in range(len(src) + 1):
        for j in range(len(tgt) + 1):
            for (a, b), penalty in TYPES.items():
                if (i - a, j - b) in best:
                    x = best[i - a, j - b] + length_cost(sum(src[i - a : i]), sum(tgt[j - b : j]), 1.0, 6.8) + penalty
                    best[i, j] = min(best.get((i, j), math.inf), x)
    return best[len(src), len(tgt)]


def cost_of(beads, src, tgt):
    total = 0.0
    for a, b, c, d in zip(beads.src_start, beads.src_end, beads.tgt_start, beads.tgt_end, strict=True):
        total += length_cost(float(sum(src[a:b])), float(sum(tgt[c:d])), 1.0, 6.8) + TYPES[b - a, d - c]
    return total


def test_length_cost_is_the_two_sided_normal():
    for s, t in [(10, 12), (50, 70), (100, 90), (30, 0)]:
        z = abs(s - t) / math.sqrt(6.8 * (s + t) / 2)
        assert length_cost(float(s), float(t), 1.0, 6.8) == pytest.approx(
            -100 * math.log(math.erfc(z / math.sqrt(2))), rel=1e-3, abs=1e-4
        )
    assert length_cost(0.0, 0.0, 1.0, 6.8) == 0.0
    assert length_cost(1.0, 4000.0, 1.0, 6.8) == 1e5


@settings(deadline=None, max_examples=300)
@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0.1, 10), st.floats(0.1, 100))
def test_least_cost_is_no_more_than_the_cost(src, tgt, ratio, variance):
    assert _least_cost(src, tgt, ratio, variance) <= length_cost(src, tgt, ratio, variance)


@pytest.mark.parametrize("missing", [range(0), range(200, 400), range(150)])
def test_a_moving_band_finds_what_the_whole_lattice_holds(missing):
    draw = np.random.default_rng(2)
    src = draw.integers(10, 200, 600).astype(np.float64)
    tgt = np.array(
        [s * draw.uniform(0.8, 1.2) // 1 for k, s in enumerate(src) if k not in missing and draw.random() < 0.98]
    )
    chars = tuple(np.concatenate([np.zeros(1), np.cumsum(x)]) for x in (src, tgt))
    breaks = tuple(np.zeros(len(x), np.bool_) for x in chars)
    da, db = (np.array([t[k] for t in sorted(TYPES)], np.int32) for k in (0, 1))
    penalty = np.array([TYPES[t] for t in sorted(TYPES)])
    found = []
    for full in (0, 10**9):
        out, score = np.zeros((len(src) + len(tgt), 2), np.int32), np.zeros(len(src) + len(tgt), np.float32)
        count = align_one(chars, breaks, 1.0, 6.8, da, db, penalty, full, 32, out, score)
        found.append((out[:count].tolist(), score[:count].tolist()))
    assert found[0] == found[1]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 80), max_size=7), st.lists(st.integers(1, 80), max_size=7))
def test_path_costs_what_recursion_finds(src, tgt):
    beads = GaleChurch().align([document(src)], [document(tgt)])[0]
    assert cost_of(beads, src, tgt) == pytest.approx(cheapest(src, tgt), abs=1e-6)
    assert (beads.score >= 0).all()
    assert (beads.score <= 1).all()


def test_sure_beads_score_high_and_doubtful_ones_low():
    sure = GaleChurch().align([document([50, 200, 30])], [document([50, 200, 30])])[0]
    assert sure.score.min() > 0.95
    doubtful = GaleChurch().align([document([20, 20, 20])], [document([30, 30])])[0]
    assert doubtful.score.min() < 0.7


@pytest.mark.parametrize(("src", "tgt"), [([], []), ([5], []), ([], [5, 6]), ([5], [5]), ([1], [5000]), ([0], [0])])
def test_edge_cases_are_covered(src, tgt):
    beads = GaleChurch().align([document(src)], [document(tgt)])[0]
    assert int((beads.src_end - beads.src_start).sum()) == len(src)
    assert int((beads.tgt_end - beads.tgt_start).sum()) == len(tgt)


def test_very_long_sentence_and_mixed_scripts():
    src = Document.from_lines(["word " * 5000, "\u4f60\u597d\u3002 \u0645\u0631\u062d\u0628\u0627 hello"])
    assert GaleChurch().align([src], [src])[0].types() == {"1-1": 2}


def test_equally_many_paragraphs_are_aligned_one_by_one():
    src, tgt = document([10, 10, 90], [0, 0, 1]), document([10, 40, 90], [0, 1, 1])
    respected = cuts(GaleChurch().align([src], [tgt])[0])
    assert (2, 1) in respected  # the first paragraphs end together
    ignored = cuts(GaleChurch(paragraphs="ignore").align([src], [tgt])[0])
    assert ignored == cuts(GaleChurch().align([document([10, 10, 90])], [document([10, 40, 90])])[0])


def test_unequal_paragraphs_are_never_spanned():
    src = document([20, 20, 20, 20], [0, 0, 1, 2])
    tgt = document([40, 40], [0, 1])
    beads = GaleChurch().align([src], [tgt])[0]
    for a, b, c, d in zip(beads.src_start, beads.src_end, beads.tgt_start, beads.tgt_end, strict=True):
        assert len(set(src.paragraphs[a:b].tolist())) <= 1
        assert len(set(tgt.paragraphs[c:d].tolist())) <= 1


def test_one_paragraph_on_a_side_says_nothing():
    src, tgt = document([20, 20, 40], [0, 1, 2]), document([40, 40])
    assert GaleChurch().align([src], [tgt])[0].types() == {"1-1": 1, "2-1": 1}


def test_documents_in_a_batch_do_not_touch_each_other():
    docs = [
        (document([10, 30], [0, 1]), document([30], [0])),
        (document([]), document([4])),
        (document([7, 8]), document([15])),
    ]
    together = GaleChurch().align([s for s, _ in docs], [t for _, t in docs])
    for pair, beads in zip(docs, together, strict=True):
        alone = GaleChurch().align([pair[0]], [pair[1]])[0]
        assert cuts(beads) == cuts(alone)
        assert beads.score.tolist() == alone.score.tolist()


def test_wider_beads_on_request():
    src, tgt = document([90]), document([30, 30, 30])
    assert GaleChurch(penalties={**PENALTIES, "1-3": 400.0}).align([src], [tgt])[0].types() == {"1-3": 1}


def test_ratio_and_variance_matter():
    src, tgt = document([30, 60, 30, 60]), document([60, 120, 60, 120])
    assert GaleChurch(ratio=2.0).align([src], [tgt])[0].types() == {"1-1": 4}
    assert (
        GaleChurch(ratio=2.0).align([src], [tgt])[0].score.min()
        > GaleChurch(variance=50.0).align([src], [tgt])[0].score.min()
    )


def test_errors():
    with pytest.raises(DataError, match="found 1 source and 0 target documents"):
        GaleChurch().align([document([1])], [])
    with pytest.raises(ValueError, match="must be above 0"):
        GaleChurch(ratio=0.0)
    with pytest.raises(ValueError, match="must be above 0"):
        GaleChurch(variance=-1.0)
    with pytest.raises(ValueError, match="expected a bead type"):
        GaleChurch(penalties={**PENALTIES, "1:2": 3.0})
    with pytest.raises(ValueError, match="must have '0-1' and '1-0'"):
        GaleChurch(penalties={"1-1": 0.0})
