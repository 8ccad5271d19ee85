"""Gale-Church bead for bead against the galechurch package."""

from __future__ import annotations

import random

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.sentences.gale_church import GaleChurch

galechurch = pytest.importorskip("galechurch")
pytestmark = pytest.mark.peer

NOVELS = ["AlicesAdventuresInWonderland_EN-FR", "Candide_EN-EL", "Candide_EN-ES", "VingtMilleLieuesSousLesMers_EN-FR"]


def document(lines):
    lines = tuple(line.strip() for line in lines)
    return Document("d", lines, np.zeros(len(lines), np.int32))


def assert_equal(pairs, **settings):
    ours = GaleChurch(**settings).align([s for s, _ in pairs], [t for _, t in pairs])
    for (src, tgt), beads in zip(pairs, ours, strict=True):
        theirs = galechurch.align(src.sentences, tgt.sentences).beads
        cuts = list(zip(beads.src_end.tolist(), beads.tgt_end.tolist(), strict=True))
        assert cuts == [(b.source_end, b.target_end) for b in theirs]


@pytest.mark.data
def test_alpine_journals(data):
    folder = data / "sa-bleualign-defr"
    names = ["dev", "test0", "test1", "test2"]
    read = lambda name: document((folder / name).read_text(encoding="utf-8").split("\n")[:-1])  # noqa: E731
    assert_equal([(read(f"{n}.de"), read(f"{n}.fr")) for n in names])


@pytest.mark.data
@pytest.mark.parametrize("novel", NOVELS)
def test_novels(data, novel):
    name, pair = novel.split("_")
    sides = [
        document((data / "sa-transread-novels" / novel / f"{name}.{lang}").read_text(encoding="utf-8").split("\n")[:-1])
        for lang in pair.lower().split("-")
    ]
    assert_equal([(sides[0], sides[1])])


def test_random_lengths_with_ties():
    draw = random.Random(1)
    pairs = []
    for _ in range(2000):
        longest = draw.choice([1, 2, 3, 10, 60])
        sides = [[draw.randint(1, longest) for _ in range(draw.randint(1, 8))] for _ in "st"]
        pairs.append(tuple(document(["x" * size for size in side]) for side in sides))
    assert_equal(pairs)


def test_a_document_that_is_searched_in_a_band():
    draw = random.Random(2)
    src = [draw.randint(20, 200) for _ in range(2300)]
    tgt = [max(1, round(size * draw.uniform(0.9, 1.1))) for k, size in enumerate(src) if not 900 < k < 960]
    assert_equal([(document(["x" * s for s in src]), document(["y" * t for t in tgt]))])
