"""Every engine gives what this process alone gives, in order; what dies is begun again, what is wrong is told once."""

from __future__ import annotations

import importlib.util
import json
import os
import time

import pytest

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.progress import event_log
from polyalign.core.spread import engine, spread, spreading
from polyalign.pipeline.engine import Settings, opened

from . import tasks

NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=NEEDS_RAY)])
def running(request, tmp_path_factory):
    """An engine with two workers, and the log of its events; started once for all tests, as a run does."""
    log = tmp_path_factory.mktemp(request.param) / "events.jsonl"
    if request.param == "ray":
        os.environ["RAY_object_store_memory"] = "100000000"
    with event_log(log) as events, opened(Settings(request.param, 2), 2, events) as engine, spreading(engine):
        yield log


def logged(log, kind):
    return [e for e in map(json.loads, log.read_text(encoding="utf-8").splitlines()) if e["event"] == kind]


def test_without_an_engine_it_is_done_here():
    assert engine() is None
    assert list(spread(tasks.process, range(3))) == [os.getpid()] * 3
    with event_log_of_nothing() as by:
        assert by is None


def event_log_of_nothing():
    return opened(Settings(), 0, None)


def test_results_come_in_order(running):
    assert list(spread(tasks.square, range(50))) == [x * x for x in range(50)]
    assert list(spread(tasks.slow_first, range(6))) == list(range(6))
    assert list(spread(tasks.square, [])) == []


def test_it_is_others_that_work(running):
    assert os.getpid() not in set(spread(tasks.process, range(8)))


def test_few_items_are_in_memory(running):
    taken = []

    def items():
        for x in range(20):
            taken.append(x)
            yield x

    work = ((x, lambda x=x: x) for x in items())
    ahead = [len(taken) - done for done, _ in enumerate(engine().results(tasks.square, work))]
    assert max(ahead) <= 3


def test_the_threads_are_shared_out(running):
    assert list(spread(tasks.threads, [0])) == [(1, "1")]


def test_a_worker_spreads_nothing_further(running):
    assert list(spread(tasks.nested, [3, 5])) == [[9, 16], [25, 36]]


def test_inside_of_results_the_work_is_done_here(running):
    found = [list(spread(tasks.process, [x])) for x in spread(tasks.square, range(6))]
    assert found == [[os.getpid()]] * 6


def test_what_workers_say_is_not_lost_and_not_repeated(running):
    assert list(spread(tasks.tells, range(4))) == list(range(4))
    assert [e["message"] for e in logged(running, "note")].count("the same for all") == 1
    inner = [e for e in logged(running, "progress") if e["label"] == "inner"]
    assert {e["shard"] for e in inner} == {0, 1, 2, 3}
    assert {e["done"] for e in inner} == {1}


def test_bad_input_is_one_error_and_no_retry(running):
    before = len(logged(running, "retry"))
    with pytest.raises(DataError, match=r"^line 3: found nothing, expected something; write it$"):
        list(spread(tasks.fails, range(20)))
    with pytest.raises(IndexError) as caught:
        list(spread(tasks.has_a_bug, range(4)))
    assert "has_a_bug" in "".join(caught.value.__notes__)
    assert len(logged(running, "retry")) == before
    # And the next work is done as if nothing had been.
    assert list(spread(tasks.square, range(5))) == [0, 1, 4, 9, 16]


def test_a_worker_that_dies_costs_its_task_alone(running, tmp_path):
    before = len(logged(running, "retry"))
    assert list(spread(tasks.dies_once, [(x, str(tmp_path)) for x in range(6)])) == list(range(6))
    retries = logged(running, "retry")[before:]
    assert [(e["shard"], e["tries"]) for e in retries] == [(1, 1)]


def test_what_always_kills_its_worker_is_given_up(running):
    with pytest.raises(DataError, match=r"shard 1: the worker died 3 times .* run with fewer workers"):
        list(spread(tasks.dies, range(4)))
    assert list(spread(tasks.square, range(3))) == [0, 1, 4]


def test_what_cannot_be_sent_back_is_an_error(tmp_path):
    with event_log(tmp_path / "x") as events, opened(Settings("local", 2), 2, events) as by, spreading(by):
        with pytest.raises(DataError, match="a worker's answer"):
            list(spread(tasks.unsendable, [0]))


def test_nobody_is_left_behind(tmp_path):
    with event_log(tmp_path / "x") as events, opened(Settings("local", 2), 2, events) as by, spreading(by):
        pids = set(spread(tasks.process, range(8)))
    deadline = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings("lcal"), "engine = 'lcal': expected local or ray; did you mean 'local'?"),
        (Settings(workers=-1), "workers = -1: expected 1 or more, or 0"),
        (Settings(ray_address="x:1"), 'only engine = "ray" takes an address'),
    ],
)
def test_settings_that_cannot_be(settings, expected):
    assert any(expected in e for e in settings.errors())


def test_without_ray_its_engine_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("polyalign.pipeline.engine.find_spec", lambda name: None)
    assert Settings("ray").errors() == ["engine = \"ray\" needs ray; install with: pip install 'polyalign[ray]'"]
    with pytest.raises(MissingExtraError, match="polyalign\\[ray\\]"), opened(Settings("ray"), 0, None):
        pass
