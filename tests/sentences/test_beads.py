"""The aligner by meaning: planted vectors, missing stretches, edge cases, and its kernels against slow references."""

from __future__ import annotations

import math

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.kernels.beads_pooled import Scoring, pooled_row, strip
from polyalign.kernels.beads_search import box_band, cells, rewards
from polyalign.sentences.beads import BeadAligner
from polyalign.sentences.lexical import Lexical
from polyalign.sentences.model import bead_types, text_of
from polyalign.sentences.pooled import anchors, length_ratio, mutual, side_of, whole, with_gaps

DIM = 48


def document(lines):
    return Document("", tuple(lines), np.zeros(len(lines), np.int32))


def unit(rows):
    rows = np.asarray(rows, np.float64).reshape(-1, DIM)
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def planted(count, seed=0, noise=0.1):
    """A text of beads 1-1, 1-2 and 2-1: documents, vectors and gold; words say nothing."""
    draw = np.random.default_rng(seed)
    sides, rows, gold = ([], []), ([], []), []
    for _ in range(count):
        a, b = [(1, 1), (1, 1), (1, 1), (1, 2), (2, 1)][draw.integers(5)]
        parts = draw.normal(size=(2, DIM))
        sizes = draw.integers(20, 60, 2)
        gold.append(tuple(tuple(range(len(s), len(s) + c)) for s, c in zip(sides, (a, b), strict=True)))
        for k, c in enumerate((a, b)):
            made = parts if c == 2 else parts.sum(axis=0, keepdims=True)
            for v, size in zip(made, sizes if c == 2 else [sizes.sum()], strict=True):
                v = v / np.linalg.norm(v)
                rows[k].append(v + noise * draw.normal(size=DIM) / math.sqrt(DIM))
                sides[k].append("ab"[k] * int(size))
    return [document(s) for s in sides], tuple(unit(r) for r in rows), gold


def right(beads, gold):
    return len(set(beads.to_indices()) & set(gold)) / len(gold)


def test_finds_planted_beads_and_is_sure_of_them():
    (src, tgt), rows, gold = planted(150)
    (beads,) = BeadAligner().align_vectors([src], [tgt], rows)
    assert right(beads, gold) > 0.97
    assert beads.score.min() >= 0
    assert beads.score.max() <= 1
    assert np.mean(beads.score) > 0.8


@pytest.mark.parametrize("start", [0, 400, 700])
def test_a_missing_stretch_costs_nothing_elsewhere(start):
    (src, tgt), rows, gold = planted(1200, seed=3)
    gone = range(start, start + 600)
    left = np.delete(np.arange(len(tgt)), gone)
    short = document([tgt.sentences[j] for j in left])
    (beads,) = BeadAligner(words=0.0).align_vectors([src], [short], (rows[0], rows[1][left]))
    place = {int(j): k for k, j in enumerate(left)}
    kept = [(s, tuple(place[j] for j in t)) for s, t in gold if all(j in place for j in t)]
    assert len(kept) > 500
    assert right(beads, kept) > 0.97
    # Sentences at the ends of the gap stay where they are, and those in it are known to be alone.
    ends = [bead for bead in kept if min(abs(bead[1][0] - start), abs(bead[1][-1] + 1 - start)) < 10]
    assert right(beads, ends) > 0.8
    alone = np.flatnonzero(beads.tgt_end == beads.tgt_start)
    assert len(alone) > 500
    assert np.mean(beads.score[alone]) > 0.9


def test_gaps_are_where_one_side_is_far_longer_between_anchors():
    texts = tuple(text_of([document([c * 10] * n)], np.zeros(n + 1, np.bool_), {}) for c, n in (("a", 30), ("b", 130)))
    plain = tuple(side_of(np.ones((n, 2), np.float32), t) for n, t in zip((30, 130), texts, strict=True))
    cuts = np.array([(0, 0), (10, 10), (20, 110), (30, 130)], np.int32)
    src, tgt = with_gaps(plain, texts, cuts, np.array([0, 4]), 1.0)
    assert not src.paired.any()
    assert (src.alone == 1).all()
    surplus = np.repeat([0.0, 80.0, 0.0], [10, 100, 20])
    assert tgt.alone == pytest.approx(5 / (5 + surplus))
    assert np.exp(tgt.paired) == pytest.approx(1 - surplus / 105)


