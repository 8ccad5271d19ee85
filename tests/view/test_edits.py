"""The journal of corrections: nothing is lost, whoever writes and whenever they are killed."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from polyalign.core.errors import DataError
from polyalign.view.edits import Conflict, Edits, Item, fingerprint

ITEM = Item("deu_Latn-eng_Latn", "pair", "doc/1", "0123")
START = {
    "links": {},
    "src": "a b c",
    "tgt": "d e f",
    "src_spans": [[0, 1], [2, 3], [4, 5]],
    "tgt_spans": [[0, 1], [2, 3], [4, 5]],
    "mark": "",
}


def link(i, j, to="sure"):
    return {"do": "link", "src": i, "tgt": j, "to": to}


def add(edits, change, version, author="Anna", item=ITEM, row=1):
    return edits.add(item, author, change, version=version, start=START, row=row)


def test_a_change_is_there_again_when_the_file_is_read_anew(tmp_path):
    path = tmp_path / "c.jsonl"
    before = time.time()
    made = add(Edits(path), link(0, 1), 0)
    again = Edits(path).of(ITEM, "Anna")
    assert again == made
    assert again.value["links"] == {"0-1": "sure"}
    assert before - 1 <= again.time <= time.time() + 1
    assert (again.version, again.row, again.author) == (1, 1, "Anna")
    assert Edits(path).of(ITEM, "Beat") is None


def test_undo_and_redo_are_changes_of_their_own(tmp_path):
    edits = Edits(tmp_path / "c.jsonl")
    add(edits, link(0, 0), 0)
    add(edits, link(1, 1), 1)
    assert add(edits, {"do": "undo"}, 2).value["links"] == {"0-0": "sure"}
    assert add(edits, {"do": "redo"}, 3).value["links"] == {"0-0": "sure", "1-1": "sure"}
    for version in (4, 5):
        last = add(edits, {"do": "undo"}, version)
    assert (last.value, last.undo, last.redo, last.version) == (None, False, True, 6)
    assert edits.all() == []
    with pytest.raises(DataError, match="nothing to undo"):
        add(edits, {"do": "undo"}, 6)
    anew = add(edits, link(2, 2), 6)
    assert anew.value["links"] == {"2-2": "sure"}
    assert not anew.redo
    with pytest.raises(DataError, match="nothing to redo"):
        add(edits, {"do": "redo"}, 7)
    assert Edits(tmp_path / "c.jsonl").of(ITEM, "Anna") == anew
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == 7


def test_two_windows_do_not_lose_each_others_links_and_the_same_word_is_a_conflict(tmp_path):
    one, two = Edits(tmp_path / "c.jsonl"), Edits(tmp_path / "c.jsonl")
    add(one, link(0, 0), 0)
    assert add(two, link(1, 1), 0).value["links"] == {"0-0": "sure", "1-1": "sure"}
    with pytest.raises(Conflict, match="another window") as caught:
        add(one, link(1, 1, "possible"), 1)
    assert caught.value.version == 2
    with pytest.raises(Conflict):
        add(one, {"do": "mark", "to": "done"}, 1)
    with pytest.raises(Conflict):
        add(one, link(2, 2), 9)  # a version that never was
    assert one.of(ITEM, "Anna").value["links"] == {"0-0": "sure", "1-1": "sure"}


def test_people_correct_beside_each_other(tmp_path):
    edits = Edits(tmp_path / "c.jsonl")
    add(edits, link(0, 0), 0)
    add(edits, link(0, 1), 0, author="Beat")
    assert edits.of(ITEM, "Anna").value["links"] == {"0-0": "sure"}
    assert edits.of(ITEM, "Beat").value["links"] == {"0-1": "sure"}
    assert {c.author for c in edits.all(unit=ITEM.unit, kind="pair")} == {"Anna", "Beat"}
    assert edits.all(kind="document") == []


def test_a_change_that_cannot_be_made_is_not_written(tmp_path):
    edits = Edits(tmp_path / "c.jsonl")
    with pytest.raises(DataError, match="words below 3 and 3"):
        add(edits, link(3, 0), 0)
    assert not (tmp_path / "c.jsonl").exists()


def test_marks_are_found_by_row(tmp_path):
    edits = Edits(tmp_path / "c.jsonl")
    add(edits, {"do": "mark", "to": "done"}, 0)
    add(edits, {"do": "mark", "to": "bad"}, 0, item=ITEM._replace(id="doc/2"), row=2)
    add(edits, link(0, 0), 0, item=ITEM._replace(id="doc/3"), row=3)
    assert edits.marked(ITEM.unit, "pair", "Anna") == {1: "done", 2: "bad"}
    assert edits.marked(ITEM.unit, "pair", "Beat") == {}


@pytest.mark.parametrize("cut", [1, 17, -2])
def test_a_line_that_a_kill_left_half_written_counts_for_nothing(tmp_path, cut):
    path = tmp_path / "c.jsonl"
    edits = Edits(path)
    add(edits, link(0, 0), 0)
    whole = path.read_bytes()
    add(edits, link(1, 1), 1)
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:cut])
    torn = Edits(path)
    assert torn.of(ITEM, "Anna").value["links"] == {"0-0": "sure"}
    assert torn.damaged == 0
    assert add(torn, link(2, 2), 1).value["links"] == {"0-0": "sure", "2-2": "sure"}
    again = Edits(path)
    assert again.of(ITEM, "Anna").value["links"] == {"0-0": "sure", "2-2": "sure"}
    assert again.damaged == 1
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", ["[]", "{}", "not json", '{"unit": 1}', '{"author": "x", "change": {"do": "undo"}}'])
def test_lines_of_another_form_are_counted_and_left(tmp_path, line):
    path = tmp_path / "c.jsonl"
    path.write_text(line + "\n")
    edits = Edits(path)
    assert edits.damaged == 1
    assert edits.all() == []
    add(edits, link(0, 0), 0)
    assert path.read_text().startswith(line + "\n")


def test_other_peoples_files_are_read_and_not_written(tmp_path):
    other = tmp_path / "beat.jsonl"
    add(Edits(other), link(0, 1), 0, author="Beat")
    content = other.read_bytes()
    edits = Edits(tmp_path / "anna.jsonl", [other])
    add(edits, link(0, 0), 0)
    assert {c.author for c in edits} == {"Anna", "Beat"}
    assert other.read_bytes() == content
    with pytest.raises(DataError, match="no such file"):
        Edits(tmp_path / "a.jsonl", [tmp_path / "none.jsonl"])


def test_a_disk_that_is_full_is_told_and_the_change_is_not_there(tmp_path, monkeypatch):
    edits = Edits(tmp_path / "c.jsonl")

    def full(descriptor, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("polyalign.view.edits.os.write", full)
    with pytest.raises(DataError, match=r"No space left.*--corrections"):
        add(edits, link(0, 0), 0)
    monkeypatch.undo()
    assert edits.of(ITEM, "Anna") is None


def test_a_path_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "c.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        Edits(tmp_path / "c.jsonl")


def _write(path, author, n):
    edits = Edits(path)
    for k in range(n):
        add(edits, {"do": "mark", "to": "done"}, 0, author=author, item=ITEM._replace(id=f"{k}"), row=k)


def test_programs_that_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "c.jsonl"
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_write, args=(path, author, 40)) for author in ("Anna", "Beat")]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [p.exitcode for p in both] == [0, 0]
    edits = Edits(path)
    assert edits.damaged == 0
    assert len(edits.all()) == 80


KILLED = """
import sys
from pathlib import Path
from tests.view.test_edits import ITEM, Edits, add
edits = Edits(Path(sys.argv[1]))
for k in range(100_000):
    add(edits, {"do": "mark", "to": "done"}, 0, item=ITEM._replace(id=str(k)), row=k)
    print(k, flush=True)
"""


def test_killed_in_the_middle_of_saving_nothing_that_was_acknowledged_is_lost(tmp_path):
    path = tmp_path / "c.jsonl"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    last = [int(process.stdout.readline()) for _ in range(25)][-1]
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split("\n")
    process.wait()
    last = max([last, *(int(x) for x in rest[:-1])])
    edits = Edits(path)
    assert {c.row for c in edits.all()} >= set(range(last + 1))
    assert edits.damaged == 0
    add(edits, link(0, 0), 0, item=ITEM._replace(id="after"), row=0)
    assert Edits(path).of(ITEM._replace(id="after"), "Anna") is not None


def test_every_line_says_who_and_when(tmp_path):
    add(Edits(tmp_path / "c.jsonl"), link(0, 0), 0, author='An"na\u202e <b>')
    event = json.loads((tmp_path / "c.jsonl").read_text())
    assert event["author"] == 'An"na\u202e <b>'
    assert event["time"] > 1.7e9
    assert event["start"] == START


def test_a_fingerprint_tells_texts_apart():
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])
