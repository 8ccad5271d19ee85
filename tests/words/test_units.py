"""Units: words cut short and in pieces, and posteriors taken from pieces back to words."""

from __future__ import annotations

import builtins
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.pool import constrain, pool
from polyalign.words import subwords
from polyalign.words.units import Units, View, check_granularity, cut, has_pieces, to_words

WORDS = ["", "haus", "hausarzt", "arzt", "arztes", "hauses", "es", "東京", "#tag"]
FREQUENCY = np.asarray([0, 9, 3, 5, 2, 2, 7, 1, 1])


@pytest.fixture(scope="module", params=["bpe-24", "unigram-24"])
def pieces(request):
    pytest.importorskip("tokenizers")
    return Units.build(WORDS, FREQUENCY, request.param)


# -- names


@pytest.mark.parametrize("name", ["full", "prefix-5", "suffix-12", "bpe-2000", "unigram-1", "tokenizer:a b/c.json"])
def test_granularities_have_names(name):
    check_granularity(name)
    assert has_pieces(name) == (name[0] in "but")


@pytest.mark.parametrize("name", ["", "Full", "prefix", "prefix-0", "suffix--1", "bpe-", "unigram-x", "tokenizer:"])
def test_other_granularities_are_refused(name):
    with pytest.raises(ValueError, match=f"granularities must be 'full', .* got '{name}'"):
        check_granularity(name)


@given(st.text(max_size=12), st.integers(1, 15))
def test_cutting(word, n):
    assert cut(word, "full") == word
    assert cut(word, f"prefix-{n}") == word[:n]
    assert cut(word, f"suffix-{n}") == word[max(0, len(word) - n) :]


# -- seeing


@pytest.mark.parametrize("granularity", ["full", "prefix-4", "suffix-2"])
def test_one_unit_a_word(granularity):
    units = Units.build(WORDS, FREQUENCY, granularity)
    text = Ragged.from_lists([[1, 2, 9], [], [10, 3]])
    view = units.see(text, ["hausen", "qqqqes"])
    names = (*units.names, None)
    words = [*WORDS, "hausen", "qqqqes"]
    expected = [[cut(words[w], granularity) for w in row] for row in text]
    known = [[name if name in units.names else None for name in row] for row in expected]
    assert [[names[u] for u in row] for row in view.text] == known
    assert view.owner is None
    assert units.names[0] == ""
    assert units.tokenizer == ""
    known_only = units.see(text[2:].take(np.zeros(0, np.int64)))
    assert len(known_only.text) == 0


def test_shares_are_add_one_frequencies_of_units():
    units = Units.build(["", "aa", "ab", "b"], np.asarray([0, 3, 2, 1]), "prefix-1")
    assert units.names == ("", "a", "b")
    np.testing.assert_allclose(units.share, np.asarray([1, 6, 2, 1]) / 10)


def test_a_word_is_the_sum_of_its_pieces(pieces):
    for word, row in zip(WORDS[1:], list(pieces.pieces)[1:], strict=True):
        names = [pieces.names[u] for u in row]
        assert names[0] + "".join(name.removeprefix("##") for name in names[1:]) == word
        assert not names[0].startswith("##")
        assert all(name.startswith("##") for name in names[1:])
    assert [pieces.names[u] for u in pieces.pieces[0]] == [""]
    assert max(pieces.pieces.lengths) > 1
    np.testing.assert_allclose(pieces.share.sum(), 1, rtol=1e-6)


def test_a_piece_at_the_start_is_none_inside(pieces):
    starts = {row[0] for row in pieces.pieces}
    inside = {u for row in pieces.pieces for u in row[1:]}
    assert inside
    assert not starts & inside


def slow_see(units, text, fresh):
    known = [row.tolist() for row in units.pieces] + units.split(fresh)
    values = [[u for w in row for u in known[w]] for row in text]
    owner = [place for row in text for place, w in enumerate(row) for _ in known[w]]
    return values, owner


@given(st.lists(st.lists(st.integers(0, len(WORDS) + 2), max_size=6), max_size=5), st.booleans())
def test_sentences_are_seen_in_pieces(rows, new):
    pytest.importorskip("tokenizers")
    units = Units.build(WORDS, FREQUENCY, "bpe-24")
    fresh = ["arzthaus", "ÿÿÿ", "hau"] if new else []
    rows = [[w if new else min(w, len(WORDS) - 1) for w in row] for row in rows]
    view = units.see(Ragged.from_lists(rows), fresh)
    values, owner = slow_see(units, rows, fresh)
    assert [row.tolist() for row in view.text] == values
    assert view.owner.dtype == np.uint16
    assert view.owner.tolist() == owner


