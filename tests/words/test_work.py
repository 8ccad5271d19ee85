"""Training in parts and in a folder: the same bytes however it is cut, and however often it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import set_threads
from polyalign.words.gibbs import pieces
from polyalign.words.gibbs.corpus import Corpus
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.gibbs.work import Work
from polyalign.words.statistical import Statistical
from polyalign.words.text import Reading
from tests.words.planted import content, cut, planted

METHOD = Gibbs(granularities=("full", "prefix-2"), chains=2, sweeps=4, spelling=0.3)


@pytest.fixture(scope="module")
def bitext():
    """Sentence pairs, some of them without a side or seen twice."""
    whole, _ = planted(20, vocabulary=20)
    src, tgt = [*whole.src, "", "bal", whole.src[0], ""], [*whole.tgt, "LAB", "", whole.tgt[0], ""]
    return Bitext.build(src, tgt)


@pytest.fixture(scope="module")
def expected(bitext):
    return content(*METHOD.stream([bitext]))


@pytest.fixture(autouse=True)
def unsynced(monkeypatch):
    """Files are not forced to disk: a test outlives no loss of power, and there are thousands of them."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def at(folder, method=METHOD):
    return type(method)(**{n: getattr(method, n) for n in method.__slots__} | {"work": str(folder)})


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


# -- parts


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("size", "on_disk"), [(1000, False), (7, False), (1, False), (1000, True), (7, True)])
def test_the_way_a_text_is_cut_does_not_change_a_byte(bitext, expected, tmp_path, threads, size, on_disk):
    method = at(tmp_path / "work") if on_disk else METHOD
    set_threads(threads)
    try:
        assert content(*method.stream(cut(bitext, size))) == expected
    finally:
        set_threads(0)
    assert not (tmp_path / "work").exists()


def test_parts_of_one_sentence_pair_in_a_folder(bitext, expected, tmp_path):
    assert content(*at(tmp_path / "work").stream(cut(bitext, 1))) == expected


def test_statistical_works_in_a_folder_likewise(bitext, tmp_path, monkeypatch):
    wanted, method = run(Statistical(), bitext), at(tmp_path / "work", Statistical())
    for k in (1, 4, 6):
        with monkeypatch.context() as patch:
            stop_at(patch, k, before=False)
            with pytest.raises(Stopped):
                run(method, bitext)
    assert run(method, bitext) == wanted
    assert not (tmp_path / "work").exists()


def test_parts_of_no_sentence_pairs_change_nothing(bitext, expected):
    none = bitext.select(np.zeros(len(bitext), bool))
    assert content(*METHOD.stream([none, *cut(bitext, 10), none])) == expected


def test_no_parts_at_all():
    model, parts = METHOD.stream([])
    assert list(parts) == []
    assert model.src_vocab.words == ("",)
    assert len(model.align(Bitext.build(["a"], ["b"]))) == 1


def test_pieces_of_words_do_not_depend_on_the_parts(bitext):
    pytest.importorskip("tokenizers")
    method = Gibbs(granularities=("bpe-40", "full"), chains=1, sweeps=2)
    assert content(*method.stream(cut(bitext, 9))) == content(*method.stream([bitext]))


def test_large_parts_are_mapped_and_do_not_change_a_byte(tmp_path, monkeypatch):
    # Every array that is not empty is mapped, also when it is drawn into.
    bitext, _ = planted(60, seed=4)
    whole = content(*METHOD.stream([bitext]))
    monkeypatch.setattr("polyalign.words.gibbs.work._SMALL", 200)
    assert content(*at(tmp_path / "work").stream(cut(bitext, 25))) == whole


@pytest.mark.parametrize("pairs", [4_000, 20_500])
def test_more_than_one_block_of_sentence_pairs(pairs):
    # As many as make Model 1 pass three times, in blocks that differ from part to part.
    bitext, _ = planted(1000, seed=8)
    rows = np.arange(pairs) % len(bitext)
    long = Bitext.build([bitext.src[k] for k in rows], [bitext.tgt[k] for k in rows])
    method = Gibbs(chains=1, sweeps=2)
    assert content(*method.stream(cut(long, 7_001))) == content(*method.stream([long]))


def test_the_model_of_parts_is_that_of_fitting_them_together(bitext):
    model, parts = METHOD.stream(cut(bitext, 7))
    model = model.remember_all(parts)
    one, other = METHOD.fit(bitext).posteriors(bitext), model.posteriors(bitext)
    assert one.p.tobytes() == other.p.tobytes()
    assert one.cells.tobytes() == other.cells.tobytes()


def test_a_long_sentence_is_named_by_its_row_in_the_whole():
    parts = [Bitext.build(["a"] * 5, ["b"] * 5), Bitext.build(["a", "b"], ["a", "b " * 65_536])]
    with pytest.raises(DataError, match=r"tgt sentence of row 6 has 65,536 words, expected at most 65,535"):
        METHOD.stream(parts)


# -- interruptions


class Stopped(BaseException):
    """An interruption."""


