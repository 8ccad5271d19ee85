"""The types: Ragged, Vocab, Document, Beads, Links, Bitext, Space, Map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.beads import Beads, parse_vecalign
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.core.ragged import Ragged
from polyalign.core.space import Map, MapPair, Space, normalized
from polyalign.core.vocab import Vocab

rows_of_ints = st.lists(st.lists(st.integers(0, 99), max_size=6), max_size=8)
link_rows = st.lists(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8), max_size=6)


@given(rows_of_ints, st.slices(8))
def test_ragged_slices_like_a_list(rows, cut):
    ragged = Ragged.from_lists(rows)
    assert [r.tolist() for r in ragged] == rows
    assert [r.tolist() for r in ragged[cut]] == rows[cut]
    assert ragged.lengths.tolist() == [len(r) for r in rows]


def test_ragged_is_read_only_and_checked():
    ragged = Ragged.from_lists([[1, 2], [3]])
    with pytest.raises(ValueError, match="read-only"):
        ragged.values[0] = 9
    with pytest.raises(IndexError, match="out of range for 2"):
        ragged.row(2)
    for offsets in ([], [1, 3], [0, 2], [0, 3, 2, 3]):
        with pytest.raises(ValueError, match="offsets must rise"):
            Ragged(np.asarray([1, 2, 3]), np.asarray(offsets))


def test_the_callers_array_stays_writable():
    values = np.asarray([1, 2], np.int32)
    Ragged(values, np.asarray([0, 2]))
    values[0] = 5
    assert values[0] == 5


@given(st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=5), max_size=6))
def test_vocab_decodes_what_it_encoded(sentences):
    vocab, ids = Vocab.build(sentences)
    assert [[vocab.words[i] for i in row] for row in ids] == sentences
    assert [row.tolist() for row in vocab.encode(sentences)] == [row.tolist() for row in ids]
    counts = np.bincount(ids.values, minlength=len(vocab))[1:]
    assert (np.diff(counts) <= 0).all()


def test_vocab_does_not_depend_on_order():
    a, _ = Vocab.build([["x", "y"], ["z", "x"]])
    b, _ = Vocab.build([["z"], ["x", "y", "x"]])
    assert a.words == b.words == ("", "x", "y", "z")
    assert a.encode([["unseen"]]).values.tolist() == [len(a)]
    with pytest.raises(ValueError, match="NULL"):
        Vocab(("a", "b"))


def test_document_paragraphs():
    doc = Document.from_lines(["", "a", "", "", "b", "<p>", "c", ""])
    assert doc.sentences == ("a", "b", "c")
    assert doc.paragraphs.tolist() == [0, 1, 2]
    assert len(Document.from_lines([])) == 0
    with pytest.raises(ValueError, match="rising paragraph"):
        Document("d", ("a", "b"), np.asarray([1, 0]))


def test_beads_cover_and_print():
    beads = Beads.from_cuts([(0, 0), (1, 1), (2, 1), (2, 3)], [0.5, 0, 1])
    assert beads.types() == {"0-2": 1, "1-0": 1, "1-1": 1}
    lines = beads.to_vecalign()
    assert lines == ["[0]:[0]:0.5000", "[1]:[]:0.0000", "[]:[1, 2]:1.0000"]
    assert parse_vecalign(lines, "x") == beads.to_indices()
    assert len(Beads.from_cuts([(0, 0)])) == 0
    z = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="without a gap"):
        Beads(np.asarray([1]), np.asarray([2]), np.asarray([0]), np.asarray([1]), z)
    with pytest.raises(ValueError, match="at least one"):
        Beads(np.asarray([0]), np.asarray([0]), np.asarray([0]), np.asarray([0]), z)
    with pytest.raises(ValueError, match="one length"):
        Beads(np.asarray([0]), np.asarray([1]), np.asarray([0]), np.asarray([1]), np.zeros(2))


@pytest.mark.parametrize("line", ["[0]", "0:0:x:y", "[a]:[b]", "[0]:[", "{}"])
def test_a_broken_bead_names_its_line(line):
    with pytest.raises(DataError, match=r"gold line 2: .* expected a bead"):
        parse_vecalign(["[0]:[0]", line], "gold")


@given(link_rows)
def test_links_round_trips(rows):
    links = Links.from_pairs(rows)
    assert links.to_pairs() == rows
    assert Links.from_pharaoh(links.to_pharaoh()).to_pairs() == rows
    assert Links.from_table(links.to_table()).to_pairs() == rows
    assert links.transpose().to_pairs() == [{(j, i) for i, j in row} for row in rows]
    assert links.transpose().transpose().to_pharaoh() == links.to_pharaoh()
    back = list(range(len(rows)))[::-1]
    assert links.take(back).to_pairs() == rows[::-1]


def test_links_sure_possible_probability():
    links = Links.from_pharaoh(["1-1 0p2 1p1", "2?1", "", "0-0:0.5"], where="g")
    assert links.to_pharaoh() == ["0p2 1-1", "2p1", "", "0-0"]
    assert Links.from_pharaoh(["0-0:0.25 1-1:0.5"]).to_pharaoh(probabilities=True) == ["0-0:0.250 1-1:0.500"]
    one = Links.from_pharaoh(["1-1 2-3"], one_based=True)
    assert one.to_pharaoh() == ["0-0 1-2"]
    table = Links.from_table(links.to_table())
    assert table.sure is not None
    assert table.to_pharaoh() == links.to_pharaoh()
    possible = Links.from_pairs([[(0, 0)]], possible=[[(0, 0), (1, 0)]])
    assert possible.to_pharaoh() == ["0-0 1p0"]


def test_links_refuse_what_is_not_a_link():
    with pytest.raises(DataError, match=r"a\.txt line 2: found '1=2'"):
        Links.from_pharaoh(["0-0", "1=2"], where="a.txt")
    with pytest.raises(DataError, match="counted from 1"):
        Links.from_pharaoh(["0-1"], one_based=True)
    one = np.asarray([0, 1])
    with pytest.raises(ValueError, match="sorted"):
        Links(np.asarray([0, 2]), np.asarray([1, 0]), np.asarray([0, 0]))
    with pytest.raises(ValueError, match="offsets"):
        Links(one, one, one)
    with pytest.raises(ValueError, match="one entry a link"):
        Links(one, np.asarray([0]), np.asarray([0]), np.asarray([0.5, 0.5]))


def test_bitext_tokens_spans_and_joining():
    a = Bitext.build(["a\u00a0b c", ""], ["x  y", "z"], langs=("deu_Latn", "eng_Latn"), ids=["1", "2"])
    assert a.tokens("src") == [["a\u00a0b", "c"], []]
    white = a.split_on_whitespace()
    assert white.tokens("src")[0] == ["a", "b", "c"]
    b = Bitext.build(["q r"], ["s"], langs=a.langs, ids=["3"])
    joined = Bitext.concat([white, b])
    assert joined.tokens("src") == [["a", "b", "c"], [], ["q", "r"]]
    assert joined.langs == ("deu_Latn", "eng_Latn")
    assert a.select(np.asarray([False, True])).ids == ["2"]
    with pytest.raises(DataError, match="'1', '2' occurs in more than one"):
        Bitext.concat([a, a])
    with pytest.raises(DataError, match="different language pairs"):
        Bitext.concat([a, Bitext.build(["a"], ["b"])])
    with pytest.raises(DataError, match="1 source and 2 target"):
        Bitext.build(["a"], ["b", "c"])
    with pytest.raises(DataError, match="no column 'score'"):
        a.column("score")
    with pytest.raises(DataError, match="column tgt missing"):
        Bitext(a.table.drop(["tgt"]))


def test_space_and_map(tmp_path):
    random = np.random.default_rng(0)
    space = Space(("a", "b"), random.normal(size=(2, 4)))
    space.save(tmp_path / "s")
    again = Space.load(tmp_path / "s")
    assert again.words == space.words
    assert np.array_equal(again.vectors, space.vectors)
    turn, _ = np.linalg.qr(random.normal(size=(4, 4)))
    there = Map(turn, np.zeros(4))
    back = Map(turn.T, np.zeros(4))
    unit = space.vectors / np.linalg.norm(space.vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(back(there(space)).vectors, unit, atol=1e-6)
    there.save(tmp_path / "m")
    assert np.array_equal(Map.load(tmp_path / "m").matrix, there.matrix)
    with pytest.raises(ValueError, match="one row a name"):
        Space(("a",), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="finite"):
        Space(("a",), np.full((1, 2), np.nan))
    with pytest.raises(DataError, match="no such file"):
        Space.load(tmp_path / "none")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "words.txt").write_text("a\n")
    (tmp_path / "bad" / "vectors.npy").write_text("junk")
    with pytest.raises(DataError, match="not a saved space"):
        Space.load(tmp_path / "bad")
    with pytest.raises(DataError, match="not a saved map"):
        Map.load(tmp_path / "none")


def test_a_map_takes_the_steps_of_normalisation_in_order_and_keeps_them(tmp_path):
    random = np.random.default_rng(1)
    x = random.normal(size=(6, 3)).astype(np.float32) + 1
    x[2] = 0
    y, mean = normalized(x, ("unit", "center", "unit"))
    rows = np.delete(x, 2, axis=0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-6)
    rows = rows - rows.mean(axis=0)
    np.testing.assert_allclose(np.delete(y, 2, axis=0), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)
    assert not y[2].any()
    assert normalized(x, ())[0].tobytes() == x.tobytes()
    matrix = random.normal(size=(3, 2)).astype(np.float32)
    there = Map(matrix, mean)
    mapped = y @ matrix
    norm = np.linalg.norm(mapped, axis=1, keepdims=True)
    np.testing.assert_allclose(there.vectors(x), mapped / np.where(norm == 0, 1, norm), atol=1e-6)
    there.save(tmp_path / "m")
    again = Map.load(tmp_path / "m")
    assert again.normalize == ("unit", "center", "unit")
    assert again.vectors(x[:1]).tobytes() == there.vectors(x[:1]).tobytes()
    with pytest.raises(DataError, match=r"map: found vectors of shape \(6, 2\), expected \(n, 3\)"):
        there.vectors(x[:, :2])
    (tmp_path / "m" / "map.json").write_text('{"normalize": ["scale"]}')
    with pytest.raises(DataError, match="not a saved map"):
        Map.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("matrix", "mean", "steps", "message"),
    [
        (np.eye(3), np.zeros(2), (), "expected \\(d_in, d_out\\)"),
        (np.full((2, 2), np.inf), np.zeros(2), (), "finite"),
        (np.eye(2), np.zeros(2), ("scale",), "the step 'scale'"),
        (np.eye(2), np.zeros(2), ("center", "center"), "center more than once"),
    ],
)
def test_a_map_that_cannot_be_is_refused(matrix, mean, steps, message):
    with pytest.raises(ValueError, match=message):
        Map(matrix, mean, steps)


def test_a_pair_of_maps_leads_into_one_space(tmp_path):
    pair = MapPair(Map(np.eye(3)[:, :2], np.zeros(3)), Map(np.eye(2), np.zeros(2)))
    src, tgt = pair(Space(("a",), np.ones((1, 3))), Space(("b",), np.ones((1, 2))))
    assert src.vectors.shape == tgt.vectors.shape == (1, 2)
    pair.save(tmp_path)
    assert np.array_equal(MapPair.load(tmp_path).src.matrix, pair.src.matrix)
    with pytest.raises(ValueError, match="spaces of 3 and 2 dimensions"):
        MapPair(Map(np.eye(3), np.zeros(3)), pair.tgt)


def test_how_far_a_map_is_from_a_rotation():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    assert Map(3 * turn, np.zeros(4)).deviation < 1e-6
    squeezed = Map(np.diag([1.0, 0, 0, 0]), np.zeros(4)).deviation
    assert squeezed == pytest.approx(np.sqrt(0.75))
    assert Map(np.zeros((2, 2)), np.zeros(2)).deviation == 0
