"""Shares of the sources, and documents packed so that nothing is lost and nothing runs together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError, DataError
from polyalign.models.training import packing
from polyalign.models.training.mix import Mix, Stream, mix_of
from polyalign.models.training.objective import Data
from polyalign.models.training.packing import Blocks, Marks, Packs

DOCUMENTS = {"roh_Latn": ["a" * 100] * 10, "deu_Latn": ["b" * 800], "eng_Latn": ["c" * 100]}


def share(names, which, name):
    return float((which == names.index(name)).mean())


@pytest.mark.parametrize("replay", [0.0, 0.25, 1.0])
def test_the_new_language_and_the_others_have_their_shares(replay):
    names, which, before = Mix(steps=50, replay=replay).drawn(DOCUMENTS, "roh_Latn", 4)
    assert which.shape == before.shape == (50, 4)
    assert share(names, which, "roh_Latn") == pytest.approx(1 - replay, abs=0.01)


def test_rates_divide_the_replay():
    names, which, _ = Mix(steps=100, rates={"deu_Latn": 2}).drawn(DOCUMENTS, "roh_Latn", 4)
    assert share(names, which, "deu_Latn") == pytest.approx(0.25 * 2 / 3, abs=0.01)
    names, which, _ = Mix(steps=100, rates={"deu_Latn": 0}).drawn(DOCUMENTS, "roh_Latn", 4)
    assert share(names, which, "deu_Latn") == 0
    assert share(names, which, "eng_Latn") == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("smoothing", "german"), [(1.0, 8 / 9), (0.0, 1 / 2), (1 / 3, 2 / 3)])
def test_without_rates_size_divides_it(smoothing, german):
    names, which, _ = Mix(steps=200, smoothing=smoothing).drawn(DOCUMENTS, "roh_Latn", 4)
    assert share(names, which, "deu_Latn") == pytest.approx(0.25 * german, abs=0.01)


def test_sources_of_the_new_language_are_no_replay():
    documents = {"roh_Latn/press": ["a"], "roh_Latn/radio": ["a"], "deu_Latn": ["b"]}
    names, which, _ = Mix(steps=100, rates={"roh_Latn/press": 3}).drawn(documents, "roh_Latn", 4)
    assert share(names, which, "deu_Latn") == pytest.approx(0.25, abs=0.01)
    assert share(names, which, "roh_Latn/press") == pytest.approx(0.75 * 3 / 4, abs=0.01)


@pytest.mark.parametrize("only", ["roh_Latn", "deu_Latn"])
def test_a_group_that_is_alone_has_all(only):
    names, which, _ = Mix(steps=10).drawn({only: ["a"]}, "roh_Latn", 2)
    assert names == [only]
    assert not which.any()


def test_a_schedule_moves_the_share():
    mix = Mix(steps=400, replay=0.6, replay_end=0.1, schedule="linear")
    names, which, _ = mix.drawn(DOCUMENTS, "roh_Latn", 4)
    first, last = (share(names, which[part], "roh_Latn") for part in (slice(0, 40), slice(-40, None)))
    assert first == pytest.approx(0.4 + 0.025, abs=0.02)
    assert last == pytest.approx(0.9 - 0.025, abs=0.02)
    ends = Mix(2, replay=0.6, replay_end=0.1, schedule="cosine").replayed(np.array([0.0, 0.5, 1.0]))
    assert ends == pytest.approx([0.6, 0.35, 0.1])


def test_rows_of_a_source_are_counted_one_by_one():
    _, which, before = Mix(steps=9).drawn(DOCUMENTS, "roh_Latn", 5)
    for k in range(3):
        assert before[which == k].tolist() == list(range(int((which == k).sum())))


def test_the_seed_says_which_row_is_whose():
    drawn = [Mix(steps=20, seed=s).drawn(DOCUMENTS, "roh_Latn", 4)[1].tolist() for s in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("mix", "documents", "kind", "said"),
    [
        (Mix(1), {}, DataError, "found no documents"),
        (Mix(1), {"deu_Latn": []}, DataError, "found no documents"),
        (Mix(1, rates={"deu_latn": 1}), DOCUMENTS, ConfigError, "no documents of 'deu_latn'.*did you mean 'deu_Latn'"),
        (Mix(1, rates={"deu_Latn": 0}), {"deu_Latn": ["a"]}, ConfigError, "none above 0"),
    ],
)
def test_what_has_no_shares_is_an_error(mix, documents, kind, said):
    with pytest.raises(kind, match=said):
        mix.drawn(documents, "roh_Latn", 1)


def test_data_without_shares_has_the_usual_ones():
    assert mix_of(Data({"deu_Latn": ["a"]}), seed=3).replay == 0.25
    assert mix_of(Stream(mix=Mix(7)), seed=3).steps == 7


# -- packing

BEFORE, END = 1, 2


def letters(texts, _):
    rows = [np.array([ord(c) for c in t], np.int32) for t in texts]
    return [(row, row) for row in rows]


def blocks(documents, *, length=8, marks=None, seed=1):
    marks = marks or Marks((BEFORE,), (END,), False)
    return Blocks(letters, documents, length=length, marks=marks, seed=seed, name="deu_Latn")


@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(st.text("abc ", max_size=30), min_size=1, max_size=8).filter(
        lambda d: any(t.strip() for t in d)
    ),
    length=st.integers(2, 12),
    run=st.integers(1, 40),
)
def test_every_token_of_every_document_is_in_one_row(documents, length, run, monkeypatch_module):
    monkeypatch_module(run)
    rows = blocks(documents, length=length).once()
    assert all(len(ids) <= length and ids[0] == BEFORE for ids, _ in rows)
    assert all((ids == labels).all() for ids, labels in rows)
    own = sorted(t for ids, _ in rows for t in ids[1:].tolist() if t not in (BEFORE, END))
    assert own == sorted(ord(c) for t in documents if t.strip() for c in t)
    ends = sum(t == END for ids, _ in rows for t in ids.tolist())
    assert ends == sum(bool(t.strip()) for t in documents)


@pytest.fixture(scope="module")
def monkeypatch_module():
    theirs = packing.RUN

    def put(run):
        packing.RUN = run

    yield put
    packing.RUN = theirs


@pytest.mark.parametrize(
    ("marks", "whole"),
    [
        (Marks((1,), (2,), False), [1, 97, 2, 1, 98, 2]),
        (Marks((1,), (1,), False), [1, 97, 1, 98, 1]),
        (Marks((1,), (), False), [1, 97, 1, 98]),
        (Marks((1,), (2,), True), [1, 97, 2, 98, 2]),
    ],
)
def test_documents_are_parted_by_their_marks(marks, whole):
    ((ids, _),) = blocks(["a", "b"], length=20, marks=marks).once()
    assert ids.tolist() in (whole, [{97: 98, 98: 97}.get(x, x) for x in whole])


def test_rows_come_again_in_another_order_and_at_random_access():
    documents = [chr(97 + k) * 3 for k in range(20)]
    series = blocks(documents, length=4)
    first = [tuple(series[k][0].tolist()) for k in range(50)]
    again = blocks(documents, length=4)
    assert [tuple(again[k][0].tolist()) for k in (49, 3, 20, 0)] == [first[k] for k in (49, 3, 20, 0)]
    count = len(series.once())
    assert sorted(first[:count]) != first[:count]
    assert first[:count] != first[count : 2 * count]
    assert first != [tuple(blocks(documents, length=4, seed=2)[k][0].tolist()) for k in range(50)]


def test_documents_without_text_and_rows_without_room_are_errors():
    with pytest.raises(DataError, match="documents of deu_Latn have no text"):
        blocks(["", " \n"])[0]
    with pytest.raises(DataError, match="documents of deu_Latn have no text"):
        blocks(["", " \n"]).once()
    with pytest.raises(ConfigError, match="length = 1: leaves no room"):
        blocks(["a"], length=1)


def test_the_steps_read_what_the_shares_say(causal):
    data = Stream(
        {"roh_Latn": ["the cat sat " * 30], "deu_Latn": ["die Katze " * 30]}, (), "roh_Latn", Mix(8, replay=0.5)
    )
    packs = Packs.read(causal, data, batch=2, length=16, seed=1)
    texts = [causal.tokenizer.decode(ids) for step in range(8) for ids, _ in packs.rows(step)]
    assert sum("Katze" in t or "die" in t for t in texts) == 8
    assert packs.rows(3)[0][0].tolist() == packs.rows(11)[0][0].tolist()


def test_marks_are_the_tokenizers_own_or_the_one_that_is_named(causal, masked):
    begin, end = causal.tokenizer.bos_token_id, causal.tokenizer.eos_token_id
    assert Marks.of(causal) == Marks((begin,), (end,), False)
    assert Marks.of(causal, "<|endoftext|>") == Marks((0,), (0,), False)
    assert Marks.of(masked) == Marks((2,), (3,), True)
    with pytest.raises(ConfigError, match="mark = '<none>': the tokenizer has no such token"):
        Marks.of(causal, "<none>")
    bare = type(causal.tokenizer)(tokenizer_object=causal.tokenizer.backend_tokenizer)
    with pytest.raises(ConfigError, match="no mark that a text begins with"):
        Marks.of(type(causal)(causal.model, bare, "m", "k"))