def test_a_sentence_without_counterpart_is_one_bead_wherever_it_stands():
    low, high = np.zeros(2, np.int32), np.full(2, 1, np.int32)
    da, db = np.array([1, 0, 1], np.int32), np.array([0, 1, 1], np.int32)
    none = -np.inf
    # Nodes (0, 0), (0, 1), (1, 0), (1, 1).
    edges = np.array([[none] * 3, [none, 0.3, none], [0.25, none, none], [0.3, 0.25, 0.45]], np.float32)
    rewards(low, high, np.array([0, 2, 4]), da, db, 0.4, edges)
    expected = [[none] * 3, [none, 0.275, none], [0.275, none, none], [0.275, 0.275, 0.45]]
    assert edges == pytest.approx(np.array(expected) - 0.4)


def test_long_texts_are_sampled_and_still_aligned():
    (src, tgt), rows, gold = planted(2500, seed=4)
    assert len(src) * len(tgt) > 1 << 21
    (beads,) = BeadAligner().align_vectors([src], [tgt], rows)
    assert right(beads, gold) > 0.97


def test_one_thread_and_two_give_the_same_bytes():
    texts = [planted(60, seed=k) for k in range(6)]
    src, tgt = [t[0][0] for t in texts], [t[0][1] for t in texts]
    rows = tuple(np.concatenate([t[1][k] for t in texts]) for k in (0, 1))
    out = []
    for threads in (1, 0):
        set_threads(threads)
        out.append([(b.to_indices(), b.score.tobytes()) for b in BeadAligner().align_vectors(src, tgt, rows)])
    assert out[0] == out[1]


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0), (1, 1), (1, 9), (40, 2)])
@pytest.mark.parametrize("kind", ["random", "zero", "same"])
def test_odd_documents_are_covered(sizes, kind):
    draw = np.random.default_rng(0)
    docs = [document(["same line"] * n) for n in sizes]
    one = unit(draw.normal(size=DIM))
    rows = tuple({"random": unit(draw.normal(size=(n, DIM))), "zero": np.zeros((n, DIM), np.float32), "same": np.repeat(one, n, axis=0)}[kind] for n in sizes)  # fmt: skip
    (beads,) = BeadAligner().align_vectors(docs[:1], docs[1:], rows)
    assert sum(len(s) for s, _ in beads.to_indices()) == sizes[0]
    assert sum(len(t) for _, t in beads.to_indices()) == sizes[1]
    assert np.isfinite(beads.score).all()


def test_no_bead_spans_a_paragraph_break_unless_told_to():
    rows = (
        unit(np.eye(DIM)[[0, 1, 2, 3]]),
        unit(np.stack([np.eye(DIM)[0] + np.eye(DIM)[1], np.eye(DIM)[2] + np.eye(DIM)[3]])),
    )
    src = Document("", ("aaaa",) * 4, np.array([0, 1, 1, 2], np.int32))
    tgt = Document("", ("bbbbbbbb",) * 2, np.array([0, 1], np.int32))
    spans = lambda b: any(s[:2] == (0, 1) for s, _ in b.to_indices())  # noqa: E731
    assert not spans(BeadAligner(words=0.0).align_vectors([src], [tgt], rows)[0])
    assert spans(BeadAligner(words=0.0, paragraphs="ignore").align_vectors([src], [tgt], rows)[0])


