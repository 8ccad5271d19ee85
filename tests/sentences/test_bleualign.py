"""Bleualign: BLEU against a slow twin, planted translations, files and errors."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.files import write_lines
from polyalign.core.jit import set_threads
from polyalign.kernels.bleu import add_bleu, pair_bleu
from polyalign.kernels.lattice import row_offsets
from polyalign.sentences.bleualign import Bleualign, _grams


def document(lines, name="d"):
    return Document(name, tuple(lines), np.zeros(len(lines), np.int32))


def planted(seed, size, *, noise=0.0, missing=(0, 0)):
    """A source in another language, its translation, a target and the gold beads."""
    draw = random.Random(seed)
    words = [f"w{k}" for k in range(3000)]
    odds = [1 / (k + 3) for k in range(3000)]
    src, mt, tgt, gold = [], [], [], []
    while len(src) < size:
        lines = [" ".join(draw.choices(words, odds, k=draw.randint(6, 20))) for _ in range(2)]
        kind = draw.random()
        a, b = [lines[0]], [lines[0]]
        if kind < 0.1:
            a, b = lines, [" ".join(lines)]
        elif kind < 0.2:
            a, b = [" ".join(lines)], lines
        elif kind < 0.22 or missing[0] <= len(src) < missing[1]:
            b = []
        gold.append((tuple(range(len(src), len(src) + len(a))), tuple(range(len(tgt), len(tgt) + len(b)))))
        for line in a:
            kept = [
                w if draw.random() >= noise / 2 else draw.choice(words)
                for w in line.split()
                if draw.random() >= noise / 2
            ]
            mt.append(" ".join(kept))
            src.append("".join(chr(0x0561 + ord(c) % 30) if c != " " else c for c in line))
        tgt += b
    return document(src), document(tgt), mt, gold


def slow_bleu(hyp, ref):
    """BLEU one way and the other of lists of sentences of words."""

    def one_way(hyp, ref):
        matches, size, other = [], [], []
        for n in (1, 2):
            x, y = (Counter(tuple(s[k : k + n]) for s in side for k in range(len(s) - n + 1)) for side in (hyp, ref))
            matches.append(sum((x & y).values()))
            size.append(sum(x.values()))
            other.append(sum(y.values()))
        if matches[0] == 0:
            return 0.0
        brevity = min(1.0, math.exp(1 - other[0] / size[0]))
        return brevity * math.sqrt(matches[0] / size[0] * (matches[1] + 1) / (size[1] + 1))

    p, q = one_way(hyp, ref), one_way(ref, hyp)
    return 2 * p * q / (p + q) if p else 0.0


def test_bleu_of_pairs_and_of_beads():
    draw = random.Random(1)
    make = lambda k: [" ".join(draw.choices("abcdefg", k=draw.randint(0, 7))) for _ in range(k)]  # noqa: E731
    src, tgt = make(9), make(8)
    ((x, y), _), width = _grams((src, tgt), ((), ()))
    split = [s.split() for s in src], [t.split() for t in tgt]
    rows, columns = (a.reshape(-1) for a in np.meshgrid(np.arange(9), np.arange(8), indexing="ij"))
    found = pair_bleu(x, y, rows, columns, width)
    assert found == pytest.approx([slow_bleu([split[0][i]], [split[1][j]]) for i, j in zip(rows, columns, strict=True)])
    low = np.array([0, 0, 0, 1, 2, 3, 3, 4, 5, 5], np.int32)
    high = np.array([2, 3, 4, 5, 6, 7, 8, 8, 8, 8], np.int32)
    at = row_offsets(low, high)
    types = np.full((4, 4), -1, np.int32)
    sizes = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)]
    for t, (a, b) in enumerate(sizes):
        types[a, b] = t
    counts, edges = np.zeros(width, np.int32), np.zeros((at[-1], len(sizes)), np.float32)
    add_bleu(x, y, 0, 0, low, high, at, types, 3.0, counts, edges)
    assert not counts.any()
    for i in range(10):
        for j in range(low[i], high[i] + 1):
            for t, (a, b) in enumerate(sizes):
                p, q = i - a, j - b
                inside = p >= 0 and low[p] <= q <= high[p]
                expected = 3 * slow_bleu(split[0][p:i], split[1][q:j]) if inside else 0.0
                assert edges[at[i] + j - low[i], t] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("noise", "share"), [(0.0, 1.0), (0.3, 0.95), (0.6, 0.9)])
def test_planted_translations(tmp_path, noise, share):
    src, tgt, mt, gold = planted(1, 300, noise=noise)
    write_lines(tmp_path / "mt", mt)
    found = Bleualign(str(tmp_path / "mt")).align([src], [tgt])[0].to_indices()
    assert len(set(found) & set(gold)) >= share * len(gold)


def test_a_long_document_is_searched_near_anchors(tmp_path):
    src, tgt, mt, gold = planted(2, 3000, noise=0.3, missing=(1000, 1600))
    write_lines(tmp_path / "mt", mt)
    beads = Bleualign(str(tmp_path / "mt")).align([src], [tgt])[0]
    assert len(set(beads.to_indices()) & set(gold)) >= 0.97 * len(gold)
    sure = dict(zip(beads.to_indices(), beads.score.tolist(), strict=True))
    assert np.mean([sure[b] for b in gold if b in sure]) > 0.9
    assert beads.score.min() >= 0
    assert beads.score.max() <= 1


def test_translations_of_the_target_and_of_both_sides(tmp_path):
    src, tgt, mt, gold = planted(3, 200, noise=0.3)
    write_lines(tmp_path / "mt", mt)
    swapped = Bleualign(str(tmp_path / "mt"), translated="tgt").align([tgt], [src])[0].to_indices()
    assert len({(b, a) for a, b in swapped} & set(gold)) >= 0.95 * len(gold)
    # What the target's translation into the source's language would be.
    write_lines(
        tmp_path / "back", ["".join(chr(0x0561 + ord(c) % 30) if c != " " else c for c in t) for t in tgt.sentences]
    )
    both = Bleualign(str(tmp_path / "mt"), back_translations=str(tmp_path / "back")).align([src], [tgt])[0].to_indices()
    assert len(set(both) & set(gold)) >= 0.97 * len(gold)


def test_without_words_in_common_it_is_length_alone(tmp_path):
    sizes = [30, 80, 12, 55, 140, 31]
    src = document(["x" * s for s in sizes])
    write_lines(tmp_path / "mt", ["-"] * 6)
    beads = Bleualign(str(tmp_path / "mt")).align([src], [document(["y" * s for s in sizes])])[0]
    assert beads.types() == {"1-1": 6}


def test_several_documents_by_name_and_threads(tmp_path):
    pairs = [planted(seed, 20 + 30 * seed, noise=0.2) for seed in range(5)]
    src = [document(p[0].sentences, f"a{k}") for k, p in enumerate(pairs)]
    for k, p in enumerate(pairs):
        write_lines(tmp_path / f"a{k}.mt", p[2])
    method = Bleualign(str(tmp_path / "{doc}.mt"))
    try:
        found = []
        for threads in (1, 2):
            set_threads(threads)
            found.append(method.align(src, [p[1] for p in pairs]))
    finally:
        set_threads(0)
    for one, two, (_, _, _, gold) in zip(*found, pairs, strict=True):
        assert one.score.tobytes() == two.score.tobytes()
        assert one.to_indices() == two.to_indices()
        assert len(set(one.to_indices()) & set(gold)) >= 0.95 * len(gold)


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0), (1, 1), (1, 40)])
def test_small_and_lopsided_documents(tmp_path, sizes):
    src, tgt, mt, _ = planted(4, 60)
    write_lines(tmp_path / "mt", mt[: sizes[0]])
    one, other = document(src.sentences[: sizes[0]]), document(tgt.sentences[: sizes[1]])
    beads = Bleualign(str(tmp_path / "mt")).align([one], [other])[0]
    assert ((beads.src_end[-1], beads.tgt_end[-1]) if len(beads) else (0, 0)) == sizes
    assert Bleualign("unused").align([], []) == []


def test_lines_that_the_document_left_out_may_be_there(tmp_path):
    write_lines(tmp_path / "mt", ["Good morning .", "", "It rained .", "<p>", "He left ."])
    src = Document.from_lines(["Guten Morgen.", "", "Es regnete.", "<p>", "Er ging."])
    tgt = document(["Good morning.", "It rained.", "He left."])
    assert Bleualign(str(tmp_path / "mt")).align([src], [tgt])[0].types() == {"1-1": 3}


def test_an_empty_translation_has_its_line(tmp_path):
    (tmp_path / "mt").write_bytes(b"\xef\xbb\xbfGood morning .\r\n\r\nHe left .\r\n")
    tgt = document(["Good morning.", "It rained.", "He left."])
    beads = Bleualign(str(tmp_path / "mt")).align([document(["Guten Morgen.", "Es regnete.", "Er ging."])], [tgt])[0]
    assert beads.types() == {"1-1": 3}


def test_errors(tmp_path):
    one = document(["a", "b"], "one")
    write_lines(tmp_path / "mt", ["a"])
    with pytest.raises(DataError, match=r"mt: found 1 lines, expected 2, one for each sentence of document 'one'"):
        Bleualign(str(tmp_path / "mt")).align([one], [one])
    with pytest.raises(DataError, match=r"one file of translations, found 2 documents; name it with '\{doc\}'"):
        Bleualign(str(tmp_path / "mt")).align([one, one], [one, one])
    with pytest.raises(DataError, match="no such file"):
        Bleualign(str(tmp_path / "{doc}.none")).align([one], [one])
    with pytest.raises(DataError, match="found 1 source and 0 target"):
        Bleualign("mt").align([one], [])
    with pytest.raises(ValueError, match="translations must name a file"):
        Bleualign("")
    with pytest.raises(ValueError, match="weight must be above 0"):
        Bleualign("mt", weight=0.0)
    with pytest.raises(ValueError, match="max_size must be from 2 to 20"):
        Bleualign("mt", max_size=1)