def test_unknown_units_have_the_number_after_the_last(pieces):
    unknown = len(pieces.names)
    assert pieces.split(["ÿÿÿ"]) == [[unknown]]
    assert unknown not in pieces.split(["haus"])[0]
    view = pieces.see(Ragged.from_lists([[len(WORDS)]]), ["ÿÿÿ"])
    assert view.text.values.tolist() == [unknown]
    # Not the whole word, but what it has in common with known ones.
    assert any(u < unknown for u in pieces.split(["arzthaus"])[0])


def test_words_seen_again_with_a_stored_tokenizer_are_the_same(pieces):
    again = Units.build(WORDS, FREQUENCY, pieces.granularity, pieces.tokenizer)
    assert again.names == pieces.names
    assert again.pieces.values.tobytes() == pieces.pieces.values.tobytes()
    # The frequencies are new, the tokenizer is not.
    other = Units.build(WORDS, FREQUENCY[::-1], pieces.granularity, pieces.tokenizer)
    assert other.tokenizer == pieces.tokenizer


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_training_gives_the_same_tokenizer_in_another_process(kind):
    pytest.importorskip("tokenizers")
    program = (
        "import numpy as np\nfrom polyalign.words import subwords\n"
        "words = sorted({a + b + c for a in ('haus', 'arzt', 'amt') for b in ('', 'es', 'bau') for c in 'bcdefghi'})\n"
        f"print(subwords.train(words, np.arange(1, len(words) + 1) % 7, kind={kind!r}, size=40))"
    )
    texts = {subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout for _ in range(3)}
    assert len(texts) == 1
    assert len(texts.pop()) > 100


def test_words_that_look_special_are_words():
    pytest.importorskip("tokenizers")
    words = ["", "[UNK]", "a[UNK]b", "ab", "##b"]
    units = Units.build(words, np.asarray([0, 2, 2, 5, 1]), "bpe-30")
    assert all(len(row) for row in units.pieces)
    assert "".join(units.names[u].removeprefix("##") for u in units.pieces[2]) == "a[UNK]b"


@pytest.mark.parametrize("granularity", ["full", "suffix-3", "bpe-50", "unigram-50"])
def test_no_words_at_all(granularity):
    if has_pieces(granularity):
        pytest.importorskip("tokenizers")
    units = Units.build([""], np.asarray([0]), granularity)
    assert units.names == ("",)
    view = units.see(Ragged.from_lists([[], []]))
    assert len(view.text) == 2
    assert units.see(Ragged.from_lists([[1]]), ["neu"]).text.values.tolist() == [1] * len(units.split(["neu"])[0])


def test_a_tokenizer_is_read_from_a_file(tmp_path, pieces):
    path = tmp_path / "tokenizer.json"
    path.write_text(pieces.tokenizer, encoding="utf-8")
    units = Units.build(WORDS, FREQUENCY, f"tokenizer:{path}")
    assert units.names == pieces.names
    path.unlink()
    again = Units.build(WORDS, FREQUENCY, f"tokenizer:{path}", units.tokenizer)
    assert again.names == units.names


def test_a_tokenizer_with_special_tokens_adds_none_and_marks_its_own_pieces(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "haus": 2, "##arzt": 3, "arzt": 4}
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    model.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    model.enable_truncation(1)
    model.save(str(tmp_path / "t.json"))
    units = Units.build(["", "hausarzt", "arzt", "xyz"], np.ones(4, np.int64), f"tokenizer:{tmp_path / 't.json'}")
    assert units.names == ("", "haus", "##arzt", "arzt", "xyz")


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", "no json"])
def test_what_is_no_tokenizer_is_refused(tmp_path, text):
    pytest.importorskip("tokenizers")
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataError, match=r"t\.json: not a tokenizer .* expected a tokenizer\.json"):
        Units.build(WORDS, FREQUENCY, f"tokenizer:{tmp_path / 't.json'}")


def test_a_missing_tokenizer_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Units.build(WORDS, FREQUENCY, f"tokenizer:{tmp_path / 'none.json'}")


