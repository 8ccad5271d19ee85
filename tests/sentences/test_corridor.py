"""Bead scores, the search of wide bands and the bands of later passes against slow obvious references."""

from __future__ import annotations

import math

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.kernels.corridor import _search, _widen
from polyalign.kernels.evidence import Beliefs, break_evidence, log_sizes, part, region, score_row
from polyalign.kernels.lattice import row_offsets, straight_band
from polyalign.sentences.model import Model


def scene(n, m, seed, *, low=None, high=None, paragraphs=False):
    """A random pair of documents with a fifth of the words in common, and all that scoring takes."""
    draw = np.random.default_rng(seed)
    sides = []
    for size in (n, m):
        lines = [" ".join(f"w{w}" for w in draw.integers(0, 60, draw.integers(1, 9))) for _ in range(size)]
        ends = np.sort(draw.integers(0, size // 4 + 1, size)) if paragraphs else np.zeros(size)
        sides.append(Document("d", tuple(lines), ends.astype(np.int32)))
    model = Model.start(
        sides[:1], sides[1:], paragraphs="respect", max_size=5, letters=0, dictionary=""
    )  # fmt: skip
    beliefs = Beliefs(model.da, model.db, np.log(model.prior), model.ratio, model.variance, 1.3, 2.0, 0.4)
    src, tgt = (part(s, 0, len(s.starts) - 1, 0) for s in model.sides)
    clues = [x.clues() for x in model.matches]
    low = np.zeros(n + 1, np.int32) if low is None else low
    high = np.full(n + 1, m, np.int32) if high is None else high
    slots = np.full((2, len(model.probs[0])), -1, np.int32)
    agree = break_evidence(src.breaks, tgt.breaks)
    area = region(src, tgt, *clues, beliefs, agree, low, high, slots)
    assert (slots == -1).all()
    return model, beliefs, src, tgt, clues, agree, low, high, slots, area


def gain(words, given, clues):
    """Log-likelihood gain of words given others, by its definition."""
    total = 0.0
    for w in words:
        found = dict(
            zip(clues.word[clues.at[w] : clues.at[w + 1]], clues.ratio[clues.at[w] : clues.at[w + 1]], strict=True)
        )
        rise = sum(found.get(x, 0.0) for x in given) / max(1, len(given)) / clues.chance[0]
        total += math.log(1.0 + rise) if rise > 0.1 else 0.0
    return total


@pytest.mark.parametrize("paragraphs", [False, True])
def test_scores_are_what_the_formula_says(paragraphs):
    _, beliefs, src, tgt, clues, agree, _low, _high, _, area = scene(9, 8, 4, paragraphs=paragraphs)
    assert src.breaks.any() == paragraphs
    seen = 0
    for i in range(10):
        edges = np.zeros((9, len(beliefs.da)), np.float32)
        score_row(i, area, beliefs, log_sizes(), edges)
        for j in range(9):
            for t, (a, b) in enumerate(zip(beliefs.da.tolist(), beliefs.db.tolist(), strict=True)):
                p, q = i - a, j - b
                if p < 0 or q < 0 or src.breaks[p + 1 : i].any() or tgt.breaks[q + 1 : j].any():
                    assert edges[j, t] == -np.inf
                    continue
                value = beliefs.prior[t] + agree[int(src.breaks[i]), int(tgt.breaks[j])]
                if a > 0 and b > 0:
                    s, u = beliefs.ratio * (src.chars[i] - src.chars[p]), tgt.chars[j] - tgt.chars[q]
                    length = -math.log(math.pi * beliefs.variance / beliefs.ratio) - math.log(int(s + u) + 0.5)
                    length -= (s - u) ** 2 / (0.5 * beliefs.variance * (s + u))
                    usual = (src.rarity[i] - src.rarity[p]) / a + (tgt.rarity[j] - tgt.rarity[q]) / b
                    x, y = src.words[src.starts[p] : src.starts[i]], tgt.words[tgt.starts[q] : tgt.starts[j]]
                    words = gain(x, y, clues[0]) + gain(y, x, clues[1])
                    value += 0.5 * (max(length - usual, -16.0) + 1.3 * words)
                assert edges[j, t] == pytest.approx(value / 2.0, abs=1e-4)
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(("n", "m", "half_width"), [(1100, 1000, 20), (520, 30, 60), (30, 700, 400)])
def test_search_in_blocks_finds_the_best_path_of_the_band(n, m, half_width):
    low, high = np.zeros(n + 1, np.int32), np.zeros(n + 1, np.int32)
    straight_band(np.array([(0, 0), (n // 3, m // 2), (n, m)], np.int32), n, m, half_width, low, high)
    _, beliefs, src, tgt, clues, agree, low, high, slots, area = scene(n, m, 1, low=low, high=high)
    out = np.zeros((n + m, 2), np.int32)
    count = _search(src, tgt, *clues, beliefs, log_sizes(), agree, low, high, slots, out)
    types = [
        (t, a, b) for t, (a, b) in enumerate(zip(beliefs.da.tolist(), beliefs.db.tolist(), strict=True)) if a + b <= 3
    ]
    rows, best = row_offsets(low, high), {(0, 0): 0.0}
    score = {}
    for i in range(n + 1):
        edges = np.zeros((rows[i + 1] - rows[i], len(beliefs.da)), np.float32)
        score_row(i, area, beliefs, log_sizes(), edges)
        for j, row in enumerate(edges.tolist(), int(low[i])):
            for t, a, b in types:
                if (i - a, j - b) in best:
                    score[i, j, a, b] = row[t]
                    best[i, j] = max(best.get((i, j), -math.inf), best[i - a, j - b] + row[t])
    path = [(0, 0), *map(tuple, out[:count].tolist())]
    total = sum(score[i, j, i - p, j - q] for (p, q), (i, j) in zip(path[:-1], path[1:], strict=True))
    assert path[-1] == (n, m)
    assert total == pytest.approx(best[n, m], abs=0.05)


def test_bands_are_widened_to_what_is_within_reach():
    low, high = np.array([0, 2, 3, 5], np.int32), np.array([3, 4, 5, 9], np.int32)
    _widen(np.array([[1, 0], [3, 8], [3, 4], [1, 0]], np.int32), 1, low, high)
    assert low.tolist() == [0, 2, 2, 5]
    assert high.tolist() == [3, 9, 9, 9]
