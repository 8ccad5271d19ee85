"""Whether an encoder knows two languages: planted vectors of one that does, one that does not, and too little text."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.space import unit
from polyalign.encoders.known import SAMPLE, Knowledge, knows


def documents(lengths, *, noise, seed=0, dim=64):
    """Unit vectors of texts, and of their translations with noise and a language of their own; where documents begin."""
    draw = np.random.default_rng(seed)
    total = sum(lengths)
    src = draw.normal(size=(total, dim)).astype(np.float32)
    tgt = src + noise * draw.normal(size=(total, dim)).astype(np.float32) + 3 * draw.normal(size=dim).astype(np.float32)
    at = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return unit(src), unit(tgt), at, at


@pytest.mark.parametrize("lengths", [[30] * 40, [400], [6] * 50, [25, 0, 3000, 1]])
def test_tells_an_encoder_that_knows_from_one_that_does_not(lengths):
    good = knows(*documents(lengths, noise=0.7))
    assert good.knows
    assert not good.undecided
    assert good.share > 0.7
    bad = knows(*documents(lengths, noise=30.0))
    assert not bad.knows
    assert not bad.undecided
    assert abs(bad.share) < 0.15


def test_what_all_documents_share_is_no_knowledge():
    src, tgt, at, _ = documents([12] * 60, noise=30.0, dim=400)
    # Every document has the same title and the same last line, in both languages.
    for start, end in zip(at[:-1], at[1:], strict=True):
        src[start], src[end - 1] = src[0], src[1]
        tgt[start], tgt[end - 1] = src[0], src[1]
    result = knows(src, tgt, at, at)
    assert result.chance > 0.15
    assert not result.knows


@pytest.mark.parametrize("lengths", [[5], [19], [], [0], [2, 3, 4]])
def test_too_little_text_decides_nothing(lengths):
    for noise in (0.5, 30.0):
        result = knows(*documents(lengths, noise=noise))
        assert result.undecided
        assert result.knows


def test_close_to_the_threshold_nothing_is_decided():
    assert Knowledge(0.34, 0.05, 100).undecided
    assert not Knowledge(0.1, 0.05, 100).knows
    assert not Knowledge(0.6, 0.05, 100).undecided
    assert Knowledge(1.0, 1.0, 100).share == 0


@pytest.mark.parametrize("part", [slice(0, 150), slice(150, 300), slice(100, 220)])
def test_a_missing_part_of_a_long_document_does_not_matter(part):
    src, tgt, at, _ = documents([300], noise=0.7)
    tgt = tgt[part]
    result = knows(src, tgt, at, np.array([0, len(tgt)]))
    assert result.knows
    assert not result.undecided
    assert not knows(src, documents([300], noise=30.0)[1][part], at, np.array([0, len(tgt)])).knows


def test_zeros_count_for_nothing():
    src, _, at, _ = documents([40] * 20, noise=0.5)
    zero = knows(np.zeros_like(src), np.zeros_like(src), at, at)
    assert zero.rate == 0
    assert not zero.knows


def test_a_long_document_is_sampled_and_the_result_is_the_same_again():
    arguments = documents([2 * SAMPLE + 7, 50], noise=0.5, dim=32)
    first = knows(*arguments)
    assert first == knows(*arguments)
    assert first.sentences <= SAMPLE + 50
    assert first.knows


def test_the_message_names_the_languages():
    text = Knowledge(0.1, 0.08, 900).warning("deu_Latn", "vai_Vaii")
    assert text.startswith("the encoder does not seem to know deu_Latn or vai_Vaii: 10% of 900")


def test_vectors_are_left_alone():
    src, tgt, at, _ = documents([30] * 3, noise=0.5)
    copy = src.copy()
    knows(src, tgt, at, at)
    assert np.array_equal(src, copy)