def test_subwords_need_their_library(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[subwords\]'"):
        Units.build(WORDS, FREQUENCY, "bpe-20")
    assert len(Units.build(WORDS, FREQUENCY, "suffix-3").names) > 1


def test_a_sentence_of_too_many_pieces_is_refused(pieces):
    word = int(pieces.pieces.lengths.argmax())
    long = Ragged.from_lists([[1], [word] * 60_000])
    with pytest.raises(DataError, match=r"sentence of row 1 has \d+,\d+ units of granularity .* at most 65,535"):
        pieces.see(long)


def test_marks_are_put_once(monkeypatch):
    encoding = SimpleNamespace(tokens=["un", "##do", "ing"])
    monkeypatch.setattr(subwords, "_load", lambda _: (SimpleNamespace(encode=lambda *_, **__: encoding), None))
    assert subwords.split("", ["undoing"]) == [["un", "##do", "##ing"]]


# -- back to words


def slow_pool(cells, p, src_owner, tgt_owner):
    out = {}
    for (i, j), (forward, backward) in zip(cells, p, strict=True):
        sums = out.setdefault((src_owner[i], tgt_owner[j]), [0, 0])
        sums[0] += forward
        sums[1] += backward
    return {(a, b): (f // tgt_owner.count(b), g // src_owner.count(a)) for (a, b), (f, g) in sorted(out.items())}


@given(st.data())
def test_posteriors_of_pieces_become_those_of_words(data):
    one, rows, expected = 1000, [], []
    for _ in range(data.draw(st.integers(0, 4))):
        sides = [
            [w for w, n in enumerate(data.draw(st.lists(st.integers(1, 3), max_size=4))) for _ in range(n)]
            for _ in range(2)
        ]
        grid = [(i, j) for i in range(len(sides[0])) for j in range(len(sides[1]))]
        cells = [c for c in grid if data.draw(st.booleans())]
        # What a piece chooses adds up to one at most.
        most = one // max(1, len(sides[0]), len(sides[1]))
        p = [(data.draw(st.integers(0, most)), data.draw(st.integers(0, most))) for _ in cells]
        rows.append((sides, cells, p))
        expected.append(slow_pool(cells, p, *sides))
    flat = [c for _, cells, _ in rows for c in cells]
    src, tgt = (np.asarray([c[k] for c in flat], np.uint16) for k in (0, 1))
    p = np.asarray([x for *_, p in rows for x in p], np.uint16).reshape(-1, 2).T.copy()
    views = [
        View(
            Ragged(np.zeros(sum(len(s[k]) for s, *_ in rows), np.int32), offsets([len(s[k]) for s, *_ in rows])),
            np.asarray([w for s, *_ in rows for w in s[k]], np.uint16),
        )
        for k in (0, 1)
    ]
    cells, i, j, q = to_words(offsets([len(c) for _, c, _ in rows]), src, tgt, p, *views)
    for k, row in enumerate(expected):
        here = slice(cells[k], cells[k + 1])
        got = dict(zip(zip(i[here].tolist(), j[here].tolist(), strict=True), q[:, here].T.tolist(), strict=True))
        assert list(got) == list(row)
        assert {c: tuple(x) for c, x in got.items()} == row
        assert np.bincount(j[here], q[0, here], 1).max() <= one
        assert np.bincount(i[here], q[1, here], 1).max() <= one
    assert len(cells) == len(rows) + 1
    assert i.dtype == j.dtype == q.dtype == np.uint16


def test_one_side_in_pieces_and_the_other_in_words():
    src = View(Ragged.from_lists([[5, 6, 7]]), np.asarray([0, 0, 1], np.uint16))
    tgt = View(Ragged.from_lists([[1, 2]]), None)
    cells = np.asarray([0, 3]), np.asarray([0, 1, 2], np.uint16), np.asarray([0, 0, 1], np.uint16)
    _, i, j, p = to_words(*cells, np.asarray([[300, 400, 900], [800, 600, 700]], np.uint16), src, tgt)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert p.tolist() == [[700, 900], [700, 700]]


def test_words_stay_as_they_are():
    text = Ragged.from_lists([[1]])
    arrays = np.asarray([0, 1]), np.zeros(1, np.uint16), np.zeros(1, np.uint16), np.ones((2, 1), np.uint16)
    assert to_words(*arrays, View(text, None), View(text, None)) == arrays


def test_pooling_nothing():
    empty = np.zeros(0, np.uint16)
    none = pool(np.zeros(3, np.int64), empty, empty, np.zeros((2, 0), np.uint16), *(np.zeros(3, np.int64), empty) * 2)
    assert [len(x) for x in none[:3]] == [3, 0, 0]
    assert none[3].shape == (2, 0)


# -- constraints


@given(
    st.lists(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4))), max_size=4),
    st.sets(st.integers(0, 24)),
)
def test_constraints_drop_rivals(rows, constrained):
    rows = [sorted(r) for r in rows]
    expected = []
    for cells in rows:
        fixed = [c for c in cells if c[0] * 5 + c[1] in constrained]
        expected += [c in fixed or not any(c[0] == f[0] or c[1] == f[1] for f in fixed) for c in cells]
    src, tgt = (np.asarray([c[k] for r in rows for c in r], np.uint16) for k in (0, 1))
    only = np.isin(np.arange(25), list(constrained))
    ids = src.astype(np.int32) * 5 + tgt
    assert constrain(offsets([len(r) for r in rows]), src, tgt, ids, only).tolist() == expected
