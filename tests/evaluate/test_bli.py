"""BLI against a plain count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.evaluate.bli import BLI

WORDS = [f"w{i}" for i in range(12)]


def slow(src, tgt, gold, answers, k):
    """P@k, MRR and MAP of the entries that can be asked, one at a time."""
    p, mrr, average, i = [], [], [], 0
    for word in src:
        if word not in gold or not (gold[word] & set(tgt)):
            continue
        names = [tgt[a] for a in answers[i]]
        i += 1
        if word in gold[word]:
            continue
        right = [n in gold[word] for n in names]
        p.append(any(right[:k]))
        mrr.append(1 / (right.index(True) + 1) if True in right else 0)
        precision = [sum(right[: r + 1]) / (r + 1) for r in range(len(right)) if right[r]]
        average.append(sum(precision) / len(gold[word] & set(tgt)))
    return np.mean(p), np.mean(mrr), np.mean(average)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(WORDS), st.sets(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=1),
    st.integers(0, 1000),
)
def test_it_is_what_a_plain_count_gives(gold, seed):
    random = np.random.default_rng(seed)
    src = [str(w) for w in random.permutation(WORDS)[:9]]
    tgt = [str(w) for w in random.permutation(WORDS)[:10]]
    metric = BLI(samples=0, buckets=(3,))
    rows = metric.questions(src, tgt, gold)
    if not any(src[r] not in gold[src[r]] for r in rows):
        return
    answers = np.stack([random.permutation(10)[:5] for _ in rows]).astype(np.int32)
    score = metric.score(src, tgt, gold, answers)
    for k in (1, 5):
        p, mrr, average = slow(src, tgt, gold, answers, k)
        assert score.parts[f"P@{k}"] == pytest.approx(p)
    assert (score.parts["MRR"], score.parts["MAP"]) == pytest.approx((mrr, average))
    assert score.value == score.parts["P@1"]
    assert score.parts["coverage"] == len(rows) / len(gold)
    assert "P@10" not in score.parts
    parts = [score.parts[k] for k in score.parts if k.startswith("P@1 of rank")]
    assert min(parts) <= score.value <= max(parts)
    assert score.value == pytest.approx(score.items[:, 1].sum() / score.items[:, 0].sum())


GOLD = {"Hotel": {"Hotel"}, "Haus": {"house", "home"}, "Ei": {"egg"}, "Zeh": {"toe"}}
SRC, TGT = ["Ei", "Hotel", "Haus"], ["house", "Hotel", "egg", "home"]


def test_identical_words_are_told_apart_or_count():
    answers = np.array([[2, 0], [1, 0], [1, 3]])
    apart = BLI().score(SRC, TGT, GOLD, answers)
    assert (apart.value, apart.n, apart.parts["identical"], apart.parts["P@1 of identical"]) == (0.5, 2, 1, 1.0)
    assert apart.parts["MAP"] == pytest.approx((1 + (1 / 2) / 2) / 2)
    assert apart.parts["MRR"] == pytest.approx((1 + 1 / 2) / 2)
    assert (apart.parts["tgt_vocabulary"], apart.parts["src_vocabulary"], apart.parts["lexicon"]) == (4, 3, 4)
    assert apart.ci[0] <= apart.value <= apart.ci[1]
    count = BLI(identical="count").score(SRC, TGT, GOLD, answers)
    assert (count.value, count.n, "identical" in count.parts) == (pytest.approx(2 / 3), 3, False)
    assert "identical:count" in count.signature
    alone = BLI().score(["Hotel"], TGT, GOLD, np.array([[0]]))
    assert (alone.value, alone.n, alone.parts["P@1 of identical"]) == (0.0, 1, 0.0)


def test_buckets_are_of_the_source_words_rank():
    parts = BLI(buckets=(1, 2)).score(SRC, TGT, GOLD, np.array([[2], [1], [1]])).parts
    assert parts["P@1 of rank 1-1"] == 1
    assert "P@1 of rank 2-2" not in parts, "only an identical word is there"
    assert parts["P@1 of rank 3-3"] == 0
    assert not any("rank" in k for k in BLI(buckets=()).score(SRC, TGT, GOLD, np.array([[2], [1], [1]])).parts)


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(DataError, match="found none of 4 lexicon entries with a vector on both sides"):
        BLI().score(["x"], TGT, GOLD, np.zeros((0, 1), int))
    for answers in (np.array([[2, 0]]), np.array([[0], [1], [4]]), np.array([[0], [1], [-1]]), np.zeros((3, 0), int)):
        with pytest.raises(DataError, match="expected target rows below 4 for each of 3 questions"):
            BLI().score(SRC, TGT, GOLD, answers)
    with pytest.raises(ValueError, match="samples must not be negative"):
        BLI(samples=-1)
    for buckets in ((5, 1), (0,), (3, 3)):
        with pytest.raises(ValueError, match="buckets must be rising"):
            BLI(buckets=buckets)
