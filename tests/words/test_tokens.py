"""Words as numbers: case, vocabulary, unknown words and the layout of blocks."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.ragged import Ragged, offsets
from polyalign.words.text import Reading
from polyalign.words.tokens import Block, Encoded, count


def words(bitext, side, reading):
    text, vocab, _ = count(bitext, side, reading)
    return [[vocab.words[i] for i in row] for row in text]


def test_lower_casing_is_of_whole_words_and_optional():
    bitext = Bitext.build(["Das HAUS  ", "İ Σ"], ["a\tB", ""])
    assert words(bitext, "src", Reading()) == [["das", "haus"], ["i̇", "σ"]]
    assert words(bitext, "tgt", Reading(lowercase=False)) == [["a", "B"], []]


def test_words_are_counted_the_most_frequent_first():
    text, vocab, frequency = count(Bitext.build(["b a B", "a c b"], ["", ""]), "src", Reading())
    assert vocab.words == ("", "b", "a", "c")
    assert frequency.tolist() == [0, 3, 2, 1]
    assert [r.tolist() for r in text] == [[1, 2, 1], [2, 3, 1]]


def test_digits_and_punctuation_are_merged_if_asked_for():
    bitext = Bitext.build(["١٩ « 19", "19"], ['" a', "b"])
    assert words(bitext, "src", Reading()) == [["١٩", "«", "19"], ["19"]]
    assert words(bitext, "src", Reading(digits="ascii", punctuation="plain")) == [["19", '"', "19"], ["19"]]
    assert words(bitext, "src", Reading(digits="shape")) == [["00", "«", "00"], ["00"]]


def test_spans_decide_what_a_word_is():
    bitext = Bitext.build(["d'ina CASA"], ["x"]).with_spans("src", [[0, 2, 2, 5, 6, 10]])
    assert words(bitext, "src", Reading()) == [["d'", "ina", "casa"]]


def test_a_bitext_is_encoded_with_both_vocabularies():
    text, src_vocab, tgt_vocab = Encoded.build(Bitext.build(["a b a"], ["X"]), lowercase=True)
    assert [r.tolist() for r in text.src] == [[1, 2, 1]]
    assert (src_vocab.words, tgt_vocab.words) == (("", "a", "b"), ("", "x"))


def test_a_sentence_too_long_to_count_is_refused():
    with pytest.raises(DataError, match="row 1 has 65,536 words, expected at most 65,535"):
        Encoded.build(Bitext.build(["a", "a " * 65_536], ["b", "b"]), lowercase=True)


def test_blocks_cover_every_pair_once(monkeypatch):
    random = np.random.default_rng(2)
    src, tgt = (Ragged.from_lists([[1] * n for n in random.integers(0, 9, 50)]) for _ in range(2))
    monkeypatch.setattr("polyalign.words.tokens.BLOCK_CELLS", 60)
    blocks = list(Encoded(src, tgt).blocks())
    assert np.concatenate([b.src.lengths for b in blocks]).tolist() == src.lengths.tolist()
    assert np.concatenate([b.tgt.lengths for b in blocks]).tolist() == tgt.lengths.tolist()
    assert all(b.cells[-1] <= 60 or len(b.src) == 1 for b in blocks)


def test_a_block_is_laid_out_by_rows():
    block = Block.build(Ragged.from_lists([[5, 3], [], [3]]), Ragged.from_lists([[1, 2, 3], [4], [5, 6]]))
    assert block.cells.tolist() == [0, 6, 6, 8]
    assert block.rows.tolist() == [0, 3, 6, 8]
    assert block.first.tolist() == [0, 0, 4]
    assert block.order.tolist() == [1, 2, 0]
    assert block.groups.tolist() == [0, 2, 3]
    assert offsets(np.array([], np.int64)).tolist() == [0]