def stop_at(monkeypatch, k, *, before):
    """Interrupt at the k-th commit (0 for never), before or after it is written."""
    commit, calls = Work.commit, []

    def stopping(work, step):
        calls.append(step)
        if before and len(calls) == k:
            raise Stopped
        commit(work, step)
        if len(calls) == k:
            raise Stopped

    monkeypatch.setattr(Work, "commit", stopping)
    return calls


def run(method, bitext, size=13):
    return content(*method.stream(cut(bitext, size), of="a text"))


@pytest.mark.parametrize("before", [True, False])
def test_training_goes_on_after_an_interruption_at_every_step(bitext, expected, tmp_path, monkeypatch, before):
    method, met, found = at(tmp_path / "work"), [], None
    while found is None:
        with monkeypatch.context() as patch:
            # One step further each time: what is not noted is done again, and the next one is interrupted.
            met.append(stop_at(patch, 2 if before and met else 1, before=before))
            try:
                found = run(method, bitext)
            except Stopped:
                assert files(tmp_path / "work")
    assert found == expected
    assert not (tmp_path / "work").exists()
    # Encoding, and in each granularity Model 1 twice, candidates, sweeps from 0 on, counts.
    steps = [step for attempt in met for step in attempt]
    assert len(set(steps)) == 1 + 2 * (2 + 1 + 5 + 1)
    assert len(steps) == len(set(steps)) * (1 + before)


def test_what_is_done_is_not_done_again(bitext, expected, tmp_path, monkeypatch):
    method = at(tmp_path / "work")
    with monkeypatch.context() as patch:
        stop_at(patch, 9, before=False)
        with pytest.raises(Stopped):
            run(method, bitext)
    done = json.loads((tmp_path / "work" / "work.json").read_text())["done"]
    assert done == [
        "encode",
        "full/model1-0",
        "full/model1-1",
        "full/candidates",
        *(f"grain-0/sweep-{k}" for k in range(5)),
    ]

    def unread():
        raise AssertionError("the text is read again")
        yield

    monkeypatch.setattr("polyalign.words.gibbs.lattice.agree", None)
    steps = stop_at(monkeypatch, 2, before=True)
    with pytest.raises(Stopped):
        method.stream(unread(), of="a text")
    assert steps == ["grain-0", "prefix-2/model1-0"]


@pytest.mark.parametrize("call", [1, 10, 38, 60])
def test_an_interruption_in_the_middle_of_a_sweep_leaves_what_was_before(bitext, expected, tmp_path, monkeypatch, call):
    method, lock, calls, limit = at(tmp_path / "work"), threading.Lock(), [], []

    def failing(*args):
        with lock:
            calls.append(1)
        if len(calls) >= limit[-1]:
            raise Stopped
        return sweep(*args)

    sweep = pieces.sweep
    # Twice, so that what half a sweep left is met as well.
    for limit[:] in ([call], [3]):
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(pieces, "sweep", failing)
            with pytest.raises(Stopped):
                run(method, bitext)
    assert run(method, bitext) == expected
    assert not (tmp_path / "work").exists()


def test_an_interruption_while_the_text_is_read(bitext, expected, tmp_path):
    method = at(tmp_path / "work")

    def parts():
        yield from cut(bitext, 10)[:2]
        raise Stopped

    with pytest.raises(Stopped):
        method.stream(parts(), of="a text")
    assert run(method, bitext) == expected


