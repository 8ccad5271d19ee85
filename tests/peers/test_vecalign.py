"""Vecalign against sentweave, which runs the tool's own search, on the same vectors."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.space import unit
from polyalign.encoders.encoder import Encoder
from polyalign.sentences.vecalign import Vecalign

sentweave = pytest.importorskip("sentweave")
pytestmark = pytest.mark.peer


class Bags(Encoder):
    """A text's vector is the sum of its words', drawn by their spelling."""

    key, dim = "bags", 48

    def vectors(self, texts):
        return np.array([sum(self.word(w) for w in text.split()) for text in texts], np.float32)

    def word(self, word):
        return np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.dim)

    def __call__(self, texts):
        return unit(self.vectors(texts)).astype(np.float16).astype(np.float32)


def versions(seed, size, gone=0.03, noise=0.2):
    """A stream of words cut in two ways, with other words and missing sentences on one side."""
    draw = random.Random(seed)
    src, tgt, part = [], [], []
    for k in range(size):
        words = [f"w{draw.randrange(3000)}" for _ in range(draw.randint(4, 12))]
        other = [w if draw.random() > noise else f"x{draw.randrange(3000)}" for w in words[1:]]
        src.append(" ".join(words))
        if draw.random() > gone:
            part.append(" ".join(other))
        if part and (draw.random() > 0.15 or k == size - 1):
            tgt.append(" ".join(part))
            part = []
    return src, tgt


def document(lines):
    return Document("d", tuple(lines), np.zeros(len(lines), np.int32))


@pytest.mark.parametrize(("size", "settings"), [(40, {}), (250, {"max_size": 8}), (900, {}), (700, {"one_to_many": 3})])
def test_beads_and_costs(size, settings):
    src, tgt = versions(size, size)
    ours = Vecalign(**settings).align_by(Bags(), [document(src)], [document(tgt)])[0]
    many = settings.get("one_to_many")
    theirs = sentweave.align(
        src, tgt, Bags(), alignment_max_size=settings.get("max_size", 4), one_to_many=many
    ).alignments
    score = dict(zip(ours.to_indices(), ours.score.tolist(), strict=True))
    cost = {(tuple(a.src_indices), tuple(a.tgt_indices)): a.score for a in theirs}
    both = [b for b in score if b in cost]
    assert len(both) >= 0.98 * max(len(score), len(cost))
    # What a vector is compared with is drawn at random here and there: costs agree as two draws do.
    pairs = np.array([(max(1 - cost[b], 0), score[b]) for b in both if b[0] and b[1]])
    assert np.abs(pairs[:, 0] - pairs[:, 1]).max() < 0.03
    assert [score[b] for b in both if not (b[0] and b[1])] == [0.0] * sum(not (b[0] and b[1]) for b in both)