def test_scores_are_what_the_formula_says():
    (src, tgt), rows, _ = planted(6, seed=5)
    n, m, draw = len(src), len(tgt), np.random.default_rng(1)
    texts = (text_of([src], np.zeros(n + 1, np.bool_), {}), text_of([tgt], np.zeros(m + 1, np.bool_), {}))
    one, other = (
        side_of(whole(r.copy()), t)._replace(alone=draw.random(len(r)), paired=-draw.random(len(r)))
        for r, t in zip(rows, texts, strict=True)
    )
    da, db = bead_types(4)
    how = Scoring(da, db, np.where(da * db == 0, -0.2, 0.0), 1.1, 1.5, 2.0, 0.0)
    low, high = np.zeros(n + 1, np.int32), np.full(n + 1, m, np.int32)
    band = strip(one, other, texts, low, high, 3, 3)
    cos = lambda x, y: x @ y / np.linalg.norm(x) / np.linalg.norm(y)  # noqa: E731
    x, y = ([np.log1p(len(s)) * r.astype(float) for s, r in zip(d.sentences, v, strict=True)] for d, v in zip((src, tgt), rows, strict=True))  # fmt: skip
    seen = 0
    for i in range(n + 1):
        edges = np.zeros((m + 1, len(da)), np.float32)
        pooled_row(i, one, other, texts, band, low, high, how, edges)
        for j in range(m + 1):
            for t, (a, b) in enumerate(zip(da.tolist(), db.tolist(), strict=True)):
                p, q = i - a, j - b
                if p < 0 or q < 0:
                    assert edges[j, t] == -np.inf
                    continue
                value = -0.2 * (other.alone[q] if b else one.alone[p])
                if a and b:
                    s, u = np.sum(x[p:i], axis=0), np.sum(y[q:j], axis=0)
                    beside = [cos(s, y[k]) for k in (q - 1, j) if 0 <= k < m] or [0.0]
                    also = [cos(x[k], u) for k in (p - 1, i) if 0 <= k < n] or [0.0]
                    l1, l2 = 1.1 * sum(map(len, src.sentences[p:i])), sum(map(len, tgt.sentences[q:j]))
                    fit = math.log2(1 + min(l1, l2) / max(l1, l2)) ** 1.5
                    value = (cos(s, u) - 0.5 * (np.mean(beside) + np.mean(also))) * fit + 0.5 * (
                        one.paired[p:i].mean() + other.paired[q:j].mean()
                    )
                assert edges[j, t] == pytest.approx(value * 2.0, abs=2e-3)
                seen += 1
    assert seen > 200


def test_mutual_neighbours_of_a_shuffled_text():
    draw = np.random.default_rng(6)
    rows = np.rint(4000 * unit(draw.normal(size=(50, DIM))))
    order = draw.permutation(50)
    i, j, margin = mutual(rows, rows[order])
    assert sorted(i.tolist()) == list(range(50))
    assert (order[j] == i).all()
    assert (margin > 0.3).all()


def test_anchors_rise_from_corner_to_corner():
    _, rows, _ = planted(300, seed=7)
    cuts = anchors(*(np.rint(4000 * r) for r in rows))
    assert cuts[0].tolist() == [0, 0]
    assert cuts[-1].tolist() == [len(rows[0]), len(rows[1])]
    assert (np.diff(cuts[1:-1], axis=0) > 0).all()
    assert len(cuts) > 150


@pytest.mark.parametrize("cuts", [[(0, 0), (900, 900)], [(0, 0), (5, 600), (900, 900)], [(0, 0), (0, 900), (900, 900)]])
def test_bands_hold_their_cuts_and_never_fall(cuts):
    low, high = np.zeros(901, np.int32), np.zeros(901, np.int32)
    box_band(np.array(cuts, np.int32), 900, 900, 5, 30, low, high)
    assert (np.diff([low, high], axis=1) >= 0).all()
    assert (low <= high).all()
    assert all(low[i] <= j <= high[i] for i, j in cuts)
    assert (low[1:] <= high[:-1] + 1).all()


def test_the_length_ratio_is_taken_where_anchors_are_close():
    lines = [["a" * 10] * 40, ["b" * 20] * 240]
    texts = [text_of([document(x)], np.zeros(len(x) + 1, np.bool_), {}) for x in lines]
    cuts = np.array(
        [(0, 0), *((k, k) for k in range(5, 20)), *((k, k + 200) for k in range(20, 35)), (40, 240)], np.int32
    )
    assert length_ratio(*texts, cuts, np.array([0, len(cuts)]), 12.0) == pytest.approx(
        (39 * 20 + 500 * 12) / (39 * 10 + 500)
    )
    assert length_ratio(*texts, cuts[[0, -1]], np.array([0, 2]), 12.0) == pytest.approx(12.0)


