"""Alignment of segments: counts by hand, and what omissions, additions and shifted lines do to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.evaluate.segment_alignment import SegmentAlignment

words = st.lists(st.sampled_from(["a", "bc", "7", ".", ",", "—", "猫"]), max_size=6)


@given(st.lists(st.tuples(words, words, st.integers(0, 999)), min_size=1, max_size=5))
def test_equals_counts_by_hand(pairs):
    links, counts = [], np.zeros(4)
    for src, hyp, seed in pairs:
        rng = np.random.default_rng(seed)
        some = {(i, j) for i in range(len(src)) for j in range(len(hyp)) if rng.random() < 0.3}
        links.append(some)
        here = [i for i, w in enumerate(src) if w not in ".,—"]
        there = [j for j, w in enumerate(hyp) if w not in ".,—"]
        counts += [
            len(here), len(there), len({i for i, _ in some} & set(here)), len({j for _, j in some} & set(there)),
        ]  # fmt: skip
    sides = [p[0] for p in pairs], [p[1] for p in pairs]
    if counts[:2].sum() == 0:
        with pytest.raises(DataError, match="found no word with a letter or digit"):
            SegmentAlignment().score(*sides, Links.from_pairs(links))
        return
    score = SegmentAlignment(samples=0).score(*sides, Links.from_pairs(links))
    recall, precision = counts[2] / max(counts[0], 1), counts[3] / max(counts[1], 1)
    f = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert (score.value, score.parts["recall"], score.parts["precision"]) == pytest.approx((f, recall, precision))


def sentences(n=30):
    src = [[f"w{i}{k}" for k in range(6)] for i in range(n)]
    return src, [[w.upper() for w in s] for s in src]


def linked(src, hyp):
    return Links.from_pairs([{(s.index(w.lower()), j) for j, w in enumerate(h) if w.lower() in s} for s, h in zip(src, hyp, strict=True)])  # fmt: skip


def test_perfect_omitting_adding_and_shifted():
    src, hyp = sentences()
    assert SegmentAlignment().score(src, hyp, linked(src, hyp)).value == 1
    less = [h[:3] for h in hyp]
    omitted = SegmentAlignment(samples=0).score(src, less, linked(src, less))
    assert (omitted.parts["recall"], omitted.parts["precision"]) == (0.5, 1)
    more = [[*h, "X", "Y"] for h in hyp]
    added = SegmentAlignment(samples=0).score(src, more, linked(src, more))
    assert (added.parts["recall"], added.parts["precision"]) == (1, 0.75)
    moved = hyp[1:] + hyp[:1]
    shifted = SegmentAlignment(samples=0).score(src, moved, linked(src, moved))
    assert (shifted.value, shifted.parts["left_behind"]) == (0, 1)


def test_improbable_links_do_not_count():
    links = Links(np.array([0, 2]), np.array([0, 1]), np.array([0, 1]), np.array([0.9, 0.2], np.float32))
    score = SegmentAlignment(min_probability=0.5, samples=0).score([["a", "b"]], [["c", "d"]], links)
    assert score.value == 0.5


def test_segments_without_content_are_not_left_behind():
    score = SegmentAlignment(samples=0).score([["a"], ["."]], [["b"], []], Links.from_pairs([{(0, 0)}, set()]))
    assert (score.value, score.parts["left_behind"]) == (1, 0)


def test_the_interval_holds_the_value():
    src, hyp = sentences()
    some = [h if i % 3 else h[:2] for i, h in enumerate(hyp)]
    score = SegmentAlignment().score(src, some, linked(src, some))
    assert score.ci[0] < score.value < score.ci[1]
    assert score.signature.startswith("metric:segment-alignment|min_probability:0.0|threshold:0.3|")


def test_what_does_not_fit_is_refused():
    one = Links.from_pairs([{(0, 3)}])
    with pytest.raises(DataError, match="found 2 source segments, 1 translations and links of 1 pairs"):
        SegmentAlignment().score([["a"], ["b"]], [["c"]], one)
    with pytest.raises(
        DataError, match=r"segment 1: found a link to word 3 of the translation, expected less than its 1 words"
    ):
        SegmentAlignment().score([["a"]], [["c"]], one)


@pytest.mark.parametrize("settings", [{"min_probability": 1.5}, {"threshold": -0.1}, {"samples": -1}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        SegmentAlignment(**settings)