def test_an_interruption_while_posteriors_are_taken(bitext, expected, tmp_path):
    method = at(tmp_path / "work")
    _, parts = method.stream(cut(bitext, 10), of="a text")
    next(parts)
    parts.close()
    assert files(tmp_path / "work")
    assert content(*method.stream(iter(()), of="a text")) == expected
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_process_leaves_what_can_be_gone_on_with(bitext, expected, tmp_path):
    code = f"""
import os, signal
import numpy as np
from tests.words.test_work import *
commit, calls = Work.commit, []
def dying(work, step):
    calls.append(step)
    if len(calls) == 8:
        # In the middle of writing a file.
        (work.folder / f".0.npy.{{os.getpid()}}.part").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    commit(work, step)
Work.commit = dying
bitext = Bitext.build({bitext.src!r}, {bitext.tgt!r})
run(at({str(tmp_path / "work")!r}), bitext)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert run(at(tmp_path / "work"), bitext) == expected
    assert not (tmp_path / "work").exists()


# -- folders that are refused


def interrupted(folder, bitext, monkeypatch, k=6):
    with monkeypatch.context() as patch:
        stop_at(patch, k, before=False)
        with pytest.raises(Stopped):
            run(at(folder), bitext)


def test_a_folder_with_other_files_is_refused(bitext, tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(ConfigError, match="found other files there, expected an empty folder or one with work"):
        run(at(tmp_path), bitext)
    assert [p.name for p in files(tmp_path)] == ["thesis.tex"]


def test_an_empty_folder_will_do(bitext, expected, tmp_path):
    (tmp_path / "work").mkdir()
    assert run(at(tmp_path / "work"), bitext) == expected


def test_a_file_is_no_folder(bitext, tmp_path):
    (tmp_path / "work").write_text("a file")
    with pytest.raises((ConfigError, DataError), match="work"):
        run(at(tmp_path / "work"), bitext)
    assert (tmp_path / "work").read_text() == "a file"


@pytest.mark.parametrize("other", ["seed", "text", "method"])
def test_the_work_on_something_else_is_refused(bitext, tmp_path, monkeypatch, other):
    folder = tmp_path / "work"
    interrupted(folder, bitext, monkeypatch)
    before = [(p.name, p.read_bytes()) for p in files(folder)]
    method = {
        "seed": at(folder, Gibbs(**{n: getattr(METHOD, n) for n in METHOD.__slots__} | {"seed": 2})),
        "text": at(folder),
        "method": Statistical(work=str(folder)),
    }[other]
    with pytest.raises(
        ConfigError, match=r"found work on a text by Gibbs.*expected on .* name another folder, or delete"
    ):
        method.stream([bitext], of="another text" if other == "text" else "a text")
    assert [(p.name, p.read_bytes()) for p in files(folder)] == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"work"', '{"of": "a"}', '{"done": ["encode"]}', '{"of": "a", "done": 3}']
)
def test_a_damaged_state_is_refused(bitext, tmp_path, monkeypatch, text):
    interrupted(tmp_path / "work", bitext, monkeypatch, k=3)
    (tmp_path / "work" / "work.json").write_text(text)
    with pytest.raises(DataError, match=r"work.json: cannot be read, expected the state of a training; delete"):
        run(at(tmp_path / "work"), bitext)


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "text"])
def test_a_damaged_array_is_refused(bitext, tmp_path, monkeypatch, damage):
    folder = tmp_path / "work"
    interrupted(folder, bitext, monkeypatch)
    path = folder / "0" / "src.npy"
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"truncated": raw[: len(raw) // 2], "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(DataError, match=r"src.npy: cannot be read .*; delete .*work and train again"):
        run(at(folder), bitext)


def test_a_damaged_mapped_array_is_refused(tmp_path):
    work = Work(tmp_path / "work")
    work["a"] = np.arange(100_000)
    path = tmp_path / "work" / "a.npy"
    path.write_bytes(path.read_bytes()[:300_000])
    with pytest.raises(DataError, match=r"a.npy: cannot be read"):
        work["a"]


# -- what it keeps


@pytest.mark.parametrize("on_disk", [False, True])
def test_arrays_are_kept_under_their_names(tmp_path, on_disk):
    work = Work(tmp_path / "w" / "x" if on_disk else None, "this")
    large = np.arange(50_000, dtype=np.int32)
    work["a"], work["0/b"], work["c"] = large, np.zeros((2, 0), np.uint16), np.asarray([True])
    assert work["a"].tolist() == large.tolist()
    assert (work["0/b"].shape, work["0/b"].dtype) == ((2, 0), np.uint16)
    assert type(work["a"]) is np.ndarray
    assert work["a"].flags.writeable
    assert "a" in work
    assert "b" not in work
    work.drop(["a", "a", "never was"])
    assert "a" not in work
    assert not work.done("one")
    work.commit("one")
    assert work.done("one")
    if on_disk:
        # What is drawn into a mapped array stays in memory.
        work["a"] = large
        work["a"][:] = 7
        again = Work(tmp_path / "w" / "x", "this")
        assert again.done("one")
        assert again["a"].tolist() == large.tolist()
        with pytest.raises(ConfigError, match="found work on this, expected on that"):
            Work(tmp_path / "w" / "x", "that")
    work.clear()
    assert "c" not in work
    assert not work.done("one")
    assert not (tmp_path / "w" / "x").exists()


def test_words_of_any_characters_come_back(tmp_path):
    words = ["a:b", "3:", "ß", "🏳️‍🌈", "漢", "x\u00a0y", "\u200b", "\x00", "::"]
    bitext = Bitext.build([" ".join(words[:4]), " ".join(words[4:])], ["1", "2"])
    reading = Reading(lowercase=False)
    first = Corpus.encode([bitext], Work(tmp_path / "w"), reading, known=[["known"], []])
    again = Corpus.encode(iter(()), Work(tmp_path / "w"), reading, known=[[], []])
    assert first.words == again.words
    assert first.words[0] == ("", "known", *(w for t in bitext.tokens("src") for w in t))
    assert set(words) == {*first.words[0][2:]}
    assert first.starts == again.starts == (0, 2)
    assert [f.tolist() for f in first.frequencies] == [f.tolist() for f in again.frequencies]
    assert first.frequencies[0][1] == 0


def test_blocks_cover_a_shard_once():
    bitext, _ = planted(1, seed=1)
    for n in (0, 1, 31, 32, 33, 5_000):
        rows = Bitext.build([bitext.src[0]] * n, [bitext.tgt[0]] * n)
        corpus = Corpus.encode([rows], Work(), Reading(), known=[[], []])
        assert [k for first, last in corpus.blocks(0) for k in range(first, last)] == list(range(n))
        assert corpus.pairs(0) == len(corpus) == n
        whole = corpus.whole(4_999)
        assert (whole is None) == (n == 5_000)
        assert whole is None or whole[0].values.tolist() == corpus.text(0)[0].values.tolist()