def test_blocks_out_of_order_are_reported_and_aligned_if_wanted(capsys):
    (src, tgt), rows, gold = planted(150, seed=8)
    first, last = gold[50][1][0], gold[69][1][-1] + 1
    order = np.r_[0:first, last : len(tgt), first:last]
    back = np.argsort(order)
    mixed = document([tgt.sentences[j] for j in order])
    moved = {(s, tuple(int(back[j]) for j in t)) for s, t in gold[50:70]}
    (beads,) = BeadAligner().align_vectors([src], [mixed], (rows[0], rows[1][order]))
    assert '1 block out of order in 1 document (0); moved="align" aligns them' in capsys.readouterr().err
    assert sum(r.startswith("moved: target") for r in beads.reasons) >= 1
    assert beads.moved == ()
    (beads,) = BeadAligner(moved="align").align_vectors([src], [mixed], (rows[0], rows[1][order]))
    assert len({b for b, _ in beads.moved} & moved) >= 18
    assert "moved=" not in capsys.readouterr().err


def test_every_sentence_without_counterpart_has_a_reason():
    (src, tgt), rows, gold = planted(60, seed=9)
    left = np.arange(len(tgt)) >= gold[20][1][0]
    (beads,) = BeadAligner().align_vectors([src], [document(tgt.sentences[gold[20][1][0] :])], (rows[0], rows[1][left]))
    alone = (beads.src_start == beads.src_end) | (beads.tgt_start == beads.tgt_end)
    assert alone.any()
    assert all((why != "") == lonely for why, lonely in zip(beads.reasons, alone.tolist(), strict=True))


@pytest.mark.parametrize("fallback", [True, False])
def test_an_encoder_that_does_not_know_the_languages_is_told_of(fallback, capsys):
    draw = np.random.default_rng(10)
    lines = [[" ".join(f"{k}{w}" for w in s) for s in draw.integers(0, 300, (90, 8))] for k in "ab"]
    src, tgt = document(lines[0]), document([x.replace("a", "b") for x in lines[0]])
    rows = tuple(unit(draw.normal(size=(90, DIM))) for _ in range(2))
    (beads,) = BeadAligner(fallback=fallback).align_vectors([src], [tgt], rows)
    said = capsys.readouterr().err
    assert "does not seem to know" in said
    assert ("by words and lengths alone" in said) == fallback
    if fallback:
        expected = Lexical().align([src], [tgt])[0]
        assert beads.to_indices() == expected.to_indices()
        assert beads.score.tobytes() == expected.score.tobytes()


def test_equal_sentences_and_very_long_ones():
    draw = np.random.default_rng(12)
    lines = [" ".join(f"w{k}" for k in range(5000)), *["same line"] * 20, *(f"line {k} of many" for k in range(60))]
    vectors = unit(draw.normal(size=(81, DIM)))
    vectors[1:21] = vectors[1]
    (beads,) = BeadAligner().align_vectors([document(lines)], [document(lines)], (vectors, vectors))
    found = beads.to_indices()
    assert found[0] == ((0,), (0,))
    assert found[-60:] == [((k,), (k,)) for k in range(21, 81)]


def test_cells_are_those_that_beads_of_the_band_hold():
    da, db = bead_types(5)
    draw = np.random.default_rng(11)
    for _ in range(20):
        n, m = 12, 14
        low = np.sort(draw.integers(0, m, n + 1)).astype(np.int32)
        high = np.minimum(np.maximum(low + draw.integers(0, 4, n + 1), np.r_[low[1:] - 1, m]), m).astype(np.int32)
        low[0], high = 0, np.maximum.accumulate(high).astype(np.int32)
        first, last, top, bottom = cells(da, db, low, high, m)
        wanted = {
            (x, y)
            for p in range(n + 1) for q in range(low[p], high[p] + 1)
            for a, b in zip(da.tolist(), db.tolist(), strict=True) if a and b and p + a <= n and low[p + a] <= q + b <= high[p + a]
            for x in range(p, p + a) for y in range(q, q + b)
        }  # fmt: skip
        for x in range(n):
            ys = [y for i, y in wanted if i == x]
            assert (first[x], last[x]) == (min(ys), max(ys) + 1) if ys else first[x] == last[x]
        assert all(top[y] <= x < bottom[y] for x, y in wanted)


def test_documents_that_do_not_pair_up_are_refused():
    with pytest.raises(DataError, match="expected one target document"):
        BeadAligner().align([document(["a"])], [])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_size": 1}, "max_size must be from 2 to 20"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"length_exponent": -1.0}, "length_exponent must be 0 or more"),
        ({"words": 1.5}, "words must be from 0 to 1"),
        ({"skip": float("nan")}, "skip must be 0 or more"),
        ({"bead_cost": 1.0}, "bead_cost must be from 0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        BeadAligner(**setting)
