"""Words as numbers: case, vocabulary, unknown words and the layout of blocks."""

from __future__ import annotations

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.ragged import Ragged, offsets
from polyalign.words.tokens import Block, Encoded, words


def test_lower_casing_is_of_whole_words_and_optional():
    bitext = Bitext.build(["Das HAUS  ", "İ Σ"], ["a\tB", ""])
    assert words(bitext, "src", lowercase=True) == [["das", "haus"], ["i̇", "σ"]]
    assert words(bitext, "tgt", lowercase=False) == [["a", "B"], []]


def test_spans_decide_what_a_word_is():
    bitext = Bitext.build(["d'ina CASA"], ["x"]).with_spans("src", [[0, 2, 2, 5, 6, 10]])
    assert words(bitext, "src", lowercase=True) == [["d'", "ina", "casa"]]


def test_unknown_words_are_one_past_the_vocabulary():
    text, src_vocab, tgt_vocab = Encoded.build(Bitext.build(["a b a"], ["x"]), lowercase=True)
    assert [r.tolist() for r in text.src] == [[1, 2, 1]]
    again = Encoded.encode(Bitext.build(["b neu"], ["x y"]), src_vocab, tgt_vocab, lowercase=True)
    assert [r.tolist() for r in again.src] == [[2, 3]]
    assert [r.tolist() for r in again.tgt] == [[1, 2]]


def test_blocks_cover_every_pair_once(monkeypatch):
    random = np.random.default_rng(2)
    src, tgt = (Ragged.from_lists([[1] * n for n in random.integers(0, 9, 50)]) for _ in range(2))
    monkeypatch.setattr("polyalign.words.tokens.BLOCK_CELLS", 60)
    blocks = list(Encoded(src, tgt).blocks())
    assert np.concatenate([b.src.lengths for b in blocks]).tolist() == src.lengths.tolist()
    assert np.concatenate([b.tgt.lengths for b in blocks]).tolist() == tgt.lengths.tolist()
    assert all(b.cells[-1] <= 60 or len(b.src) == 1 for b in blocks)


def test_a_block_places_its_cells():
    block = Block.build(Ragged.from_lists([[5, 3], [], [3]]), Ragged.from_lists([[1, 2, 3], [4], [5, 6]]))
    assert block.cells.tolist() == [0, 6, 6, 8]
    assert block.rows.tolist() == [0, 3, 6, 8]
    assert block.first.tolist() == [0, 0, 4]
    assert block.order.tolist() == [1, 2, 0]
    assert block.groups.tolist() == [0, 2, 3]
    at = block.place(np.array([0, 2]), np.array([1, 0], np.int32), np.array([2, 1], np.int32))
    assert at.tolist() == [5, 7]
    assert offsets(np.array([], np.int64)).tolist() == [0]
